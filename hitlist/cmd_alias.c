/* alias-plan, alias-judge, alias-list and alias-lookup. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/reader.h"
#include "hitlist/cmds.h"
#include "hitlist/store.h"

int alias_plan_make(struct alias_state **out, size_t *n, struct scope **scope,
                    const struct hitlist *h, const struct alias_plan_cfg *cfg,
                    struct diag *d)
{
	struct scope_config sc = cfg->scope;
	struct prefix *announced = NULL;
	struct alias_plan_config c = {
		.now = cmd_now(),
		.retest_after = (uint32_t)(cfg->retest_ns / NS_PER_S),
		.min_members = cfg->min_members,
		.max = cfg->max,
	};
	size_t beyond = 0;
	int rc;

	sc.blocked = hitlist_blocked(h);
	rc = scope_new(scope, &sc, d);
	if (rc == 0 && cfg->announced)
		rc = routes_announced(&announced, &c.n_announced, cfg->announced, d);
	c.announced = announced;
	c.scope = *scope;
	if (rc == 0)
		rc = hitlist_alias_plan(out, n, &beyond, h, &c, d);
	if (rc == 0 && beyond)
		log_info("%zu more are due, above the limit: they come next", beyond);
	free(announced);
	return rc;
}

enum { ATTEMPTS = 8 };

/* A known host is better than none; what is out of scope never is. */
static bool fresh_target(struct addr128 *out, const struct hitlist *h,
                         const struct scope *scope, struct prefix p, unsigned child,
                         const struct mac_key *key)
{
	bool found = false;

	for (unsigned i = 0; i < ATTEMPTS; i++) {
		struct addr128 a = alias_target(p, child, i, key);

		if (scope_check(scope, a) != SCOPE_OK)
			continue;
		*out = a;
		found = true;
		if (hitlist_lookup(h, a, &(struct host_record){ .sources = 0 }, NULL) <=
		    0)
			break;
	}
	return found;
}

bool alias_fresh_targets(struct addr128 out[ALIAS_CHILDREN], const struct hitlist *h,
                         const struct scope *scope, struct prefix p,
                         const struct mac_key *key)
{
	for (unsigned c = 0; c < ALIAS_CHILDREN; c++)
		if (!fresh_target(&out[c], h, scope, p, c, key))
			return false;
	return true;
}

/* The number of prefixes written: one with a child out of scope cannot be tested. */
static size_t put_plan(struct writer *w, const struct hitlist *h,
                       const struct scope *scope, const struct alias_state *s, size_t n,
                       bool targets)
{
	struct addr128 a[ALIAS_CHILDREN];
	struct mac_key key;
	size_t written = 0;

	mac_key_random(&key);
	for (size_t i = 0; i < n; i++) {
		char prefix[PREFIX_STRLEN], addr[ADDR_STRLEN];

		if (!alias_fresh_targets(a, h, scope, s[i].prefix, &key))
			continue;
		written++;
		prefix_format(prefix, s[i].prefix);
		for (unsigned c = 0; targets && c < ALIAS_CHILDREN; c++) {
			addr_format(addr, a[c]);
			writer_printf(w, "%s,%s\n", addr, prefix);
		}
		if (!targets)
			writer_printf(w, "%s\n", prefix);
	}
	return written;
}

int alias_plan_run(const void *config, int argc, char *argv[])
{
	const struct alias_plan_command *cfg = config;
	struct alias_state *s = NULL;
	struct hitlist *h = NULL;
	struct writer *w = NULL;
	struct diag d = { "" };
	struct scope *scope = NULL;
	size_t n = 0, written = 0;
	int rc;

	if (argc != 1) {
		log_error("alias-plan needs one hitlist");
		return CMD_USAGE;
	}
	rc = hitlist_open(&h, argv[0], HITLIST_READ, &d);
	if (rc == 0)
		rc = alias_plan_make(&s, &n, &scope, h, &cfg->plan, &d);
	if (rc == 0)
		rc = writer_open(&w, cfg->output, &d);
	if (rc == 0) {
		written = put_plan(w, h, scope, s, n, cfg->targets);
		rc = writer_commit(w, &d);
	}
	if (rc == 0 && written < n)
		log_info("%zu left out: partly out of scope", n - written);
	if (rc == 0)
		log_info("%zu prefixes to be tested", written);
	writer_close(w);
	scope_free(scope);
	free(s);
	hitlist_close(h);
	return cmd_result(rc, &d);
}

/* ---- judging what another prober has done --------------------------------------- */

struct shot {
	struct addr128 addr;
	struct prefix prefix;
	bool icmp, tcp;
};

struct shots {
	struct shot *s;
	size_t n, cap;
};

static int cmp_addr(const void *x, const void *y)
{
	const struct shot *a = x, *b = y;

	return addr_cmp(a->addr, b->addr);
}

static int cmp_prefix(const void *x, const void *y)
{
	const struct shot *a = x, *b = y;
	int c = addr_cmp(a->prefix.addr, b->prefix.addr);

	return c ? c : (int)a->prefix.len - (int)b->prefix.len;
}

static int read_plan(struct shots *l, const char *path, struct diag *d)
{
	const struct reader_policy policy = { .strict = true, .v6_only = true };
	struct reader *r;
	struct addr128 a;
	int rc = reader_open(&r, path, &policy, d);

	if (rc < 0)
		return rc;
	while ((rc = reader_addr(r, &a, d)) > 0) {
		const char *comma = strchr(reader_text(r), ',');
		struct prefix p;

		if (!comma || !prefix_parse(&p, comma + 1) || !prefix_covers(p, a)) {
			rc = reader_reject(r, ERR_PARSE, d);
			break;
		}
		if (l->n == l->cap) {
			size_t cap = l->cap ? 2 * l->cap : 1024;
			struct shot *s = realloc(l->s, cap * sizeof(*s));

			if (!s) {
				rc = -ENOMEM;
				break;
			}
			l->s = s;
			l->cap = cap;
		}
		l->s[l->n++] = (struct shot){ .addr = a, .prefix = p };
	}
	reader_close(r);
	if (rc == 0 && l->n)
		qsort(l->s, l->n, sizeof(*l->s), cmp_addr);
	return rc;
}

static int read_answers(struct shots *l, const char *path, bool tcp, struct diag *d)
{
	const struct reader_policy policy = { .v6_only = true };
	struct reader *r;
	struct shot key;
	int rc = reader_open(&r, path, &policy, d);

	if (rc < 0)
		return rc;
	while ((rc = reader_addr(r, &key.addr, d)) > 0) {
		struct shot *s =
			l->n ? bsearch(&key, l->s, l->n, sizeof(*l->s), cmp_addr) : NULL;

		if (s && tcp)
			s->tcp = true;
		else if (s)
			s->icmp = true;
	}
	reader_close(r);
	return rc;
}

static unsigned child_of(const struct shot *s)
{
	unsigned c = 0;

	for (unsigned i = 0; i < 4; i++)
		c = c << 1 |
		    (s->prefix.len + i < 128 && addr_bit(s->addr, s->prefix.len + i));
	return c;
}

/* One state for each prefix of the plan. */
static int judge_shots(struct hitlist *h, struct shots *l, struct alias_state **out,
                       size_t *n)
{
	struct alias_state *s = calloc(l->n + 1, sizeof(*s));
	uint32_t now = cmd_now();

	*out = s;
	*n = 0;
	if (!s)
		return -ENOMEM;
	if (l->n)
		qsort(l->s, l->n, sizeof(*l->s), cmp_prefix);
	for (size_t i = 0, end; i < l->n; i = end) {
		const struct alias_state *old = apd_find(&h->apd, l->s[i].prefix);
		uint16_t icmp = 0, tcp = 0;

		for (end = i; end < l->n && cmp_prefix(&l->s[i], &l->s[end]) == 0;
		     end++) {
			icmp |= (uint16_t)(l->s[end].icmp << child_of(&l->s[end]));
			tcp |= (uint16_t)(l->s[end].tcp << child_of(&l->s[end]));
		}
		s[*n] = old ? *old : (struct alias_state){ .prefix = l->s[i].prefix };
		alias_judge(&s[(*n)++], icmp, tcp, now);
	}
	return 0;
}

void alias_report(const struct alias_state *s, size_t n)
{
	size_t count[ALIAS_VERDICTS] = { 0 };

	for (size_t i = 0; i < n; i++)
		count[s[i].verdict]++;
	log_info("%zu prefixes judged: %zu aliased, %zu not aliased, %zu not known yet",
	         n, count[ALIAS_IS], count[ALIAS_NOT], count[ALIAS_UNKNOWN]);
}

int alias_judge_run(const void *config, int argc, char *argv[])
{
	const struct alias_judge_cfg *cfg = config;
	struct hitlist_merge_stats st = { 0 };
	struct shots shots = { .n = 0 };
	struct alias_state *s = NULL;
	struct hitlist *h = NULL;
	struct diag d = { "" };
	size_t n = 0;
	int rc;

	if (argc != 1 || !cfg->plan || !(cfg->icmp.n + cfg->tcp.n)) {
		log_error("alias-judge needs one hitlist, --plan and a list of answers");
		return CMD_USAGE;
	}
	rc = read_plan(&shots, cfg->plan, &d);
	for (size_t i = 0; rc == 0 && i < cfg->icmp.n; i++)
		rc = read_answers(&shots, cfg->icmp.v[i], false, &d);
	for (size_t i = 0; rc == 0 && i < cfg->tcp.n; i++)
		rc = read_answers(&shots, cfg->tcp.v[i], true, &d);
	if (rc == 0)
		rc = hitlist_open(&h, argv[0], HITLIST_WRITE, &d);
	if (rc == 0)
		rc = judge_shots(h, &shots, &s, &n);
	if (rc == 0)
		rc = hitlist_alias_commit(h, s, n, &st, &d);
	if (rc == 0) {
		alias_report(s, n);
		cmd_report(argv[0], &st);
	}
	hitlist_close(h);
	free(shots.s);
	free(s);
	return cmd_result(rc, &d);
}

/* ---- looking ---------------------------------------------------------------------- */

/* The lowest known address inside, or none. */
static void put_representative(struct writer *w, const struct hitlist *h, struct prefix p,
                               struct diag *d)
{
	struct host_record r;
	struct hitlist_iter *it;
	char text[ADDR_STRLEN] = "-";

	if (store_iter(&it, h, TIER_SEEN, p.addr, prefix_last(p), d) == 0) {
		if (hitlist_iter_next(it, &r, d) > 0)
			addr_format(text, r.addr);
		hitlist_iter_close(it);
	}
	writer_printf(w, ",%s", text);
}

static void put_state(struct writer *w, const struct hitlist *h,
                      const struct alias_state *s, bool representative, struct diag *d)
{
	char text[PREFIX_STRLEN], when[32] = "-", last[32] = "-";

	prefix_format(text, s->prefix);
	if (s->since)
		clock_format_utc(when, (uint64_t)s->since * (NS_PER_S / NS_PER_US));
	if (s->last_round)
		clock_format_utc(last, (uint64_t)s->last_round * (NS_PER_S / NS_PER_US));
	writer_printf(w, "%s,%s,%s,%s,%04x,%04x", text,
	              alias_verdict_str((enum alias_verdict)s->verdict), when, last,
	              s->icmp[0] | s->icmp[1] | s->icmp[2],
	              s->tcp[0] | s->tcp[1] | s->tcp[2]);
	if (representative)
		put_representative(w, h, s->prefix, d);
	writer_printf(w, "\n");
}

static int put_states(const struct hitlist *h, struct writer *w, void *ctx,
                      struct diag *d)
{
	const struct alias_list_cfg *cfg = ctx;
	const struct alias_state *s;
	size_t n = hitlist_alias_states(h, &s);

	writer_printf(w, "prefix,verdict,since,last_round,icmp,tcp80%s\n",
	              cfg->representative ? ",representative" : "");
	for (size_t i = 0; i < n; i++)
		if (!cfg->verdict || s[i].verdict == cfg->verdict - 1)
			put_state(w, h, &s[i], cfg->representative, d);
	return 0;
}

int alias_list_run(const void *config, int argc, char *argv[])
{
	struct alias_list_cfg cfg = *(const struct alias_list_cfg *)config;

	if (argc != 1) {
		log_error("alias-list needs one hitlist");
		return CMD_USAGE;
	}
	return cmd_print(argv[0], cfg.output, put_states, &cfg);
}

/* The longest prefix with a verdict decides; then the list of aliased ones. */
static int look_up(const struct cmd_answer *x, struct addr128 a, struct diag *d)
{
	const struct hitlist *h = x->h;
	enum alias_verdict v = ALIAS_UNKNOWN;
	struct prefix best = { { 0, 0 }, 0 };
	char addr[ADDR_STRLEN], text[PREFIX_STRLEN] = "-";

	(void)d;
	for (unsigned len = 128; v == ALIAS_UNKNOWN && len; len--) {
		const struct alias_state *s = apd_find(&h->apd, prefix_make(a, len));

		if (!s || s->verdict == ALIAS_UNKNOWN)
			continue;
		v = s->verdict;
		best = s->prefix;
	}
	for (size_t i = 0; i < h->aliased.n; i++)
		if (prefix_covers(h->aliased.p[i], a) &&
		    prefix_is_v4(h->aliased.p[i]) == addr_is_v4(a) &&
		    (v == ALIAS_UNKNOWN || h->aliased.p[i].len > best.len)) {
			v = ALIAS_IS;
			best = h->aliased.p[i];
		}
	addr_format(addr, a);
	if (v != ALIAS_UNKNOWN)
		prefix_format(text, best);
	writer_printf(x->w, "%s,%s,%s\n", addr, text, alias_verdict_str(v));
	return 0;
}

int alias_lookup_run(const void *config, int argc, char *argv[])
{
	(void)config;
	if (argc < 2) {
		log_error("alias-lookup needs a hitlist and addresses");
		return CMD_USAGE;
	}
	return cmd_answer_all(argv[0], "-", 0, argc - 1, argv + 1, NULL, look_up);
}
