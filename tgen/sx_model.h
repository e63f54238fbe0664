/* tgen/sx_model.h - the "sextant" model: P(the next address found is a);
 * private to it.
 *
 * An address is 32 nibbles, and its probability the product of theirs.  While
 * its prefix is one of a seed, a nibble either stays among the values that
 * seeds have there (in proportion to the seeds below, by a learned factor), or
 * leaves them, with an escape probability; from then on it is novel, and each
 * nibble is predicted from contexts: the same position under neighbouring
 * prefixes, the same interface identifier so far under the /56, /48, /32 and
 * anywhere, the shape so far, repeats.  Escape and novel nibbles are mixed from
 * many such estimates in the logistic domain (Mahoney, "Adaptive Weighing of
 * Context Models for Lossless Data Compression", 2005).
 *
 * Everything is learned from the seeds: a fold of them is held out, the tables
 * are built from the others, and the weights trained on predicting the fold.
 * Since seeds and what is still to be found are samples of one population,
 * expected hits are in proportion to these probabilities.
 *
 * The interface identifier of a novel subnet is predicted from what does not
 * depend on the subnet, so that its distribution can be shared: see sx_tail.h. */
#ifndef TGEN_SX_MODEL_H
#define TGEN_SX_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addrvec.h"
#include "common/rng.h"
#include "tgen/sx_table.h"

enum {
	SX_NIBBLES = 32,
	SX_SUBNET = 16, /* nibbles before the interface identifier */
	SX_CTX = 12,    /* contexts of a novel nibble */
	SX_CHAINS = 6,  /* contexts of the identifier, which a lone seed continues */
	SX_ESC = 14,    /* states of the escape */
	SX_LAGS = 5,
	SX_UP = 4,    /* ancestors that a prediction looks at */
	SX_SETS = 25, /* classes of leaving and distance from it */
	SX_SPANS = 8, /* of depths */
	SX_ESPANS = 12,
};

/* A prefix that seeds have: its seeds, and how they go on. */
struct sx_node {
	struct addr128 prefix;
	uint32_t lo, n;
	uint32_t at[17];   /* where the seeds of each value begin */
	uint8_t kinds[16]; /* of each value: how many values follow it */
	uint8_t depth, k, singles;
	uint16_t mask;
};

/* Of an ancestor: the class of its number of seeds, and of its values how many
 * there are, and how many with one seed. */
struct sx_up {
	uint8_t seeds, k, singles;
};

/* Of each chain of contexts, what is known: one of these, or the only seed that
 * has the path so far. */
#define SX_MIXED  UINT32_MAX /* the tables tell */
#define SX_NOBODY (UINT32_MAX - 1)

struct sx_chains {
	uint32_t seed[SX_CHAINS];
};

/* A place in the walk down.  node is NULL once the path has left the seeds. */
struct sx_place {
	struct addr128 a;
	unsigned depth, leave; /* leave: where it left; depth if it has not */
	unsigned leave_k;      /* values that the node there had */
	unsigned lone_from;    /* from this depth on, until it left, a prefix of one */
	uint32_t lone;         /* seed, this one; SX_NIBBLES + 1 if of none */
	const struct sx_node *node;
	struct sx_chains chains; /* of what precedes depth */
	struct sx_up up[SX_UP];  /* parent first; used with a node only */
};

struct sx_weights {
	float base[SX_CTX][SX_SPANS][4][12], set[SX_CTX][SX_SPANS][SX_SETS][6];
	float bias[SX_NIBBLES][16];
	float near[SX_SPANS][3][33], near_set[SX_SPANS][SX_SETS][33],
		both[SX_SPANS][3][36];
	float copy[SX_LAGS][SX_SPANS][5];
	float esc[SX_ESC][SX_ESPANS][8], esc_depth[SX_ESC][3][SX_NIBBLES],
		esc_bias[SX_NIBBLES][4], esc_own[SX_NIBBLES], esc_up[SX_NIBBLES][16],
		esc_mass[SX_CTX][SX_ESPANS][6];
	float stay[SX_SPANS][5][9], stay_depth[SX_NIBBLES][7][12],
		stay_kinds[SX_SPANS][5][7][9];
};

enum { SX_N_WEIGHTS = sizeof(struct sx_weights) / sizeof(float) };

struct sx_model {
	const struct addr128 *seeds;
	uint32_t n;
	struct sx_counts counts;
	struct sx_events events;
	uint8_t suffix[SX_NIBBLES][256][16]; /* counts after two nibbles; saturate */
	uint8_t *common; /* of each seed: nibbles in common with the one before it */
	struct sx_weights w;
	float left; /* how many are taken to be left to find; 0: not known yet */
	float log_count[256];
};

/* Of one novel nibble: the inputs, which are logarithms of the counts, and the
 * prediction. */
struct sx_novel {
	struct sx_hist hist[SX_CTX];
	float mass[SX_CTX];
	uint8_t ctx[SX_CTX], conf[SX_CTX]; /* which, and how much it has seen */
	struct sx_chains chains;           /* of what precedes depth, now looked up */
	unsigned n, span, dist, set, few;
	uint16_t barred; /* values that are not novel */
	int8_t near[16], both[16], copy_value[SX_LAGS], copy_len[SX_LAGS];
	float p[16];
};

struct sx_escape {
	uint64_t hash[SX_ESC];
	float in[16], mass[SX_CTX], p;
	uint8_t conf[SX_ESC], ctx[SX_CTX], mass_conf[SX_CTX];
	unsigned n_mass, depth, span, pop, up;
	bool fixed; /* known, not learned */
};

/* sx_node.c */
void sx_node_init(struct sx_node *nd, const struct sx_model *m, struct addr128 prefix,
                  unsigned depth, uint32_t lo, uint32_t n);
static inline uint32_t sx_node_count(const struct sx_node *nd, unsigned v)
{
	return nd->at[v + 1] - nd->at[v];
}
/* Narrow seeds *lo .. *lo + *n - 1 to those with nibble v at depth. */
void sx_narrow(const struct sx_model *m, unsigned depth, unsigned v, uint32_t *lo,
               uint32_t *n);
static inline struct addr128 sx_prefix(struct addr128 a, unsigned depth)
{
	if (depth >= SX_SUBNET)
		a.lo &= depth == 16 ? 0 : ~UINT64_C(0) << (128 - 4 * depth) % 64;
	else
		a = (struct addr128){ depth ? a.hi & ~UINT64_C(0) << (64 - 4 * depth) : 0,
			              0 };
	return a;
}
void sx_up_push(struct sx_up up[SX_UP], const struct sx_node *nd);

/* sx_context.c: hashes of what a prediction depends on; 0: does not apply. */
enum { SX_CTX_SUFFIX = 9 }; /* not hashed */
void sx_context_hashes(const struct sx_place *pl, uint64_t out[SX_CTX]);
extern const uint8_t sx_chain_context[SX_CHAINS];
uint64_t sx_chain_hash(unsigned chain, struct addr128 a, unsigned depth);
uint64_t sx_gap_hash(struct addr128 a, unsigned depth, uint16_t mask, bool local);
void sx_escape_hashes(const struct sx_place *pl, uint32_t n, unsigned k, uint16_t mask,
                      uint64_t out[SX_ESC]);
enum { SX_ESC_MASK = 3, SX_ESC_ZERO = 5 };
void sx_escape_mask_hashes(const struct sx_place *pl, uint32_t n, unsigned k,
                           uint16_t mask, uint64_t out[SX_ESC]);
unsigned sx_class_seeds(uint32_t n); /* 0..15 */
unsigned sx_class_pop(uint32_t n);   /* 0..3 */
unsigned sx_class_kinds(unsigned k); /* 0..4 */
unsigned sx_span(unsigned depth);    /* 0..SX_SPANS-1 */

/* sx_chain.c: what a chain knows one nibble further; and its counts from all
 * seeds, 0 or -ENOMEM. */
struct sx_chains sx_chains_step(const struct sx_chains *c, const struct sx_model *m,
                                unsigned depth, unsigned v);
int sx_chains_build(struct sx_model *m);
static inline struct sx_chains sx_chains_start(void)
{
	return (struct sx_chains){ { SX_MIXED, SX_MIXED, SX_MIXED, SX_MIXED, SX_MIXED,
		                     SX_MIXED } };
}

/* sx_build.c: fill the tables from the seeds; 0 or -ENOMEM. */
int sx_build(struct sx_model *m);
void sx_model_init(struct sx_model *m, const struct addr128 *seeds, uint32_t n);
void sx_model_fini(struct sx_model *m);

/* sx_mix.c: predictions, and learning from what came.  grad and rate are of
 * AdaGrad (Duchi, Hazan and Singer, JMLR 2011). */
struct sx_learner {
	const struct sx_model *m;
	struct sx_weights sum_sq;
	struct sx_weights *w;
	float rate;
};
void sx_novel_inputs(struct sx_novel *nv, const struct sx_model *m,
                     const struct sx_place *pl);
void sx_novel_mix(struct sx_novel *nv, const struct sx_model *m,
                  const struct sx_place *pl);
void sx_novel_learn(struct sx_learner *l, const struct sx_novel *nv, unsigned depth,
                    unsigned value);
/* First begin, so that what it needs can come from memory meanwhile.  nv: the
 * inputs at the same place, or NULL. */
void sx_escape_begin(struct sx_escape *e, const struct sx_model *m,
                     const struct sx_place *pl);
void sx_escape_mix(struct sx_escape *e, const struct sx_model *m,
                   const struct sx_place *pl, const struct sx_novel *nv);
void sx_escape_learn(struct sx_learner *l, const struct sx_escape *e, bool left);
void sx_stay_mix(float p[16], const struct sx_model *m, const struct sx_node *nd);
void sx_stay_learn(struct sx_learner *l, const struct sx_node *nd, const float p[16],
                   unsigned value);
float sx_exp(float x);
float sx_log(float x);
/* Costs of the values in units of 1/SX_OCTAVE (sx_tail.h): of p[v] * by. */
void sx_costs(int32_t out[16], const float p[16], float by);

/* sx_train.c: weights and tables from the seeds, the same for any number of
 * threads.  0 or -ENOMEM. */
int sx_train(struct sx_model *m, uint64_t seed, unsigned threads);

#endif
