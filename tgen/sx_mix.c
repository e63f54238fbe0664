/* Predictions: estimates from single contexts, mixed by learned weights. */
#include "tgen/sx_model.h"
#include "tgen/sx_tail.h"

#include <endian.h>
#include <math.h>
#include <string.h>

/* 1/SX_OCTAVE octaves to a natural logarithm */
#define COST_UNIT ((float)SX_OCTAVE * 1.44269504f)

static const unsigned lags[SX_LAGS] = { 1, 2, 4, 8, 16 };

/* e^x to 1e-5, the same on every machine; 0 below e^-79. */
float sx_exp(float x)
{
	union {
		float f;
		int32_t i;
	} scale;
	float y = x * 1.44269504f, whole, f;

	y = y < -120 ? -120 : y;
	y = y > 115 ? 115 : y;
	whole = (float)(int32_t)(y + 128) - 128;
	f = y - whole;
	scale.i = ((int32_t)whole + 127) << 23;
	scale.f = y < -115 ? 0 : scale.f;
	return scale.f *
	       (1 + f * (0.6931472f +
	                 f * (0.2402265f +
	                      f * (0.0555033f + f * (0.0096184f + f * 0.0013333f)))));
}

/* The logarithm of a positive number, to 1e-6 or so, the same on every machine. */
float sx_log(float x)
{
	union {
		float f;
		int32_t i;
	} u = { .f = x }, m;
	float e, t, s;

	m.i = (u.i & 0x7fffff) | 0x3f800000; /* 1 to 2 */
	e = (float)((u.i >> 23) - 127);
	t = (m.f - 1.41421356f) / (m.f + 1.41421356f);
	s = t * t;
	return e * 0.69314718f + 0.34657359f +
	       2 * t * (1 + s * (0.33333333f + s * (0.2f + s * 0.142857f)));
}

void sx_costs(int32_t out[16], const float p[16], float by)
{
	for (unsigned v = 0; v < 16; v++) {
		float x = p[v] * by;

		x = x > 1e-37f ? x : 1e-37f;
		out[v] = (int32_t)(sx_log(x) * -COST_UNIT + 0.5f);
	}
}

static unsigned conf_counts(unsigned n)
{
	static const uint8_t few[9] = { 0, 0, 1, 2, 2, 3, 3, 3, 3 };

	return n < 9 ? few[n] : 4u + (n > 32);
}

/* Of a value that is not seen: distance to the nearest one seen, 1..15 above it,
 * 17..31 below it, 32 if there is none; and to those on both sides: 1-4, 5 for
 * more, 0 for none. */
static void distances(uint16_t mask, unsigned v, int8_t *near, int8_t *both)
{
	unsigned below = mask & ((1u << v) - 1), above = (unsigned)mask >> v;
	unsigned a = below ? v - (31 - (unsigned)__builtin_clz(below)) : 0;
	unsigned b = above ? (unsigned)__builtin_ctz(above) : 0;

	*near = (int8_t)(a && (a <= b || !b) ? a : b ? 16 + b : 32);
	*both = (int8_t)((a > 4 ? 5 : a) * 6 + (b > 4 ? 5 : b));
}

static void find_copies(struct sx_novel *nv, const struct sx_place *pl, bool tail)
{
	unsigned d = pl->depth, first = tail ? SX_SUBNET : 8;

	for (unsigned l = 0; l < SX_LAGS; l++) {
		unsigned lag = lags[l], len = 0;

		nv->copy_value[l] = -1;
		nv->copy_len[l] = 0;
		if (d < lag + first)
			continue;
		nv->copy_value[l] = (int8_t)addr_nibble(pl->a, d - lag);
		while (len < 4 && d >= first + lag + 1 + len &&
		       addr_nibble(pl->a, d - 1 - len) ==
		               addr_nibble(pl->a, d - 1 - len - lag))
			len++;
		nv->copy_len[l] = (int8_t)len;
	}
}

/* The sum of eight counts. */
static unsigned sum_bytes(uint64_t x)
{
	const uint64_t pairs = UINT64_C(0x00ff00ff00ff00ff);

	return (unsigned)(((x & pairs) + (x >> 8 & pairs)) *
	                          UINT64_C(0x0001000100010001) >>
	                  48);
}

/* All ones in the bytes whose bits are set. */
static uint64_t bytes_of_bits(unsigned bits)
{
	uint64_t x = bits * UINT64_C(0x0101010101010101) & UINT64_C(0x8040201008040201);

	return ((x + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 7 & UINT64_C(0x0101010101010101)) *
	       255;
}

static void add_input(struct sx_novel *nv, unsigned ctx, const struct sx_hist *h,
                      unsigned own)
{
	unsigned total, novel, i = nv->n++;

	nv->ctx[i] = (uint8_t)ctx;
	nv->hist[i] = *h;
	if (h->found == SX_ONE) {
		total = h->count;
		novel = nv->barred >> h->value & 1 ? 0 : total;
	} else {
		unsigned free = ~(unsigned)nv->barred;
		uint64_t c[2];

		memcpy(c, h->of, sizeof(c));
		c[0] = le64toh(c[0]);
		c[1] = le64toh(c[1]);
		total = sum_bytes(c[0]) + sum_bytes(c[1]);
		novel = total;
		if (nv->barred)
			novel = sum_bytes(c[0] & bytes_of_bits(free & 255)) +
			        sum_bytes(c[1] & bytes_of_bits(free >> 8 & 255));
	}
	nv->conf[i] = (uint8_t)(conf_counts(total) * 2 + (h->found == SX_ONE));
	nv->mass[i] = ((float)novel + 0.2f) /
	              ((float)total + 0.4f + (ctx == 0 ? (float)own : 0));
}

static void classify(struct sx_novel *nv, const struct sx_place *pl, bool tail)
{
	unsigned d = pl->depth, gone = d - pl->leave, k = pl->leave_k;

	nv->span = sx_span(d);
	nv->few = (k > 1) + (k > 4);
	nv->dist = tail ? 3 : (gone > 0) + (gone > 1) + (gone > 3);
	if (tail)
		nv->set = 24;
	else if (pl->node)
		nv->set = sx_class_kinds(pl->up[0].k) * 3 + nv->few;
	else
		nv->set = 12 + nv->dist * 3 + (k > 1) + (k > 7);
}

/* A prefix that one seed only has, some nibbles of other values, and then? */
static void lone_cousins(struct sx_hist out[SX_CTX], const struct sx_model *m,
                         const struct sx_place *pl)
{
	unsigned d = pl->depth;
	struct addr128 a;

	if (pl->lone_from >= d || d > pl->leave + 3)
		return;
	a = m->seeds[pl->lone];
	for (unsigned j = d > pl->leave + 1 ? d - pl->leave - 1 : 0;
	     j < 3 && j < d && d - 1 - j >= pl->lone_from; j++) {
		bool same = true;

		for (unsigned i = d - j; i < d; i++)
			same = same && addr_nibble(a, i) == addr_nibble(pl->a, i);
		if (same)
			out[j] = (struct sx_hist){ .found = SX_ONE,
				                   .count = 1,
				                   .value = (uint8_t)addr_nibble(a, d) };
	}
}

static void suffix_counts(struct sx_hist *out, const struct sx_model *m,
                          const struct sx_place *pl, bool tail)
{
	unsigned d = pl->depth;
	const uint8_t *of;
	uint64_t c[2];

	if (d < 2 || (tail && d < SX_SUBNET + 2))
		return;
	of = m->suffix[d][addr_nibble(pl->a, d - 2) << 4 | addr_nibble(pl->a, d - 1)];
	memcpy(c, of, sizeof(c));
	*out = (struct sx_hist){ .found = SX_MANY, .of = of };
	if (!c[0] && !c[1]) {
		out->found = SX_ABSENT;
	} else if (!c[0] || !c[1]) {
		unsigned half = !c[0], v = (unsigned)__builtin_ctzll(c[half]) / 8;

		if (c[half] >> 8 * v >> 8)
			return;
		out->found = SX_ONE;
		out->value = (uint8_t)(8 * half + v);
		out->count = of[8 * half + v];
	}
}

/* Where a chain is known to be one seed's, that tells; else it was looked up. */
static void follow_chains(struct sx_novel *nv, struct sx_hist h[SX_CTX],
                          const struct sx_model *m, const struct sx_place *pl)
{
	for (unsigned c = 0; c < SX_CHAINS; c++) {
		struct sx_hist *x = &h[sx_chain_context[c]];
		uint32_t *seed = &nv->chains.seed[c];

		if (*seed == SX_MIXED && pl->depth >= SX_SUBNET && x->found == SX_ABSENT)
			*seed = SX_NOBODY;
		if (*seed == SX_MIXED && x->found == SX_ALONE)
			*seed = x->seed;
		if (*seed < m->n)
			*x = (struct sx_hist){ .found = SX_ONE,
				               .count = 1,
				               .value = (uint8_t)addr_nibble(
						       m->seeds[*seed], pl->depth) };
	}
}

/* All that was counted of what precedes a place. */
static void look_up(struct sx_novel *nv, struct sx_hist h[SX_CTX],
                    const struct sx_model *m, const struct sx_place *pl, bool tail)
{
	uint64_t hash[SX_CTX];

	sx_context_hashes(pl, hash);
	for (unsigned j = 0; j < SX_CTX; j++)
		if (hash[j])
			sx_prefetch(&m->counts.s, hash[j]);
	nv->chains = pl->chains;
	if (tail) {
		nv->chains.seed[0] = SX_NOBODY;
		if (pl->leave < 12)
			nv->chains.seed[1] = SX_NOBODY;
	}
	for (unsigned j = 0; j < SX_CTX; j++) {
		h[j].found = SX_ABSENT;
		if (hash[j])
			h[j] = sx_counts_get(&m->counts, hash[j]);
		if (h[j].found == SX_MANY)
			__builtin_prefetch(h[j].of);
	}
	lone_cousins(h, m, pl);
	suffix_counts(&h[SX_CTX_SUFFIX], m, pl, tail);
	follow_chains(nv, h, m, pl);
}

void sx_novel_inputs(struct sx_novel *nv, const struct sx_model *m,
                     const struct sx_place *pl)
{
	bool tail = pl->depth >= SX_SUBNET && pl->leave < SX_SUBNET;
	struct sx_hist h[SX_CTX];

	look_up(nv, h, m, pl, tail);
	nv->n = 0;
	nv->barred = pl->node ? pl->node->mask : 0;
	classify(nv, pl, tail);
	for (unsigned j = 0; j < SX_CTX; j++)
		if (h[j].found == SX_ONE || h[j].found == SX_MANY)
			add_input(nv, j, &h[j], pl->leave_k);
}

void sx_novel_mix(struct sx_novel *nv, const struct sx_model *m,
                  const struct sx_place *pl)
{
	bool tail = pl->depth >= SX_SUBNET && pl->leave < SX_SUBNET;
	const struct sx_weights *w = &m->w;
	unsigned g = nv->span;
	float x[16], top = -1e30f, sum = 0;

	for (unsigned v = 0; nv->barred && v < 16; v++)
		distances(nv->barred, v, &nv->near[v], &nv->both[v]);
	find_copies(nv, pl, tail);
	memcpy(x, w->bias[pl->depth], sizeof(x));
	for (unsigned v = 0; nv->barred && v < 16; v++)
		x[v] += w->near[g][nv->few][nv->near[v]] +
		        w->near_set[g][nv->set][nv->near[v]] +
		        w->both[g][nv->few][nv->both[v]];
	for (unsigned i = 0; i < nv->n; i++) {
		const struct sx_hist *h = &nv->hist[i];
		float by = w->base[nv->ctx[i]][g][nv->dist][nv->conf[i]] +
		           w->set[nv->ctx[i]][g][nv->set][nv->conf[i] / 2];

		if (h->found == SX_ONE) {
			x[h->value] += by * m->log_count[h->count];
			continue;
		}
		for (unsigned v = 0; v < 16; v++)
			x[v] += by * m->log_count[h->of[v]];
	}
	for (unsigned l = 0; l < SX_LAGS; l++)
		if (nv->copy_value[l] >= 0)
			x[nv->copy_value[l]] += w->copy[l][g][nv->copy_len[l]];
	for (unsigned v = 0; v < 16; v++)
		x[v] = nv->barred >> v & 1 ? -1e30f : x[v];
	for (unsigned v = 0; v < 16; v++)
		top = x[v] > top ? x[v] : top;
	for (unsigned v = 0; v < 16; v++)
		nv->p[v] = sx_exp(x[v] - top);
	for (unsigned v = 0; v < 16; v++)
		sum += nv->p[v];
	for (unsigned v = 0; v < 16; v++)
		nv->p[v] /= sum;
}

/* Counting as if one full error had been seen keeps what was seen a few times
 * only from moving a weight far: most of the weights are like that. */
static void adapt(struct sx_learner *l, float *weight, float gradient)
{
	size_t i = (size_t)(weight - (float *)l->w);
	float *sq = (float *)&l->sum_sq + i;

	*sq += gradient * gradient;
	*weight += l->rate * gradient / (1 + sqrtf(*sq));
}

void sx_novel_learn(struct sx_learner *l, const struct sx_novel *nv, unsigned depth,
                    unsigned value)
{
	struct sx_weights *w = l->w;
	unsigned g = nv->span;
	float err[16];

	for (unsigned v = 0; v < 16; v++)
		err[v] = nv->barred >> v & 1 ? 0 : (float)(v == value) - nv->p[v];
	for (unsigned i = 0; i < nv->n; i++) {
		const struct sx_hist *h = &nv->hist[i];
		float grad = 0;

		if (h->found == SX_ONE)
			grad = err[h->value] * l->m->log_count[h->count];
		else
			for (unsigned v = 0; v < 16; v++)
				grad += err[v] * l->m->log_count[h->of[v]];
		adapt(l, &w->base[nv->ctx[i]][g][nv->dist][nv->conf[i]], grad);
		adapt(l, &w->set[nv->ctx[i]][g][nv->set][nv->conf[i] / 2], grad);
	}
	for (unsigned v = 0; v < 16; v++) {
		adapt(l, &w->bias[depth][v], 0.3f * err[v]);
		if (!nv->barred || nv->barred >> v & 1)
			continue;
		adapt(l, &w->near[g][nv->few][nv->near[v]], err[v]);
		adapt(l, &w->near_set[g][nv->set][nv->near[v]], err[v]);
		adapt(l, &w->both[g][nv->few][nv->both[v]], err[v]);
	}
	for (unsigned c = 0; c < SX_LAGS; c++)
		if (nv->copy_value[c] >= 0 && !(nv->barred >> nv->copy_value[c] & 1))
			adapt(l, &w->copy[c][g][nv->copy_len[c]], err[nv->copy_value[c]]);
}

static unsigned conf_events(uint32_t n)
{
	static const uint8_t few[21] = { 0, 1, 2, 2, 3, 3, 3, 3, 4, 4, 4,
		                         4, 4, 4, 4, 4, 4, 4, 4, 4, 5 };

	return n < 21 ? few[n] : 5u + (n >= 60) + (n >= 250);
}

static unsigned escape_span(unsigned d)
{
	static const uint8_t span[SX_NIBBLES] = { 0, 0, 0, 0, 0, 0, 0, 0, 1,  1, 2,
		                                  2, 3, 3, 4, 4, 5, 5, 5, 5,  6, 6,
		                                  6, 6, 7, 7, 7, 7, 8, 9, 10, 11 };

	return span[d];
}

static void escape_states(struct sx_escape *e, const struct sx_model *m,
                          const struct sx_place *pl)
{
	const struct sx_node *nd = pl->node;
	float yes[16], no[16], p0;

	for (unsigned i = 0; i < SX_ESC; i++) {
		struct sx_event ev = sx_events_get(&m->events, e->hash[i]);

		e->conf[i] = (uint8_t)conf_events((uint32_t)(ev.yes + ev.no));
		yes[i] = ev.yes;
		no[i] = ev.no;
	}
	p0 = 0.5f * ((float)nd->k + 0.3f) / ((float)nd->n + (float)nd->k + 0.6f);
	yes[0] += 2 * p0;
	no[0] += 2 * (1 - p0);
	p0 = yes[0] / (yes[0] + no[0]);
	for (unsigned i = SX_ESC; i < 16; i++)
		yes[i] = no[i] = 1;
	for (unsigned i = 1; i < 16; i++) {
		yes[i] += 1.5f * p0;
		no[i] += 1.5f * (1 - p0);
	}
	for (unsigned i = 0; i < 16; i++)
		e->in[i] = sx_log(yes[i] / no[i]);
	for (unsigned i = 1; i < 16; i++)
		e->in[i] -= e->in[0];
}

void sx_escape_begin(struct sx_escape *e, const struct sx_model *m,
                     const struct sx_place *pl)
{
	const struct sx_node *nd = pl->node;

	/* Nothing is known about how prefixes are allocated to networks but the
	 * seeds: there, count what came once (Good and Turing). */
	e->fixed = nd->k == 16 || pl->depth == SX_NIBBLES - 1 || pl->depth < 8;
	if (e->fixed)
		return;
	sx_escape_hashes(pl, nd->n, nd->k, nd->mask, e->hash);
	for (unsigned i = 0; i < SX_ESC; i++)
		sx_prefetch(&m->events.s, e->hash[i]);
}

void sx_escape_mix(struct sx_escape *e, const struct sx_model *m,
                   const struct sx_place *pl, const struct sx_novel *nv)
{
	const struct sx_weights *w = &m->w;
	const struct sx_node *nd = pl->node;
	unsigned d = e->depth = pl->depth, g, pop;
	float x;

	e->p = nd->k == 16           ? 0
	       : d == SX_NIBBLES - 1 ? 1
	                             : ((float)nd->singles + 0.2f) / ((float)nd->n + 1);
	if (e->fixed)
		return;
	escape_states(e, m, pl);
	g = e->span = escape_span(d);
	e->pop = sx_class_pop(nd->n);
	pop = e->pop > 2 ? 2 : e->pop;
	e->up = pl->up[0].seeds;
	x = e->in[0] * w->esc_own[d] + w->esc_bias[d][e->pop] + w->esc_up[d][e->up];
	for (unsigned i = 1; i < SX_ESC; i++)
		x += (w->esc[i][g][e->conf[i]] + w->esc_depth[i][pop][d]) * e->in[i];
	e->n_mass = nv ? nv->n : 0;
	for (unsigned i = 0; i < e->n_mass; i++)
		e->mass[i] = nv->mass[i] / (1 - nv->mass[i]);
	for (unsigned i = 0; i < e->n_mass; i++)
		e->mass[i] = sx_log(e->mass[i]) - e->in[0];
	for (unsigned i = 0; i < e->n_mass; i++) {
		e->ctx[i] = nv->ctx[i];
		e->mass_conf[i] = nv->conf[i] / 2;
		x += w->esc_mass[e->ctx[i]][g][e->mass_conf[i]] * e->mass[i];
	}
	x = x > 14 ? 14 : x < -14 ? -14 : x;
	e->p = 1 / (1 + sx_exp(-x));
}

void sx_escape_learn(struct sx_learner *l, const struct sx_escape *e, bool left)
{
	struct sx_weights *w = l->w;
	unsigned d = e->depth, pop = e->pop > 2 ? 2 : e->pop;
	float err = (float)left - e->p;

	if (e->fixed)
		return;
	adapt(l, &w->esc_own[d], 0.3f * err * e->in[0]);
	adapt(l, &w->esc_bias[d][e->pop], err);
	adapt(l, &w->esc_up[d][e->up], err);
	for (unsigned i = 1; i < SX_ESC; i++) {
		adapt(l, &w->esc[i][e->span][e->conf[i]], err * e->in[i]);
		adapt(l, &w->esc_depth[i][pop][d], err * e->in[i]);
	}
	for (unsigned i = 0; i < e->n_mass; i++)
		adapt(l, &w->esc_mass[e->ctx[i]][e->span][e->mass_conf[i]],
		      0.5f * err * e->mass[i]);
}

static unsigned size_class(uint32_t c)
{
	return (c > 1) + (c > 2) + (c > 3) + (c > 5) + (c > 8) + (c > 15) + (c > 31) +
	       (c > 63);
}

static unsigned fine_size(uint32_t c)
{
	return c <= 4 ? c - 1u
	              : 4u + (c > 6) + (c > 8) + (c > 12) + (c > 16) + (c > 32) +
	                        (c > 64) + (c > 128);
}

static unsigned fullness(unsigned k)
{
	return (k > 1) + (k > 2) + (k > 4) + (k > 8) + (k > 12) + (k > 15);
}

static unsigned crowding(const struct sx_node *nd)
{
	return nd->k <= 1 ? 0
	                  : 1 + (nd->n > 2u * nd->k) + (nd->n > 4u * nd->k) +
	                            (nd->n > 8u * nd->k);
}

void sx_stay_mix(float p[16], const struct sx_model *m, const struct sx_node *nd)
{
	const struct sx_weights *w = &m->w;
	unsigned d = nd->depth, g = sx_span(d), cr = crowding(nd),
		 ck = sx_class_kinds(nd->k);
	float room = d < 31 ? sx_exp(2.7725887f * (float)(31 - d)) : 1, sum = 0,
	      top = -1e30f;

	if (nd->k == 1 && (float)nd->n < room) {
		for (unsigned v = 0; v < 16; v++)
			p[v] = nd->mask >> v & 1;
		return;
	}
	for (unsigned v = 0; v < 16; v++) {
		uint32_t c = sx_node_count(nd, v);
		float left = 1 - (float)c / room;

		p[v] = -1e30f;
		if (c == 0 || left <= 1e-6f)
			continue;
		p[v] = sx_log(((float)c - 0.5f) * left) + w->stay[g][cr][size_class(c)] +
		       w->stay_depth[d][fullness(nd->kinds[v])][fine_size(c)] +
		       w->stay_kinds[g][ck][fullness(nd->kinds[v])][size_class(c)];
		top = p[v] > top ? p[v] : top;
	}
	for (unsigned v = 0; v < 16; v++) {
		p[v] = p[v] > -1e29f ? sx_exp(p[v] - top) : 0;
		sum += p[v];
	}
	for (unsigned v = 0; v < 16 && sum > 0; v++)
		p[v] /= sum;
}

void sx_stay_learn(struct sx_learner *l, const struct sx_node *nd, const float p[16],
                   unsigned value)
{
	struct sx_weights *w = l->w;
	unsigned d = nd->depth, g = sx_span(d), cr = crowding(nd),
		 ck = sx_class_kinds(nd->k);

	if (nd->k < 2)
		return;
	for (unsigned v = 0; v < 16; v++) {
		uint32_t c = sx_node_count(nd, v);
		float err = (float)(v == value) - p[v];

		if (p[v] <= 0)
			continue;
		adapt(l, &w->stay[g][cr][size_class(c)], err);
		adapt(l, &w->stay_depth[d][fullness(nd->kinds[v])][fine_size(c)], err);
		adapt(l, &w->stay_kinds[g][ck][fullness(nd->kinds[v])][size_class(c)],
		      err);
	}
}
