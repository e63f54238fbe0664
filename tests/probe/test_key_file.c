#include "tests/test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "probe/key_file.h"

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, 0600), 0);
}

static void a_key_is_made_once_and_read_again(void **state)
{
	char dir[] = "/tmp/sextant-test-XXXXXX", path[64];
	struct mac_key a, b, other;
	struct diag d = { "" };
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/key", dir);
	assert_int_equal(key_file_open(&a, path, false, &d), -ENOENT);
	assert_int_equal(key_file_open(&a, path, true, &d), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(key_file_open(&b, path, true, &d), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(key_file_open(&b, path, false, &d), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	unlink(path);
	assert_int_equal(key_file_open(&other, path, true, &d), 0);
	assert_memory_not_equal(&a, &other, sizeof(a));
	for (unsigned bit = 0; bit < 6; bit++) {
		d.text[0] = '\0';
		chmod(path, 0600 | 1U << bit);
		assert_int_equal(key_file_open(&b, path, false, &d), -EPERM);
		assert_non_null(strstr(d.text, path));
	}
	unlink(path);
	rmdir(dir);
}

/* Whatever is cut off, added or changed: no key, and the file stays as it was. */
static void other_files_are_refused(void **state)
{
	static const char good[] = "sextant-key 1 00112233445566778899aabbccddeeff\n";
	char path[] = "/tmp/sextant-test-XXXXXX", text[64];
	int fd = mkstemp(path);
	struct mac_key key;
	struct diag d;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	put(path, good);
	assert_int_equal(key_file_open(&key, path, true, &d), 0);
	assert_int_equal(key.k[1], 0x11);
	assert_int_equal(key.k[15], 0xff);
	for (size_t n = 0; n < sizeof(good) - 1; n++) {
		snprintf(text, sizeof(text), "%.*s", (int)n, good);
		put(path, text);
		assert_int_equal(key_file_open(&key, path, true, &d), ERR_FORMAT);
		memcpy(text, good, sizeof(good));
		text[n] = '~';
		put(path, text);
		assert_int_equal(key_file_open(&key, path, true, &d), ERR_FORMAT);
	}
	snprintf(text, sizeof(text), "%s\n", good);
	put(path, text);
	assert_int_equal(key_file_open(&key, path, true, &d), ERR_FORMAT);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_made_once_and_read_again),
		cmocka_unit_test(other_files_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
