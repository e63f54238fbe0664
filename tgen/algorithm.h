/* tgen/algorithm.h - what a target generation algorithm provides; private to
 * tgen/.
 *
 * tgen.c owns what is common: filters, counts, shards, the model file.  An
 * algorithm knows nothing of scope, blocklists or aliased prefixes, except that
 * prune() tells it where it wastes its time. */
#ifndef TGEN_ALGORITHM_H
#define TGEN_ALGORITHM_H

#include "tgen/model_file.h"
#include "tgen/tgen.h"

struct tgen_algorithm {
	const char *name, *summary;
	uint32_t version; /* of its part of the model file, and of its sequence */

	/* seeds: sorted, unique, at least one, and theirs until free(). */
	int (*train)(void **state, const struct addrvec *seeds, uint64_t seed,
	             struct diag *d);
	/* Optional: the same on so many threads; and from now on next(). */
	int (*train_on)(void **state, const struct addrvec *seeds, uint64_t seed,
	                unsigned threads, struct diag *d);
	void (*threads)(void *state, unsigned threads);
	void (*free)(void *state);

	/* At most max candidates: none a seed, none that came before.  0: no
	 * more.  How the calls are cut must not matter to the sequence. */
	int (*next)(void *state, struct tgen_candidate *out, size_t max);
	int (*feedback)(void *state, const struct tgen_result *r, size_t n);
	int (*prune)(void *state, struct prefix p);

	/* The state apart from the seeds; load() must bear any bytes. */
	int (*save)(const void *state, struct model_out *out);
	int (*load)(void **state, const struct addrvec *seeds, struct model_in *in,
	            struct diag *d);
	uint64_t (*regions)(const void *state);
};

extern const struct tgen_algorithm tgen_space_tree, tgen_sextant;
/* Those of others: tgen/peer.h. */
extern const struct tgen_algorithm tgen_sixtree, tgen_det, tgen_entropy, tgen_low_byte,
	tgen_pattern, tgen_sixgen, tgen_sixgraph, tgen_sixforest;

#endif
