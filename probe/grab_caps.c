#include "probe/grab_caps.h"

#include <stdlib.h>

#include "common/addrset.h"

enum { NONE = -1 };

struct waiter {
	struct probe_target target;
	int next; /* in line, or in the list of free ones */
};

/* A host or a network that is in use, or that somebody waits for. */
struct place {
	struct addr128 addr;
	bool used, is_net;
	unsigned active;
	int first, last; /* waiters of a network */
};

/* Open addressing with linear probing; entries move when another is removed, so
 * none is pointed to for long. */
struct caps {
	unsigned per_host, per_net, waiting;
	struct waiter *waiters;
	int free;
	size_t mask;
	struct place *places;
};

struct caps *caps_new(unsigned per_host, unsigned per_net, unsigned active,
                      unsigned waiting)
{
	struct caps *c = calloc(1, sizeof(*c));
	size_t n = 16;

	if (!c)
		return NULL;
	while (n < ((size_t)active + waiting) * 4)
		n *= 2;
	c->per_host = per_host ? per_host : UINT32_MAX;
	c->per_net = per_net ? per_net : UINT32_MAX;
	c->mask = n - 1;
	c->places = calloc(n, sizeof(*c->places));
	c->waiters = calloc(waiting, sizeof(*c->waiters));
	if (!c->places || !c->waiters) {
		caps_free(c);
		return NULL;
	}
	for (unsigned i = 0; i < waiting; i++)
		c->waiters[i].next = i + 1 < waiting ? (int)i + 1 : NONE;
	return c;
}

void caps_free(struct caps *c)
{
	if (!c)
		return;
	free(c->places);
	free(c->waiters);
	free(c);
}

static struct addr128 net_of(struct addr128 a)
{
	return prefix_make(a, addr_is_v4(a) ? 96 + 24 : 64).addr;
}

static size_t home(const struct caps *c, struct addr128 a, bool is_net)
{
	return (size_t)addr_hash(a, is_net) & c->mask;
}

static struct place *find(struct caps *c, struct addr128 a, bool is_net)
{
	size_t i = home(c, a, is_net);

	while (c->places[i].used &&
	       (c->places[i].is_net != is_net || !addr_eq(c->places[i].addr, a)))
		i = (i + 1) & c->mask;
	if (!c->places[i].used)
		c->places[i] = (struct place){ a, true, is_net, 0, NONE, NONE };
	return &c->places[i];
}

/* Remove a place that nobody uses: those behind it that would not be found any
 * more move up. */
static void drop(struct caps *c, struct place *p)
{
	size_t hole = (size_t)(p - c->places), i = hole;

	if (p->active || p->first != NONE)
		return;
	for (;;) {
		size_t from;

		i = (i + 1) & c->mask;
		if (!c->places[i].used)
			break;
		from = home(c, c->places[i].addr, c->places[i].is_net);
		if (((i - from) & c->mask) < ((i - hole) & c->mask))
			continue;
		c->places[hole] = c->places[i];
		hole = i;
	}
	c->places[hole].used = false;
}

static bool has_room(struct caps *c, struct addr128 a, bool is_net)
{
	struct place *p = find(c, a, is_net);
	bool room = p->active < (is_net ? c->per_net : c->per_host);

	drop(c, p);
	return room;
}

static void count(struct caps *c, struct addr128 a)
{
	find(c, a, false)->active++;
	find(c, net_of(a), true)->active++;
}

static void wait(struct caps *c, const struct probe_target *t)
{
	struct place *net = find(c, net_of(t->addr), true);
	int i = c->free;

	c->free = c->waiters[i].next;
	c->waiters[i] = (struct waiter){ *t, NONE };
	if (net->last == NONE)
		net->first = i;
	else
		c->waiters[net->last].next = i;
	net->last = i;
	c->waiting++;
}

bool caps_take(struct caps *c, const struct probe_target *t)
{
	bool room = has_room(c, net_of(t->addr), true) && has_room(c, t->addr, false);

	if (room)
		count(c, t->addr);
	else
		wait(c, t);
	return room;
}

bool caps_full(const struct caps *c)
{
	return c->free == NONE;
}

/* The first in line whose host has room. */
static bool take_waiter(struct caps *c, struct addr128 net, struct probe_target *out)
{
	int before = NONE, i = find(c, net, true)->first;
	struct place *p;

	while (i != NONE && !has_room(c, c->waiters[i].target.addr, false)) {
		before = i;
		i = c->waiters[i].next;
	}
	if (i == NONE)
		return false;
	p = find(c, net, true);
	if (before == NONE)
		p->first = c->waiters[i].next;
	else
		c->waiters[before].next = c->waiters[i].next;
	if (p->last == i)
		p->last = before;
	*out = c->waiters[i].target;
	c->waiters[i].next = c->free;
	c->free = i;
	c->waiting--;
	return true;
}

bool caps_give(struct caps *c, struct addr128 addr, struct probe_target *next)
{
	struct addr128 net = net_of(addr);
	struct place *p = find(c, addr, false);
	bool found;

	p->active -= p->active > 0;
	drop(c, p);
	p = find(c, net, true);
	p->active -= p->active > 0;
	found = p->active < c->per_net && take_waiter(c, net, next);
	if (found)
		count(c, next->addr);
	drop(c, find(c, net, true));
	return found;
}

unsigned caps_waiting(const struct caps *c)
{
	return c->waiting;
}
