#include "common/rib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/rng.h"

enum { NONE = UINT32_MAX };

/* Peers of one origin of one prefix: a bitmap, the first word of which lies
 * here.  Tables with more than 64 peers in all have the rest in .words. */
struct slot {
	uint64_t first;
	uint32_t more_at, more_n; /* in rib.words */
	uint32_t as;              /* the origin; 0: none, or a set */
	uint32_t set;             /* index in rib.sets, or NONE */
	uint32_t next;            /* slot of the same prefix, or NONE */
	bool listed;
};

struct route {
	struct prefix prefix;
	uint32_t slot;
};

/* Sets are interned: equal sets have one number. */
struct as_set {
	uint32_t at, n, next;
};

enum { SET_BUCKETS = 4096 };

struct rib {
	struct route *routes;
	size_t n, cap;
	uint32_t *index; /* hash to route number + 1; 0: free */
	size_t index_cap;
	struct slot *slots;
	size_t slots_n, slots_cap;
	uint64_t *words;
	size_t words_n, words_cap;
	uint32_t *members;
	size_t members_n, members_cap;
	struct as_set *sets;
	size_t sets_n, sets_cap;
	uint32_t set_bucket[SET_BUCKETS]; /* set number + 1 */
	struct rib_origin *out;
	size_t out_cap;
};

/* Room for need elements of size bytes; grows by half at least. */
static int grow(void **p, size_t *cap, size_t need, size_t size)
{
	size_t n = *cap + *cap / 2 + 16;
	void *q;

	if (need <= *cap)
		return 0;
	if (n < need)
		n = need;
	if (n >= NONE || n > SIZE_MAX / size)
		return -ENOMEM;
	q = realloc(*p, n * size);
	if (!q)
		return -ENOMEM;
	*p = q;
	*cap = n;
	return 0;
}

#define GROW(p, cap, need) grow((void **)&(p), &(cap), need, sizeof(*(p)))

struct rib *rib_new(void)
{
	struct rib *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->index_cap = 1024;
	r->index = calloc(r->index_cap, sizeof(*r->index));
	if (r->index)
		return r;
	free(r);
	return NULL;
}

void rib_free(struct rib *r)
{
	if (!r)
		return;
	free(r->routes);
	free(r->index);
	free(r->slots);
	free(r->words);
	free(r->members);
	free(r->sets);
	free(r->out);
	free(r);
}

size_t rib_count(const struct rib *r)
{
	return r->n;
}

static size_t index_at(const struct rib *r, const uint32_t *index, size_t cap,
                       struct prefix p)
{
	uint64_t h = rng_mix(p.addr.hi ^ rng_mix(p.addr.lo ^ p.len));

	for (;; h++) {
		uint32_t i = index[h & (cap - 1)];
		const struct route *q = &r->routes[i - 1];

		if (!i || (q->prefix.len == p.len && addr_eq(q->prefix.addr, p.addr)))
			return h & (cap - 1);
	}
}

static int index_grow(struct rib *r)
{
	size_t cap = r->index_cap * 2;
	uint32_t *index = calloc(cap, sizeof(*index));

	if (!index)
		return -ENOMEM;
	for (size_t i = 0; i < r->n; i++)
		index[index_at(r, index, cap, r->routes[i].prefix)] = (uint32_t)i + 1;
	free(r->index);
	r->index = index;
	r->index_cap = cap;
	return 0;
}

/* The route of a prefix, made when it is new; NULL: out of memory. */
static struct route *find_route(struct rib *r, struct prefix p)
{
	size_t at = index_at(r, r->index, r->index_cap, p);

	if (r->index[at])
		return &r->routes[r->index[at] - 1];
	if (GROW(r->routes, r->cap, r->n + 1) < 0)
		return NULL;
	if (r->n >= r->index_cap / 2) {
		if (index_grow(r) < 0)
			return NULL;
		at = index_at(r, r->index, r->index_cap, p);
	}
	r->routes[r->n] = (struct route){ p, NONE };
	r->index[at] = (uint32_t)++r->n;
	return &r->routes[r->n - 1];
}

/* The number of a set, NONE: out of memory. */
static uint32_t intern_set(struct rib *r, const uint32_t *set, size_t n)
{
	uint64_t h = n;
	uint32_t *bucket, i;

	for (size_t k = 0; k < n; k++)
		h = rng_mix(h ^ set[k]);
	bucket = &r->set_bucket[h % SET_BUCKETS];
	for (i = *bucket; i; i = r->sets[i - 1].next)
		if (r->sets[i - 1].n == n &&
		    !memcmp(r->members + r->sets[i - 1].at, set, n * sizeof(*set)))
			return i - 1;
	if (GROW(r->sets, r->sets_cap, r->sets_n + 1) < 0 ||
	    GROW(r->members, r->members_cap, r->members_n + n) < 0)
		return NONE;
	memcpy(r->members + r->members_n, set, n * sizeof(*set));
	r->sets[r->sets_n] =
		(struct as_set){ (uint32_t)r->members_n, (uint32_t)n, *bucket };
	r->members_n += n;
	*bucket = (uint32_t)++r->sets_n;
	return *bucket - 1;
}

/* The slot of an origin, made at the end of the list when it is new.  The last
 * one comes first in the search: paths of a prefix mostly agree. */
static struct slot *find_slot(struct rib *r, struct route *route, uint32_t as,
                              uint32_t set)
{
	uint32_t *link = &route->slot;

	while (*link != NONE) {
		struct slot *s = &r->slots[*link];

		if (s->as == as && s->set == set)
			return s;
		link = &s->next;
	}
	if (r->slots_n == r->slots_cap) {
		size_t at = link == &route->slot
		                    ? NONE
		                    : (size_t)((char *)link - (char *)r->slots);

		if (GROW(r->slots, r->slots_cap, r->slots_n + 1) < 0)
			return NULL;
		if (at != NONE)
			link = (uint32_t *)((char *)r->slots + at);
	}
	*link = (uint32_t)r->slots_n;
	r->slots[r->slots_n] = (struct slot){ .as = as, .set = set, .next = NONE };
	return &r->slots[r->slots_n++];
}

/* Set the peer's bit beyond the first word. */
static int add_far_peer(struct rib *r, struct slot *s, uint32_t peer)
{
	uint32_t word = peer / 64 - 1, want = word + 1;

	if (want > s->more_n) {
		want += want / 2;
		if (GROW(r->words, r->words_cap, r->words_n + want) < 0)
			return -ENOMEM;
		memset(r->words + r->words_n, 0, want * sizeof(*r->words));
		if (s->more_n)
			memcpy(r->words + r->words_n, r->words + s->more_at,
			       s->more_n * sizeof(*r->words));
		s->more_at = (uint32_t)r->words_n;
		s->more_n = want;
		r->words_n += want;
	}
	r->words[s->more_at + word] |= UINT64_C(1) << peer % 64;
	return 0;
}

int rib_add_routes(struct rib *r, const struct mrt_rib *m)
{
	struct route *route = find_route(r, m->prefix);
	struct slot *s = NULL;

	if (!route)
		return -ENOMEM;
	for (size_t i = 0; i < m->n; i++) {
		const struct mrt_entry *e = &m->entries[i];
		uint32_t set = NONE;

		if (e->set_n) {
			set = intern_set(r, m->sets + e->set_at, e->set_n);
			if (set == NONE)
				return -ENOMEM;
		}
		if (!s || s->as != e->origin || s->set != set)
			s = find_slot(r, route, e->origin, set);
		if (!s)
			return -ENOMEM;
		if (e->peer < 64)
			s->first |= UINT64_C(1) << e->peer;
		else if (add_far_peer(r, s, e->peer) < 0)
			return -ENOMEM;
	}
	return 0;
}

int rib_add_listed(struct rib *r, struct prefix p, uint32_t origin, const uint32_t *set,
                   size_t n)
{
	struct route *route = find_route(r, p);
	uint32_t number = NONE;
	struct slot *s;

	if (!route)
		return -ENOMEM;
	if (n) {
		number = intern_set(r, set, n);
		if (number == NONE)
			return -ENOMEM;
	}
	s = find_slot(r, route, n ? 0 : origin, number);
	if (!s)
		return -ENOMEM;
	s->listed = true;
	return 0;
}

static int compare_routes(const void *x, const void *y)
{
	const struct route *a = x, *b = y;
	int c = addr_cmp(a->prefix.addr, b->prefix.addr);

	return c ? c : (int)a->prefix.len - (int)b->prefix.len;
}

int rib_sort(struct rib *r)
{
	if (r->n)
		qsort(r->routes, r->n, sizeof(*r->routes), compare_routes);
	/* The index knew the old places. */
	memset(r->index, 0, r->index_cap * sizeof(*r->index));
	for (size_t i = 0; i < r->n; i++)
		r->index[index_at(r, r->index, r->index_cap, r->routes[i].prefix)] =
			(uint32_t)i + 1;
	return 0;
}

static uint32_t count_peers(const struct rib *r, const struct slot *s)
{
	uint32_t n = (uint32_t)__builtin_popcountll(s->first);

	for (uint32_t i = 0; i < s->more_n; i++)
		n += (uint32_t)__builtin_popcountll(r->words[s->more_at + i]);
	return n;
}

/* Peers in any slot of a route: a peer may have several paths (ADDPATH). */
static uint32_t count_union(const struct rib *r, uint32_t slot)
{
	uint64_t first = 0;
	uint32_t n = 0, words = 0;

	for (uint32_t i = slot; i != NONE; i = r->slots[i].next) {
		first |= r->slots[i].first;
		if (r->slots[i].more_n > words)
			words = r->slots[i].more_n;
	}
	n = (uint32_t)__builtin_popcountll(first);
	for (uint32_t w = 0; w < words; w++) {
		uint64_t any = 0;

		for (uint32_t i = slot; i != NONE; i = r->slots[i].next)
			if (w < r->slots[i].more_n)
				any |= r->words[r->slots[i].more_at + w];
		n += (uint32_t)__builtin_popcountll(any);
	}
	return n;
}

/* Ties in the order of the text, as CAIDA does it. */
static bool goes_before(const struct rib_origin *a, const struct rib_origin *b)
{
	char x[16], y[16];

	if (a->peers != b->peers || a->peers == 0)
		return a->peers > b->peers;
	snprintf(x, sizeof(x), "%u", a->set_n ? a->set[0] : a->as);
	snprintf(y, sizeof(y), "%u", b->set_n ? b->set[0] : b->as);
	return strcmp(x, y) < 0;
}

/* Stable: what is only listed stays in the order of the list. */
static void insert_origin(struct rib_origin *out, size_t n, struct rib_origin o)
{
	for (; n && goes_before(&o, &out[n - 1]); n--)
		out[n] = out[n - 1];
	out[n] = o;
}

int rib_route(struct rib *r, size_t i, uint32_t min_peers, struct rib_route *out)
{
	const struct route *route = &r->routes[i];

	*out = (struct rib_route){ .prefix = route->prefix,
		                   .peers = count_union(r, route->slot) };
	for (uint32_t k = route->slot; k != NONE; k = r->slots[k].next) {
		const struct slot *s = &r->slots[k];
		struct rib_origin o = { .as = s->as, .peers = count_peers(r, s) };

		out->listed |= s->listed;
		if ((!s->as && s->set == NONE) || (o.peers < min_peers && !s->listed))
			continue;
		if (s->set != NONE) {
			o.set = r->members + r->sets[s->set].at;
			o.set_n = r->sets[s->set].n;
		}
		if (GROW(r->out, r->out_cap, out->n + 1) < 0)
			return -ENOMEM;
		insert_origin(r->out, out->n++, o);
	}
	out->origins = r->out;
	return 0;
}
