/* The journal reader on any bytes: as they are, and with right checksums. */
#include <stdlib.h>
#include <string.h>

#include "hitlist/journal.h"
#include "hitlist/journal_format.h"

static int observed(void *ctx, const struct observation *o)
{
	struct host_record h;

	(void)ctx;
	host_record_from_observation(&h, o, SOURCE_SCAN);
	return 0;
}

static int tried(void *ctx, struct addr128 a)
{
	(void)ctx;
	(void)a;
	return 0;
}

static int aliased(void *ctx, struct prefix p)
{
	(void)ctx;
	return p.len > 128 ? -1 : 0;
}

static void visit(const uint8_t *p, size_t n)
{
	const struct journal_visitor v = { observed, tried, aliased, NULL };
	struct journal_reader *r;

	if (journal_reader_open_bytes(&r, p, n, "fuzz", NULL) < 0)
		return;
	journal_visit(r, &v, NULL);
	if (journal_reader_torn(r) > n)
		abort();
	journal_reader_close(r);
}

static void sign_all(uint8_t *p, size_t n)
{
	size_t at = JOURNAL_HEADER;

	memcpy(p, JOURNAL_MAGIC, 8);
	store16(p + JOURNAL_H_VERSION, JOURNAL_VERSION);
	store64(p + JOURNAL_H_CHECKSUM, checksum64(p, JOURNAL_H_CHECKSUM, 0));
	while (n - at >= JOURNAL_FRAME) {
		uint8_t *f = p + at;
		size_t length = load32(f + JOURNAL_F_LENGTH);

		if (length <= n - at - JOURNAL_FRAME)
			store64(f + JOURNAL_F_PAYLOAD,
			        checksum64(f + JOURNAL_FRAME, length, at));
		store64(f + JOURNAL_F_CHECKSUM, checksum64(f, JOURNAL_F_CHECKSUM, at));
		if (length > n - at - JOURNAL_FRAME)
			break;
		at += JOURNAL_FRAME + length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);

	if (!copy)
		abort();
	visit(data, size);
	if (size)
		memcpy(copy, data, size);
	if (size >= JOURNAL_HEADER)
		sign_all(copy, size);
	visit(copy, size);
	free(copy);
	return 0;
}
