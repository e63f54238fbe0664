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
	NS_MAX = 8,     /* names of servers in one referral */
	/* Inner nodes in a row, in a zone, that lead to no host.  Each exists because of
	 * something below it, thirty-two levels down at most. */
	BARREN_MAX = 1024,
};

struct zone {
	int servers[ZONE_SERVERS];
	unsigned n, turn, depth;
	unsigned nibbles; /* of its apex */
	unsigned barren;
	uint64_t asked; /* queries */
	bool cut;       /* max_zone_queries are reached, and counted */
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
	struct prefix *unseen;
	size_t unseen_n, unseen_cap;
	uint64_t net, in_net; /* the last /64, and what was found there */
	uint64_t probed;      /* the last /64 that was probed, and found good */
	/* How often a nibble was the only child, at each depth, below interface
	 * identifiers that begin with zeros only and below others. */
	uint16_t only[2][NIBBLES][ALL];
	bool any_probed, net_full, limited;
	/* During a walk along NSEC: the zone, and the last host that it found. */
	uint32_t zone;
	struct addr128 last;
	bool any_last;
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

/* Its existence, and what lies below it, are not known. */
static int keep_unseen(struct arpa *a, struct addr128 addr, unsigned nibbles)
{
	if (a->unseen_n == a->unseen_cap) {
		size_t cap = a->unseen_cap * 2 + 64;
		void *p = realloc(a->unseen, cap * sizeof(*a->unseen));

		if (!p)
			return diag_set(a->d, -ENOMEM, "%s", err_str(-ENOMEM));
		a->unseen = p;
		a->unseen_cap = cap;
	}
	a->unseen[a->unseen_n++] = prefix_make(addr, 4 * nibbles);
	a->stats.unknown++;
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
		const struct dns_ask q = { n, type, server, false, false, 0 };
		struct diag local = { "" };

		if (dns_client_is_dead(a->s->client, (unsigned)server))
			continue;
		if (a->cfg.max_queries &&
		    dns_client_stats(a->s->client)->sent >= a->cfg.max_queries) {
			a->limited = true;
			return ERR_STOPPED;
		}
		z->asked++;
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

/* The zone that a referral leads to, in nibbles; 0: it is none, or leads nowhere
 * further down than a zone of apex nibbles. */
static unsigned referral(struct dns_msg m, const struct dns_name *n, unsigned apex)
{
	struct addr128 addr;
	struct dns_rr rr;

	if (m.flags & DNS_AA || m.rcode != DNS_NOERROR)
		return 0;
	while (dns_msg_next(&m, &rr) > 0) {
		int nibbles;

		if (rr.section != 1 || rr.type != DNS_NS || !dns_name_is_in(n, &rr.name))
			continue;
		nibbles = dns_name_reverse_parse(&rr.name, &addr);
		if (nibbles > (int)apex)
			return (unsigned)nibbles;
	}
	return 0;
}

/* What a message says about the name asked for; ptr is set for SAYS_PTR.  An alias is
 * somebody's name for the address, too. */
static enum says judge(struct dns_msg m, const struct dns_name *n, unsigned apex,
                       struct dns_name *ptr)
{
	enum says says = m.rcode == DNS_NXDOMAIN ? SAYS_NO : SAYS_YES;
	struct dns_rr rr;

	if (referral(m, n, apex))
		return SAYS_REFERRAL;
	if (!(m.flags & DNS_AA))
		return SAYS_NOTHING;
	while (dns_msg_next(&m, &rr) > 0)
		if (rr.section == 0 && (rr.type == DNS_PTR || rr.type == DNS_CNAME) &&
		    dns_name_eq(&rr.name, n) && dns_rr_target(&m, &rr, ptr))
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
		*says = judge(*m, &n, a->zones[zone].nibbles, ptr);
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

/* All its servers have fallen silent. */
static bool is_dead(const struct arpa *a, uint32_t zone)
{
	const struct zone *z = &a->zones[zone];

	for (unsigned i = 0; i < z->n; i++)
		if (!dns_client_is_dead(a->s->client, (unsigned)z->servers[i]))
			return false;
	return true;
}

static int add_server(struct arpa *a, struct zone *z, struct addr128 addr)
{
	struct dns_addr server = { addr, a->cfg.port };
	struct diag local = { "" };
	int rc;

	if (z->n == ZONE_SERVERS)
		return 0;
	rc = dns_client_found_server(a->s->client, server, &local);
	if (rc == ERR_POLICY)
		a->stats.opted_out++;
	for (unsigned i = 0; i < z->n; i++)
		if (rc == z->servers[i])
			return 0;
	if (rc >= 0)
		z->servers[z->n++] = rc;
	return rc == -ENOMEM ? diag_set(a->d, rc, "%s", local.text) : 0;
}

/* The addresses that a message has for a host: how many. */
static unsigned add_glue(struct arpa *a, struct dns_msg m, const struct dns_name *host,
                         struct zone *z)
{
	struct addr128 addr;
	unsigned n = 0;
	struct dns_rr rr;

	while (dns_msg_next(&m, &rr) > 0)
		if (rr.section == 2 && dns_name_eq(&rr.name, host) &&
		    dns_rr_addr(&m, &rr, &addr)) {
			add_server(a, z, addr);
			n++;
		}
	return n;
}

/* The servers of a referral: with the addresses that come along, or those that the
 * resolvers have for them. */
static int add_servers(struct arpa *a, const struct dns_msg *m, struct zone *z)
{
	const struct dns_optout *optout = dns_client_optout(a->s->client);
	struct addr128 addr[DNS_HOST_ADDRS];
	struct dns_name missing[NS_MAX], host;
	struct dns_msg rest = *m;
	unsigned n = 0;
	struct dns_rr rr;
	int rc = 0;

	while (dns_msg_next(&rest, &rr) > 0) {
		if (rr.section != 1 || rr.type != DNS_NS ||
		    !dns_rr_target(&rest, &rr, &host))
			continue;
		if (dns_optout_has_name(optout, &host))
			a->stats.opted_out++;
		else if (!add_glue(a, *m, &host, z) && n < NS_MAX)
			missing[n++] = host;
	}
	for (unsigned i = 0; i < n && rc >= 0 && !z->n && a->cfg.hosts; i++) {
		rc = a->cfg.hosts(a->cfg.hosts_arg, &missing[i], addr, a->d);
		for (int k = 0, found = rc; k < found && rc >= 0; k++)
			rc = add_server(a, z, addr[k]);
	}
	return rc < 0 ? rc : 0;
}

/* A name found along NSEC. */
static int on_name(void *arg, const struct walk_name *n)
{
	static const struct dns_name none = { 1, { 0 } };
	struct arpa *a = arg;
	struct addr128 addr;
	int rc, nibbles = dns_name_reverse_parse(n->name, &addr);

	if (nibbles == NIBBLES && n->ptr) {
		a->last = addr;
		a->any_last = true;
		rc = found(a, addr, &none);
		if (rc >= 0 && a->net_full)
			return NET64 + 2; /* labels */
		return rc;
	}
	if (nibbles > 0 && n->delegation)
		return push(a, (struct node){ addr, a->zone, (uint8_t)nibbles, true });
	return 0;
}

/* What lies after the last host that was found along NSEC: siblings, from the outside
 * in, so that the stack gives the lowest first. */
static int push_rest(struct arpa *a, uint32_t zone, struct prefix p)
{
	int rc = 0;

	for (unsigned i = p.len / 4u; i < NIBBLES; i++)
		for (unsigned v = ALL; --v > addr_nibble(a->last, i) && rc >= 0;) {
			struct prefix q =
				prefix_make(addr_set_nibble(a->last, i, v), 4 * (i + 1));

			rc = push(a,
			          (struct node){ q.addr, zone, (uint8_t)(i + 1), true });
		}
	return rc;
}

/* Along NSEC, when the zone has it.  1: done, 0: walk the tree. */
static int try_nsec(struct arpa *a, uint32_t zone, struct prefix p)
{
	struct walk_config cfg = { .max_queries = a->cfg.max_queries };
	const struct zone *z = &a->zones[zone];
	struct dns_name apex, below;
	enum walk_verdict verdict = WALK_NO_ANSWER;
	struct diag local = { "" };
	unsigned i = 0;
	uint64_t names;
	int rc;

	dns_name_reverse(&apex, p.addr, z->nibbles);
	dns_name_reverse(&below, p.addr, p.len / 4u);
	cfg.below = &below;
	while (i + 1 < z->n && dns_client_is_dead(a->s->client, (unsigned)z->servers[i]))
		i++;
	cfg.server = z->servers[i];
	a->zone = zone;
	a->any_last = false;
	rc = walk_zone(a->s, &apex, &cfg, on_name, a, &verdict, &names, &local);
	if (rc < 0)
		return rc == ERR_POLICY ? 0 : diag_set(a->d, rc, "%s", local.text);
	if (verdict == WALK_LIMIT) {
		a->limited = true;
		return ERR_STOPPED;
	}
	a->stats.signed_zones += verdict == WALK_COMPLETE;
	if (verdict != WALK_COMPLETE && a->any_last)
		return push_rest(a, zone, p) < 0 ? -ENOMEM : 1;
	return verdict == WALK_COMPLETE;
}

static int is_generated(struct arpa *a, const struct node *n, bool *yes);

/* A delegation: its servers, and then what lies in it.  cut: nibbles of its apex. */
static int follow(struct arpa *a, uint32_t from, struct addr128 addr, unsigned nibbles,
                  unsigned cut, const struct dns_msg *m)
{
	struct zone z = { .depth = a->zones[from].depth + 1, .nibbles = cut };
	struct prefix p = prefix_make(addr, 4 * nibbles);
	struct node n = { p.addr, 0, (uint8_t)nibbles, true };
	bool generated = false;
	int rc = add_servers(a, m, &z);

	a->zones[from].barren = 0;
	if (rc < 0)
		return rc;
	if (!z.n || z.depth > DEPTH_MAX) {
		a->stats.lame++;
		return 0;
	}
	rc = new_zone(a, z, &n.zone);
	if (rc >= 0)
		rc = try_nsec(a, n.zone, p);
	if (rc == 0)
		rc = is_generated(a, &n, &generated);
	else
		return rc < 0 ? rc : 0;
	a->stats.generated += generated;
	return rc < 0 || generated ? rc : push(a, n);
}

/* ---- the tree ------------------------------------------------------------------------ */

/* Full names that nobody would have chosen: do they exist all the same?  Near the leaves
 * the whole /64 is asked, for all sixteen neighbours may well be there. */
static int is_generated(struct arpa *a, const struct node *n, bool *yes)
{
	unsigned apex = a->zones[n->zone].nibbles, k = n->nibbles;
	struct prefix p;

	if (k > NET64)
		k = apex > NET64 ? apex : NET64;
	p = prefix_make(n->addr, 4 * k);
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
		for (unsigned j = 0; j < k; j++)
			r = addr_set_nibble(r, j, addr_nibble(p.addr, j));
		rc = look(a, n->zone, r, NIBBLES, &says, &m, &ptr);
		if (rc < 0)
			return rc;
		*yes = says == SAYS_PTR || says == SAYS_YES;
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

/* The nibble that was the only child most often at this depth: zero at first, but
 * 0xff and 0xfe in the middle of EUI-64, and what else the network has. */
static uint16_t *only_children(struct arpa *a, const struct node *n)
{
	bool other = false;

	for (unsigned i = NET64; i < n->nibbles; i++)
		other = other || addr_nibble(n->addr, i);
	return a->only[other][n->nibbles];
}

static unsigned likeliest(const uint16_t only[static ALL])
{
	unsigned best = 0;

	for (unsigned i = 1; i < ALL; i++)
		best = only[i] > only[best] ? i : best;
	return best;
}

/* The sixteen children.  The likeliest only child comes last: when the fifteen others
 * do not exist, it must, or its parent would not. */
static int ask_children(struct arpa *a, const struct node *n, struct child c[static ALL],
                        unsigned *exist, bool *none)
{
	bool sure = n->nibbles > a->zones[n->zone].nibbles && n->nibbles + 1 < NIBBLES;
	uint16_t *only = only_children(a, n);
	unsigned last = likeliest(only), one = 0;

	*exist = 0;
	*none = true;
	for (unsigned i = 1; i <= ALL; i++) {
		unsigned v = (last + i) % ALL;
		struct addr128 addr = addr_set_nibble(n->addr, n->nibbles, v);
		struct dns_msg m;
		int rc;

		if (i == ALL && sure && *exist == 0) {
			c[v].says = SAYS_YES;
			++*exist;
			one = v;
			break;
		}
		rc = look(a, n->zone, addr, n->nibbles + 1u, &c[v].says, &m, &c[v].ptr);
		if (rc >= 0 && c[v].says == SAYS_REFERRAL)
			rc = follow(a, n->zone, addr, n->nibbles + 1u, n->nibbles + 1u,
			            &m);
		if (rc >= 0 && c[v].says == SAYS_NOTHING)
			rc = keep_unseen(a, addr, n->nibbles + 1u);
		if (rc < 0)
			return rc;
		sure = sure && c[v].says == SAYS_NO;
		*none = *none && c[v].says == SAYS_NO;
		if (c[v].says == SAYS_YES || c[v].says == SAYS_PTR) {
			++*exist;
			one = v;
		}
	}
	if (*exist == 1 && only[one] < UINT16_MAX)
		only[one]++;
	return 0;
}

/* The hosts among the children. */
static int take_leaves(struct arpa *a, const struct node *n,
                       const struct child c[static ALL])
{
	int rc = 0;

	for (unsigned i = 0; i < ALL && rc >= 0; i++) {
		if (c[i].says != SAYS_PTR)
			continue;
		a->zones[n->zone].barren = 0;
		rc = found(a, addr_set_nibble(n->addr, n->nibbles, i), &c[i].ptr);
	}
	return rc < 0 ? rc : 0;
}

/* Backwards: the stack gives the lowest first. */
static int push_children(struct arpa *a, const struct node *n,
                         const struct child c[static ALL])
{
	int rc = 0;

	for (unsigned i = ALL; i-- && rc >= 0;)
		if (c[i].says == SAYS_YES || c[i].says == SAYS_PTR)
			rc = push(a, (struct node){
					     addr_set_nibble(n->addr, n->nibbles, i),
					     n->zone, (uint8_t)(n->nibbles + 1), false });
	return rc;
}

static int expand(struct arpa *a, const struct node *n)
{
	struct child c[ALL];
	bool generated = false, none;
	unsigned exist;
	int rc = ask_children(a, n, c, &exist, &none);

	if (rc >= 0 && exist == ALL)
		rc = is_generated(a, n, &generated);
	if (rc < 0)
		return rc;
	a->stats.empty += none && n->nibbles == a->zones[n->zone].nibbles;
	a->stats.generated += generated;
	if (generated)
		return 0;
	if (++a->zones[n->zone].barren == BARREN_MAX)
		a->stats.endless++;
	return n->nibbles + 1 == NIBBLES ? take_leaves(a, n, c) : push_children(a, n, c);
}

/* A node that may be there or not, a delegation, or a host. */
static int ask_node(struct arpa *a, const struct node *n)
{
	struct dns_name ptr, name;
	struct dns_msg m;
	enum says says;
	int rc = look(a, n->zone, n->addr, n->nibbles, &says, &m, &ptr);

	if (rc < 0)
		return rc;
	switch (says) {
	case SAYS_NOTHING: return keep_unseen(a, n->addr, n->nibbles);
	case SAYS_NO: return 0;
	case SAYS_REFERRAL:
		dns_name_reverse(&name, n->addr, n->nibbles);
		return follow(a, n->zone, n->addr, n->nibbles,
		              referral(m, &name, a->zones[n->zone].nibbles), &m);
	default:
		if (n->nibbles < NIBBLES)
			return expand(a, n);
		return says == SAYS_PTR ? found(a, n->addr, &ptr) : 0;
	}
}

/* What is not asked any more: true, and kept as not seen, or known not to end. */
static bool is_left(struct arpa *a, const struct node *n, int *rc)
{
	struct zone *z = &a->zones[n->zone];
	bool spent = a->cfg.max_zone_queries && z->asked >= a->cfg.max_zone_queries;

	if ((n->nibbles > NET64 && a->net_full && a->net == n->addr.hi) ||
	    z->barren >= BARREN_MAX)
		return true;
	if (!spent && !is_dead(a, n->zone))
		return false;
	a->stats.cut += spent && !z->cut;
	z->cut = z->cut || spent;
	*rc = keep_unseen(a, n->addr, n->nibbles);
	return true;
}

static int run_stack(struct arpa *a)
{
	int rc = 0;

	while (a->stack_n && rc >= 0) {
		struct node n = a->stack[a->stack_n - 1];

		a->stack_n--;
		if (is_left(a, &n, &rc))
			continue;
		rc = n.ask ? ask_node(a, &n) : expand(a, &n);
		/* What was cut short is begun again another time. */
		if (rc == ERR_STOPPED)
			push(a, n);
	}
	return rc;
}

/* Which zone has the name?  The SOA tells, in the answer or in a denial.  1, and
 * whether the name is there; or *cut: a referral, nibbles of the zone it leads to.
 * 0: no server knows. */
static int find_apex(struct arpa *a, uint32_t zone, struct prefix p, bool *there,
                     unsigned *cut, struct dns_msg *reply)
{
	struct dns_name n;
	struct dns_msg m;
	struct dns_rr rr;
	int rc;

	*there = false;
	*cut = 0;
	dns_name_reverse(&n, p.addr, p.len / 4u);
	rc = ask(a, zone, &n, DNS_SOA, &m);
	if (rc <= 0)
		return rc;
	*reply = m;
	*there = m.rcode == DNS_NOERROR;
	*cut = referral(m, &n, 0);
	if (*cut || !(m.flags & DNS_AA))
		return *cut != 0;
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

/* The zone is known: along NSEC, or down the tree. */
static int walk_zone_of(struct arpa *a, uint32_t zone, struct prefix p, bool there)
{
	struct node n = { p.addr, zone, (uint8_t)(p.len / 4), p.len == 128 };
	bool generated = false;
	int rc = try_nsec(a, zone, p);

	if (rc == ERR_STOPPED && a->any_last)
		return push_rest(a, zone, p) < 0 ? -ENOMEM : rc;
	/* Names made up on request may exist without parents. */
	if (rc == 0)
		rc = is_generated(a, &n, &generated);
	else if (rc > 0)
		there = false;
	a->stats.generated += generated;
	if (rc >= 0 && there && !generated)
		rc = push(a, n);
	if (rc == ERR_STOPPED)
		push(a, n);
	return rc < 0 ? rc : 0;
}

int arpa_walk(struct arpa *a, struct prefix p, const int *servers, unsigned n,
              const struct addr128 *known, size_t n_known, struct diag *d)
{
	struct zone z = { .n = n < ZONE_SERVERS ? n : ZONE_SERVERS };
	bool there = false, broken = false;
	struct dns_msg m = { 0 };
	uint32_t zone = 0;
	unsigned cut = 0;
	int rc;

	p = prefix_make(p.addr, p.len / 4u * 4);
	a->d = d;
	for (unsigned i = 0; i < z.n; i++)
		z.servers[i] = servers[i];
	rc = new_zone(a, z, &zone);
	if (rc >= 0)
		rc = find_apex(a, zone, p, &there, &cut, &m);
	if (rc == ERR_POLICY)
		return diag_set(d, rc, "it is on the opt-out list");
	if (rc == 0)
		return diag_set(d, ERR_EMPTY, "no server has a zone for it");
	if (rc > 0 && !cut)
		rc = check_known(a, zone, p, known, n_known, &broken);
	if (rc >= 0 && broken) {
		a->stats.broken++;
		return 0;
	}
	if (rc >= 0)
		rc = cut ? follow(a, zone, p.addr, p.len / 4u, cut, &m)
		         : walk_zone_of(a, zone, p, there);
	/* What is found twice is better than what is lost. */
	if (rc == ERR_STOPPED && (cut || !a->stack_n))
		push(a, (struct node){ p.addr, zone, (uint8_t)(p.len / 4), true });
	return rc < 0 ? rc : run_stack(a);
}

bool arpa_rest(const struct arpa *a, size_t i, struct prefix *out)
{
	if (i < a->stack_n)
		*out = prefix_make(a->stack[i].addr, 4u * a->stack[i].nibbles);
	else if (i - a->stack_n < a->unseen_n)
		*out = a->unseen[i - a->stack_n];
	else
		return false;
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
	free(a->unseen);
	free(a);
}
