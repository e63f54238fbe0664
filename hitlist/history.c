#include "hitlist/history.h"

#include "hitlist/store.h"

static void unpack(struct host_history *x, const struct host_record *r)
{
	x->addr = r->addr;
	x->n = 0;
	for (unsigned i = 0; i < HISTORY_MAX && r->services >> i & 1; i++) {
		x->e[i].when = r->service_seen[i];
		x->e[i].up = r->sources >> i & 1;
		x->n++;
	}
}

static void add(struct host_record *r, unsigned *n, uint32_t when, bool up)
{
	r->service_seen[*n] = when;
	r->services |= (uint8_t)(1U << *n);
	r->sources |= (uint16_t)(up << *n);
	++*n;
}

/* The latest first; of two at the same time, up. */
static int later(const struct host_history *a, unsigned i, const struct host_history *b,
                 unsigned k)
{
	if (a->e[i].when != b->e[k].when)
		return a->e[i].when > b->e[k].when ? 1 : -1;
	return (int)a->e[i].up - (int)b->e[k].up;
}

static void fold(struct host_record *dst, const struct host_record *src)
{
	struct host_history a, b;
	unsigned i = 0, k = 0, n = 0;

	unpack(&a, dst);
	unpack(&b, src);
	*dst = (struct host_record){ .addr = a.addr };
	while (n < HISTORY_MAX && (i < a.n || k < b.n)) {
		int c = i == a.n ? -1 : k == b.n ? 1 : later(&a, i, &b, k);

		if (c >= 0)
			add(dst, &n, a.e[i].when, a.e[i].up);
		else
			add(dst, &n, b.e[k].when, b.e[k].up);
		i += c >= 0;
		k += c <= 0;
	}
	dst->last_seen = dst->service_seen[0];
}

void record_fold(enum tier t, struct host_record *dst, const struct host_record *src)
{
	if (t == TIER_HISTORY)
		fold(dst, src);
	else
		host_record_merge(dst, src);
}

bool history_transition(struct host_record *out, const struct host_record *was,
                        const struct host_record *is)
{
	unsigned n = 0;
	bool up = host_is_up(is);
	uint32_t when = up ? is->last_seen : is->last_probed;

	if (up == host_is_up(was) || !when)
		return false;
	*out = (struct host_record){ .addr = is->addr, .last_seen = when };
	add(out, &n, when, up);
	return true;
}

int hitlist_history(const struct hitlist *h, struct prefix p,
                    int (*fn)(void *ctx, const struct host_history *x), void *ctx,
                    struct diag *d)
{
	struct hitlist_iter *it;
	struct host_record r;
	int rc = store_iter(&it, h, TIER_HISTORY, p.addr, prefix_last(p), d);

	if (rc < 0)
		return rc;
	while ((rc = hitlist_iter_next(it, &r, d)) > 0) {
		struct host_history x;

		unpack(&x, &r);
		rc = fn(ctx, &x);
		if (rc)
			break;
	}
	hitlist_iter_close(it);
	return rc;
}
