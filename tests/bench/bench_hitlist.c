/* The hitlist store beside LMDB, RocksDB and SQLite (those whose headers were there
 * at build time): bench_hitlist [MILLIONS [STORE...]].
 *
 * For each store, in processes of their own: load of sorted records, random lookups
 * of what is there and what is not, a scan, and a tenth as many updates in random
 * order, with all private memory capped by the kernel (RLIMIT_DATA; mapped files and
 * page cache are not in it).  Load and update are durable when they end.  CPU time
 * is that of all threads.  Medians of BENCH_ROUNDS (3).  Files go below $TMPDIR. */
#include <ftw.h>
#include <inttypes.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/rng.h"
#include "tests/bench/stores/store.h"

enum { PROBES = 200000, ROUNDS_MAX = 15, CAP_MB = 256 };

static const struct store *const stores[] = {
	&store_sextant, &store_seen,
#ifdef HAVE_LMDB
	&store_lmdb,
#endif
#ifdef HAVE_ROCKSDB
	&store_rocksdb,
#endif
#ifdef HAVE_SQLITE
	&store_sqlite,
#endif
};

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
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

/* What the processes work on; shared, so that it is nobody's private memory. */
struct world {
	struct addr128 *sorted, *more;
	size_t n, n_more;
};

static void *share(size_t n)
{
	void *p = mmap(NULL, n + 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	               -1, 0);

	store_must(p != MAP_FAILED, "out of memory");
	return p;
}

static void make_world(struct world *w, size_t n)
{
	struct addrvec v = { 0 };
	struct rng r;

	rng_init(&r, 1);
	store_must(addrvec_reserve(&v, n) == 0, "out of memory");
	while (v.n < n)
		v.a[v.n++] = synthetic(&r);
	store_must(addrvec_sort(&v) == 0, "out of memory");
	addrvec_unique(&v);
	w->n = v.n;
	w->sorted = share(v.n * sizeof(*v.a));
	memcpy(w->sorted, v.a, v.n * sizeof(*v.a));
	addrvec_fini(&v);
	/* Two of three are new. */
	w->n_more = n / 10;
	w->more = share(w->n_more * sizeof(*w->more));
	for (size_t i = 0; i < w->n_more; i++)
		w->more[i] = i % 3 ? synthetic(&r) : w->sorted[rng_below(&r, w->n)];
}

/* What one process has measured: per operation, in ns. */
struct result {
	double cpu, wall, extra;
};

struct job {
	const struct store *s;
	const struct world *w;
	const char *dir;
	size_t n; /* of w->sorted */
};

static struct result timed(double ops, double cpu, double wall)
{
	return (struct result){ (cpu_ns() - cpu) / ops,
		                ((double)clock_mono_ns() - wall) / ops, 0 };
}

static struct result do_load(const struct job *j)
{
	double cpu = cpu_ns(), wall = (double)clock_mono_ns();
	void *db = j->s->open(j->dir, true);

	j->s->load(db, j->w->sorted, j->n);
	j->s->close(db);
	return timed((double)j->n, cpu, wall);
}

static struct result lookups(const struct job *j, bool there)
{
	struct addr128 *a = calloc(PROBES, sizeof(*a));
	void *db = j->s->open(j->dir, false);
	struct result res;
	size_t found = 0;
	double cpu, wall;
	struct rng r;

	store_must(a != NULL, "out of memory");
	rng_init(&r, there);
	for (size_t i = 0; i < PROBES; i++) {
		a[i] = j->w->sorted[rng_below(&r, j->n)];
		if (!there)
			a[i].lo = rng_next(&r);
	}
	for (size_t i = 0; i < PROBES; i += 8) /* what is read once is read */
		found += j->s->find(db, a[i]);
	found = 0;
	cpu = cpu_ns();
	wall = (double)clock_mono_ns();
	for (size_t i = 0; i < PROBES; i++)
		found += j->s->find(db, a[i]);
	res = timed(PROBES, cpu, wall);
	store_must(found == (there ? PROBES : 0), "a lookup went wrong");
	j->s->close(db);
	free(a);
	return res;
}

static struct result do_hits(const struct job *j)
{
	return lookups(j, true);
}

static struct result do_misses(const struct job *j)
{
	return lookups(j, false);
}

static struct result do_scan(const struct job *j)
{
	void *db = j->s->open(j->dir, false);
	double cpu = cpu_ns(), wall = (double)clock_mono_ns();
	uint64_t n = j->s->scan(db);
	struct result res = timed((double)n, cpu, wall);

	store_must(n == j->n, "the scan went wrong");
	j->s->close(db);
	return res;
}

static long peak_mb(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss / 1024;
}

static struct result capped(const struct job *j, bool compact)
{
	const rlim_t cap = (rlim_t)CAP_MB << 20;
	const struct rlimit limit = { cap, cap };
	size_t n = j->n / 10 < j->w->n_more ? j->n / 10 : j->w->n_more;
	struct result res;
	double cpu, wall;
	void *db;

	store_must(setrlimit(RLIMIT_DATA, &limit) == 0, "cannot cap the memory");
	cpu = cpu_ns();
	wall = (double)clock_mono_ns();
	db = j->s->open(j->dir, false);
	if (compact)
		j->s->compact(db);
	else
		j->s->update(db, j->w->more, n);
	j->s->close(db);
	res = timed((double)n, cpu, wall);
	res.extra = (double)peak_mb();
	return res;
}

static struct result do_update(const struct job *j)
{
	return capped(j, false);
}

static struct result do_compact(const struct job *j)
{
	return capped(j, true);
}

/* In a process of its own. */
static struct result measure(const struct job *j, struct result (*fn)(const struct job *))
{
	struct result *res = share(sizeof(*res)), r;
	int status;
	pid_t pid = fork();

	store_must(pid >= 0, "cannot fork");
	if (pid == 0) {
		*res = fn(j);
		_exit(0);
	}
	store_must(waitpid(pid, &status, 0) == pid && status == 0, "a process failed");
	r = *res;
	munmap(res, sizeof(*res) + 1);
	return r;
}

/* By the updates, two of three of them. */
#define GROWN (1 + 0.1 * 2 / 3)

static double bytes;

static int add_bytes(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)path;
	(void)f;
	if (type == FTW_F)
		bytes += 512.0 * (double)st->st_blocks;
	return 0;
}

static double disk(const char *dir)
{
	bytes = 0;
	nftw(dir, add_bytes, 16, FTW_PHYS);
	return bytes;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static int by_cpu(const void *x, const void *y)
{
	const struct result *a = x, *b = y;

	return (a->cpu > b->cpu) - (a->cpu < b->cpu);
}

static void line(const char *store, const char *what, const struct result *r,
                 const char *tail)
{
	printf("%-10s %-20s %9.0f ns CPU %9.0f ns wall  %s\n", store, what, r->cpu,
	       r->wall, tail);
	fflush(stdout);
}

enum phase { LOAD, HITS, MISSES, SCAN, UPDATE, COMPACT, PHASES };

static const struct {
	const char *what;
	struct result (*fn)(const struct job *);
} phases[PHASES] = {
	[LOAD] = { "load, sorted", do_load },
	[HITS] = { "lookup, there", do_hits },
	[MISSES] = { "lookup, not there", do_misses },
	[SCAN] = { "scan", do_scan },
	[UPDATE] = { "merge, random order", do_update },
	[COMPACT] = { "and compact", do_compact },
};

static bool has(const struct store *s, enum phase p)
{
	return (p != SCAN || s->scan) && (p != COMPACT || s->compact);
}

static void one_store(const struct store *s, const struct world *w, const char *tmp,
                      unsigned rounds)
{
	struct result r[PHASES][ROUNDS_MAX];
	struct job j = { .s = s, .w = w, .n = s->slow ? w->n / 4 : w->n };
	double size[PHASES] = { 0 };
	char dir[512], tail[128] = "";

	for (unsigned i = 0; i < rounds; i++) {
		snprintf(dir, sizeof(dir), "%s/bench-hitlist-XXXXXX", tmp);
		store_must(mkdtemp(dir) != NULL, "cannot make a directory");
		j.dir = dir;
		for (unsigned p = 0; p < PHASES; p++) {
			if (!has(s, (enum phase)p))
				continue;
			r[p][i] = measure(&j, phases[p].fn);
			size[p] = disk(dir) / (double)j.n;
		}
		nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	}
	for (unsigned p = 0; p < PHASES; p++) {
		const struct result *mid = &r[p][rounds / 2];

		if (!has(s, (enum phase)p))
			continue;
		qsort(r[p], rounds, sizeof(r[p][0]), by_cpu);
		tail[0] = 0;
		if (p == LOAD)
			snprintf(tail, sizeof(tail), "%.1f bytes/record, %.1f M records",
			         size[p], (double)j.n / 1e6);
		else if (p == UPDATE || p == COMPACT)
			snprintf(tail, sizeof(tail),
			         "%.1f bytes/record, RSS %.0f MB with mapped files",
			         size[p] / GROWN, mid->extra);
		else if (p == SCAN)
			snprintf(tail, sizeof(tail), "%.1f M records/s", 1e3 / mid->cpu);
		line(s->name, phases[p].what, mid, tail);
	}
}

static bool wanted(const struct store *s, int argc, char *argv[])
{
	for (int i = 2; i < argc; i++)
		if (strcasecmp(argv[i], s->name) == 0)
			return true;
	return argc < 3;
}

int main(int argc, char *argv[])
{
	const char *tmp = getenv("TMPDIR"), *env = getenv("BENCH_ROUNDS");
	size_t n = (size_t)(1e6 * (argc > 1 ? atof(argv[1]) : 20));
	unsigned rounds = env ? (unsigned)atoi(env) : 3;
	struct world w;

	if (rounds < 1 || rounds > ROUNDS_MAX || n < 1000) {
		fprintf(stderr, "bench_hitlist: 1 to %d rounds, 1000 records or more\n",
		        ROUNDS_MAX);
		return 2;
	}
	make_world(&w, n);
	printf("%zu records, then %zu updates in random order, two of three new; private "
	       "memory of a merge capped at %d MB\n",
	       w.n, w.n_more, CAP_MB);
	for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
		const struct store *s = stores[i];

		if (!wanted(s, argc, argv))
			continue;
		if (s->note[0])
			printf("%s: %s%s\n", s->name, s->note,
			       s->slow ? "; a quarter of the records, one round" : "");
		one_store(s, &w, tmp ? tmp : "/tmp", s->slow ? 1 : rounds);
	}
	return 0;
}
