/* Any bytes as bzip2: one thread gives what the stock library gives, to the last
 * byte before a fault, says the same, and of the same place.  Then once more with
 * the checksum of the first block put right, so that what else is wrong comes up. */
#include <stdio.h>

#include "common/bz2stock.h"
#include "tests/common/bz2ref.h"

enum { OUTPUT_MAX = 1 << 20, CRC_AT = 10, HEAD_SIZE = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(const uint8_t *data, size_t size)
{
	struct bz2mem m = { .data = data, .size = size, .piece = 1000 };
	static uint8_t out[2][OUTPUT_MAX];
	struct bz2ref want = { .out = out[0], .cap = OUTPUT_MAX };
	struct bz2ref got = { .out = out[1], .cap = OUTPUT_MAX };

	bz2ref_read(&want, data, size);
	bz2ref_ours(&got, &m, 0);
	if (!bz2ref_equal(&want, &got)) {
		fprintf(stderr,
		        "of %zu bytes: %d at %zu, %zu bytes; ours: %d at %zu, %zu\n",
		        size, want.rc, (size_t)want.offset, want.len, got.rc,
		        (size_t)got.offset, got.len);
		abort();
	}
}

static uint32_t checksum(const uint8_t *p, size_t n)
{
	uint32_t c = UINT32_MAX;

	while (n--) {
		c ^= (uint32_t)*p++ << 24;
		for (int k = 0; k < 8; k++)
			c = c << 1 ^ (c >> 31 ? 0x04c11db7 : 0);
	}
	return ~c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bz2out out = { .data = NULL };
	uint8_t *copy;
	uint32_t crc;
	size_t used;

	compare(data, size);
	if (size < CRC_AT + 4 || memcmp(data, "BZh", 3) || data[3] < '1' || data[3] > '9')
		return 0;
	copy = malloc(size);
	if (!copy)
		abort();
	memcpy(copy, data, size);
	bz2stock_decode(copy + HEAD_SIZE, 0, size - HEAD_SIZE, data[3] - '0', &out,
	                &used);
	if (out.len > BZ2_STOCK_LEAD && out.len < OUTPUT_MAX) {
		crc = checksum(out.data + BZ2_STOCK_LEAD, out.len - BZ2_STOCK_LEAD);
		for (int k = 0; k < 4; k++)
			copy[CRC_AT + k] = (uint8_t)(crc >> (24 - 8 * k));
		if (memcmp(copy + CRC_AT, data + CRC_AT, 4) != 0)
			compare(copy, size);
	}
	free(out.data);
	free(copy);
	return 0;
}
