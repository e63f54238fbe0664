/* The space tree by itself, and its state in model files. */
#include "tests/test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/addrset.h"
#include "common/rng.h"
#include "tgen/space_tree.h"
#include "tgen/space_walk.h"
#include "tgen/tgen.h"

/* n seeds; bits says how many low bits of the interface identifier are random,
 * and with more than 8 there are some networks with some subnets each. */
static struct addrvec random_seeds(uint64_t seed, size_t n, unsigned bits)
{
	struct addrvec v = { 0 };
	struct rng r;

	rng_init(&r, seed);
	while (v.n < n) {
		uint64_t hi = UINT64_C(0x20010db800000000);
		uint64_t lo = rng_next(&r) >> (64 - bits);

		if (bits > 8)
			hi |= rng_below(&r, 6) << 16 | rng_below(&r, 5);

		assert_int_equal(addrvec_push(&v, (struct addr128){ hi, lo }), 0);
	}
	assert_int_equal(addrvec_sort(&v), 0);
	addrvec_unique(&v);
	return v;
}

static struct space_model model_of(const struct addrvec *seeds)
{
	struct space_model m = { .seeds = seeds->a, .n_seeds = (uint32_t)seeds->n };

	assert_int_equal(space_model_train(&m), 0);
	return m;
}

/* Nodes are in preorder, each inside its parent, and know their seeds. */
static void tree_is_well_formed(void **state)
{
	struct addrvec seeds = random_seeds(1, 2000, 20);
	struct space_model m = model_of(&seeds);
	uint64_t in_leaves = 0;

	(void)state;
	assert_int_equal(m.nodes[1].n, seeds.n);
	for (uint32_t i = 1; i < m.n_nodes; i++) {
		const struct st_node *u = &m.nodes[i], *p = &m.nodes[u->parent];

		assert_true(u->parent < i);
		assert_true(u->lo >= p->lo && u->lo + u->n <= p->lo + p->n);
		assert_int_equal(u->free & ~p->free, 0);
		assert_int_equal(u->branch, __builtin_ctz(u->free));
		assert_true(u->lo >= m.nodes[i - 1].lo);
		for (uint32_t k = 0; k < u->n; k++) {
			struct addr128 a = seeds.a[u->lo + k];

			assert_true(u->seen >> addr_nibble(a, u->branch) & 1);
			for (unsigned j = 0; j < ST_DIMS; j++)
				if (!(u->free >> j & 1))
					assert_int_equal(addr_nibble(a, j),
					                 addr_nibble(seeds.a[u->lo], j));
		}
		in_leaves += u->branch == ST_LAST ? u->n : 0;
	}
	assert_int_equal(in_leaves, seeds.n);
	space_model_fini(&m);
	addrvec_fini(&seeds);
}

/* The regions are disjoint and, with the seeds, all of the outermost pattern:
 * walked to the end they give 16^dims - seeds addresses, none twice, each in
 * the region that locate() names, in bands of ascending cost. */
static void regions_partition_the_space(void **state)
{
	struct addrvec seeds = random_seeds(2, 60, 8);
	struct space_model m = model_of(&seeds);
	struct addrset *all = addrset_new(1 << 20);
	struct st_walk *w = calloc(1, sizeof(*w));
	unsigned dims = (unsigned)__builtin_popcount(m.nodes[0].free);

	(void)state;
	assert_non_null(all);
	assert_non_null(w);
	for (uint32_t i = 0; i < m.n_regions; i++) {
		struct st_region *r = &m.regions[i];
		struct addr128 a;
		uint32_t cost;

		st_walk_model(w, &m, r);
		for (r->next = w->next; r->next != ST_NO_COST; r->next = w->next) {
			st_walk_start(w, r, r->next + 700);
			while (st_walk_next(w, &a, &cost)) {
				assert_true(cost >= r->next && cost <= r->next + 700);
				assert_int_equal(addrset_add(all, a), 1);
				assert_int_equal(space_model_locate(&m, a), i);
			}
			assert_true(w->next > r->next + 700);
			r->from = r->next + 701;
		}
	}
	for (size_t i = 0; i < seeds.n; i++) {
		assert_false(addrset_has(all, seeds.a[i]));
		assert_int_equal(space_model_locate(&m, seeds.a[i]), UINT32_MAX);
	}
	assert_int_equal(dims, 5);
	assert_int_equal(addrset_count(all) + seeds.n, 1 << 4 * dims);
	assert_int_equal(space_model_locate(&m, (struct addr128){ 1, 1 }), UINT32_MAX);
	free(w);
	addrset_free(all);
	space_model_fini(&m);
	addrvec_fini(&seeds);
}

/* Seeds left out one by one say what regions are good for: the expectations of
 * all regions together come near the number of seeds that others predict. */
static void expectations_add_up(void **state)
{
	struct addrvec seeds = random_seeds(3, 4000, 10);
	struct space_model m = model_of(&seeds);
	double sum = 0;

	(void)state;
	for (uint32_t i = 0; i < m.n_regions; i++) {
		assert_true(m.regions[i].expect > 0);
		sum += (double)m.regions[i].expect;
	}
	assert_true(sum > 0.5 * (double)seeds.n && sum < 1.5 * (double)seeds.n);
	space_model_fini(&m);
	addrvec_fini(&seeds);
}

static size_t drain(struct tgen *g, size_t n, struct addrvec *v)
{
	struct tgen_candidate c[333];

	while (v->n < n) {
		size_t want = n - v->n < ARRAY_LEN(c) ? n - v->n : ARRAY_LEN(c);
		int k = tgen_next(g, c, want);

		assert_true(k >= 0);
		for (int i = 0; i < k; i++)
			assert_int_equal(addrvec_push(v, c[i].addr), 0);
		if (k == 0)
			break;
	}
	return v->n;
}

static struct tgen *generator(const struct addrvec *seeds)
{
	struct tgen_config cfg = { .algorithm = "space-tree", .seed = 5 };
	struct tgen *g;

	assert_int_equal(tgen_train(&g, seeds, &cfg, NULL), 0);
	return g;
}

/* One seed, two, a /64 of neighbours, the same address space twice over, and
 * seeds without any structure: candidates come, are new, and may end. */
static void tiny_and_shapeless_inputs(void **state)
{
	static const struct {
		size_t n;
		unsigned bits;
		size_t at_least;
	} cases[] = {
		{ 1, 1, 100000 },  { 2, 1, 100000 },    { 2, 64, 100000 },
		{ 30, 4, 100000 }, { 1000, 8, 200000 }, { 20000, 64, 200000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct addrvec seeds = random_seeds(i, cases[i].n, cases[i].bits);
		struct addrvec c = { 0 };
		struct tgen *g = generator(&seeds);

		drain(g, cases[i].at_least, &c);
		assert_int_equal(c.n, cases[i].at_least);
		for (size_t k = 0; k < c.n; k++)
			assert_false(addrvec_contains(&seeds, c.a[k]));
		assert_int_equal(addrvec_sort(&c), 0);
		assert_int_equal(addrvec_unique(&c), 0);
		tgen_free(g);
		addrvec_fini(&c);
		addrvec_fini(&seeds);
	}
}

/* Addresses that are pure noise over all of 2000::/3. */
static void noise(void **state)
{
	struct addrvec seeds = { 0 }, c = { 0 };
	struct rng r;
	struct tgen *g;

	(void)state;
	rng_init(&r, 4);
	for (unsigned i = 0; i < 20000; i++) {
		struct addr128 a = { rng_next(&r) >> 3 | UINT64_C(1) << 61,
			             rng_next(&r) };

		assert_int_equal(addrvec_push(&seeds, a), 0);
	}
	assert_int_equal(addrvec_sort(&seeds), 0);
	addrvec_unique(&seeds);
	g = generator(&seeds);
	assert_int_equal(drain(g, 2000, &c), 2000);
	assert_int_equal(addrvec_sort(&c), 0);
	assert_int_equal(addrvec_unique(&c), 0);
	tgen_free(g);
	addrvec_fini(&c);
	addrvec_fini(&seeds);
}

static char *temp_name(char buf[static 64])
{
	int fd;

	strcpy(buf, "/tmp/sxt-test-model-XXXXXX");
	fd = mkstemp(buf);
	assert_true(fd >= 0);
	close(fd);
	return buf;
}

static struct tgen *load(const char *path)
{
	struct tgen_config cfg = { .algorithm = "space-tree" };
	struct diag d = { "" };
	struct tgen *g;
	int rc = tgen_load(&g, path, &cfg, &d);

	if (rc < 0)
		fail_msg("%s", diag_str(&d, rc));
	return g;
}

/* A generator in the middle of its work, with or without feedback and pruning. */
static struct tgen *busy(const struct addrvec *seeds, size_t n, bool fed)
{
	struct tgen *g = generator(seeds);
	struct tgen_candidate *c = calloc(n, sizeof(*c));
	struct rng r;
	int k;

	assert_non_null(c);
	rng_init(&r, n);
	k = tgen_next(g, c, n);
	assert_int_equal(k, n);
	for (int i = 0; fed && i < k; i++) {
		struct tgen_result x = { c[i].addr, c[i].region, rng_below(&r, 4) == 0 };

		assert_int_equal(tgen_feedback(g, &x, 1), 0);
	}
	for (int i = 0; fed && i < k; i += 1 + k / 5)
		assert_int_equal(tgen_prune(g, prefix_make(c[i].addr, 120)), 0);
	free(c);
	return g;
}

/* Saved, loaded and continued is the same as continued, wherever the cut is. */
static void saved_goes_on(void **state)
{
	static const size_t cuts[] = { 1, 2, 50, 999, 12345 };
	struct addrvec seeds = random_seeds(6, 1000, 24);
	char path[64];

	(void)state;
	temp_name(path);
	for (unsigned i = 0; i < 2 * ARRAY_LEN(cuts); i++) {
		struct tgen *g = busy(&seeds, cuts[i / 2], i % 2), *h;
		struct addrvec a = { 0 }, b = { 0 };
		struct tgen_stats sg, sh;

		assert_int_equal(tgen_save(g, path, NULL), 0);
		h = load(path);
		tgen_stats(g, &sg);
		tgen_stats(h, &sh);
		assert_int_equal(sg.seeds, sh.seeds);
		assert_int_equal(sg.emitted, sh.emitted);
		assert_int_equal(sg.fed_back, sh.fed_back);
		assert_int_equal(sg.regions, sh.regions);
		assert_int_equal(drain(g, 6000, &a), 6000);
		assert_int_equal(drain(h, 6000, &b), 6000);
		assert_memory_equal(a.a, b.a, a.n * sizeof(*a.a));
		tgen_free(g);
		tgen_free(h);
		addrvec_fini(&a);
		addrvec_fini(&b);
	}
	unlink(path);
	addrvec_fini(&seeds);
}

static size_t slurp(const char *path, uint8_t *buf, size_t cap)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, buf, cap);

	close(fd);
	assert_true(n > 0 && (size_t)n < cap);
	return (size_t)n;
}

static void spew(const char *path, const uint8_t *buf, size_t n)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	assert_int_equal(write(fd, buf, n), n);
	close(fd);
}

static void refused(const char *path, const char *what, size_t at)
{
	struct tgen_config cfg = { .algorithm = "space-tree" };
	struct diag d = { "" };
	struct tgen *g = NULL;
	int rc = tgen_load(&g, path, &cfg, &d);

	if (rc >= 0)
		fail_msg("%s at %zu was not noticed", what, at);
	if (!strstr(d.text, path) || !strstr(d.text, "offset "))
		fail_msg("%s at %zu: message `%s'", what, at, d.text);
}

/* Every flipped bit, every truncation, and anything added is noticed. */
static void damage_is_noticed(void **state)
{
	struct addrvec seeds = random_seeds(7, 4, 12);
	static uint8_t buf[1 << 17];
	struct tgen *g = busy(&seeds, 25, true);
	char path[64];
	size_t n;

	(void)state;
	assert_int_equal(tgen_save(g, temp_name(path), NULL), 0);
	n = slurp(path, buf, sizeof(buf));
	for (size_t i = 0; i < n; i++) {
		buf[i] ^= (uint8_t)(1 << i % 8);
		spew(path, buf, n);
		refused(path, "a flipped bit", i);
		buf[i] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t i = 0; i < n; i++) {
		spew(path, buf, i);
		refused(path, "a truncation", i);
	}
	spew(path, buf, n + 1);
	refused(path, "a byte added", n);
	spew(path, buf, n);
	tgen_free(load(path));
	unlink(path);
	tgen_free(g);
	addrvec_fini(&seeds);
}

/* More than one block: each is bound to its place, and all must be there. */
static void blocks_keep_their_place(void **state)
{
	enum { WHOLE = 12 + 65536 + 8 };
	struct addrvec seeds = random_seeds(8, 9000, 30);
	uint8_t *buf = malloc(1 << 22);
	struct tgen *g = generator(&seeds);
	char path[64];
	size_t n;

	(void)state;
	assert_non_null(buf);
	assert_int_equal(tgen_save(g, temp_name(path), NULL), 0);
	n = slurp(path, buf, 1 << 22);
	assert_true(n > 4 * WHOLE);
	memcpy(buf + n, buf + WHOLE, WHOLE); /* exchange the second and the third */
	memmove(buf + WHOLE, buf + 2 * WHOLE, WHOLE);
	memcpy(buf + 2 * WHOLE, buf + n, WHOLE);
	spew(path, buf, n);
	refused(path, "an exchanged block", 1);
	spew(path, buf, WHOLE);
	refused(path, "a missing block", 1);
	unlink(path);
	free(buf);
	tgen_free(g);
	addrvec_fini(&seeds);
}

/* A model that cannot be written leaves nothing behind. */
static void save_errors(void **state)
{
	struct addrvec seeds = random_seeds(9, 10, 8);
	struct tgen *g = generator(&seeds);
	struct tgen_config other = { .algorithm = "other" };
	struct diag d = { "" };
	char path[64];

	(void)state;
	assert_true(tgen_save(g, "/nonexistent/model", &d) < 0);
	assert_non_null(strstr(d.text, "/nonexistent"));
	assert_true(tgen_save(g, "/dev/full", NULL) < 0);
	assert_int_equal(tgen_save(g, temp_name(path), NULL), 0);
	assert_int_equal(tgen_load(&g, path, &other, &d), ERR_FORMAT);
	unlink(path);
	tgen_free(g);
	addrvec_fini(&seeds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tree_is_well_formed),
		cmocka_unit_test(regions_partition_the_space),
		cmocka_unit_test(expectations_add_up),
		cmocka_unit_test(tiny_and_shapeless_inputs),
		cmocka_unit_test(noise),
		cmocka_unit_test(saved_goes_on),
		cmocka_unit_test(damage_is_noticed),
		cmocka_unit_test(blocks_keep_their_place),
		cmocka_unit_test(save_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
