/* entropy: every nibble by itself, per network.
 *
 *   Foremski, Plonka, Berger: "Entropy/IP: Uncovering Structure in IPv6 Addresses",
 *   IMC 2016, section 4: how the values of a nibble are spread over the addresses
 *   of a network, nibble by nibble.
 *
 * The paper goes on to segments of nibbles, mined values and a Bayesian network
 * between segments, and draws at random from it; none of that is here (a patent
 * was applied for).  This is the plain model below it, as a baseline: the nibbles of a /32
 * are independent of each other, each with the frequencies that the seeds there
 * show, and 1/16 seed more for each value, so that unseen ones are possible.  An
 * address of a network with n seeds has the expectation n times the product of its
 * nibbles' frequencies.
 *
 * Candidates come in bands of falling expectation, each sqrt(2) wide, network by
 * network within a band.  In a network the addresses of a band are found by depth
 * first search over the nibbles, most frequent values first; a branch is left as
 * soon as the best that it could come to is below the band, so that none is entered
 * for nothing.  Offline: the model makes no use of results. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tgen/peer.h"

enum { FROM = 8, DIMS = 32 - FROM, TURN = 1024, BANDS = 200 };
#define PRIOR (1 / 16.0)

struct network {
	struct addr128 base;
	float cost[DIMS][16]; /* -log2 of the frequency, ascending */
	uint8_t value[DIMS][16];
	float least[DIMS + 1]; /* cost of the best way from here to the end */
	float own;             /* -log2 of the number of seeds */
};

struct entropy {
	struct network *net;
	uint32_t n, at; /* net[at] is being searched */
	unsigned band;
	float floor; /* cost where the first band begins */
	/* The search: the way down to depth, and which value is next at each. */
	uint8_t rank[DIMS + 1];
	float sum[DIMS + 1];
	int depth; /* negative: not begun */
};

static void entropy_free(void *core)
{
	struct entropy *e = core;

	if (!e)
		return;
	free(e->net);
	free(e);
}

static void learn_nibble(struct network *w, unsigned i, const struct addr128 *a, size_t n)
{
	uint32_t of[16] = { 0 };
	bool taken[16] = { false };

	for (size_t k = 0; k < n; k++)
		of[addr_nibble(a[k], FROM + i)]++;
	for (unsigned rank = 0; rank < 16; rank++) {
		unsigned best = 16;

		for (unsigned v = 0; v < 16; v++)
			if (!taken[v] && (best == 16 || of[v] > of[best]))
				best = v;
		taken[best] = true;
		w->value[i][rank] = (uint8_t)best;
		w->cost[i][rank] =
			(float)-log2((of[best] + PRIOR) / ((double)n + 16 * PRIOR));
	}
}

static void learn(struct network *w, const struct addr128 *a, size_t n)
{
	w->base = prefix_make(a[0], 4 * FROM).addr;
	w->own = (float)-log2((double)n);
	w->least[DIMS] = 0;
	for (unsigned i = DIMS; i-- > 0;) {
		learn_nibble(w, i, a, n);
		w->least[i] = w->least[i + 1] + w->cost[i][0];
	}
}

static size_t end_of(const struct addrvec *seeds, size_t i)
{
	size_t k = i;

	while (k < seeds->n &&
	       addr_common_bits(seeds->a[i], seeds->a[k]) >= (unsigned)(4 * FROM))
		k++;
	return k;
}

static int train_entropy(void **core, const struct addrvec *seeds, uint64_t seed,
                         struct diag *d)
{
	struct entropy *e = calloc(1, sizeof(*e));
	size_t n = 0;

	(void)seed;
	(void)d;
	if (!e)
		return -ENOMEM;
	for (size_t i = 0; i < seeds->n; i = end_of(seeds, i))
		n++;
	e->net = malloc(n * sizeof(*e->net));
	if (!e->net) {
		entropy_free(e);
		return -ENOMEM;
	}
	e->floor = INFINITY;
	e->depth = -1;
	for (size_t i = 0; i < seeds->n; i = end_of(seeds, i)) {
		struct network *w = &e->net[e->n++];

		learn(w, seeds->a + i, end_of(seeds, i) - i);
		e->floor = fminf(e->floor, w->own + w->least[0]);
	}
	*core = e;
	return 0;
}

/* Go on to the next network, or band. */
static void advance(struct entropy *e)
{
	e->depth = -1;
	if (++e->at < e->n)
		return;
	e->at = 0;
	e->band++;
}

/* The first n nibbles after the network's, as the search has them. */
static struct addr128 way(const struct entropy *e, int n)
{
	const struct network *w = &e->net[e->at];
	struct addr128 a = w->base;

	for (int k = 0; k < n; k++)
		a = addr_set_nibble(a, (unsigned)(FROM + k), w->value[k][e->rank[k] - 1]);
	return a;
}

/* The next address of the network whose cost is in the band; false: no more. */
static bool search(struct entropy *e, const struct peer *p, struct addr128 *a)
{
	const struct network *w = &e->net[e->at];
	float from = e->floor + 0.5F * (float)e->band, to = from + 0.5F;

	if (e->depth < 0) {
		e->depth = 0;
		e->rank[0] = 0;
		e->sum[0] = w->own;
	}
	while (e->depth >= 0) {
		int i = e->depth;
		float sum;

		if (e->rank[i] == 16 ||
		    e->sum[i] + w->cost[i][e->rank[i]] + w->least[i + 1] >= to) {
			e->depth--;
			continue;
		}
		sum = e->sum[i] + w->cost[i][e->rank[i]++];
		if (i + 1 < DIMS) {
			if ((FROM + i + 1) % 4 == 0 &&
			    peer_pruned(p, prefix_make(way(e, i + 1),
			                               4 * (unsigned)(FROM + i + 1))))
				continue;
			e->depth++;
			e->rank[i + 1] = 0;
			e->sum[i + 1] = sum;
		} else if (sum >= from) {
			*a = way(e, DIMS);
			e->sum[DIMS] = sum;
			return true;
		}
	}
	return false;
}

static int entropy_step(void *core, struct peer *p)
{
	struct entropy *e = core;
	struct addr128 a;

	if (e->band >= BANDS)
		return 0;
	if (e->depth < 0 && peer_pruned(p, prefix_make(e->net[e->at].base, 4 * FROM))) {
		advance(e);
		return 1;
	}
	for (unsigned k = 0; k < TURN; k++) {
		if (!search(e, p, &a)) {
			advance(e);
			return 1;
		}
		if (peer_offer(p, a, e->at, exp2((double)-e->sum[DIMS])) < 0)
			return -ENOMEM;
	}
	return 1;
}

static uint64_t entropy_regions(const void *core)
{
	const struct entropy *e = core;

	return e->n;
}

static const struct peer_core peer_entropy = { train_entropy, entropy_free, entropy_step,
	                                       NULL, entropy_regions };

PEER_ALGORITHM(entropy, "entropy",
               "each nibble by itself, by its frequencies in the /32 (plain Entropy/IP)");
