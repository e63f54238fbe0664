/* Answers to questions for names, as somebody on the way may have made them.
 *
 * A forged answer is told by its addresses (obs_is_injected), by those of another one
 * that differ, or by what comes with it: whoever forges mostly sends several, and the
 * first may look good.  So an answer from UDP port 53 is kept for half a second to a
 * second, in two generations; when anything forged has come from the same address by
 * then, it is no hit.  Nor is an alias test answered by it. */
#include "cli/discover_impl.h"
#include "common/clock.h"
#include "common/rng.h"

static const uint64_t hold_ns = NS_PER_S / 2;

/* One for each set of addresses that a target has named. */
static struct addr128 said_key(const struct observation *o)
{
	uint64_t digest = rng_mix(o->more.dns.digest + 1);

	return (struct addr128){ o->target.hi ^ digest, o->target.lo ^ rng_mix(digest) };
}

/* Whether it names other addresses than an answer that is held.  1, 0, negative. */
static int differs(struct discover *x, const struct observation *o)
{
	int fresh;

	if (o->detail != OBS_DNS || !o->more.dns.n)
		return 0;
	fresh = addrset_add(x->names_said, said_key(o));
	return fresh > 0 ? addrset_has(x->names_held, o->target) : fresh;
}

static int note_forged(struct discover *x, const struct observation *o)
{
	int rc = addrset_add(x->forged, o->target);

	/* Too late for a hit that is written down already: so is this, which tells
	 * the hitlist to think again. */
	if (rc >= 0 && obs_is_injected(o) && addrset_has(x->hits, o->target))
		rc = journal_append(x->found, o, 1);
	return rc < 0 ? rc : 0;
}

int discover_take_name(struct discover *x, const struct observation *o)
{
	int rc = obs_is_injected(o) ? 1 : differs(x, o);

	if (rc > 0)
		return note_forged(x, o);
	if (rc < 0 || addrset_has(x->forged, o->target))
		return rc;
	rc = addrset_add(x->names_held, o->target);
	return rc > 0 ? obsvec_push(&x->names[0], o) : rc;
}

static int release(struct discover *x, struct obsvec *v,
                   int (*use)(struct discover *x, const struct observation *o))
{
	int rc = 0;

	for (size_t i = 0; i < v->n && rc >= 0; i++) {
		const struct observation *o = &v->o[i];

		addrset_remove(x->names_held, o->target);
		if (!addrset_has(x->forged, o->target)) {
			rc = use(x, o);
			continue;
		}
		rc = discover_result(x, o->target, o->tag, false);
	}
	v->n = 0;
	return rc < 0 ? rc : 0;
}

int discover_release_names(struct discover *x, uint64_t now_ns, bool all,
                           int (*use)(struct discover *x, const struct observation *o))
{
	struct obsvec young = x->names[0];
	int rc;

	if (!all && now_ns < x->names_turn_ns)
		return 0;
	rc = release(x, &x->names[1], use);
	if (rc >= 0 && all)
		return release(x, &x->names[0], use);
	x->names[0] = x->names[1];
	x->names[1] = young;
	x->names_turn_ns = now_ns + hold_ns;
	return rc;
}
