/* cli/flights.h - what discover keeps in order: candidates on their way, and
 * observations put aside. */
#ifndef CLI_FLIGHTS_H
#define CLI_FLIGHTS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/addr.h"
#include "common/err.h"
#include "common/observation.h"

/* A candidate on its way: a ring of these, in the order sent. */
struct flight {
	struct addr128 addr;
	uint32_t region;
	uint64_t due_ns;
};

struct flights {
	struct flight *f;
	size_t head, n, cap;
};

struct obsvec {
	struct observation *o;
	size_t n, cap;
};

/* 0 or -ENOMEM. */
int flights_push(struct flights *q, struct flight f);

/* The oldest one, if it is due. */
bool flights_pop_due(struct flights *q, uint64_t now_ns, struct flight *out);
void flights_fini(struct flights *q);

int obsvec_push(struct obsvec *v, const struct observation *o); /* 0 or -ENOMEM */
void obsvec_fini(struct obsvec *v);

#endif
