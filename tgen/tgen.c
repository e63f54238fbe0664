#include "tgen/tgen.h"

#include <stdlib.h>
#include <string.h>

#include "common/addrset.h"
#include "common/pfxmap.h"
#include "tgen/algorithm.h"
#include "tgen/diversity.h"
#include "tgen/seedless.h"

enum {
	CHUNK = 4096,
	RECENT = 64, /* pruned prefixes that wait for the next table */
	LIMITS = 8,
	FULL_MAX = 16384, /* prefixes that an algorithm is told are full */
	NAME_LEN = 16     /* of an algorithm, in the model file */
};

static const struct tgen_algorithm *const algorithms[] = {
	&tgen_sextant,  &tgen_space_tree, &tgen_sixtree, &tgen_det,     &tgen_sixgen,
	&tgen_sixgraph, &tgen_sixforest,  &tgen_entropy, &tgen_pattern, &tgen_low_byte,
};
enum { N_ALGORITHMS = sizeof(algorithms) / sizeof(algorithms[0]) };

struct tgen {
	const struct tgen_algorithm *alg;
	void *state;
	struct tgen_config cfg; /* .algorithm is not used after training */
	struct addrvec seeds;   /* borrowed unless owned is set */
	bool owned;
	/* Pruned prefixes: the first n_built are in the table as well. */
	struct prefix *pruned;
	size_t n_pruned, cap_pruned, n_built;
	struct ivtab_builder *builder;
	struct ivtab *table;
	struct tgen_limit limits[LIMITS];
	struct pfxmap emitted[LIMITS]; /* by prefix of the limit's length */
	unsigned n_full;
	struct seedless *seedless;   /* NULL: no announced prefixes were given */
	struct diversity *diversity; /* NULL: not wanted */
	float level; /* what the algorithm's candidates promise just now */
	struct tgen_stats stats;
};

const char *tgen_algorithm_name(unsigned i)
{
	return i < N_ALGORITHMS ? algorithms[i]->name : NULL;
}

const char *tgen_algorithm_summary(unsigned i)
{
	return i < N_ALGORITHMS ? algorithms[i]->summary : NULL;
}

/* NULL and "auto" stand for the best there is, the first. */
static bool is_any(const char *name)
{
	return !name || strcmp(name, "auto") == 0;
}

static int find_algorithm(const struct tgen_algorithm **out, const char *name,
                          struct diag *d)
{
	for (unsigned i = 0; i < N_ALGORITHMS; i++) {
		if (!is_any(name) && strcmp(algorithms[i]->name, name) != 0)
			continue;
		*out = algorithms[i];
		return 0;
	}
	return diag_set(d, ERR_PARSE, "there is no algorithm called `%s'", name);
}

uint32_t tgen_shard_of(struct addr128 a, uint32_t count)
{
	return count > 1 ? (uint32_t)(addr_hash(a, 0) % count) : 0;
}

/* The regions of candidates in prefixes without seeds, and for diversity; never one
 * of an algorithm's. */
#define REGION_SEEDLESS (UINT32_MAX - 1)
#define REGION_DIVERSE  (UINT32_MAX - 2)

static bool in_scope(const struct tgen_config *cfg, struct addr128 a)
{
	if (cfg->scope)
		return scope_check(cfg->scope, a) == SCOPE_OK;
	return a.hi >> 61 == 1; /* 2000::/3 */
}

static bool is_pruned(const struct tgen *g, struct addr128 a)
{
	if (g->table && ivtab_covers(g->table, a))
		return true;
	for (size_t i = g->n_built; i < g->n_pruned; i++)
		if (prefix_covers(g->pruned[i], a))
			return true;
	return false;
}

static bool is_aliased(const struct tgen *g, struct addr128 a)
{
	return (g->cfg.aliased && ivtab_covers(g->cfg.aliased, a)) || is_pruned(g, a);
}

/* Only what may be probed is worth learning from.  Seeds are copied only when
 * some have to go. */
static int choose_seeds(struct tgen *g, const struct addrvec *seeds)
{
	size_t good = 0;
	int rc = 0;

	for (size_t i = 0; i < seeds->n; i++)
		good += in_scope(&g->cfg, seeds->a[i]) && !is_aliased(g, seeds->a[i]);
	g->stats.seeds = good;
	g->stats.seeds_rejected = seeds->n - good;
	if (good == seeds->n) {
		g->seeds = *seeds;
		return 0;
	}
	g->owned = true;
	if (addrvec_reserve(&g->seeds, good ? good : 1) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < seeds->n && rc == 0; i++)
		if (in_scope(&g->cfg, seeds->a[i]) && !is_aliased(g, seeds->a[i]))
			rc = addrvec_push(&g->seeds, seeds->a[i]);
	return rc;
}

bool tgen_limit_parse(struct tgen_limit *out, const char *text)
{
	const char *colon = strchr(text, ':');
	uint64_t len, max;
	char head[8];

	if (!colon || colon == text || (size_t)(colon - text) >= sizeof(head))
		return false;
	memcpy(head, text, (size_t)(colon - text));
	head[colon - text] = '\0';
	if (!opt_parse_count(&len, head) || !opt_parse_count(&max, colon + 1) ||
	    len < 1 || len > 128 || max < 1 || max > UINT32_MAX)
		return false;
	*out = (struct tgen_limit){ (uint8_t)len, (uint32_t)max };
	return true;
}

static int copy_limits(struct tgen *g, const struct tgen_config *cfg, struct diag *d)
{
	if (cfg->n_limits > LIMITS)
		return diag_set(d, -EINVAL, "at most %d limits per prefix", LIMITS);
	for (size_t i = 0; i < cfg->n_limits; i++)
		g->limits[i] = cfg->limits[i];
	return 0;
}

/* Cut away what of p lies outside: halves until each is in or out. */
static int keep_within(struct tgen *g, const struct ivtab *within, struct prefix p)
{
	struct addr128 upper = p.addr;
	int rc;

	if (ivtab_covers_all(within, p))
		return 0;
	if (!ivtab_overlaps(within, p))
		return g->alg->prune(g->state, p);
	if (p.len < 64)
		upper.hi |= UINT64_C(1) << (63 - p.len);
	else
		upper.lo |= UINT64_C(1) << (127 - p.len);
	rc = keep_within(g, within, prefix_make(p.addr, p.len + 1u));
	return rc < 0 ? rc : keep_within(g, within, prefix_make(upper, p.len + 1u));
}

/* What a generator gets when it is new or loaded, besides what it knows. */
static int set_bounds(struct tgen *g, const struct tgen_config *cfg, bool fresh,
                      struct diag *d)
{
	const struct prefix everything = { { 0, 0 }, 0 };
	int rc = copy_limits(g, cfg, d);

	if (rc == 0 && cfg->within)
		rc = keep_within(g, cfg->within, everything);
	if (rc == 0 && cfg->bgp)
		rc = seedless_new(&g->seedless, &g->seeds, cfg->bgp, cfg->within);
	if (rc == 0 && fresh && cfg->diversity > 0)
		rc = diversity_new(&g->diversity, &g->seeds, cfg->diversity);
	g->level = 1;
	g->cfg.bgp = NULL;
	g->cfg.limits = NULL;
	return rc;
}

int tgen_train(struct tgen **out, const struct addrvec *seeds,
               const struct tgen_config *cfg, struct diag *d)
{
	struct tgen *g = calloc(1, sizeof(*g));
	int rc = -ENOMEM;

	if (!g)
		return rc;
	g->cfg = *cfg;
	rc = find_algorithm(&g->alg, cfg->algorithm, d);
	if (rc == 0)
		rc = choose_seeds(g, seeds);
	if (rc == 0 && g->seeds.n == 0)
		rc = diag_set(d, ERR_EMPTY,
		              "none of the %zu seeds is in scope and outside aliased "
		              "prefixes",
		              seeds->n);
	if (rc == 0 && g->alg->train_on)
		rc = g->alg->train_on(&g->state, &g->seeds, cfg->seed, cfg->threads, d);
	else if (rc == 0)
		rc = g->alg->train(&g->state, &g->seeds, cfg->seed, d);
	if (rc == 0)
		rc = set_bounds(g, cfg, true, d);
	if (rc < 0) {
		tgen_free(g);
		return rc;
	}
	g->stats.regions = g->alg->regions(g->state);
	*out = g;
	return 0;
}

void tgen_free(struct tgen *g)
{
	if (!g)
		return;
	if (g->alg)
		g->alg->free(g->state);
	if (g->owned)
		addrvec_fini(&g->seeds);
	for (size_t i = 0; i < LIMITS; i++)
		pfxmap_fini(&g->emitted[i]);
	seedless_free(g->seedless);
	diversity_free(g->diversity);
	free(g->pruned);
	ivtab_free(g->table);
	ivtab_builder_free(g->builder);
	free(g);
}

/* A prefix has had enough: the algorithm need not go on there.  It keeps lists
 * of what it need not do, so there is an end to telling it. */
static int fill_prefix(struct tgen *g, struct prefix p)
{
	return g->n_full++ < FULL_MAX ? g->alg->prune(g->state, p) : 0;
}

/* Count a candidate in each of its limited prefixes, unless one of them has had
 * enough.  1, 0 or -ENOMEM. */
static int within_limits(struct tgen *g, struct addr128 a)
{
	uint32_t *n[LIMITS];
	size_t k = 0;
	int rc = 0;

	for (; k < g->cfg.n_limits; k++) {
		n[k] = pfxmap_slot(&g->emitted[k], prefix_make(a, g->limits[k].len));
		if (!n[k])
			return -ENOMEM;
		if (*n[k] >= g->limits[k].max)
			return 0;
	}
	while (k-- > 0)
		if (++*n[k] == g->limits[k].max && rc == 0)
			rc = fill_prefix(g, prefix_make(a, g->limits[k].len));
	return rc < 0 ? rc : 1;
}

/* Whether a candidate may come out, 1 or 0, or -ENOMEM; the cheap questions come
 * first. */
static int admit(struct tgen *g, const struct tgen_candidate *c)
{
	const struct tgen_config *cfg = &g->cfg;
	struct tgen_stats *st = &g->stats;
	const struct addr128 a = c->addr;
	const bool seedless = c->region == REGION_SEEDLESS;
	const bool diverse = c->region == REGION_DIVERSE;
	int rc;

	/* So that none comes twice. */
	if (g->seedless && !seedless && seedless_covers(g->seedless, a))
		return 0;
	if (g->diversity && !diverse && diversity_has(g->diversity, a))
		return 0;
	if (!in_scope(cfg, a)) {
		st->rejected_scope++;
		return 0;
	}
	/* The algorithm keeps inside by itself. */
	if ((seedless || diverse) && cfg->within && !ivtab_covers(cfg->within, a))
		return 0;
	if (is_aliased(g, a)) {
		st->rejected_aliased++;
		return 0;
	}
	if (cfg->exclude && cfg->exclude(cfg->exclude_ctx, a)) {
		st->rejected_excluded++;
		return 0;
	}
	rc = within_limits(g, a);
	if (rc <= 0) {
		st->rejected_limits += rc == 0;
		return rc;
	}
	if (g->diversity && !diverse)
		rc = diversity_note(g->diversity, a, c->p);
	if (rc < 0)
		return rc;
	/* Last, so that the shards together have what the limits let through. */
	if (cfg->shard.count > 1 &&
	    tgen_shard_of(a, cfg->shard.count) != cfg->shard.index) {
		st->other_shards++;
		return 0;
	}
	return 1;
}

/* Move the candidates that may come out to the front; returns how many, or
 * -ENOMEM. */
static int keep_admitted(struct tgen *g, struct tgen_candidate *c, int n)
{
	int kept = 0;

	for (int i = 0; i < n; i++) {
		int rc = admit(g, &c[i]);

		if (rc < 0)
			return rc;
		c[kept] = c[i];
		kept += rc;
		g->stats.seedless += rc && c[i].region == REGION_SEEDLESS;
		g->stats.diverse += rc && c[i].region == REGION_DIVERSE;
	}
	return kept;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The algorithm's candidates fluctuate a little around their level, and the other
 * ones come in where they promise more than that. */
static int draw(struct tgen *g, struct tgen_candidate *out, size_t want)
{
	const float keep = 0.95F;
	int n;

	if (!g->seedless)
		return g->alg->next(g->state, out, want);
	if (seedless_best(g->seedless) < g->level) {
		n = g->alg->next(g->state, out, 1);
		if (n > 0)
			g->level = keep * g->level + (1 - keep) * out->p;
		if (n != 0)
			return n;
		g->level = 0; /* no more of these */
	}
	n = seedless_next(g->seedless, out);
	out->region = REGION_SEEDLESS;
	return n;
}

/* The same, with those for diversity in between. */
static int draw_any(struct tgen *g, struct tgen_candidate *out, size_t want)
{
	size_t gap = g->diversity ? diversity_gap(g->diversity) : want;
	int n = 0;

	if (gap == 0)
		n = diversity_next(g->diversity, out);
	if (n > 0)
		out->region = REGION_DIVERSE;
	if (n != 0)
		return n;
	n = draw(g, out, gap > 0 && gap < want ? gap : gap > 0 ? want : 1);
	if (n > 0 && g->diversity)
		diversity_drawn(g->diversity, (size_t)n);
	return n;
}

int tgen_next(struct tgen *g, struct tgen_candidate *out, size_t max)
{
	size_t n = 0;
	uint64_t patience = TGEN_PATIENCE;

	if (max > INT32_MAX)
		max = INT32_MAX;
	while (n < max && patience > 0) {
		size_t want = max - n < CHUNK ? max - n : CHUNK;
		uint64_t others = g->stats.other_shards;
		int got = draw_any(g, out + n, want), kept;

		if (got < 0)
			return got;
		if (got == 0)
			break;
		kept = keep_admitted(g, out + n, got);
		if (kept < 0)
			return kept;
		n += (size_t)kept;
		if (kept > 0 || g->stats.other_shards > others)
			patience = TGEN_PATIENCE;
		else
			patience -= least(patience, (uint64_t)got);
	}
	g->stats.emitted += n;
	return (int)n;
}

static int feed(struct tgen *g, struct tgen_result r)
{
	if (g->diversity && r.alive)
		diversity_found(g->diversity, r.addr);
	if (g->seedless && seedless_covers(g->seedless, r.addr))
		return seedless_feedback(g->seedless, r.addr, r.alive);
	if (g->diversity && r.region == REGION_DIVERSE)
		r.region = TGEN_REGION_UNKNOWN;
	return g->alg->feedback(g->state, &r, 1);
}

int tgen_feedback(struct tgen *g, const struct tgen_result *r, size_t n)
{
	int rc = 0;

	/* Answers from a prefix that was pruned in the meantime are no hits. */
	for (size_t i = 0; i < n && rc == 0; i++) {
		if (is_pruned(g, r[i].addr))
			continue;
		rc = feed(g, r[i]);
		g->stats.fed_back += rc == 0;
		g->stats.alive += rc == 0 && r[i].alive;
	}
	return rc;
}

static int rebuild_table(struct tgen *g)
{
	struct ivtab *t;
	int rc = 0;

	if (!g->builder)
		g->builder = ivtab_builder_new();
	if (!g->builder)
		return -ENOMEM;
	for (size_t i = g->n_built; i < g->n_pruned && rc == 0; i++)
		rc = ivtab_add(g->builder, g->pruned[i], 1);
	if (rc == 0)
		rc = ivtab_build(&t, g->builder);
	if (rc < 0)
		return rc;
	ivtab_free(g->table);
	g->table = t;
	g->n_built = g->n_pruned;
	return 0;
}

static int add_pruned(struct tgen *g, struct prefix p)
{
	if (g->n_pruned == g->cap_pruned) {
		size_t cap = g->cap_pruned ? 2 * g->cap_pruned : 64;
		struct prefix *q = realloc(g->pruned, cap * sizeof(*q));

		if (!q)
			return -ENOMEM;
		g->pruned = q;
		g->cap_pruned = cap;
	}
	g->pruned[g->n_pruned++] = p;
	return g->n_pruned - g->n_built > RECENT ? rebuild_table(g) : 0;
}

int tgen_prune(struct tgen *g, struct prefix p)
{
	int rc;

	if (p.len > 128)
		return -EINVAL;
	p = prefix_make(p.addr, p.len);
	rc = add_pruned(g, p);
	return rc < 0 ? rc : g->alg->prune(g->state, p);
}

void tgen_stats(const struct tgen *g, struct tgen_stats *st)
{
	*st = g->stats;
	st->seedless_prefixes = g->seedless ? seedless_prefixes(g->seedless) : 0;
	st->regions = g->alg->regions(g->state);
}

/* Where the level of the part on prefixes without seeds would be. */
#define PART_DIVERSITY (-1.0F)

/* The contents of a model file: algorithm, its version, seeds, pruned prefixes,
 * counts, and then what the algorithm adds. */
int tgen_save(const struct tgen *g, const char *path, struct diag *d)
{
	const struct tgen_stats *st = &g->stats;
	char name[NAME_LEN] = { 0 };
	struct model_out *o;
	int rc = model_create(&o, path, d);

	if (rc < 0)
		return rc;
	memcpy(name, g->alg->name, strlen(g->alg->name));
	model_put(o, name, sizeof(name));
	model_put_u32(o, g->alg->version);
	model_put_u64(o, g->seeds.n);
	for (size_t i = 0; i < g->seeds.n; i++)
		model_put_addr(o, g->seeds.a[i]);
	model_put_u64(o, g->n_pruned);
	for (size_t i = 0; i < g->n_pruned; i++) {
		model_put_addr(o, g->pruned[i].addr);
		model_put_u32(o, g->pruned[i].len);
	}
	model_put_u64(o, st->seeds_rejected);
	model_put_u64(o, st->emitted);
	model_put_u64(o, st->fed_back);
	model_put_u64(o, st->alive);
	rc = g->alg->save(g->state, o);
	if (rc < 0) {
		model_discard(o);
		return diag_set(d, rc, "%s: %s", path, err_str(rc));
	}
	if (g->seedless) {
		model_put_float(o, g->level);
		seedless_save(g->seedless, o);
	}
	if (g->diversity) {
		model_put_float(o, PART_DIVERSITY);
		model_put_float(o, (float)diversity_share(g->diversity));
		diversity_save(g->diversity, o);
	}
	return model_commit(o, d);
}

static int load_algorithm(struct tgen *g, struct model_in *in, const char *path,
                          struct diag *d)
{
	char name[NAME_LEN + 1] = { 0 };
	int rc;

	model_get(in, name, NAME_LEN);
	rc = model_status(in);
	if (rc < 0)
		return rc;
	if (find_algorithm(&g->alg, name, NULL) < 0)
		return model_reject(in, "the model is of an algorithm not known here");
	if (!is_any(g->cfg.algorithm) && strcmp(g->cfg.algorithm, name) != 0)
		return diag_set(d, ERR_FORMAT, "%s: a model of algorithm `%s', not `%s'",
		                path, name, g->cfg.algorithm);
	if (model_get_u32(in) != g->alg->version && model_status(in) == 0)
		return diag_set(d, ERR_VERSION, "%s: a model of another version of `%s'",
		                path, name);
	return model_status(in);
}

static int load_seeds(struct tgen *g, struct model_in *in)
{
	uint64_t n = model_get_u64(in);
	int rc = model_status(in);

	g->owned = true;
	if (rc == 0 && n == 0)
		return model_reject(in, "a model without seeds");
	while (rc == 0 && n-- > 0) {
		struct addr128 a = model_get_addr(in);

		rc = model_status(in);
		if (rc == 0 && g->seeds.n && addr_cmp(g->seeds.a[g->seeds.n - 1], a) >= 0)
			return model_reject(in, "seeds out of order");
		if (rc == 0)
			rc = addrvec_push(&g->seeds, a);
	}
	g->stats.seeds = g->seeds.n;
	return rc;
}

static int load_common(struct tgen *g, struct model_in *in)
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
			rc = add_pruned(g, prefix_make(a, len));
	}
	g->stats.seeds_rejected = model_get_u64(in);
	g->stats.emitted = model_get_u64(in);
	g->stats.fed_back = model_get_u64(in);
	g->stats.alive = model_get_u64(in);
	return rc < 0 ? rc : model_status(in);
}

/* Only files of generators that had announced prefixes have this part. */
static int load_seedless(struct tgen *g, struct model_in *in, float level,
                         const char *path, struct diag *d)
{
	if (!g->seedless)
		return diag_set(d, -EINVAL,
		                "%s: the model was made with announced prefixes: give "
		                "the same again",
		                path);
	g->level = level;
	if (!(g->level >= 0 && g->level <= 1))
		return model_reject(in, "a level outside 0 to 1");
	return seedless_load(g->seedless, in);
}

static int load_diversity(struct tgen *g, struct model_in *in)
{
	double share = (double)model_get_float(in);
	int rc = model_status(in);

	if (rc == 0 && (g->diversity || !(share > 0 && share <= 1)))
		return model_reject(in, "a share outside 0 to 1, or a second one");
	if (rc == 0)
		rc = diversity_new(&g->diversity, &g->seeds, share);
	return rc < 0 ? rc : diversity_load(g->diversity, in);
}

/* What not every file has. */
static int load_parts(struct tgen *g, struct model_in *in, const char *path,
                      struct diag *d)
{
	int rc = 0;

	while (rc == 0 && model_more(in)) {
		float what = model_get_float(in);

		rc = model_status(in);
		if (rc == 0 && what < 0)
			rc = load_diversity(g, in);
		else if (rc == 0)
			rc = load_seedless(g, in, what, path, d);
	}
	return rc < 0 ? rc : model_status(in);
}

int tgen_load(struct tgen **out, const char *path, const struct tgen_config *cfg,
              struct diag *d)
{
	struct tgen *g = calloc(1, sizeof(*g));
	struct model_in *in = NULL;
	int rc = -ENOMEM;

	if (!g)
		return rc;
	g->cfg = *cfg;
	rc = model_open(&in, path, d);
	if (rc == 0)
		rc = load_algorithm(g, in, path, d);
	if (rc == 0)
		rc = load_seeds(g, in);
	if (rc == 0)
		rc = load_common(g, in);
	if (rc == 0)
		rc = g->alg->load(&g->state, &g->seeds, in, d);
	if (rc == 0 && g->alg->threads)
		g->alg->threads(g->state, cfg->threads);
	if (rc == 0)
		rc = set_bounds(g, cfg, false, d);
	if (rc == 0)
		rc = load_parts(g, in, path, d);
	if (rc == 0)
		rc = model_end(in);
	model_close(in);
	if (rc < 0) {
		tgen_free(g);
		return rc;
	}
	g->stats.regions = g->alg->regions(g->state);
	*out = g;
	return 0;
}
