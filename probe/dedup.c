#include "probe/dedup.h"

#include <stdlib.h>

#include "common/addrset.h"
#include "common/rng.h"

enum { FIRST_SIZE = 1024 };

struct dedup {
	struct addrset *now, *before;
	size_t window;
	uint64_t seed[2];
};

struct dedup *dedup_new(size_t window)
{
	struct dedup *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	rng_secret(t->seed, sizeof(t->seed));
	t->window = window;
	t->now = addrset_new(FIRST_SIZE);
	if (!t->now) {
		free(t);
		return NULL;
	}
	return t;
}

void dedup_free(struct dedup *t)
{
	if (!t)
		return;
	addrset_free(t->now);
	addrset_free(t->before);
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
	struct addrset *fresh = addrset_new(FIRST_SIZE);

	if (!fresh)
		return; /* the set goes on growing, or fails to and comes back here */
	addrset_free(t->before);
	t->before = t->now;
	t->now = fresh;
}

static bool seen(struct dedup *t, struct addr128 key)
{
	int rc;

	if (t->before && addrset_has(t->before, key))
		return true;
	if (addrset_count(t->now) >= t->window) {
		if (addrset_has(t->now, key))
			return true;
		turn(t);
	}
	rc = addrset_add(t->now, key);
	if (rc < 0)
		turn(t);
	return rc == 0;
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

bool dedup_seen(struct dedup *t, struct observation *o)
{
	unsigned class = o->outcome < OBS_UNREACHABLE ? o->outcome : OBS_UNREACHABLE;
	bool other = differs(t, o);

	o->repeat = seen(t, key_of(t, o, class, 0));
	if (other)
		o->signals |= OBS_SIGNAL_DIFFERS;
	return o->repeat && !other;
}
