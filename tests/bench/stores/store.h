/* tests/bench/stores/store.h - the stores that bench_hitlist compares: what each
 * does for load, update, lookup and scan.  Those of others are compiled in when
 * their headers are there.
 *
 * Every store is used as its manual says for this load: keys of 16 bytes in network
 * order, which sort as they read; values of 16 bytes for the others, a packed form
 * of host_record (tighter than ours, in their favour); large transactions; durable
 * when a function returns. */
#ifndef BENCH_STORE_H
#define BENCH_STORE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addrvec.h"
#include "hitlist/hitlist.h"

enum { TXN = 100000, VALUE = 16, KEY = 16 };

struct store {
	const char *name, *note;
	bool slow; /* one round, and a quarter of the records */
	void *(*open)(const char *dir, bool create);
	void (*load)(void *s, const struct addr128 *a, size_t n); /* ascending, unique */
	void (*update)(void *s, const struct addr128 *a, size_t n); /* in any order */
	bool (*find)(void *s, struct addr128 a);
	uint64_t (*scan)(void *s); /* how many records */
	void (*close)(void *s);
	void (*compact)(void *s); /* NULL: it does not need it */
};

extern const struct store store_sextant, store_seen, store_lmdb, store_rocksdb,
	store_sqlite;

static inline void store_must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench_hitlist: %s\n", what);
	exit(1);
}

/* What is known of an address in round r, out of the address itself. */
static inline struct host_record bench_record(struct addr128 a, unsigned round)
{
	uint64_t x = (a.hi ^ a.lo) * UINT64_C(0x9e3779b97f4a7c15);
	uint32_t now = 1780000000 + round * 86400 + (uint32_t)(x >> 40) % 7200;
	struct host_record h = {
		.addr = a,
		.first_seen = now - (uint32_t)(x >> 32 & 3) * 604800,
		.last_seen = now,
		.last_probed = now,
		.sources = 1 << SOURCE_DISCOVER,
	};
	unsigned s = (x >> 8 & 15) ? SERVICE_ICMP : SERVICE_TCP80;

	h.service_seen[s] = now;
	h.services = (uint8_t)(1U << s);
	return h;
}

/* The packed form: first, last, services, sources, streak, policy. */
struct bench_value {
	uint32_t first, last;
	uint16_t services, sources, streak, policy;
};
_Static_assert(sizeof(struct bench_value) == VALUE, "packed");

static inline struct bench_value bench_value(struct addr128 a, unsigned round)
{
	struct host_record h = bench_record(a, round);

	return (struct bench_value){ h.first_seen, h.last_seen, h.services,
		                     h.sources,    0,           0 };
}

/* As hitlists do: first the earlier, last the later, OR of the rest. */
static inline void bench_fold(struct bench_value *to, const void *old)
{
	struct bench_value o;

	memcpy(&o, old, sizeof(o));
	to->first = o.first < to->first ? o.first : to->first;
	to->last = o.last > to->last ? o.last : to->last;
	to->services |= o.services;
	to->sources |= o.sources;
}

/* A sorted copy without repeats. */
static inline void bench_sorted(struct addrvec *v, const struct addr128 *a, size_t n)
{
	*v = (struct addrvec){ 0 };
	store_must(addrvec_reserve(v, n) == 0, "out of memory");
	memcpy(v->a, a, n * sizeof(*a));
	v->n = n;
	store_must(addrvec_sort(v) == 0, "out of memory");
	addrvec_unique(v);
}

#endif
