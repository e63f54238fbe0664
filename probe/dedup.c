#include "probe/dedup.h"

#include <stdlib.h>

#include "common/addrset.h"
#include "common/rng.h"
#include "probe/dedup_v4.h"
#include "probe/keyset.h"

struct dedup {
	struct keyset *now, *before;
	struct dedup_v4 *v4; /* NULL: no difference between the families */
	bool forgot_v4, forgot;
	size_t window;
	uint64_t seed[2];
};

struct dedup *dedup_new(size_t window, bool all)
{
	struct dedup *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	rng_secret(t->seed, sizeof(t->seed));
	t->window = window;
	t->now = keyset_new();
	if (!all)
		t->v4 = dedup_v4_new(rng_mix(t->seed[0] ^ t->seed[1]), DEDUP_V4_SLOTS);
	if (!t->now || (!all && !t->v4)) {
		dedup_free(t);
		return NULL;
	}
	return t;
}

void dedup_free(struct dedup *t)
{
	if (!t)
		return;
	keyset_free(t->now);
	keyset_free(t->before);
	dedup_v4_free(t->v4);
	free(t);
}

/* Kinds of keys beyond the classes of answers, which are outcomes. */
enum { KIND_ADDRESSES = OBS_OUTCOMES, KIND_DIGEST };

static struct addr128 key_of(const struct dedup *t, const struct observation *o,
                             unsigned kind, uint32_t more)
{
	uint64_t rest = (uint64_t)o->port << 16 | (uint64_t)o->proto << 8 | kind;

	rest = rng_mix(rest | (uint64_t)o->hop << 32) ^ more;
	return (struct addr128){
		addr_hash(o->target, rng_mix(t->seed[0] ^ rest)),
		addr_hash(o->target, rng_mix(t->seed[1] ^ rest)),
	};
}

static void turn(struct dedup *t)
{
	struct keyset *fresh = keyset_new();

	if (!fresh)
		return; /* the set goes on growing, or fails to and comes back here */
	t->forgot |= t->before != NULL;
	keyset_free(t->before);
	t->before = t->now;
	t->now = fresh;
}

static bool seen(struct dedup *t, struct addr128 key)
{
	int rc;

	if (t->before && keyset_has(t->before, key))
		return true;
	if (keyset_count(t->now) >= t->window) {
		if (keyset_has(t->now, key))
			return true;
		turn(t);
	}
	rc = keyset_add(t->now, key);
	if (rc < 0)
		turn(t);
	return rc == 0;
}

static unsigned class_of(const struct observation *o)
{
	return o->outcome < OBS_UNREACHABLE ? o->outcome : OBS_UNREACHABLE;
}

/* Several answers with addresses to one question, and not the same ones. */
static bool differs(struct dedup *t, const struct observation *o)
{
	bool any;

	if (o->detail != OBS_DNS || o->more.dns.n == 0)
		return false;
	any = seen(t, key_of(t, o, KIND_ADDRESSES, 0));
	return !seen(t, key_of(t, o, KIND_DIGEST, o->more.dns.digest)) && any;
}

static uint64_t what_v4(const struct observation *o)
{
	return (uint64_t)o->port << 16 | (uint64_t)o->hop << 8 | (uint64_t)o->proto << 4 |
	       class_of(o);
}

/* Out of memory, or of room, all is forgotten: an answer may come twice, and none is
 * lost. */
static bool seen_v4(struct dedup *t, const struct observation *o)
{
	uint64_t what = what_v4(o);
	int rc = dedup_v4_add(t->v4, (uint32_t)o->target.lo, what);

	if (rc >= 0)
		return rc;
	t->forgot_v4 = true;
	dedup_v4_clear(t->v4);
	(void)dedup_v4_add(t->v4, (uint32_t)o->target.lo, what);
	return false;
}

_Static_assert(OBS_PROTOS <= 16 && OBS_OUTCOMES <= 16, "what has 4 bits for each");

void dedup_prefetch(const struct dedup *t, const struct observation *o)
{
	struct addr128 key;

	if (t->v4 && addr_is_v4(o->target)) {
		dedup_v4_prefetch(t->v4, (uint32_t)o->target.lo, what_v4(o));
		return;
	}
	key = key_of(t, o, class_of(o), 0);
	keyset_prefetch(t->now, key);
	if (t->before)
		keyset_prefetch(t->before, key);
}

bool dedup_seen(struct dedup *t, struct observation *o)
{
	bool other = differs(t, o);

	if (t->v4 && addr_is_v4(o->target))
		o->repeat = seen_v4(t, o);
	else
		o->repeat = seen(t, key_of(t, o, class_of(o), 0));
	if (other)
		o->signals |= OBS_SIGNAL_DIFFERS;
	return o->repeat && !other;
}

void dedup_state(const struct dedup *t, struct dedup_state *out)
{
	*out = (struct dedup_state){
		.bytes = keyset_bytes(t->now) +
		         (t->before ? keyset_bytes(t->before) : 0) +
		         (t->v4 ? dedup_v4_bytes(t->v4) : 0),
		.exact_v4 = t->v4 ? !t->forgot_v4 : !t->forgot,
		.exact_rest = !t->forgot,
	};
}
