#include "tgen/sx_save.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void put_floats(struct model_out *o, const void *from, size_t bytes)
{
	const float *x = from;

	for (size_t i = 0; i < bytes / sizeof(*x); i++)
		model_put_float(o, x[i]);
}

static void put_ints(struct model_out *o, const void *from, size_t bytes)
{
	const int32_t *x = from;

	for (size_t i = 0; i < bytes / sizeof(*x); i++)
		model_put_u32(o, (uint32_t)x[i]);
}

static void put_item(struct model_out *o, const struct sx_item *it,
                     uint32_t parent_nibble)
{
	model_put_u32(o, it->parent);
	model_put_u32(o, it->next);
	model_put_u32(o, parent_nibble | (uint32_t)it->left << 16);
	model_put_u32(o, it->tried | (uint32_t)it->alive << 16);
	model_put_u32(o, (uint32_t)it->best);
	model_put_u32(o, it->kind == SX_TAIL ? it->n : 0);
	model_put_float(o, it->expected);
	model_put_float(o, it->found);
	model_put_float(o, it->log_boost);
}

void sx_save(const struct sx_front *f, struct model_out *out)
{
	const int16_t *beside = &f->beside_boost[0][0][0][0];

	model_put_u64(out, f->n_pruned);
	for (size_t i = 0; i < f->n_pruned; i++) {
		model_put_addr(out, f->pruned[i].addr);
		model_put_u32(out, f->pruned[i].len);
	}
	put_floats(out, &f->m->w, sizeof(f->m->w));
	model_put_float(out, f->m->left);
	put_ints(out, f->ahead_seeded, sizeof(f->ahead_seeded));
	put_ints(out, f->ahead_novel, sizeof(f->ahead_novel));
	put_ints(out, f->ahead_subnet, sizeof(f->ahead_subnet));
	put_floats(out, f->strength, sizeof(f->strength));
	put_floats(out, f->score, sizeof(f->score));
	put_floats(out, f->scale, sizeof(f->scale));
	put_floats(out, f->beside, sizeof(f->beside));
	put_floats(out, f->kindred, sizeof(f->kindred));
	put_floats(out, f->kindred_boost, sizeof(f->kindred_boost));
	for (size_t i = 0; i < sizeof(f->beside_boost) / sizeof(*beside); i++)
		model_put_u32(out, (uint16_t)beside[i]);
	model_put_u64(out, f->emitted);
	model_put_u64(out, f->fed);
	model_put_u64(out, f->adapt_at);
	model_put_u64(out, f->learn_at);
	model_put_u32(out, f->n);
	for (uint32_t i = 0; i < f->n; i++) {
		const struct sx_item *it = &f->item[i];

		put_item(out, it,
		         it->depth ? addr_nibble(it->prefix, it->depth - 1u) : 0);
	}
	for (unsigned l = 0; l < SX_LEVELS; l++)
		model_put_u32(out, f->head[l]);
	model_put_u64(out, f->n_pending);
	for (size_t i = 0; i < f->n_pending; i++) {
		model_put_addr(out, f->pending[i].addr);
		model_put_u32(out, f->pending[i].region);
		model_put_u32(out, f->pending[i].alive);
	}
}

/* Numbers that no model has would be undefined behaviour further on. */
static int get_floats(struct model_in *in, void *to, size_t bytes, float low, float high)
{
	float *x = to;

	for (size_t i = 0; i < bytes / sizeof(*x); i++) {
		x[i] = model_get_float(in);
		if (!(x[i] >= low && x[i] <= high))
			return model_reject(in, "a number out of range");
	}
	return model_status(in);
}

static int get_ahead(struct model_in *in, int32_t *x, size_t bytes)
{
	for (size_t i = 0; i < bytes / sizeof(*x); i++) {
		uint32_t v = model_get_u32(in);

		/* Averages of what best children cost: a little below zero at the least. */
		x[i] = (int32_t)v;
		if (x[i] < -(1 << 24) || x[i] > 1 << 24)
			return model_reject(in, "an expectation out of range");
	}
	return model_status(in);
}

static int get_learned(struct sx_front *f, struct sx_model *m, struct model_in *in)
{
	int16_t *beside = &f->beside_boost[0][0][0][0];
	int rc = get_floats(in, &m->w, sizeof(m->w), -1e4f, 1e4f);

	if (rc == 0)
		rc = get_floats(in, &m->left, sizeof(m->left), 1e-3f, 1e13f);
	if (rc == 0)
		rc = get_ahead(in, &f->ahead_seeded[0][0], sizeof(f->ahead_seeded));
	if (rc == 0)
		rc = get_ahead(in, f->ahead_novel, sizeof(f->ahead_novel));
	if (rc == 0)
		rc = get_ahead(in, f->ahead_subnet, sizeof(f->ahead_subnet));
	if (rc == 0)
		rc = get_floats(in, f->strength, sizeof(f->strength), 1e-3f, 1e3f);
	if (rc == 0)
		rc = get_floats(in, f->score, sizeof(f->score), -1e30f, 1e30f);
	if (rc == 0)
		rc = get_floats(in, f->scale, sizeof(f->scale), 0, 1e15f);
	if (rc == 0)
		rc = get_floats(in, f->beside, sizeof(f->beside), 0, 1e15f);
	if (rc == 0)
		rc = get_floats(in, f->kindred, sizeof(f->kindred), 0, 1e15f);
	if (rc == 0)
		rc = get_floats(in, f->kindred_boost, sizeof(f->kindred_boost), -64, 64);
	for (size_t i = 0; i < sizeof(f->beside_boost) / sizeof(*beside); i++)
		beside[i] = (int16_t)(uint16_t)model_get_u32(in);
	f->emitted = model_get_u64(in) & INT64_MAX / 4;
	f->fed = model_get_u64(in);
	f->adapt_at = model_get_u64(in);
	f->learn_at = model_get_u64(in);
	return rc < 0 ? rc : model_status(in);
}

static int get_pruned(struct sx_front *f, struct model_in *in)
{
	uint64_t n = model_get_u64(in);
	int rc = model_status(in);

	while (rc == 0 && n-- > 0) {
		struct addr128 a = model_get_addr(in);
		uint32_t len = model_get_u32(in);

		rc = model_status(in);
		if (rc == 0 && len > 128)
			return model_reject(in, "a prefix longer than an address");
		if (rc == 0)
			rc = sx_front_prune(f, prefix_make(a, len));
	}
	return rc;
}

static int get_item(struct sx_front *f, struct model_in *in, uint32_t i)
{
	uint32_t parent = model_get_u32(in), next = model_get_u32(in);
	uint32_t v = model_get_u32(in), seen = model_get_u32(in);
	int32_t best = (int32_t)model_get_u32(in);
	uint32_t taken = model_get_u32(in);
	float feedback[2] = { 0 }, boost = 0;
	struct sx_item *it;
	int rc = get_floats(in, feedback, sizeof(feedback), 0, 1e15f);

	if (rc == 0)
		rc = get_floats(in, &boost, sizeof(boost), -16, 16);
	if (rc < 0)
		return rc;
	if (i == 0 ? parent != SX_NONE
	           : parent >= i || f->item[parent].depth == SX_NIBBLES - 1 ||
	                     f->item[parent].kind == SX_TAIL || (v & 0xffff) > 15)
		return model_reject(in, "an item without a place in the tree");
	rc = sx_front_restore(f, parent, v & 15);
	if (rc < 0)
		return rc;
	it = &f->item[i];
	if (best < 0 || best > INT32_MAX / 2 || (v >> 16 & ~(uint32_t)it->left))
		return model_reject(in, "an item that cannot be");
	it->next = next;
	it->left = (uint16_t)(v >> 16);
	it->tried = (uint16_t)seen;
	it->alive = (uint16_t)(seen >> 16);
	it->best = best;
	it->expected = feedback[0];
	it->found = feedback[1];
	it->log_boost = boost;
	if (it->kind == SX_TAIL)
		it->n = taken;
	return 0;
}

/* The lists of the queue must not share items, nor run in circles. */
static int get_queue(struct sx_front *f, struct model_in *in)
{
	uint8_t *seen = calloc(f->n ? f->n : 1, 1);
	int rc = seen ? 0 : -ENOMEM;

	for (unsigned l = 0; l < SX_LEVELS && rc == 0; l++) {
		f->head[l] = model_get_u32(in);
		rc = model_status(in);
		for (uint32_t i = f->head[l]; i != SX_NONE && rc == 0;
		     i = f->item[i].next) {
			if (i >= f->n || seen[i]) {
				rc = model_reject(in, "a queue that is not one");
				break;
			}
			seen[i] = 1;
		}
	}
	free(seen);
	f->at = 0;
	return rc;
}

static int get_pending(struct sx_front *f, struct model_in *in)
{
	uint64_t n = model_get_u64(in);
	int rc = model_status(in);

	while (rc == 0 && n-- > 0) {
		struct tgen_result r = { .addr = model_get_addr(in) };

		r.region = model_get_u32(in);
		r.alive = model_get_u32(in) == 1;
		rc = model_status(in);
		if (rc == 0)
			rc = sx_front_feedback(f, &r, 1);
		if (rc == -EINVAL)
			rc = model_reject(in, "a result of no region");
	}
	return rc;
}

int sx_load(struct sx_front *f, struct sx_model *m, struct model_in *in)
{
	uint32_t n;
	int rc = sx_front_start(f, m);

	if (rc == 0)
		rc = get_pruned(f, in);
	if (rc == 0)
		rc = get_learned(f, m, in);
	if (rc == 0)
		rc = sx_build(m);
	n = model_get_u32(in);
	if (rc == 0)
		rc = model_status(in);
	if (rc == 0 && n == 0)
		rc = model_reject(in, "a frontier without items");
	for (uint32_t i = 0; i < n && rc == 0; i++)
		rc = get_item(f, in, i);
	if (rc == 0)
		rc = get_queue(f, in);
	return rc < 0 ? rc : get_pending(f, in);
}
