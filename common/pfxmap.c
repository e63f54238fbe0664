#include "common/pfxmap.h"

#include <errno.h>
#include <stdlib.h>

#include "common/addrset.h"

enum { FIRST_CAP = 64 };

void pfxmap_fini(struct pfxmap *m)
{
	free(m->slots);
	*m = (struct pfxmap){ 0 };
}

/* The slot that holds p, or the empty one where it belongs. */
static size_t slot_of(const struct pfxmap *m, struct addr128 addr, uint8_t len)
{
	size_t i = addr_hash(addr, len) & (m->cap - 1);

	while (m->slots[i].used &&
	       (m->slots[i].len != len || !addr_eq(m->slots[i].addr, addr)))
		i = (i + 1) & (m->cap - 1);
	return i;
}

bool pfxmap_find(const struct pfxmap *m, struct prefix p, uint32_t *value)
{
	size_t i;

	if (m->n == 0)
		return false;
	i = slot_of(m, p.addr, p.len);
	if (!m->slots[i].used)
		return false;
	*value = m->slots[i].value;
	return true;
}

static int grow(struct pfxmap *m)
{
	struct pfxmap bigger = { .n = m->n, .cap = m->cap ? 2 * m->cap : FIRST_CAP };

	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < m->cap; i++) {
		const struct pfxmap_slot *s = &m->slots[i];

		if (s->used)
			bigger.slots[slot_of(&bigger, s->addr, s->len)] = *s;
	}
	free(m->slots);
	*m = bigger;
	return 0;
}

static int make_room(struct pfxmap *m)
{
	return 4 * (m->n + 1) > 3 * m->cap ? grow(m) : 0;
}

uint32_t *pfxmap_slot(struct pfxmap *m, struct prefix p)
{
	size_t i;

	if (make_room(m) < 0)
		return NULL;
	i = slot_of(m, p.addr, p.len);
	if (!m->slots[i].used) {
		m->slots[i] = (struct pfxmap_slot){ p.addr, 0, p.len, true };
		m->n++;
	}
	return &m->slots[i].value;
}

int pfxmap_add(struct pfxmap *m, struct prefix p, uint32_t value)
{
	uint32_t *v = pfxmap_slot(m, p);

	if (!v)
		return -ENOMEM;
	*v = value;
	return 0;
}
