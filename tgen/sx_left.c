/* How many addresses are left to be found?  The seeds alone do not say: a tenth
 * of a dense population looks like the half of a sparse one.  Two guesses, each
 * from a bold assumption, and what is between them.
 *
 * Where seeds are densest, all addresses are alive: then the share of addresses
 * there that are seeds is the share of the population that is known.  And: among
 * the likeliest candidates, a certain share is alive.  The former is measured on
 * the seeds, and counts three times what the latter does. */
#include "tgen/sx_front.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum {
	AROUND = 16,  /* addresses on either side */
	JUDGED = 30,  /* seeds to judge a share by */
	FIRST = 1000, /* likeliest candidates; less if there are few seeds */
	FEWEST = 20
};

static const float alive_first = 0.7f;
static const float least_left = 0.25f, most_left = 1000; /* times the seeds */

struct density {
	uint64_t seeds[2 * AROUND + 1], all[2 * AROUND + 1]; /* by seeds around */
};

/* All addresses of a run of seeds, none far from the next, and those around. */
static void count_run(struct density *d, const struct addr128 *a, uint32_t n)
{
	uint64_t end = a[n - 1].lo - a[0].lo + AROUND;
	uint32_t first = 0, last = 0, at = 0;

	for (uint64_t x = 0; x <= end + AROUND; x++) {
		bool is_seed;

		/* x - AROUND is the address, from the first seed on. */
		while (at < n && a[at].lo - a[0].lo + AROUND < x)
			at++;
		is_seed = at < n && a[at].lo - a[0].lo + AROUND == x;
		while (last < n && a[last].lo - a[0].lo <= x)
			last++;
		while (first < n && a[first].lo - a[0].lo + 2 * AROUND < x)
			first++;
		d->all[last - first - is_seed]++;
		d->seeds[last - first - is_seed] += is_seed;
	}
}

/* The highest share of seeds among addresses with so many seeds around them or
 * more; 0: not known. */
static float densest(const struct sx_model *m)
{
	struct density d = { { 0 }, { 0 } };
	uint64_t seeds = 0, all = 0;
	float best = 0;

	for (uint32_t i = 0, end; i < m->n; i = end) {
		for (end = i + 1; end < m->n; end++)
			if (m->seeds[end].hi != m->seeds[i].hi ||
			    m->seeds[end].lo - m->seeds[end - 1].lo > 2 * AROUND)
				break;
		if (end - i > 1)
			count_run(&d, &m->seeds[i], end - i);
	}
	for (unsigned c = 2 * AROUND + 1; c-- > 1;) {
		seeds += d.seeds[c];
		all += d.all[c];
		if (seeds >= JUDGED && (float)seeds > best * (float)all)
			best = (float)seeds / (float)all;
	}
	return best;
}

/* As how many must be left for the likeliest candidates c[0] .. c[n - 1] to be
 * alive as often as is assumed? */
static float left_by_first(const struct tgen_candidate *c, int n, float low, float high)
{
	for (unsigned step = 0; step < 24; step++) {
		float left = sqrtf(low * high);
		double alive = 0;

		for (int i = 0; i < n; i++)
			alive += (double)sx_alive(left * c[i].p);
		if (alive < (double)alive_first * n)
			low = left;
		else
			high = left;
	}
	return sqrtf(low * high);
}

int sx_estimate_left(struct sx_model *m)
{
	struct tgen_candidate *c = malloc(FIRST * sizeof(*c));
	size_t want = m->n < FIRST - FEWEST ? m->n + FEWEST : FIRST;
	float known = densest(m), all = (float)m->n;
	struct sx_front f;
	int n = -ENOMEM;

	if (!c)
		return n;
	m->left = 0; /* candidates have their bare probabilities */
	if (sx_front_init(&f, m) == 0)
		n = sx_front_next(&f, c, want);
	if (n > 0)
		m->left = left_by_first(c, n, least_left * all, most_left * all);
	if (n > 0 && known > 0)
		m->left = sqrtf(sqrtf(m->left) * powf(all * (1 - known) / known, 1.5f));
	m->left = fminf(fmaxf(m->left, least_left * all), most_left * all);
	sx_front_fini(&f);
	free(c);
	return n < 0 ? n : 0;
}
