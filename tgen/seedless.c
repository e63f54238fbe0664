#include "tgen/seedless.h"

#include <stdlib.h>

#include "tgen/seedless_impl.h"

/* Weights of what was expected against what was found. */
static const double root_weight = 0.5, group_weight = 0.2;
static const double p_max = 0.95;

/* Room for one more in an array that doubles. */
static int grow(void *array, size_t n, size_t *cap, size_t size)
{
	void **p = array;
	size_t bigger = *cap ? 2 * *cap : 256;
	void *q;

	if (n < *cap)
		return 0;
	q = realloc(*p, bigger * size);
	if (!q)
		return -ENOMEM;
	*p = q;
	*cap = bigger;
	return 0;
}

/* ---- roots and their streams ---------------------------------------------- */

static float stream_rate(const struct seedless *s, const struct stream *x)
{
	const struct rates *r = &s->rates[x->class];

	return x->at < r->n ? r->r[x->at].p : 0;
}

static bool stream_before(const struct seedless *s, const struct stream *a,
                          const struct stream *b)
{
	float p = stream_rate(s, a), q = stream_rate(s, b);

	return p != q ? p > q : addr_cmp(a->base, b->base) < 0;
}

/* The first stream of a root has changed, or stream i has to find its place. */
static void settle(struct seedless *s, const struct root *r, uint32_t i)
{
	struct stream *v = s->streams + r->first;

	for (;;) {
		uint32_t child = 2 * i + 1;
		struct stream swap;

		if (child + 1 < r->n && stream_before(s, &v[child + 1], &v[child]))
			child++;
		if (child >= r->n || !stream_before(s, &v[child], &v[i]))
			return;
		swap = v[i];
		v[i] = v[child];
		v[child] = swap;
		i = child;
	}
}

static double activity(const struct root *r)
{
	return (r->hits + root_weight) / (r->expected + root_weight);
}

static void rekey_root(struct seedless *s, uint32_t i)
{
	const struct root *r = &s->roots[i];
	double p = (double)stream_rate(s, &s->streams[r->first]);

	p *= activity(r);
	seedless_set_key(s, i, p < p_max ? p : p_max);
}

static int by_base(const void *a, const void *b)
{
	const struct stream *x = a, *y = b;
	int c = addr_cmp(x->base, y->base);

	return c ? c : (x->class > y->class) - (x->class < y->class);
}

static int collect_streams(struct seedless *s, const struct addrvec *seeds,
                           const struct bgp *bgp, const struct ivtab *within)
{
	struct ivtab_builder *b = ivtab_builder_new();
	size_t cap = 0;
	int rc = b ? 0 : -ENOMEM;

	for (size_t i = 0; i < bgp_count(bgp); i++) {
		struct seedless_site site;

		for (uint32_t k = 0; rc == 0 && seedless_site(&site, bgp_at(bgp, i), k);
		     k++) {
			if (seedless_holds_seed(seeds, site.prefix) ||
			    (within && !ivtab_overlaps(within, site.prefix)))
				continue;
			rc = grow(&s->streams, s->n_streams, &cap, sizeof(*s->streams));
			if (rc < 0)
				break;
			s->streams[s->n_streams++] =
				(struct stream){ site.prefix.addr, 0, site.class };
			rc = ivtab_add(b, site.prefix, 1);
		}
	}
	if (rc == 0)
		rc = ivtab_build(&s->covered, b);
	ivtab_builder_free(b);
	return rc;
}

static int make_roots(struct seedless *s)
{
	if (s->n_streams)
		qsort(s->streams, s->n_streams, sizeof(*s->streams), by_base);
	s->roots = calloc(s->n_streams + 1, sizeof(*s->roots));
	if (!s->roots)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_streams; i++) {
		struct addr128 key = root_key(s->streams[i].base);
		struct root *r = s->n_roots ? &s->roots[s->n_roots - 1] : NULL;

		if (r && addr_eq(root_key(s->streams[r->first].base), key)) {
			r->n++;
			continue;
		}
		if (pfxmap_add(&s->root_of, (struct prefix){ key, SEEDLESS_ROOT },
		               s->n_roots) < 0)
			return -ENOMEM;
		s->roots[s->n_roots++] = (struct root){ .first = (uint32_t)i, .n = 1 };
	}
	if (seedless_heap_room(s, s->n_roots + 1) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n_roots; i++) {
		for (uint32_t k = s->roots[i].n / 2 + 1; k-- > 0;)
			settle(s, &s->roots[i], k);
		rekey_root(s, i);
	}
	return 0;
}

/* ---- groups ---------------------------------------------------------------- */

static double group_p(const struct seedless *s, const struct group *g, unsigned digit)
{
	double p = s->sibling[g->nibble][digit + 15 - g->value];

	p *= (g->hits + group_weight) / (g->expected + group_weight);
	return p < p_max ? p : p_max;
}

/* The likeliest digit left; 16: none. */
static unsigned best_digit(const struct seedless *s, const struct group *g)
{
	unsigned best = 16;

	for (unsigned v = 0; v < 16; v++)
		if (!(g->gone >> v & 1) &&
		    (best == 16 || group_p(s, g, v) > group_p(s, g, best)))
			best = v;
	return best;
}

static void rekey_group(struct seedless *s, uint32_t i)
{
	const struct group *g = &s->groups[i];
	unsigned v = best_digit(s, g);

	seedless_set_key(s, s->n_roots + i, v < 16 ? group_p(s, g, v) : 0);
}

static struct prefix group_key(struct addr128 a, unsigned nibble)
{
	return (struct prefix){ addr_set_nibble(a, nibble, 0), (uint8_t)nibble };
}

static int open_group(struct seedless *s, struct addr128 a, unsigned nibble)
{
	size_t cap = s->cap_groups;
	uint32_t i = s->n_groups;
	unsigned own = addr_nibble(a, nibble);
	int rc = grow(&s->groups, i, &cap, sizeof(*s->groups));

	if (rc == 0)
		rc = seedless_heap_room(s, s->n_roots + i + 1);
	if (rc == 0)
		rc = pfxmap_add(&s->group_of, group_key(a, nibble), i);
	s->cap_groups = (uint32_t)cap;
	if (rc < 0)
		return rc;
	s->groups[s->n_groups++] = (struct group){
		.base = addr_set_nibble(a, nibble, 0),
		.nibble = (uint8_t)nibble,
		.value = (uint8_t)own,
		.gone = (uint16_t)(1u << own),
	};
	rekey_group(s, i);
	return 0;
}

/* ---- the outside ------------------------------------------------------------ */

int seedless_new(struct seedless **out, const struct addrvec *seeds,
                 const struct bgp *bgp, const struct ivtab *within)
{
	struct seedless *s = calloc(1, sizeof(*s));
	int rc = -ENOMEM;

	if (!s)
		return rc;
	rc = collect_streams(s, seeds, bgp, within);
	if (rc == 0)
		rc = seedless_learn(s, seeds, bgp);
	if (rc == 0)
		rc = make_roots(s);
	if (rc < 0) {
		seedless_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void seedless_free(struct seedless *s)
{
	if (!s)
		return;
	for (unsigned c = 0; c < SEEDLESS_CLASSES; c++)
		free(s->rates[c].r);
	free(s->streams);
	free(s->roots);
	pfxmap_fini(&s->root_of);
	ivtab_free(s->covered);
	free(s->groups);
	pfxmap_fini(&s->group_of);
	free(s->heap);
	free(s->place);
	free(s->key);
	pfxmap_fini(&s->seen);
	free(s->emitted);
	free(s->judged);
	free(s);
}

bool seedless_covers(const struct seedless *s, struct addr128 a)
{
	return ivtab_covers(s->covered, a);
}

size_t seedless_prefixes(const struct seedless *s)
{
	return s->n_streams;
}

float seedless_best(const struct seedless *s)
{
	return s->n_heap ? (float)s->key[s->heap[0]] : 0;
}

static bool was_seen(const struct seedless *s, struct addr128 a)
{
	uint32_t v;

	return pfxmap_find(&s->seen, (struct prefix){ a, 128 }, &v);
}

/* Take what the best member has next out of it. */
static void take_best(struct seedless *s, struct emitted *out)
{
	uint32_t member = s->heap[0];

	if (member < s->n_roots) {
		struct root *r = &s->roots[member];
		struct stream *x = &s->streams[r->first];
		const struct rate *rate = &s->rates[x->class].r[x->at++];

		*out = (struct emitted){ { x->base.hi | rate->offset.hi,
			                   x->base.lo | rate->offset.lo },
			                 rate->p };
		settle(s, r, 0);
		rekey_root(s, member);
	} else {
		struct group *g = &s->groups[member - s->n_roots];
		unsigned v = best_digit(s, g);

		*out = (struct emitted){ addr_set_nibble(g->base, g->nibble, v), 0 };
		g->gone |= (uint16_t)(1u << v);
		rekey_group(s, member - s->n_roots);
	}
}

/* index: of what came out, plus 1; 0: it never did. */
static int note_seen(struct seedless *s, struct addr128 a, uint32_t index)
{
	uint32_t *v = pfxmap_slot(&s->seen, (struct prefix){ a, 128 });

	if (!v)
		return -ENOMEM;
	if (!*v)
		*v = index;
	return 0;
}

static int note_emitted(struct seedless *s, const struct emitted *e)
{
	int rc = grow(&s->emitted, s->n_emitted, &s->cap_emitted, sizeof(*e));

	if (rc == 0)
		rc = note_seen(s, e->addr, (uint32_t)s->n_emitted + 1);
	if (rc == 0)
		s->emitted[s->n_emitted++] = *e;
	return rc;
}

int seedless_next(struct seedless *s, struct tgen_candidate *out)
{
	while (s->n_heap > 0 && s->n_emitted < UINT32_MAX - 1) {
		float p = seedless_best(s);
		struct emitted e;
		int rc;

		take_best(s, &e);
		if (was_seen(s, e.addr) || !seedless_covers(s, e.addr))
			continue;
		rc = note_emitted(s, &e);
		if (rc < 0)
			return rc;
		*out = (struct tgen_candidate){ e.addr, p, 0 };
		return 1;
	}
	return 0;
}

/* A candidate of a stream says something of its /32. */
static void judge_root(struct seedless *s, struct addr128 a, uint32_t index, bool alive)
{
	uint32_t i;

	if (!index || s->emitted[index - 1].rate <= 0 ||
	    !pfxmap_find(&s->root_of, (struct prefix){ root_key(a), SEEDLESS_ROOT }, &i))
		return;
	s->roots[i].hits += alive;
	s->roots[i].expected += (double)s->emitted[index - 1].rate;
	rekey_root(s, i);
}

static int judge_groups(struct seedless *s, struct addr128 a, bool alive)
{
	int rc = 0;

	for (unsigned i = SEEDLESS_NIBBLE; i < NIBBLES && rc == 0; i++) {
		uint32_t k;

		if (pfxmap_find(&s->group_of, group_key(a, i), &k)) {
			struct group *g = &s->groups[k];

			g->hits += alive;
			g->expected += s->mean[i];
			g->gone |= (uint16_t)(1u << addr_nibble(a, i));
			rekey_group(s, k);
		} else if (alive) {
			rc = open_group(s, a, i);
		}
	}
	return rc;
}

int seedless_feedback(struct seedless *s, struct addr128 a, bool alive)
{
	uint32_t index = 0;
	int rc = note_seen(s, a, 0);

	if (rc == 0)
		rc = grow(&s->judged, s->n_judged, &s->cap_judged, sizeof(*s->judged));
	if (rc < 0)
		return rc;
	s->judged[s->n_judged++] = (struct judged){ a, alive };
	pfxmap_find(&s->seen, (struct prefix){ a, 128 }, &index);
	judge_root(s, a, index, alive);
	return judge_groups(s, a, alive);
}

/* ---- the model file ------------------------------------------------------- */

void seedless_save(const struct seedless *s, struct model_out *out)
{
	model_put_u64(out, s->n_emitted);
	for (size_t i = 0; i < s->n_emitted; i++) {
		model_put_addr(out, s->emitted[i].addr);
		model_put_float(out, s->emitted[i].rate);
	}
	model_put_u64(out, s->n_judged);
	for (size_t i = 0; i < s->n_judged; i++) {
		model_put_addr(out, s->judged[i].addr);
		model_put_u32(out, s->judged[i].alive);
	}
}

/* Streams stand behind what came out of them; groups follow from the judgements. */
static void skip_seen(struct seedless *s)
{
	for (uint32_t i = 0; i < s->n_roots; i++) {
		struct root *r = &s->roots[i];

		for (uint32_t k = 0; k < r->n; k++) {
			struct stream *x = &s->streams[r->first + k];
			const struct rates *rates = &s->rates[x->class];

			while (x->at < rates->n) {
				struct addr128 o = rates->r[x->at].offset;

				if (!was_seen(s, (struct addr128){ x->base.hi | o.hi,
				                                   x->base.lo | o.lo }))
					break;
				x->at++;
			}
		}
		for (uint32_t k = r->n / 2 + 1; k-- > 0;)
			settle(s, r, k);
		rekey_root(s, i);
	}
}

int seedless_load(struct seedless *s, struct model_in *in)
{
	uint64_t n = model_get_u64(in);
	int rc = model_status(in);

	while (rc == 0 && n-- > 0) {
		struct emitted e = { .addr = model_get_addr(in) };

		e.rate = model_get_float(in);
		rc = model_status(in);
		if (rc == 0 && !(e.rate >= 0 && e.rate <= 1))
			return model_reject(in, "a rate outside 0 to 1");
		if (rc == 0)
			rc = note_emitted(s, &e);
	}
	n = rc == 0 ? model_get_u64(in) : 0;
	rc = rc < 0 ? rc : model_status(in);
	while (rc == 0 && n-- > 0) {
		struct addr128 a = model_get_addr(in);
		bool alive = model_get_u32(in) != 0;

		rc = model_status(in);
		if (rc == 0)
			rc = seedless_feedback(s, a, alive);
	}
	if (rc == 0)
		skip_seen(s);
	return rc;
}
