#include "tests/test.h"

#include <errno.h>

#include "common/log.h"
#include "tests/common/files.h"

static void messages_go_to_a_file(void **state)
{
	const char *path = files_path(*state, "log");
	char copy[4096], *text;
	size_t n;

	snprintf(copy, sizeof(copy), "%s", path);
	assert_int_equal(log_to_file("/no/such/folder/log"), -ENOENT);
	assert_int_equal(log_to_file(copy), 0);
	log_info("one");
	log_debug("not at this level");
	log_warn("two %d", 2);
	text = files_get(copy, &n);
	/* "2026-05-04T12:00:00Z one" */
	assert_string_equal(strchr(text, ' '), strstr(text, " one\n"));
	assert_non_null(strstr(text, "Z one\n2"));
	assert_non_null(strstr(text, "Z warning: two 2\n"));
	assert_null(strstr(text, "level"));
	free(text);
	assert_int_equal(log_to_file("/dev/stderr"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_go_to_a_file),
	};

	return cmocka_run_group_tests_name("log", tests, files_setup, files_teardown);
}
