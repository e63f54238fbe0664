#include "tests/test.h"

#include <sys/mman.h>
#include <unistd.h>

#include "analysis/csvcol.h"
#include "common/log.h"

struct seen {
	unsigned n, columns;
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

static int add_texts(void *ctx, struct addr128 a, const char *const *texts)
{
	struct seen *s = ctx;

	(void)a;
	s->n++;
	for (unsigned i = 0; i < s->columns; i++) {
		strcat(s->texts, texts[i] ? texts[i] : "NULL");
		strcat(s->texts, "|");
	}
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
	static const char *const names[] = { "ttl", "port", "hops", "1" };
	struct seen s = { .columns = 4 };
	struct diag d = { "" };
	char path[64];
	int fd = open_text(path, scan);

	(void)state;
	assert_int_equal(csvcol_rows(path, names, 4, 2, false, add_texts, &s, &d), 0);
	assert_string_equal(s.texts, "60|80|NULL|2001:db8::1|5.5|80|NULL|2001:db8::2|"
	                             "|80|NULL|2001:db8::3|||NULL|2001:db8::4|"
	                             "many|80|NULL|2001:db8::5|nan|80|NULL|2001:db8::6|");
	assert_int_equal(csvcol_rows(path, names, 4, 3, false, add_texts, &s, &d),
	                 -EINVAL);
	assert_non_null(strstr(d.text, "'hops'"));
	close(fd);

	/* A comma in quotes does not end a field. */
	fd = open_text(path, "ip,name,ttl\n2001:db8::1,\"Example, Inc.\",9\n");
	s = (struct seen){ .columns = 2 };
	d.text[0] = '\0';
	assert_int_equal(csvcol_rows(path, (const char *const[]){ "ttl", "name" }, 2, 2,
	                             true, add_texts, &s, &d),
	                 0);
	assert_string_equal(s.texts, "9|Example, Inc.|");
	close(fd);
}

static void members_of_json_lines_are_columns(void **state)
{
	static const char *const names[] = { "ttl", "proto" };
	struct seen s = { .columns = 2 };
	struct diag d = { "" };
	char path[64];
	int fd = open_text(path, "{\"target\":\"2001:db8::1\",\"saddr\":\"2001:db8::9\","
	                         "\"ttl\":60,\"proto\":\"tcp\"}\n"
	                         "{\"ip\": \"2001:db8::2\", \"ttl\": 5.5}\n"
	                         "{\"ip\": \"2001:db8::3\"}\n"
	                         "{\"ttl\": 1}\n"
	                         "{\"ip\": \n");

	(void)state;
	assert_int_equal(csvcol_rows(path, names, 2, 1, false, add_texts, &s, &d), 0);
	assert_string_equal(s.texts, "60|tcp|5.5|NULL|");
	s = (struct seen){ 0 };
	assert_int_equal(csvcol_read(path, "ttl", false, add_number, &s, &d), 0);
	assert_float_equal(s.sum, 65.5, 1e-9);
	assert_true(csvcol_read(path, "ttl", true, add_number, &s, &d) < 0);
	assert_non_null(strstr(d.text, ":3: "));
	assert_non_null(strstr(d.text, "\"ttl\""));
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
	assert_non_null(strstr(d.text, ":8: 'router' is not an address"));
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
		cmocka_unit_test(members_of_json_lines_are_columns),
		cmocka_unit_test(what_is_wrong_is_told),
	};

	log_set_level(LOG_QUIET);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
