#include "common/ivtab.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/addrvec.h"
#include "common/reader.h"

__extension__ typedef unsigned __int128 u128;

/* Both families use the same code on 128-bit keys.  An IPv6 key is the address;
 * an IPv4 key is the address in the top 32 bits, with the 96 bits below it set
 * at the end of an interval and clear at its start.  So each family fills the
 * whole key space and neither can see the other's entries. */
enum family { V6, V4, FAMILIES };

static const uint32_t NONE = UINT32_MAX; /* the value of a gap */

struct entry {
	struct addr128 first, last; /* keys */
	uint32_t value;
};

struct entries {
	struct entry *e;
	size_t n, cap;
};

struct ivtab_builder {
	struct entries family[FAMILIES];
};

/* The flat form: keys at which the value changes, from key 0 on; gaps have a
 * start too.  Few starts have low words, and lo is NULL when none has.
 *
 * The index leads from a key to the few starts around it in two steps.  The top
 * bits select a node; the node cuts its part of the key space into as many equal
 * slots as it has starts, twice over, because addresses crowd in a few parts of
 * the space.  Each slot has the number of the last start before it. */
struct node {
	uint32_t slots; /* its first slot */
	uint32_t shift; /* 63 - log2(number of slots) */
};

struct tab {
	uint64_t *hi, *lo;
	uint32_t *value;
	size_t n;
	uint32_t *covered; /* the starts that are not gaps */
	size_t n_covered;
	struct node *node; /* 1 << bits of them */
	unsigned bits;
	uint32_t *slot; /* and one more, for the end of the last */
};

struct ivtab {
	struct tab family[FAMILIES];
};

static u128 wide(struct addr128 a)
{
	return (u128)a.hi << 64 | a.lo;
}

static struct addr128 narrow(u128 x)
{
	return (struct addr128){ (uint64_t)(x >> 64), (uint64_t)x };
}

static struct addr128 first_key(enum family f, struct addr128 a)
{
	return f == V6 ? a : (struct addr128){ a.lo << 32, 0 };
}

/* What ends just before ::ffff:0:0/96 may as well end after it: no IPv6 address
 * lies between, and what follows it there adjoins. */
static struct addr128 last_key(enum family f, struct addr128 a)
{
	if (f == V4)
		return (struct addr128){ a.lo << 32 | UINT32_MAX, UINT64_MAX };
	if (a.hi == 0 && a.lo == addr_from_v4(0).lo - 1)
		return addr_from_v4(UINT32_MAX);
	return a;
}

static struct addr128 from_key(enum family f, struct addr128 key)
{
	return f == V6 ? key : addr_from_v4((uint32_t)(key.hi >> 32));
}

struct ivtab_builder *ivtab_builder_new(void)
{
	return calloc(1, sizeof(struct ivtab_builder));
}

void ivtab_builder_free(struct ivtab_builder *b)
{
	if (!b)
		return;
	for (unsigned f = 0; f < FAMILIES; f++)
		free(b->family[f].e);
	free(b);
}

/* There may be twice as many starts, and four times as many slots as starts:
 * their numbers must fit a uint32_t. */
static int collect(struct ivtab_builder *b, enum family f, struct addr128 first,
                   struct addr128 last, uint32_t value)
{
	struct entries *s = &b->family[f];

	if (value == NONE)
		return -EINVAL;
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 16;
		struct entry *e;

		if (cap > INT32_MAX / 8)
			return -ENOMEM;
		e = realloc(s->e, cap * sizeof(*e));
		if (!e)
			return -ENOMEM;
		s->e = e;
		s->cap = cap;
	}
	s->e[s->n++] = (struct entry){ first_key(f, first), last_key(f, last), value };
	return 0;
}

int ivtab_add(struct ivtab_builder *b, struct prefix p, uint32_t value)
{
	return collect(b, prefix_is_v4(p) ? V4 : V6, p.addr, prefix_last(p), value);
}

int ivtab_add_range(struct ivtab_builder *b, struct addr128 first, struct addr128 last,
                    uint32_t value)
{
	bool v4 = addr_is_v4(first);

	if (v4 != addr_is_v4(last) || addr_cmp(first, last) > 0)
		return -EINVAL;
	return collect(b, v4 ? V4 : V6, first, last, value);
}

/* Entry numbers (in .lo) in the order of the entries' first keys.  The radix
 * sort on (high word, number) does nearly all of it; runs with equal high words
 * are then put in order of their low words, if they are not already. */
static int order_run(struct addr128 *a, size_t n, const struct entry *e)
{
	struct addrvec v = { 0 };
	uint64_t hi = a[0].hi;
	size_t i = 1;
	int rc;

	while (i < n && e[a[i - 1].lo].first.lo <= e[a[i].lo].first.lo)
		i++;
	if (i >= n)
		return 0;
	rc = addrvec_reserve(&v, n);
	if (rc < 0)
		return rc;
	for (i = 0; i < n; i++)
		v.a[v.n++] = (struct addr128){ e[a[i].lo].first.lo, a[i].lo };
	rc = addrvec_sort(&v);
	for (i = 0; i < n; i++)
		a[i] = (struct addr128){ hi, v.a[i].lo };
	addrvec_fini(&v);
	return rc;
}

static int order_entries(struct addrvec *order, const struct entries *s)
{
	int rc = addrvec_reserve(order, s->n);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < s->n; i++)
		order->a[order->n++] = (struct addr128){ s->e[i].first.hi, i };
	rc = addrvec_sort(order);
	for (size_t i = 0, j; i < s->n && rc == 0; i = j) {
		for (j = i + 1; j < s->n && order->a[j].hi == order->a[i].hi; j++)
			;
		rc = order_run(order->a + i, j - i, s->e);
	}
	return rc;
}

/* The flattening is a sweep over the keys.  A heap holds the entries that have
 * begun, the most specific on top; one that has ended is taken out when it comes
 * to the top.  With nested prefixes the heap acts as a stack: the newest entry
 * is the smallest.  A start is written wherever the top's value changes, which
 * can only be where an entry begins or ends: at most 2n + 1 starts. */
struct sweep {
	const struct entry *e;
	uint32_t *heap;
	size_t n;
	struct tab *t;
};

/* Whether entry i beats entry j: fewer addresses, then the later one. */
static bool beats(const struct entry *e, uint32_t i, uint32_t j)
{
	u128 a = wide(e[i].last) - wide(e[i].first);
	u128 b = wide(e[j].last) - wide(e[j].first);

	return a != b ? a < b : i > j;
}

static void heap_push(struct sweep *s, uint32_t x)
{
	size_t i = s->n++;

	for (; i > 0 && beats(s->e, x, s->heap[(i - 1) / 2]); i = (i - 1) / 2)
		s->heap[i] = s->heap[(i - 1) / 2];
	s->heap[i] = x;
}

static void heap_pop(struct sweep *s)
{
	uint32_t x = s->heap[--s->n];
	size_t i = 0, kid;

	while ((kid = 2 * i + 1) < s->n) {
		if (kid + 1 < s->n && beats(s->e, s->heap[kid + 1], s->heap[kid]))
			kid++;
		if (beats(s->e, x, s->heap[kid]))
			break;
		s->heap[i] = s->heap[kid];
		i = kid;
	}
	s->heap[i] = x;
}

static void emit(struct tab *t, struct addr128 key, uint32_t value)
{
	size_t i = t->n;

	if (i > 0 && t->value[i - 1] == value)
		return;
	t->hi[i] = key.hi;
	t->lo[i] = key.lo;
	t->value[i] = value;
	t->n++;
}

/* From key pos to next - 1 (next 0: to the end of the key space) no entry
 * begins: write what holds there. */
static void sweep_to(struct sweep *s, u128 pos, u128 next)
{
	while (s->n > 0) {
		const struct entry *top = &s->e[s->heap[0]];

		if (wide(top->last) < pos) {
			heap_pop(s);
			continue;
		}
		emit(s->t, narrow(pos), top->value);
		if (wide(top->last) >= next - 1)
			return;
		pos = wide(top->last) + 1;
	}
	emit(s->t, narrow(pos), NONE);
}

static void flatten(struct sweep *s, const struct addrvec *order)
{
	u128 pos = 0;

	for (size_t i = 0; i < order->n; i++) {
		uint32_t x = (uint32_t)order->a[i].lo;
		u128 first = wide(s->e[x].first);

		if (first != pos)
			sweep_to(s, pos, first);
		pos = first;
		heap_push(s, x);
	}
	sweep_to(s, pos, 0);
}

static void tab_fini(struct tab *t)
{
	free(t->hi);
	free(t->lo);
	free(t->value);
	free(t->covered);
	free(t->node);
	free(t->slot);
	*t = (struct tab){ 0 };
}

static int tab_reserve(struct tab *t, size_t n)
{
	t->hi = malloc(n * sizeof(*t->hi));
	t->lo = malloc(n * sizeof(*t->lo));
	t->value = malloc(n * sizeof(*t->value));
	return t->hi && t->lo && t->value ? 0 : -ENOMEM;
}

static int tab_flatten(struct tab *t, const struct entries *s)
{
	struct addrvec order = { 0 };
	struct sweep sw = { .e = s->e, .t = t };
	int rc = tab_reserve(t, 2 * s->n + 1);

	if (rc < 0)
		goto out;
	rc = order_entries(&order, s);
	if (rc < 0)
		goto out;
	sw.heap = malloc((s->n + 1) * sizeof(*sw.heap));
	if (sw.heap)
		flatten(&sw, &order);
	else
		rc = -ENOMEM;
out:
	free(sw.heap);
	addrvec_fini(&order);
	return rc;
}

/* Give back what the bound was too large by.  A shrinking realloc that fails
 * leaves the array as it was, which serves as well. */
static void *shrink(void *p, size_t bytes)
{
	void *q = realloc(p, bytes);

	return q ? q : p;
}

static int tab_trim(struct tab *t)
{
	size_t n = t->n;
	uint64_t any = 0;

	for (size_t i = 0; i < n; i++) {
		any |= t->lo[i];
		t->n_covered += t->value[i] != NONE;
	}
	t->hi = shrink(t->hi, n * sizeof(*t->hi));
	t->value = shrink(t->value, n * sizeof(*t->value));
	if (any) {
		t->lo = shrink(t->lo, n * sizeof(*t->lo));
	} else {
		free(t->lo);
		t->lo = NULL;
	}
	t->covered = malloc((t->n_covered + 1) * sizeof(*t->covered));
	if (!t->covered)
		return -ENOMEM;
	for (size_t i = 0, k = 0; i < n; i++)
		if (t->value[i] != NONE)
			t->covered[k++] = (uint32_t)i;
	return 0;
}

/* The slot of a high word within its node. */
static inline uint64_t slot_of(const struct tab *t, const struct node *d, uint64_t hi)
{
	return (hi << t->bits) >> 1 >> d->shift;
}

/* Give each node its slots; returns how many there are in all. */
static size_t plan_nodes(struct tab *t)
{
	size_t p = 0, slots = 0;

	for (uint64_t i = 0; i < UINT64_C(1) << t->bits; i++) {
		size_t n = 0;
		unsigned log = 0;

		while (p < t->n && t->hi[p] >> (64 - t->bits) == i) {
			n++;
			p++;
		}
		while (UINT64_C(1) << log < 2 * n)
			log++;
		t->node[i] = (struct node){ (uint32_t)slots, 63 - log };
		slots += (size_t)1 << log;
	}
	return slots;
}

/* Small tables get few nodes, so that they stay in the first-level cache. */
static int tab_index(struct tab *t)
{
	enum { MAX_BITS = 16, SPARE_BITS = 4 };
	size_t slots, k = 0;

	t->bits = SPARE_BITS;
	while (t->bits < MAX_BITS && t->n >> (t->bits - SPARE_BITS))
		t->bits++;
	t->node = malloc(sizeof(*t->node) << t->bits);
	if (!t->node)
		return -ENOMEM;
	slots = plan_nodes(t);
	t->slot = malloc((slots + 1) * sizeof(*t->slot));
	if (!t->slot)
		return -ENOMEM;
	t->slot[k++] = 0;
	for (size_t p = 0; p < t->n; p++) {
		const struct node *d = &t->node[t->hi[p] >> (64 - t->bits)];
		size_t at = d->slots + slot_of(t, d, t->hi[p]);

		while (k <= at)
			t->slot[k++] = (uint32_t)(p - 1);
	}
	while (k <= slots)
		t->slot[k++] = (uint32_t)(t->n - 1);
	return 0;
}

int ivtab_build(struct ivtab **out, const struct ivtab_builder *b)
{
	struct ivtab *t = calloc(1, sizeof(*t));
	int rc = t ? 0 : -ENOMEM;

	for (unsigned f = 0; f < FAMILIES && rc == 0; f++) {
		rc = tab_flatten(&t->family[f], &b->family[f]);
		if (rc == 0)
			rc = tab_trim(&t->family[f]);
		if (rc == 0)
			rc = tab_index(&t->family[f]);
	}
	if (rc < 0)
		ivtab_free(t);
	else
		*out = t;
	return rc;
}

void ivtab_free(struct ivtab *t)
{
	if (!t)
		return;
	for (unsigned f = 0; f < FAMILIES; f++)
		tab_fini(&t->family[f]);
	free(t);
}

/* The last start <= key among starts from..to, which the high words leave open:
 * start `from` is known to be <= key. */
static __attribute__((noinline)) size_t find_low(const struct tab *t, size_t from,
                                                 size_t to, uint64_t hi, uint64_t lo)
{
	struct addr128 key = { hi, lo };

	while (from < to) {
		size_t mid = from + (to - from + 1) / 2;

		if (addr_cmp((struct addr128){ t->hi[mid], t->lo[mid] }, key) <= 0)
			from = mid;
		else
			to = mid - 1;
	}
	return from;
}

/* The last start <= the key.  Start 0 is key 0, so there is one.  The comparison
 * is used as a mask so that the compiler makes no branch of it: which half comes
 * next cannot be predicted.  The key comes as two words, because gcc would build
 * a struct by a vector load of what it has just stored as words: a stall that
 * takes longer than the search. */
static inline size_t find(const struct tab *t, uint64_t hi, uint64_t lo)
{
	const struct node *d = &t->node[hi >> (64 - t->bits)];
	const uint32_t *slot = &t->slot[d->slots + slot_of(t, d, hi)];
	size_t low = slot[0], n = slot[1] - low + 1;
	const uint64_t *p = t->hi + low;
	size_t at;

	while (n > 1) {
		size_t half = n / 2;

		p += half & -(size_t)(p[half] <= hi);
		n -= half;
	}
	at = (size_t)(p - t->hi);
	if (*p == hi && t->lo && t->lo[at] > lo)
		at = find_low(t, low, at, hi, lo);
	return at;
}

bool ivtab_lookup(const struct ivtab *t, struct addr128 a, uint32_t *value)
{
	bool v4 = addr_is_v4(a);
	const struct tab *tab = &t->family[v4 ? V4 : V6];
	uint32_t v = tab->value[find(tab, v4 ? a.lo << 32 : a.hi, v4 ? 0 : a.lo)];

	if (v == NONE)
		return false;
	*value = v;
	return true;
}

bool ivtab_covers(const struct ivtab *t, struct addr128 a)
{
	uint32_t value;

	return ivtab_lookup(t, a, &value);
}

static struct addr128 start_key(const struct tab *t, size_t i)
{
	return (struct addr128){ t->hi[i], t->lo ? t->lo[i] : 0 };
}

/* Two gaps never adjoin: what follows one is covered. */
bool ivtab_overlaps(const struct ivtab *t, struct prefix p)
{
	enum family f = prefix_is_v4(p) ? V4 : V6;
	const struct tab *tab = &t->family[f];
	struct addr128 first = first_key(f, p.addr);
	struct addr128 last = last_key(f, prefix_last(p));
	size_t i = find(tab, first.hi, first.lo);

	return tab->value[i] != NONE ||
	       (i + 1 < tab->n && addr_cmp(start_key(tab, i + 1), last) <= 0);
}

bool ivtab_covers_all(const struct ivtab *t, struct prefix p)
{
	enum family f = prefix_is_v4(p) ? V4 : V6;
	const struct tab *tab = &t->family[f];
	struct addr128 first = first_key(f, p.addr);
	struct addr128 last = last_key(f, prefix_last(p));
	size_t i = find(tab, first.hi, first.lo);

	do {
		if (tab->value[i] == NONE)
			return false;
		i++;
	} while (i < tab->n && addr_cmp(start_key(tab, i), last) <= 0);
	return true;
}

size_t ivtab_count(const struct ivtab *t)
{
	return t->family[V6].n_covered + t->family[V4].n_covered;
}

/* An IPv6 interval that ends where ::ffff:0:0/96 does has its last IPv6 address
 * before that; none ends inside it. */
struct ivtab_interval ivtab_at(const struct ivtab *t, size_t i)
{
	enum family f = i < t->family[V6].n_covered ? V6 : V4;
	const struct tab *tab = &t->family[f];
	size_t at = tab->covered[f == V6 ? i : i - t->family[V6].n_covered];
	u128 end = at + 1 < tab->n ? wide(start_key(tab, at + 1)) : 0;
	struct addr128 last = narrow(end - 1);

	if (f == V6 && addr_is_v4(last))
		last.lo = addr_from_v4(0).lo - 1;
	return (struct ivtab_interval){
		.first = from_key(f, start_key(tab, at)),
		.last = from_key(f, last),
		.value = tab->value[at],
	};
}

/* A line's items, the first of which is *item. */
static int add_line(struct ivtab_builder *b, const struct reader *r,
                    struct reader_item *item, uint32_t value)
{
	char *pos = NULL;
	int rc = ivtab_add_range(b, item->first, item->last, value);

	while (rc >= 0 && reader_next_listed(r, &pos, item))
		rc = ivtab_add_range(b, item->first, item->last, value);
	return rc;
}

int ivtab_add_file(struct ivtab_builder *b, const char *path, uint32_t value,
                   struct diag *d)
{
	static const struct reader_policy strict = { .strict = true,
		                                     .known_header = true };
	struct reader_item item;
	struct reader *r;
	int rc = reader_open(&r, path, &strict, d);

	if (rc < 0)
		return rc;
	while ((rc = reader_next(r, &item, d)) > 0) {
		rc = add_line(b, r, &item, value);
		if (rc < 0) {
			diag_set(d, rc, "%s:%" PRIu64 ": %s: %s", reader_name(r),
			         reader_line_number(r), reader_text(r), err_str(rc));
			break;
		}
	}
	reader_close(r);
	return rc;
}
