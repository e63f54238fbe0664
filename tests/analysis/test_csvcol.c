#include "tests/test.h"

#include <sys/mman.h>
#include <unistd.h>

#include "analysis/csvcol.h"
#include "common/log.h"

struct seen {
	unsigned n;
	double sum;
	char texts[256];
};

static int add_number(void *ctx, struct addr128 a, double value)
{
	struct seen *s = ctx;

	assert_int_equal(a.hi >> 32, 0x20010db8);
	s->n++;
	s->sum += value;
	return 0;
}

static int add_text(void *ctx, struct addr128 a, const char *text)
{
	struct seen *s = ctx;

	(void)a;
	s->n++;
	strcat(s->texts, text);
	strcat(s->texts, "|");
	return 0;
}

static int refuse(void *ctx, struct addr128 a, double value)
{
	(void)ctx;
	(void)a;
	(void)value;
	return -ENOMEM;
}

static int open_text(char path[static 64], const char *text)
{
	int fd = memfd_create("csv", 0);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

static const char scan[] = "saddr,port, ttl \n"
			   "2001:db8::1,80,60\n"
			   "# note\n"
			   "\n"
			   "\"2001:db8::2\", 80 ,\"5.5\"\n"
			   "2001:db8::3,80,\n" /* no value */
			   "2001:db8::4\n"     /* no such column */
			   "router,80,7\n"     /* no address */
			   "2001:db8::5,80,many\n"
			   "2001:db8::6,80,nan\n";

static void numbers_by_name_or_place(void **state)
{
	static const char *const columns[] = { "ttl", "3" };
	char path[64];
	int fd = open_text(path, scan);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
		struct seen s = { 0 };
		struct diag d = { "" };

		assert_int_equal(csvcol_read(path, columns[i], false, add_number, &s, &d),
		                 0);
		assert_int_equal(s.n, 2);
		assert_float_equal(s.sum, 65.5, 1e-9);
	}
	close(fd);
}

static void texts_come_as_they_are(void **state)
{
	struct seen s = { 0 };
	struct diag d = { "" };
	char path[64];
	int fd = open_text(path, scan);

	(void)state;
	assert_int_equal(csvcol_each(path, "ttl", false, add_text, &s, &d), 0);
	assert_string_equal(s.texts, "60|5.5|||many|nan|");
	close(fd);
}

/* A file without a header has columns by number only. */
static void what_is_wrong_is_told(void **state)
{
	struct seen s = { 0 };
	struct diag d = { "" };
	char path[64];
	int fd = open_text(path, scan);

	(void)state;
	assert_int_equal(csvcol_read(path, "hops", false, add_number, &s, &d), -EINVAL);
	assert_non_null(strstr(d.text, "'hops'"));
	d.text[0] = '\0';
	assert_true(csvcol_read(path, "ttl", true, add_number, &s, &d) < 0);
	assert_non_null(strstr(d.text, ":8: 'router,80,7'"));
	d.text[0] = '\0';
	assert_int_equal(csvcol_read(path, "ttl", false, refuse, &s, &d), -ENOMEM);
	assert_non_null(strstr(d.text, path));
	close(fd);
	fd = open_text(path, "2001:db8::1,5\n");
	d.text[0] = '\0';
	s = (struct seen){ 0 };
	assert_int_equal(csvcol_read(path, "ttl", false, add_number, &s, &d), -EINVAL);
	assert_int_equal(csvcol_read(path, "2", true, add_number, &s, &d), 0);
	assert_float_equal(s.sum, 5, 1e-9);
	close(fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_by_name_or_place),
		cmocka_unit_test(texts_come_as_they_are),
		cmocka_unit_test(what_is_wrong_is_told),
	};

	log_set_level(LOG_QUIET);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
