/* What may come out of the target generator: of ten million candidates none is a
 * seed, came before, is on the blocklist, in an aliased prefix, or outside
 * 2000::/3.  Prints how many were checked, and fails at the first that may not be.
 *
 *   bench_tgen_rules DIR [BUDGET]    DIR holds wide.50.seeds.bz2
 *
 * Without an argument: $SEXTANT_SHARED/data/splits; status 77 without data. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/addrset.h"
#include "common/opt.h"
#include "common/reader.h"
#include "tgen/tgen.h"

enum { BATCH = 1000, EVERY = 50 };

/* The /40 of every 50th seed is blocked, the /64 of the one after it aliased. */
struct world {
	struct addrvec seeds;
	struct ivtab *blocked, *aliased;
	struct scope *scope;
};

static int make_world(struct world *w, const char *path, struct diag *d)
{
	struct ivtab_builder *b = ivtab_builder_new(), *a = ivtab_builder_new();
	struct scope_config sc = { .blocked = NULL };
	int rc = b && a ? reader_load(&w->seeds, path, NULL, d) : -ENOMEM;

	if (rc >= 0)
		rc = addrvec_sort(&w->seeds);
	addrvec_unique(&w->seeds);
	for (size_t i = 0; i + 1 < w->seeds.n && rc >= 0; i += EVERY) {
		rc = ivtab_add(b, prefix_make(w->seeds.a[i], 40), 1);
		if (rc >= 0)
			rc = ivtab_add(a, prefix_make(w->seeds.a[i + 1], 64), 1);
	}
	if (rc >= 0)
		rc = ivtab_build(&w->blocked, b);
	if (rc >= 0)
		rc = ivtab_build(&w->aliased, a);
	sc.blocked = w->blocked;
	if (rc >= 0)
		rc = scope_new(&w->scope, &sc, d);
	ivtab_builder_free(b);
	ivtab_builder_free(a);
	return rc;
}

static const char *wrong_with(const struct world *w, struct addrset *seen,
                              struct addr128 a)
{
	if (a.hi >> 61 != 1)
		return "outside 2000::/3";
	if (addrvec_contains(&w->seeds, a))
		return "a seed";
	if (ivtab_covers(w->blocked, a))
		return "blocked";
	if (ivtab_covers(w->aliased, a))
		return "aliased";
	return addrset_add(seen, a) == 1 ? NULL : "twice";
}

static int check(const struct world *w, uint64_t budget, struct diag *d)
{
	struct tgen_config cfg = { .budget = budget,
		                   .scope = w->scope,
		                   .aliased = w->aliased };
	struct addrset *seen = addrset_new(budget);
	struct tgen_candidate c[BATCH];
	uint64_t n = 0;
	struct tgen *g;
	int rc = seen ? tgen_train(&g, &w->seeds, &cfg, d) : -ENOMEM;

	if (rc < 0)
		return rc;
	while (n < budget && rc >= 0) {
		rc = tgen_next(g, c, budget - n < BATCH ? budget - n : BATCH);
		if (rc == 0)
			break;
		for (int i = 0; i < rc; i++) {
			const char *wrong = wrong_with(w, seen, c[i].addr);
			char text[ADDR_STRLEN];

			if (!wrong) {
				n++;
				continue;
			}
			addr_format(text, c[i].addr);
			rc = diag_set(d, -EINVAL, "%s: %s", text, wrong);
		}
	}
	printf("%" PRIu64 " candidates checked from %zu seeds: %s\n", n, w->seeds.n,
	       rc < 0 ? "wrong" : "none is a seed, twice, blocked, aliased or outside");
	tgen_free(g);
	addrset_free(seen);
	return rc < 0 ? rc : n < budget ? diag_set(d, -EINVAL, "they ended early") : 0;
}

int main(int argc, char *argv[])
{
	const char *shared = getenv("SEXTANT_SHARED");
	struct world w = { .scope = NULL };
	struct diag d = { "" };
	uint64_t budget = 10000000;
	char path[4096];
	int rc;

	if (argc > 2 && !opt_parse_count(&budget, argv[2]))
		return 2;
	snprintf(path, sizeof(path), "%s%s/wide.50.seeds.bz2",
	         argc > 1 ? argv[1]
	         : shared ? shared
	                  : ".",
	         argc > 1 ? "" : "/data/splits");
	if (access(path, R_OK) != 0) {
		fprintf(stderr, "skipped: no %s (set SEXTANT_SHARED)\n", path);
		return 77;
	}
	rc = make_world(&w, path, &d);
	if (rc >= 0)
		rc = check(&w, budget, &d);
	if (rc < 0)
		fprintf(stderr, "%s\n", diag_str(&d, rc));
	scope_free(w.scope);
	ivtab_free(w.blocked);
	ivtab_free(w.aliased);
	addrvec_fini(&w.seeds);
	return rc < 0;
}
