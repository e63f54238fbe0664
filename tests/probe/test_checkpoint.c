#include "tests/test.h"

#include <unistd.h>

#include "probe/checkpoint.h"

static const struct checkpoint sample = { UINT64_MAX, 12345, UINT64_MAX - 1, false };

static void what_is_written_is_read(void **state)
{
	char path[] = "/tmp/sextant-test-XXXXXX";
	struct checkpoint c = { 0 };

	(void)state;
	close(mkstemp(path));
	unlink(path);
	assert_int_equal(checkpoint_read(&c, path, NULL), 0);
	for (int i = 0; i < 2; i++) {
		struct checkpoint x = sample;

		x.complete = i;
		assert_int_equal(checkpoint_write(&x, path, NULL), 0);
		assert_int_equal(checkpoint_read(&c, path, NULL), 1);
		assert_true(c.config == x.config && c.seed == x.seed &&
		            c.done == x.done && c.complete == x.complete);
	}
	unlink(path);
	assert_true(checkpoint_write(&sample, "/nonexistent/x", NULL) < 0);
	assert_true(checkpoint_read(&c, "/tmp", NULL) < 0);
}

static void every_change_is_noticed(void **state)
{
	char path[] = "/tmp/sextant-test-XXXXXX", text[512] = "";
	struct checkpoint c;
	FILE *f;
	size_t n;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(checkpoint_write(&sample, path, NULL), 0);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	unlink(path);
	assert_int_equal(checkpoint_parse(&c, text, path, NULL), 1);
	for (size_t i = 0; i < 8 * n; i++) {
		struct diag d = { "" };

		text[i / 8] ^= (char)(1 << i % 8);
		if (checkpoint_parse(&c, text, path, &d) >= 0)
			fail_msg("byte %zu bit %zu", i / 8, i % 8);
		assert_non_null(strstr(d.text, path));
		text[i / 8] ^= (char)(1 << i % 8);
	}
	for (size_t i = 0; i < n; i++) {
		char saved = text[i];

		text[i] = '\0';
		assert_true(checkpoint_parse(&c, text, path, NULL) < 0);
		text[i] = saved;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(every_change_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
