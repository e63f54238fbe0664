/* How good and how fast the target generator is: hits among the first N
 * candidates of each split (seeds and holdout of one real list), offline and
 * with feedback from an oracle that knows the holdout, and the cost.
 *
 *   bench_tgen DIR [BUDGET]    DIR holds NAME.seeds.bz2 and NAME.holdout.bz2
 *
 * Without an argument: $SEXTANT_SHARED/data/splits; status 77 without data. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/addrset.h"
#include "common/clock.h"
#include "common/opt.h"
#include "common/reader.h"
#include "tgen/tgen.h"

enum { BATCH = 1000, MARKS = 7, BANDS = 24 };

static const uint64_t marks[MARKS] = {
	1000, 3000, 10000, 30000, 100000, 300000, 1000000
};

struct split {
	struct addrvec seeds;
	struct addrset *holdout;
};

struct score {
	uint64_t n, hits, at[MARKS];
	uint64_t train_ns, next_ns;
	uint64_t band_n[BANDS], band_hits[BANDS]; /* by -log2 p */
	double band_p[BANDS];
};

static int load_split(struct split *s, const char *dir, const char *name)
{
	struct addrvec holdout = { 0 };
	char path[4352];
	struct diag d = { { 0 } };
	int rc;

	*s = (struct split){ 0 };
	snprintf(path, sizeof(path), "%s/%s.seeds.bz2", dir, name);
	rc = reader_load(&s->seeds, path, NULL, &d);
	snprintf(path, sizeof(path), "%s/%s.holdout.bz2", dir, name);
	if (rc == 0)
		rc = reader_load(&holdout, path, NULL, &d);
	if (rc == 0)
		rc = addrvec_sort(&s->seeds);
	addrvec_unique(&s->seeds);
	s->holdout = addrset_new(holdout.n);
	for (size_t i = 0; rc == 0 && i < holdout.n; i++)
		addrset_add(s->holdout, holdout.a[i]);
	addrvec_fini(&holdout);
	if (rc < 0)
		fprintf(stderr, "%s: %s\n", name, diag_str(&d, rc));
	return rc;
}

static void count(struct score *sc, const struct tgen_candidate *c, bool hit)
{
	int band = c->p > 0 ? (int)-log2(c->p) : BANDS - 1;

	band = band < 0 ? 0 : band >= BANDS ? BANDS - 1 : band;
	sc->n++;
	sc->hits += hit;
	sc->band_n[band]++;
	sc->band_hits[band] += hit;
	sc->band_p[band] += c->p;
	for (unsigned i = 0; i < MARKS; i++)
		if (sc->n == marks[i])
			sc->at[i] = sc->hits;
}

static void run(struct score *sc, const struct split *s, uint64_t budget, bool online)
{
	struct tgen_candidate c[BATCH];
	struct tgen_result r[BATCH];
	struct tgen_config cfg = { .budget = budget };
	struct diag d = { { 0 } };
	struct tgen *g;
	uint64_t t = clock_mono_ns();
	int n = tgen_train(&g, &s->seeds, &cfg, &d);

	*sc = (struct score){ .train_ns = clock_mono_ns() - t };
	if (n < 0) {
		fprintf(stderr, "%s\n", diag_str(&d, n));
		return;
	}
	while (sc->n < budget) {
		t = clock_mono_ns();
		n = tgen_next(g, c, budget - sc->n < BATCH ? budget - sc->n : BATCH);
		sc->next_ns += clock_mono_ns() - t;
		if (n <= 0)
			break;
		for (int i = 0; i < n; i++) {
			bool hit = addrset_has(s->holdout, c[i].addr);

			count(sc, &c[i], hit);
			r[i] = (struct tgen_result){ c[i].addr, c[i].region, hit };
		}
		t = clock_mono_ns();
		if (online)
			tgen_feedback(g, r, (size_t)n);
		sc->next_ns += clock_mono_ns() - t;
	}
	tgen_free(g);
}

static void print_score(const char *name, const char *how, const struct score *sc,
                        const struct split *s)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	printf("%-13s %-7s", name, how);
	for (unsigned i = 0; i < MARKS; i++)
		printf(" %7" PRIu64, sc->n >= marks[i] ? sc->at[i] : sc->hits);
	printf("  recall %4.1f %%  train %5.3f s  %5.2f M/s  %3ld MiB\n",
	       100.0 * (double)sc->hits / (double)addrset_count(s->holdout),
	       (double)sc->train_ns / 1e9,
	       (double)sc->n * 1e3 / (double)(sc->next_ns + 1), ru.ru_maxrss / 1024);
	if (!getenv("BENCH_CALIBRATION"))
		return;
	for (unsigned i = 0; i < BANDS; i++)
		if (sc->band_n[i])
			printf("    p 2^-%-2u %9" PRIu64
			       " candidates, predicted %9.1f hits, "
			       "were %7" PRIu64 "\n",
			       i, sc->band_n[i], sc->band_p[i], sc->band_hits[i]);
}

/* The peak memory printed is that of the process so far. */
static int bench_split(const char *dir, const char *name, uint64_t budget)
{
	struct split s;
	struct score sc;

	if (load_split(&s, dir, name) < 0)
		return 1;
	run(&sc, &s, budget, false);
	print_score(name, "offline", &sc, &s);
	run(&sc, &s, budget, true);
	print_score(name, "online", &sc, &s);
	addrvec_fini(&s.seeds);
	addrset_free(s.holdout);
	return 0;
}

int main(int argc, char *argv[])
{
	static const char *const names[] = { "dense2019.10", "dense2019.50", "wide.10",
		                             "wide.50", "balanced.50" };
	const char *shared = getenv("SEXTANT_SHARED"), *only = getenv("BENCH_SPLIT");
	char dir[4096];
	uint64_t budget = 1000000;
	int rc = 0;

	if (argc > 2 && !opt_parse_count(&budget, argv[2]))
		return 2;
	snprintf(dir, sizeof(dir), "%s%s",
	         argc > 1 ? argv[1]
	         : shared ? shared
	                  : ".",
	         argc > 1 ? "" : "/data/splits");
	if (access(dir, R_OK) != 0) {
		fprintf(stderr, "skipped: no data in %s (set SEXTANT_SHARED)\n", dir);
		return 77;
	}
	printf("split         feedback  hits at 1k      3k     10k     30k    100k    "
	       "300k      1M\n");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!only || strcmp(only, names[i]) == 0)
			rc |= bench_split(dir, names[i], budget);
	return rc;
}
