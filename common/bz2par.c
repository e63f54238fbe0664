#include "common/bz2par.h"

#include <endian.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/bz2block.h"
#include "common/bz2stock.h"

enum {
	RAW_CHUNK = 256 * 1024,
	/* 900,000 symbols of 20 bits, and what stands before them. */
	BLOCK_MAX = 5 << 19,
	MAGIC_SIZE = BZ2_MAGIC_BITS / 8,
	HEAD_SIZE = 4,  /* "BZh" and the level */
	RAW_SPARE = 16, /* behind the window, for reads of whole words */
	PAIRS = 1 << 16,
};

enum job_state { JOB_FREE, JOB_READY, JOB_BUSY, JOB_DONE };

struct job {
	enum job_state state;
	int rc;
	unsigned level;
	uint8_t *in;
	/* The block has the bits from first to end of in; in ends behind the magic that
	 * follows it, or (cut) with the file, in which there is none. */
	size_t first, end, size, in_cap;
	bool cut;
	uint64_t offset; /* of in in the file; of the fault, if there is one */
	struct bz2out out;
	size_t out_pos;
};

struct bz2par {
	bz2par_source source;
	void *arg;
	/* The raw window; only the reading thread uses it. */
	uint8_t *raw;
	size_t raw_len, raw_cap;
	uint64_t raw_offset; /* of raw[0] in the file */
	uint64_t bit;        /* where the next thing begins, counted from raw[0] */
	bool raw_end;
	int raw_rc;
	bool in_stream, any_stream;
	unsigned level;
	uint32_t combined;
	bool ended; /* nothing is left to find, because of end_rc */
	int end_rc;
	uint64_t end_offset;
	bool garbage; /* end_rc is ERR_FORMAT for what follows a stream */
	/* A bit for every two bytes that are in a magic, wherever it begins. */
	uint8_t suspects[PAIRS / 8];

	struct bz2block *decoder; /* of the reading thread, if it has to decode */
	struct job *jobs;
	unsigned ring;
	uint64_t head, tail; /* jobs given out, jobs made */
	pthread_mutex_t lock;
	pthread_cond_t ready, done;
	uint64_t taken; /* jobs that workers have taken */
	bool quit;
	pthread_t *threads;
	unsigned n_threads;
};

/* ---- decoding ---------------------------------------------------------------- */

/* The library has the last word where ours has refused a block. */
static void decode_stock(struct job *j)
{
	size_t used;
	int rc = bz2stock_decode(j->in, (unsigned)j->first, j->size, j->level, &j->out,
	                         &used);

	j->out_pos = j->out.len ? BZ2_STOCK_LEAD : 0;
	j->offset += used;
	/* It came through the block, and to the magic behind it. */
	if (rc == ERR_TRUNC && !j->cut && j->out_pos < j->out.len)
		rc = 0;
	j->rc = rc;
}

static void decode_job(struct bz2block *decoder, struct job *j)
{
	size_t end;
	int rc = ERR_FORMAT;

	j->out.len = j->out_pos = 0;
	if (!decoder)
		rc = -ENOMEM;
	else if (!j->cut)
		rc = bz2block_decode(decoder, j->in, j->first, j->end, j->level, &j->out,
		                     &end);
	/* ERR_TRUNC is not for the library to say: it is given the magic, too. */
	if (rc == ERR_FORMAT || (rc == 0 && end != j->end))
		decode_stock(j);
	else
		j->rc = rc;
}

static void *work(void *arg)
{
	struct bz2par *p = arg;
	struct bz2block *decoder = bz2block_new();

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct job *j;

		while (!p->quit && p->taken == p->tail)
			pthread_cond_wait(&p->ready, &p->lock);
		if (p->quit)
			break;
		j = &p->jobs[p->taken++ % p->ring];
		j->state = JOB_BUSY;
		pthread_mutex_unlock(&p->lock);
		decode_job(decoder, j);
		pthread_mutex_lock(&p->lock);
		j->state = JOB_DONE;
		pthread_cond_signal(&p->done);
	}
	pthread_mutex_unlock(&p->lock);
	bz2block_free(decoder);
	return NULL;
}

/* ---- the window ----------------------------------------------------------------- */

/* n, 1 to 56, bits of the window. */
static uint64_t get_bits(const struct bz2par *p, uint64_t bit, unsigned n)
{
	uint64_t v;

	memcpy(&v, p->raw + bit / 8, sizeof(v));
	return be64toh(v) << bit % 8 >> (64 - n);
}

/* Have upto bytes in the window; false: the input ends before. */
static bool have_bytes(struct bz2par *p, uint64_t upto)
{
	while (p->raw_len < upto && !p->raw_end) {
		ssize_t n;

		if (p->raw_len + RAW_CHUNK + RAW_SPARE > p->raw_cap) {
			size_t cap = p->raw_cap * 2 + RAW_CHUNK + RAW_SPARE;
			uint8_t *q = realloc(p->raw, cap);

			if (!q) {
				p->raw_rc = -ENOMEM;
				p->raw_end = true;
				break;
			}
			p->raw = q;
			p->raw_cap = cap;
		}
		n = p->source(p->arg, p->raw + p->raw_len, RAW_CHUNK);
		if (n <= 0) {
			p->raw_end = true;
			p->raw_rc = (int)n;
		} else {
			p->raw_len += (size_t)n;
		}
	}
	return p->raw_len >= upto;
}

static void forget(struct bz2par *p)
{
	size_t n = p->bit / 8;

	if (!n)
		return;
	memmove(p->raw, p->raw + n, p->raw_len - n);
	p->raw_len -= n;
	p->raw_offset += n;
	p->bit %= 8;
}

/* Nothing more will be found: rc (0: the regular end) is for what was seen up to
 * that bit of the window. */
static int end_with(struct bz2par *p, int rc, uint64_t bit)
{
	p->ended = true;
	p->end_rc = rc;
	p->end_offset = p->raw_offset + (bit + 7) / 8;
	return 0;
}

/* The same when it wants bytes, and there are none. */
static int end_cut(struct bz2par *p)
{
	return end_with(p, p->raw_rc < 0 ? p->raw_rc : ERR_TRUNC, 8 * p->raw_len);
}

/* ---- finding blocks ------------------------------------------------------------ */

/* A magic has at least five whole bytes, and so four pairs of them. */
static void add_suspects(struct bz2par *p, uint64_t magic)
{
	for (unsigned shift = 0; shift < 8; shift++)
		for (unsigned k = 1; k <= 4; k++) {
			unsigned pair = magic << (16 - shift) >> (48 - 8 * k) & 0xffff;

			p->suspects[pair / 8] |= (uint8_t)(1 << pair % 8);
		}
}

/* Whether a magic begins in one of the four bytes from at on, and not before bit
 * from: the first one. */
static bool magic_in(const struct bz2par *p, uint64_t at, uint64_t from, uint64_t *found)
{
	for (uint64_t bit = at * 8 < from ? from : at * 8; bit < at * 8 + 32; bit++) {
		uint64_t v = get_bits(p, bit, BZ2_MAGIC_BITS);

		if (v == BZ2_BLOCK_MAGIC || v == BZ2_END_MAGIC) {
			*found = bit;
			return true;
		}
	}
	return false;
}

/* The first bit at or after from where either magic begins, among the bytes that
 * are there; *resume is from where to go on when there is none.  Looks at every
 * fourth pair of bytes. */
static bool find_magic(const struct bz2par *p, uint64_t from, uint64_t *found,
                       uint64_t *resume)
{
	uint64_t i = from / 8;

	for (; i + 4 + MAGIC_SIZE < p->raw_len; i += 4) {
		unsigned pair = (unsigned)p->raw[i + 4] << 8 | p->raw[i + 5];

		if (p->suspects[pair / 8] >> pair % 8 & 1 && magic_in(p, i, from, found))
			return true;
	}
	*resume = i * 8 > from ? i * 8 : from;
	return false;
}

/* The end of the block that begins at .bit, from or behind it: *cut, if that is the
 * end of the file, and no magic. */
static uint64_t find_end(struct bz2par *p, uint64_t from, bool *cut)
{
	uint64_t end;

	*cut = false;
	for (;;) {
		size_t before = p->raw_len;

		if (find_magic(p, from, &end, &from))
			return end;
		/* That is no block. */
		if (from - p->bit > (uint64_t)BLOCK_MAX * 8)
			return from;
		if (!have_bytes(p, before + 1))
			break;
	}
	/* There may be one at the very end. */
	for (; from + BZ2_MAGIC_BITS <= p->raw_len * 8; from++) {
		uint64_t v = get_bits(p, from, BZ2_MAGIC_BITS);

		if (v == BZ2_BLOCK_MAGIC || v == BZ2_END_MAGIC)
			return from;
	}
	*cut = true;
	return p->raw_len * 8;
}

/* Copy the block at .bit, which has that end. */
static int fill_job(struct bz2par *p, struct job *j, uint64_t end, bool cut)
{
	size_t start = p->bit / 8, need;

	j->first = p->bit % 8;
	j->end = end - start * 8;
	j->cut = cut;
	j->size = cut ? p->raw_len - start : (j->end + BZ2_MAGIC_BITS + 7) / 8;
	j->offset = p->raw_offset + start;
	j->level = p->level;
	need = j->size + BZ2_BLOCK_PAD;
	if (need > j->in_cap) {
		free(j->in);
		j->in_cap = 0;
		j->in = malloc(need + need / 4);
		if (!j->in)
			return -ENOMEM;
		j->in_cap = need + need / 4;
	}
	memcpy(j->in, p->raw + start, j->size);
	memset(j->in + j->size, 0, BZ2_BLOCK_PAD);
	return 0;
}

static void give_out(struct bz2par *p, struct job *j)
{
	if (!p->n_threads) {
		j->state = JOB_DONE;
		p->tail++;
		return;
	}
	pthread_mutex_lock(&p->lock);
	j->state = JOB_READY;
	p->tail++;
	pthread_cond_signal(&p->ready);
	pthread_mutex_unlock(&p->lock);
}

/* The block at .bit becomes a job. */
static int make_job(struct bz2par *p)
{
	struct job *j = &p->jobs[p->tail % p->ring];
	uint64_t end = p->bit + BZ2_MAGIC_BITS + BZ2_CRC_BITS - 1;
	uint32_t crc;
	bool cut;

	do {
		end = find_end(p, end + 1, &cut);
		if (fill_job(p, j, end, cut) < 0)
			return end_with(p, -ENOMEM, p->bit);
		if (!p->n_threads)
			decode_job(p->decoder, j);
		/* It goes on behind what looked like a magic. */
	} while (!p->n_threads && !cut && j->rc == ERR_TRUNC &&
	         end - p->bit < (uint64_t)BLOCK_MAX * 8);
	crc = (uint32_t)get_bits(p, p->bit + BZ2_MAGIC_BITS, BZ2_CRC_BITS);
	p->combined = (p->combined << 1 | p->combined >> 31) ^ crc;
	p->bit = end;
	if (cut)
		end_cut(p);
	forget(p);
	give_out(p, j);
	return 1;
}

/* Between streams.  Zeros are padding, as for other formats. */
static int start_stream(struct bz2par *p)
{
	uint64_t at, n;

	for (;;) {
		have_bytes(p, p->bit / 8 + HEAD_SIZE);
		while (p->bit / 8 < p->raw_len && p->raw[p->bit / 8] == 0 &&
		       p->any_stream)
			p->bit += 8;
		forget(p);
		if (HEAD_SIZE <= p->raw_len || p->raw_end)
			break;
	}
	at = p->bit;
	n = p->raw_len < 3 ? p->raw_len : 3;
	if (p->raw_len < HEAD_SIZE && p->raw_rc < 0)
		return end_cut(p);
	if (!n)
		return end_with(p, p->any_stream ? 0 : ERR_TRUNC, at);
	if (n < 2 || memcmp(p->raw, "BZh", n)) {
		p->garbage = p->any_stream;
		return end_with(p, ERR_FORMAT, at);
	}
	if (p->raw_len < HEAD_SIZE)
		return end_cut(p);
	if (p->raw[3] < '1' || p->raw[3] > '9')
		return end_with(p, ERR_FORMAT, at + HEAD_SIZE * 8);
	p->level = p->raw[3] - '0';
	p->bit += HEAD_SIZE * 8;
	p->combined = 0;
	p->in_stream = p->any_stream = true;
	return 1;
}

/* Whether the magic, or as much of it as there is, is at .bit: otherwise *wrong is
 * the bit behind the first byte that differs. */
static bool at_magic(const struct bz2par *p, uint64_t magic, uint64_t *wrong)
{
	for (unsigned k = 0; k < MAGIC_SIZE; k++) {
		*wrong = p->bit + 8 * (k + 1);
		if (*wrong > p->raw_len * 8)
			break;
		if (get_bits(p, p->bit + 8 * k, 8) != (magic >> (40 - 8 * k) & 0xff))
			return false;
	}
	return true;
}

/* One step of the search; 0 when it has ended. */
static int find_next(struct bz2par *p)
{
	uint64_t wrong, wrong_end;
	bool all;

	if (!p->in_stream)
		return start_stream(p);
	all = have_bytes(p, (p->bit + BZ2_MAGIC_BITS + BZ2_CRC_BITS + 7) / 8);
	if (at_magic(p, BZ2_BLOCK_MAGIC, &wrong))
		return all ? make_job(p) : end_cut(p);
	if (!at_magic(p, BZ2_END_MAGIC, &wrong_end))
		return end_with(p, ERR_FORMAT, wrong > wrong_end ? wrong : wrong_end);
	if (!all)
		return end_cut(p);
	wrong = p->bit + BZ2_MAGIC_BITS + BZ2_CRC_BITS;
	if (get_bits(p, p->bit + BZ2_MAGIC_BITS, BZ2_CRC_BITS) != p->combined)
		return end_with(p, ERR_FORMAT, wrong);
	p->bit = (wrong + 7) / 8 * 8;
	forget(p);
	p->in_stream = false;
	return 1;
}

/* ---- the caller's side ------------------------------------------------------------ */

static void wait_for(struct bz2par *p, const struct job *j)
{
	pthread_mutex_lock(&p->lock);
	while (j->state != JOB_DONE)
		pthread_cond_wait(&p->done, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

static int fill_ring(struct bz2par *p)
{
	while (!p->ended && p->tail - p->head < p->ring)
		if (find_next(p) == 0)
			break;
	return p->head < p->tail;
}

/* What ends the last job ends all: the end of the file, if that is where it wants
 * more than there is. */
static ssize_t end_of_job(struct bz2par *p, const struct job *j)
{
	p->end_offset = j->offset;
	if (j->rc != ERR_TRUNC)
		return j->rc;
	return j->cut ? p->end_rc : ERR_FORMAT;
}

ssize_t bz2par_read(struct bz2par *p, void *buf, size_t cap)
{
	for (;;) {
		struct job *j;
		size_t n;

		if (!fill_ring(p))
			return p->end_rc;
		j = &p->jobs[p->head % p->ring];
		wait_for(p, j);
		n = j->out.len - j->out_pos;
		if (!n && j->rc < 0)
			return end_of_job(p, j);
		if (n > cap)
			n = cap;
		memcpy(buf, j->out.data + j->out_pos, n);
		j->out_pos += n;
		if (j->out_pos == j->out.len && j->rc == 0) {
			j->state = JOB_FREE;
			p->head++;
		}
		if (n)
			return (ssize_t)n;
	}
}

uint64_t bz2par_offset(const struct bz2par *p)
{
	return p->end_offset;
}

bool bz2par_garbage(const struct bz2par *p)
{
	return p->garbage;
}

static int start_threads(struct bz2par *p, unsigned n)
{
	p->threads = calloc(n, sizeof(*p->threads));
	if (!p->threads)
		return -ENOMEM;
	while (p->n_threads < n) {
		if (pthread_create(&p->threads[p->n_threads], NULL, work, p))
			return p->n_threads ? 0 : -EAGAIN;
		p->n_threads++;
	}
	return 0;
}

int bz2par_new(struct bz2par **out, unsigned threads, bz2par_source source, void *arg)
{
	struct bz2par *p = calloc(1, sizeof(*p));
	int rc = -ENOMEM;

	if (!p)
		return rc;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->ready, NULL);
	pthread_cond_init(&p->done, NULL);
	p->source = source;
	p->arg = arg;
	add_suspects(p, BZ2_BLOCK_MAGIC);
	add_suspects(p, BZ2_END_MAGIC);
	p->ring = threads > 1 ? 2 * threads + 2 : 1;
	p->jobs = calloc(p->ring, sizeof(*p->jobs));
	if (p->jobs && threads > 1)
		rc = start_threads(p, threads);
	else if (p->jobs && (p->decoder = bz2block_new()))
		rc = 0;
	if (rc < 0) {
		bz2par_free(p);
		return rc;
	}
	*out = p;
	return 0;
}

void bz2par_free(struct bz2par *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->quit = true;
	pthread_cond_broadcast(&p->ready);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n_threads; i++)
		pthread_join(p->threads[i], NULL);
	for (unsigned i = 0; p->jobs && i < p->ring; i++) {
		free(p->jobs[i].in);
		free(p->jobs[i].out.data);
	}
	bz2block_free(p->decoder);
	free(p->jobs);
	free(p->threads);
	free(p->raw);
	pthread_cond_destroy(&p->done);
	pthread_cond_destroy(&p->ready);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
