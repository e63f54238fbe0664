#include "tests/test.h"

#include <math.h>
#include <unistd.h>

#include "common/table.h"

static const struct column columns[] = { { "prefix", 0 },
	                                 { "count", 0 },
	                                 { "share", 2 } };

static struct doc *example(void)
{
	struct doc *d = doc_new();
	struct table *t;
	struct prefix p;

	assert_non_null(d);
	doc_count(d, "addresses", 3);
	doc_real(d, "total_entropy", 1.25, 1);
	t = DOC_TABLE(d, "nets", "Networks", columns);
	assert_true(prefix_parse(&p, "2001:db8::/32"));
	table_prefix(t, p);
	table_count(t, 12);
	table_real(t, .5);
	table_string(t, "a \"b\", c");
	table_none(t);
	table_real(t, NAN);
	return d;
}

/* What doc_write() makes of it, in buf. */
static int written(const struct doc *d, enum doc_format format, const char *table,
                   char *buf, size_t cap)
{
	char path[] = "/tmp/sextant-test.XXXXXX";
	const char *names[] = { table };
	struct opt_list only = { names, table != NULL };
	struct diag diag = { "" };
	struct writer *w;
	FILE *f;
	int rc;

	close(mkstemp(path));
	assert_int_equal(writer_open(&w, path, &diag), 0);
	rc = doc_write(d, w, format, &only, &diag);
	assert_int_equal(writer_commit(w, &diag), 0);
	writer_close(w);
	f = fopen(path, "r");
	assert_non_null(f);
	buf[fread(buf, 1, cap - 1, f)] = '\0';
	fclose(f);
	unlink(path);
	return rc;
}

static void three_forms(void **state)
{
	static const struct {
		enum doc_format format;
		const char *table, *want;
	} cases[] = {
		{ DOC_TEXT, NULL,
		  "addresses        3\ntotal entropy  1.2\n\nNetworks\n"
		  "prefix         count  share\n"
		  "2001:db8::/32     12   0.50\n"
		  "a \"b\", c           -      -\n" },
		{ DOC_JSON, NULL,
		  "{\n  \"addresses\": 3,\n  \"total_entropy\": 1.2,\n  \"nets\": [\n"
		  "    {\"prefix\": \"2001:db8::/32\", \"count\": 12, \"share\": 0.50},\n"
		  "    {\"prefix\": \"a \\\"b\\\", c\", \"count\": null, \"share\": null}\n"
		  "  ]\n}\n" },
		{ DOC_CSV, "nets",
		  "prefix,count,share\n2001:db8::/32,12,0.50\n\"a \"\"b\"\", c\",,\n" },
		{ DOC_CSV, "facts", "name,value\naddresses,3\ntotal_entropy,1.2\n" },
		{ DOC_JSON, "facts",
		  "{\n  \"addresses\": 3,\n  \"total_entropy\": 1.2\n}\n" },
	};
	struct doc *d = example();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char buf[1024];

		assert_int_equal(
			written(d, cases[i].format, cases[i].table, buf, sizeof(buf)), 0);
		assert_string_equal(buf, cases[i].want);
	}
	doc_free(d);
}

static void unknown_table_is_told(void **state)
{
	struct doc *d = example();
	char buf[64];

	(void)state;
	assert_int_equal(written(d, DOC_CSV, "ghost", buf, sizeof(buf)), ERR_USAGE);
	assert_string_equal(buf, "");
	doc_free(d);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_forms),
		cmocka_unit_test(unknown_table_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
