/* bench_common - nanoseconds of CPU time per operation of common/, the median
 * of five rounds of fixed size.  Uses the shared data where there is any. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/addr.h"
#include "common/addrset.h"
#include "common/addrvec.h"
#include "common/bloom.h"
#include "common/ivtab.h"
#include "common/perm.h"
#include "common/reader.h"
#include "common/rng.h"

enum { ROUNDS = 5, MILLION = 1000000 };

/* One benchmark: setup (untimed, may be NULL) and run are called ROUNDS times;
 * run returns a sum of its results, so that no work can be left out. */
struct bench {
	const char *name;
	void (*setup)(void *arg);
	uint64_t (*run)(void *arg);
	void *arg;
	double ops;
};

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const struct bench *b)
{
	double ns[ROUNDS];
	uint64_t sum = 0;

	for (int i = 0; i < ROUNDS; i++) {
		if (b->setup)
			b->setup(b->arg);
		ns[i] = cpu_ns();
		sum += b->run(b->arg);
		ns[i] = (cpu_ns() - ns[i]) / b->ops;
	}
	qsort(ns, ROUNDS, sizeof(ns[0]), by_value);
	printf("%-42s %9.1f ns   (check %016" PRIx64 ")\n", b->name, ns[ROUNDS / 2], sum);
	fflush(stdout);
}

static void *must(void *p)
{
	if (!p) {
		fprintf(stderr, "out of memory\n");
		exit(1);
	}
	return p;
}

static void must_work(int rc)
{
	if (rc < 0) {
		fprintf(stderr, "%s\n", err_str(rc));
		exit(1);
	}
}

static void fill(struct addrvec *v, size_t n, uint64_t seed, struct prefix p)
{
	struct rng r;

	rng_init(&r, seed);
	must_work(addrvec_reserve(v, n));
	for (v->n = 0; v->n < n;)
		v->a[v->n++] = rng_addr_in(&r, p);
}

static const struct prefix everywhere = { { 0, 0 }, 0 };
static const struct prefix global = { { UINT64_C(1) << 61, 0 }, 3 };

static void setup_sort(void *arg)
{
	struct addrvec *v = arg;

	fill(v, v->n, 1, everywhere);
}

static uint64_t run_radix(void *arg)
{
	struct addrvec *v = arg;

	must_work(addrvec_sort(v));
	return v->a[v->n / 2].lo;
}

static int by_address(const void *a, const void *b)
{
	return addr_cmp(*(const struct addr128 *)a, *(const struct addr128 *)b);
}

static uint64_t run_qsort(void *arg)
{
	struct addrvec *v = arg;

	qsort(v->a, v->n, sizeof(*v->a), by_address);
	return v->a[v->n / 2].lo;
}

static void bench_sort(void)
{
	struct addrvec v = { 0 };

	fill(&v, MILLION, 1, everywhere);
	measure(&(struct bench){ "addrvec_sort, 1M random, per key", setup_sort,
	                         run_radix, &v, MILLION });
	measure(&(struct bench){ "qsort, 1M random, per key", setup_sort, run_qsort, &v,
	                         MILLION });
	fill(&v, 8 * MILLION, 1, everywhere);
	measure(&(struct bench){ "addrvec_sort, 8M random, per key", setup_sort,
	                         run_radix, &v, 8 * MILLION });
	addrvec_fini(&v);
}

struct set_arg {
	struct addrvec in, out;
	struct addrset *set;
	struct bloom bloom;
};

static void setup_set(void *arg)
{
	struct set_arg *s = arg;

	addrset_free(s->set);
	s->set = must(addrset_new(0));
}

static uint64_t run_set_add(void *arg)
{
	struct set_arg *s = arg;
	uint64_t sum = 0;

	for (size_t i = 0; i < s->in.n; i++)
		sum += (uint64_t)addrset_add(s->set, s->in.a[i]);
	return sum;
}

static uint64_t run_set_has(void *arg)
{
	struct set_arg *s = arg;
	uint64_t sum = 0;

	for (size_t i = 0; i < s->in.n; i++)
		sum += (uint64_t)addrset_has(s->set, s->in.a[i]) +
		       addrset_has(s->set, s->out.a[i]);
	return sum;
}

static uint64_t run_bloom_add(void *arg)
{
	struct set_arg *s = arg;

	for (size_t i = 0; i < s->in.n; i++)
		bloom_add(&s->bloom, addr_hash(s->in.a[i], 0));
	return 0;
}

static uint64_t run_bloom_has(void *arg)
{
	struct set_arg *s = arg;
	uint64_t sum = 0;

	for (size_t i = 0; i < s->in.n; i++)
		sum += (uint64_t)bloom_has(&s->bloom, addr_hash(s->in.a[i], 0)) +
		       bloom_has(&s->bloom, addr_hash(s->out.a[i], 0));
	return sum;
}

static void bench_sets(void)
{
	struct set_arg s = { 0 };

	fill(&s.in, 2 * MILLION, 1, global);
	fill(&s.out, 2 * MILLION, 2, global);
	measure(&(struct bench){ "addrset_add, 2M, growing from empty", setup_set,
	                         run_set_add, &s, 2 * MILLION });
	measure(&(struct bench){ "addrset_has, of 2M, half of them there", NULL,
	                         run_set_has, &s, 4 * MILLION });
	must_work(bloom_init(&s.bloom, 20 * MILLION, 12));
	measure(&(struct bench){ "bloom_add, 30 MB, hash included", NULL, run_bloom_add,
	                         &s, 2 * MILLION });
	measure(&(struct bench){ "bloom_has, 30 MB, hash included", NULL, run_bloom_has,
	                         &s, 4 * MILLION });
	bloom_fini(&s.bloom);
	addrset_free(s.set);
	addrvec_fini(&s.in);
	addrvec_fini(&s.out);
}

static uint64_t run_perm(void *arg)
{
	const struct perm *p = arg;
	uint64_t sum = 0;

	for (uint64_t i = 0; i < 2 * MILLION; i++)
		sum += (uint64_t)perm_at(p, i);
	return sum;
}

/* Each index depends on the value before: the time until a value is there. */
static uint64_t run_perm_chain(void *arg)
{
	const struct perm *p = arg;
	u128 x = 0;

	for (uint64_t i = 0; i < 2 * MILLION; i++)
		x = perm_at(p, x);
	return (uint64_t)x;
}

static void bench_perm(void)
{
	static const struct {
		const char *name;
		unsigned bits, more;
	} sizes[] = {
		{ "perm_at, n = 2^32", 32, 0 },
		{ "perm_at, n = 2^32 + 1 (longest walk)", 32, 1 },
		{ "perm_at, n = 2^64", 64, 0 },
		{ "perm_at, n = 2^96", 96, 0 },
	};
	struct perm p;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		perm_init(&p, ((u128)1 << sizes[i].bits) + sizes[i].more, 1);
		measure(&(struct bench){ sizes[i].name, NULL, run_perm, &p,
		                         2 * MILLION });
	}
	perm_init(&p, (u128)1 << 48, 1);
	measure(&(struct bench){ "perm_at, n = 2^48, one after the other", NULL,
	                         run_perm_chain, &p, 2 * MILLION });
}

struct text_arg {
	struct addrvec v;
	char (*text)[ADDR_STRLEN];
};

static uint64_t run_format(void *arg)
{
	struct text_arg *t = arg;
	uint64_t sum = 0;

	for (size_t i = 0; i < t->v.n; i++)
		sum += addr_format(t->text[i], t->v.a[i]);
	return sum;
}

static uint64_t run_parse(void *arg)
{
	struct text_arg *t = arg;
	struct addr128 a = { 0, 0 };
	uint64_t sum = 0;

	for (size_t i = 0; i < t->v.n; i++)
		sum += (uint64_t)addr_parse(&a, t->text[i]) + a.lo;
	return sum;
}

static void bench_text(void)
{
	struct text_arg t = { 0 };

	fill(&t.v, MILLION, 3, global);
	for (size_t i = 0; i < t.v.n; i += 2)
		t.v.a[i].lo &= 0xffff; /* half of them of the kind 2001:...::1234 */
	t.text = must(malloc(t.v.n * sizeof(*t.text)));
	measure(&(struct bench){ "addr_format", NULL, run_format, &t, MILLION });
	measure(&(struct bench){ "addr_parse", NULL, run_parse, &t, MILLION });
	free(t.text);
	addrvec_fini(&t.v);
}

struct ivtab_arg {
	struct ivtab_builder *b;
	struct ivtab *t;
	struct addrvec queries;
};

static void setup_build(void *arg)
{
	struct ivtab_arg *s = arg;

	ivtab_free(s->t);
	s->t = NULL;
}

static uint64_t run_build(void *arg)
{
	struct ivtab_arg *s = arg;

	must_work(ivtab_build(&s->t, s->b));
	return ivtab_count(s->t);
}

static uint64_t run_lookup(void *arg)
{
	struct ivtab_arg *s = arg;
	uint64_t sum = 0;
	uint32_t v;

	for (size_t i = 0; i < s->queries.n; i++)
		if (ivtab_lookup(s->t, s->queries.a[i], &v))
			sum += v;
	return sum;
}

static void lookups(const char *name, struct ivtab_arg *s)
{
	measure(&(struct bench){ name, NULL, run_lookup, s, (double)s->queries.n });
}

static void random_table(void)
{
	struct ivtab_arg s = { .b = must(ivtab_builder_new()) };
	struct rng r;

	rng_init(&r, 4);
	for (uint32_t i = 0; i < 300000; i++) {
		struct addr128 a = rng_addr_in(&r, global);

		must_work(ivtab_add(s.b, prefix_make(a, 20 + (unsigned)rng_below(&r, 45)),
		                    i));
	}
	measure(&(struct bench){ "ivtab_build, 300k random, per prefix", setup_build,
	                         run_build, &s, 300000 });
	fill(&s.queries, 2 * MILLION, 5, global);
	lookups("ivtab_lookup, random in random", &s);
	addrvec_fini(&s.queries);
	ivtab_free(s.t);
	ivtab_builder_free(s.b);
}

/* A real address list, repeated in random order up to n queries. */
static bool real_queries(struct addrvec *v, size_t n, const char *path)
{
	struct addrvec list = { 0 };
	struct rng r;

	rng_init(&r, 6);
	if (reader_load(&list, path, NULL, NULL) < 0 || list.n == 0)
		return false;
	must_work(addrvec_reserve(v, n));
	for (v->n = 0; v->n < n;)
		v->a[v->n++] = list.a[rng_below(&r, list.n)];
	addrvec_fini(&list);
	return true;
}

static size_t collect_routes(struct ivtab_builder *b, struct addrvec *inside, size_t n,
                             const char *path)
{
	struct prefix *p = NULL;
	struct reader_item item;
	struct reader *in;
	struct rng r;
	size_t count = 0;

	rng_init(&r, 7);
	must_work(reader_open(&in, path, NULL, NULL));
	while (reader_next(in, &item, NULL) > 0) {
		const char *as = strpbrk(reader_text(in), "\t ,");

		if (count % 4096 == 0)
			p = must(realloc(p, (count + 4096) * sizeof(*p)));
		p[count++] = prefix_make(item.first, item.len);
		must_work(ivtab_add(b, p[count - 1],
		                    as ? (uint32_t)strtoul(as + 1, NULL, 10) : 0));
	}
	reader_close(in);
	must_work(addrvec_reserve(inside, n));
	for (inside->n = 0; count && inside->n < n;)
		inside->a[inside->n++] = rng_addr_in(&r, p[rng_below(&r, count)]);
	free(p);
	return count;
}

static void real_table(const char *shared)
{
	struct ivtab_arg s = { .b = must(ivtab_builder_new()) };
	char path[4096];
	size_t routes;

	snprintf(path, sizeof(path), "%s/data/pfx/combined.pfx2as.txt.xz", shared);
	routes = collect_routes(s.b, &s.queries, 2 * MILLION, path);
	measure(&(struct bench){ "ivtab_build, real, per prefix", setup_build, run_build,
	                         &s, (double)routes });
	lookups("ivtab_lookup, random inside real prefixes", &s);
	fill(&s.queries, 2 * MILLION, 5, global);
	lookups("ivtab_lookup, random in 2000::/3", &s);
	snprintf(path, sizeof(path), "%s/data/splits/wide.50.seeds.bz2", shared);
	if (real_queries(&s.queries, 2 * MILLION, path))
		lookups("ivtab_lookup, real addresses in real", &s);
	addrvec_fini(&s.queries);
	ivtab_free(s.t);
	ivtab_builder_free(s.b);
}

int main(void)
{
	const char *shared = getenv("SEXTANT_SHARED");

	bench_text();
	bench_perm();
	bench_sets();
	random_table();
	if (shared)
		real_table(shared);
	else
		printf("no real prefixes: SEXTANT_SHARED is not set\n");
	bench_sort();
	return 0;
}
