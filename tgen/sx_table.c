#include "tgen/sx_table.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_BITS = 12, LAST_BITS = 31 };

#define MANY (UINT64_C(1) << 31) /* the low bits are an index */
#define LOW  UINT64_C(0x7fffffff)

static size_t probe_counts(const uint64_t *slot, unsigned bits, uint32_t key)
{
	size_t mask = ((size_t)1 << bits) - 1, i = key >> (32 - bits);

	while (slot[i] && (uint32_t)(slot[i] >> 32) != key)
		i = (i + 1) & mask;
	return i;
}

static bool grow_counts(struct sx_counts *t)
{
	unsigned bits = t->slot ? t->bits + 1 : FIRST_BITS;
	uint64_t *slot;

	if (bits > LAST_BITS)
		return false;
	slot = calloc((size_t)1 << bits, sizeof(*slot));
	if (!slot)
		return false;
	for (size_t i = 0; t->slot && i < (size_t)1 << t->bits; i++)
		if (t->slot[i])
			slot[probe_counts(slot, bits, (uint32_t)(t->slot[i] >> 32))] =
				t->slot[i];
	free(t->slot);
	t->slot = slot;
	t->bits = bits;
	return true;
}

void sx_counts_fini(struct sx_counts *t)
{
	free(t->slot);
	free(t->many);
	*t = (struct sx_counts){ 0 };
}

/* A second value has come: the entry needs all sixteen counts. */
static bool widen(struct sx_counts *t, uint64_t *slot)
{
	unsigned value = *slot >> 8 & 15, count = *slot & 255;

	if (t->n_many == t->cap_many) {
		size_t cap = t->cap_many ? 2 * t->cap_many : 1024;
		void *p = cap <= LOW ? realloc(t->many, cap * sizeof(*t->many)) : NULL;

		if (!p)
			return false;
		t->many = p;
		t->cap_many = cap;
	}
	memset(t->many[t->n_many], 0, sizeof(*t->many));
	t->many[t->n_many][value] = (uint8_t)count;
	*slot = (*slot & ~(MANY | LOW)) | MANY | t->n_many++;
	return true;
}

void sx_counts_add(struct sx_counts *t, uint64_t hash, unsigned value)
{
	uint32_t key = sx_key(hash);
	uint64_t *s;

	if (!hash || t->failed)
		return;
	if (!t->slot || t->used >= ((size_t)3 << t->bits) / 4)
		if (!grow_counts(t)) {
			t->failed = true;
			return;
		}
	s = &t->slot[probe_counts(t->slot, t->bits, key)];
	if (!*s) {
		*s = (uint64_t)key << 32 | value << 8;
		t->used++;
	}
	if (!(*s & MANY) && (*s >> 8 & 15) != value && !widen(t, s)) {
		t->failed = true;
		return;
	}
	if (*s & MANY)
		t->many[*s & LOW][value] += t->many[*s & LOW][value] < 255;
	else
		*s += (*s & 255) < 255;
}

bool sx_counts_get(const struct sx_counts *t, uint64_t hash, struct sx_hist *out)
{
	uint64_t s;

	if (!hash || !t->slot)
		return false;
	s = t->slot[probe_counts(t->slot, t->bits, sx_key(hash))];
	if (!s)
		return false;
	if (s & MANY) {
		memcpy(out->of, t->many[s & LOW], sizeof(out->of));
	} else {
		memset(out->of, 0, sizeof(out->of));
		out->of[s >> 8 & 15] = s & 255;
	}
	return true;
}

static size_t probe_events(const struct sx_event *slot, unsigned bits, uint32_t key)
{
	size_t mask = ((size_t)1 << bits) - 1, i = key >> (32 - bits);

	while (slot[i].key && slot[i].key != key)
		i = (i + 1) & mask;
	return i;
}

static bool grow_events(struct sx_events *t)
{
	unsigned bits = t->slot ? t->bits + 1 : FIRST_BITS;
	struct sx_event *slot;

	if (bits > LAST_BITS)
		return false;
	slot = calloc((size_t)1 << bits, sizeof(*slot));
	if (!slot)
		return false;
	for (size_t i = 0; t->slot && i < (size_t)1 << t->bits; i++)
		if (t->slot[i].key)
			slot[probe_events(slot, bits, t->slot[i].key)] = t->slot[i];
	free(t->slot);
	t->slot = slot;
	t->bits = bits;
	return true;
}

void sx_events_fini(struct sx_events *t)
{
	free(t->slot);
	*t = (struct sx_events){ 0 };
}

void sx_events_add(struct sx_events *t, uint64_t hash, float yes, float no)
{
	struct sx_event *e;

	if (!hash || t->failed)
		return;
	if (!t->slot || t->used >= ((size_t)3 << t->bits) / 4)
		if (!grow_events(t)) {
			t->failed = true;
			return;
		}
	e = &t->slot[probe_events(t->slot, t->bits, sx_key(hash))];
	if (!e->key) {
		e->key = sx_key(hash);
		t->used++;
	}
	e->yes += yes;
	e->no += no;
}

const struct sx_event *sx_events_get(const struct sx_events *t, uint64_t hash)
{
	const struct sx_event *e;

	if (!hash || !t->slot)
		return NULL;
	e = &t->slot[probe_events(t->slot, t->bits, sx_key(hash))];
	return e->key ? e : NULL;
}
