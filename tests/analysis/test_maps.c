#include "tests/test.h"

#include <math.h>
#include <unistd.h>

#include "analysis/hilbert.h"
#include "analysis/overlap.h"
#include "analysis/stability.h"
#include "analysis/treemap.h"
#include "common/addrset.h"
#include "common/rng.h"

/* Each cell has a place of its own, next to that of the cell before. */
static void hilbert_is_one_path(void **state)
{
	(void)state;
	for (unsigned bits = 2; bits <= 12; bits += 2) {
		uint32_t side = 1u << bits / 2, px = 0, py = 0;
		uint8_t *taken = calloc((size_t)side * side, 1);

		for (uint32_t i = 0; i < 1u << bits; i++) {
			uint32_t x, y;

			hilbert_place(bits, i, &x, &y);
			assert_true(x < side && y < side);
			assert_int_equal(taken[y * side + x]++, 0);
			if (i)
				assert_int_equal(
					abs((int)x - (int)px) + abs((int)y - (int)py), 1);
			px = x;
			py = y;
		}
		free(taken);
	}
}

static void hilbert_counts_by_cell(void **state)
{
	struct prefix p;
	struct hilbert h;
	struct rng r;
	uint64_t sum = 0;

	(void)state;
	assert_true(prefix_parse(&p, "2001:db8::/56"));
	assert_int_equal(hilbert_init(&h, p, 16), 0); /* across bit 64 */
	rng_init(&r, 1);
	for (unsigned i = 0; i < 20000; i++) {
		struct addr128 a = rng_addr_in(&r, p);
		uint32_t cell = (uint32_t)((a.hi & 0xff) << 8 | a.lo >> 56);
		uint32_t before = h.counts[cell];

		hilbert_feed(&h, &a, 1);
		assert_int_equal(h.counts[cell], before + 1);
		assert_true(prefix_covers(hilbert_cell(&h, cell), a));
		assert_int_equal(hilbert_cell(&h, cell).len, 72);
	}
	for (uint32_t i = 0; i < 1u << 16; i++)
		sum += h.counts[i];
	assert_int_equal(sum, 20000);
	assert_int_equal(h.inside, 20000);
	hilbert_feed(&h, &(struct addr128){ 0x20010db900000000, 0 }, 1);
	assert_int_equal(h.outside, 1);
	hilbert_fini(&h);
}

static void random_table(struct bgp **out, uint64_t **hits, struct rng *r)
{
	struct bgp_entry e[300];
	size_t n = 1 + rng_below(r, ARRAY_LEN(e));

	for (size_t i = 0; i < n; i++) {
		unsigned len = 20 + 4 * (unsigned)rng_below(r, 8);
		struct addr128 a = { 0x2001000000000000 | rng_below(r, 4096) << 32 |
			                     rng_below(r, 65536) << 16,
			             0 };

		e[i] = (struct bgp_entry){ prefix_make(a, len),
			                   (uint32_t)rng_below(r, 50), 0 };
	}
	assert_int_equal(bgp_make(out, e, n), 0);
	*hits = calloc(bgp_count(*out) + 1, sizeof(**hits));
	for (size_t i = 0; i < bgp_count(*out); i++)
		(*hits)[i] = rng_below(r, 3) ? rng_below(r, 5000) : 0;
}

static bool overlap_area(const struct treemap_area *a, const struct treemap_area *b)
{
	const double e = 1e-6;

	return a->x + a->w > b->x + e && b->x + b->w > a->x + e &&
	       a->y + a->h > b->y + e && b->y + b->h > a->y + e;
}

static void check_map(const struct treemap *t)
{
	double area = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct treemap_area *a = &t->areas[i];
		uint64_t inside = a->self;

		assert_true(a->w > 0 && a->h > 0 && isfinite(a->w) && isfinite(a->h));
		for (size_t k = 0; k < t->n; k++) {
			const struct treemap_area *b = &t->areas[k];

			if (b->parent == (int64_t)i)
				inside += b->hits;
			if (k < i && b->parent == a->parent)
				assert_false(overlap_area(a, b));
		}
		assert_int_equal(inside, a->hits);
		if (a->parent < 0) {
			area += a->w * a->h;
			assert_true(a->hits > 0);
			continue;
		}
		assert_true((size_t)a->parent < i);
		assert_true(prefix_covers(t->areas[a->parent].prefix, a->prefix.addr));
		assert_true(a->y + a->h <=
		            t->areas[a->parent].y + t->areas[a->parent].h / 2 + 1e-6);
	}
	if (t->n)
		assert_float_equal(area, TREEMAP_WIDTH * TREEMAP_HEIGHT, 1e-3);
}

/* Areas fill the canvas without overlapping, nest, and add up. */
static void treemap_is_a_partition(void **state)
{
	static const struct treemap_config cfg = { .limit = 50 };
	static const struct treemap_config few = { .limit = 50, .most = 20 };
	struct rng r;

	(void)state;
	rng_init(&r, 2);
	for (unsigned round = 0; round < 40; round++) {
		struct treemap t;
		struct bgp *bgp;
		uint64_t *hits;
		size_t tops = 0;

		random_table(&bgp, &hits, &r);
		assert_int_equal(treemap_make(&t, bgp, hits, NULL, &cfg), 0);
		check_map(&t);
		for (size_t i = 0; i < t.n; i++)
			tops += t.areas[i].parent < 0;
		assert_true(tops <= cfg.limit);
		if (t.left_out)
			assert_int_equal(tops, cfg.limit);
		treemap_fini(&t);
		assert_int_equal(treemap_make(&t, bgp, hits, NULL, &few), 0);
		check_map(&t);
		assert_true(t.n <= few.most);
		treemap_fini(&t);
		bgp_free(bgp);
		free(hits);
	}
}

static struct source *make_source(struct rng *r, unsigned seed, struct addrset **set)
{
	char path[] = "/tmp/sextant-test.XXXXXX";
	const char *p = path;
	const struct source_config cfg = { .memory = 0 };
	struct diag d = { "" };
	struct source *s;
	FILE *f = fdopen(mkstemp(path), "w");
	size_t n = seed == 2 ? 0 : rng_below(r, 3000);

	*set = addrset_new(16);
	for (size_t i = 0; i < n; i++) {
		struct addr128 a = { 0x2001000000000000 | rng_below(r, 40) << 14,
			             rng_below(r, 50) };
		char text[ADDR_STRLEN];

		addr_format(text, a);
		fprintf(f, "%s\n", text);
		assert_true(addrset_add(*set, a) >= 0);
	}
	fclose(f);
	assert_int_equal(source_open(&s, &p, 1, &cfg, &d), 0);
	unlink(path);
	return s;
}

/* Against hash sets; the third of four sets is empty. */
static void overlap_agrees_with_sets(void **state)
{
	struct source *s[4];
	struct addrset *set[4], *all = addrset_new(16);
	uint64_t want[16] = { 0 }, sum = 0;
	struct diag d = { "" };
	struct overlap o;
	struct addr128 a;
	struct rng r;

	(void)state;
	rng_init(&r, 3);
	for (unsigned i = 0; i < 4; i++)
		s[i] = make_source(&r, i, &set[i]);
	assert_int_equal(overlap_make(&o, s, 4, NULL, &d), 0);
	for (unsigned i = 0; i < 4; i++) {
		size_t pos = 0;

		assert_int_equal(overlap_size(&o, OVERLAP_128, i), addrset_count(set[i]));
		while (addrset_next(set[i], &pos, &a)) {
			unsigned mask = 0;

			if (addrset_add(all, a) != 1)
				continue;
			for (unsigned k = 0; k < 4; k++)
				mask |= (unsigned)addrset_has(set[k], a) << k;
			want[mask]++;
		}
	}
	for (unsigned m = 1; m < 16; m++)
		assert_int_equal(o.counts[OVERLAP_128][m], want[m]);
	for (unsigned l = 1; l < OVERLAP_AS; l++) {
		sum = 0;
		for (unsigned m = 1; m < 16; m++)
			sum += o.counts[l][m];
		assert_true(sum <= addrset_count(all));
	}
	assert_int_equal(sum, 1); /* all in one /32 */
	assert_null(o.counts[OVERLAP_AS]);
	assert_int_equal(overlap_both(&o, OVERLAP_128, 0, 2), 0);
	assert_int_equal(overlap_any(&o, OVERLAP_128, 0, 2), addrset_count(set[0]));
	overlap_fini(&o);
	for (unsigned i = 0; i < 4; i++) {
		source_close(s[i]);
		addrset_free(set[i]);
	}
	addrset_free(all);
}

enum { T0 = 1700000000 / 86400 * 86400, D = 86400 };

static struct host_record host(uint64_t net, uint64_t iid, unsigned first, unsigned last,
                               unsigned probed)
{
	struct host_record r = { .addr = { 0x2001048000000000 | net, iid } };

	r.first_seen = T0 + first * D;
	r.service_seen[SERVICE_ICMP] = T0 + last * D;
	r.last_probed = T0 + probed * D;
	r.fail_streak = probed > last ? 3 : 0;
	host_record_normalise(&r);
	return r;
}

static void stability_by_hand(void **state)
{
	char dir[] = "/tmp/sextant-test.XXXXXX", sub[64], command[80];
	struct host_record r[] = {
		host(1, 1, 0, 0, 20),   /* seen once, then gone */
		host(1, 2, 8, 20, 20),  /* 12 days; its /64: 20 */
		host(2, 1, 13, 20, 20), /* exactly 7 */
		host(3, 1, 20, 20, 20),
	};
	struct diag d = { "" };
	struct stability s;
	struct hitlist *h;

	(void)state;
	r[1].service_seen[SERVICE_TCP443] = r[1].last_seen;
	r[1].service_seen[SERVICE_UDP53] = r[1].last_seen - 2 * D;
	host_record_normalise(&r[1]);
	assert_non_null(mkdtemp(dir));
	snprintf(sub, sizeof(sub), "%s/hl", dir);
	assert_int_equal(hitlist_open(&h, sub, HITLIST_CREATE, &d), 0);
	assert_int_equal(hitlist_add(h, r, ARRAY_LEN(r), NULL, &d), 0);
	assert_int_equal(stability_read(&s, h, &d), 0);
	hitlist_close(h);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(s.hosts, 4);
	assert_int_equal(s.answered, 4);
	assert_int_equal(s.failing, 1);
	assert_int_equal(s.nets, 3);
	assert_int_equal(s.stable[0], 2); /* 1 day */
	assert_int_equal(s.stable[2], 2); /* 7 days */
	assert_int_equal(s.stable[3], 0); /* 14 days */
	assert_int_equal(s.stable_nets[3], 1);
	assert_int_equal(s.age[0], 3);
	assert_int_equal(s.age[4], 1); /* 20 days: at most 30 */
	assert_int_equal(s.streak[0], 3);
	assert_int_equal(s.streak[3], 1);
	assert_int_equal(s.both[SERVICE_ICMP][SERVICE_ICMP], 4);
	assert_int_equal(s.both[SERVICE_ICMP][SERVICE_TCP443], 1);
	assert_int_equal(s.both[SERVICE_TCP443][SERVICE_ICMP], 1);
	assert_int_equal(s.both[SERVICE_UDP53][SERVICE_UDP53], 1);
	assert_int_equal(s.silent[SERVICE_UDP53], 1);
	assert_int_equal(s.silent[SERVICE_TCP443], 0);
	assert_int_equal(s.silent[SERVICE_ICMP], 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(hilbert_is_one_path),
		cmocka_unit_test(hilbert_counts_by_cell),
		cmocka_unit_test(treemap_is_a_partition),
		cmocka_unit_test(overlap_agrees_with_sets),
		cmocka_unit_test(stability_by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
