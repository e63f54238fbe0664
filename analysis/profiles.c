#include "analysis/profiles.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/entropy.h"

/* Counts of the nibbles of one network. */
struct counts {
	uint64_t n;
	uint32_t v[PROFILE_NIBBLES][16];
};

void profiles_fini(struct profiles *p)
{
	free(p->p);
	*p = (struct profiles){ 0 };
}

static void count(struct counts *c, struct addr128 a)
{
	c->n++;
	for (unsigned i = 0; i < PROFILE_NIBBLES; i++)
		c->v[i][addr_nibble(a, i + PROFILE_FIRST)]++;
}

static void entropies(const struct counts *c, struct profile *p)
{
	p->n = c->n;
	for (unsigned i = 0; i < PROFILE_NIBBLES; i++) {
		uint64_t v[16];

		for (unsigned k = 0; k < 16; k++)
			v[k] = c->v[i][k];
		p->h[i] = (float)entropy_of_counts(v, c->n);
	}
}

static int append(struct profiles *out, struct profile p)
{
	/* A power of two is when the room is used up. */
	if ((out->n & (out->n - 1)) == 0) {
		size_t cap = out->n ? 2 * out->n : 1;
		struct profile *more = realloc(out->p, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		out->p = more;
	}
	out->p[out->n++] = p;
	return 0;
}

/* Networks of one length are contiguous in the order of addresses. */
static int close_32(struct profiles *out, struct counts *c, struct addr128 a,
                    uint64_t min)
{
	struct profile p = { .prefix = prefix_make(a, 32) };
	bool enough = c->n >= min && c->n;

	if (enough)
		entropies(c, &p);
	memset(c, 0, sizeof(*c));
	return enough ? append(out, p) : 0;
}

static int make_by_32(struct profiles *out, struct source *s, uint64_t min,
                      struct diag *d)
{
	struct addr128 before = { 0, 0 };
	struct counts c = { .n = 0 };
	const struct addr128 *a;
	size_t n;
	int rc, err = 0;

	source_rewind(s);
	while ((rc = source_next(s, &a, &n, d)) > 0) {
		for (size_t i = 0; i < n && err == 0; i++) {
			if (a[i].hi >> 32 != before.hi >> 32)
				err = close_32(out, &c, before, min);
			before = a[i];
			count(&c, a[i]);
		}
		if (err < 0)
			return err;
	}
	return rc < 0 ? rc : close_32(out, &c, before, min);
}

static bool group_of(const struct bgp *bgp, enum profile_by by, struct addr128 a,
                     uint32_t *group)
{
	uint32_t i;

	if (!bgp_find(bgp, a, &i))
		return false;
	*group = by == PROFILE_BY_AS ? bgp_at(bgp, i)->as : i;
	return true;
}

static int count_groups(struct source *s, const struct bgp *bgp, enum profile_by by,
                        uint64_t *sizes, struct diag *d)
{
	const struct addr128 *a;
	uint32_t group;
	size_t n;
	int rc;

	source_rewind(s);
	while ((rc = source_next(s, &a, &n, d)) > 0)
		for (size_t i = 0; i < n; i++)
			if (group_of(bgp, by, a[i], &group))
				sizes[group]++;
	return rc;
}

/* The first pass tells which networks are large enough: only they are worth the
 * memory of their counts. */
static int make_by_bgp(struct profiles *out, struct source *s, enum profile_by by,
                       const struct bgp *bgp, uint64_t min, struct diag *d)
{
	size_t groups = by == PROFILE_BY_AS ? bgp_as_count(bgp) : bgp_count(bgp);
	uint64_t *sizes = calloc(groups + 1, sizeof(*sizes));
	struct counts **counts = calloc(groups + 1, sizeof(struct counts *));
	const struct addr128 *a;
	uint32_t g;
	size_t n;
	int rc = sizes && counts ? 0 : -ENOMEM;

	if (rc == 0)
		rc = count_groups(s, bgp, by, sizes, d);
	for (size_t i = 0; i < groups && rc == 0; i++)
		if (sizes[i] >= min && sizes[i] &&
		    !(counts[i] = calloc(1, sizeof(struct counts))))
			rc = -ENOMEM;
	if (rc < 0)
		goto out;
	source_rewind(s);
	while ((rc = source_next(s, &a, &n, d)) > 0)
		for (size_t i = 0; i < n; i++)
			if (group_of(bgp, by, a[i], &g) && counts[g])
				count(counts[g], a[i]);
	for (size_t i = 0; i < groups && rc == 0; i++) {
		struct profile p = { .n = 0 };

		if (!counts[i])
			continue;
		entropies(counts[i], &p);
		if (by == PROFILE_BY_AS)
			p.asn = bgp_asn(bgp, i);
		else
			p.prefix = bgp_at(bgp, i)->prefix;
		rc = append(out, p);
	}
out:
	for (size_t i = 0; counts && i < groups; i++)
		free(counts[i]);
	free(counts);
	free(sizes);
	return rc;
}

int profiles_make(struct profiles *out, struct source *s, enum profile_by by,
                  const struct bgp *bgp, uint64_t min, struct diag *d)
{
	int rc;

	*out = (struct profiles){ 0 };
	if (by == PROFILE_BY_32)
		rc = make_by_32(out, s, min, d);
	else
		rc = make_by_bgp(out, s, by, bgp, min, d);
	if (rc < 0)
		profiles_fini(out);
	return rc;
}
