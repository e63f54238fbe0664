#include "tests/test.h"

#include "tests/common/failing.h"

#include "common/table.c"

static int make(void)
{
	static const struct column columns[] = { { "prefix", 0 }, { "count", 0 } };
	struct doc *d = doc_new();
	struct diag diag = { "" };
	struct writer *w;
	int rc;

	if (!d)
		return -ENOMEM;
	for (unsigned i = 0; i < 5; i++) {
		struct table *t = DOC_TABLE(d, "numbers", "Numbers", columns);

		doc_count(d, "fact", i);
		doc_real(d, "real", i, 3);
		doc_string(d, "string", "text");
		for (unsigned k = 0; k < 100; k++) {
			table_prefix(t, (struct prefix){ { k, 0 }, 64 });
			table_count(t, k);
		}
	}
	assert_int_equal(writer_open(&w, "/dev/null", &diag), 0);
	rc = doc_write(d, w, DOC_TEXT, NULL, &diag);
	if (rc == 0)
		rc = doc_write(d, w, DOC_JSON, NULL, &diag);
	assert_int_equal(rc < 0, diag.text[0] != '\0');
	writer_close(w);
	doc_free(d);
	return rc;
}

static void lack_of_memory_is_told(void **state)
{
	int rc;

	(void)state;
	for (long n = 0; fail_nth(n), rc = make(), fail_done(); n++) {
		assert_int_equal(rc, -ENOMEM);
		assert_true(n < 200);
	}
	assert_int_equal(rc, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lack_of_memory_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
