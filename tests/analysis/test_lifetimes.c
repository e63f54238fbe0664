#include "tests/test.h"

#include <unistd.h>

#include "analysis/lifetimes.h"
#include "common/rng.h"

enum { HOSTS = 80, DAYS = 25, DAY = 86400, T0 = 1700000000 / DAY * DAY };

/* What happened, in full. */
struct world {
	bool up[HOSTS][DAYS];
	unsigned born[HOSTS];
	uint64_t fresh[DAYS], came[DAYS], went[DAYS], now[DAYS];
	struct spell {
		unsigned days;
		bool ended;
	} spells[HOSTS * DAYS];
	unsigned n;
};

/* The history keeps seven transitions: so many at most. */
static void live(struct world *w, struct rng *r)
{
	for (unsigned h = 0; h < HOSTS; h++) {
		unsigned changes = 0, start = 0;
		bool up = rng_below(r, 2);

		w->born[h] = (unsigned)rng_below(r, 5);
		w->fresh[w->born[h]]++;
		for (unsigned d = w->born[h]; d < DAYS; d++) {
			bool was = d > w->born[h] && w->up[h][d - 1];

			if (d > w->born[h] && changes < 6 && rng_below(r, 5) == 0) {
				up = !up;
				changes++;
			}
			w->up[h][d] = up;
			w->now[d] += up;
			w->came[d] += up && !was;
			w->went[d] += !up && was;
			if (up && !was)
				start = d;
			if (!up && was)
				w->spells[w->n++] = (struct spell){ d - start, true };
		}
		if (up)
			w->spells[w->n++] = (struct spell){ DAYS - 1 - start, false };
	}
}

/* The state of a day, as its probes tell it. */
static void commit(struct hitlist *hl, const struct world *w, unsigned d)
{
	struct host_record r[HOSTS];
	struct diag diag = { "" };
	size_t n = 0;

	for (unsigned h = 0; h < HOSTS; h++) {
		if (d < w->born[h])
			continue;
		r[n] = (struct host_record){ .addr = { 0x2001048000000000, h },
			                     .first_seen = T0 + w->born[h] * DAY,
			                     .last_probed = T0 + d * DAY };
		if (w->up[h][d])
			r[n].service_seen[SERVICE_ICMP] = T0 + d * DAY;
		else
			r[n].fail_streak = 1;
		host_record_normalise(&r[n++]);
	}
	assert_int_equal(hitlist_add(hl, r, n, NULL, &diag), 0);
}

/* By the definition, a spell at a time. */
static double survival(const struct world *w, unsigned days, uint64_t *known)
{
	double share = 1;

	for (unsigned d = 0; d < days; d++) {
		double ended = 0, at_risk = 0;

		for (unsigned i = 0; i < w->n; i++) {
			at_risk += w->spells[i].days >= d;
			ended += w->spells[i].days == d && w->spells[i].ended;
		}
		share *= at_risk > 0 ? 1 - ended / at_risk : 1;
	}
	*known = 0;
	for (unsigned i = 0; i < w->n; i++)
		*known += w->spells[i].days >= days;
	return share;
}

static void check(const struct lifetimes *l, const struct world *w)
{
	assert_int_equal(l->latest, T0 / DAY + DAYS - 1);
	assert_int_equal(l->spells, w->n);
	for (unsigned d = 0; d < DAYS; d++) {
		uint64_t known, expected;
		double share = lifetimes_survival(l, d, &known);

		assert_int_equal(l->fresh[DAYS - 1 - d], w->fresh[d]);
		assert_int_equal(l->came[DAYS - 1 - d], w->came[d]);
		assert_int_equal(l->went[DAYS - 1 - d], w->went[d]);
		assert_int_equal(l->up[DAYS - 1 - d], w->now[d]);
		assert_float_equal(share, survival(w, d, &expected), 1e-12);
		assert_int_equal(known, expected);
	}
}

static void days_and_spells_are_those_that_were(void **state)
{
	struct lifetimes *l = malloc(sizeof(*l));
	struct rng r;

	(void)state;
	assert_non_null(l);
	rng_init(&r, 1);
	for (unsigned round = 0; round < 3; round++) {
		struct world *w = calloc(1, sizeof(*w));
		char dir[] = "/tmp/sextant-test.XXXXXX", sub[64], command[80];
		struct diag d = { "" };
		struct hitlist *hl;

		assert_non_null(w);
		live(w, &r);
		assert_non_null(mkdtemp(dir));
		snprintf(sub, sizeof(sub), "%s/hl", dir);
		assert_int_equal(hitlist_open(&hl, sub, HITLIST_CREATE, &d), 0);
		for (unsigned day = 0; day < DAYS; day++)
			commit(hl, w, day);
		assert_int_equal(lifetimes_read(l, hl, T0 + (DAYS - 1) * DAY, &d), 0);
		hitlist_close(hl);
		snprintf(command, sizeof(command), "rm -rf %s", dir);
		assert_int_equal(system(command), 0);
		check(l, w);
		free(w);
	}
	free(l);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(days_and_spells_are_those_that_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
