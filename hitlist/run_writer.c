#include "hitlist/run.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/bloom.h"
#include "hitlist/fs.h"
#include "hitlist/run_format.h"

enum { OUT_BYTES = 1 << 18 };

/* Index and key hashes are kept until the end: the filter's size depends on
 * the number of keys, and equal content must give equal files. */
struct run_writer {
	int fd, error; /* error: the first one; it stays */
	enum run_schema schema;
	enum run_use use;
	uint64_t generation, offset, records;
	uint8_t *index;
	size_t index_n, index_cap;
	uint64_t *hashes;
	size_t hashes_cap;
	struct addr128 min, max;
	uint64_t header_sum;
	unsigned n;
	size_t out_n;
	bool finished;
	struct host_record rec[RUN_BLOCK];
	uint8_t out[OUT_BYTES];
	char path[];
};

static void *grow(void *p, size_t *cap, size_t need, size_t size)
{
	size_t n = *cap ? *cap : 1024;

	if (need <= *cap)
		return p;
	while (n < need)
		n *= 2;
	p = realloc(p, n * size);
	if (p)
		*cap = n;
	return p;
}

static void flush(struct run_writer *w)
{
	if (w->error == 0)
		w->error = fs_write_all(w->fd, w->out, w->out_n);
	w->out_n = 0;
}

static void emit(struct run_writer *w, const void *buf, size_t n)
{
	if (w->out_n + n > OUT_BYTES)
		flush(w);
	if (n > OUT_BYTES) {
		if (w->error == 0)
			w->error = fs_write_all(w->fd, buf, n);
	} else {
		memcpy(w->out + w->out_n, buf, n);
		w->out_n += n;
	}
	w->offset += n;
}

static void put_block(struct run_writer *w)
{
	uint8_t *e,
		*index = grow(w->index, &w->index_cap, w->index_n + 2, RUN_INDEX_ENTRY);
	uint8_t block[BLOCK_BYTES_MAX];
	size_t n;

	if (!index) {
		w->error = w->error ? w->error : -ENOMEM;
		return;
	}
	w->index = index;
	n = block_encode(block, w->rec, w->n,
	                 w->schema == RUN_SEEN ? BLOCK_SEEN : BLOCK_HOSTS);
	e = index + RUN_INDEX_ENTRY * w->index_n++;
	store_addr(e, w->rec[0].addr);
	store64(e + RUN_I_OFFSET, w->offset);
	store64(e + RUN_I_CHECKSUM, checksum64(block, n, w->offset));
	emit(w, block, n);
	w->n = 0;
}

static void put_header(struct run_writer *w)
{
	uint8_t h[RUN_HEADER] = RUN_MAGIC;

	store16(h + RUN_H_VERSION, RUN_VERSION);
	store16(h + RUN_H_SCHEMA, (uint16_t)w->schema);
	store32(h + RUN_H_BLOCK, RUN_BLOCK);
	store64(h + RUN_H_GENERATION, w->generation);
	store64(h + RUN_H_CHECKSUM, checksum64(h, RUN_H_CHECKSUM, 0));
	w->header_sum = checksum64(h, RUN_HEADER, 0);
	emit(w, h, sizeof(h));
}

int run_writer_open(struct run_writer **out, const char *path, enum run_schema schema,
                    uint64_t generation, enum run_use use, struct diag *d)
{
	size_t len = strlen(path) + 1;
	struct run_writer *w = malloc(sizeof(*w) + len);
	int rc;

	if (!w)
		return -ENOMEM;
	memset(w, 0, offsetof(struct run_writer, rec));
	memcpy(w->path, path, len);
	w->schema = schema;
	w->use = use;
	w->generation = generation;
	w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (w->fd < 0) {
		rc = diag_set(d, -errno, "%s: %s", path, strerror(errno));
		free(w);
		return rc;
	}
	put_header(w);
	*out = w;
	return 0;
}

static int keep_hash(struct run_writer *w, struct addr128 a)
{
	uint64_t *h = grow(w->hashes, &w->hashes_cap, w->records + 1, sizeof(*h));

	if (!h)
		return w->error = -ENOMEM;
	w->hashes = h;
	h[w->records] = run_key_hash(a);
	return 0;
}

int run_writer_add(struct run_writer *w, const struct host_record *r)
{

	if (w->error)
		return w->error;
	if (w->records >= RUN_MAX_RECORDS ||
	    (w->records && addr_cmp(r->addr, w->max) <= 0))
		return w->error = -EINVAL;
	if (w->use == RUN_LASTING && keep_hash(w, r->addr) < 0)
		return w->error;
	if (w->records++ == 0)
		w->min = r->addr;
	w->max = r->addr;
	w->rec[w->n++] = *r;
	if (w->n == RUN_BLOCK)
		put_block(w);
	return w->error;
}

uint64_t run_writer_records(const struct run_writer *w)
{
	return w->records;
}

/* Index, with the padding that aligns the filter after it. */
static uint64_t put_index(struct run_writer *w)
{
	uint64_t at = w->offset, sum;
	size_t n = w->index_n * RUN_INDEX_ENTRY;
	size_t pad = (size_t) - (at + n) % RUN_FILTER_ALIGN;
	uint8_t *index = grow(w->index, &w->index_cap, w->index_n + 2, RUN_INDEX_ENTRY);

	if (!index) {
		w->error = w->error ? w->error : -ENOMEM;
		return 0;
	}
	w->index = index;
	memset(index + n, 0, pad);
	sum = checksum64(index, n + pad, at);
	emit(w, index, n + pad);
	return sum;
}

static uint64_t put_filter(struct run_writer *w)
{
	uint64_t at = w->offset, sum;
	uint64_t keys = w->use == RUN_LASTING ? w->records : 1;
	struct bloom f;

	if (bloom_init(&f, keys, RUN_FILTER_BITS) < 0) {
		w->error = w->error ? w->error : -ENOMEM;
		return 0;
	}
	if (w->use == RUN_SPILL)
		memset(f.words, 0xff, bloom_bytes(&f));
	else
		bloom_add_all(&f, w->hashes, w->records);
	sum = checksum64(f.words, bloom_bytes(&f), at);
	emit(w, f.words, bloom_bytes(&f));
	bloom_fini(&f);
	return sum;
}

static void put_tail(struct run_writer *w)
{
	uint8_t f[RUN_FOOTER] = RUN_FOOTER_MAGIC;

	store64(f + RUN_F_RECORDS, w->records);
	store64(f + RUN_F_BLOCKS, w->index_n);
	store_addr(f + RUN_F_MIN, w->min);
	store_addr(f + RUN_F_MAX, w->max);
	store64(f + RUN_F_GENERATION, w->generation);
	store64(f + RUN_F_HEADER_SUM, w->header_sum);
	store64(f + RUN_F_INDEX, w->offset);
	store64(f + RUN_F_INDEX_SUM, put_index(w));
	store64(f + RUN_F_FILTER, w->offset);
	store64(f + RUN_F_FILTER_SUM, put_filter(w));
	store64(f + RUN_F_FILTER_BYTES, w->offset - load64(f + RUN_F_FILTER));
	store64(f + RUN_F_SIZE, w->offset + RUN_FOOTER);
	store64(f + RUN_F_CHECKSUM, checksum64(f, RUN_F_CHECKSUM, w->offset));
	emit(w, f, sizeof(f));
}

int run_writer_finish(struct run_writer *w, struct diag *d)
{
	if (w->error == 0 && w->records == 0)
		w->error = -EINVAL;
	if (w->error == 0 && w->n)
		put_block(w);
	if (w->error == 0)
		put_tail(w);
	flush(w);
	if (w->error == 0 && w->use == RUN_LASTING && fsync(w->fd) < 0)
		w->error = -errno;
	if (close(w->fd) < 0 && w->error == 0)
		w->error = -errno;
	w->fd = -1;
	w->finished = w->error == 0;
	if (w->error)
		diag_set(d, w->error, "%s: %s", w->path, err_str(w->error));
	return w->error;
}

void run_writer_close(struct run_writer *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	if (!w->finished)
		unlink(w->path);
	free(w->index);
	free(w->hashes);
	free(w);
}
