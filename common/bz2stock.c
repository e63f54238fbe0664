#include "common/bz2stock.h"

#include <bzlib.h>
#include <stdlib.h>
#include <string.h>

/* The library takes whole streams, of which the first block begins with a byte.
 * Before a block that does not, there is another one, of one byte and as many bits
 * as it takes: what is behind it stays where it is in its bytes. */
enum {
	HEAD_SIZE = 4,   /* "BZh" and the level */
	FIRST_SIZE = 22, /* whole bytes of that first block */
	LEAD_BYTE = 'a',
	OUT_MIN = 1 << 16,
	/* Of a text that ends amid a repetition, the library counts only the bytes that
	 * have filled what it was given. */
	OUT_STEP = 4096,
};

#define LEAD_CRC UINT32_C(0x19939b6b)

static void put_bits(uint8_t *p, unsigned *bit, uint64_t v, unsigned n)
{
	while (n--) {
		p[*bit / 8] |= (uint8_t)((v >> n & 1) << (7 - *bit % 8));
		++*bit;
	}
}

/* A stream up to the end of a block that ends extra bits behind a byte. */
static void begin_stream(uint8_t head[HEAD_SIZE + FIRST_SIZE + 1], unsigned level,
                         unsigned extra)
{
	unsigned bit = HEAD_SIZE * 8;

	memset(head, 0, HEAD_SIZE + FIRST_SIZE + 1);
	memcpy(head, "BZh", 3);
	head[3] = (uint8_t)('0' + level);
	put_bits(head, &bit, BZ2_BLOCK_MAGIC, BZ2_MAGIC_BITS);
	put_bits(head, &bit, LEAD_CRC, BZ2_CRC_BITS);
	put_bits(head, &bit, 0, 1 + 24); /* not randomised; row 0 */
	put_bits(head, &bit, 0x8000 >> LEAD_BYTE / 16, 16);
	put_bits(head, &bit, 0x8000 >> LEAD_BYTE % 16, 16);
	put_bits(head, &bit, 2, 3);          /* codes */
	put_bits(head, &bit, 1 + extra, 15); /* selectors: more than it takes */
	put_bits(head, &bit, 0, 1 + extra);
	/* In both codes the three words have two bits. */
	put_bits(head, &bit, 2 << 3, 5 + 3);
	put_bits(head, &bit, 2 << 3, 5 + 3);
	put_bits(head, &bit, 0, 2); /* once the only byte */
	put_bits(head, &bit, 2, 2); /* the end */
}

static int reserve(struct bz2out *out, size_t cap)
{
	uint8_t *p;

	if (cap <= out->cap)
		return 0;
	p = realloc(out->data, cap);
	if (!p)
		return -ENOMEM;
	out->data = p;
	out->cap = cap;
	return 0;
}

/* Let it have n bytes.  0: it has them; or as bz2stock_decode(). */
static int feed(bz_stream *s, uint8_t *in, size_t n, struct bz2out *out)
{
	int bz;

	s->next_in = (char *)in;
	s->avail_in = (unsigned)n;
	do {
		if (out->cap - out->len < OUT_STEP && reserve(out, out->cap * 2) < 0)
			return -ENOMEM;
		s->next_out = (char *)out->data + out->len;
		s->avail_out = OUT_STEP;
		bz = BZ2_bzDecompress(s);
		out->len += OUT_STEP - s->avail_out;
	} while (bz == BZ_OK && (s->avail_in || !s->avail_out));
	if (bz == BZ_OK)
		return 0;
	return bz == BZ_MEM_ERROR ? -ENOMEM : ERR_FORMAT;
}

int bz2stock_decode(uint8_t *in, unsigned from, size_t n, unsigned level,
                    struct bz2out *out, size_t *used)
{
	uint8_t head[HEAD_SIZE + FIRST_SIZE + 1];
	bz_stream s = { .opaque = NULL };
	int rc;

	begin_stream(head, level, from);
	in[0] = (uint8_t)((in[0] & 0xff >> from) | head[HEAD_SIZE + FIRST_SIZE]);
	out->len = 0;
	*used = 0;
	if (reserve(out, OUT_MIN) < 0)
		return -ENOMEM;
	if (BZ2_bzDecompressInit(&s, 0, 0) != BZ_OK)
		return -ENOMEM;
	rc = feed(&s, head, HEAD_SIZE + FIRST_SIZE, out);
	if (rc == 0) {
		rc = feed(&s, in, n, out);
		*used = n - s.avail_in;
	}
	BZ2_bzDecompressEnd(&s);
	return rc ? rc : ERR_TRUNC;
}
