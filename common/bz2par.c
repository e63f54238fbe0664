#include "common/bz2par.h"

#include <bzlib.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	RAW_CHUNK = 256 * 1024,
	/* bzip2 stores a block of at most 900 kB with a few bytes of overhead. */
	BLOCK_MAX = 2 << 20,
	HEADER_BITS = 32,
	MAGIC_BITS = 48,
	CRC_BITS = 32,
	TAIL_SIZE = 16, /* end magic, checksum, and a byte to spare */
};

#define BLOCK_MAGIC UINT64_C(0x314159265359)
#define END_MAGIC   UINT64_C(0x177245385090)

enum job_state { JOB_FREE, JOB_READY, JOB_BUSY, JOB_DONE };

struct job {
	enum job_state state;
	int rc;
	char level;
	uint8_t *in; /* a stream of one block */
	size_t bits, in_cap;
	uint8_t *out;
	size_t out_len, out_cap, out_pos;
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
	char level;
	uint32_t combined;
	bool ended; /* nothing is left to find, because of end_rc */
	int end_rc;

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

/* ---- bits ------------------------------------------------------------------ */

static uint64_t get_bits(const uint8_t *p, uint64_t bit, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++, bit++)
		v = v << 1 | (p[bit / 8] >> (7 - bit % 8) & 1);
	return v;
}

static void put_bits(uint8_t *p, uint64_t bit, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++, bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		if (v >> (n - 1 - i) & 1)
			p[bit / 8] |= mask;
		else
			p[bit / 8] &= (uint8_t)~mask;
	}
}

/* Append n bits of src, from bit from, to dst at bit to.  Reads and writes up to
 * a byte more than the bits need. */
static void copy_bits(uint8_t *dst, uint64_t to, const uint8_t *src, uint64_t from,
                      uint64_t n)
{
	unsigned head = (unsigned)((8 - to % 8) % 8), shift;

	if (head > n)
		head = (unsigned)n;
	put_bits(dst, to, get_bits(src, from, head), head);
	to += head;
	from += head;
	n -= head;
	dst += to / 8;
	src += from / 8;
	shift = from % 8;
	for (uint64_t i = 0; i < n / 8; i++)
		dst[i] = (uint8_t)(src[i] << shift |
		                   (shift ? src[i + 1] >> (8 - shift) : 0));
	put_bits(dst, n / 8 * 8, get_bits(src, shift + n / 8 * 8, n % 8), n % 8);
}

/* ---- workers ----------------------------------------------------------------- */

static int grow_out(struct job *j)
{
	size_t cap = j->out_cap ? j->out_cap * 2 : 1 << 20;
	uint8_t *p = realloc(j->out, cap);

	if (!p)
		return -ENOMEM;
	j->out = p;
	j->out_cap = cap;
	return 0;
}

static int decode_job(struct job *j)
{
	bz_stream s = { .next_in = (char *)j->in };
	int bz = BZ_OK, rc = 0;

	s.avail_in = (unsigned)((HEADER_BITS + j->bits + MAGIC_BITS + CRC_BITS + 7) / 8);
	j->out_len = j->out_pos = 0;
	if (BZ2_bzDecompressInit(&s, 0, 0) != BZ_OK)
		return -ENOMEM;
	while (bz == BZ_OK && rc == 0) {
		if (j->out_len == j->out_cap && (rc = grow_out(j)) < 0)
			break;
		s.next_out = (char *)j->out + j->out_len;
		s.avail_out = (unsigned)(j->out_cap - j->out_len);
		bz = BZ2_bzDecompress(&s);
		j->out_len = j->out_cap - s.avail_out;
		/* All is in, and there is room: it wants more than there is. */
		if (bz == BZ_OK && !s.avail_in && s.avail_out)
			rc = ERR_FORMAT;
	}
	BZ2_bzDecompressEnd(&s);
	if (rc == 0 && bz != BZ_STREAM_END)
		rc = bz == BZ_MEM_ERROR ? -ENOMEM : ERR_FORMAT;
	return rc;
}

static void *work(void *arg)
{
	struct bz2par *p = arg;

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
		j->rc = decode_job(j);
		pthread_mutex_lock(&p->lock);
		j->state = JOB_DONE;
		pthread_cond_signal(&p->done);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* ---- finding blocks ------------------------------------------------------------ */

/* Have n bytes of the window behind .bit; false: the input ends before.  One
 * byte beyond the window may be read by copy_bits(). */
static bool have_bytes(struct bz2par *p, uint64_t upto)
{
	while (p->raw_len < upto && !p->raw_end) {
		ssize_t n;

		if (p->raw_len + RAW_CHUNK + 1 > p->raw_cap) {
			size_t cap = p->raw_cap * 2 + RAW_CHUNK + 1;
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

/* Nothing more will be found: rc says why (0: the regular end). */
static int end_with(struct bz2par *p, int rc)
{
	p->ended = true;
	p->end_rc = p->raw_rc < 0 ? p->raw_rc : rc;
	return 0;
}

/* The first bit at or after from where either magic begins, among the bytes that
 * are there; *resume is from where to go on when there is none. */
static bool find_magic(const struct bz2par *p, uint64_t from, uint64_t *found,
                       uint64_t *resume)
{
	const uint64_t mask = (UINT64_C(1) << MAGIC_BITS) - 1;
	size_t i = from / 8;
	uint64_t w = 0;

	*resume = from;
	if (i + 7 > p->raw_len)
		return false;
	for (size_t k = 0; k < 6; k++)
		w = w << 8 | p->raw[i + k];
	/* w ends with byte i + 6: the eight places that begin in byte i. */
	for (; i + 7 <= p->raw_len; i++) {
		w = w << 8 | p->raw[i + 6];
		for (unsigned s = 0; s < 8; s++) {
			uint64_t v = w >> (8 - s) & mask;

			if ((v == BLOCK_MAGIC || v == END_MAGIC) && i * 8 + s >= from) {
				*found = i * 8 + s;
				return true;
			}
		}
	}
	if (i * 8 > from)
		*resume = (uint64_t)i * 8;
	return false;
}

/* The end of the block that begins at .bit.  1, or 0 when there is none. */
static int find_end(struct bz2par *p, uint64_t *end)
{
	uint64_t from = p->bit + MAGIC_BITS + CRC_BITS;

	for (;;) {
		size_t before = p->raw_len;

		if (find_magic(p, from, end, &from))
			return 1;
		if (from - p->bit > (uint64_t)BLOCK_MAX * 8)
			return end_with(p, ERR_FORMAT);
		if (!have_bytes(p, before + 1))
			return end_with(p, ERR_TRUNC);
	}
}

static int reserve_in(struct job *j, size_t bits)
{
	size_t need = bits / 8 + HEADER_BITS / 8 + TAIL_SIZE;
	uint8_t *q;

	if (need <= j->in_cap)
		return 0;
	q = realloc(j->in, need + need / 4);
	if (!q)
		return -ENOMEM;
	j->in = q;
	j->in_cap = need + need / 4;
	return 0;
}

/* A head and a tail make a stream of the block. */
static void finish_job(struct job *j, uint32_t crc)
{
	memcpy(j->in, "BZh", 3);
	j->in[3] = (uint8_t)j->level;
	put_bits(j->in, HEADER_BITS + j->bits, END_MAGIC, MAGIC_BITS);
	put_bits(j->in, HEADER_BITS + j->bits + MAGIC_BITS, crc, CRC_BITS);
}

/* The block from .bit to end becomes a job. */
static int make_job(struct bz2par *p, uint64_t end)
{
	struct job *j = &p->jobs[p->tail % p->ring];
	uint32_t crc = (uint32_t)get_bits(p->raw, p->bit + MAGIC_BITS, CRC_BITS);

	j->bits = end - p->bit;
	j->level = p->level;
	if (reserve_in(j, j->bits) < 0)
		return end_with(p, -ENOMEM);
	copy_bits(j->in, HEADER_BITS, p->raw, p->bit, j->bits);
	finish_job(j, crc);
	p->combined = (p->combined << 1 | p->combined >> 31) ^ crc;
	p->bit = end;
	forget(p);
	pthread_mutex_lock(&p->lock);
	j->state = JOB_READY;
	p->tail++;
	pthread_cond_signal(&p->ready);
	pthread_mutex_unlock(&p->lock);
	return 1;
}

/* Between streams.  Zeros are padding, as for other formats. */
static int start_stream(struct bz2par *p)
{
	for (;;) {
		have_bytes(p, p->bit / 8 + 4);
		while (p->bit / 8 < p->raw_len && p->raw[p->bit / 8] == 0 &&
		       p->any_stream)
			p->bit += 8;
		forget(p);
		if (p->bit / 8 + 4 <= p->raw_len || p->raw_end)
			break;
	}
	if (p->bit / 8 >= p->raw_len)
		return end_with(p, p->any_stream ? 0 : ERR_TRUNC);
	if (p->bit / 8 + 4 > p->raw_len)
		return end_with(p, ERR_TRUNC);
	if (memcmp(p->raw + p->bit / 8, "BZh", 3) || p->raw[p->bit / 8 + 3] < '1' ||
	    p->raw[p->bit / 8 + 3] > '9')
		return end_with(p, ERR_FORMAT);
	p->level = (char)p->raw[p->bit / 8 + 3];
	p->bit += HEADER_BITS;
	p->combined = 0;
	p->in_stream = p->any_stream = true;
	return 1;
}

/* One step of the search; 0 when it has ended. */
static int find_next(struct bz2par *p)
{
	uint64_t magic, end;

	if (!p->in_stream)
		return start_stream(p);
	if (!have_bytes(p, (p->bit + MAGIC_BITS + CRC_BITS + 7) / 8))
		return end_with(p, ERR_TRUNC);
	magic = get_bits(p->raw, p->bit, MAGIC_BITS);
	if (magic == BLOCK_MAGIC)
		return find_end(p, &end) ? make_job(p, end) : 0;
	if (magic != END_MAGIC ||
	    get_bits(p->raw, p->bit + MAGIC_BITS, CRC_BITS) != p->combined)
		return end_with(p, ERR_FORMAT);
	p->bit = (p->bit + MAGIC_BITS + CRC_BITS + 7) / 8 * 8;
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

ssize_t bz2par_read(struct bz2par *p, void *buf, size_t cap)
{
	for (;;) {
		struct job *j;
		size_t n;

		if (!fill_ring(p))
			return p->end_rc;
		j = &p->jobs[p->head % p->ring];
		wait_for(p, j);
		n = j->out_len - j->out_pos;
		if (!n && j->rc < 0)
			return j->rc;
		if (n > cap)
			n = cap;
		memcpy(buf, j->out + j->out_pos, n);
		j->out_pos += n;
		if (j->out_pos == j->out_len && j->rc == 0) {
			j->state = JOB_FREE;
			p->head++;
		}
		if (n)
			return (ssize_t)n;
	}
}

uint64_t bz2par_offset(const struct bz2par *p)
{
	return p->raw_offset;
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
	p->ring = 2 * threads + 2;
	p->jobs = calloc(p->ring, sizeof(*p->jobs));
	if (p->jobs)
		rc = start_threads(p, threads);
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
		free(p->jobs[i].out);
	}
	free(p->jobs);
	free(p->threads);
	free(p->raw);
	pthread_cond_destroy(&p->done);
	pthread_cond_destroy(&p->ready);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
