#include "tests/test.h"

#include <unistd.h>

#include "common/rng.h"
#include "probe/grab_text.h"

typedef void (*put_fn)(struct writer *w, const uint8_t *s, size_t n);

/* What put writes, NUL-terminated. */
static char *written(put_fn put, const void *s, size_t n)
{
	char path[32], *out = calloc(1, 1 << 16);
	struct writer *w;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	snprintf(path, sizeof(path), "/dev/fd/%d", ends[1]);
	assert_int_equal(writer_open(&w, path, NULL), 0);
	put(w, s, n);
	assert_int_equal(writer_commit(w, NULL), 0);
	writer_close(w);
	close(ends[1]);
	assert_true(read(ends[0], out, (1 << 16) - 1) >= 0);
	close(ends[0]);
	return out;
}

#define EQUAL(put, bytes, expected)                                 \
	do {                                                        \
		char *got = written(put, bytes, sizeof(bytes) - 1); \
		assert_string_equal(got, expected);                 \
		free(got);                                          \
	} while (0)

static void json(void **state)
{
	(void)state;
	EQUAL(text_json, "", "\"\"");
	EQUAL(text_json, "plain", "\"plain\"");
	EQUAL(text_json, "a\"b\\c", "\"a\\\"b\\\\c\"");
	EQUAL(text_json, "\r\n\t\0\x1b\x7f", "\"\\r\\n\\t\\u0000\\u001b\\u007f\"");
	EQUAL(text_json, "\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80",
	      "\"\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80\"");
	/* C1 controls, which terminals obey. */
	EQUAL(text_json, "\xc2\x9b", "\"\\u009b\"");
	/* A lone byte, an overlong form, a surrogate, beyond the end, cut short. */
	EQUAL(text_json, "\x80", "\"\\ufffd\"");
	EQUAL(text_json, "\xc0\xaf", "\"\\ufffd\\ufffd\"");
	EQUAL(text_json, "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"");
	EQUAL(text_json, "\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
	EQUAL(text_json, "a\xe4\xb8", "\"a\\ufffd\\ufffd\"");
}

static void csv(void **state)
{
	(void)state;
	EQUAL(text_csv, "", "");
	EQUAL(text_csv, "plain", "plain");
	EQUAL(text_csv, "a,b", "\"a,b\"");
	EQUAL(text_csv, "a\"b", "\"a\"\"b\"");
	EQUAL(text_csv, "a\\b\r\n\0\x80", "a\\\\b\\r\\n\\x00\\x80");
	EQUAL(text_csv, "\xc3\xa9\xc2\x9b", "\xc3\xa9\\xc2\\x9b");
}

static void numbers(void **state)
{
	(void)state;
	EQUAL(text_hex, "\x00\xff\x1a", "00ff1a");
	EQUAL(text_base64, "", "");
	EQUAL(text_base64, "f", "Zg==");
	EQUAL(text_base64, "fo", "Zm8=");
	EQUAL(text_base64, "foo", "Zm9v");
	EQUAL(text_base64, "foobar", "Zm9vYmFy");
	EQUAL(text_base64, "\xff\xfe\xfd", "//79");
	assert_true(text_is_plain((const uint8_t *)"a\n\xc3\xa9", 4));
	assert_false(text_is_plain((const uint8_t *)"a\0b", 3));
	assert_false(text_is_plain((const uint8_t *)"a\x80", 2));
	assert_true(text_is_plain((const uint8_t *)"", 0));
}

/* Random bytes: no line end, no control character, quotes only where escaped. */
static void any_bytes(void **state)
{
	static const char special[] = "\"\\,\n\xe4\xb8\xad";
	struct rng r;

	(void)state;
	rng_init(&r, 7);
	for (unsigned round = 0; round < 300; round++) {
		uint8_t bytes[64];
		size_t n = rng_below(&r, sizeof(bytes));
		char *s;

		for (size_t i = 0; i < n; i++) {
			bytes[i] = (uint8_t)rng_next(&r);
			if (rng_below(&r, 3) == 0)
				bytes[i] = (uint8_t)special[rng_below(&r, 7)];
		}
		s = written(text_json, bytes, n);
		assert_true(s[0] == '"' && s[strlen(s) - 1] == '"');
		assert_true(text_is_plain((const uint8_t *)s, strlen(s)));
		for (char *p = s; *p; p++)
			assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
		for (char *p = s + 1; p < s + strlen(s) - 1; p++) {
			assert_true(*p != '"');
			p += *p == '\\';
		}
		free(s);
		s = written(text_csv, bytes, n);
		assert_true(text_is_plain((const uint8_t *)s, strlen(s)));
		for (char *p = s; *p; p++)
			assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
		free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json),
		cmocka_unit_test(csv),
		cmocka_unit_test(numbers),
		cmocka_unit_test(any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
