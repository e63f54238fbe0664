#include "tgen/model_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/checksum.h"
#include "common/input.h"
#include "common/writer.h"

static const char magic[6] = "SXTGEN";

struct model_out {
	struct writer *w;
	uint64_t block;
	size_t n;
	uint8_t buf[MODEL_HEADER + MODEL_BLOCK + 8];
};

struct model_in {
	struct input *in;
	struct diag *d;
	uint64_t block, offset; /* of the block in buf */
	size_t at, n;           /* inside the payload */
	bool last;
	int rc;
	uint8_t buf[MODEL_HEADER + MODEL_BLOCK + 8];
};

static void store(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t fetch(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

int model_create(struct model_out **out, const char *path, struct diag *d)
{
	struct model_out *o = calloc(1, sizeof(*o));
	int rc;

	if (!o)
		return -ENOMEM;
	rc = writer_open(&o->w, path, d);
	if (rc < 0) {
		free(o);
		return rc;
	}
	*out = o;
	return 0;
}

static void put_block(struct model_out *o, bool last)
{
	size_t n = MODEL_HEADER + o->n;

	memcpy(o->buf, magic, sizeof(magic));
	o->buf[6] = MODEL_VERSION;
	o->buf[7] = last;
	store(o->buf + 8, o->n, 4);
	store(o->buf + n, checksum64(o->buf, n, o->block), 8);
	writer_write(o->w, o->buf, n + 8); /* errors stick until the commit */
	o->block++;
	o->n = 0;
}

void model_put(struct model_out *o, const void *buf, size_t n)
{
	const uint8_t *p = buf;

	while (n > 0) {
		size_t room = MODEL_BLOCK - o->n, take = n < room ? n : room;

		memcpy(o->buf + MODEL_HEADER + o->n, p, take);
		o->n += take;
		p += take;
		n -= take;
		if (o->n == MODEL_BLOCK)
			put_block(o, false);
	}
}

void model_put_u32(struct model_out *o, uint32_t v)
{
	uint8_t b[4];

	store(b, v, sizeof(b));
	model_put(o, b, sizeof(b));
}

void model_put_u64(struct model_out *o, uint64_t v)
{
	uint8_t b[8];

	store(b, v, sizeof(b));
	model_put(o, b, sizeof(b));
}

void model_put_float(struct model_out *o, float v)
{
	uint32_t u;

	memcpy(&u, &v, sizeof(u));
	model_put_u32(o, u);
}

void model_put_addr(struct model_out *o, struct addr128 a)
{
	uint8_t b[16];

	addr_store(b, a);
	model_put(o, b, sizeof(b));
}

int model_commit(struct model_out *o, struct diag *d)
{
	int rc;

	put_block(o, true);
	rc = writer_commit(o->w, d);
	model_discard(o);
	return rc;
}

void model_discard(struct model_out *o)
{
	if (!o)
		return;
	writer_close(o->w);
	free(o);
}

int model_open(struct model_in **in, const char *path, struct diag *d)
{
	struct model_in *m = calloc(1, sizeof(*m));
	int rc;

	if (!m)
		return -ENOMEM;
	rc = input_open(&m->in, path, d);
	if (rc < 0) {
		free(m);
		return rc;
	}
	m->d = d;
	*in = m;
	return 0;
}

void model_close(struct model_in *in)
{
	if (!in)
		return;
	input_close(in->in);
	free(in);
}

static int fail(struct model_in *in, int rc, const char *what)
{
	if (in->rc == 0)
		in->rc = diag_set(in->d, rc, "%s: offset %" PRIu64 ": %s",
		                  input_name(in->in), in->offset, what);
	return in->rc;
}

int model_reject(struct model_in *in, const char *what)
{
	in->offset += MODEL_HEADER + in->at;
	return fail(in, ERR_FORMAT, what);
}

int model_status(const struct model_in *in)
{
	return in->rc;
}

/* n bytes at buf + at; false: an error, or the file ended first. */
static bool read_full(struct model_in *in, size_t at, size_t n)
{
	size_t got = 0;
	ssize_t k;

	while (got < n) {
		k = input_read(in->in, in->buf + at + got, n - got, in->d);
		if (k < 0)
			in->rc = (int)k;
		else if (k == 0 && at + got == 0 && in->block > 0)
			fail(in, ERR_TRUNC,
			     "the model file ends here, blocks are missing");
		else if (k == 0)
			fail(in, ERR_TRUNC, "the model file ends inside the block here");
		if (k <= 0)
			return false;
		got += (size_t)k;
	}
	return true;
}

static bool read_block(struct model_in *in)
{
	if (in->block > 0)
		in->offset += MODEL_HEADER + in->n + 8;
	in->at = in->n = 0;
	if (in->last)
		return fail(in, ERR_FORMAT,
		            "the model file ends before its contents do") == 0;
	if (!read_full(in, 0, MODEL_HEADER))
		return false;
	if (memcmp(in->buf, magic, sizeof(magic)) != 0)
		return fail(in, in->block ? ERR_CHECKSUM : ERR_FORMAT,
		            in->block ? "damaged block header" : "not a model file") == 0;
	if (in->buf[6] != MODEL_VERSION)
		return fail(in, ERR_VERSION,
		            "model file of another version, or damaged") == 0;
	in->n = fetch(in->buf + 8, 4);
	if (in->n > MODEL_BLOCK || in->buf[7] > 1 ||
	    (in->n < MODEL_BLOCK && !in->buf[7])) {
		in->n = 0;
		return fail(in, ERR_CHECKSUM, "damaged block header") == 0;
	}
	if (!read_full(in, MODEL_HEADER, in->n + 8))
		return false;
	if (fetch(in->buf + MODEL_HEADER + in->n, 8) !=
	    checksum64(in->buf, MODEL_HEADER + in->n, in->block))
		return fail(in, ERR_CHECKSUM, "bytes of this block have changed") == 0;
	in->last = in->buf[7];
	in->block++;
	return true;
}

void model_get(struct model_in *in, void *buf, size_t n)
{
	uint8_t *p = buf;

	while (n > 0 && in->rc == 0) {
		size_t left = in->n - in->at, take = n < left ? n : left;

		if (left == 0 && !read_block(in))
			break;
		memcpy(p, in->buf + MODEL_HEADER + in->at, take);
		in->at += take;
		p += take;
		n -= take;
	}
	memset(p, 0, n);
}

uint32_t model_get_u32(struct model_in *in)
{
	uint8_t b[4];

	model_get(in, b, sizeof(b));
	return (uint32_t)fetch(b, sizeof(b));
}

uint64_t model_get_u64(struct model_in *in)
{
	uint8_t b[8];

	model_get(in, b, sizeof(b));
	return fetch(b, sizeof(b));
}

float model_get_float(struct model_in *in)
{
	uint32_t u = model_get_u32(in);
	float v;

	memcpy(&v, &u, sizeof(v));
	return v;
}

struct addr128 model_get_addr(struct model_in *in)
{
	uint8_t b[16];

	model_get(in, b, sizeof(b));
	return addr_load(b);
}

bool model_more(struct model_in *in)
{
	while (in->rc == 0 && in->at == in->n && !in->last)
		read_block(in);
	return in->rc == 0 && in->at < in->n;
}

int model_end(struct model_in *in)
{
	bool more = model_more(in);
	ssize_t k;

	if (in->rc < 0)
		return in->rc;
	if (more)
		return model_reject(in, "the model file goes on after its contents");
	in->offset += MODEL_HEADER + in->n + 8;
	k = input_read(in->in, in->buf, 1, in->d);
	if (k < 0)
		return in->rc = (int)k;
	return k == 0 ? 0 : fail(in, ERR_FORMAT, "bytes after the end of the model file");
}
