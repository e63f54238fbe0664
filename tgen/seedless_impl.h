/* tgen/seedless_impl.h - the state of a struct seedless: what learning
 * (seedless_learn.c), choosing (seedless_heap.c) and the rest share. */
#ifndef TGEN_SEEDLESS_IMPL_H
#define TGEN_SEEDLESS_IMPL_H

#include "common/addrset.h"
#include "common/ivtab.h"
#include "common/pfxmap.h"
#include "tgen/seedless.h"

enum {
	SEEDLESS_CLASSES = 7, /* of sites */
	SEEDLESS_ROOT = 32,   /* length of the networks that are judged as a whole */
	SEEDLESS_NIBBLE = 8,  /* siblings differ in this digit or a later one */
	NIBBLES = 32,
	DELTAS = 31, /* differences of two digits, -15 to 15 */
	NOWHERE = UINT32_MAX,
};

struct rate {
	struct addr128 offset;
	float p;
};

struct rates { /* by falling p */
	struct rate *r;
	size_t n;
};

struct stream { /* the candidates of one announced prefix */
	struct addr128 base;
	uint32_t at; /* in the rates of its class */
	uint8_t class;
};

struct root {              /* a /32, or a shorter prefix, with its streams */
	uint32_t first, n; /* a heap of streams, the best one first */
	uint32_t hits;
	double expected; /* of the streams' candidates that were judged */
};

struct group { /* the siblings of a host in one digit */
	struct addr128 base;
	uint8_t nibble, value; /* value: the host's digit */
	uint16_t gone;         /* digits that need not come any more */
	uint32_t hits;
	double expected;
};

struct emitted {
	struct addr128 addr;
	float rate; /* 0: as a sibling */
};

struct judged {
	struct addr128 addr;
	bool alive;
};

struct seedless {
	struct rates rates[SEEDLESS_CLASSES];
	double sibling[NIBBLES][DELTAS], mean[NIBBLES];
	struct stream *streams;
	size_t n_streams;
	struct root *roots;
	uint32_t n_roots;
	struct pfxmap root_of; /* by /32 */
	struct ivtab *covered;
	struct group *groups;
	uint32_t n_groups, cap_groups;
	struct pfxmap group_of; /* by address without the digit, and the digit's place */
	/* A heap of roots and, behind them, groups, by what their next one promises. */
	uint32_t *heap, *place;
	uint32_t n_heap, cap_heap;
	double *key;        /* by member: 0..n_roots-1 roots, then groups */
	struct pfxmap seen; /* candidates that came out or were judged: index + 1 */
	struct emitted *emitted;
	size_t n_emitted, cap_emitted;
	struct judged *judged;
	size_t n_judged, cap_judged;
};

static inline struct addr128 root_key(struct addr128 a)
{
	return prefix_make(a, SEEDLESS_ROOT).addr;
}

/* An announced prefix of /32 to /64 is a site; a shorter one, down to /24, has one
 * in each of its /32, which are of a class of their own.  Site k of e: false when
 * there is none. */
struct seedless_site {
	struct prefix prefix;
	uint8_t class;
};
bool seedless_site(struct seedless_site *out, const struct bgp_entry *e, uint32_t k);

/* Whether the /32 that the prefix is in has a seed. */
bool seedless_holds_seed(const struct addrvec *seeds, struct prefix p);

/* Fill rates, sibling and mean.  0 or -ENOMEM. */
int seedless_learn(struct seedless *s, const struct addrvec *seeds,
                   const struct bgp *bgp);

/* The heap: room for so many members; a member's promise is now this (0: it has
 * nothing more).  0 or -ENOMEM. */
int seedless_heap_room(struct seedless *s, uint32_t members);
void seedless_set_key(struct seedless *s, uint32_t member, double key);

#endif
