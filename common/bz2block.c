#include "common/bz2block.h"

#include <endian.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/bz2bwt.h"

/* A block (there is no standard; J. Gilbert describes it in "bzip2 format
 * specification"): magic, checksum, a bit, the row of the text; which bytes occur;
 * 2 to 6 codes, and for every 50 symbols, which of them; then the symbols.  A symbol
 * says how far in front the next byte of the column is in the list of recently seen
 * ones; two symbols are the digits of the number of times that the front is
 * repeated. */
enum {
	ORIGIN_BITS = 24,
	CODES_MIN = 2,
	CODES_MAX = 6,
	SELECTORS_MAX = 1 << 15,
	GROUP = 50, /* symbols of one selector */
	WORD_MAX = 20,
	SYMBOLS_MAX = 258, /* two digits, 255 places, the end */
	LOOKUP_BITS = 11,
	LEVEL_SIZE = 100000,
	FRONT = 8, /* places of the list that are in a register */
	REST = 16,
	MOVE = 16,
	NO_WORD = 511 << 5,
};

/* Bits at p - n / 8 and on, the next one highest in buf: n of them. */
struct bits {
	const uint8_t *start, *p;
	const uint8_t *end; /* .p is not beyond it before the next symbols */
	uint64_t buf;
	unsigned n;
	bool bad; /* it went on behind the end */
};

/* A prefix code.  lookup[the next LOOKUP_BITS bits]: symbol << 5 | length of its
 * word, or 0: a longer word. */
struct code {
	uint16_t lookup[1 << LOOKUP_BITS];
	/* The words of length k, as the highest of WORD_MAX bits, are below limit[k],
	 * and belong to symbols[first[k] + what they are over start[k]]. */
	uint32_t limit[WORD_MAX + 1], start[WORD_MAX + 1];
	uint16_t first[WORD_MAX + 1];
	uint16_t symbols[SYMBOLS_MAX];
};

struct bz2block {
	struct bz2bwt bwt;
	struct code codes[CODES_MAX];
	uint8_t selectors[SELECTORS_MAX];
	unsigned n_codes, n_selectors, n_symbols;
	uint8_t used[256]; /* the bytes that occur, in order */
	unsigned n_used;
};

/* The bytes of the column, the one seen last first: FRONT of them are in front, the
 * next one lowest, and the others in rest from REST on, with memory to spare at both
 * ends for moves of sixteen. */
struct recent {
	uint64_t front;
	uint8_t rest[16 + 256];
};

/* The column so far. */
struct column {
	uint32_t *runs;
	uint32_t byte, repeats; /* the run that goes on */
	uint32_t digit;         /* what a digit is worth */
	uint32_t length, max;   /* without that run */
};

/* ---- bits --------------------------------------------------------------------- */

/* At least 56 bits, of which those behind the end are anything. */
static inline void refill(struct bits *b)
{
	uint64_t x;

	memcpy(&x, b->p, sizeof(x));
	b->buf |= be64toh(x) >> b->n;
	b->p += (63 - b->n) >> 3;
	b->n |= 56;
}

static inline void drop(struct bits *b, unsigned n)
{
	b->buf <<= n;
	b->n -= n;
}

/* The next n, 1 to 48, bits. */
static uint64_t look(struct bits *b, unsigned n)
{
	if (b->p <= b->end) {
		refill(b);
	} else if (b->n < n) {
		b->bad = true;
		b->n = 64;
	}
	return b->buf >> (64 - n);
}

static uint64_t take(struct bits *b, unsigned n)
{
	uint64_t v = look(b, n);

	drop(b, n);
	return v;
}

static size_t position(const struct bits *b)
{
	return (size_t)(b->p - b->start) * 8 - b->n;
}

static void begin_bits(struct bits *b, const uint8_t *in, size_t from, size_t limit)
{
	*b = (struct bits){ .start = in, .p = in + from / 8 };
	/* It reads up to eight bytes ahead. */
	b->end = in + limit / 8 + 8;
	if (from % 8)
		take(b, from % 8);
}

/* ---- codes -------------------------------------------------------------------- */

static void make_lookup(struct code *c, const uint8_t *lengths, unsigned n)
{
	uint32_t at[WORD_MAX + 1];

	memcpy(at, c->start, sizeof(at));
	memset(c->lookup, 0, sizeof(c->lookup));
	for (unsigned s = 0; s < n; s++) {
		unsigned len = lengths[s];
		uint32_t from = at[len] >> (WORD_MAX - LOOKUP_BITS);

		at[len] += 1U << (WORD_MAX - len);
		if (len > LOOKUP_BITS)
			continue;
		for (uint32_t i = 0; i < 1U << (LOOKUP_BITS - len); i++)
			c->lookup[from + i] = (uint16_t)(s << 5 | len);
	}
}

/* Words of equal length are in the order of their symbols, and behind the shorter
 * ones.  False: there are more words than that leaves room for. */
static bool make_code(struct code *c, const uint8_t *lengths, unsigned n)
{
	unsigned count[WORD_MAX + 1] = { 0 }, at[WORD_MAX + 1], sum = 0;
	uint32_t word = 0;

	for (unsigned s = 0; s < n; s++)
		count[lengths[s]]++;
	for (unsigned len = 1; len <= WORD_MAX; len++) {
		c->start[len] = word;
		word += count[len] << (WORD_MAX - len);
		c->limit[len] = word;
		c->first[len] = (uint16_t)sum;
		at[len] = sum;
		sum += count[len];
	}
	if (word > 1U << WORD_MAX)
		return false;
	for (unsigned s = 0; s < n; s++)
		c->symbols[at[lengths[s]]++] = (uint16_t)s;
	make_lookup(c, lengths, n);
	return true;
}

/* Lengths as steps up (10) and down (11) from one to the next; 0 ends a symbol. */
static bool read_lengths(struct bits *b, uint8_t *lengths, unsigned n)
{
	unsigned len = (unsigned)take(b, 5);

	for (unsigned s = 0; s < n; s++) {
		for (;;) {
			if (len < 1 || len > WORD_MAX || b->bad)
				return false;
			if (!take(b, 1))
				break;
			len += take(b, 1) ? -1U : 1U;
		}
		lengths[s] = (uint8_t)len;
	}
	return !b->bad;
}

static bool read_codes(struct bz2block *d, struct bits *b)
{
	uint8_t lengths[SYMBOLS_MAX];

	for (unsigned c = 0; c < d->n_codes; c++)
		if (!read_lengths(b, lengths, d->n_symbols) ||
		    !make_code(&d->codes[c], lengths, d->n_symbols))
			return false;
	return true;
}

/* ---- what stands before the symbols ---------------------------------------------- */

/* 16 bits say which sixteens have a byte that occurs; then each of those its own. */
static bool read_used(struct bz2block *d, struct bits *b)
{
	unsigned sixteens = (unsigned)take(b, 16);

	d->n_used = 0;
	for (unsigned i = 0; i < 16; i++) {
		unsigned own = sixteens >> (15 - i) & 1 ? (unsigned)take(b, 16) : 0;

		for (unsigned k = 0; k < 16; k++)
			if (own >> (15 - k) & 1)
				d->used[d->n_used++] = (uint8_t)(i * 16 + k);
	}
	d->n_symbols = d->n_used + 2;
	return d->n_used > 0 && !b->bad;
}

/* How many codes are before it in the list of recently used ones: ones, and a 0. */
static bool read_selectors(struct bz2block *d, struct bits *b)
{
	uint8_t list[CODES_MAX] = { 0, 1, 2, 3, 4, 5 };

	d->n_codes = (unsigned)take(b, 3);
	d->n_selectors = (unsigned)take(b, 15);
	if (d->n_codes < CODES_MIN || d->n_codes > CODES_MAX || !d->n_selectors)
		return false;
	for (unsigned i = 0; i < d->n_selectors; i++) {
		uint64_t ahead = look(b, CODES_MAX);
		unsigned place = 0;
		uint8_t code;

		while (place < d->n_codes && ahead >> (CODES_MAX - 1 - place) & 1)
			place++;
		if (place == d->n_codes)
			return false;
		drop(b, place + 1);
		code = list[place];
		memmove(list + 1, list, place);
		list[0] = d->selectors[i] = code;
	}
	return !b->bad;
}

/* ---- symbols --------------------------------------------------------------------- */

/* The word at the highest of bits, longer than LOOKUP_BITS: as in lookup[]. */
static unsigned long_word(const struct code *c, uint64_t bits)
{
	uint32_t v = (uint32_t)(bits >> (64 - WORD_MAX));

	for (unsigned len = LOOKUP_BITS + 1; len <= WORD_MAX; len++)
		if (v < c->limit[len]) {
			v = (v - c->start[len]) >> (WORD_MAX - len);
			return (unsigned)c->symbols[c->first[len] + v] << 5 | len;
		}
	return NO_WORD;
}

static inline unsigned next_symbol(struct bits *b, const struct code *c)
{
	unsigned found = c->lookup[b->buf >> (64 - LOOKUP_BITS)];

	if (__builtin_expect(!found, 0))
		found = long_word(c, b->buf);
	drop(b, found & 31);
	return found >> 5;
}

static void begin_recent(struct recent *r, const uint8_t *used, unsigned n)
{
	memset(r, 0, sizeof(*r));
	for (unsigned i = 0; i < n; i++)
		if (i < FRONT)
			r->front |= (uint64_t)used[i] << 8 * i;
		else
			r->rest[REST + i - FRONT] = used[i];
}

/* The byte at that place > 0 comes to the front. */
static inline uint8_t to_front(struct recent *r, unsigned place)
{
	uint8_t byte;

	if (place < FRONT) {
		uint64_t moved = (UINT64_C(2) << (8 * place + 7)) - 1;

		byte = (uint8_t)(r->front >> 8 * place);
		r->front = (r->front & ~moved) | ((r->front << 8 | byte) & moved);
		return byte;
	}
	place += (unsigned)REST - FRONT;
	byte = r->rest[place];
	for (unsigned i = place; i > REST; i -= i < 2 * REST ? i - REST : MOVE) {
		uint8_t sixteen[MOVE];

		memcpy(sixteen, r->rest + i - MOVE, MOVE);
		memcpy(r->rest + i - MOVE + 1, sixteen, MOVE);
	}
	r->rest[REST] = (uint8_t)(r->front >> 8 * (FRONT - 1));
	r->front = r->front << 8 | byte;
	return byte;
}

/* The run that goes on ends.  False: the column is too long. */
static inline bool end_run(struct column *c, uint32_t *count)
{
	*c->runs++ = c->repeats << BZ2_RUN_SHIFT | c->byte;
	count[c->byte] += c->repeats;
	c->length += c->repeats;
	return c->length <= c->max;
}

/* Symbols of one group.  1: all of them; 0: the end came; negative: damaged. */
static inline int read_group(struct bits *b, const struct code *code, unsigned end,
                             struct recent *r, struct column *c, uint32_t *count)
{
	for (unsigned i = 0; i < GROUP; i++) {
		unsigned s;

		/* Enough for two words. */
		if (i % 2 == 0)
			refill(b);
		s = next_symbol(b, code);
		if (s <= 1) {
			c->repeats += c->digit << s;
			c->digit <<= 1;
			if (c->repeats > c->max)
				return ERR_FORMAT;
			continue;
		}
		if (!end_run(c, count))
			return ERR_FORMAT;
		if (__builtin_expect(s >= end, 0))
			return s == end ? 0 : ERR_FORMAT;
		c->byte = to_front(r, s - 1);
		c->repeats = c->digit = 1;
	}
	return 1;
}

/* All symbols, as a column of runs. */
static int read_symbols(struct bz2block *d, struct bits *from, uint32_t max)
{
	/* In registers: nobody else has their addresses. */
	struct bits b = *from;
	struct column c = { d->bwt.runs, d->used[0], 0, 1, 0, max };
	struct recent r;
	int rc = 1;

	begin_recent(&r, d->used, d->n_used);
	memset(d->bwt.count, 0, sizeof(d->bwt.count));
	for (unsigned g = 0; g < d->n_selectors && rc == 1; g++) {
		const struct code *code = &d->codes[d->selectors[g]];

		/* A group is at most 125 bytes. */
		rc = b.p > b.end
		             ? ERR_FORMAT
		             : read_group(&b, code, d->n_used + 1, &r, &c, d->bwt.count);
	}
	d->bwt.n_runs = (size_t)(c.runs - d->bwt.runs);
	d->bwt.length = c.length;
	*from = b;
	return rc == 1 ? ERR_FORMAT : rc;
}

/* ---- the caller's side -------------------------------------------------------------- */

struct bz2block *bz2block_new(void)
{
	struct bz2block *d = malloc(sizeof(*d));

	if (d)
		bz2bwt_init(&d->bwt);
	return d;
}

void bz2block_free(struct bz2block *d)
{
	if (!d)
		return;
	bz2bwt_fini(&d->bwt);
	free(d);
}

int bz2block_decode(struct bz2block *d, const uint8_t *in, size_t from, size_t limit,
                    unsigned level, struct bz2out *out, size_t *end)
{
	size_t max = (size_t)level * LEVEL_SIZE, runs = limit - from + 8 * BZ2_BLOCK_PAD;
	uint32_t crc, computed;
	struct bits b;
	int rc;

	begin_bits(&b, in, from, limit);
	if (take(&b, BZ2_MAGIC_BITS) != BZ2_BLOCK_MAGIC)
		return ERR_FORMAT;
	crc = (uint32_t)take(&b, BZ2_CRC_BITS);
	/* Randomised: no version of bzip2 since 1997 writes it. */
	if (take(&b, 1))
		return ERR_FORMAT;
	d->bwt.origin = (uint32_t)take(&b, ORIGIN_BITS);
	if (!read_used(d, &b) || !read_selectors(d, &b) || !read_codes(d, &b))
		return ERR_FORMAT;
	/* A run has a symbol, and a symbol a bit. */
	rc = bz2bwt_reserve(&d->bwt, (runs < max ? runs : max) + 2);
	if (rc < 0)
		return rc;
	rc = read_symbols(d, &b, (uint32_t)max);
	if (rc < 0)
		return rc;
	*end = position(&b);
	if (*end > limit)
		return ERR_TRUNC;
	if (d->bwt.origin >= d->bwt.length)
		return ERR_FORMAT;
	rc = bz2bwt_undo(&d->bwt, out, &computed);
	if (rc < 0)
		return rc;
	return computed == crc ? 0 : ERR_FORMAT;
}
