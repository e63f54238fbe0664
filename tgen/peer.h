/* tgen/peer.h - published algorithms, written anew from their papers, to compare
 * with; private to tgen/.
 *
 * What they share is here: no seed and nothing twice comes out, results find the
 * region that they belong to, and the state can be saved.  A core (struct
 * peer_core) is the algorithm itself: it offers addresses, a step at a time.
 *
 * Memory: 24 to 48 bytes a seed and 28 to 60 a candidate for the table of what
 * came out, besides what the core needs.  A model file holds no tables but a
 * journal, 5 bytes a result and 13 for 4096 candidates: loading learns again from
 * the seeds, and repeats what happened, which a checksum in the journal has to
 * confirm.  Hence loading takes as long as it took to get there. */
#ifndef TGEN_PEER_H
#define TGEN_PEER_H

#include "tgen/algorithm.h"
#include "tgen/peer_range.h"

struct peer;

struct peer_core {
	/* As in struct tgen_algorithm. */
	int (*train)(void **core, const struct addrvec *seeds, uint64_t seed,
	             struct diag *d);
	void (*free)(void *core);

	/* Offer some more addresses: 1, or 0 when there are no more, or negative.
	 * Results may come in between any two steps. */
	int (*step)(void *core, struct peer *p);

	/* An address that was offered with this region, and taken, is alive or
	 * not; told once for each.  NULL: makes no use of it. */
	void (*feedback)(void *core, uint32_t region, bool alive);

	uint64_t (*regions)(const void *core);
};

/* Offer an address; prob is what the core thinks of it, as a probability.  1:
 * taken; 0: a seed, or it came before, or nobody wants it; -ENOMEM. */
int peer_offer(struct peer *p, struct addr128 a, uint32_t region, double prob);

/* Whether all of a prefix is known to be of no use. */
bool peer_pruned(const struct peer *p, struct prefix x);

/* Offer *a, which is in a range, and go on to the next of it; where nobody wants
 * any of a prefix, to the first one behind.  As peer_offer(); *more: there is a
 * next one. */
int peer_offer_from(struct peer *p, struct peer_range r, struct addr128 *a, bool *more,
                    uint32_t region, double prob);

/* The functions of a struct tgen_algorithm, but for train and load, which have to
 * say which core is meant. */
int peer_train(void **state, const struct peer_core *core, const struct addrvec *seeds,
               uint64_t seed, struct diag *d);
int peer_load(void **state, const struct peer_core *core, const struct addrvec *seeds,
              struct model_in *in, struct diag *d);
void peer_free(void *state);
int peer_next(void *state, struct tgen_candidate *out, size_t max);
int peer_feedback(void *state, const struct tgen_result *r, size_t n);
int peer_prune(void *state, struct prefix x);
int peer_save(const void *state, struct model_out *out);
uint64_t peer_regions(const void *state);

/* tgen_NAME, from the core peer_NAME. */
#define PEER_ALGORITHM(id, label, what)                                                 \
	static int id##_train(void **state, const struct addrvec *seeds, uint64_t seed, \
	                      struct diag *d)                                           \
	{                                                                               \
		return peer_train(state, &peer_##id, seeds, seed, d);                   \
	}                                                                               \
	static int id##_load(void **state, const struct addrvec *seeds,                 \
	                     struct model_in *in, struct diag *d)                       \
	{                                                                               \
		return peer_load(state, &peer_##id, seeds, in, d);                      \
	}                                                                               \
	const struct tgen_algorithm tgen_##id = {                                       \
		.name = label,                                                          \
		.summary = what,                                                        \
		.version = 1,                                                           \
		.train = id##_train,                                                    \
		.free = peer_free,                                                      \
		.next = peer_next,                                                      \
		.feedback = peer_feedback,                                              \
		.prune = peer_prune,                                                    \
		.save = peer_save,                                                      \
		.load = id##_load,                                                      \
		.regions = peer_regions,                                                \
	}

#endif
