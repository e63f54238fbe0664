/* tgen/sx_front.h - the frontier of the "sextant" algorithm: what may come
 * next, best first; private to it.
 *
 * An item is a prefix that was looked into: it knows what each of its sixteen
 * children costs, and which were taken.  Its place in the queue (buckets of an
 * eighth of an octave) is that of its best child left; a child that is not an
 * address yet costs, besides, what its best address is expected to cost.
 *
 * Items are never freed: they form the tree in which feedback is kept.  What was
 * found below an item, over what had been expected there, shrunk towards the
 * same ratio of its parent, is the factor by which all that is left below it
 * becomes likelier (a gamma prior on Poisson counts).  How much an item can
 * differ from its parent is learned too, for each class of items, from all of
 * them (negative binomial likelihood). */
#ifndef TGEN_SX_FRONT_H
#define TGEN_SX_FRONT_H

#include "tgen/sx_pool.h"
#include "tgen/sx_tail.h"
#include "tgen/tgen.h"

enum {
	SX_LEVELS = 1024,
	SX_LEVEL = SX_OCTAVE / 8,
	SX_CLASSES = 256,
	SX_RATES = 12,           /* values tried for the strength of a prior */
	SX_KINDRED = 3 * 32 * 8, /* how an address got its place, and what it is like */
	SX_SCALES = 64           /* classes of cost, in half octaves and more */
};

#define SX_NONE UINT32_MAX

enum sx_kind { SX_SEEDED, SX_NOVEL, SX_TAIL };

struct sx_item {
	struct addr128 prefix;
	uint32_t parent, next; /* next: in the queue */
	/* Its seeds; of SX_NOVEL, the seed of sx_place.lone; of SX_TAIL, its list
	 * and place in it. */
	uint32_t lo, n;
	int32_t cost;          /* of the prefix */
	int32_t best;          /* of its best child */
	float expected, found; /* feedback */
	float log_boost;       /* log2 of the factor */
	uint16_t left;         /* children not taken */
	uint16_t tried, alive; /* children below which something was probed, found */
	uint16_t seeds;        /* children that seeds have */
	uint32_t pops;         /* how many seeds each has: two bits of class */
	uint8_t depth, leave, leave_k, k, singles, kind, lone_from;
	uint16_t above; /* of its ancestors, the classes of how many seeds they have */
	uint16_t child[16]; /* what each costs in addition */
	union {
		struct sx_chains chains; /* in the identifier */
		int32_t list;            /* in the subnet: of sx_tails_find(); -1: none */
	};
};

struct sx_scale {
	float expected, found;
};

/* How children fare by what is known of the ones next to them. */
enum sx_state { SX_UNKNOWN, SX_SEED, SX_ALIVE, SX_DEAD, SX_STATES };

/* A child that other threads have looked into, before its turn has come. */
struct sx_early {
	uint32_t parent;
	unsigned v; /* 16: none */
	struct sx_item it;
};

enum { SX_EARLY = 1024 };

struct sx_front {
	const struct sx_model *m;
	struct sx_pool *pool; /* NULL: one thread */
	struct sx_early *early;
	unsigned n_early, next_early, rest;
	struct sx_tails *tails;
	struct sx_item *item;
	uint32_t n, cap;
	uint32_t head[SX_LEVELS];
	unsigned at; /* no item is in a level before it */
	int32_t ahead_seeded[SX_NIBBLES + 1][4], ahead_novel[SX_NIBBLES + 1],
		ahead_subnet[SX_NIBBLES + 1];
	struct prefix *pruned; /* sorted, disjoint */
	size_t n_pruned, cap_pruned;
	uint32_t *index; /* of items by prefix, for those who know only an address */
	unsigned index_bits;
	uint32_t indexed, indexed_cap;
	float strength[SX_CLASSES], score[SX_CLASSES][SX_RATES];
	struct sx_scale scale[SX_SCALES];
	struct sx_scale kindred[SX_KINDRED];
	float kindred_boost[SX_KINDRED]; /* log2 */
	struct sx_scale beside[SX_NIBBLES][2][SX_STATES][SX_STATES];
	int16_t beside_boost[SX_NIBBLES][2][SX_STATES][SX_STATES];
	struct tgen_result *pending; /* results that do not count yet */
	size_t n_pending, cap_pending;
	uint64_t emitted, fed, adapt_at, learn_at;
};

/* sx_left.c: guess m->left.  0 or -ENOMEM. */
int sx_estimate_left(struct sx_model *m);

/* A probability of being the next one found times how many are left is that of
 * being alive; what exceeds that is too good to be true. */
static inline float sx_alive(float x)
{
	return x < 0.5f ? x : 1 - 0.25f / x;
}

/* 0 or -ENOMEM; either way, finish it.  start: without items. */
int sx_front_init(struct sx_front *f, const struct sx_model *m);
int sx_front_start(struct sx_front *f, const struct sx_model *m);
void sx_front_fini(struct sx_front *f);

/* From now on, candidates come from so many threads: the same ones. */
void sx_front_threads(struct sx_front *f, unsigned threads);
int sx_front_next(struct sx_front *f, struct tgen_candidate *out, size_t max);
int sx_front_prune(struct sx_front *f, struct prefix p);
bool sx_front_pruned(const struct sx_front *f, struct addr128 prefix, unsigned len);
void sx_front_requeue(struct sx_front *f); /* after costs or boosts changed */
int sx_front_restore(struct sx_front *f, uint32_t parent, unsigned v);
uint32_t sx_front_find(struct sx_front *f, struct addr128 a);

/* sx_feedback.c.  Results wait for the next call of sx_front_next(), and count in
 * the order of their addresses: the order in which they came must not matter.
 * 0, -ENOMEM, or -EINVAL for a region that there is not. */
int sx_front_feedback(struct sx_front *f, const struct tgen_result *r, size_t n);
void sx_feedback_count(struct sx_front *f);
float sx_front_alive(const struct sx_front *f, uint32_t item, uint64_t iid, int32_t cost);
/* The class of an item whose next address is known but for its last nibble; -1:
 * it is not. */
int sx_kindred(const struct sx_item *it, uint64_t iid);
int sx_beside(const struct sx_item *it, unsigned v); /* index of a pair of states */
void sx_feedback_init(struct sx_front *f);
void sx_feedback_adapt(struct sx_front *f);

#endif
