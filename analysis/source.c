#include "analysis/source.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/csvcol.h"
#include "common/addrvec.h"
#include "common/reader.h"
#include "hitlist/hitlist.h"

enum { BLOCK = 4096, MIN_BUFFER = 1024, VISITED = 512 };

/* A sorted part in the temporary file. */
struct part {
	uint64_t begin, end, pos; /* in addresses; pos: next one to be read */
	struct addr128 *buf;      /* BLOCK addresses */
	size_t at, n;             /* in buf */
};

struct source {
	struct addrvec v; /* all of it, or what the next part is made of */
	size_t limit;     /* addresses in v before it becomes a part */
	struct source_stats stats;
	struct diag *d; /* of the caller, while everything is read */
	int fd;         /* -1: nothing was spilled */
	uint64_t stored;
	struct part *parts;
	size_t n_parts;
	size_t *heap; /* of parts, smallest head first */
	size_t n_heap;
	struct addr128 *block;
	bool given; /* the block in memory was handed out, or the merge has begun */
	bool begun; /* an address was merged: block[BLOCK] is the last one */
	bool keep_v4;
};

static int visit_hitlist(const char *dir, source_visitor fn, void *ctx, struct diag *d)
{
	struct hitlist_iter *it = NULL;
	struct host_record host;
	struct hitlist *h;
	int rc = hitlist_open(&h, dir, HITLIST_READ, d);

	if (rc < 0)
		return rc;
	rc = hitlist_iter_open(&it, h, NULL, d);
	while (rc >= 0 && (rc = hitlist_iter_next(it, &host, d)) > 0)
		rc = fn(ctx, &host.addr, 1);
	if (it)
		hitlist_iter_close(it);
	hitlist_close(h);
	return rc < 0 ? diag_set(d, rc, "%s: %s", dir, err_str(rc)) : 0;
}

static int visit_list(const char *path, bool strict, source_visitor fn, void *ctx,
                      struct diag *d)
{
	struct reader_policy policy = { .strict = strict, .ports = true };
	struct addr128 a[VISITED];
	struct reader *r;
	ssize_t n;
	int rc = reader_open(&r, path, &policy, d);

	if (rc < 0)
		return rc;
	while ((n = reader_addrs(r, a, VISITED, d)) > 0) {
		rc = fn(ctx, a, (size_t)n);
		if (rc < 0) {
			diag_set(d, rc, "%s: %s", reader_name(r), err_str(rc));
			break;
		}
	}
	reader_close(r);
	return n < 0 ? (int)n : rc;
}

/* Lines with columns: those that .where lets through. */
struct rows {
	const struct source_config *cfg;
	const char *value; /* NULL: all lines */
	source_visitor fn;
	void *ctx;
};

static int take_row(void *ctx, struct addr128 a, const char *const *texts)
{
	const struct rows *r = ctx;
	int rc = 0;

	if (r->value && strcmp(*texts++, r->value) != 0)
		return 0;
	if (r->cfg->row)
		rc = r->cfg->row(r->cfg->row_ctx, a, texts);
	return rc < 0 ? rc : r->fn(r->ctx, &a, 1);
}

static int visit_rows(const char *path, const struct source_config *cfg,
                      source_visitor fn, void *ctx, struct diag *d)
{
	const char *equals = cfg->where ? strchr(cfg->where, '=') : NULL;
	struct rows r = { cfg, equals ? equals + 1 : NULL, fn, ctx };
	const char *names[CSVCOL_MAX];
	char column[64];
	size_t n = 0;

	if (cfg->where && (!equals || equals == cfg->where ||
	                   (size_t)(equals - cfg->where) >= sizeof(column)))
		return diag_set(d, ERR_USAGE, "--where: '%.40s' is not like COLUMN=VALUE",
		                cfg->where);
	if (cfg->where) {
		snprintf(column, sizeof(column), "%.*s", (int)(equals - cfg->where),
		         cfg->where);
		names[n++] = column;
	}
	for (size_t i = 0; cfg->row && i < cfg->n_columns && n < CSVCOL_MAX; i++)
		names[n++] = cfg->columns[i];
	return csvcol_rows(path, names, n, cfg->where ? 1 : 0, cfg->strict, take_row, &r,
	                   d);
}

int source_visit(const char *path, const struct source_config *cfg, source_visitor fn,
                 void *ctx, struct diag *d)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return visit_hitlist(path, fn, ctx, d);
	if (cfg->where || cfg->row)
		return visit_rows(path, cfg, fn, ctx, d);
	return visit_list(path, cfg->strict, fn, ctx, d);
}

static const char *temporary_folder(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir ? dir : "/var/tmp";
}

static int open_temporary(void)
{
	const char *dir = temporary_folder();
	char path[4096];
	int fd;

	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	/* Not every file system knows O_TMPFILE. */
	if (snprintf(path, sizeof(path), "%s/sextant.XXXXXX", dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

static int write_all(int fd, const void *buf, size_t n)
{
	const char *p = buf;

	while (n) {
		ssize_t k = write(fd, p, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

static int sort_unique(struct addrvec *v)
{
	int rc = addrvec_sort(v);

	if (rc == 0)
		addrvec_unique(v);
	return rc;
}

/* What is in memory becomes a part of the temporary file. */
static int spill(struct source *s)
{
	struct part *parts = realloc(s->parts, (s->n_parts + 1) * sizeof(*parts));
	int rc;

	if (!parts)
		return -ENOMEM;
	s->parts = parts;
	rc = sort_unique(&s->v);
	if (rc < 0)
		return rc;
	if (s->fd < 0)
		s->fd = open_temporary();
	rc = s->fd < 0 ? s->fd : write_all(s->fd, s->v.a, s->v.n * sizeof(*s->v.a));
	if (rc < 0)
		return diag_set(s->d, rc, "%s: temporary file: %s", temporary_folder(),
		                err_str(rc));
	parts[s->n_parts++] =
		(struct part){ .begin = s->stored, .end = s->stored + s->v.n };
	s->stored += s->v.n;
	s->stats.spilled += s->v.n;
	s->v.n = 0;
	return 0;
}

static int keep(struct source *s, const struct addr128 *a, size_t n)
{
	int rc;

	if (s->v.n == s->limit) {
		rc = spill(s);
		if (rc < 0)
			return rc;
	}
	rc = addrvec_reserve(&s->v, s->v.n + n);
	if (rc < 0)
		return rc;
	memcpy(s->v.a + s->v.n, a, n * sizeof(*a));
	s->v.n += n;
	return 0;
}

static int take(void *ctx, const struct addr128 *a, size_t n)
{
	struct source *s = ctx;
	int rc = 0;

	s->stats.read += n;
	for (size_t i = 0, j; i < n && rc == 0; i = j) {
		bool v4 = addr_is_v4(a[i]);

		for (j = i + 1; j < n && addr_is_v4(a[j]) == v4;)
			j++;
		if (v4)
			s->stats.v4 += j - i;
		if (v4 && !s->keep_v4)
			continue;
		while (i < j && rc == 0) {
			size_t room = s->limit - s->v.n % s->limit;
			size_t k = j - i < room ? j - i : room;

			rc = keep(s, a + i, k);
			i += k;
		}
	}
	return rc;
}

/* ---- merging the parts ------------------------------------------------- */

/* 1: the part has a head, 0: it has ended. */
static int fill(struct source *s, struct part *p)
{
	size_t want = BLOCK, have = 0;

	if (p->at < p->n)
		return 1;
	if (want > p->end - p->pos)
		want = (size_t)(p->end - p->pos);
	while (have < want * sizeof(*p->buf)) {
		ssize_t k =
			pread(s->fd, (char *)p->buf + have, want * sizeof(*p->buf) - have,
		              (off_t)(p->pos * sizeof(*p->buf) + have));

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k < 0 ? -errno : ERR_TRUNC;
		have += (size_t)k;
	}
	p->at = 0;
	p->n = want;
	p->pos += want;
	return want > 0;
}

static bool less(const struct source *s, size_t i, size_t j)
{
	const struct part *p = &s->parts[s->heap[i]], *q = &s->parts[s->heap[j]];

	return addr_cmp(p->buf[p->at], q->buf[q->at]) < 0;
}

static void sift_down(struct source *s, size_t i)
{
	for (;;) {
		size_t child = 2 * i + 1, t;

		if (child >= s->n_heap)
			return;
		if (child + 1 < s->n_heap && less(s, child + 1, child))
			child++;
		if (!less(s, child, i))
			return;
		t = s->heap[i];
		s->heap[i] = s->heap[child];
		s->heap[child] = t;
		i = child;
	}
}

static int start_merge(struct source *s)
{
	s->n_heap = 0;
	for (size_t i = 0; i < s->n_parts; i++) {
		struct part *p = &s->parts[i];
		int rc;

		p->pos = p->begin;
		p->at = p->n = 0;
		rc = fill(s, p);
		if (rc < 0)
			return rc;
		if (rc > 0)
			s->heap[s->n_heap++] = i;
	}
	for (size_t i = s->n_heap / 2; i-- > 0;)
		sift_down(s, i);
	return 0;
}

static int next_merged(struct source *s, size_t *n)
{
	size_t k = 0;

	while (k < BLOCK && s->n_heap) {
		struct part *p = &s->parts[s->heap[0]];
		struct addr128 a = p->buf[p->at++];
		int rc = fill(s, p);

		if (rc < 0)
			return rc;
		if (rc == 0)
			s->heap[0] = s->heap[--s->n_heap];
		sift_down(s, 0);
		/* block[BLOCK] keeps the last one of the block before. */
		if (!s->begun || !addr_eq(a, k ? s->block[k - 1] : s->block[BLOCK]))
			s->block[k++] = a;
		s->begun = true;
	}
	if (k)
		s->block[BLOCK] = s->block[k - 1];
	*n = k;
	return k > 0;
}

static int prepare_merge(struct source *s)
{
	int rc = spill(s);

	if (rc < 0)
		return rc;
	addrvec_fini(&s->v);
	s->heap = calloc(s->n_parts, sizeof(*s->heap));
	s->block = calloc(BLOCK + 1, sizeof(*s->block));
	if (!s->heap || !s->block)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_parts; i++) {
		s->parts[i].buf = malloc(BLOCK * sizeof(struct addr128));
		if (!s->parts[i].buf)
			return -ENOMEM;
	}
	return 0;
}

/* ---- the object -------------------------------------------------------- */

int source_open(struct source **out, const char *const paths[], int n,
                const struct source_config *cfg, struct diag *d)
{
	static const char *const standard_input[] = { "-" };
	uint64_t memory = cfg->memory ? cfg->memory : UINT64_C(1) << 30;
	struct source *s = calloc(1, sizeof(*s));
	int rc = 0;

	if (!s)
		return diag_set(d, -ENOMEM, "%s", err_str(-ENOMEM));
	s->fd = -1;
	s->d = d;
	s->keep_v4 = cfg->keep_v4;
	/* Sorting needs the same again. */
	s->limit = (size_t)(memory / (2 * sizeof(struct addr128)));
	if (s->limit < MIN_BUFFER)
		s->limit = MIN_BUFFER;
	if (n == 0) {
		paths = standard_input;
		n = 1;
	}
	for (int i = 0; i < n && rc >= 0; i++)
		rc = source_visit(paths[i], cfg, take, s, d);
	if (rc >= 0)
		rc = s->n_parts ? prepare_merge(s) : sort_unique(&s->v);
	if (rc < 0) {
		source_close(s);
		return diag_set(d, rc, "%s", err_str(rc));
	}
	s->d = NULL;
	source_rewind(s);
	*out = s;
	return 0;
}

void source_close(struct source *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_parts; i++)
		free(s->parts[i].buf);
	free(s->parts);
	free(s->heap);
	free(s->block);
	addrvec_fini(&s->v);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

void source_rewind(struct source *s)
{
	s->given = false;
}

int source_next(struct source *s, const struct addr128 **a, size_t *n, struct diag *d)
{
	int rc = 0;

	if (!s->n_parts) {
		*a = s->v.a;
		*n = s->v.n;
		rc = !s->given && s->v.n;
		s->given = true;
		return rc;
	}
	if (!s->given) {
		rc = start_merge(s);
		s->begun = false;
		s->given = true;
	}
	if (rc >= 0)
		rc = next_merged(s, n);
	*a = s->block;
	return rc < 0 ? diag_set(d, rc, "temporary file: %s", err_str(rc)) : rc;
}

struct source_stats source_stats(const struct source *s)
{
	return s->stats;
}
