#include "probe/hosts.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/formats.h"
#include "probe/services.h"

enum {
	KEPT = 32768,
	BUFFER = 16384, /* records, of all runs, as far as BUFFER_MIN allows */
	BUFFER_MIN = 8,
	BUFFER_MAX = 256,
	SPILLED_SIZE = 2 * OBS_RECORD_SIZE,
};

/* A sorted part of the file, as it is read. */
struct run {
	uint64_t next, end; /* records of the file that were not read yet */
	uint8_t *buffer;    /* owned */
	size_t at, n;       /* records in it */
	struct observation first;
};

struct hosts {
	char *dir;
	int fd; /* -1: nothing was spilled */
	struct observation *kept;
	size_t n;
	struct services *services;
	uint64_t *ends; /* of the runs, in records */
	size_t n_runs;
};

struct hosts *hosts_new(const char *dir)
{
	struct hosts *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->fd = -1;
	h->dir = strdup(dir);
	h->kept = malloc(KEPT * sizeof(*h->kept));
	if (!h->dir || !h->kept || services_load(&h->services, NULL) < 0) {
		hosts_free(h);
		return NULL;
	}
	return h;
}

void hosts_free(struct hosts *h)
{
	if (!h)
		return;
	if (h->fd >= 0)
		close(h->fd);
	services_free(h->services);
	free(h->dir);
	free(h->kept);
	free(h->ends);
	free(h);
}

static int compare(const void *x, const void *y)
{
	const struct observation *a = x, *b = y;
	int c = addr_cmp(a->target, b->target);

	if (c == 0)
		c = (int)a->proto - (int)b->proto;
	if (c == 0)
		c = (int)a->port - (int)b->port;
	if (c == 0)
		c = (a->when_us > b->when_us) - (a->when_us < b->when_us);
	return c;
}

/* A file that goes away with its descriptor. */
static int open_spill(const char *dir)
{
	int fd = open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600), saved;
	char *name;

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd < 0 ? -errno : fd;
	if (asprintf(&name, "%s/.sextant-XXXXXX", dir) < 0)
		return -ENOMEM;
	fd = mkostemp(name, O_CLOEXEC);
	saved = errno;
	if (fd >= 0)
		unlink(name);
	free(name);
	return fd < 0 ? -saved : fd;
}

static int write_all(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t k = write(fd, p, n);

		if (k < 0 && errno != EINTR)
			return -errno;
		if (k > 0) {
			p += k;
			n -= (size_t)k;
		}
	}
	return 0;
}

static void encode(uint8_t out[static SPILLED_SIZE], const struct observation *o)
{
	obs_encode(out, o);
	obs_encode_more(out + OBS_RECORD_SIZE, o);
}

static int decode(struct observation *o, const uint8_t in[static SPILLED_SIZE])
{
	int rc;

	memset(o, 0, sizeof(*o));
	rc = obs_decode(o, in);
	return rc < 0 ? rc : obs_decode_more(o, in + OBS_RECORD_SIZE);
}

/* What is kept becomes a run. */
static int spill(struct hosts *h)
{
	uint64_t *ends = realloc(h->ends, (h->n_runs + 1) * sizeof(*ends));
	uint8_t *bytes = malloc(BUFFER_MAX * SPILLED_SIZE);
	int rc = ends && bytes ? 0 : -ENOMEM;

	if (ends)
		h->ends = ends;
	if (rc == 0 && h->fd < 0) {
		h->fd = open_spill(h->dir);
		rc = h->fd < 0 ? h->fd : 0;
	}
	qsort(h->kept, h->n, sizeof(*h->kept), compare);
	for (size_t i = 0; rc == 0 && i < h->n;) {
		size_t k = 0;

		for (; k < BUFFER_MAX && i < h->n; k++)
			encode(bytes + k * SPILLED_SIZE, &h->kept[i++]);
		rc = write_all(h->fd, bytes, k * SPILLED_SIZE);
	}
	free(bytes);
	if (rc < 0)
		return rc;
	h->ends[h->n_runs] = (h->n_runs ? h->ends[h->n_runs - 1] : 0) + h->n;
	h->n_runs++;
	h->n = 0;
	return 0;
}

int hosts_put(struct hosts *h, const struct observation *o)
{
	if (h->n == KEPT) {
		int rc = spill(h);

		if (rc < 0)
			return rc;
	}
	h->kept[h->n++] = *o;
	return 0;
}

/* --- reading back ----------------------------------------------------------- */

/* 1: r->first is the run's next one; 0: its end. */
static int run_next(const struct hosts *h, struct run *r, size_t room)
{
	int rc;

	if (r->at == r->n) {
		uint64_t left = r->end - r->next;
		size_t k = left < room ? (size_t)left : room;
		ssize_t got;

		if (k == 0)
			return 0;
		got = pread(h->fd, r->buffer, k * SPILLED_SIZE,
		            (off_t)(r->next * SPILLED_SIZE));
		if (got != (ssize_t)(k * SPILLED_SIZE))
			return got < 0 ? -errno : -EIO;
		r->next += k;
		r->at = 0;
		r->n = k;
	}
	rc = decode(&r->first, r->buffer + r->at++ * SPILLED_SIZE);
	return rc < 0 ? rc : 1;
}

/* The heap's top may be larger than what is below it. */
static void sift(struct run **heap, size_t n, size_t i)
{
	struct run *x = heap[i];
	size_t child;

	while ((child = 2 * i + 1) < n) {
		if (child + 1 < n &&
		    compare(&heap[child + 1]->first, &heap[child]->first) < 0)
			child++;
		if (compare(&heap[child]->first, &x->first) >= 0)
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = x;
}

struct reading {
	void (*fn)(void *ctx, const struct observation *o);
	void *ctx;
};

struct page {
	struct writer *w;
	const struct obs_fields *fields;
	const struct services *services;
	struct addr128 host;
	uint64_t n; /* answers of the host */
};

static void put(void *ctx, const struct observation *o)
{
	struct page *p = ctx;
	char a[ADDR_STRLEN];
	const char *service;
	bool any = false;

	if (p->n == 0 || !addr_eq(p->host, o->target)) {
		addr_format(a, o->target);
		writer_printf(p->w, "%s{\"ip\": \"%s\", \"ports\": [", p->n ? "]}\n" : "",
		              a);
		p->host = o->target;
		p->n = 0;
	}
	writer_printf(p->w, "%s{", p->n++ ? ", " : "");
	for (unsigned i = 0; i < p->fields->n; i++)
		if (strcmp(obs_field_name(p->fields->index[i]), "target") != 0)
			any |= format_json_field(p->w, p->fields->index[i], o, any);
	service = services_name(p->services, (enum obs_proto)o->proto, o->port);
	if (service) {
		writer_printf(p->w, "%s\"service\": ", any ? ", " : "");
		format_json_string(p->w, service);
	}
	writer_write(p->w, "}", 1);
}

static int merge(const struct hosts *h, struct run *runs, struct run **heap,
                 const struct reading *to)
{
	size_t n = 0, room = BUFFER / h->n_runs;
	int rc;

	room = room < BUFFER_MIN ? BUFFER_MIN : room > BUFFER_MAX ? BUFFER_MAX : room;
	for (size_t i = 0; i < h->n_runs; i++) {
		runs[i].next = i ? h->ends[i - 1] : 0;
		runs[i].end = h->ends[i];
		runs[i].buffer = malloc(room * SPILLED_SIZE);
		if (!runs[i].buffer)
			return -ENOMEM;
		rc = run_next(h, &runs[i], room);
		if (rc < 0)
			return rc;
		if (rc > 0)
			heap[n++] = &runs[i];
	}
	for (size_t i = n / 2; i-- > 0;)
		sift(heap, n, i);
	while (n) {
		to->fn(to->ctx, &heap[0]->first);
		rc = run_next(h, heap[0], room);
		if (rc < 0)
			return rc;
		if (rc == 0)
			heap[0] = heap[--n];
		if (n)
			sift(heap, n, 0);
	}
	return 0;
}

static int merge_runs(struct hosts *h, const struct reading *to)
{
	struct run *runs;
	struct run **heap;
	int rc = h->n ? spill(h) : 0;

	if (rc < 0)
		return rc;
	runs = calloc(h->n_runs, sizeof(*runs));
	heap = calloc(h->n_runs, sizeof(struct run *));
	rc = runs && heap ? merge(h, runs, heap, to) : -ENOMEM;
	for (size_t i = 0; runs && i < h->n_runs; i++)
		free(runs[i].buffer);
	free(runs);
	free(heap);
	return rc;
}

int hosts_each(struct hosts *h, void (*fn)(void *ctx, const struct observation *o),
               void *ctx, struct diag *d)
{
	const struct reading to = { fn, ctx };
	int rc = 0;

	if (h->n_runs) {
		rc = merge_runs(h, &to);
	} else {
		qsort(h->kept, h->n, sizeof(*h->kept), compare);
		for (size_t i = 0; i < h->n; i++)
			fn(ctx, &h->kept[i]);
	}
	h->n = h->n_runs = 0;
	if (h->fd >= 0 && (ftruncate(h->fd, 0) < 0 || lseek(h->fd, 0, SEEK_SET) < 0) &&
	    rc == 0)
		rc = -errno;
	return rc < 0 ? diag_set(d, rc, "%s: answers by host: %s", h->dir, err_str(rc))
	              : 0;
}

int hosts_write(struct hosts *h, const struct obs_fields *f, struct writer *w,
                struct diag *d)
{
	struct page page = { .w = w, .fields = f, .services = h->services };
	int rc = hosts_each(h, put, &page, d);

	if (page.n)
		writer_write(w, "]}\n", 3);
	return rc;
}
