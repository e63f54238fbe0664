/* hitlist/guard_impl.h - the parts of the guard: what guard.c (which prefixes
 * to test) and guard_run.c (how one is tested) share.  Private to them.
 *
 * Everything refers to everything else by index, since the vectors move when
 * they grow; NONE is no index.  Queues are linked through the items, so that
 * nothing that follows from an answer or a timeout needs memory. */
#ifndef HITLIST_GUARD_IMPL_H
#define HITLIST_GUARD_IMPL_H

#include "common/addrset.h"
#include "common/pfxmap.h"
#include "hitlist/hitlist.h"

#define NONE UINT32_MAX

enum {
	GUARD_STEP = 4,      /* bits between the lengths that are tested */
	GUARD_SHORTEST = 48, /* lengths of prefixes that are tested */
	GUARD_LONGEST = 120,
	GUARD_SITE = 48,      /* tests are spread over prefixes of this length */
	GUARD_NET = 64,       /* every one with a hit is pre-tested */
	GUARD_SCOUT_LEN = 112 /* the pre-test stays this near to the hit */
};

enum node_state {
	NODE_NEW,
	NODE_WAITING,     /* queued or under test */
	NODE_UNLIKELY,    /* the pre-test was silent: not aliased, on weak evidence */
	NODE_NOT_ALIASED, /* a child was silent */
	NODE_ALIASED,     /* every child answered, or a shorter prefix is aliased */
};

/* A prefix that has been counted or tested. */
struct node {
	struct prefix prefix;
	uint32_t hits, probed;  /* /64: since its first hit; longer: since watched */
	uint32_t next_scan;     /* /64: look for dense regions at this many hits */
	uint32_t newest;        /* /64: the last of its hits */
	uint32_t watching;      /* /64: watched regions in it */
	uint32_t test;          /* the latest test of it */
	uint32_t from;          /* the aliased child that led to this test */
	uint32_t next_in_line;  /* of the backlog */
	uint32_t next_verdict;  /* of the verdicts to be fetched */
	uint16_t aliased_below; /* shorter than /64: children that hold aliased ones */
	uint8_t state;          /* enum node_state */
	bool watched, scouted, told, telling;
	bool suspect; /* /64: an aliased region has been found in it */
};

struct hit {
	uint64_t iid;
	uint32_t older; /* hit in the same /64 */
};

struct list {
	uint32_t head, tail;
};

/* The tests inside one /48. */
struct site {
	struct list backlog; /* nodes */
	struct list ready;   /* tests with probes to send */
	uint32_t active, negatives;
	uint32_t next; /* site with work */
	bool queued;
};

enum test_place { PLACE_FREE, PLACE_READY, PLACE_WAIT, PLACE_DONE };

enum { CHILDREN = 16, SCOUT = CHILDREN, STAGES = 4 };

/* Children are told apart by bits; bit SCOUT is the pre-test. */
struct test {
	struct addr128 addr[CHILDREN + 1];
	uint64_t deadline_ns;
	uint32_t todo, sent, answered;
	uint32_t node, site, prev, next;
	uint8_t order[CHILDREN];
	uint8_t stage, tries;
	uint8_t place; /* enum test_place */
};

struct guard {
	uint64_t seed, timeout_ns, now_ns;
	unsigned rounds;
	const struct ivtab *known_aliased;

	struct addrset *alive;
	struct pfxmap node_of, site_of;
	struct node *nodes;
	struct hit *hits;
	struct site *sites;
	struct test *tests;
	uint32_t n_nodes, n_hits, n_sites, n_tests;
	uint32_t cap_nodes, cap_hits, cap_sites, cap_tests;

	uint64_t *scratch; /* to sort the hits of a /64 */
	size_t cap_scratch;

	struct list work;       /* sites */
	struct list wait, done; /* tests: by deadline */
	uint32_t free_test;
	struct list verdicts; /* nodes */
	size_t pending;
	bool out_of_memory; /* something was left undone: told by every later call */
};

/* Room for one more item of a vector; may move it.  0 or -ENOMEM. */
int guard_grow(void **items, uint32_t n, uint32_t *cap, size_t size);

/* The node of p, made when absent; NONE: out of memory. */
uint32_t guard_node(struct guard *g, struct prefix p);
uint32_t guard_find(const struct guard *g, struct prefix p);

/* A prefix shorter than p, of those tested, is aliased. */
bool guard_is_covered(const struct guard *g, struct prefix p);

/* Queue node n for a test; from: the child that led to it, or NONE. */
void guard_schedule(struct guard *g, uint32_t n, uint32_t from);

/* Node n has been decided: draw the conclusions.  scout: the address whose
 * answer led to the test, or NULL. */
void guard_decided(struct guard *g, uint32_t n, const struct addr128 *scout);

#endif
