/* Who is to be probed now.
 *
 * A host that answered last time is due `interval` after it was last probed.
 * One that did not is tried again after the interval, then after twice, four
 * times ... as long, up to backoff_max: a host that is off for a night is back
 * soon, one that is gone costs little.  When it has not answered for drop_after
 * (counted from its last answer, or from when it was first seen), it is dropped:
 * not probed any more, but for a few a day, those whose last probe is longest
 * ago.  What was never probed comes first.
 *
 * Nothing of this is stored.  It follows from last_seen, last_probed and the
 * fail streak, so a plan can be made again at any time, and what a refresh that
 * was cut short has done is simply no longer due. */
#include <stdlib.h>
#include <string.h>

#include "hitlist/store.h"

static const char *const class_names[DUE_CLASSES] = { "new", "responsive", "failing",
	                                              "dropped" };

const char *due_class_str(enum due_class c)
{
	return (unsigned)c < DUE_CLASSES ? class_names[c] : "?";
}

/* Times may lie ahead when a clock was wrong: then no time has passed. */
static uint32_t since(uint32_t now, uint32_t t)
{
	return now > t ? now - t : 0;
}

static uint32_t backoff(const struct due_config *c, unsigned streak)
{
	unsigned doublings = streak > 32 ? 31 : streak - 1;
	uint64_t t = (uint64_t)c->interval << doublings;

	return t < c->backoff_max ? (uint32_t)t : c->backoff_max;
}

enum due_class due_classify(const struct host_record *r, const struct due_config *c)
{
	uint32_t waited = since(c->now, r->last_probed);
	uint32_t alive = r->last_seen ? r->last_seen : r->first_seen;

	if (r->policy & POLICY_NO_SCAN)
		return DUE_NEVER;
	if (!r->last_probed && !r->last_seen)
		return DUE_NEW;
	if (!r->fail_streak)
		return waited >= c->interval ? DUE_RESPONSIVE : DUE_LATER;
	if (since(c->now, alive) >= c->drop_after)
		return DUE_DROPPED;
	return waited >= backoff(c, r->fail_streak) ? DUE_FAILING : DUE_LATER;
}

/* The retest_max dropped hosts whose last probe is longest ago: a heap with the
 * most recent one on top. */
struct retest {
	struct dropped {
		uint32_t last_probed;
		struct addr128 addr;
	} * e;
	size_t n, max;
};

static bool more_recent(const struct dropped *a, const struct dropped *b)
{
	if (a->last_probed != b->last_probed)
		return a->last_probed > b->last_probed;
	return addr_cmp(a->addr, b->addr) > 0;
}

static void sift_down(struct retest *t, size_t i)
{
	for (size_t k; (k = 2 * i + 1) < t->n; i = k) {
		struct dropped e = t->e[i];

		if (k + 1 < t->n && more_recent(&t->e[k + 1], &t->e[k]))
			k++;
		if (!more_recent(&t->e[k], &e))
			return;
		t->e[i] = t->e[k];
		t->e[k] = e;
	}
}

static int retest_offer(struct retest *t, struct dropped e)
{
	if (t->n < t->max) {
		if ((t->n & (t->n - 1)) == 0) { /* full at every power of two */
			struct dropped *p =
				realloc(t->e, (t->n ? 2 * t->n : 1) * sizeof(*p));

			if (!p)
				return -ENOMEM;
			t->e = p;
		}
		t->e[t->n++] = e;
		for (size_t i = t->n - 1; i;) {
			size_t up = (i - 1) / 2;
			struct dropped x = t->e[up];

			if (!more_recent(&t->e[i], &x))
				break;
			t->e[up] = t->e[i];
			t->e[i] = x;
			i = up;
		}
	} else if (t->n && more_recent(&t->e[0], &e)) {
		t->e[0] = e;
		sift_down(t, 0);
	}
	return 0;
}

struct planner {
	const struct hitlist *h;
	const struct due_config *c;
	struct due_plan *plan;
	struct addrvec class[DUE_CLASSES];
	struct retest retest;
	uint64_t dropped;
};

/* Whether r may be probed at all; counts why not. */
static bool may_probe(struct planner *p, const struct host_record *r)
{
	struct due_plan *plan = p->plan;

	plan->known++;
	switch (p->c->scope ? scope_check(p->c->scope, r->addr) : SCOPE_OK) {
	case SCOPE_OK: break;
	case SCOPE_BLOCKED: plan->blocked++; return false;
	default: plan->out_of_scope++; return false;
	}
	if (p->c->routed && !ivtab_covers(p->c->routed, r->addr))
		plan->not_routed++;
	else if (ivtab_covers(hitlist_blocked(p->h), r->addr))
		plan->blocked++;
	else if (ivtab_covers(hitlist_aliased(p->h), r->addr))
		plan->aliased++;
	else
		return true;
	return false;
}

static int sort_out(struct planner *p, const struct host_record *r)
{
	enum due_class k;

	if (!may_probe(p, r))
		return 0;
	k = due_classify(r, p->c);
	if (k == DUE_NEVER)
		p->plan->no_scan++;
	else if (k == DUE_LATER)
		p->plan->later++;
	else if (k != DUE_DROPPED)
		return addrvec_push(&p->class[k], r -> addr);
	if (k != DUE_DROPPED)
		return 0;
	p->dropped++;
	if (since(p->c->now, r->last_probed) < p->c->retest_after)
		return 0;
	return retest_offer(&p->retest, (struct dropped){ r->last_probed, r->addr });
}

static void shuffle(struct addrvec *v, struct rng *rng)
{
	for (size_t i = v->n; i > 1; i--) {
		size_t k = rng_below(rng, i);
		struct addr128 a = v->a[i - 1];

		v->a[i - 1] = v->a[k];
		v->a[k] = a;
	}
}

static int put_together(struct planner *p)
{
	struct due_plan *plan = p->plan;
	struct rng rng;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < p->retest.n; i++)
		rc = addrvec_push(&p->class[DUE_DROPPED], p -> retest.e[i].addr);
	rng_init(&rng, p->c->seed);
	for (unsigned k = 0; rc == 0 && k < DUE_CLASSES; k++) {
		struct addrvec *v = &p->class[k];
		size_t n = v->n;

		if (p->c->max && n > p->c->max - plan->hosts.n)
			n = p->c->max - plan->hosts.n;
		shuffle(v, &rng);
		plan->count[k] = n;
		plan->beyond_max += v->n - n;
		for (size_t i = 0; rc == 0 && i < n; i++)
			rc = addrvec_push(&plan->hosts, v->a[i]);
		addrvec_fini(v);
	}
	plan->unresponsive = p->dropped - p->retest.n;
	return rc;
}

int hitlist_due(struct due_plan *out, const struct hitlist *h, const struct due_config *c,
                struct diag *d)
{
	struct planner p = { .h = h, .c = c, .plan = out };
	struct hitlist_iter *it = NULL;
	struct host_record r;
	int rc;

	*out = (struct due_plan){ .known = 0 };
	p.retest.max = c->retest_max;
	rc = hitlist_iter_open(&it, h, NULL, d);
	while (rc >= 0 && (rc = hitlist_iter_next(it, &r, d)) > 0)
		rc = sort_out(&p, &r);
	hitlist_iter_close(it);
	if (rc >= 0)
		rc = put_together(&p);
	for (unsigned k = 0; k < DUE_CLASSES; k++)
		addrvec_fini(&p.class[k]);
	free(p.retest.e);
	if (rc < 0)
		due_plan_fini(out);
	return rc;
}

void due_plan_fini(struct due_plan *p)
{
	addrvec_fini(&p->hosts);
}

void observation_of_silence(struct observation *o, const struct host_record *r,
                            uint64_t when_us)
{
	*o = (struct observation){
		.target = r->addr,
		.from = r->addr,
		.when_us = when_us,
		.proto = addr_is_v4(r->addr) ? OBS_ICMP : OBS_ICMP6,
		.outcome = OBS_SILENT,
		.tag = r->fail_streak < UINT16_MAX ? r->fail_streak + 1U : UINT16_MAX,
	};
}
