/* Rates of the hitlist store on synthetic records: bench_hitlist [MILLIONS].
 * CPU time, one thread; the directory is made below $TMPDIR (or /tmp). */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/addrvec.h"
#include "common/clock.h"
#include "common/rng.h"
#include "hitlist/hitlist.h"

enum { CHUNK = 4096, PROBES = 200000 };

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(int rc, const struct diag *d)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "bench_hitlist: %s\n", diag_str(d, rc));
	exit(1);
}

/* 20,000 networks of very different size; low-byte, EUI-64 and random hosts. */
static struct addr128 synthetic(struct rng *r)
{
	double u = rng_double(r);
	uint64_t net = (uint64_t)(20000 * u * u * u);
	struct addr128 a = { 0x2000000000000000 | rng_mix(net) >> 3 >> 32 << 32, 0 };

	a.hi |= rng_below(r, 1 << (rng_below(r, 3) * 8 + 4));
	switch (rng_below(r, 3)) {
	case 0: a.lo = rng_below(r, 256); break;
	case 1:
		a.lo = UINT64_C(0x0250560000000000) | UINT64_C(0xfffe) << 24 |
		       rng_below(r, 1 << 24);
		break;
	default: a.lo = rng_next(r);
	}
	return a;
}

static struct host_record record(struct rng *r, struct addr128 a)
{
	uint32_t now = 1780000000 + (uint32_t)rng_below(r, 7200);
	struct host_record h = {
		.addr = a,
		.first_seen = now - (uint32_t)rng_below(r, 3) * 604800,
		.last_seen = now,
		.last_probed = now,
		.sources = 1 << SOURCE_DISCOVER,
	};

	h.service_seen[rng_below(r, 20) ? SERVICE_ICMP : SERVICE_TCP80] = now;
	host_record_normalise(&h);
	return h;
}

static void draw(struct addrvec *v, struct rng *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		must(addrvec_push(v, synthetic(r)), NULL);
}

static void load(struct hitlist *h, const struct addrvec *v, struct rng *r,
                 const char *what)
{
	struct host_record *rec = malloc(CHUNK * sizeof(*rec));
	struct hitlist_merge_stats st;
	struct hitlist_batch *b;
	struct diag d = { "" };
	double cpu = 0, wall = (double)clock_mono_ns();

	must(rec ? hitlist_batch_open(&b, h, &d) : -ENOMEM, &d);
	for (size_t i = 0; i < v->n; i += CHUNK) {
		size_t n = v->n - i < CHUNK ? v->n - i : CHUNK;
		double t;

		for (size_t k = 0; k < n; k++)
			rec[k] = record(r, v->a[i + k]);
		t = cpu_ns();
		must(hitlist_batch_add(b, rec, n, &d), &d);
		cpu += cpu_ns() - t;
	}
	cpu -= cpu_ns();
	must(hitlist_batch_commit(b, &st, &d), &d);
	cpu += cpu_ns();
	hitlist_batch_close(b);
	wall = (double)clock_mono_ns() - wall;
	printf("%-26s %8.0f ns/record CPU, %.2f s wall, %llu added\n", what,
	       cpu / (double)v->n, wall / 1e9, (unsigned long long)st.added);
	free(rec);
}

static void lookups(const struct hitlist *h, const struct addrvec *v, struct rng *r,
                    bool hit, const char *what)
{
	struct addr128 *a = malloc(PROBES * sizeof(*a));
	struct host_record rec;
	struct diag d = { "" };
	uint64_t found = 0;
	double t;

	must(a ? 0 : -ENOMEM, NULL);
	for (size_t i = 0; i < PROBES; i++) {
		a[i] = v->a[rng_below(r, v->n)];
		if (!hit)
			a[i].lo = rng_next(r);
	}
	t = cpu_ns();
	for (size_t i = 0; i < PROBES; i++)
		found += (uint64_t)hitlist_lookup(h, a[i], &rec, &d);
	t = cpu_ns() - t;
	printf("%-26s %8.0f ns CPU, %.1f %% found\n", what, t / PROBES,
	       100.0 * (double)found / PROBES);
	free(a);
}

static void scan(const struct hitlist *h)
{
	struct hitlist_iter *it;
	struct host_record rec;
	struct diag d = { "" };
	uint64_t n = 0;
	double t = cpu_ns();

	must(hitlist_iter_open(&it, h, NULL, &d), &d);
	while (hitlist_iter_next(it, &rec, &d) > 0)
		n++;
	hitlist_iter_close(it);
	t = cpu_ns() - t;
	printf("%-26s %8.1f M records/s CPU\n", "scan", (double)n / t * 1e3);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

int main(int argc, char *argv[])
{
	const char *tmp = getenv("TMPDIR");
	size_t n = (size_t)(1e6 * (argc > 1 ? atof(argv[1]) : 3));
	struct addrvec v = { 0 }, more = { 0 };
	struct hitlist_info info;
	struct rusage usage;
	struct diag d = { "" };
	struct hitlist *h;
	struct rng r;
	char dir[512];

	snprintf(dir, sizeof(dir), "%s/bench-hitlist-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		return 1;
	rng_init(&r, 1);
	must(hitlist_open(&h, dir, HITLIST_CREATE, &d), &d);
	draw(&v, &r, n);
	draw(&more, &r, n / 10);
	must(addrvec_sort(&v), NULL);
	addrvec_unique(&v);
	load(h, &v, &r, "load, sorted");
	hitlist_info(h, &info);
	printf("%-26s %8.2f bytes/record, %llu records, %llu runs\n", "on disk",
	       (double)info.bytes / (double)info.hosts, (unsigned long long)info.hosts,
	       (unsigned long long)info.runs);
	lookups(h, &v, &r, true, "lookup, there");
	lookups(h, &v, &r, false, "lookup, not there");
	scan(h);
	load(h, &more, &r, "update, arrival order");
	load(h, &more, &r, "the same again");
	lookups(h, &v, &r, true, "lookup, there");
	lookups(h, &v, &r, false, "lookup, not there");
	scan(h);
	hitlist_close(h);
	getrusage(RUSAGE_SELF, &usage);
	printf("%-26s %8ld MB, with the synthetic addresses\n", "memory, peak",
	       usage.ru_maxrss / 1024);
	addrvec_fini(&v);
	addrvec_fini(&more);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}
