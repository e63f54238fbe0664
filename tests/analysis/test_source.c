#include "tests/test.h"

#include <unistd.h>

#include "analysis/source.h"
#include "common/addrvec.h"
#include "common/rng.h"

struct list {
	char path[32];
	struct addrvec v; /* sorted, unique */
};

static int make_list(void **state)
{
	struct list *l = calloc(1, sizeof(*l));
	struct rng r;
	FILE *f;

	strcpy(l->path, "/tmp/sextant-test.XXXXXX");
	f = fdopen(mkstemp(l->path), "w");
	rng_init(&r, 5);
	for (unsigned i = 0; i < 20000; i++) {
		struct addr128 a = { 0x2001000000000000 | rng_below(&r, 100),
			             rng_below(&r, 200) };
		char text[ADDR_STRLEN];

		addr_format(text, a);
		fprintf(f, "%s\n", text);
		addrvec_push(&l->v, a);
	}
	fprintf(f, "192.0.2.1\n");
	fclose(f);
	addrvec_sort(&l->v);
	addrvec_unique(&l->v);
	*state = l;
	return 0;
}

static int remove_list(void **state)
{
	struct list *l = *state;

	unlink(l->path);
	addrvec_fini(&l->v);
	free(l);
	return 0;
}

static void expect_all(struct source *s, const struct addrvec *v)
{
	const struct addr128 *a;
	struct diag d = { "" };
	size_t n, seen = 0;
	int rc;

	source_rewind(s);
	while ((rc = source_next(s, &a, &n, &d)) > 0) {
		assert_true(n > 0 && seen + n <= v->n);
		assert_memory_equal(a, v->a + seen, n * sizeof(*a));
		seen += n;
	}
	assert_int_equal(rc, 0);
	assert_int_equal(seen, v->n);
}

/* Whatever the memory allowed, the same set comes out, as often as asked. */
static void memory_does_not_matter(void **state)
{
	static const uint64_t memory[] = { 0, 1, 100000, 400000, 1000000 };
	struct list *l = *state;
	const char *paths[] = { l->path, l->path };

	for (size_t i = 0; i < ARRAY_LEN(memory); i++) {
		struct source_config cfg = { .memory = memory[i] };
		struct diag d = { "" };
		struct source *s;

		assert_int_equal(source_open(&s, paths, 2, &cfg, &d), 0);
		assert_int_equal(source_stats(s).read, 40002);
		assert_int_equal(source_stats(s).v4, 2);
		if (memory[i] && memory[i] < 1000000)
			assert_true(source_stats(s).spilled > 0);
		expect_all(s, &l->v);
		expect_all(s, &l->v);
		source_close(s);
	}
}

/* IPv4 belongs to the set when asked for, in parts or not. */
static void v4_can_be_kept(void **state)
{
	static const uint64_t memory[] = { 0, 1 };
	struct list *l = *state;
	const char *paths[] = { l->path };

	for (size_t i = 0; i < ARRAY_LEN(memory); i++) {
		struct source_config cfg = { .memory = memory[i], .keep_v4 = true };
		const struct addr128 *a;
		struct diag d = { "" };
		struct source *s;
		size_t n, all = 0, v4 = 0;

		assert_int_equal(source_open(&s, paths, 1, &cfg, &d), 0);
		while (source_next(s, &a, &n, &d) > 0) {
			all += n;
			for (size_t k = 0; k < n; k++)
				v4 += addr_is_v4(a[k]);
		}
		assert_int_equal(all, l->v.n + 1);
		assert_int_equal(v4, 1);
		source_close(s);
	}
}

static void what_cannot_be_read_is_named(void **state)
{
	const char *paths[] = { "/nonexistent/list" };
	struct source_config cfg = { .memory = 0 };
	struct diag d = { "" };
	struct source *s = NULL;

	(void)state;
	assert_true(source_open(&s, paths, 1, &cfg, &d) < 0);
	assert_non_null(strstr(d.text, "/nonexistent/list"));
	assert_null(s);
	setenv("TMPDIR", "/nonexistent", 1);
	paths[0] = ((struct list *)*state)->path;
	cfg.memory = 1;
	assert_true(source_open(&s, paths, 1, &cfg, &d) < 0);
	unsetenv("TMPDIR");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_does_not_matter),
		cmocka_unit_test(v4_can_be_kept),
		cmocka_unit_test(what_cannot_be_read_is_named),
	};

	return cmocka_run_group_tests(tests, make_list, remove_list);
}
