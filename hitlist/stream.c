#include "hitlist/stream.h"

#include <stdlib.h>

#include "hitlist/history.h"

struct source {
	const struct host_record *cur; /* NULL: at its end */
	struct run **runs;             /* references */
	size_t nruns, run;             /* run: the one the cursor is in */
	struct run_cursor *cursor;
	const struct host_record *rec, *rec_end;
	const struct seen_key *key, *key_end;
	struct host_record key_record;
};

/* A binary heap of the sources that are not at their end, by address. */
struct merger {
	struct source **heap;
	struct source **all;
	size_t live, n;
	enum tier tier;
};

void record_of_key(struct host_record *r, const struct seen_key *k)
{
	*r = (struct host_record){
		.addr = k->a,
		.last_probed = k->period * SEEN_PERIOD,
		.sources = k->sources,
	};
}

static int advance_runs(struct source *s, struct diag *d)
{
	int rc;

	while ((rc = run_next(s->cursor, &s->cur, d)) == 0) {
		if (++s->run == s->nruns) {
			s->cur = NULL;
			return 0;
		}
		rc = run_seek(s->cursor, s->runs[s->run], (struct addr128){ 0, 0 }, d);
		if (rc < 0)
			return rc;
	}
	return rc < 0 ? rc : 0;
}

static int advance(struct source *s, struct diag *d)
{
	if (s->cursor)
		return advance_runs(s, d);
	s->cur = NULL;
	if (s->rec != s->rec_end) {
		s->cur = s->rec++;
	} else if (s->key != s->key_end) {
		record_of_key(&s->key_record, s->key++);
		s->cur = &s->key_record;
	}
	return 0;
}

int merger_new(struct merger **out, enum tier t)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	(*out)->tier = t;
	return 0;
}

void merger_free(struct merger *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++) {
		struct source *s = m->all[i];

		for (size_t k = 0; k < s->nruns; k++)
			run_unref(s->runs[k]);
		free(s->runs);
		free(s->cursor);
		free(s);
	}
	free(m->heap);
	free(m->all);
	free(m);
}

static bool before(const struct source *a, const struct source *b)
{
	return addr_cmp(a->cur->addr, b->cur->addr) < 0;
}

static void sift_down(struct merger *m, size_t i)
{
	struct source *s = m->heap[i];

	for (size_t child; (child = 2 * i + 1) < m->live; i = child) {
		child +=
			child + 1 < m->live && before(m->heap[child + 1], m->heap[child]);
		if (!before(m->heap[child], s))
			break;
		m->heap[i] = m->heap[child];
	}
	m->heap[i] = s;
}

static void sift_up(struct merger *m, size_t i)
{
	struct source *s = m->heap[i];

	for (; i && before(s, m->heap[(i - 1) / 2]); i = (i - 1) / 2)
		m->heap[i] = m->heap[(i - 1) / 2];
	m->heap[i] = s;
}

/* A new source in m, which frees it; NULL: out of memory. */
static struct source *source_new(struct merger *m)
{
	struct source **all = realloc(m->all, (m->n + 1) * sizeof(*all)), **heap, *s;

	if (!all)
		return NULL;
	m->all = all;
	heap = realloc(m->heap, (m->n + 1) * sizeof(*heap));
	if (!heap)
		return NULL;
	m->heap = heap;
	s = calloc(1, sizeof(*s));
	if (s)
		all[m->n++] = s;
	return s;
}

static int enter(struct merger *m, struct source *s, struct diag *d)
{
	int rc = advance(s, d);

	if (rc == 0 && s->cur) {
		m->heap[m->live] = s;
		sift_up(m, m->live++);
	}
	return rc;
}

int merger_add_runs(struct merger *m, struct run *const *runs, size_t n,
                    struct addr128 from, struct diag *d)
{
	struct source *s;
	int rc;

	while (n && addr_cmp(run_summary(*runs)->max, from) < 0) {
		runs++;
		n--;
	}
	if (n == 0)
		return 0;
	s = source_new(m);
	if (!s)
		return -ENOMEM;
	s->cursor = malloc(sizeof(*s->cursor));
	s->runs = calloc(n, sizeof(*s->runs));
	if (!s->cursor || !s->runs)
		return -ENOMEM;
	for (; s->nruns < n; s->nruns++)
		s->runs[s->nruns] = run_ref(runs[s->nruns]);
	rc = run_seek(s->cursor, s->runs[0], from, d);
	return rc < 0 ? rc : enter(m, s, d);
}

int merger_add_records(struct merger *m, const struct host_record *r, size_t n)
{
	struct source *s = n ? source_new(m) : NULL;

	if (!s)
		return n ? -ENOMEM : 0;
	s->rec = r;
	s->rec_end = r + n;
	return enter(m, s, NULL);
}

int merger_add_keys(struct merger *m, const struct seen_key *k, size_t n)
{
	struct source *s = n ? source_new(m) : NULL;

	if (!s)
		return n ? -ENOMEM : 0;
	s->key = k;
	s->key_end = k + n;
	return enter(m, s, NULL);
}

/* Take the record on top away. */
static int pop(struct merger *m, struct diag *d)
{
	struct source *s = m->heap[0];
	int rc = advance(s, d);

	if (rc < 0)
		return rc;
	if (!s->cur)
		m->heap[0] = m->heap[--m->live];
	if (m->live > 1)
		sift_down(m, 0);
	return 0;
}

int merger_next(struct merger *m, struct host_record *out, struct diag *d)
{
	int rc;

	if (m->live == 0)
		return 0;
	*out = *m->heap[0]->cur;
	rc = pop(m, d);
	while (rc == 0 && m->live && addr_eq(m->heap[0]->cur->addr, out->addr)) {
		record_fold(m->tier, out, m->heap[0]->cur);
		rc = pop(m, d);
	}
	return rc < 0 ? rc : 1;
}
