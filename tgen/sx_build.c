#include "tgen/sx_model.h"

#include <errno.h>
#include <math.h>
#include <string.h>

void sx_model_init(struct sx_model *m, const struct addr128 *seeds, uint32_t n)
{
	m->seeds = seeds;
	m->n = n;
	m->counts = (struct sx_counts){ 0 };
	m->events = (struct sx_events){ 0 };
	for (unsigned i = 0; i < 256; i++)
		m->log_count[i] = logf((float)i + 0.1f);
	for (unsigned i = 0; i < 4096; i++)
		m->log_total[i] = logf(((float)i + 1.6f) / 16);
}

void sx_model_fini(struct sx_model *m)
{
	sx_counts_fini(&m->counts);
	sx_events_fini(&m->events);
}

/* Leave out one seed of the node in turn: where it was the only one of its
 * value, it would have escaped; elsewhere it would have stayed. */
static void add_events(struct sx_model *m, struct sx_place *pl, const struct sx_node *nd)
{
	struct sx_up up[SX_UP];
	uint64_t h[SX_ESC];

	memcpy(up, pl->up, sizeof(up));
	for (unsigned i = 0; i < SX_UP; i++)
		pl->up[i].n--;
	for (unsigned v = 0; v < 16; v++) {
		uint32_t c = sx_node_count(nd, v);
		bool left = c == 1;
		uint16_t rest = nd->mask & (uint16_t) ~(left ? 1u << v : 0);

		if (c == 0)
			continue;
		pl->up[0].singles = (uint8_t)(up[0].singles + (left && nd->n == 2));
		sx_escape_hashes(pl, nd->n - 1, nd->k - left, rest, h);
		for (unsigned j = 0; j < SX_ESC; j++)
			sx_events_add(&m->events, h[j], left, left ? 0 : (float)c);
	}
	memcpy(pl->up, up, sizeof(up));
}

/* Which value joined the others, where one did. */
static void add_gaps(struct sx_model *m, const struct sx_node *nd)
{
	for (unsigned v = 0; v < 16; v++) {
		uint16_t rest = nd->mask & (uint16_t) ~(1u << v);

		if (sx_node_count(nd, v) != 1)
			continue;
		sx_counts_add(&m->counts, sx_gap_hash(nd->prefix, nd->depth, rest, false),
		              v);
		sx_counts_add(&m->counts, sx_gap_hash(nd->prefix, nd->depth, rest, true),
		              v);
	}
}

/* Every value of a node counts once, however many seeds have it: what is to be
 * predicted is where something new turns up (Kneser and Ney, ICASSP 1995). */
static void add_values(struct sx_model *m, const struct sx_place *pl,
                       const struct sx_node *nd)
{
	struct sx_place plain = *pl;
	uint64_t h[SX_CTX];

	plain.node = NULL;
	sx_context_hashes(&plain, h);
	for (unsigned j = 0; j < SX_CTX; j++)
		sx_counts_prefetch(&m->counts, h[j]);
	for (unsigned j = 0; j < SX_CTX; j++)
		for (unsigned v = 0; h[j] && v < 16; v++)
			if (nd->mask >> v & 1)
				sx_counts_add(&m->counts, h[j], v);
}

static void build(struct sx_model *m, struct addr128 prefix, unsigned depth, uint32_t lo,
                  uint32_t n, const struct sx_up up[SX_UP])
{
	struct sx_place pl = { .a = prefix, .depth = depth, .leave = depth };
	struct sx_node nd;

	memcpy(pl.up, up, sizeof(pl.up));
	sx_node_init(&nd, m, prefix, depth, lo, n);
	add_values(m, &pl, &nd);
	if (n > 1 && depth >= 8 && depth < SX_NIBBLES - 1)
		add_events(m, &pl, &nd);
	if (n > 1 && depth >= 8)
		add_gaps(m, &nd);
	if (depth == SX_NIBBLES - 1)
		return;
	sx_up_push(pl.up, &nd);
	for (unsigned v = 0; v < 16; v++)
		if (nd.mask >> v & 1)
			build(m, addr_set_nibble(prefix, depth, v), depth + 1, nd.at[v],
			      sx_node_count(&nd, v), pl.up);
}

int sx_build(struct sx_model *m)
{
	struct sx_up up[SX_UP];

	for (unsigned i = 0; i < SX_UP; i++)
		up[i] = (struct sx_up){ m->n, 1, 0 };
	build(m, (struct addr128){ 0, 0 }, 0, 0, m->n, up);
	return m->counts.failed || m->events.failed ? -ENOMEM : 0;
}
