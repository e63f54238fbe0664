/* hitlist/journal_format.h - what journal.c and journal_reader.c agree on. */
#ifndef HITLIST_JOURNAL_FORMAT_H
#define HITLIST_JOURNAL_FORMAT_H

#include "common/checksum.h"
#include "hitlist/bytes.h"

#define JOURNAL_MAGIC "SXTOBS\r\n"

enum {
	JOURNAL_VERSION = 1,
	JOURNAL_HEADER = 32,
	JOURNAL_FRAME = 24,
	JOURNAL_PAYLOAD_MAX = 1 << 20,
	JOURNAL_PREFIX = 17,

	/* header */
	JOURNAL_H_VERSION = 8,  /* u16 */
	JOURNAL_H_SOURCE = 10,  /* u16 */
	JOURNAL_H_ZERO = 12,    /* u32 */
	JOURNAL_H_CREATED = 16, /* u64 microseconds */
	JOURNAL_H_CHECKSUM = 24,

	/* frame */
	JOURNAL_F_TYPE = 0,      /* u8, three zero bytes */
	JOURNAL_F_LENGTH = 4,    /* u32 */
	JOURNAL_F_PAYLOAD = 8,   /* u64: checksum of the payload */
	JOURNAL_F_CHECKSUM = 16, /* u64: of the 16 bytes before */
};

enum journal_frame_type {
	JOURNAL_OBSERVED = 1,
	JOURNAL_TRIED,
	JOURNAL_ALIASED,
	JOURNAL_END,
};

#endif
