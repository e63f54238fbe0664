#include "common/bz2bwt.h"

#include <endian.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The last column of the sorted rotations gives the first one, which is sorted, and
 * for each row the row of the rotation by one more byte: the k-th row that begins
 * with some byte goes on in the row of the k-th such byte in the last column.  From
 * the row of the text, the first bytes of the rows on that way are the text.
 *
 * On that way each step waits for the one before, and it goes everywhere in 3.6 MB:
 * more than the fast caches hold.  So LANES ways are gone at the same time.  They
 * begin in rows at equal distances, which are marked; a way that comes to a marked
 * row has come to where another one begins, and its place is taken by the next.
 * Then the pieces are put together in their order.
 *
 * (If the text repeats itself as a whole, or if the block is damaged, the rows are
 * in several circles, and the pieces from the first row on are not the text.  It is
 * then gone through in one piece.) */
enum {
	LANES = 16,
	LENGTH_MAX = 900000,
	LANE_SIZE = 2 * LENGTH_MAX / LANES, /* bytes: twice a fair share */
	PIECE_SHIFT = 10,                   /* a piece begins in every 1024th row */
	PIECES_MAX = (LENGTH_MAX >> PIECE_SHIFT) + 1,
	WORTH_IT = 16 << PIECE_SHIFT, /* shorter: one way */
	ROW_SHIFT = 8,
	SPARE_ROWS = 16, /* two are made up, the rest is for reads beyond the text */
	REPEAT = 4,      /* so many equal bytes are followed by a count */
	/* What one step of expand() may write: up to seven bytes, a repetition, and to
	 * the end of a word. */
	STEP_MAX = 7 + REPEAT + 255 + 7,
};

/* In an entry of next[]: the row to go on in << 8 | the first byte of this row. */
#define ROW_MARK (UINT32_C(1) << 31)

struct piece {
	const uint8_t *text;
	uint32_t length;
	uint32_t then; /* the piece behind it */
};

struct walk {
	struct piece pieces[PIECES_MAX];
	uint32_t n, begun; /* pieces: all, and those that were begun */
	uint32_t piece[LANES];
	uint32_t lanes; /* that have a piece */
};

/* ---- checksum: CRC-32, the highest bit first ----------------------------------- */

#define CRC_POLY UINT32_C(0x04c11db7)

static void crc_init(uint32_t table[8][256])
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i << 24;

		for (int k = 0; k < 8; k++)
			c = c << 1 ^ (c >> 31 ? CRC_POLY : 0);
		table[0][i] = c;
	}
	for (int t = 1; t < 8; t++)
		for (int i = 0; i < 256; i++) {
			uint32_t c = table[t - 1][i];

			table[t][i] = c << 8 ^ table[0][c >> 24];
		}
}

/* Eight bytes at a time (M. Kounavis, F. Berry: slicing by 8). */
static uint32_t crc_of(uint32_t (*table)[256], const uint8_t *p, size_t n)
{
	uint32_t c = UINT32_MAX;

	for (; n >= 8; n -= 8, p += 8) {
		uint64_t x;

		memcpy(&x, p, sizeof(x));
		x = be64toh(x) ^ (uint64_t)c << 32;
		c = table[7][x >> 56] ^ table[6][x >> 48 & 255] ^
		    table[5][x >> 40 & 255] ^ table[4][x >> 32 & 255] ^
		    table[3][x >> 24 & 255] ^ table[2][x >> 16 & 255] ^
		    table[1][x >> 8 & 255] ^ table[0][x & 255];
	}
	for (; n; n--)
		c = c << 8 ^ table[0][c >> 24 ^ *p++];
	return ~c;
}

/* ---- memory ------------------------------------------------------------------- */

void bz2bwt_init(struct bz2bwt *w)
{
	memset(w, 0, sizeof(*w));
	crc_init(w->crc_table);
}

void bz2bwt_fini(struct bz2bwt *w)
{
	free(w->runs);
	free(w->next);
}

int bz2bwt_reserve(struct bz2bwt *w, size_t runs)
{
	if (runs <= w->runs_cap)
		return 0;
	free(w->runs);
	w->runs_cap = 0;
	w->runs = malloc(runs * sizeof(*w->runs));
	if (!w->runs)
		return -ENOMEM;
	w->runs_cap = runs;
	return 0;
}

static int reserve_rows(struct bz2bwt *w)
{
	size_t rows = w->length + SPARE_ROWS;

	if (rows <= w->next_cap)
		return 0;
	free(w->next);
	w->next_cap = 0;
	w->next = malloc(rows * sizeof(*w->next));
	if (!w->next)
		return -ENOMEM;
	w->next_cap = rows;
	return 0;
}

/* ---- rows ----------------------------------------------------------------------- */

static void make_rows(struct bz2bwt *w)
{
	uint32_t at[256], end[256], sum = 0, row = 0;
	uint32_t *next = w->next;

	for (int c = 0; c < 256; c++) {
		at[c] = sum;
		sum += w->count[c];
		end[c] = sum;
	}
	for (size_t k = 0; k < w->n_runs; k++) {
		uint32_t run = w->runs[k], n = run >> BZ2_RUN_SHIFT;
		uint8_t c = (uint8_t)run;
		uint32_t *to = next + at[c];
		uint32_t entry = row << ROW_SHIFT | c;

		row += n;
		at[c] += n;
		/* Beyond its end is what will be written later, if it is of this
		 * byte. */
		if (at[c] + 3 < end[c]) {
			for (uint32_t i = 0; i < n; i += 4)
				for (uint32_t j = 0; j < 4; j++)
					to[i + j] = entry + ((i + j) << ROW_SHIFT);
		} else {
			for (uint32_t i = 0; i < n; i++)
				to[i] = entry + (i << ROW_SHIFT);
		}
	}
}

/* ---- the way in one piece ---------------------------------------------------------- */

static void walk_alone(const struct bz2bwt *w, uint8_t *text)
{
	uint32_t row = w->origin;

	for (size_t i = 0; i < w->length; i++) {
		uint32_t entry = w->next[row] & ~ROW_MARK;

		text[i] = (uint8_t)entry;
		row = entry >> ROW_SHIFT;
	}
}

/* ---- and in many ---------------------------------------------------------------------- */

static uint32_t piece_row(const struct bz2bwt *w, uint32_t piece)
{
	uint32_t row = w->origin + (piece << PIECE_SHIFT);

	return row < w->length ? row : row - (uint32_t)w->length;
}

static uint32_t row_piece(const struct bz2bwt *w, uint32_t row)
{
	return (row >= w->origin ? row - w->origin
	                         : row + (uint32_t)w->length - w->origin) >>
	       PIECE_SHIFT;
}

/* The made-up rows: of a lane before its first piece, and after its last. */
static uint32_t idle_row(const struct bz2bwt *w)
{
	return (uint32_t)w->length + 1;
}

static void begin_walk(struct bz2bwt *w, struct walk *k)
{
	uint32_t n = (uint32_t)w->length;

	k->n = ((n - 1) >> PIECE_SHIFT) + 1;
	k->begun = 0;
	k->lanes = LANES;
	for (uint32_t i = 0; i < k->n; i++)
		w->next[piece_row(w, i)] |= ROW_MARK;
	w->next[n] = ROW_MARK;
	w->next[n + 1] = (n + 1) << ROW_SHIFT;
}

/* The lane is in a marked row: the piece it has ends before, at text, and another is
 * begun.  The entry to go on with. */
static uint32_t next_piece(const struct bz2bwt *w, struct walk *k, unsigned lane,
                           uint32_t row, const uint8_t *text)
{
	if (row != w->length) {
		struct piece *p = &k->pieces[k->piece[lane]];

		p->length = (uint32_t)(text - p->text);
		p->then = row_piece(w, row);
	}
	if (k->begun == k->n) {
		k->lanes--;
		return idle_row(w) << ROW_SHIFT;
	}
	k->piece[lane] = k->begun;
	k->pieces[k->begun].text = text;
	return w->next[piece_row(w, k->begun++)] & ~ROW_MARK;
}

/* Go all the ways, into the memory of the runs.  False: a lane is full. */
static bool walk_lanes(const struct bz2bwt *w, struct walk *k)
{
	const uint32_t *next = w->next;
	uint8_t *text = (uint8_t *)w->runs;
	uint32_t row[LANES];

	for (unsigned l = 0; l < LANES; l++)
		row[l] = (uint32_t)w->length;
	for (size_t i = 0; i < LANE_SIZE; i++, text++) {
		uint32_t entry[LANES], any = 0;

		for (unsigned l = 0; l < LANES; l++)
			any |= entry[l] = next[row[l]];
		if (__builtin_expect(any & ROW_MARK, 0)) {
			for (unsigned l = 0; l < LANES; l++)
				if (entry[l] & ROW_MARK)
					entry[l] = next_piece(w, k, l, row[l],
					                      text + l * LANE_SIZE);
			if (!k->lanes)
				return true;
		}
		for (unsigned l = 0; l < LANES; l++) {
			text[l * LANE_SIZE] = (uint8_t)entry[l];
			row[l] = entry[l] >> ROW_SHIFT;
		}
	}
	return false;
}

/* Whether the pieces from the first on are the text; then they are put there. */
static bool join(const struct walk *k, uint8_t *text, size_t length)
{
	uint32_t p = 0;
	size_t sum = 0;

	do {
		sum += k->pieces[p].length;
		p = k->pieces[p].then;
	} while (p != 0);
	if (sum != length)
		return false;
	do {
		memcpy(text, k->pieces[p].text, k->pieces[p].length);
		text += k->pieces[p].length;
		p = k->pieces[p].then;
	} while (p != 0);
	return true;
}

/* Go through the rows; the text is then where they were. */
static int walk(struct bz2bwt *w)
{
	bool lanes = w->length >= WORTH_IT;
	size_t size = lanes ? LANES * LANE_SIZE : w->length;
	struct walk k;
	/* The runs are not needed any more. */
	int rc = bz2bwt_reserve(w, size / sizeof(*w->runs) + 1);

	if (rc < 0)
		return rc;
	if (lanes) {
		begin_walk(w, &k);
		if (walk_lanes(w, &k) && join(&k, (uint8_t *)w->next, w->length))
			return 0;
	}
	walk_alone(w, (uint8_t *)w->runs);
	memcpy(w->next, w->runs, w->length);
	return 0;
}

/* ---- repetitions ------------------------------------------------------------------------ */

static uint64_t get8(const uint8_t *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	return le64toh(x);
}

static void put8(uint8_t *p, uint64_t x)
{
	x = htole64(x);
	memcpy(p, &x, sizeof(x));
}

/* At first to what a text of that length without repetitions takes. */
static int grow(struct bz2out *out, size_t length)
{
	size_t cap = out->cap ? out->cap * 2 : length + length / 16 + STEP_MAX;
	uint8_t *p = realloc(out->data, cap);

	if (!p)
		return -ENOMEM;
	out->data = p;
	out->cap = cap;
	return 0;
}

/* Four equal bytes are followed by the number of more of them.  The text is
 * followed by bytes that this changes. */
static int expand(uint8_t *text, size_t length, struct bz2out *out)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	size_t i = 0, n = 0;

	/* No repetition reaches beyond the end. */
	for (unsigned k = 0; k < 16; k++)
		text[length + k] = (uint8_t)~text[length + k - 1];
	while (i < length) {
		uint64_t x = get8(text + i), x1 = get8(text + i + 1),
			 x2 = get8(text + i + 2), x3 = get8(text + i + 3);
		uint64_t differ = (x ^ x1) | (x ^ x2) | (x ^ x3);
		/* The lowest bit is of the first byte that is 0. */
		uint64_t zero = (differ - ones) & ~differ & ones << 7;
		unsigned k, count;

		if (out->cap < n + STEP_MAX && grow(out, length) < 0)
			return -ENOMEM;
		put8(out->data + n, x);
		if (!zero) {
			i += 8;
			n += 8;
			continue;
		}
		k = (unsigned)__builtin_ctzll(zero) / 8;
		i += k + REPEAT;
		n += k;
		if (i >= length)
			return ERR_FORMAT;
		x = text[i - 1] * ones;
		count = REPEAT + text[i++];
		for (unsigned j = 0; j < count; j += 8)
			put8(out->data + n + j, x);
		n += count;
	}
	/* Eight bytes were taken where there were fewer. */
	out->len = n - (i - length);
	return 0;
}

int bz2bwt_undo(struct bz2bwt *w, struct bz2out *out, uint32_t *crc)
{
	int rc = reserve_rows(w);

	if (rc < 0)
		return rc;
	make_rows(w);
	rc = walk(w);
	if (rc < 0)
		return rc;
	rc = expand((uint8_t *)w->next, w->length, out);
	if (rc < 0)
		return rc;
	*crc = crc_of(w->crc_table, out->data, out->len);
	return 0;
}
