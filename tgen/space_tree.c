#include "tgen/space_tree.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/rng.h"
#include "tgen/algorithm.h"
#include "tgen/space_walk.h"

/* The order of emission.  A heap holds the regions by what their cheapest
 * remaining address is worth: log2 of (hits expected, corrected by feedback),
 * minus its cost.  The best region is walked over a band of cost, which makes
 * its next address dearer, and goes back.  So candidates come out in descending
 * order of p, up to the width of a band.
 *
 * Feedback corrects a region by hits / expected, after Bayes: a gamma prior of
 * weight FEEDBACK_WEIGHT around the same ratio of the rest of its node, that one
 * shrunk towards the rest of the parent, and so on up to the whole tree.  (The
 * rest: if a node's own results were in its prior too, they would count at each
 * level again.)  It changes only the order of regions, never what a walk visits,
 * so nothing can come out twice because of it. */
#define BAND            64
#define FEEDBACK_WEIGHT 4.0
#define FIXED_ONE \
	4294967296.0 /* expectations are summed as integers: the
                                        order of results must not matter */

/* What was fed back on all regions at or below a node. */
struct credit {
	uint64_t expected;
	uint32_t alive;
	float prior; /* what the rest of the tree suggests, as of the last ranking */
};

struct hit {
	struct addr128 addr;
	uint32_t region;
};

struct space_tree {
	struct space_model m;
	uint64_t seed;
	uint32_t *heap, n_heap; /* regions; those with nothing left go when met */
	int32_t *key;           /* per region */
	bool walking;
	uint32_t region; /* the one being walked, */
	float scale;     /* and its expectation, corrected */
	struct st_walk walk;
	struct credit *credit; /* per node; NULL: no feedback yet */
	uint32_t pending;      /* results since the last ranking */
	struct hit *hits;      /* alive, so that prune() can take them back */
	size_t n_hits, cap_hits;
};

static double unit(const struct st_region *r)
{
	if (r->emitted)
		return r->mass / r->emitted;
	return r->expect * exp2(-(double)r->next / ST_COST_BIT);
}

/* alive / expected, shrunk towards a prior. */
static double shrunk(double alive, double expected, double prior)
{
	return (fmax(alive, 0) + FEEDBACK_WEIGHT * prior) /
	       (fmax(expected, 0) + FEEDBACK_WEIGHT);
}

static double corrected(const struct space_tree *t, uint32_t region)
{
	const struct st_region *r = &t->m.regions[region];
	const struct credit *c;
	double expected, around;

	if (!t->credit)
		return r->expect;
	c = &t->credit[r->id / 2];
	expected = r->fed * unit(r);
	around = shrunk((double)c->alive - r->alive,
	                (double)c->expected / FIXED_ONE - expected, c->prior);
	return r->expect * shrunk(r->alive, expected, around);
}

static int32_t key_of(const struct space_tree *t, uint32_t region)
{
	double bits = log2(corrected(t, region) + 1e-30);

	return (int32_t)lrint(bits * ST_COST_BIT) - (int32_t)t->m.regions[region].next;
}

/* Equals are taken in an order that depends on the seed, not on the address, so
 * that no network gets all its probes at once. */
static bool before(const struct space_tree *t, uint32_t a, uint32_t b)
{
	uint64_t x, y;

	if (t->key[a] != t->key[b])
		return t->key[a] > t->key[b];
	x = rng_mix(t->seed ^ a);
	y = rng_mix(t->seed ^ b);
	return x != y ? x < y : a < b;
}

static void sift_down(struct space_tree *t, uint32_t i)
{
	uint32_t *h = t->heap;

	for (;;) {
		uint32_t best = i, x = h[i];

		for (uint32_t c = 2 * i + 1; c <= 2 * i + 2 && c < t->n_heap; c++)
			if (before(t, h[c], h[best]))
				best = c;
		if (best == i)
			return;
		h[i] = h[best];
		h[best] = x;
		i = best;
	}
}

static void pop(struct space_tree *t)
{
	t->heap[0] = t->heap[--t->n_heap];
	if (t->n_heap)
		sift_down(t, 0);
}

static void heapify(struct space_tree *t)
{
	t->n_heap = 0;
	for (uint32_t i = 0; i < t->m.n_regions; i++)
		if (t->m.regions[i].next != ST_NO_COST)
			t->heap[t->n_heap++] = i;
	for (uint32_t i = t->n_heap / 2; i-- > 0;)
		sift_down(t, i);
}

/* Parents have lower numbers than their children. */
static void rank_again(struct space_tree *t)
{
	for (uint32_t i = 1; i < t->m.n_nodes; i++) {
		struct credit *c = &t->credit[i], *p = &t->credit[t->m.nodes[i].parent];

		c->prior = (float)shrunk((double)p->alive - c->alive,
		                         ((double)p->expected - (double)c->expected) /
		                                 FIXED_ONE,
		                         p->prior);
	}
	for (uint32_t i = 0; i < t->m.n_regions; i++)
		t->key[i] = key_of(t, i);
	heapify(t);
	t->pending = 0;
}

static bool ranking_is_due(const struct space_tree *t)
{
	return t->pending > 64 + t->m.n_regions / 16;
}

static void tree_free(void *state)
{
	struct space_tree *t = state;

	if (!t)
		return;
	space_model_fini(&t->m);
	free(t->heap);
	free(t->key);
	free(t->credit);
	free(t->hits);
	free(t);
}

static int tree_train(void **state, const struct addrvec *seeds, uint64_t seed,
                      struct diag *d)
{
	struct space_tree *t;
	int rc = -ENOMEM;

	/* Numbers of regions are four times as many, at most. */
	if (seeds->n > UINT32_MAX / 8)
		return diag_set(d, -EOVERFLOW, "too many seeds: %zu", seeds->n);
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->seed = seed;
	t->m.seeds = seeds->a;
	t->m.n_seeds = (uint32_t)seeds->n;
	rc = space_model_train(&t->m);
	if (rc < 0)
		goto fail;
	rc = -ENOMEM;
	t->heap = malloc((t->m.n_regions + 1) * sizeof(*t->heap));
	t->key = malloc((t->m.n_regions + 1) * sizeof(*t->key));
	if (!t->heap || !t->key)
		goto fail;
	for (uint32_t i = 0; i < t->m.n_regions; i++)
		t->key[i] = key_of(t, i);
	heapify(t);
	*state = t;
	return 0;
fail:
	tree_free(t);
	return rc;
}

/* Begin the next walk; false: no region has anything left.  Keys in the heap
 * may be too high (what they stand for is found out, or has sunk by feedback):
 * such a region goes back to its place first. */
static bool begin_walk(struct space_tree *t)
{
	while (t->n_heap) {
		uint32_t i = t->heap[0];
		struct st_region *r = &t->m.regions[i];
		bool modelled = r->next == 0;
		int32_t key;

		if (r->next == ST_NO_COST) {
			pop(t);
			continue;
		}
		if (modelled) {
			st_walk_model(&t->walk, &t->m, r);
			r->next = t->walk.next ? t->walk.next : 1;
		}
		key = key_of(t, i);
		if (key < t->key[i]) {
			t->key[i] = key;
			sift_down(t, 0);
			continue;
		}
		t->key[i] = key;
		t->walking = true;
		t->region = i;
		t->scale = (float)corrected(t, i);
		if (!modelled)
			st_walk_model(&t->walk, &t->m, r);
		st_walk_start(&t->walk, r, r->next + BAND);
		return true;
	}
	return false;
}

static void end_walk(struct space_tree *t)
{
	struct st_region *r = &t->m.regions[t->region];

	t->walking = false;
	if (r->next == ST_NO_COST)
		return; /* pruned meanwhile */
	r->from = t->walk.limit + 1;
	r->next = t->walk.next;
	if (r->next != ST_NO_COST)
		t->key[t->region] = key_of(t, t->region);
	if (t->heap[0] == t->region)
		sift_down(t, 0);
}

static int tree_next(void *state, struct tgen_candidate *out, size_t max)
{
	struct space_tree *t = state;
	size_t n = 0;
	uint32_t cost;

	while (n < max) {
		struct st_region *r = &t->m.regions[t->region];
		double p;

		if (t->walking && st_walk_next(&t->walk, &out[n].addr, &cost)) {
			p = exp2(-(double)cost / ST_COST_BIT);
			r->emitted++;
			r->mass += (float)(r->expect * p);
			p *= t->scale;
			out[n].p = (float)(p < 0.99 ? p : 0.99);
			out[n++].region = t->region;
			continue;
		}
		if (t->walking)
			end_walk(t);
		if (t->credit && ranking_is_due(t))
			rank_again(t);
		if (!begin_walk(t))
			break;
	}
	return (int)n;
}

static int note_hit(struct space_tree *t, struct addr128 a, uint32_t region)
{
	if (t->n_hits == t->cap_hits) {
		size_t cap = t->cap_hits ? 2 * t->cap_hits : 64;
		struct hit *p = realloc(t->hits, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		t->hits = p;
		t->cap_hits = cap;
	}
	t->hits[t->n_hits++] = (struct hit){ a, region };
	return 0;
}

static int start_credit(struct space_tree *t)
{
	t->credit = calloc(t->m.n_nodes, sizeof(*t->credit));
	if (!t->credit)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->m.n_nodes; i++)
		t->credit[i].prior = 1;
	return 0;
}

static int take_result(struct space_tree *t, const struct tgen_result *x)
{
	uint32_t region = x->region;
	struct st_region *r;
	uint64_t expected;

	if (region == TGEN_REGION_UNKNOWN)
		region = space_model_locate(&t->m, x->addr);
	if (region == UINT32_MAX)
		return 0; /* a seed, or nothing that this tree would emit */
	if (region >= t->m.n_regions)
		return -EINVAL;
	if (x->alive && note_hit(t, x->addr, region) < 0)
		return -ENOMEM;
	r = &t->m.regions[region];
	expected = (uint64_t)(unit(r) * FIXED_ONE);
	r->fed++;
	r->alive += x->alive;
	for (uint32_t u = r->id / 2;; u = t->m.nodes[u].parent) {
		t->credit[u].expected += expected;
		t->credit[u].alive += x->alive;
		if (u == 0)
			break;
	}
	t->pending++;
	return 0;
}

static int tree_feedback(void *state, const struct tgen_result *r, size_t n)
{
	struct space_tree *t = state;
	int rc = 0;

	if (!t->credit && start_credit(t) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = take_result(t, &r[i]);
	return rc;
}

/* Take n hits and their expectation back from a node and all above it. */
static void take_back(struct space_tree *t, uint32_t node, uint32_t alive,
                      uint64_t expected)
{
	for (uint32_t u = node;; u = t->m.nodes[u].parent) {
		struct credit *c = &t->credit[u];

		c->alive -= alive < c->alive ? alive : c->alive;
		c->expected -= expected < c->expected ? expected : c->expected;
		if (u == 0)
			return;
	}
}

static void retire(struct space_tree *t, uint32_t region)
{
	struct st_region *r = &t->m.regions[region];

	r->next = ST_NO_COST;
	if (t->walking && t->region == region)
		end_walk(t);
	if (t->credit)
		take_back(t, r->id / 2, 0, (uint64_t)(r->fed * unit(r) * FIXED_ONE));
	r->fed = 0;
}

/* Whether all addresses of a region lie in p. */
static bool region_inside(const struct space_model *m, const struct st_region *r,
                          struct prefix p)
{
	const struct st_node *u = &m->nodes[r->id / 2];
	unsigned nibbles = u->branch;

	if (r->id % 2 == ST_DEVIANT) {
		nibbles = m->nodes[u->parent].branch;
		nibbles = nibbles == ST_NONE ? 0 : nibbles + 1;
	}
	return 4 * nibbles >= p.len && prefix_covers(p, m->seeds[u->lo]);
}

static int tree_prune(void *state, struct prefix p)
{
	struct space_tree *t = state;
	const struct space_model *m = &t->m;
	struct addr128 last = prefix_last(p);
	uint32_t lo = 0, hi = m->n_regions;
	size_t kept = 0;

	for (size_t i = 0; i < t->n_hits; i++) {
		struct st_region *r = &t->m.regions[t->hits[i].region];

		if (!prefix_covers(p, t->hits[i].addr)) {
			t->hits[kept++] = t->hits[i];
			continue;
		}
		take_back(t, r->id / 2, 1, 0);
		r->alive -= r->alive > 0;
	}
	t->n_hits = kept;
	while (lo < hi) { /* regions are in the order of their first seeds */
		uint32_t mid = lo + (hi - lo) / 2;

		if (addr_cmp(m->seeds[m->nodes[m->regions[mid].id / 2].lo], p.addr) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < m->n_regions; lo++) {
		const struct st_region *r = &m->regions[lo];

		if (addr_cmp(m->seeds[m->nodes[r->id / 2].lo], last) > 0)
			break;
		if (region_inside(m, r, p))
			retire(t, lo);
	}
	return 0;
}

static void save_walk(const struct space_tree *t, struct model_out *out)
{
	model_put_u32(out, t->walking);
	if (!t->walking)
		return;
	model_put_u32(out, t->region);
	model_put_float(out, t->scale);
	model_put_u32(out, t->walk.limit);
	model_put_u32(out, t->walk.next);
	model_put_u32(out, (uint32_t)t->walk.level);
	model_put(out, t->walk.index, sizeof(t->walk.index));
}

static int tree_save(const void *state, struct model_out *out)
{
	const struct space_tree *t = state;

	model_put_u64(out, t->seed);
	model_put_u32(out, t->m.n_regions);
	for (uint32_t i = 0; i < t->m.n_regions; i++) {
		const struct st_region *r = &t->m.regions[i];

		model_put_u32(out, r->from);
		model_put_u32(out, r->next);
		model_put_u32(out, r->emitted);
		model_put_u32(out, r->fed);
		model_put_u32(out, r->alive);
		model_put_float(out, r->mass);
		model_put_u32(out, (uint32_t)t->key[i]);
	}
	save_walk(t, out);
	model_put_u32(out, t->credit != NULL);
	if (!t->credit)
		return 0;
	for (uint32_t i = 0; i < t->m.n_nodes; i++) {
		model_put_u64(out, t->credit[i].expected);
		model_put_u32(out, t->credit[i].alive);
		model_put_float(out, t->credit[i].prior);
	}
	model_put_u32(out, t->pending);
	model_put_u64(out, t->n_hits);
	for (size_t i = 0; i < t->n_hits; i++) {
		model_put_addr(out, t->hits[i].addr);
		model_put_u32(out, t->hits[i].region);
	}
	return 0;
}

static bool is_ratio(float v)
{
	return v >= 0 && v <= 1e30F; /* not a NaN either */
}

static int load_regions(struct space_tree *t, struct model_in *in)
{
	if (model_get_u32(in) != t->m.n_regions)
		return model_reject(in, "the regions are not those of the seeds");
	for (uint32_t i = 0; i < t->m.n_regions && model_status(in) == 0; i++) {
		struct st_region *r = &t->m.regions[i];

		r->from = model_get_u32(in);
		r->next = model_get_u32(in);
		r->emitted = model_get_u32(in);
		r->fed = model_get_u32(in);
		r->alive = model_get_u32(in);
		r->mass = model_get_float(in);
		t->key[i] = (int32_t)model_get_u32(in);
		if (r->from > r->next ||
		    (r->next >= UINT32_MAX / 4 && r->next != ST_NO_COST) ||
		    r->alive > r->fed || !is_ratio(r->mass))
			return model_reject(in, "the state of a region is impossible");
	}
	return model_status(in);
}

static int load_walk(struct space_tree *t, struct model_in *in)
{
	uint8_t index[ST_DIMS];
	uint32_t limit, next, level;
	struct st_region *r;

	t->walking = model_get_u32(in) != 0;
	if (!t->walking || model_status(in) < 0)
		return model_status(in);
	t->region = model_get_u32(in);
	t->scale = model_get_float(in);
	limit = model_get_u32(in);
	next = model_get_u32(in);
	level = model_get_u32(in);
	model_get(in, index, sizeof(index));
	if (t->region >= t->m.n_regions || !is_ratio(t->scale))
		return model_reject(in, "the walk is in no region");
	r = &t->m.regions[t->region];
	if (r->next == ST_NO_COST || limit != r->next + BAND || next <= limit)
		return model_reject(in, "the walk does not fit its region");
	st_walk_model(&t->walk, &t->m, r);
	st_walk_start(&t->walk, r, limit);
	if (!st_walk_resume(&t->walk, next, level, index))
		return model_reject(in, "the walk follows no path");
	return model_status(in);
}

static int load_credit(struct space_tree *t, struct model_in *in)
{
	uint64_t n;

	if (model_get_u32(in) == 0 || model_status(in) < 0)
		return model_status(in);
	if (start_credit(t) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->m.n_nodes; i++) {
		t->credit[i].expected = model_get_u64(in);
		t->credit[i].alive = model_get_u32(in);
		t->credit[i].prior = model_get_float(in);
		if (!is_ratio(t->credit[i].prior))
			return model_reject(in, "impossible feedback");
	}
	t->pending = model_get_u32(in);
	n = model_get_u64(in);
	while (n-- > 0 && model_status(in) == 0) {
		struct addr128 a = model_get_addr(in);
		uint32_t region = model_get_u32(in);

		if (region >= t->m.n_regions || t->m.regions[region].alive == 0)
			return model_reject(in, "a hit outside all regions");
		if (note_hit(t, a, region) < 0)
			return -ENOMEM;
	}
	return model_status(in);
}

/* Nodes, tables and regions follow from the seeds and are made again. */
static int tree_load(void **state, const struct addrvec *seeds, struct model_in *in,
                     struct diag *d)
{
	struct space_tree *t;
	void *fresh;
	int rc = tree_train(&fresh, seeds, model_get_u64(in), d);

	if (rc < 0)
		return rc;
	t = fresh;
	rc = load_regions(t, in);
	if (rc == 0)
		rc = load_walk(t, in);
	if (rc == 0)
		rc = load_credit(t, in);
	if (rc < 0) {
		tree_free(t);
		return rc;
	}
	heapify(t);
	*state = t;
	return 0;
}

static uint64_t tree_regions(const void *state)
{
	const struct space_tree *t = state;

	return t->m.n_regions;
}

const struct tgen_algorithm tgen_space_tree = {
	.name = "space-tree",
	.summary = "nibble space tree, densest regions first, with feedback",
	.version = 1,
	.train = tree_train,
	.free = tree_free,
	.next = tree_next,
	.feedback = tree_feedback,
	.prune = tree_prune,
	.save = tree_save,
	.load = tree_load,
	.regions = tree_regions,
};
