#include "tests/hitlist/hl.h"

#include "hitlist/aliased.h"
#include "hitlist/manifest.h"

static void fill(struct manifest *m, struct rng *r)
{
	size_t runs = rng_below(r, 5), merged = rng_below(r, 4);

	*m = (struct manifest){
		.generation = rng_next(r),
		.next = rng_below(r, 100),
		.hosts = rng_next(r),
		.seen = rng_below(r, 2) ? UINT64_MAX : 0,
	};
	for (unsigned i = 0; i < SIDES; i++) {
		struct manifest_side *x = &m->side[i];

		if (rng_below(r, 2))
			continue;
		snprintf(x->name, sizeof(x->name), "%s-%u", side_str((enum side)i), 7U);
		x->bytes = rng_next(r);
		x->entries = rng_next(r);
		x->checksum = rng_next(r);
	}
	for (size_t i = 0; i < runs; i++) {
		struct manifest_run x = {
			.tier = (enum tier)rng_below(r, TIERS),
			.group = rng_next(r),
			.bytes = rng_next(r),
			.records = rng_next(r),
			.checksum = rng_below(r, 2) ? rng_next(r) : i,
		};

		snprintf(x.name, sizeof(x.name), "%010zu.run", i);
		hl_ok(manifest_add_run(m, &x), NULL);
	}
	for (size_t i = 0; i < merged; i++) {
		char name[MANIFEST_NAME_MAX];

		snprintf(name, sizeof(name), "%016zu-12345-0.obs", i);
		hl_ok(manifest_add_merged(m, name), NULL);
	}
}

static void same(const struct manifest *a, const struct manifest *b)
{
	assert_int_equal(a->generation, b->generation);
	assert_int_equal(a->next, b->next);
	assert_int_equal(a->hosts, b->hosts);
	assert_int_equal(a->seen, b->seen);
	for (unsigned i = 0; i < SIDES; i++) {
		assert_string_equal(a->side[i].name, b->side[i].name);
		assert_int_equal(a->side[i].bytes, b->side[i].bytes);
		assert_int_equal(a->side[i].entries, b->side[i].entries);
		assert_int_equal(a->side[i].checksum, b->side[i].checksum);
	}
	assert_int_equal(a->nruns, b->nruns);
	for (size_t i = 0; i < a->nruns; i++) {
		assert_int_equal(a->runs[i].tier, b->runs[i].tier);
		assert_int_equal(a->runs[i].group, b->runs[i].group);
		assert_int_equal(a->runs[i].bytes, b->runs[i].bytes);
		assert_int_equal(a->runs[i].records, b->runs[i].records);
		assert_int_equal(a->runs[i].checksum, b->runs[i].checksum);
		assert_string_equal(a->runs[i].name, b->runs[i].name);
	}
	assert_int_equal(a->nmerged, b->nmerged);
	for (size_t i = 0; i < a->nmerged; i++)
		assert_true(manifest_has_merged(b, a->merged[i].s));
}

static void round_trip(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 21);
	for (unsigned i = 0; i < 500; i++) {
		struct manifest m, back;
		struct diag d = { "" };
		char *text;
		size_t n;

		fill(&m, &r);
		hl_ok(manifest_format(&m, &text, &n), NULL);
		hl_ok(manifest_parse(&back, text, n, "MANIFEST", &d), &d);
		same(&m, &back);
		free(text);
		manifest_fini(&m);
		manifest_fini(&back);
	}
}

static int manifest_verdict(char *text, size_t n, struct diag *d)
{
	struct manifest m;
	int rc = manifest_parse(&m, text, n, "the-file", d);

	manifest_fini(&m);
	return rc;
}

static int aliased_verdict(char *text, size_t n, struct diag *d)
{
	struct aliased a;
	int rc = aliased_parse(&a, text, n, "the-file", d);

	if (rc == 0)
		aliased_fini(&a);
	return rc;
}

/* Every flipped bit, every truncation, in exact-size copies. */
static void damage(const char *text, size_t n,
                   int (*verdict)(char *, size_t, struct diag *))
{
	for (size_t i = 0; i < 8 * n + n; i++) {
		size_t size = i < 8 * n ? n : i - 8 * n;
		char *copy = malloc(size + 1);
		struct diag d = { "" };

		assert_non_null(copy);
		memcpy(copy, text, size);
		copy[size] = 0;
		if (i < 8 * n)
			copy[i / 8] ^= (char)(1 << i % 8);
		if (verdict(copy, size, &d) >= 0)
			fail_msg("step %zu went unnoticed", i);
		if (!strstr(d.text, "the-file: offset "))
			fail_msg("'%s' does not name the place", d.text);
		free(copy);
	}
}

static void damage_to_manifest(void **state)
{
	struct manifest m;
	struct rng r;
	char *text;
	size_t n;

	(void)state;
	rng_init(&r, 22);
	for (unsigned i = 0; i < 5; i++) {
		fill(&m, &r);
		hl_ok(manifest_format(&m, &text, &n), NULL);
		damage(text, n, manifest_verdict);
		free(text);
		manifest_fini(&m);
	}
}

static void damage_to_aliased(void **state)
{
	struct aliased none, a;
	char dir[HL_PATH], path[HL_PATH + 16];
	struct prefix p[40];
	struct diag d = { "" };
	uint64_t bytes, sum;
	struct rng r;
	uint8_t *text;
	size_t n;
	bool grew;

	(void)state;
	rng_init(&r, 23);
	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		p[i] = prefix_make(hl_addr(&r), 48 + (unsigned)rng_below(&r, 81));
	hl_mkdir(dir);
	snprintf(path, sizeof(path), "%s/aliased-1", dir);
	hl_ok(aliased_init(&none), NULL);
	hl_ok(aliased_union(&a, &none, p, ARRAY_LEN(p), &grew), NULL);
	assert_true(grew);
	hl_ok(aliased_save(&a, path, &bytes, &sum, &d), &d);
	text = hl_read(path, &n);
	assert_int_equal(n, bytes);
	damage((const char *)text, n, aliased_verdict);
	free(text);
	aliased_fini(&none);
	hl_ok(aliased_load(&none, path, &d), &d);
	assert_int_equal(none.n, a.n);
	assert_int_equal(none.checksum, sum);
	for (size_t i = 0; i < a.n; i++)
		assert_true(addr_eq(none.p[i].addr, a.p[i].addr) &&
		            none.p[i].len == a.p[i].len);
	aliased_fini(&none);
	aliased_fini(&a);
	hl_rmdir(dir);
}

/* The union covers what its parts cover, and holds no prefix inside another. */
static void aliased_prefixes_do_not_nest(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 24);
	for (unsigned round = 0; round < 300; round++) {
		struct aliased a, b, c;
		struct prefix p[30];
		bool grew;

		for (size_t i = 0; i < ARRAY_LEN(p); i++) {
			struct addr128 x = rng_below(&r, 4)
			                           ? hl_addr(&r)
			                           : addr_from_v4((uint32_t)rng_next(&r));

			p[i] = prefix_make(x, (unsigned)rng_below(&r, 129));
		}
		hl_ok(aliased_init(&a), NULL);
		hl_ok(aliased_union(&b, &a, p, 15, &grew), NULL);
		hl_ok(aliased_union(&c, &b, p, ARRAY_LEN(p), &grew), NULL);
		for (size_t i = 0; i < ARRAY_LEN(p); i++)
			assert_true(ivtab_covers_all(c.table, p[i]));
		for (size_t i = 1; i < c.n; i++)
			assert_true(addr_cmp(c.p[i - 1].addr, c.p[i].addr) <= 0);
		for (size_t i = 0; i < c.n; i++)
			for (size_t k = 0; k < c.n; k++)
				if (i != k && c.p[k].len >= c.p[i].len &&
				    prefix_is_v4(c.p[i]) == prefix_is_v4(c.p[k]))
					assert_false(prefix_covers(c.p[i], c.p[k].addr));
		aliased_fini(&a);
		hl_ok(aliased_union(&a, &c, p, ARRAY_LEN(p), &grew), NULL);
		assert_false(grew);
		assert_int_equal(a.n, c.n);
		aliased_fini(&a);
		aliased_fini(&b);
		aliased_fini(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(damage_to_manifest),
		cmocka_unit_test(damage_to_aliased),
		cmocka_unit_test(aliased_prefixes_do_not_nest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
