/* hitlist/block.h - up to 256 records packed into a few bytes each.
 *
 * Layout, little-endian:
 *   u16           records
 *   nibbles       bytes in each key delta, less one; low nibble first
 *   key deltas    each key less the one before it (the first: less 0)
 * BLOCK_SEEN has two columns more, of the bits that are kept of an address tried:
 *   sources, last_probed / SEEN_PERIOD
 * which are one value each in most blocks, and so cost 5 bytes; BLOCK_HOSTS has one
 * column per field, in the order of struct host_record:
 *   services, first_seen, last_seen, last_probed - last_seen, fail_streak,
 *   sources, policy, injected (BLOCK_HOSTS_1: not), then for each service that occurs, of the records that
 *   have it: last_seen - service_seen
 * A column is a kind byte and then, whichever is smallest,
 *   0x00 | w   one value of w bytes (0..4) that all records have
 *   0x10 | w   a base of 4 bytes and an integer of w bytes (1..4) per record;
 *              0 stands for 0, x for base + x - 1
 *   0x20 | k   k + 1 values of 4 bytes, and a nibble per record choosing one
 * Differences are modulo 2^32, zigzag coded.  The width is one per column, not
 * one per value, so that a record can be read without those before it. */
#ifndef HITLIST_BLOCK_H
#define HITLIST_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hitlist/hitlist.h"

enum {
	BLOCK_RECORDS = 256, /* at most */
	/* count, nibbles, keys, and 8 + SERVICES columns at their widest */
	BLOCK_BYTES_MAX = 2 + 128 + 16 * 256 + (8 + SERVICES) * (5 + 4 * 256),
};

enum block_kind { BLOCK_KEYS, BLOCK_SEEN, BLOCK_HOSTS_1, BLOCK_HOSTS };

/* Pack 1..256 records in strictly ascending order; returns the length. */
size_t block_encode(uint8_t out[static BLOCK_BYTES_MAX], const struct host_record *r,
                    unsigned n, enum block_kind kind);

/* Unpack all; returns the number of records, or -1 when the bytes are none of
 * ours (any bytes are safe to pass).  Of BLOCK_KEYS and BLOCK_SEEN only what they
 * hold is set, and the caller has cleared the rest. */
int block_decode(struct host_record out[static BLOCK_RECORDS], const uint8_t *p, size_t n,
                 enum block_kind kind);

/* Find one record: 1 (and *out when it is not NULL), 0 or -1. */
int block_find(const uint8_t *p, size_t n, enum block_kind kind, struct addr128 a,
               struct host_record *out);

#endif
