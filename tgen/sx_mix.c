/* Predictions: estimates from single contexts, mixed by learned weights. */
#include "tgen/sx_model.h"

#include <math.h>
#include <string.h>

static const unsigned lags[SX_LAGS] = { 1, 2, 4, 8, 16 };

/* e^x to 1e-5, the same on every machine; 0 below e^-80. */
float sx_exp(float x)
{
	union {
		float f;
		int32_t i;
	} scale;
	float y = x * 1.44269504f, whole, f;

	if (y < -115)
		return 0;
	if (y > 115)
		y = 115;
	whole = (float)(int32_t)(y + 128) - 128;
	f = y - whole;
	scale.i = ((int32_t)whole + 127) << 23;
	return scale.f *
	       (1 + f * (0.6931472f +
	                 f * (0.2402265f +
	                      f * (0.0555033f + f * (0.0096184f + f * 0.0013333f)))));
}

static float logit(float p)
{
	return logf(p / (1 - p));
}

static unsigned conf_counts(unsigned n)
{
	return (n > 1) + (n > 2) + (n > 4) + (n > 8) + (n > 32);
}

/* Distance to the nearest value seen: 1..15 above it, 17..31 below it. */
static int8_t nearest(uint16_t mask, unsigned v)
{
	for (unsigned i = 1; i < 16; i++) {
		if (v >= i && mask >> (v - i) & 1)
			return (int8_t)i;
		if (v + i < 16 && mask >> (v + i) & 1)
			return (int8_t)(16 + i);
	}
	return 32;
}

/* Distances to the values seen on both sides: 1-4, 5 for more, 0 for none. */
static int8_t both_sides(uint16_t mask, unsigned v)
{
	unsigned below = mask & ((1u << v) - 1), above = (unsigned)mask >> v;
	unsigned a = below ? v - (31 - (unsigned)__builtin_clz(below)) : 0;
	unsigned b = above ? (unsigned)__builtin_ctz(above) : 0;

	return (int8_t)((a > 4 ? 5 : a) * 6 + (b > 4 ? 5 : b));
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

static void add_input(struct sx_novel *nv, const struct sx_model *m, unsigned ctx,
                      const struct sx_hist *h, unsigned own)
{
	unsigned total = 0, kinds = 0, novel = 0, i = nv->n++;

	for (unsigned v = 0; v < 16; v++) {
		total += h->of[v];
		kinds += h->of[v] > 0;
		novel += nv->barred >> v & 1 ? 0 : h->of[v];
	}
	nv->ctx[i] = (uint8_t)ctx;
	nv->conf[i] = (uint8_t)(conf_counts(total) * 2 + (kinds == 1));
	for (unsigned v = 0; v < 16; v++)
		nv->in[i][v] = m->log_count[h->of[v]] - m->log_total[total];
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

void sx_novel_inputs(struct sx_novel *nv, const struct sx_model *m,
                     const struct sx_place *pl)
{
	bool tail = pl->depth >= SX_SUBNET && pl->leave < SX_SUBNET;
	uint64_t h[SX_CTX];
	struct sx_hist hist;

	sx_context_hashes(pl, h);
	for (unsigned j = 0; j < SX_CTX; j++)
		sx_counts_prefetch(&m->counts, h[j]);
	nv->n = 0;
	nv->barred = pl->node ? pl->node->mask : 0;
	classify(nv, pl, tail);
	for (unsigned v = 0; v < 16; v++) {
		nv->near[v] = nv->barred ? nearest(nv->barred, v) : -1;
		nv->both[v] = nv->barred ? both_sides(nv->barred, v) : -1;
	}
	find_copies(nv, pl, tail);
	for (unsigned j = 0; j < SX_CTX; j++)
		if (sx_counts_get(&m->counts, h[j], &hist))
			add_input(nv, m, j, &hist, pl->leave_k);
}

void sx_novel_mix(struct sx_novel *nv, const struct sx_model *m, unsigned depth)
{
	const struct sx_weights *w = &m->w;
	unsigned g = nv->span;
	float x[16], top = -1e30f, sum = 0;

	for (unsigned v = 0; v < 16; v++) {
		x[v] = w->bias[depth][v];
		if (nv->barred)
			x[v] += w->near[g][nv->few][nv->near[v]] +
			        w->near_set[g][nv->set][nv->near[v]] +
			        w->both[g][nv->few][nv->both[v]];
	}
	for (unsigned i = 0; i < nv->n; i++) {
		float by = w->base[nv->ctx[i]][g][nv->dist][nv->conf[i]] +
		           w->set[nv->ctx[i]][g][nv->set][nv->conf[i] / 2];

		for (unsigned v = 0; v < 16; v++)
			x[v] += by * nv->in[i][v];
	}
	for (unsigned l = 0; l < SX_LAGS; l++)
		if (nv->copy_value[l] >= 0)
			x[nv->copy_value[l]] += w->copy[l][g][nv->copy_len[l]];
	for (unsigned v = 0; v < 16; v++)
		if (!(nv->barred >> v & 1) && x[v] > top)
			top = x[v];
	for (unsigned v = 0; v < 16; v++) {
		nv->p[v] = nv->barred >> v & 1 ? 0 : sx_exp(x[v] - top);
		sum += nv->p[v];
	}
	for (unsigned v = 0; v < 16 && sum > 0; v++)
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
		float grad = 0;

		for (unsigned v = 0; v < 16; v++)
			grad += err[v] * nv->in[i][v];
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

static unsigned conf_events(float n)
{
	return (n >= 0.5f) + (n >= 1.5f) + (n >= 3.5f) + (n >= 8) + (n >= 20) +
	       (n >= 60) + (n >= 250);
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
	uint64_t h[SX_ESC];
	float p0 = 0;

	sx_escape_hashes(pl, nd->n, nd->k, nd->mask, h);
	for (unsigned i = 0; i < SX_ESC; i++)
		sx_events_prefetch(&m->events, h[i]);
	for (unsigned i = 0; i < SX_ESC; i++) {
		const struct sx_event *ev = sx_events_get(&m->events, h[i]);
		float yes = ev ? ev->yes : 0, no = ev ? ev->no : 0;

		e->conf[i] = (uint8_t)conf_events(yes + no);
		if (i == 0) {
			float prior = 0.5f * ((float)nd->k + 0.3f) /
			              ((float)nd->n + (float)nd->k + 0.6f);

			p0 = (yes + 2 * prior) / (yes + no + 2);
			e->in[0] = logit(p0);
		} else {
			e->in[i] =
				logit((yes + 1.5f * p0) / (yes + no + 1.5f)) - e->in[0];
		}
	}
}

void sx_escape_mix(struct sx_escape *e, const struct sx_model *m,
                   const struct sx_place *pl, const struct sx_novel *nv)
{
	const struct sx_weights *w = &m->w;
	const struct sx_node *nd = pl->node;
	unsigned d = e->depth = pl->depth, g, pop;
	float x;

	/* Nothing is known about how prefixes are allocated to networks but the
	 * seeds: there, count what came once (Good and Turing). */
	e->fixed = nd->k == 16 || d == SX_NIBBLES - 1 || d < 8;
	e->p = nd->k == 16           ? 0
	       : d == SX_NIBBLES - 1 ? 1
	                             : ((float)nd->singles + 0.2f) / ((float)nd->n + 1);
	if (e->fixed)
		return;
	escape_states(e, m, pl);
	g = e->span = escape_span(d);
	e->pop = sx_class_pop(nd->n);
	pop = e->pop > 2 ? 2 : e->pop;
	e->up = sx_class_seeds(pl->up[0].n);
	x = e->in[0] * w->esc_own[d] + w->esc_bias[d][e->pop] + w->esc_up[d][e->up];
	for (unsigned i = 1; i < SX_ESC; i++)
		x += (w->esc[i][g][e->conf[i]] + w->esc_depth[i][pop][d]) * e->in[i];
	e->n_mass = nv ? nv->n : 0;
	for (unsigned i = 0; i < e->n_mass; i++) {
		e->ctx[i] = nv->ctx[i];
		e->mass_conf[i] = nv->conf[i] / 2;
		e->mass[i] = logit(nv->mass[i]) - e->in[0];
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

	for (unsigned v = 0; v < 16; v++) {
		uint32_t c = sx_node_count(nd, v);
		float left = 1 - (float)c / room;

		p[v] = -1e30f;
		if (c == 0 || left <= 1e-6f)
			continue;
		p[v] = logf(((float)c - 0.5f) * left) + w->stay[g][cr][size_class(c)] +
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
