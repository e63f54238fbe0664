#include "tgen/sx_model.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Adding to a table waits a little, until its slot has come from memory. */
enum { WAITING = 64, LOOK_AGAIN = WAITING / 2 };

struct addition {
	uint64_t hash;
	uint32_t yes, no;
	uint16_t values; /* of counts */
	bool event;
};

struct builder {
	struct sx_model *m;
	struct addition waiting[WAITING];
	uint64_t n_added;
};

void sx_model_init(struct sx_model *m, const struct addr128 *seeds, uint32_t n)
{
	m->seeds = seeds;
	m->n = n;
	m->left = 0;
	m->counts = (struct sx_counts){ 0 };
	m->events = (struct sx_events){ 0 };
	m->common = NULL;
	memset(m->suffix, 0, sizeof(m->suffix));
	for (unsigned i = 0; i < 256; i++)
		m->log_count[i] = logf((float)i + 0.1f) - logf(0.1f);
}

void sx_model_fini(struct sx_model *m)
{
	sx_counts_fini(&m->counts);
	sx_events_fini(&m->events);
	free(m->common);
	m->common = NULL;
}

static void apply(struct sx_model *m, const struct addition *x)
{
	if (x->event)
		sx_events_add(&m->events, x->hash, x->yes, x->no);
	for (unsigned v = x->values; v; v &= v - 1)
		sx_counts_add(&m->counts, x->hash, (unsigned)__builtin_ctz(v));
}

static void add(struct builder *b, struct addition x)
{
	struct addition *place = &b->waiting[b->n_added % WAITING];
	const struct addition *old =
		&b->waiting[(b->n_added + WAITING - LOOK_AGAIN) % WAITING];

	if (x.hash == 0)
		return;
	if (b->n_added >= WAITING)
		apply(b->m, place);
	if (b->n_added >= LOOK_AGAIN && !old->event)
		sx_counts_prefetch_many(&b->m->counts, old->hash);
	sx_prefetch(x.event ? &b->m->events.s : &b->m->counts.s, x.hash);
	*place = x;
	b->n_added++;
}

static void add_waiting(struct builder *b)
{
	uint64_t i = b->n_added < WAITING ? 0 : b->n_added - WAITING;

	for (; i < b->n_added; i++)
		apply(b->m, &b->waiting[i % WAITING]);
}

static void add_event(struct builder *b, const uint64_t h[SX_ESC], uint32_t left,
                      uint32_t stayed)
{
	for (unsigned j = 0; j < SX_ESC; j++)
		add(b, (struct addition){ h[j], left, stayed, 0, true });
}

/* Leave out one seed of the node in turn: where it was the only one of its
 * value, it would have escaped; elsewhere it would have stayed.  n: how many
 * seeds the ancestors have. */
static void add_events(struct builder *b, struct sx_place *pl, const struct sx_node *nd,
                       const uint32_t n[SX_UP])
{
	uint64_t h[SX_ESC];

	for (unsigned i = 0; i < SX_UP; i++)
		pl->up[i].seeds = (uint8_t)sx_class_seeds(n[i] - 1);
	if (nd->n > nd->singles) {
		sx_escape_hashes(pl, nd->n - 1, nd->k, nd->mask, h);
		add_event(b, h, 0, nd->n - nd->singles);
	}
	if (nd->singles) {
		pl->up[0].singles = (uint8_t)(pl->up[0].singles + (nd->n == 2));
		sx_escape_hashes(pl, nd->n - 1, nd->k - 1u, nd->mask, h);
		h[SX_ESC_MASK] = h[SX_ESC_ZERO] = 0; /* these differ by value */
		add_event(b, h, nd->singles, 0);
	}
	for (unsigned v = 0; nd->singles && v < 16; v++) {
		uint16_t rest = nd->mask & (uint16_t) ~(1u << v);

		if (sx_node_count(nd, v) != 1)
			continue;
		sx_escape_mask_hashes(pl, nd->n - 1, nd->k - 1u, rest, h);
		add(b, (struct addition){ h[SX_ESC_MASK], 1, 0, 0, true });
		add(b, (struct addition){ h[SX_ESC_ZERO], 1, 0, 0, true });
	}
}

/* Which value joined the others, where one did. */
static void add_gaps(struct builder *b, const struct sx_node *nd)
{
	for (unsigned v = 0; v < 16; v++) {
		uint16_t own = (uint16_t)(1u << v), rest = nd->mask & (uint16_t)~own;
		uint64_t any = sx_gap_hash(nd->prefix, nd->depth, rest, false);
		uint64_t net = sx_gap_hash(nd->prefix, nd->depth, rest, true);

		if (sx_node_count(nd, v) != 1)
			continue;
		add(b, (struct addition){ any, 0, 0, own, false });
		add(b, (struct addition){ net, 0, 0, own, false });
	}
}

static void add_suffix(struct sx_model *m, struct addr128 a, unsigned depth,
                       uint16_t mask)
{
	uint8_t *of;

	if (depth < 2)
		return;
	of = m->suffix[depth][addr_nibble(a, depth - 2) << 4 | addr_nibble(a, depth - 1)];
	for (; mask; mask &= (uint16_t)(mask - 1))
		of[__builtin_ctz(mask)] += of[__builtin_ctz(mask)] < 255;
}

/* Every value of a node counts once, however many seeds have it: what is to be
 * predicted is where something new turns up (Kneser and Ney, ICASSP 1995).  The
 * chains are counted by themselves. */
static void add_values(struct builder *b, struct sx_place *pl, uint16_t mask)
{
	uint64_t h[SX_CTX];

	for (unsigned c = 0; c < SX_CHAINS; c++)
		pl->chains.seed[c] = SX_NOBODY;
	add_suffix(b->m, pl->a, pl->depth, mask);
	if (pl->depth >= SX_SUBNET && pl->depth > pl->lone_from + 2)
		return;
	sx_context_hashes(pl, h);
	for (unsigned j = 0; j < SX_CTX; j++)
		add(b, (struct addition){ h[j], 0, 0, mask, false });
}

static void build_alone(struct builder *b, struct sx_place *pl, uint32_t seed)
{
	struct addr128 a = b->m->seeds[seed];

	pl->lone_from = pl->depth;
	for (; pl->depth < SX_NIBBLES; pl->depth++) {
		pl->a = sx_prefix(a, pl->depth);
		pl->leave = pl->depth;
		add_values(b, pl, (uint16_t)(1u << addr_nibble(a, pl->depth)));
	}
}

struct above {
	struct sx_up up[SX_UP];
	uint32_t n[SX_UP];
};

static void build(struct builder *b, struct addr128 prefix, unsigned depth, uint32_t lo,
                  uint32_t n, const struct above *up)
{
	struct sx_place pl = {
		.a = prefix, .depth = depth, .leave = depth, .lone_from = SX_NIBBLES + 1
	};
	struct above own = *up;
	struct sx_node nd;

	if (n == 1) {
		build_alone(b, &pl, lo);
		return;
	}
	memcpy(pl.up, up->up, sizeof(pl.up));
	sx_node_init(&nd, b->m, prefix, depth, lo, n);
	add_values(b, &pl, nd.mask);
	if (depth >= 8 && depth < SX_NIBBLES - 1)
		add_events(b, &pl, &nd, up->n);
	if (depth >= 8)
		add_gaps(b, &nd);
	if (depth == SX_NIBBLES - 1)
		return;
	sx_up_push(own.up, &nd);
	memmove(&own.n[1], &own.n[0], (SX_UP - 1) * sizeof(own.n[0]));
	own.n[0] = n;
	for (unsigned v = 0; v < 16; v++)
		if (nd.mask >> v & 1)
			build(b, addr_set_nibble(prefix, depth, v), depth + 1, nd.at[v],
			      sx_node_count(&nd, v), &own);
}

static unsigned in_common(struct addr128 a, struct addr128 b)
{
	if (a.hi != b.hi)
		return (unsigned)__builtin_clzll(a.hi ^ b.hi) / 4;
	return a.lo == b.lo ? SX_NIBBLES
	                    : 16 + (unsigned)__builtin_clzll(a.lo ^ b.lo) / 4;
}

static void find_common(struct sx_model *m)
{
	for (uint32_t i = 0; i < m->n; i++)
		m->common[i] = i ? (uint8_t)in_common(m->seeds[i - 1], m->seeds[i]) : 0;
}

int sx_build(struct sx_model *m)
{
	struct builder *b = calloc(1, sizeof(*b));
	struct above up;
	int rc = -ENOMEM;

	m->common = malloc((size_t)m->n + 1);
	if (b && m->common) {
		find_common(m);
		rc = sx_chains_build(m);
	}
	if (rc == 0) {
		for (unsigned i = 0; i < SX_UP; i++) {
			up.up[i] = (struct sx_up){ (uint8_t)sx_class_seeds(m->n), 1, 0 };
			up.n[i] = m->n;
		}
		b->m = m;
		build(b, (struct addr128){ 0, 0 }, 0, 0, m->n, &up);
		add_waiting(b);
		rc = m->counts.s.failed || m->events.s.failed ? -ENOMEM : 0;
	}
	free(b);
	return rc;
}
