#include "tgen/peer.h"

#include <stdlib.h>
#include <string.h>

#include "common/addrset.h"
#include "common/pfxmap.h"
#include "common/rng.h"

enum {
	PATIENCE = 1 << 21, /* pruned addresses and vain steps in a row */
	RUN = 4096,         /* candidates that one checksum of the journal vouches for */
	RUN_BYTES = 13,
	RESULT_BYTES = 5,
	PRUNE_BYTES = 18
};

/* In the table of what came out: a seed; else the candidate's number, doubled,
 * plus one once its result is known. */
#define IS_SEED        UINT32_MAX
#define MAX_CANDIDATES ((UINT32_MAX - 2) / 2)

enum event { EVENT_RUN = 1, EVENT_RESULT, EVENT_PRUNE };

struct peer {
	const struct peer_core *alg;
	void *core;
	uint64_t seed;
	struct pfxmap known; /* seeds and candidates, as /128 */
	uint32_t *region;    /* by candidate's number */
	uint32_t n, cap;     /* candidates offered and taken */
	struct tgen_candidate *queue;
	size_t queued, at, cap_queue; /* queue[at..queued) waits */
	struct pfxmap pruned;
	uint8_t lens[129]; /* the lengths that occur in pruned, ascending */
	unsigned n_lens;
	uint64_t futile; /* addresses and steps in a row that came to nothing */
	/* The journal: whole events, and a run of candidates that is still open. */
	uint8_t *journal;
	size_t n_journal, cap_journal;
	uint32_t run;
	uint64_t run_sum;
};

/* ---- the journal --------------------------------------------------------- */

static int journal_put(struct peer *p, enum event what, const void *buf, size_t n)
{
	if (p->n_journal + n + 1 > p->cap_journal) {
		size_t cap = 2 * p->cap_journal + n + 64;
		uint8_t *j = realloc(p->journal, cap);

		if (!j)
			return -ENOMEM;
		p->journal = j;
		p->cap_journal = cap;
	}
	p->journal[p->n_journal++] = (uint8_t)what;
	memcpy(p->journal + p->n_journal, buf, n);
	p->n_journal += n;
	return 0;
}

static void put_number(uint8_t *b, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		b[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get_number(const uint8_t *b, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)b[i] << 8 * i;
	return v;
}

/* What comes next has to be told after the candidates so far. */
static int close_run(struct peer *p)
{
	uint8_t b[RUN_BYTES - 1];
	int rc;

	if (p->run == 0)
		return 0;
	put_number(b, p->run, 4);
	put_number(b + 4, p->run_sum, 8);
	rc = journal_put(p, EVENT_RUN, b, sizeof(b));
	if (rc == 0)
		p->run = 0;
	if (rc == 0)
		p->run_sum = 0;
	return rc;
}

static int note_candidate(struct peer *p, struct addr128 a)
{
	p->run_sum = addr_hash(a, p->run_sum);
	return ++p->run == RUN ? close_run(p) : 0;
}

static int note_result(struct peer *p, uint32_t number, bool alive)
{
	uint8_t b[RESULT_BYTES - 1];
	int rc = close_run(p);

	put_number(b, number << 1 | alive, 4);
	return rc < 0 ? rc : journal_put(p, EVENT_RESULT, b, sizeof(b));
}

static int note_prune(struct peer *p, struct prefix x)
{
	uint8_t b[PRUNE_BYTES - 1];
	int rc = close_run(p);

	addr_store(b, x.addr);
	b[16] = x.len;
	return rc < 0 ? rc : journal_put(p, EVENT_PRUNE, b, sizeof(b));
}

/* ---- candidates ---------------------------------------------------------- */

static struct prefix whole(struct addr128 a)
{
	return (struct prefix){ a, 128 };
}

/* The length of the shortest pruned prefix that covers x; 129: none does. */
static unsigned pruned_len(const struct peer *p, struct prefix x)
{
	uint32_t unused;

	for (unsigned i = 0; i < p->n_lens && p->lens[i] <= x.len; i++)
		if (pfxmap_find(&p->pruned, prefix_make(x.addr, p->lens[i]), &unused))
			return p->lens[i];
	return 129;
}

bool peer_pruned(const struct peer *p, struct prefix x)
{
	return pruned_len(p, x) <= 128;
}

static int make_room(struct peer *p)
{
	if (p->n == p->cap) {
		uint32_t cap = p->cap ? 2 * p->cap : 1024;
		uint32_t *r = realloc(p->region, cap * sizeof(*r));

		if (!r)
			return -ENOMEM;
		p->region = r;
		p->cap = cap;
	}
	if (p->queued == p->cap_queue) {
		size_t cap = p->cap_queue ? 2 * p->cap_queue : 1024;
		struct tgen_candidate *q = realloc(p->queue, cap * sizeof(*q));

		if (!q)
			return -ENOMEM;
		p->queue = q;
		p->cap_queue = cap;
	}
	return 0;
}

int peer_offer(struct peer *p, struct addr128 a, uint32_t region, double prob)
{
	const double least = 1e-9, most = 1 - 1e-6;
	size_t before = p->known.n;
	uint32_t *slot;

	if (peer_pruned(p, whole(a)) || p->n >= MAX_CANDIDATES) {
		p->futile++;
		return 0;
	}
	if (make_room(p) < 0)
		return -ENOMEM;
	slot = pfxmap_slot(&p->known, whole(a));
	if (!slot)
		return -ENOMEM;
	if (p->known.n == before)
		return 0;
	p->futile = 0;
	*slot = p->n << 1;
	p->region[p->n++] = region;
	prob = prob < least ? least : prob > most ? most : prob;
	p->queue[p->queued++] = (struct tgen_candidate){ a, (float)prob, region };
	return 1;
}

int peer_offer_from(struct peer *p, struct peer_range r, struct addr128 *a, bool *more,
                    uint32_t region, double prob)
{
	unsigned len = pruned_len(p, whole(*a));
	struct addr128 mask, last;
	int rc = 0;

	if (len <= 128) {
		/* The last one of the range in that prefix. */
		mask = peer_mask(r.free);
		last = prefix_last(prefix_make(*a, len));
		a->hi |= last.hi & mask.hi;
		a->lo |= last.lo & mask.lo;
		p->futile++;
	} else {
		rc = peer_offer(p, *a, region, prob);
	}
	*more = peer_range_next(r, a);
	return rc;
}

int peer_next(void *state, struct tgen_candidate *out, size_t max)
{
	struct peer *p = state;
	size_t n = 0;
	int rc = 0;

	while (n < max) {
		if (p->at == p->queued) {
			p->at = p->queued = 0;
			p->futile++;
			rc = p->alg->step(p->core, p);
			if (rc < 0)
				return rc;
			if (p->queued == 0 && (rc == 0 || p->futile > PATIENCE))
				break;
			continue;
		}
		rc = note_candidate(p, p->queue[p->at].addr);
		if (rc < 0)
			return rc;
		out[n++] = p->queue[p->at++];
	}
	return (int)n;
}

int peer_feedback(void *state, const struct tgen_result *r, size_t n)
{
	struct peer *p = state;
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		uint32_t *slot, known;

		if (r[i].region != TGEN_REGION_UNKNOWN &&
		    r[i].region >= p->alg->regions(p->core))
			return -EINVAL;
		if (!p->alg->feedback ||
		    !pfxmap_find(&p->known, whole(r[i].addr), &known))
			continue;
		if (known == IS_SEED || known & 1)
			continue;
		rc = note_result(p, known >> 1, r[i].alive);
		if (rc < 0)
			break;
		slot = pfxmap_slot(&p->known, whole(r[i].addr));
		if (!slot)
			return -ENOMEM;
		*slot |= 1;
		p->alg->feedback(p->core, p->region[known >> 1], r[i].alive);
	}
	return rc;
}

int peer_prune(void *state, struct prefix x)
{
	struct peer *p = state;
	unsigned i = 0;
	int rc;

	if (peer_pruned(p, x))
		return 0;
	rc = note_prune(p, x);
	if (rc == 0)
		rc = pfxmap_add(&p->pruned, x, 1);
	while (rc == 0 && i < p->n_lens && p->lens[i] < x.len)
		i++;
	if (rc == 0 && (i == p->n_lens || p->lens[i] != x.len)) {
		memmove(p->lens + i + 1, p->lens + i, p->n_lens - i);
		p->lens[i] = x.len;
		p->n_lens++;
	}
	return rc;
}

uint64_t peer_regions(const void *state)
{
	const struct peer *p = state;

	return p->alg->regions(p->core);
}

void peer_free(void *state)
{
	struct peer *p = state;

	if (!p)
		return;
	p->alg->free(p->core);
	pfxmap_fini(&p->known);
	pfxmap_fini(&p->pruned);
	free(p->region);
	free(p->queue);
	free(p->journal);
	free(p);
}

int peer_train(void **state, const struct peer_core *core, const struct addrvec *seeds,
               uint64_t seed, struct diag *d)
{
	struct peer *p;
	int rc = 0;

	if (seeds->n >= UINT32_MAX / 4)
		return diag_set(d, -EFBIG, "more than 2^30 seeds");
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->alg = core;
	p->seed = seed;
	for (size_t i = 0; i < seeds->n && rc == 0; i++)
		rc = pfxmap_add(&p->known, whole(seeds->a[i]), IS_SEED);
	if (rc == 0)
		rc = core->train(&p->core, seeds, seed, d);
	if (rc < 0) {
		peer_free(p);
		return rc;
	}
	*state = p;
	return 0;
}

/* ---- saved state --------------------------------------------------------- */

int peer_save(const void *state, struct model_out *out)
{
	const struct peer *p = state;

	model_put_u64(out, p->seed);
	model_put_u64(out, p->n_journal);
	model_put(out, p->journal, p->n_journal);
	model_put_u32(out, p->run);
	model_put_u64(out, p->run_sum);
	return 0;
}

/* So many candidates again; they have to be the same. */
static int repeat_run(struct peer *p, struct model_in *in, uint32_t n, uint64_t sum)
{
	struct tgen_candidate c[64];
	uint64_t again = 0;

	if (n > RUN)
		return model_reject(in, "a run of too many candidates");
	while (n > 0) {
		int k = peer_next(p, c, n < 64 ? n : 64);

		if (k < 0)
			return k;
		if (k == 0)
			break;
		n -= (uint32_t)k;
		for (int i = 0; i < k; i++)
			again = addr_hash(c[i].addr, again);
	}
	return n == 0 && again == sum
	               ? 0
	               : model_reject(in, "other candidates than these seeds "
	                                  "lead to");
}

/* The candidate with a number: for results only its slot is known to have it. */
static int repeat_result(struct peer *p, struct model_in *in, uint32_t word)
{
	uint32_t number = word >> 1;
	int rc;

	if (!p->alg->feedback || number >= p->n)
		return model_reject(in, "a result for no candidate");
	rc = note_result(p, number, word & 1);
	if (rc == 0)
		p->alg->feedback(p->core, p->region[number], word & 1);
	return rc;
}

static int repeat_event(struct peer *p, struct model_in *in, uint64_t *left)
{
	uint8_t b[PRUNE_BYTES];
	size_t n = 0;

	model_get(in, b, 1);
	if (b[0] == EVENT_RUN)
		n = RUN_BYTES;
	else if (b[0] == EVENT_RESULT)
		n = RESULT_BYTES;
	else if (b[0] == EVENT_PRUNE)
		n = PRUNE_BYTES;
	if (n == 0 || n > *left)
		return model_reject(in, "an unknown event");
	*left -= n;
	model_get(in, b + 1, n - 1);
	if (model_status(in) < 0)
		return model_status(in);
	if (b[0] == EVENT_RUN)
		return repeat_run(p, in, (uint32_t)get_number(b + 1, 4),
		                  get_number(b + 5, 8));
	if (b[0] == EVENT_RESULT)
		return repeat_result(p, in, (uint32_t)get_number(b + 1, 4));
	if (b[17] > 128)
		return model_reject(in, "a prefix longer than an address");
	return peer_prune(p, prefix_make(addr_load(b + 1), b[17]));
}

/* Which of the candidates have their results; the journal names numbers. */
static int mark_results(struct peer *p)
{
	uint8_t *done = calloc(p->n + 1, 1);

	if (!done)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_journal;) {
		const uint8_t *b = p->journal + i;

		if (b[0] == EVENT_RESULT)
			done[get_number(b + 1, 4) >> 1] = 1;
		i += b[0] == EVENT_RUN      ? RUN_BYTES
		     : b[0] == EVENT_RESULT ? RESULT_BYTES
		                            : PRUNE_BYTES;
	}
	for (size_t i = 0; i < p->known.cap; i++) {
		struct pfxmap_slot *s = &p->known.slots[i];

		if (s->used && s->value != IS_SEED)
			s->value |= done[s->value >> 1];
	}
	free(done);
	return 0;
}

int peer_load(void **state, const struct peer_core *core, const struct addrvec *seeds,
              struct model_in *in, struct diag *d)
{
	uint64_t seed = model_get_u64(in), left = model_get_u64(in), sum;
	uint32_t run;
	void *loaded = NULL;
	int rc = model_status(in);

	if (rc == 0)
		rc = peer_train(&loaded, core, seeds, seed, d);
	if (rc < 0)
		return rc;
	while (rc == 0 && left > 0)
		rc = repeat_event(loaded, in, &left);
	run = model_get_u32(in);
	sum = model_get_u64(in);
	if (rc == 0)
		rc = model_status(in);
	if (rc == 0)
		rc = repeat_run(loaded, in, run, sum);
	if (rc == 0)
		rc = mark_results(loaded);
	if (rc < 0) {
		peer_free(loaded);
		return rc;
	}
	*state = loaded;
	return 0;
}
