#include "seeds/arpa.h"

#include <stdlib.h>
#include <string.h>

#include "common/rng.h"
#include "seeds/walk.h"

enum {
	NIBBLES = 32,
	NET64 = 16, /* nibbles of a /64 */
	ZONE_SERVERS = 8,
	PROBES = 3,
	ALL = 16,
	DEPTH_MAX = 16, /* referrals in a row */
};

struct zone {
	int servers[ZONE_SERVERS];
	unsigned n, turn, depth;
	unsigned nibbles; /* of its apex */
};

/* A name that exists, and whose children are not known; ask: whether it exists has
 * to be found out. */
struct node {
	struct addr128 addr;
	uint32_t zone;
	uint8_t nibbles;
	bool ask;
};

struct arpa {
	struct dns_sync *s;
	struct arpa_config cfg;
	arpa_found found;
	void *arg;
	struct arpa_stats stats;
	struct zone *zones;
	size_t zones_n, zones_cap;
	struct node *stack;
	size_t stack_n, stack_cap;
	uint64_t net, in_net; /* the last /64, and what was found there */
	uint64_t probed;      /* the last /64 that was probed, and found good */
	bool any_probed, net_full, limited;
	uint32_t zone; /* during a walk along NSEC */
	struct diag *d;
};

/* What a name's answer says. */
enum says { SAYS_NOTHING, SAYS_NO, SAYS_YES, SAYS_PTR, SAYS_REFERRAL };

static int push(struct arpa *a, struct node n)
{
	if (a->stack_n == a->stack_cap) {
		size_t cap = a->stack_cap * 2 + 64;
		void *p = realloc(a->stack, cap * sizeof(*a->stack));

		if (!p)
			return diag_set(a->d, -ENOMEM, "%s", err_str(-ENOMEM));
		a->stack = p;
		a->stack_cap = cap;
	}
	a->stack[a->stack_n++] = n;
	return 0;
}

/* Ask the servers of a zone in turn, the dead ones not.  As dns_sync_ask(); 0 also
 * when all are dead, and for SERVFAIL and REFUSED. */
static int ask(struct arpa *a, uint32_t zone, const struct dns_name *n, uint16_t type,
               struct dns_msg *m)
{
	int rc = 0;

	for (unsigned i = 0; i < a->zones[zone].n && rc == 0; i++) {
		struct zone *z = &a->zones[zone];
		int server = z->servers[z->turn++ % z->n];
		const struct dns_ask q = { n, type, server, false, true, 0 };
		struct diag local = { "" };

		if (dns_client_is_dead(a->s->client, (unsigned)server))
			continue;
		if (a->cfg.max_queries &&
		    dns_client_stats(a->s->client)->sent >= a->cfg.max_queries) {
			a->limited = true;
			return ERR_STOPPED;
		}
		rc = dns_sync_ask(a->s, &q, m, &local);
		if (rc == ERR_POLICY)
			return rc;
		if (rc < 0)
			return diag_set(a->d, rc, "%s", local.text);
		if (rc > 0 && m->rcode != DNS_NOERROR && m->rcode != DNS_NXDOMAIN)
			rc = 0;
	}
	return rc;
}

/* What a message says about the name asked for; ptr is set for SAYS_PTR. */
static enum says judge(struct dns_msg m, const struct dns_name *n, struct dns_name *ptr)
{
	enum says says = SAYS_YES;
	struct dns_rr rr;

	if (!(m.flags & DNS_AA)) {
		while (dns_msg_next(&m, &rr) > 0)
			if (rr.section == 1 && rr.type == DNS_NS &&
			    dns_name_is_in(n, &rr.name))
				return SAYS_REFERRAL;
		return SAYS_NOTHING;
	}
	if (m.rcode == DNS_NXDOMAIN)
		return SAYS_NO;
	while (dns_msg_next(&m, &rr) > 0)
		if (rr.section == 0 && rr.type == DNS_PTR && dns_rr_target(&m, &rr, ptr))
			says = SAYS_PTR;
	return says;
}

/* Ask for the PTR of the first nibbles of an address. */
static int look(struct arpa *a, uint32_t zone, struct addr128 addr, unsigned nibbles,
                enum says *says, struct dns_msg *m, struct dns_name *ptr)
{
	struct dns_name n;
	int rc;

	*says = SAYS_NOTHING;
	dns_name_reverse(&n, addr, nibbles);
	rc = ask(a, zone, &n, DNS_PTR, m);
	if (rc == ERR_POLICY) {
		a->stats.opted_out++;
		*says = SAYS_NO;
		return 0;
	}
	if (rc > 0)
		*says = judge(*m, &n, ptr);
	a->stats.unknown += rc >= 0 && *says == SAYS_NOTHING;
	return rc < 0 ? rc : 0;
}

static int found(struct arpa *a, struct addr128 addr, const struct dns_name *ptr)
{
	if (a->in_net == 0 || a->net != addr.hi) {
		a->net = addr.hi;
		a->in_net = 0;
		a->net_full = false;
	}
	if (a->in_net >= a->cfg.max_per_64) {
		a->stats.full += !a->net_full;
		a->net_full = true;
		return 0;
	}
	a->in_net++;
	a->stats.found++;
	return a->found(a->arg, addr, ptr);
}

/* ---- zones ------------------------------------------------------------------------- */

static int new_zone(struct arpa *a, struct zone z, uint32_t *out)
{
	if (a->zones_n == a->zones_cap) {
		size_t cap = a->zones_cap * 2 + 8;
		void *p = realloc(a->zones, cap * sizeof(*a->zones));

		if (!p)
			return diag_set(a->d, -ENOMEM, "%s", err_str(-ENOMEM));
		a->zones = p;
		a->zones_cap = cap;
	}
	a->zones[a->zones_n] = z;
	*out = (uint32_t)a->zones_n++;
	a->stats.zones++;
	return 0;
}

/* Servers that a referral gives with their addresses. */
static int add_glue(struct arpa *a, struct dns_msg m, struct zone *z)
{
	struct dns_addr server = { .port = a->cfg.port };
	struct dns_rr rr;

	while (z->n < ZONE_SERVERS && dns_msg_next(&m, &rr) > 0) {
		struct diag local = { "" };
		int rc;

		if (rr.section != 2 || !dns_rr_addr(&m, &rr, &server.addr))
			continue;
		rc = dns_client_server(a->s->client, server, &local);
		if (rc == ERR_POLICY)
			a->stats.opted_out++;
		else if (rc >= 0)
			z->servers[z->n++] = rc;
	}
	return 0;
}

/* A name found along NSEC. */
static int on_name(void *arg, const struct walk_name *n)
{
	static const struct dns_name none = { 1, { 0 } };
	struct arpa *a = arg;
	struct addr128 addr;
	int nibbles = dns_name_reverse_parse(n->name, &addr);

	if (nibbles == NIBBLES && n->ptr)
		return found(a, addr, &none);
	if (nibbles > 0 && n->delegation)
		return push(a, (struct node){ addr, a->zone, (uint8_t)nibbles, true });
	return 0;
}

/* Along NSEC, when the zone has it.  1: done, 0: walk the tree. */
static int try_nsec(struct arpa *a, uint32_t zone, struct prefix p)
{
	struct walk_config cfg = { a->zones[zone].servers[0], 0, NULL };
	struct dns_name apex, below;
	enum walk_verdict verdict = WALK_NO_ANSWER;
	struct diag local = { "" };
	uint64_t names;
	int rc;

	dns_name_reverse(&apex, p.addr, a->zones[zone].nibbles);
	dns_name_reverse(&below, p.addr, p.len / 4u);
	cfg.below = &below;
	a->zone = zone;
	rc = walk_zone(a->s, &apex, &cfg, on_name, a, &verdict, &names, &local);
	if (rc < 0)
		return rc == ERR_POLICY ? 0 : diag_set(a->d, rc, "%s", local.text);
	a->stats.signed_zones += verdict == WALK_COMPLETE;
	return verdict == WALK_COMPLETE;
}

/* A delegation: its servers, and then what lies in it. */
static int follow(struct arpa *a, uint32_t from, struct addr128 addr, unsigned nibbles,
                  const struct dns_msg *m)
{
	struct zone z = { .depth = a->zones[from].depth + 1, .nibbles = nibbles };
	struct prefix p = prefix_make(addr, 4 * nibbles);
	uint32_t zone = 0;
	int rc;

	add_glue(a, *m, &z);
	if (!z.n || z.depth > DEPTH_MAX) {
		a->stats.lame++;
		return 0;
	}
	rc = new_zone(a, z, &zone);
	if (rc < 0)
		return rc;
	rc = try_nsec(a, zone, p);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return push(a, (struct node){ addr, zone, (uint8_t)nibbles, nibbles == NIBBLES });
}

/* ---- the tree ------------------------------------------------------------------------ */

/* Names that nobody would have chosen: do they exist all the same?  Near the leaves
 * the whole /64 is asked, for all sixteen neighbours may well be there. */
static int is_generated(struct arpa *a, const struct node *n, bool *yes)
{
	unsigned len = n->nibbles > NET64 ? 4 * NET64 : 4u * n->nibbles;
	struct prefix p = prefix_make(n->addr, len);

	*yes = false;
	if (n->nibbles >= NET64 && a->any_probed && a->probed == n->addr.hi)
		return 0;
	for (unsigned i = 0; i < PROBES && !*yes; i++) {
		struct addr128 r;
		struct dns_name ptr;
		struct dns_msg m;
		enum says says;
		int rc;

		rng_secret(&r, sizeof(r));
		for (unsigned k = 0; k < p.len / 4u; k++)
			r = addr_set_nibble(r, k, addr_nibble(p.addr, k));
		rc = look(a, n->zone, r, NIBBLES, &says, &m, &ptr);
		if (rc < 0)
			return rc;
		*yes = says == SAYS_PTR;
	}
	if (n->nibbles >= NET64 && !*yes) {
		a->any_probed = true;
		a->probed = n->addr.hi;
	}
	return 0;
}

struct child {
	enum says says;
	struct dns_name ptr;
};

/* The sixteen children.  Zero comes last, because it is the likeliest only child:
 * when the fifteen others do not exist, it must, or its parent would not. */
static int ask_children(struct arpa *a, const struct node *n, struct child c[static ALL],
                        unsigned *exist)
{
	bool sure = n->nibbles > a->zones[n->zone].nibbles && n->nibbles + 1 < NIBBLES;

	*exist = 0;
	for (unsigned i = 1; i <= ALL; i++) {
		unsigned v = i % ALL;
		struct addr128 addr = addr_set_nibble(n->addr, n->nibbles, v);
		struct dns_msg m;
		int rc;

		if (v == 0 && sure && *exist == 0) {
			c[v].says = SAYS_YES;
			++*exist;
			break;
		}
		rc = look(a, n->zone, addr, n->nibbles + 1u, &c[v].says, &m, &c[v].ptr);
		if (rc >= 0 && c[v].says == SAYS_REFERRAL)
			rc = follow(a, n->zone, addr, n->nibbles + 1u, &m);
		if (rc < 0)
			return rc;
		sure = sure && c[v].says == SAYS_NO;
		*exist += c[v].says == SAYS_YES || c[v].says == SAYS_PTR;
	}
	return 0;
}

static int expand(struct arpa *a, const struct node *n)
{
	struct child c[ALL];
	bool generated = false;
	unsigned exist;
	int rc = ask_children(a, n, c, &exist);

	if (rc >= 0 && exist == ALL)
		rc = is_generated(a, n, &generated);
	if (rc < 0)
		return rc;
	if (generated) {
		a->stats.generated++;
		return 0;
	}
	/* Backwards: the stack gives the lowest first. */
	for (unsigned i = ALL; i-- && rc >= 0;) {
		struct addr128 addr = addr_set_nibble(n->addr, n->nibbles, i);

		if (n->nibbles + 1 == NIBBLES)
			rc = c[i].says == SAYS_PTR ? found(a, addr, &c[i].ptr) : 0;
		else if (c[i].says == SAYS_YES || c[i].says == SAYS_PTR)
			rc = push(a, (struct node){ addr, n->zone,
			                            (uint8_t)(n->nibbles + 1), false });
	}
	return rc < 0 ? rc : 0;
}

/* A delegation that NSEC named, or an apex that is a host itself. */
static int ask_node(struct arpa *a, const struct node *n)
{
	struct dns_name ptr;
	struct dns_msg m;
	enum says says;
	int rc = look(a, n->zone, n->addr, n->nibbles, &says, &m, &ptr);

	if (rc < 0)
		return rc;
	if (says == SAYS_REFERRAL)
		return follow(a, n->zone, n->addr, n->nibbles, &m);
	return says == SAYS_PTR && n->nibbles == NIBBLES ? found(a, n->addr, &ptr) : 0;
}

static int run_stack(struct arpa *a)
{
	int rc = 0;

	while (a->stack_n && rc >= 0) {
		struct node n = a->stack[a->stack_n - 1];

		a->stack_n--;
		if (n.nibbles > NET64 && a->net_full && a->net == n.addr.hi)
			continue;
		rc = n.ask ? ask_node(a, &n) : expand(a, &n);
		/* What was cut short is begun again another time. */
		if (rc == ERR_STOPPED)
			push(a, n);
	}
	return rc;
}

/* Which zone has the name?  The SOA tells, in the answer or in a denial. */
static int find_apex(struct arpa *a, uint32_t zone, struct prefix p, bool *there)
{
	struct dns_name n;
	struct dns_msg m;
	struct dns_rr rr;
	int rc;

	*there = false;
	dns_name_reverse(&n, p.addr, p.len / 4u);
	rc = ask(a, zone, &n, DNS_SOA, &m);
	if (rc <= 0)
		return rc;
	*there = m.rcode == DNS_NOERROR;
	if (!(m.flags & DNS_AA))
		return judge(m, &n, &rr.name) == SAYS_REFERRAL;
	while (dns_msg_next(&m, &rr) > 0) {
		struct addr128 addr;
		int nibbles;

		if (rr.type != DNS_SOA || rr.section > 1 || !dns_name_is_in(&n, &rr.name))
			continue;
		nibbles = dns_name_reverse_parse(&rr.name, &addr);
		a->zones[zone].nibbles = nibbles > 0 ? (unsigned)nibbles : 0;
		return 1;
	}
	return 0;
}

/* A name that exists, and a parent of it that is denied: the server has it wrong, and
 * the tree below cannot be seen. */
static int check_known(struct arpa *a, uint32_t zone, struct prefix p,
                       const struct addr128 *known, size_t n, bool *broken)
{
	for (size_t i = 0; i < n && !*broken; i++) {
		struct dns_name ptr;
		struct dns_msg m;
		enum says says;
		int rc;

		if (!prefix_covers(p, known[i]))
			continue;
		rc = look(a, zone, known[i], NIBBLES, &says, &m, &ptr);
		if (rc < 0)
			return rc;
		if (says != SAYS_PTR)
			continue;
		for (unsigned k = p.len / 4u + 1; k < NIBBLES && !*broken; k++) {
			rc = look(a, zone, known[i], k, &says, &m, &ptr);
			if (rc < 0)
				return rc;
			*broken = says == SAYS_NO;
		}
	}
	return 0;
}

int arpa_walk(struct arpa *a, struct prefix p, const int *servers, unsigned n,
              const struct addr128 *known, size_t n_known, struct diag *d)
{
	struct zone z = { .n = n < ZONE_SERVERS ? n : ZONE_SERVERS };
	bool there = false, broken = false, generated = false;
	uint32_t zone = 0;
	int rc;

	p = prefix_make(p.addr, p.len / 4u * 4);
	a->d = d;
	for (unsigned i = 0; i < z.n; i++)
		z.servers[i] = servers[i];
	rc = new_zone(a, z, &zone);
	if (rc >= 0)
		rc = find_apex(a, zone, p, &there);
	if (rc == ERR_POLICY)
		return diag_set(d, rc, "it is on the opt-out list");
	if (rc == 0)
		return diag_set(d, ERR_EMPTY, "no server has a zone for it");
	if (rc > 0)
		rc = check_known(a, zone, p, known, n_known, &broken);
	if (rc >= 0 && broken) {
		a->stats.broken++;
		return 0;
	}
	if (rc >= 0)
		rc = try_nsec(a, zone, p);
	/* Names made up on request may exist without parents. */
	if (rc == 0)
		rc = is_generated(
			a, &(struct node){ p.addr, zone, (uint8_t)(p.len / 4), false },
			&generated);
	a->stats.generated += rc >= 0 && generated;
	if (rc == 0 && there && !generated)
		rc = push(a, (struct node){ p.addr, zone, (uint8_t)(p.len / 4),
		                            p.len == 128 });
	if (rc == ERR_STOPPED) {
		push(a, (struct node){ p.addr, zone, (uint8_t)(p.len / 4), false });
		return rc;
	}
	return rc < 0 ? rc : run_stack(a);
}

bool arpa_rest(const struct arpa *a, size_t i, struct prefix *out)
{
	if (i >= a->stack_n)
		return false;
	*out = prefix_make(a->stack[i].addr, 4u * a->stack[i].nibbles);
	return true;
}

bool arpa_is_limited(const struct arpa *a)
{
	return a->limited;
}

const struct arpa_stats *arpa_stats(const struct arpa *a)
{
	return &a->stats;
}

int arpa_new(struct arpa **out, struct dns_sync *s, const struct arpa_config *cfg,
             arpa_found on_found, void *arg)
{
	struct arpa *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->s = s;
	a->cfg = *cfg;
	a->found = on_found;
	a->arg = arg;
	*out = a;
	return 0;
}

void arpa_free(struct arpa *a)
{
	if (!a)
		return;
	free(a->zones);
	free(a->stack);
	free(a);
}
