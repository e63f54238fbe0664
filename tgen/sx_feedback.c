/* What probing found, against what had been expected. */
#include "tgen/sx_front.h"

#include <math.h>
#include <string.h>

enum { FIRST_ADAPT = 1000, ADAPT_SHARE = 20, FIRST_LEARN = 4000, LONG_PRODUCT = 30 };

static const float max_boost = 8; /* either way, log2 */

static float rate_of(unsigned i)
{
	return 0.03f * (float)(1u << i);
}

void sx_feedback_init(struct sx_front *f)
{
	for (unsigned c = 0; c < SX_CLASSES; c++)
		f->strength[c] = 1;
	f->adapt_at = FIRST_ADAPT;
	f->learn_at = FIRST_LEARN;
}

static unsigned scale_class(int32_t cost)
{
	unsigned c = cost < 0 ? 0 : (unsigned)cost / SX_OCTAVE;

	return c < SX_SCALES ? c : SX_SCALES - 1;
}

/* As many are taken to be left as there are seeds, until feedback tells: the
 * seeds cannot say how big the population is. */
static float expect(const struct sx_front *f, int32_t cost)
{
	float x = (float)f->m->n * exp2f(-(float)cost / SX_OCTAVE);
	struct sx_scale s = f->scale[scale_class(cost)];

	return x / (1 + x) * (s.found + 8) / (s.expected + 8);
}

float sx_front_alive(const struct sx_front *f, int32_t cost, float log_boost)
{
	float p = expect(f, cost) * exp2f(log_boost);

	return p < 0.99f ? p : 0.99f;
}

static unsigned item_class(const struct sx_item *it)
{
	if (it->kind == SX_SEEDED)
		return it->depth * 4u + sx_class_pop(it->n);
	if (it->kind == SX_TAIL)
		return 192u + it->leave;
	return (it->leave < SX_SUBNET ? 128u : 160u) + it->depth;
}

/* log likelihood of found, under a negative binomial of mean expected and shape
 * k, but for what does not depend on k */
static float likelihood(float found, float expected, float k)
{
	float l = k * logf(k / (k + expected)) - found * logf(k + expected);

	if (found > LONG_PRODUCT)
		return l + lgammaf(found + k) - lgammaf(k);
	for (float j = 0; j < found; j++)
		l += logf(k + j);
	return l;
}

static void learn_strengths(struct sx_front *f)
{
	float score[SX_CLASSES][SX_RATES];

	memset(score, 0, sizeof(score));
	for (uint32_t i = 0; i < f->n; i++) {
		const struct sx_item *it = &f->item[i];
		float e, up = it->parent == SX_NONE ? 0 : f->item[it->parent].log_boost;

		if (it->expected <= 0)
			continue;
		e = it->expected * exp2f(up);
		for (unsigned r = 0; r < SX_RATES; r++)
			score[item_class(it)][r] += likelihood(it->found, e, rate_of(r));
	}
	for (unsigned c = 0; c < SX_CLASSES; c++) {
		unsigned best = 6; /* where nothing speaks for another */

		for (unsigned r = 0; r < SX_RATES; r++)
			best = score[c][r] > score[c][best] + 0.5f ? r : best;
		f->strength[c] = rate_of(best);
	}
}

static void update_boosts(struct sx_front *f)
{
	for (uint32_t i = 0; i < f->n; i++) {
		struct sx_item *it = &f->item[i];
		float up = it->parent == SX_NONE ? 0 : f->item[it->parent].log_boost, k;

		it->log_boost = up;
		if (it->expected <= 0)
			continue;
		k = f->strength[item_class(it)];
		it->log_boost += log2f((it->found + k) / (it->expected * exp2f(up) + k));
		if (it->log_boost > max_boost)
			it->log_boost = max_boost;
		if (it->log_boost < -max_boost)
			it->log_boost = -max_boost;
	}
}

void sx_feedback_adapt(struct sx_front *f)
{
	if (f->fed >= f->learn_at) {
		learn_strengths(f);
		f->learn_at = f->fed * 2;
	}
	update_boosts(f);
	sx_front_requeue(f);
}

/* The cost of an address that an item may have emitted; -1: it did not. */
static int32_t cost_of(const struct sx_front *f, const struct sx_item *it, struct addr128 a)
{
	int32_t c;

	if (!addr_eq(sx_prefix(a, it->depth), it->prefix))
		return -1;
	if (it->kind == SX_TAIL) {
		c = sx_tails_cost(f->tails, (int)it->lo, a.lo);
		return c < 0 ? -1 : it->cost + c;
	}
	if (it->depth != SX_NIBBLES - 1)
		return -1;
	return it->cost + it->child[addr_nibble(a, SX_NIBBLES - 1)];
}

int sx_front_feedback(struct sx_front *f, const struct tgen_result *r)
{
	uint32_t i = r->region;
	int32_t cost = i < f->n ? cost_of(f, &f->item[i], r->addr) : -1;
	struct sx_scale *s;
	float e;

	if (cost < 0) {
		i = sx_front_find(f, r->addr);
		cost = i == SX_NONE ? -1 : cost_of(f, &f->item[i], r->addr);
	}
	if (cost < 0)
		return 0; /* not of ours */
	e = expect(f, cost);
	s = &f->scale[scale_class(cost)];
	s->expected += (float)f->m->n * exp2f(-(float)cost / SX_OCTAVE) /
	               (1 + (float)f->m->n * exp2f(-(float)cost / SX_OCTAVE));
	s->found += r->alive;
	for (; i != SX_NONE; i = f->item[i].parent) {
		f->item[i].expected += e;
		f->item[i].found += r->alive;
	}
	if (++f->fed >= f->adapt_at) {
		f->adapt_at = f->fed + (f->fed / ADAPT_SHARE > FIRST_ADAPT
		                                ? f->fed / ADAPT_SHARE
		                                : FIRST_ADAPT);
		sx_feedback_adapt(f);
	}
	return 0;
}
