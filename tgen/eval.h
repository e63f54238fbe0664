/* tgen/eval.h - how good a generator is on addresses whose truth is known.
 *
 * A trial learns from seeds and asks for candidates; an oracle that knows the
 * held-out addresses says which of them are hits.  Only that oracle, and the
 * scores, ever look at the held-out addresses. */
#ifndef TGEN_EVAL_H
#define TGEN_EVAL_H

#include "common/addrset.h"
#include "common/bgp.h"
#include "tgen/tgen.h"

enum { EVAL_MARKS = 32, EVAL_DECILES = 10 };

/* The state of a trial after so many candidates; distinct prefixes and ASes are
 * those of the hits. */
struct eval_mark {
	uint64_t candidates, hits, p64, p48, p32, as;
	double expected; /* sum of the predicted probabilities */
};

/* One candidate, for calibration: its probability, and whether it was a hit. */
struct eval_point {
	float p;
	bool hit;
};

struct eval_trial {
	struct eval_mark mark[EVAL_MARKS];
	unsigned n_marks; /* the last one is where the trial ended */
	struct eval_point *points;
	size_t n_points;
	uint64_t seeds, holdout;    /* how many there were */
	uint64_t train_ns, next_ns; /* CPU time */
	double scale; /* holdout by seeds: what p is to be multiplied with */
};

struct eval_setup {
	struct tgen_config config; /* algorithm, seed, scope, aliased ... */
	uint64_t budget;
	uint64_t rounds;       /* times that answers are given back; 0: never */
	const struct bgp *bgp; /* counts ASes; may be NULL */
};

/* seeds and holdout sorted and unique; what both have counts as a seed.  The
 * trial is freed by eval_fini(), also after a failure. */
int eval_run(struct eval_trial *t, const struct eval_setup *setup,
             const struct addrvec *seeds, const struct addrvec *holdout, struct diag *d);
void eval_fini(struct eval_trial *t);

/* How addresses are parted: by a keyed hash of their prefix of that length, or of
 * the AS that announces them (those that none does go by their /32). */
struct eval_folds {
	uint32_t n;
	uint8_t length;          /* 1 to 128 */
	const struct bgp *by_as; /* NULL: by length */
	uint64_t seed;
};

/* Fold f: *out gets the addresses in it, *in all others; both are appended to.
 * 0 or -ENOMEM. */
int eval_fold(struct addrvec *in, struct addrvec *out, const struct addrvec *all,
              const struct eval_folds *folds, uint32_t f);

/* Add a trial of another fold: counts are summed, points collected (*from is
 * emptied of them).  Trials that ended early count with their last mark.  0 or
 * -ENOMEM. */
int eval_add(struct eval_trial *sum, struct eval_trial *from);

/* The points by falling probability, cut into tenths of equal size. */
struct eval_decile {
	uint64_t candidates, hits;
	double p_least, expected; /* expected: sum of p times the trial's scale */
};
void eval_deciles(struct eval_trial *t, struct eval_decile out[static EVAL_DECILES]);

/* Mean surprise of the points in bits a candidate (-log2 of the probability that
 * the prediction, scaled, gave to what happened), and the same for one
 * prediction for all of them, the mean rate. */
void eval_log_loss(const struct eval_trial *t, double *bits, double *flat);

#endif
