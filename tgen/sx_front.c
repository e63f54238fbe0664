#include "tgen/sx_front.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	OPTIMISM = 3 * SX_OCTAVE, /* expect better than the average */
	PATIENCE = 50000,         /* items without a candidate */
	SLOW = 8,                 /* how slowly expectations move */
	FEW_EARLY = 64,           /* too few to wake other threads for */
	TOO_DEAR = UINT16_MAX,
	NEVER = INT32_MAX / 2
};

static int32_t *ahead_slot(struct sx_front *f, const struct sx_item *it)
{
	if (it->kind == SX_SEEDED)
		return &f->ahead_seeded[it->depth][sx_class_pop(it->n)];
	return it->depth < SX_SUBNET ? &f->ahead_subnet[it->depth]
	                             : &f->ahead_novel[it->depth];
}

/* Expecting too much of what was not looked into finds the best first, at the
 * price of looking into a lot; where nothing is better than the rest, into all
 * of it.  So optimism ends when many items gave few candidates, and going deep
 * is preferred to going wide. */
static int32_t hope(const struct sx_front *f, int32_t ahead, unsigned depth)
{
	int64_t spare = 8 * (int64_t)f->m->n + PATIENCE;
	int64_t debt = (int64_t)f->n - 2 * (int64_t)f->emitted - spare;
	int64_t x;

	if (debt <= 0)
		x = OPTIMISM;
	else if (debt < spare)
		x = OPTIMISM - 2 * OPTIMISM * debt / spare;
	else
		x = -OPTIMISM;
	if (x < 0)
		x = x * (int)(SX_NIBBLES - depth) / 4;
	return ahead > x ? (int32_t)(ahead - x) : 0;
}

/* What getting from a novel child to its best address is expected to cost. */
static int32_t novel_ahead(const struct sx_front *f, const struct sx_item *it,
                           int32_t head)
{
	unsigned d = it->depth + 1u;

	if (d == SX_NIBBLES)
		return 0;
	if (it->leave < SX_SUBNET)
		return head + (d < SX_SUBNET ? hope(f, f->ahead_subnet[d], d) : 0);
	return hope(f, f->ahead_novel[d], d);
}

/* What is ahead of each child. */
static void children_ahead(const struct sx_front *f, const struct sx_item *it,
                           int32_t ahead[16])
{
	unsigned d = it->depth + 1u;
	int32_t head = 0, novel, hoped[4];

	if (it->depth < SX_SUBNET && it->list >= 0)
		head = sx_tails_head(f->tails, it->list);
	novel = novel_ahead(f, it, head);
	for (unsigned v = 0; v < 16; v++)
		ahead[v] = novel;
	if (!(it->seeds & it->left))
		return;
	for (unsigned i = 0; i < 4; i++)
		hoped[i] = hope(f, f->ahead_seeded[d][i], d);
	for (unsigned s = it->seeds & it->left; s; s &= s - 1) {
		unsigned v = (unsigned)__builtin_ctz(s);

		ahead[v] = hoped[it->pops >> 2 * v & 3];
	}
}

/* The best child left, and its cost with what is ahead of it. */
static int best_child(const struct sx_front *f, const struct sx_item *it, int32_t *cost)
{
	const int16_t *beside = &f->beside_boost[it->depth][it->kind == SX_NOVEL][0][0];
	int32_t c[16] = { 0 }, least = NEVER;
	int best = -1;

	if (it->depth < SX_NIBBLES - 1)
		children_ahead(f, it, c);
	for (unsigned v = 0; v < 16; v++)
		c[v] += it->cost + it->child[v];
	for (unsigned v = 0; it->tried && v < 16; v++)
		c[v] -= beside[sx_beside(it, v)];
	for (unsigned v = 0; v < 16; v++)
		c[v] = it->left >> v & 1 ? c[v] : NEVER;
	for (unsigned v = 0; v < 16; v++)
		least = c[v] < least ? c[v] : least;
	for (int v = 15; v >= 0 && least < NEVER; v--)
		best = c[v] == least ? v : best;
	*cost = least;
	return best;
}

/* The class of what an item has next, if that is nearly an address. */
static int kindred_next(const struct sx_front *f, const struct sx_item *it)
{
	struct sx_tail t = { 0 };

	if (it->kind == SX_TAIL && sx_tails_at(f->tails, (int)it->lo, it->n, &t) <= 0)
		return -1;
	return sx_kindred(it, it->kind == SX_TAIL ? t.iid : it->prefix.lo);
}

static void enqueue(struct sx_front *f, uint32_t i)
{
	struct sx_item *it = &f->item[i];
	float level, boost;
	int kin;

	if (it->best >= NEVER)
		return;
	boost = it->log_boost;
	kin = f->fed ? kindred_next(f, it) : -1;
	if (kin >= 0)
		boost += f->kindred_boost[kin];
	level = ((float)it->best - boost * SX_OCTAVE) / SX_LEVEL;
	level = level < 0 ? 0 : level >= SX_LEVELS ? SX_LEVELS - 1 : level;
	it->next = f->head[(unsigned)level];
	f->head[(unsigned)level] = i;
	if ((unsigned)level < f->at)
		f->at = (unsigned)level;
}

void sx_front_requeue(struct sx_front *f)
{
	for (unsigned l = 0; l < SX_LEVELS; l++)
		f->head[l] = SX_NONE;
	f->at = SX_LEVELS;
	f->next_early = f->n_early; /* their order is gone */
	for (uint32_t i = f->n; i-- > 0;) {
		struct sx_item *it = &f->item[i];

		if (it->tried && it->kind != SX_TAIL && it->best < NEVER)
			best_child(f, it, &it->best);
		enqueue(f, i);
	}
}

static uint64_t index_hash(struct addr128 prefix, unsigned depth)
{
	return rng_mix(prefix.hi ^ rng_mix(prefix.lo + depth));
}

static void index_add(struct sx_front *f, uint32_t i)
{
	size_t mask = ((size_t)1 << f->index_bits) - 1;
	size_t s = index_hash(f->item[i].prefix, f->item[i].depth) & mask;

	while (f->index[s] != SX_NONE)
		s = (s + 1) & mask;
	f->index[s] = i;
}

/* Only made when somebody asks. */
static int reindex(struct sx_front *f)
{
	unsigned bits = 10;
	uint32_t *index;

	while ((uint64_t)1 << bits < (uint64_t)f->cap * 3 / 2)
		bits++;
	index = malloc(sizeof(*index) << bits);
	if (!index)
		return -ENOMEM;
	memset(index, 0xff, sizeof(*index) << bits);
	free(f->index);
	f->index = index;
	f->index_bits = bits;
	f->indexed = 0;
	return 0;
}

static uint32_t index_find(const struct sx_front *f, struct addr128 prefix,
                           unsigned depth)
{
	size_t mask = ((size_t)1 << f->index_bits) - 1;

	for (size_t s = index_hash(prefix, depth) & mask; f->index[s] != SX_NONE;
	     s = (s + 1) & mask)
		if (f->item[f->index[s]].depth == depth &&
		    addr_eq(f->item[f->index[s]].prefix, prefix))
			return f->index[s];
	return SX_NONE;
}

uint32_t sx_front_find(struct sx_front *f, struct addr128 a)
{
	uint32_t i = SX_NONE;

	if ((!f->index || f->indexed_cap != f->cap) && reindex(f) < 0)
		return SX_NONE;
	f->indexed_cap = f->cap;
	while (f->indexed < f->n)
		index_add(f, f->indexed++);

	for (unsigned d = SX_NIBBLES; d-- > 0 && i == SX_NONE;)
		i = index_find(f, sx_prefix(a, d), d);
	return i;
}

static int reserve(struct sx_front *f)
{
	uint32_t cap = f->cap ? f->cap * 2 : 1024;
	void *p;

	if (f->n < f->cap)
		return 0;
	if (f->cap >= SX_NONE / 2)
		return -ENOMEM;
	p = realloc(f->item, (size_t)cap * sizeof(*f->item));
	if (!p)
		return -ENOMEM;
	sx_large_pages(p, (size_t)cap * sizeof(*f->item));
	f->item = p;
	f->cap = cap;
	return 0;
}

static void place_of(const struct sx_front *f, const struct sx_item *it,
                     struct sx_place *pl)
{
	const struct sx_item *up = it->parent == SX_NONE ? NULL : &f->item[it->parent];

	*pl = (struct sx_place){ .a = it->prefix,
		                 .depth = it->depth,
		                 .leave = it->leave,
		                 .leave_k = it->leave_k,
		                 .lone_from = it->lone_from,
		                 .lone = it->lo,
		                 .chains = it->depth < SX_SUBNET ? sx_chains_start()
		                                                 : it->chains };
	if (it->kind != SX_SEEDED)
		return;
	for (unsigned i = 0; i < SX_UP; i++)
		pl->up[i].seeds = it->above >> 4 * i & 15;
	pl->up[0].k = up ? up->k : 1;
	pl->up[0].singles = up ? up->singles : 0;
}

/* p[v] * by, of each value v */
static void set_children(struct sx_item *it, const float p[16], float by)
{
	int32_t c[16];

	sx_costs(c, p, by);
	for (unsigned v = 0; v < 16; v++) {
		bool dear = p[v] * by <= 0 || c[v] >= TOO_DEAR;

		it->child[v] = dear ? TOO_DEAR : (uint16_t)c[v];
		it->left |= (uint16_t)((unsigned)!dear << v);
	}
}

static void look_into_seeds(const struct sx_front *f, struct sx_item *it)
{
	bool need = it->depth >= 8;
	struct sx_place pl;
	struct sx_novel nv;
	struct sx_escape e;
	struct sx_node nd;
	float stay[16], p[16];

	sx_node_init(&nd, f->m, it->prefix, it->depth, it->lo, it->n);
	it->k = it->leave_k = nd.k;
	it->singles = nd.singles;
	it->seeds = nd.mask;
	it->pops = 0;
	for (unsigned s = nd.mask; s; s &= s - 1) {
		unsigned v = (unsigned)__builtin_ctz(s);

		it->pops |= sx_class_pop(sx_node_count(&nd, v)) << 2 * v;
	}
	place_of(f, it, &pl);
	pl.node = &nd;
	need = need && nd.k < 16;
	sx_escape_begin(&e, f->m, &pl);
	if (need) {
		sx_novel_inputs(&nv, f->m, &pl);
		sx_novel_mix(&nv, f->m, &pl);
		if (it->depth >= SX_SUBNET)
			it->chains = nv.chains;
	}
	sx_escape_mix(&e, f->m, &pl, need ? &nv : NULL);
	if (it->depth < SX_NIBBLES - 1)
		sx_stay_mix(stay, f->m, &nd);
	else
		memset(stay, 0, sizeof(stay));
	for (unsigned v = 0; v < 16; v++)
		p[v] = nd.mask >> v & 1 ? (1 - e.p) * stay[v] : need ? e.p * nv.p[v] : 0;
	set_children(it, p, 1);
}

static void look_beyond(const struct sx_front *f, struct sx_item *it)
{
	struct sx_place pl;
	struct sx_novel nv;

	place_of(f, it, &pl);
	sx_novel_inputs(&nv, f->m, &pl);
	sx_novel_mix(&nv, f->m, &pl);
	set_children(it, nv.p, 1);
	if (it->depth >= SX_SUBNET)
		it->chains = nv.chains;
}

/* The next of a list; moves on when there is none. */
static int tail_best(struct sx_front *f, struct sx_item *it)
{
	struct sx_tail t;
	int rc = sx_tails_at(f->tails, (int)it->lo, it->n, &t);

	it->best = rc == 1 ? it->cost + t.cost : NEVER;
	return rc < 0 ? rc : 0;
}

bool sx_front_pruned(const struct sx_front *f, struct addr128 prefix, unsigned len)
{
	size_t lo = 0, hi = f->n_pruned;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (addr_cmp(f->pruned[mid].addr, prefix) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 && f->pruned[lo - 1].len <= len &&
	       prefix_covers(f->pruned[lo - 1], prefix);
}

static struct sx_item first_item(const struct sx_front *f)
{
	return (struct sx_item){ .parent = SX_NONE,
		                 .n = f->m->n,
		                 .above = (uint16_t)(0x1111 * sx_class_seeds(f->m->n)),
		                 .kind = SX_SEEDED,
		                 .lone_from = f->m->n > 1 ? SX_NIBBLES + 1 : 0 };
}

/* What the model says of an item. */
static void predict_children(const struct sx_front *f, struct sx_item *it)
{
	it->left = 0;
	if (it->kind == SX_SEEDED)
		look_into_seeds(f, it);
	else if (it->kind == SX_NOVEL)
		look_beyond(f, it);
}

/* The list of the subnets below it. */
static int find_list(struct sx_front *f, struct sx_item *it)
{
	if (it->kind == SX_TAIL || it->depth >= SX_SUBNET)
		return 0;
	it->list = -1;
	if (it->depth >= 8)
		it->list = sx_tails_find(f->tails, it->prefix, it->leave);
	return it->depth >= 8 && it->list < 0 ? it->list : 0;
}

/* Queue an item with its predictions as the new f->item[f->n]. */
static int add_item(struct sx_front *f, struct sx_item it)
{
	int rc = reserve(f);

	if (rc == 0)
		rc = find_list(f, &it);
	if (rc < 0)
		return rc;
	it.log_boost = it.parent == SX_NONE ? 0 : f->item[it.parent].log_boost;
	if (it.kind == SX_TAIL) {
		rc = tail_best(f, &it);
	} else {
		int32_t *ahead = ahead_slot(f, &it), here;

		best_child(f, &it, &it.best);
		here = it.best < NEVER ? it.best - it.cost : 64 * SX_OCTAVE;
		if (it.kind == SX_NOVEL && it.leave < SX_SUBNET)
			here -= sx_tails_head(f->tails, it.list);
		*ahead += (here - *ahead) / SLOW;
	}
	f->item[f->n] = it;
	enqueue(f, f->n++);
	return rc;
}

/* What kind of item a child is: all that does not take predictions. */
static void child_of(const struct sx_front *f, uint32_t parent, unsigned v,
                     struct sx_item *it)
{
	const struct sx_item *up = &f->item[parent];

	*it = (struct sx_item){ .prefix = addr_set_nibble(up->prefix, up->depth, v),
		                .parent = parent,
		                .cost = up->cost + up->child[v],
		                .depth = (uint8_t)(up->depth + 1),
		                .leave = up->leave,
		                .leave_k = up->leave_k,
		                .lone_from = up->lone_from,
		                .lo = up->lo,
		                .kind = SX_NOVEL };
	if (up->kind == SX_SEEDED && up->seeds >> v & 1) {
		it->kind = SX_SEEDED;
		it->n = up->n;
		sx_narrow(f->m, up->depth, v, &it->lo, &it->n);
		it->leave = it->depth;
		it->above = (uint16_t)(up->above << 4 | sx_class_seeds(up->n));
		if (it->n == 1 && up->n > 1)
			it->lone_from = it->depth;
	} else if (it->leave < SX_SUBNET && it->depth == SX_SUBNET) {
		it->kind = SX_TAIL;
		it->lo = (uint32_t)up->list;
	}
	if (it->depth == SX_SUBNET)
		it->chains = sx_chains_start();
	else if (it->depth > SX_SUBNET)
		it->chains = sx_chains_step(&up->chains, f->m, up->depth, v);
}

static int add_child(struct sx_front *f, uint32_t parent, unsigned v,
                     const struct sx_early *early)
{
	struct sx_item it;

	if (early && early->v == v) {
		it = early->it;
	} else {
		child_of(f, parent, v, &it);
		predict_children(f, &it);
	}
	if (f->n_pruned && sx_front_pruned(f, it.prefix, 4u * it.depth))
		return 0;
	return add_item(f, it);
}

/* Look into what item early[i].parent will probably give. */
static void look_early(void *ctx, size_t i)
{
	const struct sx_front *f = ctx;
	struct sx_early *e = &f->early[i];
	int32_t cost;
	int v = best_child(f, &f->item[e->parent], &cost);

	e->v = v < 0 ? 16 : (unsigned)v;
	if (v < 0)
		return;
	child_of(f, e->parent, e->v, &e->it);
	predict_children(f, &e->it);
}

/* The items whose turn is next, many at once.  What a child is depends on its
 * parent only, so that it does not matter who found out, and when. */
static void look_ahead(struct sx_front *f)
{
	f->n_early = f->next_early = 0;
	for (uint32_t i = f->head[f->at]; i != SX_NONE && f->n_early < SX_EARLY;
	     i = f->item[i].next)
		if (f->item[i].kind != SX_TAIL && f->item[i].depth < SX_NIBBLES - 1)
			f->early[f->n_early++].parent = i;
	f->rest = f->n_early < FEW_EARLY ? FEW_EARLY : 0;
	if (f->n_early < FEW_EARLY)
		f->n_early = 0;
	else
		sx_pool_run(f->pool, look_early, f, f->n_early);
}

/* What was found out early about the item whose turn it is, or NULL. */
static const struct sx_early *take_early(struct sx_front *f, uint32_t i)
{
	if (f->next_early == f->n_early || f->early[f->next_early].parent != i)
		return NULL;
	return &f->early[f->next_early++];
}

void sx_front_threads(struct sx_front *f, unsigned threads)
{
	sx_pool_free(f->pool);
	f->pool = NULL;
	f->n_early = f->next_early = 0;
	if (threads > 1 && !f->early)
		f->early = malloc(SX_EARLY * sizeof(*f->early));
	if (threads > 1 && f->early)
		f->pool = sx_pool_new(threads);
}

/* An item of a saved frontier: what the model says of it is found out again,
 * what happened to it is the caller's to fill in. */
int sx_front_restore(struct sx_front *f, uint32_t parent, unsigned v)
{
	struct sx_item it = first_item(f);
	int rc = reserve(f);

	if (rc < 0)
		return rc;
	if (parent != SX_NONE)
		child_of(f, parent, v, &it);
	predict_children(f, &it);
	rc = find_list(f, &it);
	if (rc < 0)
		return rc;
	f->item[f->n++] = it;
	return 0;
}

static void emit(const struct sx_front *f, uint32_t i, struct addr128 a, int32_t cost,
                 struct tgen_candidate *out)
{
	out->addr = a;
	out->region = i;
	out->p = sx_front_alive(f, i, a.lo, cost);
}

static int take_tail(struct sx_front *f, uint32_t i, struct tgen_candidate *out)
{
	struct sx_item *it = &f->item[i];
	struct sx_tail t;
	int rc;

	if (it->best >= NEVER)
		return 0; /* pruned while it was queued */
	rc = sx_tails_at(f->tails, (int)it->lo, it->n, &t);
	if (rc <= 0)
		return rc;
	emit(f, i, (struct addr128){ it->prefix.hi, t.iid }, it->cost + t.cost, out);
	it->n++;
	rc = tail_best(f, it);
	enqueue(f, i);
	return rc < 0 ? rc : 1;
}

/* Take the best child of an item: 1 if it is a candidate. */
static int take(struct sx_front *f, uint32_t i, struct tgen_candidate *out)
{
	const struct sx_early *early = take_early(f, i);
	struct sx_item *it = &f->item[i];
	int32_t cost;
	int v, rc = 0;
	bool leaf;

	if (it->kind == SX_TAIL)
		return take_tail(f, i, out);
	v = best_child(f, it, &cost);
	if (v < 0)
		return 0;
	/* Expectations have changed since it was queued: wait for the turn. */
	if (cost >= it->best + 2 * SX_LEVEL) {
		it->best = cost;
		enqueue(f, i);
		return 0;
	}
	it->left &= (uint16_t) ~(1u << v);
	leaf = it->depth == SX_NIBBLES - 1;
	if (leaf)
		emit(f, i, addr_set_nibble(it->prefix, it->depth, (unsigned)v),
		     it->cost + it->child[v], out);
	else
		rc = add_child(f, i, (unsigned)v, early);
	if (rc < 0)
		return rc;
	best_child(f, &f->item[i], &f->item[i].best);
	enqueue(f, i);
	return leaf;
}

static void prefetch_item(const struct sx_item *it)
{
	__builtin_prefetch(it);
	__builtin_prefetch((const char *)it + 64);
	__builtin_prefetch((const char *)(it + 1) - 1);
}

int sx_front_next(struct sx_front *f, struct tgen_candidate *out, size_t max)
{
	size_t n = 0;

	sx_feedback_count(f);
	while (n < max) {
		uint32_t i;
		int rc;

		while (f->at < SX_LEVELS && f->head[f->at] == SX_NONE)
			f->at++;
		if (f->at == SX_LEVELS)
			break;
		if (f->pool && f->next_early == f->n_early && f->rest-- == 0)
			look_ahead(f);
		i = f->head[f->at];
		f->head[f->at] = f->item[i].next;
		if (f->item[i].next != SX_NONE)
			prefetch_item(&f->item[f->item[i].next]);
		rc = take(f, i, &out[n]);
		if (rc < 0)
			return rc;
		n += (size_t)rc;
		f->emitted += (unsigned)rc;
	}
	return (int)n;
}

int sx_front_start(struct sx_front *f, const struct sx_model *m)
{
	memset(f, 0, sizeof(*f));
	f->m = m;
	for (unsigned l = 0; l < SX_LEVELS; l++)
		f->head[l] = SX_NONE;
	f->at = SX_LEVELS;
	sx_feedback_init(f);
	f->tails = sx_tails_new(m);
	return f->tails ? 0 : -ENOMEM;
}

int sx_front_init(struct sx_front *f, const struct sx_model *m)
{
	struct sx_item root;
	int rc = sx_front_start(f, m);

	if (rc < 0)
		return rc;
	root = first_item(f);
	predict_children(f, &root);
	return add_item(f, root);
}

void sx_front_fini(struct sx_front *f)
{
	sx_pool_free(f->pool);
	sx_tails_free(f->tails);
	free(f->early);
	free(f->item);
	free(f->index);
	free(f->pruned);
	free(f->pending);
}

/* Keep the list sorted and without prefixes inside others. */
static int add_pruned(struct sx_front *f, struct prefix p)
{
	size_t kept = 0, at = 0;

	if (f->n_pruned == f->cap_pruned) {
		size_t cap = f->cap_pruned ? 2 * f->cap_pruned : 64;
		void *q = realloc(f->pruned, cap * sizeof(*f->pruned));

		if (!q)
			return -ENOMEM;
		f->pruned = q;
		f->cap_pruned = cap;
	}
	for (size_t i = 0; i < f->n_pruned; i++)
		if (p.len > f->pruned[i].len || !prefix_covers(p, f->pruned[i].addr))
			f->pruned[kept++] = f->pruned[i];
	while (at < kept && addr_cmp(f->pruned[at].addr, p.addr) < 0)
		at++;
	memmove(&f->pruned[at + 1], &f->pruned[at], (kept - at) * sizeof(p));
	f->pruned[at] = p;
	f->n_pruned = kept + 1;
	return 0;
}

/* What was found inside p does not count for what is outside. */
static void forget(struct sx_front *f, uint32_t i)
{
	struct sx_item *it = &f->item[i];

	for (uint32_t j = it->parent; j != SX_NONE; j = f->item[j].parent) {
		f->item[j].expected = fmaxf(0, f->item[j].expected - it->expected);
		f->item[j].found = fmaxf(0, f->item[j].found - it->found);
	}
}

int sx_front_prune(struct sx_front *f, struct prefix p)
{
	int rc;

	if (sx_front_pruned(f, p.addr, p.len))
		return 0;
	rc = add_pruned(f, p);
	if (rc < 0)
		return rc;
	sx_feedback_count(f);
	for (uint32_t i = 0; i < f->n; i++) {
		struct sx_item *it = &f->item[i];

		if (4u * it->depth < p.len || !prefix_covers(p, it->prefix))
			continue;
		if (it->parent == SX_NONE || 4u * f->item[it->parent].depth < p.len)
			forget(f, i);
		it->left = 0;
		it->best = NEVER;
	}
	sx_feedback_adapt(f);
	return 0;
}
