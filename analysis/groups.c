#include "analysis/groups.h"

#include <stdlib.h>

int groups_init(struct groups *g, const struct bgp *bgp)
{
	*g = (struct groups){ .bgp = bgp };
	g->by_prefix = calloc(bgp_count(bgp) + 1, sizeof(*g->by_prefix));
	g->by_as = calloc(bgp_as_count(bgp) + 1, sizeof(*g->by_as));
	if (g->by_prefix && g->by_as)
		return 0;
	groups_fini(g);
	return -ENOMEM;
}

void groups_fini(struct groups *g)
{
	free(g->by_prefix);
	free(g->by_as);
	tally_fini(&g->prefixes);
	tally_fini(&g->ases);
	*g = (struct groups){ .bgp = NULL };
}

void groups_feed(struct groups *g, const struct addr128 *a, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t k;

		if (bgp_find(g->bgp, a[i], &k))
			g->by_prefix[k]++;
		else
			g->unrouted++;
	}
}

int groups_finish(struct groups *g)
{
	for (size_t i = 0; i < bgp_count(g->bgp); i++) {
		if (!g->by_prefix[i])
			continue;
		g->by_as[bgp_at(g->bgp, i)->as] += g->by_prefix[i];
		tally_add(&g->prefixes, g->by_prefix[i]);
	}
	for (size_t i = 0; i < bgp_as_count(g->bgp); i++)
		if (g->by_as[i])
			tally_add(&g->ases, g->by_as[i]);
	return g->prefixes.rc < 0 ? g->prefixes.rc : g->ases.rc;
}

size_t groups_top(const uint64_t *counts, size_t n, size_t *out, size_t max)
{
	size_t have = 0;

	for (size_t i = 0; i < n; i++) {
		size_t at;

		if (!counts[i] || !max)
			continue;
		if (have == max && counts[out[max - 1]] >= counts[i])
			continue;
		at = have == max ? max - 1 : have++;
		for (; at > 0 && counts[out[at - 1]] < counts[i]; at--)
			out[at] = out[at - 1];
		out[at] = i;
	}
	return have;
}
