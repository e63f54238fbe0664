/* Aliased-prefix detection: which prefixes answer at every address.
 *
 * Gasser et al., "Clusters in the Expanse" (IMC 2018).  A prefix has 16 children,
 * by the next nibble.  A round probes one random address of each, never used
 * before and not of a known host, by ICMPv6 and on TCP port 80; a child has
 * answered when either did.  The last three rounds count together, because
 * packets are lost: a prefix is aliased when
 *   - every child has answered in at least one of them, and
 *   - of 16, 32 or 48 addresses (1, 2 or 3 rounds) at least 16, 28 or 38 did.
 * The second condition is ours.  In a dense network of independent hosts, where
 * every other address answers, each child answers in one of three rounds with
 * probability 7/8, so all 16 do in 12 % of the cases.  With it, the probability
 * to be taken for aliased at density 1/2 is at most P(Bin(16,1/2) = 16) +
 * P(Bin(32,1/2) >= 28) + P(Bin(48,1/2) >= 38) = 1.5e-5 + 1.0e-5 + 2.9e-5.  An
 * aliased prefix is missed with less than 1e-3 where 5 % of all packets are lost
 * (and one that answers one protocol only, with 2.0e-3).
 *
 * A prefix that has not been judged aliased within three rounds is not.  One that
 * is stays so until three rounds in a row speak against it: fewer than 12 children
 * answered, or one has not in any of the last three.  A network that is off for a
 * round, and packets lost now and then, do not make a verdict flap.
 *
 * A /124 is different.  Its 16 children are single addresses, so no round finds fresh
 * ones, and 16 hosts in a row, which networks have by the dozen, answer as one machine
 * with 16 addresses does.  It is tested where such hosts are: inside a /120 that has
 * more than min_members known ones, when more than half of its own addresses are known
 * (or more than min_members, if that is less).  It is aliased when both protocols say
 * so: every address has answered ICMPv6, and every one TCP, as 16 ports 80 in a row are
 * one machine's rather than 16 machines'.  When all answer, but not to both, nobody can
 * tell: it is unknown, and its hosts stay.
 *
 * The longest prefix with a verdict decides about an address. */
#include <stdlib.h>
#include <string.h>

#include "hitlist/batch.h"
#include "hitlist/exclude.h"

static const unsigned answers_min[ALIAS_ROUNDS + 1] = { 0, 16, 28, 38 };

const char *alias_verdict_str(enum alias_verdict v)
{
	static const char *const names[ALIAS_VERDICTS] = { "unknown", "not-aliased",
		                                           "aliased" };

	return (unsigned)v < ALIAS_VERDICTS ? names[v] : "?";
}

enum { STAY_MIN = 12, SINGLES = 124 /* children are single addresses */ };

/* Whether the rounds say "aliased"; less will do for a prefix that is already. */
static bool speaks_for(const struct alias_state *s)
{
	unsigned n = 0;
	uint16_t all = 0;

	for (unsigned i = 0; i < s->rounds; i++) {
		uint16_t answered = s->icmp[i] | s->tcp[i];

		all |= answered;
		n += (unsigned)__builtin_popcount(answered);
	}
	if (s->verdict == ALIAS_IS)
		return all == UINT16_MAX &&
		       __builtin_popcount(s->icmp[0] | s->tcp[0]) >= STAY_MIN;
	return all == UINT16_MAX && n >= answers_min[s->rounds];
}

/* Whether all addresses have answered to each of the two protocols. */
static bool both_speak_for(const struct alias_state *s)
{
	uint16_t icmp = 0, tcp = 0;

	for (unsigned i = 0; i < s->rounds; i++) {
		icmp |= s->icmp[i];
		tcp |= s->tcp[i];
	}
	return (icmp & tcp) == UINT16_MAX;
}

/* The verdict that follows from the last rounds. */
static enum alias_verdict verdict_of(struct alias_state *s)
{
	if (!speaks_for(s)) {
		s->misses = s->misses < UINT8_MAX ? s->misses + 1 : UINT8_MAX;
		return s->misses >= ALIAS_ROUNDS ? ALIAS_NOT
		                                 : (enum alias_verdict)s->verdict;
	}
	s->misses = 0;
	if (s->prefix.len < SINGLES || s->verdict == ALIAS_IS || both_speak_for(s))
		return ALIAS_IS;
	return ALIAS_UNKNOWN;
}

void alias_judge(struct alias_state *s, uint16_t icmp, uint16_t tcp, uint32_t now)
{
	enum alias_verdict v;

	for (unsigned i = ALIAS_ROUNDS - 1; i; i--) {
		s->icmp[i] = s->icmp[i - 1];
		s->tcp[i] = s->tcp[i - 1];
	}
	s->icmp[0] = icmp;
	s->tcp[0] = tcp;
	s->rounds = s->rounds < ALIAS_ROUNDS ? s->rounds + 1 : ALIAS_ROUNDS;
	s->last_round = now;
	v = verdict_of(s);
	if (v != s->verdict || !s->since)
		s->since = now;
	s->verdict = (uint8_t)v;
}

struct addr128 alias_target(struct prefix p, unsigned child, unsigned attempt,
                            const struct mac_key *key)
{
	uint8_t msg[20] = { 0 };
	struct addr128 a, random, mask;
	unsigned len = p.len > 124 ? 128 : p.len + 4U;

	addr_store(msg, p.addr);
	msg[16] = p.len;
	msg[17] = (uint8_t)child;
	msg[18] = (uint8_t)attempt;
	random.hi = mac64(key, msg, sizeof(msg));
	msg[19] = 1;
	random.lo = mac64(key, msg, sizeof(msg));
	a = p.addr;
	for (unsigned i = 0; p.len + i < len; i++) {
		unsigned at = p.len + i;
		uint64_t bit = child >> (3 - i) & 1;

		if (at < 64)
			a.hi |= bit << (63 - at);
		else
			a.lo |= bit << (127 - at);
	}
	mask = prefix_last((struct prefix){ { 0, 0 }, (uint8_t)len });
	a.hi |= random.hi & mask.hi;
	a.lo |= random.lo & mask.lo;
	return a;
}

/* ---- the plan ----------------------------------------------------------------- */

enum {
	SHORTEST = 64,
	LONGEST = SINGLES,
	STEP = 4,
	LEVELS = (LONGEST - SHORTEST) / STEP + 1
};

struct planner {
	const struct hitlist *h;
	const struct alias_plan_config *c;
	struct apd list; /* not sorted yet */
	size_t cap;
	uint64_t members[LEVELS]; /* of the current prefix of each level */
	uint16_t dense; /* children of the current /120 that are /124s to test */
	struct addr128 last;
	bool any;
};

/* Whether the next round is not to be put off: there is no verdict yet, or the last
 * round spoke against the one there is. */
static bool unsettled(const struct alias_state *s)
{
	if (s->verdict == ALIAS_NOT)
		return __builtin_popcount(s->icmp[0] | s->tcp[0]) >= STAY_MIN;
	return s->misses || (s->verdict == ALIAS_UNKNOWN && s->rounds < ALIAS_ROUNDS);
}

static bool due(const struct planner *p, const struct alias_state *s)
{
	if (!s || unsettled(s))
		return true;
	return p->c->now >= s->last_round &&
	       p->c->now - s->last_round >= p->c->retest_after;
}

static int plan_prefix(struct planner *p, struct prefix x)
{
	const struct alias_state *old = apd_find(&p->h->apd, x);

	if (x.len > LONGEST || prefix_is_v4(x) || !due(p, old))
		return 0;
	if (p->c->scope && scope_excludes_all(p->c->scope, x))
		return 0;
	if (ivtab_covers_all(p->h->optouts.table, x))
		return 0;
	if (p->list.n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 1024;
		struct alias_state *e = realloc(p->list.e, cap * sizeof(*e));

		if (!e)
			return -ENOMEM;
		p->list.e = e;
		p->cap = cap;
	}
	p->list.e[p->list.n++] = old ? *old : (struct alias_state){ .prefix = x };
	return 0;
}

/* The /124s of the /120 around the last host. */
static int plan_singles(struct planner *p)
{
	int rc = 0;

	for (unsigned c = 0; rc == 0 && c < ALIAS_CHILDREN; c++) {
		struct prefix x = prefix_make(p->last, SINGLES - STEP);

		x.addr.lo |= c << (128 - SINGLES);
		x.len = SINGLES;
		if (p->dense >> c & 1)
			rc = plan_prefix(p, x);
	}
	return rc;
}

/* The current prefix of a level, which the last host ends. */
static int close_level(struct planner *p, unsigned len, uint64_t members)
{
	uint64_t half = UINT64_C(1) << (127 - SINGLES);
	int rc = 0;

	if (len == SINGLES) {
		if (members > (p->c->min_members < half ? p->c->min_members : half))
			p->dense |=
				(uint16_t)(1U << addr_nibble(p->last, SINGLES / 4 - 1));
		return 0;
	}
	if (len == SHORTEST || members > p->c->min_members)
		rc = plan_prefix(p, prefix_make(p->last, len));
	if (len == SINGLES - STEP) {
		if (rc == 0 && members > p->c->min_members)
			rc = plan_singles(p);
		p->dense = 0;
	}
	return rc;
}

/* The prefixes that end between the last host and a, which starts others: the
 * longest first. */
static int close_levels(struct planner *p, unsigned common)
{
	int rc = 0;

	for (unsigned i = LEVELS; rc == 0 && i--;) {
		unsigned len = SHORTEST + i * STEP;

		if (common >= len)
			break;
		rc = close_level(p, len, p->members[i]);
		p->members[i] = 0;
	}
	return rc;
}

static int plan_members(struct planner *p, struct diag *d)
{
	struct hitlist_iter *it;
	struct host_record r;
	int rc = hitlist_iter_open(&it, p->h, NULL, d);

	if (rc < 0)
		return rc;
	while ((rc = hitlist_iter_next(it, &r, d)) > 0) {
		if (addr_is_v4(r.addr))
			continue;
		rc = p->any ? close_levels(p, addr_common_bits(p->last, r.addr)) : 0;
		if (rc < 0)
			break;
		for (unsigned i = 0; i < LEVELS; i++)
			p->members[i]++;
		p->last = r.addr;
		p->any = true;
	}
	hitlist_iter_close(it);
	return rc == 0 && p->any ? close_levels(p, 0) : rc;
}

static int cmp_age(const void *x, const void *y)
{
	const struct alias_state *a = x, *b = y;

	if (a->last_round != b->last_round)
		return a->last_round < b->last_round ? -1 : 1;
	return apd_cmp(x, y);
}

/* Sorted, each once, and no more than max; returns how many there were above it. */
static size_t settle(struct apd *l, uint64_t max)
{
	size_t n = 0;

	if (l->n)
		qsort(l->e, l->n, sizeof(*l->e), apd_cmp);
	for (size_t i = 0; i < l->n; i++)
		if (n == 0 || apd_cmp(&l->e[n - 1], &l->e[i]) != 0)
			l->e[n++] = l->e[i];
	l->n = n;
	if (!max || n <= max)
		return 0;
	qsort(l->e, n, sizeof(*l->e), cmp_age);
	l->n = (size_t)max;
	qsort(l->e, l->n, sizeof(*l->e), apd_cmp);
	return n - l->n;
}

int hitlist_alias_plan(struct alias_state **out, size_t *n, size_t *beyond,
                       const struct hitlist *h, const struct alias_plan_config *c,
                       struct diag *d)
{
	struct planner p = { .h = h, .c = c };
	int rc = plan_members(&p, d);

	for (size_t i = 0; rc == 0 && i < c->n_announced; i++)
		rc = plan_prefix(&p, c->announced[i]);
	for (size_t i = 0; rc == 0 && i < h->aliased.n; i++)
		rc = plan_prefix(&p, h->aliased.p[i]);
	for (size_t i = 0; rc == 0 && i < h->apd.n; i++)
		if (h->apd.e[i].verdict == ALIAS_IS)
			rc = plan_prefix(&p, h->apd.e[i].prefix);
	if (rc < 0) {
		free(p.list.e);
		return rc;
	}
	*beyond = settle(&p.list, c->max);
	*out = p.list.e;
	*n = p.list.n;
	return 0;
}

/* ---- the verdicts become the hitlist's ------------------------------------------ */

static int merge_states(struct apd *out, const struct apd *old,
                        const struct alias_state *s, size_t n)
{
	size_t i = 0, k = 0;

	*out = (struct apd){ .n = 0 };
	out->e = calloc(old->n + n + 1, sizeof(*out->e));
	if (!out->e)
		return -ENOMEM;
	while (i < old->n || k < n) {
		int c = i == old->n ? 1 : k == n ? -1 : apd_cmp(&old->e[i], &s[k]);

		out->e[out->n++] = c < 0 ? old->e[i] : s[k];
		i += c <= 0;
		k += c >= 0;
	}
	return 0;
}

/* What was aliased, then the verdicts: of equal prefixes the later one counts, of
 * nested ones the longest. */
static int verdict_table(struct ivtab **out, const struct hitlist *h,
                         const struct apd *states)
{
	struct ivtab_builder *b = ivtab_builder_new();
	int rc = b ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < h->aliased.n; i++)
		rc = ivtab_add(b, h->aliased.p[i], ALIAS_IS);
	for (size_t i = 0; rc == 0 && i < states->n; i++)
		if (states->e[i].verdict != ALIAS_UNKNOWN)
			rc = ivtab_add(b, states->e[i].prefix, states->e[i].verdict);
	if (rc == 0)
		rc = ivtab_build(out, b);
	ivtab_builder_free(b);
	return rc;
}

/* Neighbouring aliased intervals become one, and that the fewest prefixes: so
 * siblings are merged. */
static int derive(struct exclude *out, const struct ivtab *t)
{
	struct addr128 first = { 0, 0 }, last = { 0, 0 };
	bool open = false;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ivtab_count(t); i++) {
		struct ivtab_interval iv = ivtab_at(t, i);

		if (iv.value != ALIAS_IS)
			continue;
		if (open && addr_eq(addr_next(last), iv.first) &&
		    addr_is_v4(last) == addr_is_v4(iv.first)) {
			last = iv.last;
			continue;
		}
		if (open)
			rc = exclude_add_range(out, first, last);
		first = iv.first;
		last = iv.last;
		open = true;
	}
	return rc == 0 && open ? exclude_add_range(out, first, last) : rc;
}

int hitlist_alias_commit(struct hitlist *h, const struct alias_state *s, size_t n,
                         struct hitlist_merge_stats *st, struct diag *d)
{
	struct hitlist_batch *b = NULL;
	struct exclude aliased = { 0 };
	struct ivtab *table = NULL;
	struct apd next;
	int rc = merge_states(&next, &h->apd, s, n);

	if (rc == 0)
		rc = verdict_table(&table, h, &next);
	if (rc == 0)
		rc = derive(&aliased, table);
	if (rc == 0)
		rc = hitlist_batch_open(&b, h, d);
	if (rc == 0)
		rc = hitlist_batch_aliased(b, aliased.p, aliased.n);
	if (rc == 0) {
		b->replace = true;
		b->apd = &next;
		rc = hitlist_batch_commit(b, st, d);
	}
	hitlist_batch_close(b);
	apd_fini(&next);
	ivtab_free(table);
	exclude_fini(&aliased);
	return rc;
}

size_t hitlist_alias_states(const struct hitlist *h, const struct alias_state **out)
{
	*out = h->apd.e;
	return h->apd.n;
}
