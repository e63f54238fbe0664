/* What probing found, against what had been expected. */
#include "tgen/sx_front.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ADAPT = 500, ADAPT_SHARE = 40, FIRST_LEARN = 4000, JUDGE_EVERY = 2 };

static const float max_boost = 8; /* either way, log2 */
static const float unheard = 20;  /* hits as expected, before a class is heard */

static float rate_of(unsigned i)
{
	return 0.03f * (float)(1u << i);
}

void sx_feedback_init(struct sx_front *f)
{
	for (unsigned c = 0; c < SX_CLASSES; c++)
		f->strength[c] = rate_of(SX_RATES - 1);
	f->adapt_at = FIRST_ADAPT;
	f->learn_at = FIRST_LEARN;
}

static unsigned scale_class(int32_t cost)
{
	unsigned c = cost < 0 ? 0 : (unsigned)cost / SX_OCTAVE;

	return c < SX_SCALES ? c : SX_SCALES - 1;
}

static float guess(const struct sx_front *f, int32_t cost)
{
	float p = exp2f(-(float)cost / SX_OCTAVE);

	return f->m->left > 0 ? sx_alive(f->m->left * p) : p;
}

static float expect(const struct sx_front *f, int32_t cost)
{
	struct sx_scale s = f->scale[scale_class(cost)];

	return guess(f, cost) * (s.found + 8) / (s.expected + 8);
}

static enum sx_state state_of(const struct sx_item *it, int v)
{
	if (v < 0 || v > 15)
		return SX_UNKNOWN;
	if (it->seeds >> v & 1)
		return SX_SEED;
	if (it->alive >> v & 1)
		return SX_ALIVE;
	return it->tried >> v & 1 ? SX_DEAD : SX_UNKNOWN;
}

int sx_beside(const struct sx_item *it, unsigned v)
{
	return state_of(it, (int)v - 1) * SX_STATES + state_of(it, (int)v + 1);
}

/* What the identifier is like: EUI-64, small, mostly zero, or as if random. */
static unsigned iid_class(uint64_t iid)
{
	unsigned zeros = 0;

	if ((iid >> 24 & 0xffff) == 0xfffe)
		return 0;
	if (iid >> 32 == 0)
		return iid < 256 ? 1 : iid < 65536 ? 2 : 3;
	for (unsigned i = 0; i < 64; i += 4)
		zeros += !(iid >> i & 15);
	return zeros > 9 ? 4 : zeros > 5 ? 5 : zeros > 1 ? 6 : 7;
}

int sx_kindred(const struct sx_item *it, uint64_t iid)
{
	unsigned way = it->leave;

	if (it->kind == SX_SEEDED) {
		if (it->depth != SX_NIBBLES - 1)
			return -1;
		way = sx_class_seeds(it->n);
	} else if (it->kind == SX_NOVEL && it->depth < 28) {
		return -1;
	}
	return (int)((it->kind * 32u + way) * 8 + iid_class(iid));
}

float sx_front_alive(const struct sx_front *f, uint32_t item, uint64_t iid, int32_t cost)
{
	const struct sx_item *it = &f->item[item];
	float boost = it->log_boost, p;
	unsigned v = iid & 15;
	int kin;

	if (it->kind != SX_TAIL)
		boost += (float)(&f->beside_boost[it->depth][it->kind == SX_NOVEL][0]
		                                 [0])[sx_beside(it, v)] /
		         SX_OCTAVE;
	kin = sx_kindred(it, iid);
	if (kin >= 0)
		boost += f->kindred_boost[kin];
	p = expect(f, cost) * exp2f(boost);

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

/* How well would each strength of one item have predicted this result, the
 * others of the path being what they are?  Judged before the result counts. */
static void judge_strengths(struct sx_front *f, uint32_t leaf, float e, bool alive)
{
	uint32_t path[SX_NIBBLES];
	float up[SX_NIBBLES], own[SX_NIBBLES], all = 1;
	unsigned n = 0;

	for (uint32_t i = leaf; i != SX_NONE && n < SX_NIBBLES; i = f->item[i].parent)
		path[n++] = i;
	for (unsigned j = n; j-- > 0;) {
		const struct sx_item *it = &f->item[path[j]];
		float k = f->strength[item_class(it)];

		up[j] = all;
		own[j] = (it->found + k) / (it->expected * all + k);
		all *= own[j];
	}
	for (unsigned j = 0; j < n; j++) {
		const struct sx_item *it = &f->item[path[j]];
		float *score = f->score[item_class(it)], rest = e * all / own[j];

		for (unsigned r = 0; r < SX_RATES && it->expected > 0; r++) {
			float k = rate_of(r);
			float p = rest * (it->found + k) / (it->expected * up[j] + k);

			p = p < 0.99f ? p : 0.99f;
			score[r] += logf(alive ? p : 1 - p);
		}
	}
}

static void learn_strengths(struct sx_front *f)
{
	for (unsigned c = 0; c < SX_CLASSES; c++) {
		unsigned best = SX_RATES - 1;

		for (unsigned r = 0; r < SX_RATES; r++)
			best = f->score[c][r] > f->score[c][best] ? r : best;
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

static void update_kindred(struct sx_front *f)
{
	for (unsigned i = 0; i < SX_KINDRED; i++) {
		const struct sx_scale *s = &f->kindred[i];

		f->kindred_boost[i] =
			log2f((s->found + unheard) / (s->expected + unheard));
	}
}

static void update_neighbours(struct sx_front *f);

void sx_feedback_adapt(struct sx_front *f)
{
	if (f->fed >= f->learn_at) {
		learn_strengths(f);
		f->learn_at = f->fed * 2;
	}
	update_neighbours(f);
	update_kindred(f);
	update_boosts(f);
	sx_front_requeue(f);
}

/* The cost of an address that an item may have emitted; -1: it did not. */
static int32_t cost_of(const struct sx_front *f, const struct sx_item *it,
                       struct addr128 a)
{
	int32_t c;

	if (!addr_eq(sx_prefix(a, it->depth), it->prefix))
		return -1;
	if (it->kind == SX_TAIL) {
		c = sx_tails_cost(f->tails, (int)it->lo, it->n, a.lo);
		return c < 0 ? -1 : it->cost + c;
	}
	if (it->depth != SX_NIBBLES - 1)
		return -1;
	return it->cost + it->child[addr_nibble(a, SX_NIBBLES - 1)];
}

/* Count a result for the pairs of states along its path; returns log2 of what
 * they make of it. */
static float judge_neighbours(struct sx_front *f, uint32_t leaf, float e,
                              const struct tgen_result *r)
{
	float all = 0;

	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t i = leaf; i != SX_NONE && f->item[i].depth >= 8;
		     i = f->item[i].parent) {
			const struct sx_item *it = &f->item[i];
			bool novel = it->kind == SX_NOVEL;
			unsigned v = addr_nibble(r->addr, it->depth), c;
			struct sx_scale *s;
			float own;

			if (it->kind == SX_TAIL || !it->tried || it->tried >> v & 1)
				continue;
			c = (unsigned)sx_beside(it, v);
			own = (float)(&f->beside_boost[it->depth][novel][0][0])[c] /
			      SX_OCTAVE;
			if (pass == 0) {
				all += own;
				continue;
			}
			s = &f->beside[it->depth][novel][0][0] + c;
			s->expected += e * exp2f(f->item[leaf].log_boost + all - own);
			s->found += r->alive;
		}
	}
	return all;
}

static void update_neighbours(struct sx_front *f)
{
	struct sx_scale *s = &f->beside[0][0][0][0];
	int16_t *b = &f->beside_boost[0][0][0][0];

	for (size_t i = 0; i < sizeof(f->beside) / sizeof(*s); i++)
		b[i] = (int16_t)(SX_OCTAVE * log2f((s[i].found + unheard) /
		                                   (s[i].expected + unheard)));
}

static void count(struct sx_front *f, const struct tgen_result *r)
{
	uint32_t i = r->region;
	int32_t cost = i < f->n ? cost_of(f, &f->item[i], r->addr) : -1;
	struct sx_scale *s;
	float e;
	int kin;

	if (cost < 0) {
		i = sx_front_find(f, r->addr);
		cost = i == SX_NONE ? -1 : cost_of(f, &f->item[i], r->addr);
	}
	if (cost < 0)
		return; /* not of ours */
	e = expect(f, cost);
	s = &f->scale[scale_class(cost)];
	s->expected += guess(f, cost);
	s->found += r->alive;
	e *= exp2f(judge_neighbours(f, i, e, r));
	kin = sx_kindred(&f->item[i], r->addr.lo);
	if (kin >= 0) {
		f->kindred[kin].expected += e * exp2f(f->item[i].log_boost);
		f->kindred[kin].found += r->alive;
		e *= exp2f(f->kindred_boost[kin]);
	}
	if (f->fed % JUDGE_EVERY == 0)
		judge_strengths(f, i, e, r->alive);
	for (; i != SX_NONE; i = f->item[i].parent) {
		unsigned v = addr_nibble(r->addr, f->item[i].depth);

		f->item[i].tried |= (uint16_t)(1u << v);
		f->item[i].alive |= (uint16_t)((unsigned)r->alive << v);
		f->item[i].expected += e;
		f->item[i].found += r->alive;
	}
	if (++f->fed >= f->adapt_at) {
		f->adapt_at = f->fed + (f->fed / ADAPT_SHARE > FIRST_ADAPT
		                                ? f->fed / ADAPT_SHARE
		                                : FIRST_ADAPT);
		sx_feedback_adapt(f);
	}
}

static int by_address(const void *x, const void *y)
{
	const struct tgen_result *a = x, *b = y;
	int order = addr_cmp(a->addr, b->addr);

	if (order == 0)
		order = (a->region > b->region) - (a->region < b->region);
	return order ? order : (int)a->alive - (int)b->alive;
}

void sx_feedback_count(struct sx_front *f)
{
	if (f->n_pending == 0)
		return;
	qsort(f->pending, f->n_pending, sizeof(*f->pending), by_address);
	for (size_t i = 0; i < f->n_pending; i++)
		count(f, &f->pending[i]);
	f->n_pending = 0;
}

int sx_front_feedback(struct sx_front *f, const struct tgen_result *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (r[i].region >= f->n && r[i].region != (uint32_t)TGEN_REGION_UNKNOWN)
			return -EINVAL;
	if (n > f->cap_pending - f->n_pending) {
		size_t cap = 2 * (f->n_pending + n);
		void *p = realloc(f->pending, cap * sizeof(*f->pending));

		if (!p)
			return -ENOMEM;
		f->pending = p;
		f->cap_pending = cap;
	}
	memcpy(f->pending + f->n_pending, r, n * sizeof(*r));
	f->n_pending += n;
	return 0;
}
