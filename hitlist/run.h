/* hitlist/run.h - an immutable file of records in ascending order of address.
 *
 *   header   32 bytes: magic, version, schema, generation, checksum
 *   blocks   128 records each, the last one fewer (hitlist/block.h); how many
 *            is in the header, and up to 256 are read
 *   index    32 bytes a block: first key, offset, checksum of the block
 *   filter   blocked Bloom filter of all keys (common/bloom.h), 64-byte aligned
 *   footer   160 bytes: magic, counts, smallest and largest key, places and
 *            checksums of the other parts, checksum
 * Every checksum is XXH3-64 seeded with the offset of what it covers; padding
 * belongs to the part before it.  The footer's checksum vouches for header,
 * index and filter, and the index for the blocks, so it stands for the whole
 * file and is what the manifest holds.  Opening verifies all but the filter
 * (verified when first asked) and the blocks (verified whenever they are read).
 *
 * A run is mapped: it can be read while its name is gone from the directory.
 * Reading is thread-safe, and so is counting references. */
#ifndef HITLIST_RUN_H
#define HITLIST_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "hitlist/block.h"
#include "hitlist/hitlist.h"

enum run_schema {
	RUN_HOSTS = 1,   /* whole records */
	RUN_SEEN = 2,    /* keys and the bits of BLOCK_SEEN */
	RUN_HISTORY = 3, /* hitlist/history.h */
};

/* Bounds the memory of a writer: 20 MB.  Tests make it small. */
#ifndef RUN_MAX_RECORDS
#define RUN_MAX_RECORDS (1 << 21)
#endif

/* Runs end where the addresses say so, one in 2^RUN_CUT_BITS: so what is merged in
 * parts is cut as what is merged in one go. */
#ifndef RUN_CUT_BITS
#define RUN_CUT_BITS 20
#endif
static inline bool run_cuts_before(struct addr128 a)
{
	uint64_t x = (a.hi ^ (a.lo << 29 | a.lo >> 35)) * UINT64_C(0x9e3779b97f4a7c15);

	return x >> (64 - RUN_CUT_BITS) == 0;
}

struct run_summary {
	uint64_t records, bytes, generation, checksum;
	struct addr128 min, max;
};

struct run;

/* *out has one reference.  Errors name file and offset. */
int run_open(struct run **out, const char *path, struct diag *d);

/* The same for bytes in memory, 64-byte aligned, which stay the caller's. */
int run_open_bytes(struct run **out, const void *buf, size_t n, const char *name,
                   struct diag *d);
struct run *run_ref(struct run *r);
void run_unref(struct run *r);

const struct run_summary *run_summary(const struct run *r);
enum run_schema run_schema(const struct run *r);
const char *run_name(const struct run *r); /* the path it was opened by */

/* 1 (and *out unless it is NULL), 0: not there, or negative. */
int run_find(const struct run *r, struct addr128 a, struct host_record *out,
             struct diag *d);

/* Read every byte and believe none: 0, or the first fault. */
int run_check(const struct run *r, struct diag *d);

/* Records in order, from the first one not below `from`. */
struct run_cursor {
	const struct run *run;
	uint64_t block; /* the next to be unpacked */
	unsigned i, n;
	struct host_record rec[BLOCK_RECORDS];
};
int run_seek(struct run_cursor *c, const struct run *r, struct addr128 from,
             struct diag *d);
/* 1 and a record that is valid until the next call, 0 at the end, negative. */
int run_next(struct run_cursor *c, const struct host_record **out, struct diag *d);

/* Write: records ascend strictly (-EINVAL otherwise) and are at most
 * RUN_MAX_RECORDS; at least one.  A spill is read once and in order: it is not
 * synced, and its filter lets everything through.  close() without finish()
 * leaves no file. */
enum run_use { RUN_LASTING, RUN_SPILL };
struct run_writer;
int run_writer_open(struct run_writer **out, const char *path, enum run_schema schema,
                    uint64_t generation, enum run_use use, struct diag *d);
int run_writer_add(struct run_writer *w, const struct host_record *r);
uint64_t run_writer_records(const struct run_writer *w);
int run_writer_finish(struct run_writer *w, struct diag *d);
void run_writer_close(struct run_writer *w);

#endif
