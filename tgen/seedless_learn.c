#include <stdlib.h>

#include "tgen/seedless_impl.h"

enum {
	SAMPLE = 60000, /* seeds whose siblings are looked for */
	SAMPLE_PER_ROOT = 16,
	LEARN_MAX = 1000000, /* seeds that offsets are counted of, about */
};

static struct addr128 last_of(struct prefix p)
{
	struct addr128 a = p.addr;

	if (p.len < 64)
		a.hi |= UINT64_MAX >> p.len;
	if (p.len <= 64)
		a.lo = UINT64_MAX;
	else if (p.len < 128)
		a.lo |= UINT64_MAX >> (p.len - 64);
	return a;
}

static unsigned class_of(unsigned len)
{
	return len == 32   ? 0
	       : len < 40  ? 1
	       : len == 40 ? 2
	       : len < 48  ? 3
	       : len == 48 ? 4
	                   : 5;
}

bool seedless_site(struct seedless_site *out, const struct bgp_entry *e, uint32_t k)
{
	struct prefix p = e->prefix;

	if (p.addr.hi >> 61 != 1 || p.len < 24 || p.len > 64)
		return false;
	if (p.len >= SEEDLESS_ROOT) {
		*out = (struct seedless_site){ p, (uint8_t)class_of(p.len) };
		return k == 0;
	}
	p.addr.hi |= (uint64_t)k << (64 - SEEDLESS_ROOT);
	*out = (struct seedless_site){ { p.addr, SEEDLESS_ROOT }, SEEDLESS_CLASSES - 1 };
	return k < UINT32_C(1) << (SEEDLESS_ROOT - p.len);
}

bool seedless_holds_seed(const struct addrvec *seeds, struct prefix p)
{
	struct prefix network = prefix_make(p.addr, SEEDLESS_ROOT);
	size_t i = addrvec_lower_bound(seeds, network.addr);

	return i < seeds->n && prefix_covers(network, seeds->a[i]);
}

/* ---- learning: offsets --------------------------------------------------- */

static int by_falling_rate(const void *a, const void *b)
{
	const struct rate *x = a, *y = b;

	if (x->p != y->p)
		return (x->p < y->p) - (x->p > y->p);
	return addr_cmp(x->offset, y->offset);
}

/* Count the offsets of the seeds in a site. */
static int count_offsets(struct pfxmap *counts, const struct addrvec *seeds,
                         const struct seedless_site *site)
{
	struct prefix p = site->prefix;
	struct addr128 last = last_of(p);

	for (size_t i = addrvec_lower_bound(seeds, p.addr);
	     i < seeds->n && addr_cmp(seeds->a[i], last) <= 0; i++) {
		struct prefix offset = { { seeds->a[i].hi & ~p.addr.hi,
			                   seeds->a[i].lo & ~p.addr.lo },
			                 site->class };
		uint32_t *n;

		offset.addr.hi &= last.hi ^ p.addr.hi;
		offset.addr.lo &= last.lo ^ p.addr.lo;
		n = pfxmap_slot(counts, offset);
		if (!n)
			return -ENOMEM;
		++*n;
	}
	return 0;
}

/* Of offsets that occur twice or more, by class. */
static int make_rates(struct seedless *s, const struct pfxmap *counts,
                      const uint64_t prefixes[static SEEDLESS_CLASSES])
{
	for (unsigned c = 0; c < SEEDLESS_CLASSES; c++) {
		struct rates *r = &s->rates[c];
		size_t n = 0;

		for (size_t i = 0; i < counts->cap; i++)
			n += counts->slots[i].used && counts->slots[i].len == c &&
			     counts->slots[i].value > 1;
		r->r = calloc(n + 1, sizeof(*r->r));
		if (!r->r)
			return -ENOMEM;
		for (size_t i = 0; i < counts->cap; i++) {
			const struct pfxmap_slot *slot = &counts->slots[i];

			if (!slot->used || slot->len != c || slot->value < 2)
				continue;
			r->r[r->n++] = (struct rate){
				slot->addr, (float)slot->value / (float)(prefixes[c] + 2)
			};
		}
		qsort(r->r, r->n, sizeof(*r->r), by_falling_rate);
	}
	return 0;
}

static int learn_offsets(struct seedless *s, const struct addrvec *seeds,
                         const struct bgp *bgp)
{
	uint64_t prefixes[SEEDLESS_CLASSES] = { 0 }, every = seeds->n / LEARN_MAX + 1;
	struct pfxmap counts = { 0 };
	int rc = 0;

	for (size_t i = 0; i < bgp_count(bgp); i++) {
		struct seedless_site site;

		for (uint32_t k = 0; rc == 0 && seedless_site(&site, bgp_at(bgp, i), k);
		     k++) {
			if (addr_hash(site.prefix.addr, site.class) % every ||
			    !seedless_holds_seed(seeds, site.prefix))
				continue;
			prefixes[site.class]++;
			rc = count_offsets(&counts, seeds, &site);
		}
	}
	if (rc == 0)
		rc = make_rates(s, &counts, prefixes);
	pfxmap_fini(&counts);
	return rc;
}

/* ---- learning: siblings -------------------------------------------------- */

static void look_around(struct seedless *s, double weights[NIBBLES][DELTAS],
                        const struct addrset *all, struct addr128 a, double w)
{
	for (unsigned i = SEEDLESS_NIBBLE; i < NIBBLES; i++) {
		unsigned own = addr_nibble(a, i);

		for (unsigned v = 0; v < 16; v++) {
			unsigned delta = v + 15 - own;

			if (v == own)
				continue;
			weights[i][delta] += w;
			if (addrset_has(all, addr_set_nibble(a, i, v)))
				s->sibling[i][delta] += w;
		}
	}
}

/* Every /32 counts the same, whatever it holds, by a sample of its seeds. */
static void sample_siblings(struct seedless *s, double weights[NIBBLES][DELTAS],
                            const struct addrvec *seeds, const struct addrset *all)
{
	size_t left = SAMPLE;

	for (size_t i = 0, end; i < seeds->n && left > 0; i = end) {
		struct addr128 key = root_key(seeds->a[i]);
		size_t n, k;

		end = i;
		while (end < seeds->n && addr_eq(root_key(seeds->a[end]), key))
			end++;
		n = end - i < SAMPLE_PER_ROOT ? end - i : SAMPLE_PER_ROOT;
		for (k = 0; k < n && left > 0; k++, left--)
			look_around(s, weights, all, seeds->a[i + k * (end - i) / n],
			            1.0 / (double)n);
	}
}

static int learn_siblings(struct seedless *s, const struct addrvec *seeds)
{
	double(*weights)[DELTAS] = calloc(NIBBLES, sizeof(*weights));
	struct addrset *all = addrset_new(seeds->n);
	int rc = weights && all ? 0 : -ENOMEM;

	for (size_t i = 0; i < seeds->n && rc >= 0; i++)
		rc = addrset_add(all, seeds->a[i]);
	if (rc >= 0) {
		sample_siblings(s, weights, seeds, all);
		for (unsigned i = SEEDLESS_NIBBLE; i < NIBBLES; i++)
			for (unsigned k = 0; k < DELTAS; k++) {
				if (weights[i][k] > 0)
					s->sibling[i][k] /= weights[i][k];
				s->mean[i] += s->sibling[i][k] / (DELTAS - 1);
			}
		rc = 0;
	}
	addrset_free(all);
	free(weights);
	return rc;
}

int seedless_learn(struct seedless *s, const struct addrvec *seeds, const struct bgp *bgp)
{
	int rc = learn_offsets(s, seeds, bgp);

	return rc < 0 ? rc : learn_siblings(s, seeds);
}
