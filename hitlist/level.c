#include "hitlist/store.h"

#include <stdlib.h>
#include <string.h>

#include "hitlist/history.h"

static void group_fini(struct group *g)
{
	for (size_t i = 0; i < g->n; i++)
		run_unref(g->runs[i]);
	free(g->runs);
	free(g->last);
}

void level_fini(struct level *l)
{
	for (size_t i = 0; i < l->n; i++)
		group_fini(&l->g[i]);
	free(l->g);
	*l = (struct level){ 0 };
}

int level_add(struct level *l, uint64_t id, struct run *r)
{
	struct group *g = l->n ? &l->g[l->n - 1] : NULL;
	struct addr128 *last;
	struct run **runs;

	if (!g || g->id != id) {
		g = realloc(l->g, (l->n + 1) * sizeof(*g));
		if (!g)
			return -ENOMEM;
		l->g = g;
		g += l->n++;
		*g = (struct group){ .id = id };
	}
	runs = realloc(g->runs, (g->n + 1) * sizeof(struct run *));
	if (!runs)
		return -ENOMEM;
	g->runs = runs;
	last = realloc(g->last, (g->n + 1) * sizeof(*last));
	if (!last)
		return -ENOMEM;
	g->last = last;
	last[g->n] = run_summary(r)->max;
	runs[g->n++] = r;
	g->records += run_summary(r)->records;
	return 0;
}

int level_copy(struct level *to, const struct level *from)
{
	*to = (struct level){ 0 };
	for (size_t i = 0; i < from->n; i++) {
		for (size_t k = 0; k < from->g[i].n; k++) {
			struct run *r = run_ref(from->g[i].runs[k]);

			if (level_add(to, from->g[i].id, r) == 0)
				continue;
			run_unref(r);
			level_fini(to);
			return -ENOMEM;
		}
	}
	return 0;
}

void level_remove(struct level *l, size_t i)
{
	group_fini(&l->g[i]);
	l->n--;
	memmove(&l->g[i], &l->g[i + 1], (l->n - i) * sizeof(*l->g));
}

uint64_t level_records(const struct level *l)
{
	uint64_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += l->g[i].records;
	return n;
}

/* The run whose range could hold a: the first whose largest key is not below.  A
 * search without branches, as which way they go cannot be foretold. */
static const struct run *group_run(const struct group *g, struct addr128 a)
{
	size_t at = 0, n = g->n;

	while (n) {
		size_t half = (n + 1) / 2;
		struct addr128 m = g->last[at + half - 1];
		bool below = (m.hi < a.hi) | ((m.hi == a.hi) & (m.lo < a.lo));

		at += below ? half : 0;
		n = below ? n - half : half - 1;
	}
	return at < g->n ? g->runs[at] : NULL;
}

int level_find(const struct level *l, struct addr128 a, struct host_record *out,
               struct diag *d)
{
	struct host_record rec;
	int found = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct run *r = group_run(&l->g[i], a);
		int rc = r ? run_find(r, a, out ? &rec : NULL, d) : 0;

		if (rc < 0)
			return rc;
		if (rc == 0)
			continue;
		if (!out)
			return 1;
		if (found)
			record_fold(run_schema(r) == RUN_HISTORY ? TIER_HISTORY
			                                         : TIER_HOSTS,
			            out, &rec);
		else
			*out = rec;
		found = 1;
	}
	return found;
}
