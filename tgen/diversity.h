/* tgen/diversity.h - a share of the candidates for networks that got least.
 *
 * Most hits are in a few networks, and so are the best candidates.  This sets a
 * share of them aside for the others, whatever the algorithm: each of these goes
 * where it raises the expected number of networks (/32s) with a hit by the most,
 *
 *   P(it is a hit) * P(no candidate so far was one) ~ p * exp(-sum of p so far).
 *
 * What to try in a network with few seeds comes from all of them: how often a seed
 * has a sibling that differs in one nibble, by place, difference and kind of
 * identifier; how often its /64 has this or that common identifier; how often a /32
 * has an address at this or that common place.  Every network counts alike there.
 *
 * For the same seeds, candidates noted and feedback the sequence is the same. */
#ifndef TGEN_DIVERSITY_H
#define TGEN_DIVERSITY_H

#include "common/addrvec.h"
#include "tgen/model_file.h"
#include "tgen/tgen.h"

struct diversity;

#define DIVERSITY_SHARE 0.04 /* unless something else is wanted */

/* seeds: sorted, unique, at least one; only used during the call.  share: 0 to 1. */
int diversity_new(struct diversity **out, const struct addrvec *seeds, double share);
void diversity_free(struct diversity *v);

/* How many candidates of the algorithm come before the next of these; counts on
 * with each. */
size_t diversity_gap(const struct diversity *v);
void diversity_drawn(struct diversity *v, size_t n);

/* The next one: 1, 0 when there are no more, or -ENOMEM. */
int diversity_next(struct diversity *v, struct tgen_candidate *out);

/* Whether an address came out here. */
bool diversity_has(const struct diversity *v, struct addr128 a);

/* The algorithm's candidate came out.  0 or -ENOMEM. */
int diversity_note(struct diversity *v, struct addr128 a, float p);

/* Something in a's network is alive: it needs no more. */
void diversity_found(struct diversity *v, struct addr128 a);

/* The state apart from what seeds and share give; load() is for one just made of
 * the same. */
double diversity_share(const struct diversity *v);
void diversity_save(const struct diversity *v, struct model_out *out);
int diversity_load(struct diversity *v, struct model_in *in);

#endif
