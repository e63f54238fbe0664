#include "tests/test.h"

#include <bzlib.h>

#include "common/bz2block.h"
#include "common/bz2stock.h"
#include "common/rng.h"
#include "tests/common/bz2ref.h"

enum { HEAD_BITS = 32, SYMBOLS_MAX = 258, GROUP = 50, ROOM = 2 << 20 };

/* ---- data ---------------------------------------------------------------------- */

/* Kinds of data, each of which makes other blocks. */
static void noise(struct rng *r, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)rng_next(r);
}

static void zeros(struct rng *r, uint8_t *p, size_t n)
{
	(void)r;
	memset(p, 0, n);
}

/* Every length of a repetition, and of what is between two. */
static void runs(struct rng *r, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t len = rng_below(r, 3) ? 1 + rng_below(r, 9) : rng_below(r, 600);

		for (uint8_t c = (uint8_t)rng_below(r, 3); len && i < n; len--)
			p[i++] = c;
	}
}

/* It repeats itself as a whole: its rows are in circles. */
static void period(struct rng *r, uint8_t *p, size_t n)
{
	(void)r;
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t) "2001:db8::"[i % 10];
}

static void lines(struct rng *r, uint8_t *p, size_t n)
{
	char line[64];

	for (size_t i = 0; i < n;) {
		size_t len = (size_t)snprintf(line, sizeof(line), "2001:db8:%x::%x\n",
		                              (unsigned)rng_below(r, 99),
		                              (unsigned)rng_below(r, 4000));

		for (size_t k = 0; k < len && i < n; k++)
			p[i++] = (uint8_t)line[k];
	}
}

/* Records of a few kinds with numbers in them: all bytes, long contexts. */
static void records(struct rng *r, uint8_t *p, size_t n)
{
	uint8_t kinds[8][40];

	noise(r, kinds[0], sizeof(kinds));
	for (size_t i = 0; i < n; i++) {
		p[i] = kinds[i / 40 * 2654435761U >> 20 & 7][i % 40];
		if (i % 40 == 7)
			p[i] = (uint8_t)(i / 40);
	}
}

static void (*const kinds[])(struct rng *, uint8_t *,
                             size_t) = { noise, zeros, runs, period, lines, records };

static uint8_t *pack(const uint8_t *data, size_t n, int level, size_t *packed)
{
	unsigned len = (unsigned)(n + n / 50 + 1000);
	/* Some to spare, which is not looked at. */
	uint8_t *p = calloc(1, len + BZ2_BLOCK_PAD);

	assert_non_null(p);
	assert_int_equal(BZ2_bzBuffToBuffCompress((char *)p, &len, (char *)data,
	                                          (unsigned)n, level, 0, 0),
	                 BZ_OK);
	*packed = len;
	return p;
}

/* ---- what bzip2 writes ------------------------------------------------------------ */

static uint64_t magic_at(const uint8_t *p, size_t bit)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < BZ2_MAGIC_BITS; i++, bit++)
		v = v << 1 | (p[bit / 8] >> (7 - bit % 8) & 1);
	return v;
}

/* Block after block, without help of the library, and without a bit behind it. */
static void must_decode(struct bz2block *d, const uint8_t *data, size_t n, int level)
{
	struct bz2out out = { .data = NULL }, again = { .data = NULL };
	size_t size, at = HEAD_BITS, done = 0, end_again;
	uint8_t *bytes = pack(data, n, level, &size);

	while (magic_at(bytes, at) != BZ2_END_MAGIC) {
		size_t end;

		assert_int_equal(bz2block_decode(d, bytes, at, size * 8, (unsigned)level,
		                                 &out, &end),
		                 0);
		assert_true(out.len <= n - done && end > at && end < size * 8);
		assert_memory_equal(out.data, data + done, out.len);
		assert_int_equal(bz2block_decode(d, bytes, at, end, (unsigned)level, &out,
		                                 &end_again),
		                 0);
		assert_int_equal(end_again, end);
		assert_memory_equal(out.data, data + done, out.len);
		assert_int_equal(bz2block_decode(d, bytes, at, end - 1, (unsigned)level,
		                                 &again, &end_again),
		                 ERR_TRUNC);
		done += out.len;
		at = end;
	}
	assert_int_equal(done, n);
	free(out.data);
	free(again.data);
	free(bytes);
}

static void decodes_what_bzip2_writes(void **state)
{
	static const size_t sizes[] = {
		1,   2,   3,   4,    5,     6,     254,   255,   256,    257,   258,
		259, 260, 261, 1000, 16383, 16384, 17000, 99999, 100000, 450000
	};
	struct bz2block *d = bz2block_new();
	uint8_t *data = malloc(450000);
	struct rng r;

	(void)state;
	assert_non_null(d);
	assert_non_null(data);
	rng_init(&r, 1);
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
		for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
			kinds[k](&r, data, sizes[s]);
			must_decode(d, data, sizes[s], 1 + (int)(s + k) % 9);
		}
	bz2block_free(d);
	bz2block_free(NULL);
	free(data);
}

/* The longest blocks of every level. */
static void decodes_full_blocks(void **state)
{
	struct bz2block *d = bz2block_new();
	uint8_t *data = malloc(1000000);
	struct rng r;

	(void)state;
	assert_non_null(d);
	assert_non_null(data);
	rng_init(&r, 2);
	for (int level = 1; level <= 9; level++) {
		size_t n = (size_t)level * 100000 + 50000;

		kinds[level % 2 ? 5 : 2](&r, data, n);
		must_decode(d, data, n, level);
	}
	bz2block_free(d);
	free(data);
}

/* ---- what it does not write -------------------------------------------------------- */

struct bitw {
	uint8_t p[1 << 16];
	size_t bit;
};

static void put(struct bitw *w, uint64_t v, unsigned n)
{
	while (n--) {
		w->p[w->bit / 8] |= (uint8_t)((v >> n & 1) << (7 - w->bit % 8));
		w->bit++;
		assert_true(w->bit / 8 + BZ2_BLOCK_PAD < sizeof(w->p));
	}
}

/* A block of any symbols in any codes. */
struct made {
	uint32_t crc, origin;
	unsigned randomised, n_used, n_codes, surplus;
	uint8_t lengths[7][SYMBOLS_MAX]; /* bzip2 allows six */
	uint16_t symbols[4000];
	unsigned n;
};

static void put_lengths(struct bitw *w, const uint8_t *lengths, unsigned n)
{
	unsigned len = lengths[0];

	put(w, len, 5);
	for (unsigned s = 0; s < n; s++) {
		for (; len < lengths[s]; len++)
			put(w, 2, 2);
		for (; len > lengths[s]; len--)
			put(w, 3, 2);
		put(w, 0, 1);
	}
}

/* The words of n symbols, whatever the lengths are. */
static void make_words(uint32_t *words, const uint8_t *lengths, unsigned n)
{
	uint32_t word = 0;

	for (unsigned len = 1; len <= 21; len++, word <<= 1)
		for (unsigned s = 0; s < n; s++)
			if (lengths[s] == len)
				words[s] = word++ & ((1U << len) - 1);
}

/* As a stream of level 1. */
static void put_made(struct bitw *w, const struct made *m)
{
	unsigned groups = (m->n + GROUP - 1) / GROUP;
	uint32_t words[7][SYMBOLS_MAX];
	uint64_t all = 0;

	memset(w, 0, sizeof(*w));
	put(w, 'B' << 24 | 'Z' << 16 | 'h' << 8 | '1', HEAD_BITS);
	put(w, BZ2_BLOCK_MAGIC, BZ2_MAGIC_BITS);
	put(w, m->crc, 32);
	put(w, m->randomised, 1);
	put(w, m->origin, 24);
	/* The first n_used bytes. */
	for (unsigned i = 0; i < 16; i++)
		all = all << 1 | (16 * i < m->n_used);
	put(w, all, 16);
	for (unsigned i = 0; i < m->n_used; i += 16)
		put(w,
		    m->n_used - i < 16 ? 0xffff << (16 - (m->n_used - i)) & 0xffff
		                       : 0xffff,
		    16);
	put(w, m->n_codes, 3);
	put(w, groups + m->surplus, 15);
	/* The code of group g is g % n_codes: after the first round, the last in the
	 * list. */
	for (unsigned g = 0; g < groups + m->surplus; g++) {
		unsigned place = g < m->n_codes ? g : m->n_codes - 1;

		put(w, (2U << place) - 2, place + 1);
	}
	for (unsigned c = 0; c < m->n_codes; c++) {
		put_lengths(w, m->lengths[c], m->n_used + 2);
		make_words(words[c], m->lengths[c], m->n_used + 2);
	}
	for (unsigned i = 0; i < m->n; i++) {
		unsigned c = i / GROUP % m->n_codes, s = m->symbols[i];

		put(w, words[c][s], m->lengths[c][s]);
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

/* The same with the checksum of what the library makes of it, if anything. */
static void put_good(struct bitw *w, struct made *m, struct bz2out *want)
{
	size_t used;

	put_made(w, m);
	bz2stock_decode(w->p + HEAD_BITS / 8, 0, (w->bit + 7) / 8, 1, want, &used);
	m->crc = want->len ? checksum(want->data + 1, want->len - 1) : 0;
	put_made(w, m);
}

/* A code without gaps: leaves of a tree that grows at random, or at its end. */
static void make_lengths(struct rng *r, uint8_t *lengths, unsigned n)
{
	bool deep = rng_below(r, 3) == 0;

	lengths[0] = lengths[1] = 1;
	for (unsigned have = 2; have < n; have++) {
		unsigned at = deep ? have - 1 : (unsigned)rng_below(r, have);

		while (lengths[at] >= 20)
			at = (unsigned)rng_below(r, have);
		lengths[have] = ++lengths[at];
	}
	for (unsigned i = n - 1; i > 0; i--) {
		unsigned k = (unsigned)rng_below(r, i + 1);
		uint8_t len = lengths[i];

		lengths[i] = lengths[k];
		lengths[k] = len;
	}
}

static void make_block(struct rng *r, struct made *m)
{
	unsigned digits = 0;

	memset(m, 0, sizeof(*m));
	m->n_used = 1 + (unsigned)rng_below(r, rng_below(r, 2) ? 256 : 20);
	m->n_codes = 2 + (unsigned)rng_below(r, 5);
	m->surplus = rng_below(r, 4) ? 0 : (unsigned)rng_below(r, 20000);
	m->n = 2 + (unsigned)rng_below(r, 3000);
	for (unsigned c = 0; c < m->n_codes; c++)
		make_lengths(r, m->lengths[c], m->n_used + 2);
	for (unsigned i = 0; i + 1 < m->n; i++) {
		unsigned s = (unsigned)rng_below(r, rng_below(r, 2) ? 2 : m->n_used + 1);

		digits = s < 2 ? digits + 1 : 0;
		/* At most so many, lest the block be too long. */
		if (digits > 3 && m->n_used > 1) {
			s = 2;
			digits = 0;
		} else if (digits > 10) {
			m->n = i + 1;
		}
		m->symbols[i] = (uint16_t)s;
	}
	m->symbols[m->n - 1] = (uint16_t)(m->n_used + 1);
	m->origin = (uint32_t)rng_below(r, m->n / 2);
}

/* Words of up to 20 bits, any column (that of no text, too), surplus selectors. */
static void decodes_any_codes(void **state)
{
	struct bz2out want = { .data = NULL }, got = { .data = NULL };
	struct bz2block *d = bz2block_new();
	struct bitw *w = malloc(sizeof(*w));
	unsigned good = 0, longest = 0;
	struct made m;
	struct rng r;

	(void)state;
	assert_non_null(d);
	assert_non_null(w);
	rng_init(&r, 3);
	for (int i = 0; i < 600; i++) {
		size_t end;
		int rc;

		make_block(&r, &m);
		put_good(w, &m, &want);
		rc = bz2block_decode(d, w->p, HEAD_BITS, w->bit, 1, &got, &end);
		/* A text that ends amid a repetition is nothing for the library, too. */
		if (rc == ERR_FORMAT) {
			assert_int_equal(bz2stock_decode(w->p + HEAD_BITS / 8, 0,
			                                 (w->bit + 7) / 8, 1, &want,
			                                 &end),
			                 ERR_FORMAT);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_int_equal(end, w->bit);
		assert_int_equal(got.len, want.len - 1);
		assert_memory_equal(got.data, want.data + 1, got.len);
		good++;
		for (unsigned s = 0; s < m.n_used + 2; s++)
			longest = m.lengths[0][s] > longest ? m.lengths[0][s] : longest;
	}
	assert_true(good > 450 && longest == 20);
	free(want.data);
	free(got.data);
	free(w);
	bz2block_free(d);
}

/* What comes of a stream is what the library says, in every respect. */
static void must_agree(const uint8_t *data, size_t size, unsigned threads)
{
	struct bz2mem m = { .data = data, .size = size, .piece = 100000 };
	static uint8_t out[2][ROOM];
	struct bz2ref want = { .cap = ROOM, .out = out[0] };
	struct bz2ref got = { .cap = ROOM, .out = out[1] };

	bz2ref_read(&want, data, size);
	bz2ref_ours(&got, &m, threads);
	if (!bz2ref_equal(&want, &got))
		fail_msg(
			"%zu bytes, %u threads: rc %d, %zu bytes, at %zu; ours: %d, %zu, "
			"%zu",
			size, threads, want.rc, want.len, (size_t)want.offset, got.rc,
			got.len, (size_t)got.offset);
}

static void end_stream(struct bitw *w, const struct made *m)
{
	put(w, BZ2_END_MAGIC, BZ2_MAGIC_BITS);
	put(w, m->crc, BZ2_CRC_BITS);
}

enum oddity {
	RANDOMISED,
	TOO_MANY_WORDS,
	TOO_FEW_WORDS,
	FIVE_BITS_OF_21,
	ORIGIN_BEYOND,
	NO_SELECTOR_LEFT,
	SEVEN_CODES,
	ONE_CODE,
	TOO_LONG,
	WRONG_CHECKSUM,
	ODDITIES,
};

static void make_odd(struct made *m, enum oddity odd)
{
	switch (odd) {
	case RANDOMISED: m->randomised = 1; break;
	case TOO_MANY_WORDS: memset(m->lengths[1], 1, 3); break;
	case TOO_FEW_WORDS: memset(m->lengths[1], 9, SYMBOLS_MAX); break;
	case FIVE_BITS_OF_21: m->lengths[1][0] = 21; break;
	case ORIGIN_BEYOND: m->origin = 99999; break;
	case SEVEN_CODES: m->n_codes = 7; break;
	case ONE_CODE: m->n_codes = 1; break;
	case TOO_LONG:
		for (unsigned i = 0; i + 1 < m->n && i < 17; i++)
			m->symbols[i] = 1;
		break;
	case NO_SELECTOR_LEFT: m->symbols[m->n - 1] = 0; break;
	default: break;
	}
}

/* Refused, or decoded as the library does it; and then the library's verdict. */
static void leaves_the_odd_to_the_library(void **state)
{
	struct bz2out want = { .data = NULL }, got = { .data = NULL };
	struct bz2block *d = bz2block_new();
	struct bitw *w = malloc(sizeof(*w));
	struct rng r;

	(void)state;
	assert_non_null(d);
	assert_non_null(w);
	rng_init(&r, 4);
	for (enum oddity odd = 0; odd < ODDITIES; odd++)
		for (int i = 0; i < 10; i++) {
			struct made m = { 0 };
			size_t end;
			int rc;

			do
				make_block(&r, &m);
			while (m.n < 2 * GROUP);
			make_odd(&m, odd);
			if (odd == SEVEN_CODES || odd == ONE_CODE)
				put_made(w, &m);
			else
				put_good(w, &m, &want);
			if (odd == WRONG_CHECKSUM) {
				m.crc ^= 1;
				put_made(w, &m);
			}
			rc = bz2block_decode(d, w->p, HEAD_BITS, w->bit, 1, &got, &end);
			if (rc == 0 && odd != TOO_FEW_WORDS)
				fail_msg("oddity %d is not refused", odd);
			end_stream(w, &m);
			must_agree(w->p, (w->bit + 7) / 8, 1);
		}
	free(want.data);
	free(got.data);
	free(w);
	bz2block_free(d);
}

/* Words of four bits: the symbols are any hex digits but f, and so those of both
 * magics.  One thread finds that the block goes on behind them. */
static void goes_on_behind_a_magic_by_chance(void **state)
{
	struct bz2out want = { .data = NULL };
	struct bitw *w = malloc(sizeof(*w));
	struct made m = { .n_used = 14, .n_codes = 2, .origin = 7 };
	struct rng r;

	(void)state;
	assert_non_null(w);
	rng_init(&r, 5);
	memset(m.lengths, 4, sizeof(m.lengths));
	for (m.n = 0; m.n < 400; m.n++)
		m.symbols[m.n] = (uint16_t)(2 + rng_below(&r, 13));
	for (unsigned k = 0; k < 12; k++) {
		m.symbols[100 + k] = BZ2_BLOCK_MAGIC >> (44 - 4 * k) & 15;
		m.symbols[150 + k] = BZ2_END_MAGIC >> (44 - 4 * k) & 15;
	}
	m.symbols[m.n++] = 15;
	put_good(w, &m, &want);
	assert_true(want.len > 300);
	end_stream(w, &m);
	must_agree(w->p, (w->bit + 7) / 8, 0);
	must_agree(w->p, (w->bit + 7) / 8, 1);
	/* Cut behind it, it is cut short, and not damaged. */
	must_agree(w->p, w->bit / 8 - 60, 1);
	free(want.data);
	free(w);
}

/* ---- damage -------------------------------------------------------------------------- */

/* Append the block of a stream that has only one; its checksum. */
static uint32_t put_block_of(struct bitw *w, const uint8_t *stream, size_t size)
{
	struct bz2out out = { .data = NULL };
	struct bz2block *d = bz2block_new();
	size_t end;

	assert_non_null(d);
	assert_int_equal(bz2block_decode(d, stream, HEAD_BITS, size * 8, 9, &out, &end),
	                 0);
	for (size_t i = HEAD_BITS; i < end; i++)
		put(w, stream[i / 8] >> (7 - i % 8) & 1, 1);
	bz2block_free(d);
	free(out.data);
	return (uint32_t)magic_at(stream, HEAD_BITS + BZ2_CRC_BITS);
}

/* Blocks that begin at several bits of a byte, and a second stream.  *length is of
 * what is in them. */
static uint8_t *two_streams(size_t *size, size_t *length)
{
	static const size_t lengths[] = { 300, 40, 77, 500, 9 };
	struct bitw *w = calloc(1, sizeof(*w));
	uint32_t combined = 0;
	uint8_t data[500], *bytes;
	unsigned bits = 0;
	struct rng r;
	size_t n;

	assert_non_null(w);
	rng_init(&r, 6);
	put(w, 'B' << 24 | 'Z' << 16 | 'h' << 8 | '1', HEAD_BITS);
	*length = 0;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		bits |= 1U << w->bit % 8;
		kinds[i % 2 ? 2 : 4](&r, data, lengths[i]);
		bytes = pack(data, lengths[i], 9, &n);
		combined = (combined << 1 | combined >> 31) ^ put_block_of(w, bytes, n);
		*length += lengths[i];
		free(bytes);
	}
	assert_true(bits & (bits - 1));
	put(w, BZ2_END_MAGIC, BZ2_MAGIC_BITS);
	put(w, combined, BZ2_CRC_BITS);
	w->bit = (w->bit + 7) / 8 * 8;
	bytes = pack(data, 9, 9, &n);
	for (size_t i = 0; i < n; i++)
		put(w, bytes[i], 8);
	*length += 9;
	free(bytes);
	*size = w->bit / 8;
	bytes = malloc(*size);
	assert_non_null(bytes);
	memcpy(bytes, w->p, *size);
	free(w);
	return bytes;
}

static void agrees_on_every_cut(void **state)
{
	size_t size, length;
	uint8_t *bytes = two_streams(&size, &length);

	(void)state;
	for (size_t cut = 0; cut <= size; cut++)
		must_agree(bytes, cut, 1);
	for (size_t cut = 0; cut <= size; cut += 19)
		must_agree(bytes, cut, 2);
	free(bytes);
}

static void agrees_on_every_flipped_bit(void **state)
{
	size_t size, length;
	uint8_t *bytes = two_streams(&size, &length);

	(void)state;
	for (size_t i = 0; i < size; i++) {
		uint8_t was = bytes[i];

		for (unsigned bit = 0; bit < 8; bit++) {
			bytes[i] = (uint8_t)(was ^ 1 << bit);
			must_agree(bytes, size, 1);
		}
		bytes[i] = (uint8_t)~was;
		must_agree(bytes, size, 1);
		bytes[i] = was;
	}
	free(bytes);
}

/* An error of the source comes after the blocks before it. */
static void passes_errors_of_the_source_on(void **state)
{
	size_t size, length;
	uint8_t *bytes = two_streams(&size, &length);

	(void)state;
	for (unsigned threads = 1; threads <= 2; threads++) {
		struct bz2mem m = { .data = bytes, .size = size - 1, .piece = 77 };
		struct bz2ref got = { .cap = ROOM, .out = malloc(ROOM) };

		m.end = -EIO;
		bz2ref_ours(&got, &m, threads);
		assert_int_equal(got.rc, -EIO);
		assert_true(got.len >= length - 9);
		free(got.out);
	}
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_what_bzip2_writes),
		cmocka_unit_test(decodes_full_blocks),
		cmocka_unit_test(decodes_any_codes),
		cmocka_unit_test(leaves_the_odd_to_the_library),
		cmocka_unit_test(goes_on_behind_a_magic_by_chance),
		cmocka_unit_test(agrees_on_every_cut),
		cmocka_unit_test(agrees_on_every_flipped_bit),
		cmocka_unit_test(passes_errors_of_the_source_on),
	};

	return cmocka_run_group_tests_name("bz2block", tests, NULL, NULL);
}
