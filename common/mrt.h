/* common/mrt.h - routing table dumps: MRT TABLE_DUMP_V2 (RFC 6396, with ADDPATH
 * of RFC 8050 and RIB_GENERIC) and TABLE_DUMP.
 *
 * Of each route only the prefix, the peer and the origin are extracted: paths
 * are walked to their last segment, other attributes are skipped.  What is no
 * routing table (BGP4MP updates, state changes, ...) is counted and skipped.
 *
 * Archives are damaged now and then.  A record that contradicts itself is
 * skipped by its length; where no record can begin, the reader looks for the
 * next place where one does.  Both are counted. */
#ifndef COMMON_MRT_H
#define COMMON_MRT_H

#include "common/addr.h"
#include "common/bytes.h"
#include "common/err.h"

/* Peers by address and AS, numbered from 0 across all files. */
struct mrt_peers;
struct mrt_peers *mrt_peers_new(void); /* NULL: out of memory */
void mrt_peers_free(struct mrt_peers *p);
uint32_t mrt_peers_count(const struct mrt_peers *p);

/* One path of a route.  origin 0: not known (empty path, reserved AS numbers
 * only, malformed).  set_n > 0: an AS_SET of that many sorted, different ASes,
 * at sets[set_at] of the record, and origin is 0. */
struct mrt_entry {
	uint32_t peer, origin;
	uint32_t set_at, set_n;
};

struct mrt_rib {
	struct prefix prefix;
	uint32_t when; /* seconds since 1970, of the record */
	size_t n;
	const struct mrt_entry *entries; /* valid until the next call */
	const uint32_t *sets;
};

struct mrt_stats {
	uint64_t records;     /* of any kind */
	uint64_t routes;      /* records with routes */
	uint64_t entries;     /* paths */
	uint64_t other;       /* records that are no routing table */
	uint64_t malformed;   /* records that contradict themselves */
	uint64_t bad_paths;   /* entries whose path is malformed */
	uint64_t resyncs;     /* places where no record began */
	uint64_t lost_bytes;  /* skipped there */
	uint64_t trailing;    /* bytes of an incomplete record at the end */
	uint64_t peer_tables; /* PEER_INDEX_TABLE records */
};

struct mrt;

/* Whether a file that starts with these bytes (12 at least) may be MRT. */
bool mrt_sniff(const uint8_t *p, size_t n);

/* Both are borrowed as long as the reader lives. */
int mrt_new(struct mrt **out, struct bytes *b, struct mrt_peers *peers);
void mrt_free(struct mrt *m);

/* 1: the next record with routes, 0: the end, negative: no memory. */
int mrt_next(struct mrt *m, struct mrt_rib *r);
const struct mrt_stats *mrt_stats(const struct mrt *m);

/* AS numbers that never originate a public route: 0, AS_TRANS, documentation,
 * private use, reserved (RFC 7607, 6793, 5398, 6996, 7300). */
bool mrt_as_is_reserved(uint32_t as);

#endif
