#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mac.h"
#include "hitlist/cmds.h"

struct filter {
	bool responsive, seen;
	unsigned services; /* bits, any of which will do; 0: any host */
	unsigned sources;  /* the same */
	uint32_t since;
	struct ivtab *verdicts; /* NULL, or what must say that it is not aliased */
};

static bool passes(const struct filter *f, const struct host_record *r)
{
	uint32_t verdict;

	if (f->responsive && !r->last_seen)
		return false;
	if (f->services && !(f->services & r->services))
		return false;
	if (f->sources && !(f->sources & r->sources))
		return false;
	if (f->verdicts &&
	    (!ivtab_lookup(f->verdicts, r->addr, &verdict) || verdict != ALIAS_NOT))
		return false;
	return (f->seen ? r->last_probed : r->last_seen) >= f->since;
}

/* A sample: the records with the smallest keyed hashes, in a heap with the largest
 * one on top.  It depends on the seed and the addresses alone, and a smaller one
 * is part of a larger one. */
struct sampled {
	uint64_t hash;
	struct host_record r;
};

struct sample {
	struct sampled *e;
	size_t n, max, cap;
	struct mac_key key;
};

static void sift_down(struct sample *s, size_t i)
{
	for (size_t k; (k = 2 * i + 1) < s->n; i = k) {
		struct sampled x = s->e[i];

		if (k + 1 < s->n && s->e[k + 1].hash > s->e[k].hash)
			k++;
		if (s->e[k].hash <= x.hash)
			return;
		s->e[i] = s->e[k];
		s->e[k] = x;
	}
}

static void sift_up(struct sample *s, size_t i)
{
	while (i) {
		size_t up = (i - 1) / 2;
		struct sampled x = s->e[up];

		if (x.hash >= s->e[i].hash)
			return;
		s->e[up] = s->e[i];
		s->e[i] = x;
		i = up;
	}
}

static int sample_offer(struct sample *s, const struct host_record *r)
{
	struct sampled x = { .r = *r };
	uint8_t net[16];

	addr_store(net, r->addr);
	x.hash = mac64(&s->key, net, sizeof(net));
	if (s->n == s->max) {
		if (x.hash < s->e[0].hash) {
			s->e[0] = x;
			sift_down(s, 0);
		}
		return 0;
	}
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 1024;
		struct sampled *e = realloc(s->e, cap * sizeof(*e));

		if (!e)
			return -ENOMEM;
		s->e = e;
		s->cap = cap;
	}
	s->e[s->n++] = x;
	sift_up(s, s->n - 1);
	return 0;
}

static int cmp_sampled(const void *x, const void *y)
{
	const struct sampled *a = x, *b = y;

	return addr_cmp(a->r.addr, b->r.addr);
}

struct export
{
	const struct hitlist *h;
	const struct prefix *p;
	struct filter f;
	struct sample sample; /* max 0: everything */
	enum output_format format;
	struct writer *w;
};

static int export_hosts(struct export *x, struct diag *d)
{
	struct hitlist_iter *it;
	struct host_record r;
	int rc = (x->f.seen ? hitlist_iter_open_seen : hitlist_iter_open)(&it, x->h, x->p,
	                                                                  d);

	if (rc < 0)
		return rc;
	output_header(x->w, x->format, false);
	while (rc >= 0 && (rc = hitlist_iter_next(it, &r, d)) > 0) {
		if (!passes(&x->f, &r))
			continue;
		if (x->sample.max)
			rc = sample_offer(&x->sample, &r);
		else
			output_record(x->w, x->format, &r, NULL);
	}
	hitlist_iter_close(it);
	if (rc < 0)
		return rc;
	if (x->sample.n)
		qsort(x->sample.e, x->sample.n, sizeof(*x->sample.e), cmp_sampled);
	for (size_t i = 0; i < x->sample.n; i++)
		output_record(x->w, x->format, &x->sample.e[i].r, NULL);
	return writer_commit(x->w, d);
}

/* The verdicts of all prefixes tested: the longest one decides. */
static int load_verdicts(struct ivtab **out, const struct hitlist *h)
{
	struct ivtab_builder *b = ivtab_builder_new();
	const struct alias_state *s;
	size_t n = hitlist_alias_states(h, &s);
	int rc = b ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < n; i++)
		if (s[i].verdict != ALIAS_UNKNOWN)
			rc = ivtab_add(b, s[i].prefix, s[i].verdict);
	if (rc == 0)
		rc = ivtab_build(out, b);
	ivtab_builder_free(b);
	return rc;
}

/* What the options say about which hosts; false: said why not. */
static bool make_filter(struct export *x, struct prefix *p, const struct export_cfg *cfg)
{
	if (cfg->prefix && !prefix_parse(p, cfg->prefix)) {
		log_error("--prefix: '%s' is not a prefix", cfg->prefix);
		return false;
	}
	if (cfg->since && !time_parse_since(&x->f.since, cfg->since)) {
		log_error("--since: '%s' is neither a time like 30d nor a date like "
		          "2026-06-02",
		          cfg->since);
		return false;
	}
	if (!cfg->sample) {
		log_error("--sample 0: a sample has one host at least");
		return false;
	}
	x->p = cfg->prefix ? p : NULL;
	x->f.responsive = cfg->responsive;
	x->f.seen = cfg->seen;
	if (cfg->seen && (cfg->responsive || cfg->service || cfg->not_aliased)) {
		log_error("--seen: of these addresses no answer is known, nor a test");
		return false;
	}
	if (cfg->service)
		x->f.services = 1U << (cfg->service - 1);
	if (cfg->source)
		x->f.sources = 1U << (cfg->source - 1);
	x->format = (enum output_format)cfg->format;
	x->sample.max = cfg->sample == UINT64_MAX ? 0 : cfg->sample;
	memcpy(x->sample.key.k, &cfg->seed, sizeof(cfg->seed));
	return true;
}

int export_run(const void *config, int argc, char *argv[])
{
	const struct export_cfg *cfg = config;
	struct export x = { .h = NULL };
	struct hitlist *h = NULL;
	struct diag d = { "" };
	struct prefix p;
	int rc;

	if (argc != 1) {
		log_error("export needs one hitlist");
		return CMD_USAGE;
	}
	if (!make_filter(&x, &p, cfg))
		return CMD_USAGE;
	rc = hitlist_open(&h, argv[0], HITLIST_READ, &d);
	if (rc == 0 && cfg->not_aliased)
		rc = load_verdicts(&x.f.verdicts, h);
	if (rc == 0)
		rc = writer_open(&x.w, cfg->output, &d);
	x.h = h;
	if (rc == 0)
		rc = export_hosts(&x, &d);
	writer_close(x.w);
	hitlist_close(h);
	ivtab_free(x.f.verdicts);
	free(x.sample.e);
	return cmd_result(rc, &d);
}
