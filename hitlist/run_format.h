/* hitlist/run_format.h - what run.c and run_writer.c agree on. */
#ifndef HITLIST_RUN_FORMAT_H
#define HITLIST_RUN_FORMAT_H

#include "common/checksum.h"
#include "hitlist/bytes.h"

#define RUN_MAGIC        "SXTRUN\r\n"
#define RUN_FOOTER_MAGIC "SXTRUNFT"

enum {
	/* Read too: 2, where the seen tier is BLOCK_KEYS; 1, where moreover blocks have
	 * 256 records and hosts are BLOCK_HOSTS_1. */
	RUN_VERSION = 3,
	RUN_VERSION_1 = 1,
	RUN_VERSION_2 = 2,
	RUN_HEADER = 32,
	RUN_INDEX_ENTRY = 32,
	RUN_FOOTER = 160,
	RUN_READ_MAX = 1 << 22, /* records in a run, for the reader */
	RUN_BLOCK = 128, /* records a block, as written; up to BLOCK_RECORDS are read */
	RUN_FILTER_ALIGN = 64,
	RUN_FILTER_BITS = 12, /* a key: 0.4 % false positives */

	/* header */
	RUN_H_VERSION = 8,     /* u16 */
	RUN_H_SCHEMA = 10,     /* u16 */
	RUN_H_BLOCK = 12,      /* u32: records a block */
	RUN_H_GENERATION = 16, /* u64 */
	RUN_H_CHECKSUM = 24,   /* u64 */

	/* index entry */
	RUN_I_OFFSET = 16,
	RUN_I_CHECKSUM = 24,

	/* footer */
	RUN_F_RECORDS = 8,
	RUN_F_BLOCKS = 16,
	RUN_F_MIN = 24,
	RUN_F_MAX = 40,
	RUN_F_GENERATION = 56,
	RUN_F_HEADER_SUM = 64,
	RUN_F_INDEX = 72, /* where it begins: the end of the blocks */
	RUN_F_INDEX_SUM = 80,
	RUN_F_FILTER = 88,
	RUN_F_FILTER_BYTES = 96,
	RUN_F_FILTER_SUM = 104,
	RUN_F_SIZE = 112, /* of the file */
	RUN_F_ZERO = 120, /* up to the checksum, for later versions */
	RUN_F_CHECKSUM = 152,
};

/* The filter's hash of a key. */
static inline uint64_t run_key_hash(struct addr128 a)
{
	uint8_t b[16];

	store_addr(b, a);
	return checksum64(b, sizeof(b), UINT64_C(0x53585446)); /* "SXTF" */
}

#endif
