#include "tests/test.h"

#include <stdbool.h>
#include <sys/mman.h>

#include "common/input.h"
#include "common/rng.h"
#include "common/writer.h"
#include "tests/common/files.h"

static const char *const suffixes[] = { "", ".bz2", ".gz", ".xz", ".zst" };

/* Half noise, half repetition, so that every kind of block comes up. */
static char *sample(size_t n, uint64_t seed)
{
	char *p = malloc(n + 1);
	struct rng r;

	assert_non_null(p);
	rng_init(&r, seed);
	for (size_t i = 0; i < n; i++)
		p[i] = i / 500 % 2 ? (char)('a' + i % 7) : (char)rng_next(&r);
	/* It must not look compressed. */
	if (n)
		p[0] = 'x';
	return p;
}

/* The compressed form of some bytes. */
static char *pack(struct files *f, const char *suffix, const void *data, size_t n,
                  size_t *packed)
{
	struct diag d = { .text = "" };
	struct writer *w;
	char name[32], *bytes;

	snprintf(name, sizeof(name), "pack%s", suffix);
	assert_int_equal(writer_open(&w, files_path(f, name), &d), 0);
	writer_write(w, data, n);
	assert_int_equal(writer_commit(w, &d), 0);
	writer_close(w);
	bytes = files_get(files_path(f, name), packed);
	unlink(f->path);
	return bytes;
}

/* A file that is only in memory: thousands of them are no load for a disk. */
static const char *put_memory(char path[static 32], const void *data, size_t n, int *fd)
{
	*fd = memfd_create("input", MFD_CLOEXEC);
	assert_true(*fd >= 0);
	assert_int_equal(write(*fd, data, n), n);
	snprintf(path, 32, "/proc/self/fd/%d", *fd);
	return path;
}

/* Read a file to its end or fault; *n is how much came. */
static ssize_t slurp(const char *path, size_t cap, char **data, size_t *n, struct diag *d)
{
	struct input *in;
	ssize_t k;
	int rc = input_open(&in, path, d);

	*data = malloc(1);
	*n = 0;
	if (rc < 0)
		return rc;
	for (;;) {
		*data = realloc(*data, *n + cap);
		assert_non_null(*data);
		k = input_read(in, *data + *n, cap, d);
		if (k <= 0)
			break;
		assert_true((size_t)k <= cap);
		*n += (size_t)k;
	}
	/* The end is the end, and a fault stays. */
	assert_int_equal(input_read(in, *data + *n, cap, d), k);
	input_close(in);
	return k;
}

static void must_read(const char *path, size_t cap, const char *want, size_t want_n)
{
	struct diag d = { .text = "" };
	char *got;
	size_t n;
	ssize_t rc = slurp(path, cap, &got, &n, &d);

	if (rc || n != want_n || memcmp(got, want, n) != 0)
		fail_msg("%s by %zu: rc %zd (%s), %zu of %zu bytes", path, cap, rc,
		         d.text, n, want_n);
	free(got);
}

/* Whatever the name: the magic decides. */
static void reads_every_format(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 5, 6, 7, 1000, 1500000 };
	static const size_t caps[] = { 1, 7, 65536, 4 << 20 };

	for (size_t s = 0; s < ARRAY_LEN(suffixes); s++)
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			char *data = sample(sizes[i], i);
			size_t n;
			char *bytes = pack(*state, suffixes[s], data, sizes[i], &n);
			const char *path = files_put(*state, "plain.txt", bytes, n);

			for (size_t c = 0; c < ARRAY_LEN(caps); c++)
				if (sizes[i] <= 1000 || caps[c] > 1000)
					must_read(path, caps[c], data, sizes[i]);
			free(bytes);
			free(data);
		}
}

static void reads_concatenated_streams(void **state)
{
	char *a = sample(30000, 1), *b = sample(20000, 2), both[50000];

	memcpy(both, a, 30000);
	memcpy(both + 30000, b, 20000);
	for (size_t s = 1; s < ARRAY_LEN(suffixes); s++) {
		size_t na, nb, ne, at = 0;
		char *pa = pack(*state, suffixes[s], a, 30000, &na);
		char *pb = pack(*state, suffixes[s], b, 20000, &nb);
		char *pe = pack(*state, suffixes[s], "", 0, &ne);
		char *all = calloc(1, na + nb + 2 * ne + 64);

		/* An empty stream, padding, and one of the two after it. */
		assert_non_null(all);
		memcpy(all, pa, na);
		at = na;
		memcpy(all + at, pe, ne);
		at += ne + 8;
		memcpy(all + at, pb, nb);
		at += nb;
		must_read(files_put(*state, "cat", all, at), 4096, both, 50000);
		must_read(files_put(*state, "cat", all, at + 4), 1 << 20, both, 50000);
		free(pa);
		free(pb);
		free(pe);
		free(all);
	}
	free(a);
	free(b);
}

/* Cut anywhere: what came is a beginning of the data, and the fault is named. */
static void names_what_is_cut(void **state)
{
	char *data = sample(700, 3);

	for (size_t s = 1; s < ARRAY_LEN(suffixes); s++) {
		size_t n;
		char *bytes = pack(*state, suffixes[s], data, 700, &n);

		for (size_t cut = 2; cut < n; cut++) {
			struct diag d = { .text = "" };
			char *got, path[32];
			size_t k;
			int fd;
			ssize_t rc = slurp(put_memory(path, bytes, cut, &fd), 512, &got,
			                   &k, &d);

			close(fd);
			if (rc != ERR_TRUNC || !strstr(d.text, path))
				fail_msg("%s cut at %zu: rc %zd '%s'", suffixes[s], cut,
				         rc, d.text);
			assert_true(k <= 700 && memcmp(got, data, k) == 0);
			free(got);
		}
		must_read(files_put(*state, "cut", bytes, 0), 512, "", 0);
		must_read(files_put(*state, "cut", bytes, 1), 512, bytes, 1);
		free(bytes);
	}
	free(data);
}

/* What decodes before a cut is given out: all of the first streams. */
static void gives_out_what_decodes(void **state)
{
	char *data = sample(5000, 4);

	for (size_t s = 1; s < ARRAY_LEN(suffixes); s++) {
		struct diag d = { .text = "" };
		size_t n, k;
		char *bytes = pack(*state, suffixes[s], data, 5000, &n), *got;
		char *twice = malloc(2 * n);

		assert_non_null(twice);
		memcpy(twice, bytes, n);
		memcpy(twice + n, bytes, n);
		assert_int_equal(slurp(files_put(*state, "cut", twice, 2 * n - 1), 512,
		                       &got, &k, &d),
		                 ERR_TRUNC);
		assert_true(k >= 5000);
		assert_memory_equal(got, data, 5000);
		free(got);
		free(twice);
		free(bytes);
	}
	free(data);
}

/* A bit of every byte flipped: never other data without an error. */
static void notices_damage(void **state)
{
	char *data = sample(600, 5);

	for (size_t s = 1; s < ARRAY_LEN(suffixes); s++) {
		size_t n, refused = 0;
		char *bytes = pack(*state, suffixes[s], data, 600, &n);

		for (size_t bit = 0; bit < 8 * n; bit += bit % 8 == 7 ? 1 : 9) {
			struct diag d = { .text = "" };
			char *got, path[32];
			size_t k;
			ssize_t rc;
			int fd;

			bytes[bit / 8] ^= (char)(1 << bit % 8);
			rc = slurp(put_memory(path, bytes, n, &fd), 512, &got, &k, &d);
			close(fd);
			refused += rc < 0;
			/* Without its magic it is a plain file; gzip's time stamp
			 * and bzip2's block size may be anything. */
			if (rc == 0 && !(k == 600 && memcmp(got, data, 600) == 0) &&
			    !(k == n && memcmp(got, bytes, n) == 0))
				fail_msg("%s bit %zu: wrong data, no error", suffixes[s],
				         bit);
			if (rc < 0 && !strstr(d.text, path))
				fail_msg("%s bit %zu: '%s'", suffixes[s], bit, d.text);
			free(got);
			bytes[bit / 8] ^= (char)(1 << bit % 8);
		}
		assert_true(refused > n / 2);
		free(bytes);
	}
	free(data);
}

static void refuses_garbage_at_the_end(void **state)
{
	for (size_t s = 1; s < ARRAY_LEN(suffixes); s++) {
		struct diag d = { .text = "" };
		size_t n, k;
		char *bytes = pack(*state, suffixes[s], "hello\n", 6, &n), *got;

		bytes = realloc(bytes, n + 7);
		assert_non_null(bytes);
		memcpy(bytes + n, "garbage", 7);
		assert_int_equal(
			slurp(files_put(*state, "g", bytes, n + 7), 99, &got, &k, &d),
			ERR_FORMAT);
		assert_true(k == 6 && memcmp(got, "hello\n", 6) == 0);
		assert_non_null(strstr(d.text, "garbage after the end"));
		free(got);
		free(bytes);
	}
}

/* A frame that decoders skip (RFC 8878 section 3.1.2) may stand first. */
static void reads_zstd_behind_a_skippable_frame(void **state)
{
	size_t n;
	char *bytes = pack(*state, ".zst", "hello\n", 6, &n), *all = malloc(n + 11);

	assert_non_null(all);
	memcpy(all, "\x5e\x2a\x4d\x18\x03\0\0\0abc", 11);
	memcpy(all + 11, bytes, n);
	must_read(files_put(*state, "skip", all, n + 11), 99, "hello\n", 6);
	free(all);
	free(bytes);
}

static void reads_standard_input_in_small_pieces(void **state)
{
	for (size_t s = 0; s < ARRAY_LEN(suffixes); s++) {
		size_t n;
		char *bytes = pack(*state, suffixes[s], "2001:db8::1\n", 12, &n);
		int old = files_feed(STDIN_FILENO, bytes, n, 1);
		struct diag d = { .text = "" };
		struct input *in;

		must_read("-", 5, "2001:db8::1\n", 12);
		assert_int_equal(input_open(&in, "-", &d), 0);
		assert_string_equal(input_name(in), "<stdin>");
		input_close(in);
		files_unfeed(STDIN_FILENO, old);
		free(bytes);
	}
}

/* What was looked at is read again, whatever is read and looked at in between. */
static void a_look_takes_nothing_away(void **state)
{
	for (size_t k = 0; k < ARRAY_LEN(suffixes); k++) {
		size_t n;
		char *text = sample(200, k),
		     *bytes = pack(*state, suffixes[k], text, 200, &n);
		const char *path = files_put(*state, "look", bytes, n);

		for (size_t look = 1; look <= INPUT_PEEK_MAX; look += 9) {
			char have[INPUT_PEEK_MAX], all[256];
			struct diag d = { .text = "" };
			struct input *in;
			size_t got = 0;
			ssize_t m;

			assert_int_equal(input_open(&in, path, &d), 0);
			assert_int_equal(input_peek(in, have, 1, &d), 1);
			assert_int_equal(input_peek(in, have, look, &d), look);
			assert_memory_equal(have, text, look);
			while ((m = input_read(in, all + got, 7, &d)) > 0)
				got += (size_t)m;
			assert_int_equal(got, 200);
			assert_memory_equal(all, text, 200);
			input_close(in);
		}
		free(text);
		free(bytes);
	}
}

static void a_look_at_less_than_there_is(void **state)
{
	const char *path = files_put(*state, "short", "abc", 3);
	struct diag d = { .text = "" };
	char have[16];
	struct input *in;

	assert_int_equal(input_open(&in, path, &d), 0);
	assert_int_equal(input_peek(in, have, sizeof(have), &d), 3);
	assert_int_equal(input_read(in, have, sizeof(have), &d), 3);
	assert_memory_equal(have, "abc", 3);
	assert_int_equal(input_read(in, have, sizeof(have), &d), 0);
	input_close(in);
}

/* Of a pipe that stays open, what has come is given out at once. */
static void does_not_wait_for_more_than_it_needs(void **state)
{
	int pipefd[2], old = dup(STDIN_FILENO);
	struct diag d = { .text = "" };
	struct input *in;
	char buf[64];

	(void)state;
	assert_int_equal(pipe(pipefd), 0);
	dup2(pipefd[0], STDIN_FILENO);
	close(pipefd[0]);
	assert_int_equal(input_open(&in, "-", &d), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(write(pipefd[1], "::1\n", 4), 4);
		assert_int_equal(input_read(in, buf, sizeof(buf), &d), 4);
		assert_memory_equal(buf, "::1\n", 4);
	}
	close(pipefd[1]);
	assert_int_equal(input_read(in, buf, sizeof(buf), &d), 0);
	input_close(in);
	files_unfeed(STDIN_FILENO, old);
}

static void names_what_cannot_be_read(void **state)
{
	struct files *f = *state;
	struct diag d = { .text = "" };
	struct input *in;
	char c;

	assert_int_equal(input_open(&in, f->dir, &d), -EISDIR);
	assert_non_null(strstr(d.text, f->dir));
	assert_non_null(strstr(d.text, "irectory"));
	d.text[0] = '\0';
	assert_int_equal(input_open(&in, files_path(f, "none"), &d), -ENOENT);
	assert_non_null(strstr(d.text, f->path));
	/* Address 0 of this process cannot be read. */
	d.text[0] = '\0';
	assert_int_equal(input_open(&in, "/proc/self/mem", &d), 0);
	assert_int_equal(input_read(in, &c, 1, &d), -EIO);
	assert_non_null(strstr(d.text, "/proc/self/mem"));
	input_close(in);
	input_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_format),
		cmocka_unit_test(reads_concatenated_streams),
		cmocka_unit_test(names_what_is_cut),
		cmocka_unit_test(gives_out_what_decodes),
		cmocka_unit_test(notices_damage),
		cmocka_unit_test(refuses_garbage_at_the_end),
		cmocka_unit_test(reads_zstd_behind_a_skippable_frame),
		cmocka_unit_test(reads_standard_input_in_small_pieces),
		cmocka_unit_test(does_not_wait_for_more_than_it_needs),
		cmocka_unit_test(a_look_takes_nothing_away),
		cmocka_unit_test(a_look_at_less_than_there_is),
		cmocka_unit_test(names_what_cannot_be_read),
	};

	return cmocka_run_group_tests_name("input", tests, files_setup, files_teardown);
}
