#include "tests/test.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>

#include "common/input.h"
#include "common/rng.h"
#include "common/writer.h"
#include "tests/common/files.h"

static struct writer *open_ok(const char *path)
{
	struct diag d = { .text = "" };
	struct writer *w;

	if (writer_open(&w, path, &d) < 0)
		fail_msg("%s", d.text);
	return w;
}

static void commit_ok(struct writer *w)
{
	struct diag d = { .text = "" };

	if (writer_commit(w, &d) < 0)
		fail_msg("%s", d.text);
	writer_close(w);
}

static void must_hold(const char *path, const char *want, size_t want_n)
{
	struct diag d = { .text = "" };
	struct input *in;
	char *got = malloc(want_n + 1);
	size_t n = 0;
	ssize_t k;

	assert_non_null(got);
	assert_int_equal(input_open(&in, path, &d), 0);
	while ((k = input_read(in, got + n, want_n + 1 - n, &d)) > 0) {
		n += (size_t)k;
		assert_true(n <= want_n);
	}
	if (k < 0)
		fail_msg("%s", d.text);
	assert_int_equal(n, want_n);
	assert_memory_equal(got, want, want_n);
	input_close(in);
	free(got);
}

static void appears_at_the_commit(void **state)
{
	struct files *f = *state;
	const char *path = files_path(f, "out");
	struct writer *w = open_ok(path);

	writer_write(w, "new\n", 4);
	assert_int_equal(writer_flush(w), 0);
	assert_int_equal(access(path, F_OK), -1);
	commit_ok(w);
	must_hold(path, "new\n", 4);
	assert_int_equal(files_count(f, true), 1); /* no temporary is left */
}

static void stays_as_it_was_without_a_commit(void **state)
{
	struct files *f = *state;
	const char *path = files_put(f, "out", "old\n", 4);
	struct writer *w = open_ok(path);

	writer_write(w, "new\n", 4);
	writer_flush(w);
	must_hold(path, "old\n", 4);
	writer_close(w);
	must_hold(path, "old\n", 4);
	assert_int_equal(files_count(f, true), 1);

	w = open_ok(files_path(f, "none"));
	writer_close(w);
	assert_int_equal(files_count(f, false), 0);
	writer_close(NULL);
}

static void keeps_modes(void **state)
{
	mode_t old = umask(027);
	const char *path = files_path(*state, "out");
	struct stat st;

	commit_ok(open_ok(path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(chmod(path, 0604), 0);
	commit_ok(open_ok(path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
	umask(old);
	files_count(*state, true);
}

/* The link stays, and what it leads to is replaced. */
static void follows_links(void **state)
{
	struct files *f = *state;
	char real[512], via[512];
	struct writer *w;
	struct stat st;

	strcpy(real, files_put(f, "real", "old", 3));
	strcpy(via, files_path(f, "link"));
	assert_int_equal(symlink("real", via), 0);
	w = open_ok(via);
	writer_write(w, "new!", 4);
	commit_ok(w);
	assert_int_equal(lstat(via, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	must_hold(real, "new!", 4);
	files_count(f, true);
}

static void works_in_the_current_folder(void **state)
{
	struct files *f = *state;
	char here[512];
	struct writer *w;

	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(f->dir), 0);
	w = open_ok("out");
	writer_write(w, "x", 1);
	commit_ok(w);
	assert_int_equal(writer_sync_dir("out"), 0);
	assert_int_equal(chdir(here), 0);
	must_hold(files_path(f, "out"), "x", 1);
	files_count(f, true);
	assert_int_equal(writer_sync_dir("/nonexistent/out"), -ENOENT);
}

static void compresses_by_suffix(void **state)
{
	static const struct {
		const char *name, *magic;
	} cases[] = {
		{ "o", "" },
		{ "o.txt", "" },
		{ "o.gz", "\x1f\x8b" },
		{ "o.bz2", "BZh" },
		{ "o.xz", "\xfd"
		          "7zXZ" },
		{ "o.zst", "\x28\xb5\x2f\xfd" },
	};
	enum { SIZE = 700000 };
	char *data = malloc(SIZE);
	struct rng r;

	assert_non_null(data);
	rng_init(&r, 1);
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (char)(i % 3 ? rng_next(&r) : 'x');
	/* Else it would be taken for a compressed file. */
	data[0] = 'x';
	for (size_t c = 0; c < ARRAY_LEN(cases); c++)
		for (size_t size = 0; size <= SIZE; size += SIZE / 2) {
			const char *path = files_path(*state, cases[c].name);
			struct writer *w = open_ok(path);
			size_t n = 0, k;
			char *raw;

			while (n < size) {
				k = 1 + rng_below(&r, rng_below(&r, 4) ? 300 : 300000);
				k = k < size - n ? k : size - n;
				assert_int_equal(writer_write(w, data + n, k), 0);
				n += k;
				if (rng_below(&r, 400) == 0)
					assert_int_equal(writer_flush(w), 0);
			}
			commit_ok(w);
			must_hold(path, data, size);
			raw = files_get(path, &n);
			assert_memory_equal(raw, cases[c].magic, strlen(cases[c].magic));
			free(raw);
		}
	free(data);
	files_count(*state, true);
}

/* A reader at the other end of a pipe sees what was flushed; but for bzip2, whose
 * blocks do not end at a byte. */
static void flush_passes_on(void **state)
{
	static const char *const names[] = { "p", "p.gz", "p.xz", "p.zst" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *path = files_path(*state, names[i]);
		struct diag d = { .text = "" };
		struct input *in;
		struct writer *w;
		char got[8];
		ssize_t k;
		int fd;

		assert_int_equal(mkfifo(path, 0600), 0);
		fd = open(path, O_RDWR | O_NONBLOCK);
		assert_true(fd >= 0);
		w = open_ok(path);
		assert_int_equal(input_open(&in, path, &d), 0);
		for (int round = 0; round < 3; round++) {
			writer_write(w, "0123456", 7);
			assert_int_equal(writer_flush(w), 0);
			assert_int_equal(writer_flush(w), 0);
			for (size_t n = 0; n < 7; n += (size_t)k) {
				k = input_read(in, got + n, 7 - n, &d);
				assert_true(k > 0);
			}
			assert_memory_equal(got, "0123456", 7);
		}
		commit_ok(w);
		input_close(in);
		close(fd);
		unlink(path);
	}
	assert_int_equal(files_count(*state, true), 0);
}

static void writes_addresses_and_text(void **state)
{
	const char *path = files_path(*state, "out");
	struct writer *w = open_ok(path);
	char *want = malloc(8 << 20), *p = want, *long_text = malloc(400001);
	struct rng r;

	assert_true(want && long_text);
	memset(long_text, 'y', 400000);
	long_text[400000] = '\0';
	rng_init(&r, 2);
	for (int i = 0; i < 30000; i++) {
		struct addr128 a = { rng_next(&r), rng_next(&r) };

		if (i % 3 == 0)
			a = addr_from_v4((uint32_t)a.lo);
		assert_int_equal(writer_addr(w, a), 0);
		p += addr_format(p, a);
		*p++ = '\n';
		assert_int_equal(writer_printf(w, "%d,%s\n", i, "x"), 0);
		p += sprintf(p, "%d,%s\n", i, "x");
		if (i % 10000 == 0) {
			assert_int_equal(writer_printf(w, "%s", long_text), 0);
			p = stpcpy(p, long_text);
		}
	}
	commit_ok(w);
	must_hold(path, want, (size_t)(p - want));
	free(want);
	free(long_text);
	files_count(*state, true);
}

/* The first error is the one that is told, with the path, however late. */
static void errors_stick(void **state)
{
	struct diag d = { .text = "" };
	struct writer *w = open_ok("/dev/full");
	char block[5000] = { 0 };
	struct addr128 a = { 1, 2 };
	int rc = 0;

	(void)state;
	for (int i = 0; i < 100 && rc == 0; i++)
		rc = writer_write(w, block, sizeof(block));
	assert_int_equal(rc, -ENOSPC);
	assert_int_equal(writer_write(w, block, 1), -ENOSPC);
	assert_int_equal(writer_addr(w, a), -ENOSPC);
	assert_int_equal(writer_printf(w, "x"), -ENOSPC);
	assert_int_equal(writer_flush(w), -ENOSPC);
	assert_int_equal(writer_commit(w, &d), -ENOSPC);
	assert_string_equal(d.text, "/dev/full: No space left on device");
	assert_int_equal(writer_commit(w, NULL), -ENOSPC);
	writer_close(w);

	/* Little enough to stay in the buffer: the commit writes it. */
	for (int flush = 0; flush < 2; flush++) {
		d.text[0] = '\0';
		w = open_ok("/dev/full");
		assert_int_equal(writer_write(w, "x", 1), 0);
		if (flush)
			assert_int_equal(writer_flush(w), -ENOSPC);
		assert_int_equal(writer_commit(w, &d), -ENOSPC);
		assert_non_null(strstr(d.text, "/dev/full"));
		writer_close(w);
	}
}

/* A link with a suffix: the codecs' errors stick too. */
static void errors_of_codecs_stick(void **state)
{
	static const char *const names[] = { "f.gz", "f.bz2", "f.xz", "f.zst" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *path = files_path(*state, names[i]);
		struct diag d = { .text = "" };
		struct writer *w;

		assert_int_equal(symlink("/dev/full", path), 0);
		w = open_ok(path);
		writer_write(w, "x", 1);
		assert_int_equal(writer_commit(w, &d), -ENOSPC);
		assert_non_null(strstr(d.text, path));
		writer_close(w);
	}
	files_count(*state, true);
}

/* A file that cannot grow: nothing appears, the old one stays. */
static void a_failed_write_leaves_the_old_file(void **state)
{
	struct files *f = *state;
	const char *path = files_put(f, "out", "old", 3);
	struct diag d = { .text = "" };
	struct writer *w = open_ok(path);
	char *big = calloc(1, 1 << 20);
	struct rlimit was, small;
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);

	assert_non_null(big);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = was;
	small.rlim_cur = 200000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	writer_write(w, big, 1 << 20);
	assert_int_equal(writer_commit(w, &d), -EFBIG);
	writer_close(w);
	setrlimit(RLIMIT_FSIZE, &was);
	signal(SIGXFSZ, handler);
	assert_non_null(strstr(d.text, path));
	must_hold(path, "old", 3);
	assert_int_equal(files_count(f, true), 1);
	free(big);
}

static void writes_to_standard_output(void **state)
{
	static const char *const names[] = { "-", "/dev/stdout", "/dev/fd/1" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *path = files_path(*state, "stdout");
		int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
		int old = dup(STDOUT_FILENO);
		struct diag d = { .text = "" };
		struct writer *w;
		int rc;

		fflush(stdout);
		dup2(fd, STDOUT_FILENO);
		rc = writer_open(&w, names[i], &d);
		if (rc == 0) {
			writer_write(w, "hello\n", 6);
			rc = writer_commit(w, &d);
			writer_close(w);
		}
		dup2(old, STDOUT_FILENO);
		close(old);
		assert_int_equal(rc, 0);
		/* The descriptor itself got it, not a new file of that name. */
		assert_int_equal(lseek(fd, 0, SEEK_CUR), 6);
		must_hold(path, "hello\n", 6);
		close(fd);
	}
	files_count(*state, true);
}

static void a_closed_pipe_is_an_error(void **state)
{
	void (*handler)(int) = signal(SIGPIPE, SIG_IGN);
	int old = dup(STDOUT_FILENO), pipefd[2], rc;
	struct diag d = { .text = "" };
	struct writer *w;

	(void)state;
	fflush(stdout);
	assert_int_equal(pipe(pipefd), 0);
	dup2(pipefd[1], STDOUT_FILENO);
	close(pipefd[0]);
	close(pipefd[1]);
	rc = writer_open(&w, "-", &d);
	if (rc == 0) {
		writer_write(w, "x", 1);
		rc = writer_commit(w, &d);
		writer_close(w);
	}
	dup2(old, STDOUT_FILENO);
	close(old);
	signal(SIGPIPE, handler);
	assert_int_equal(rc, -EPIPE);
	assert_string_equal(d.text, "<stdout>: Broken pipe");
}

static void names_what_cannot_be_opened(void **state)
{
	struct files *f = *state;
	struct diag d = { .text = "" };
	struct writer *w;
	char name[400];

	assert_int_equal(writer_open(&w, f->dir, &d), -EISDIR);
	assert_non_null(strstr(d.text, f->dir));
	d.text[0] = '\0';
	assert_int_equal(writer_open(&w, files_path(f, "no/such/file"), &d), -ENOENT);
	assert_non_null(strstr(d.text, f->path));
	/* The longest name there can be has a temporary neighbour, too. */
	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	commit_ok(open_ok(files_path(f, name)));
	assert_int_equal(files_count(f, true), 1);
}

/* Behind a header of 3 bytes and records of 4, whatever piece of one is at the end; of the
 * header alone, too. */
static void records_are_added_to_whole_records(void **state)
{
	static const char text[] = "HHH"
				   "aaaa"
				   "bbbb"
				   "cccc";
	struct files *f = *state;

	for (size_t n = 0; n < sizeof(text); n++) {
		size_t whole = n < 3 ? 0 : n - (n - 3) % 4;
		const char *path = files_put(f, "records", text, n);
		char want[32];
		struct diag d = { .text = "" };
		struct writer *w;
		uint64_t size = 99;

		assert_int_equal(writer_append_records(&w, path, 3, 4, &size, &d), 0);
		assert_int_equal(size, whole);
		writer_write(w, "dddd", 4);
		commit_ok(w);
		memcpy(want, text, whole);
		memcpy(want + whole, "dddd", 4);
		must_hold(path, want, whole + 4);
	}
	assert_int_equal(files_count(f, true), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appears_at_the_commit),
		cmocka_unit_test(stays_as_it_was_without_a_commit),
		cmocka_unit_test(keeps_modes),
		cmocka_unit_test(follows_links),
		cmocka_unit_test(works_in_the_current_folder),
		cmocka_unit_test(compresses_by_suffix),
		cmocka_unit_test(flush_passes_on),
		cmocka_unit_test(writes_addresses_and_text),
		cmocka_unit_test(errors_stick),
		cmocka_unit_test(errors_of_codecs_stick),
		cmocka_unit_test(a_failed_write_leaves_the_old_file),
		cmocka_unit_test(writes_to_standard_output),
		cmocka_unit_test(a_closed_pipe_is_an_error),
		cmocka_unit_test(names_what_cannot_be_opened),
		cmocka_unit_test(records_are_added_to_whole_records),
	};

	return cmocka_run_group_tests_name("writer", tests, files_setup, files_teardown);
}
