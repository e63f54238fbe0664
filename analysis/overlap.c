#include "analysis/overlap.h"

#include <stdlib.h>

struct cursor {
	struct source *s;
	const struct addr128 *a;
	size_t n;
	bool ended;
};

/* The prefix that is open at one level, and the sets seen in it. */
struct open {
	struct addr128 key;
	uint32_t mask;
};

static const uint8_t lengths[] = { 128, 64, 48, 32 };

const char *overlap_level_str(enum overlap_level l)
{
	static const char *const names[OVERLAP_LEVELS] = { "/128", "/64", "/48", "/32",
		                                           "AS" };

	return names[l];
}

static int fill(struct cursor *c, struct diag *d)
{
	int rc = 0;

	if (!c->n && !c->ended) {
		rc = source_next(c->s, &c->a, &c->n, d);
		c->ended = rc == 0;
		if (rc <= 0)
			c->n = 0;
	}
	return rc < 0 ? rc : 0;
}

/* 1: *a is the next address, and *mask says who has it. */
static int next(struct cursor *c, unsigned n, struct addr128 *a, uint32_t *mask,
                struct diag *d)
{
	*mask = 0;
	for (unsigned i = 0; i < n; i++) {
		int rc = fill(&c[i], d), order;

		if (rc < 0)
			return rc;
		if (c[i].ended)
			continue;
		order = *mask ? addr_cmp(c[i].a[0], *a) : -1;
		if (order > 0)
			continue;
		*mask = order < 0 ? 1u << i : *mask | 1u << i;
		*a = c[i].a[0];
	}
	for (unsigned i = 0; i < n; i++) {
		if (!(*mask >> i & 1))
			continue;
		c[i].a++;
		c[i].n--;
	}
	return *mask != 0;
}

static int merge(struct overlap *o, struct cursor *c, const struct bgp *bgp,
                 uint32_t *as_masks, struct diag *d)
{
	struct open open[OVERLAP_AS] = { { { 0, 0 }, 0 } };
	struct addr128 a = { 0, 0 };
	uint32_t mask, i;
	int rc;

	while ((rc = next(c, o->n, &a, &mask, d)) > 0) {
		for (unsigned l = 0; l < OVERLAP_AS; l++) {
			struct addr128 key = prefix_make(a, lengths[l]).addr;

			if (open[l].mask && addr_eq(open[l].key, key)) {
				open[l].mask |= mask;
				continue;
			}
			o->counts[l][open[l].mask]++;
			open[l] = (struct open){ key, mask };
		}
		if (bgp && bgp_find(bgp, a, &i))
			as_masks[bgp_at(bgp, i)->as] |= mask;
	}
	for (unsigned l = 0; l < OVERLAP_AS; l++) {
		o->counts[l][open[l].mask]++;
		o->counts[l][0] = 0;
	}
	for (size_t k = 0; bgp && k < bgp_as_count(bgp); k++)
		o->counts[OVERLAP_AS][as_masks[k]] += as_masks[k] != 0;
	return rc;
}

int overlap_make(struct overlap *out, struct source *const sets[], unsigned n,
                 const struct bgp *bgp, struct diag *d)
{
	uint32_t *as_masks = NULL;
	struct cursor c[OVERLAP_SETS];
	int rc = 0;

	*out = (struct overlap){ .n = n };
	for (unsigned i = 0; i < n; i++) {
		source_rewind(sets[i]);
		c[i] = (struct cursor){ .s = sets[i] };
	}
	for (unsigned l = 0; l < OVERLAP_LEVELS; l++) {
		if (l == OVERLAP_AS && !bgp)
			continue;
		out->counts[l] = calloc((size_t)1 << n, sizeof(uint64_t));
		if (!out->counts[l])
			rc = -ENOMEM;
	}
	if (bgp && !(as_masks = calloc(bgp_as_count(bgp) + 1, sizeof(*as_masks))))
		rc = -ENOMEM;
	if (rc == 0)
		rc = merge(out, c, bgp, as_masks, d);
	free(as_masks);
	if (rc < 0)
		overlap_fini(out);
	return rc;
}

void overlap_fini(struct overlap *o)
{
	for (unsigned l = 0; l < OVERLAP_LEVELS; l++)
		free(o->counts[l]);
	*o = (struct overlap){ .n = 0 };
}

static uint64_t sum(const struct overlap *o, enum overlap_level l, uint32_t mask,
                    bool all)
{
	uint64_t n = 0;

	for (uint32_t m = 1; m < 1u << o->n; m++)
		if (all ? (m & mask) == mask : (m & mask) != 0)
			n += o->counts[l][m];
	return n;
}

uint64_t overlap_size(const struct overlap *o, enum overlap_level l, unsigned set)
{
	return sum(o, l, 1u << set, true);
}

uint64_t overlap_both(const struct overlap *o, enum overlap_level l, unsigned a,
                      unsigned b)
{
	return sum(o, l, 1u << a | 1u << b, true);
}

uint64_t overlap_any(const struct overlap *o, enum overlap_level l, unsigned a,
                     unsigned b)
{
	return sum(o, l, 1u << a | 1u << b, false);
}
