#include "seeds/walk.h"

#include <string.h>

#include "common/rng.h"

enum { ODD_MAX = 20 }; /* generated names in a row that end a walk */

struct walk {
	struct dns_sync *s;
	const struct walk_config *cfg;
	const struct dns_name *zone;
	struct diag *d;
	struct dns_name owner, next; /* of the NSEC that was found */
	struct walk_name types;
	bool limited; /* max_queries is reached: nothing is asked any more */
};

const char *walk_verdict_str(enum walk_verdict v)
{
	static const char *const text[WALK_VERDICTS] = {
		"complete",
		"the servers are not authoritative for it",
		"not signed with NSEC",
		"NSEC3: hashed names are not walked",
		"minimally covering NSEC: made up on request",
		"the NSEC chain does not lead on",
		"no usable answer",
		"limit reached",
	};

	return text[v];
}

/* As dns_sync_ask(). */
static int ask(struct walk *w, const struct dns_name *n, uint16_t type, struct dns_msg *m)
{
	const struct dns_ask q = { n, type, w->cfg->server, false, true, 0 };

	if (w->cfg->max_queries &&
	    dns_client_stats(w->s->client)->sent >= w->cfg->max_queries) {
		w->limited = true;
		return 0;
	}
	return dns_sync_ask(w->s, &q, m, w->d);
}

/* Whether any record of a type is in a section; the message is read to its end. */
static bool has_type(struct dns_msg m, unsigned section, unsigned type)
{
	struct dns_rr rr;

	while (dns_msg_next(&m, &rr) > 0)
		if (rr.section == section && rr.type == type)
			return true;
	return false;
}

/* q lies strictly between, where the last NSEC leads back to the apex. */
static bool covers(const struct walk *w, const struct dns_name *owner,
                   const struct dns_name *next, const struct dns_name *q)
{
	return dns_name_cmp(owner, q) < 0 &&
	       (dns_name_cmp(q, next) < 0 || dns_name_eq(next, w->zone));
}

/* The NSEC of a name, or, when covering is asked for, the one that covers it. */
static bool find_nsec(struct walk *w, struct dns_msg m, const struct dns_name *q,
                      bool covering)
{
	struct dns_name next;
	struct dns_rr rr;

	while (dns_msg_next(&m, &rr) > 0) {
		if (rr.type != DNS_NSEC || rr.section > 1 ||
		    !dns_nsec_next(&m, &rr, &next))
			continue;
		if (!dns_name_eq(&rr.name, q) &&
		    (!covering || !covers(w, &rr.name, &next, q)))
			continue;
		w->owner = rr.name;
		w->next = next;
		w->types = (struct walk_name){
			.aaaa = dns_nsec_has(&m, &rr, DNS_AAAA),
			.a = dns_nsec_has(&m, &rr, DNS_A),
			.ptr = dns_nsec_has(&m, &rr, DNS_PTR),
			.delegation = dns_nsec_has(&m, &rr, DNS_NS) &&
			              !dns_nsec_has(&m, &rr, DNS_SOA),
		};
		return true;
	}
	return false;
}

/* Is there anything to walk?  1: yes, 0: *verdict says why not, or negative. */
static int look(struct walk *w, enum walk_verdict *verdict)
{
	struct dns_name probe = *w->zone;
	struct dns_msg m;
	uint8_t label[12];
	uint64_t r[2];
	int rc = ask(w, w->zone, DNS_SOA, &m);

	*verdict = WALK_NO_ANSWER;
	if (rc <= 0)
		return rc;
	if (m.rcode == DNS_SERVFAIL)
		return 0;
	*verdict = WALK_NOT_AUTHORITATIVE;
	if (!(m.flags & DNS_AA) || m.rcode != DNS_NOERROR || !has_type(m, 0, DNS_SOA))
		return 0;
	rc = ask(w, w->zone, DNS_DNSKEY, &m);
	*verdict = rc == 0 ? WALK_NO_ANSWER : WALK_UNSIGNED;
	if (rc <= 0 || !has_type(m, 0, DNS_DNSKEY))
		return rc < 0 ? rc : 0;
	/* A name that nobody has. */
	rng_secret(r, sizeof(r));
	for (unsigned i = 0; i < sizeof(label); i++)
		label[i] = (uint8_t)('a' + (r[i / 8] >> (8 * (i % 8)) & 15));
	if (!dns_name_prepend(&probe, label, sizeof(label)))
		return 0;
	rc = ask(w, &probe, DNS_TXT, &m);
	*verdict = rc == 0 ? WALK_NO_ANSWER : WALK_UNSIGNED;
	if (rc <= 0)
		return rc;
	if (has_type(m, 1, DNS_NSEC3))
		*verdict = WALK_NSEC3;
	else if (find_nsec(w, m, &probe, false))
		*verdict = WALK_MINIMAL; /* it claims that the name exists */
	else if (has_type(m, 1, DNS_NSEC))
		return 1;
	return 0;
}

/* The name right after n and all below it: its first label with a zero byte. */
static bool after(struct dns_name *out, const struct dns_name *n)
{
	uint8_t label[64];
	unsigned len = n->b[0];

	if (len == 0 || len > 62)
		return false;
	memcpy(label, n->b + 1, len);
	label[len] = 0;
	return dns_name_parent(out, n) && dns_name_prepend(out, label, len + 1);
}

/* The NSEC of cur into w.  1, 0: none to be had, or negative. */
static int step(struct walk *w, const struct dns_name *cur)
{
	struct dns_name q = *cur;
	struct dns_msg m;
	bool referral;
	int rc = ask(w, cur, DNS_NSEC, &m);

	if (rc < 0 || (rc > 0 && find_nsec(w, m, cur, false)))
		return rc;
	/* Below a delegation the child would be asked: take the name after it.
	 * Elsewhere, a server that gives no NSEC may still use it in denials. */
	referral = rc > 0 && !(m.flags & DNS_AA) && has_type(m, 1, DNS_NS);
	if (referral ? !after(&q, cur) : !dns_name_prepend(&q, "", 1))
		return 0;
	rc = ask(w, &q, DNS_A, &m);
	if (rc <= 0)
		return rc;
	return find_nsec(w, m, &q, true) && dns_name_eq(&w->owner, cur);
}

/* A name as minimally covering NSEC have it, and no person. */
static bool is_odd(const struct dns_name *n)
{
	return n->b[0] && (n->b[1] == 0 || n->b[n->b[0]] == 0);
}

/* Whether the walk goes on from one name to the next; if not, *verdict says why. */
static bool leads_on(const struct walk *w, const struct dns_name *from,
                     const struct dns_name *to, enum walk_verdict *verdict)
{
	*verdict = WALK_COMPLETE;
	if (dns_name_eq(to, w->zone))
		return false;
	if (!dns_name_is_in(to, w->zone) || dns_name_cmp(to, from) <= 0) {
		*verdict = WALK_LOOP;
		return false;
	}
	return !w->cfg->below || dns_name_is_in(to, w->cfg->below);
}

/* Step over n and all below it: *cur is the first name after that.  1; 0: *verdict
 * says why not; negative. */
static int step_over(struct walk *w, const struct dns_name *n, struct dns_name *cur,
                     enum walk_verdict *verdict)
{
	struct dns_name from = *cur, q;
	struct dns_msg m;
	int rc = after(&q, n) ? ask(w, &q, DNS_A, &m) : 0;

	*verdict = w->limited ? WALK_LIMIT : WALK_NO_ANSWER;
	if (rc <= 0 || !find_nsec(w, m, &q, true))
		return rc < 0 ? rc : 0;
	*cur = w->next;
	return leads_on(w, &from, cur, verdict);
}

/* Past what is opted out: *cur is the first name that is not.  As step_over(). */
static int skip_opted_out(struct walk *w, struct dns_name *cur,
                          enum walk_verdict *verdict)
{
	struct dns_name top;
	int rc = 1;

	while (rc > 0 && dns_optout_top(dns_client_optout(w->s->client), cur, &top))
		rc = step_over(w, &top, cur, verdict);
	return rc;
}

/* The first name in the part that is walked.  As step(); *none: it has no names. */
static int first(struct walk *w, struct dns_name *cur, bool *none)
{
	struct dns_msg m;
	int rc;

	*cur = w->cfg->below ? *w->cfg->below : *w->zone;
	*none = false;
	if (dns_name_eq(cur, w->zone))
		return 1;
	rc = ask(w, cur, DNS_NSEC, &m);
	if (rc <= 0)
		return rc;
	if (!find_nsec(w, m, cur, true))
		return 0;
	if (!dns_name_eq(&w->owner, cur))
		*cur = w->next;
	*none = !dns_name_is_in(cur, w->cfg->below);
	return 1;
}

/* Tell the caller of cur, whose NSEC was found; then *cur is what comes next.  As
 * step_over(). */
static int take(struct walk *w, struct dns_name *cur, walk_found found, void *arg,
                enum walk_verdict *verdict)
{
	struct dns_name from = *cur, over = *cur;
	int rc;

	w->types.name = &from;
	rc = found(arg, &w->types);
	if (rc < 0)
		return rc;
	*cur = w->next;
	if (!rc)
		return leads_on(w, &from, cur, verdict);
	while (dns_name_labels(&over) > (unsigned)rc)
		dns_name_parent(&over, &over);
	*cur = from;
	return step_over(w, &over, cur, verdict);
}

static int walk_chain(struct walk *w, walk_found found, void *arg,
                      enum walk_verdict *verdict, uint64_t *names)
{
	struct dns_name cur;
	unsigned odd = 0;
	bool none;
	int rc = first(w, &cur, &none);

	*verdict = rc > 0 ? WALK_COMPLETE : w->limited ? WALK_LIMIT : WALK_NO_ANSWER;
	while (rc > 0 && !none) {
		rc = skip_opted_out(w, &cur, verdict);
		if (rc <= 0)
			break;
		rc = step(w, &cur);
		*verdict = w->limited     ? WALK_LIMIT
		           : is_odd(&cur) ? WALK_MINIMAL
		                          : WALK_NO_ANSWER;
		if (rc <= 0)
			break;
		*verdict = WALK_MINIMAL;
		odd = is_odd(&w->next) ? odd + 1 : 0;
		if ((is_odd(&cur) && odd >= 1 && w->next.len > cur.len) || odd >= ODD_MAX)
			return 0;
		++*names;
		rc = take(w, &cur, found, arg, verdict);
		if (rc > 0 && w->cfg->max_names && *names >= w->cfg->max_names) {
			*verdict = WALK_LIMIT;
			return 0;
		}
	}
	return rc;
}

int walk_zone(struct dns_sync *s, const struct dns_name *zone,
              const struct walk_config *cfg, walk_found found, void *arg,
              enum walk_verdict *verdict, uint64_t *names, struct diag *d)
{
	struct walk w = { .s = s, .cfg = cfg, .zone = zone, .d = d };
	int rc = look(&w, verdict);

	*names = 0;
	if (rc <= 0)
		return rc;
	rc = walk_chain(&w, found, arg, verdict, names);
	return rc < 0 ? rc : 0;
}
