#include <stdlib.h>
#include <string.h>

#include "analysis/entropy.h"

enum { NARROW_BITS = 16, SLOTS = 4 * TOPVALUES_KEPT };

/* A segment's values: an array when narrow, else a table of open addressing. */
struct values {
	struct segment segment;
	uint32_t *narrow;
	struct topvalue *slots; /* count 0: free */
	size_t used;
	bool dropped; /* some values were thrown out: counts are lower bounds */
	bool recount;
};

struct topvalues {
	struct values *v;
	unsigned n;
};

struct topvalues *topvalues_new(const struct segment *s, unsigned n)
{
	struct topvalues *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->v = calloc(n + 1, sizeof(*t->v));
	if (!t->v) {
		free(t);
		return NULL;
	}
	t->n = n;
	for (unsigned i = 0; i < n; i++) {
		struct values *v = &t->v[i];

		v->segment = s[i];
		if (s[i].end - s[i].start <= NARROW_BITS)
			v->narrow = calloc(1 << NARROW_BITS, sizeof(*v->narrow));
		else
			v->slots = calloc(SLOTS, sizeof(*v->slots));
		if (!v->narrow && !v->slots) {
			topvalues_free(t);
			return NULL;
		}
	}
	return t;
}

void topvalues_free(struct topvalues *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < t->n; i++) {
		free(t->v[i].narrow);
		free(t->v[i].slots);
	}
	free(t->v);
	free(t);
}

static uint64_t value_of(const struct segment *s, struct addr128 a)
{
	unsigned width = s->end - s->start;
	uint64_t word = s->start < 64 ? a.hi : a.lo;
	unsigned shift = 64 - ((s->end - 1u) % 64 + 1);

	word >>= shift;
	return width < 64 ? word & ((UINT64_C(1) << width) - 1) : word;
}

static struct topvalue *find(struct values *v, uint64_t value)
{
	size_t i = (value * UINT64_C(0x9e3779b97f4a7c15)) >> 50;

	while (v->slots[i].count && v->slots[i].value != value)
		i = (i + 1) % SLOTS;
	return &v->slots[i];
}

/* Every value gives up one occurrence, and those that have none left go. */
static void shrink(struct values *v)
{
	struct topvalue kept[TOPVALUES_KEPT];
	size_t n = 0;

	for (size_t i = 0; i < SLOTS; i++) {
		struct topvalue *s = &v->slots[i];

		if (s->count > 1)
			kept[n++] = (struct topvalue){ s->value, s->count - 1 };
		s->count = 0;
	}
	for (size_t i = 0; i < n; i++)
		*find(v, kept[i].value) = kept[i];
	v->used = n;
	v->dropped = true;
}

static void add(struct values *v, uint64_t value)
{
	struct topvalue *s = find(v, value);

	if (s->count || v->used < TOPVALUES_KEPT) {
		v->used += !s->count;
		s->value = value;
		s->count++;
		return;
	}
	shrink(v);
}

static void feed(struct values *v, const struct addr128 *a, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		uint64_t value = value_of(&v->segment, a[k]);
		struct topvalue *s;

		if (v->narrow) {
			v->narrow[value]++;
		} else if (!v->recount) {
			add(v, value);
		} else {
			/* The marker 1 that keeps the slot is taken off later. */
			s = find(v, value);
			s->count += s->count != 0;
		}
	}
}

void topvalues_feed(struct topvalues *t, const struct addr128 *a, size_t n)
{
	for (unsigned i = 0; i < t->n; i++)
		if (!t->v[i].recount || t->v[i].slots)
			feed(&t->v[i], a, n);
}

bool topvalues_need_recount(const struct topvalues *t)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->v[i].dropped)
			return true;
	return false;
}

void topvalues_start_recount(struct topvalues *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		struct values *v = &t->v[i];

		v->recount = true;
		if (v->narrow) {
			memset(v->narrow, 0, sizeof(*v->narrow) << NARROW_BITS);
			v->recount = false;
		}
		for (size_t k = 0; v->slots && k < SLOTS; k++)
			v->slots[k].count = v->slots[k].count != 0;
	}
}

static int by_count(const void *a, const void *b)
{
	const struct topvalue *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return (x->value > y->value) - (x->value < y->value);
}

static void keep_top(struct topvalue *out, size_t *n, size_t max, struct topvalue x)
{
	size_t i = *n;

	if (i == max && (!max || by_count(&x, &out[max - 1]) >= 0))
		return;
	i = i == max ? max - 1 : (*n)++;
	for (; i > 0 && by_count(&x, &out[i - 1]) < 0; i--)
		out[i] = out[i - 1];
	out[i] = x;
}

size_t topvalues_get(const struct topvalues *t, unsigned i, struct topvalue *out,
                     size_t max)
{
	const struct values *v = &t->v[i];
	size_t n = 0;

	for (size_t k = 0; v->narrow && k < 1 << NARROW_BITS; k++)
		if (v->narrow[k])
			keep_top(out, &n, max, (struct topvalue){ k, v->narrow[k] });
	for (size_t k = 0; v->slots && k < SLOTS; k++) {
		struct topvalue s = v->slots[k];

		s.count -= s.count && v->recount;
		if (s.count)
			keep_top(out, &n, max, s);
	}
	return n;
}
