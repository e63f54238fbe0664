/* tgen/seedless.h - candidates in announced prefixes that hold no seed.
 *
 * What lies in them is guessed from what lies at the same distance from the start
 * of other announced prefixes: the rate of an offset is the share of the prefixes
 * of that class (by length) in networks with seeds that have a seed there, ::1
 * before all.  Once something answers, addresses that differ from it in one digit
 * become candidates; how likely those are, by the place of the digit and the
 * difference, is measured among the seeds.  Both are corrected by what was found:
 * each /32, and each set of siblings in one digit, by (hits + k) / (expected + k).
 *
 * Candidates come out by falling probability.  For the same seeds, prefixes and
 * feedback the sequence is the same. */
#ifndef TGEN_SEEDLESS_H
#define TGEN_SEEDLESS_H

#include "common/addrvec.h"
#include "common/bgp.h"
#include "tgen/model_file.h"
#include "tgen/tgen.h"

struct seedless;

/* Announced prefixes of /24 to /64 count, as far as their /32 has no seed, and
 * where any of within (NULL: all) is in them.  seeds: sorted and unique.  All are
 * only used during the call. */
int seedless_new(struct seedless **out, const struct addrvec *seeds,
                 const struct bgp *bgp, const struct ivtab *within);
void seedless_free(struct seedless *s);

/* Whether an address lies in one of these prefixes. */
bool seedless_covers(const struct seedless *s, struct addr128 a);
size_t seedless_prefixes(const struct seedless *s);

/* The probability of the next candidate; 0: there is none. */
float seedless_best(const struct seedless *s);

/* The next candidate: 1, 0 when there are no more, or -ENOMEM. */
int seedless_next(struct seedless *s, struct tgen_candidate *out);

/* What became of one; addresses that never came out count, too. */
int seedless_feedback(struct seedless *s, struct addr128 a, bool alive);

/* Where it stands; load() is for one just made of the same seeds and prefixes. */
void seedless_save(const struct seedless *s, struct model_out *out);
int seedless_load(struct seedless *s, struct model_in *in);

#endif
