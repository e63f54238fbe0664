#include "seeds/dns_wire.h"

#include <string.h>

enum {
	HEADER = 12,
	CLASS_IN = 1,
	HOPS_MAX = 64, /* compression pointers in one name */
};
enum { SVC_IPV4_HINT = 4, SVC_IPV6_HINT = 6 };

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

static uint8_t *put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

size_t dns_query_build(uint8_t buf[static DNS_QUERY_MAX], const struct dns_query *q)
{
	uint8_t *p = put16(buf, q->id);

	p = put16(p, q->recurse ? DNS_RD : 0);
	p = put16(p, 1);
	p = put16(p, 0);
	p = put16(p, 0);
	p = put16(p, 1);
	memcpy(p, q->name->b, q->name->len);
	p = put16(p + q->name->len, q->type);
	p = put16(p, CLASS_IN);
	*p++ = 0; /* OPT: owner is the root */
	p = put16(p, DNS_OPT);
	p = put16(p, DNS_UDP_SIZE);
	p = put16(p, 0);
	p = put16(p, q->dnssec ? 0x8000 : 0);
	p = put16(p, 0);
	return (size_t)(p - buf);
}

bool dns_msg_name(const struct dns_msg *m, size_t at, struct dns_name *out, size_t *end)
{
	size_t limit = m->n; /* pointers only lead before this */
	unsigned len = 0, hops = 0;
	bool jumped = false;

	for (;;) {
		unsigned c;

		if (at >= m->n)
			return false;
		c = m->p[at];
		if (c >= 0xc0) {
			size_t to;

			if (at + 2 > m->n)
				return false;
			to = be16(m->p + at) & 0x3fff;
			if (!jumped && end)
				*end = at + 2;
			if (!jumped)
				limit = at;
			jumped = true;
			if (to >= limit || ++hops > HOPS_MAX)
				return false;
			limit = at = to;
			continue;
		}
		if (c > 63 || at + 1 + c > m->n || len + 1 + c > DNS_NAME_MAX)
			return false;
		memcpy(out->b + len, m->p + at, 1 + c);
		len += 1 + c;
		at += 1 + c;
		if (c == 0)
			break;
	}
	out->len = (uint8_t)len;
	if (!jumped && end)
		*end = at;
	return true;
}

bool dns_msg_open(struct dns_msg *m, const void *p, size_t n, struct dns_name *qname)
{
	struct dns_name local;
	uint16_t questions;

	*m = (struct dns_msg){ .p = p, .n = n, .at = HEADER };
	if (n < HEADER)
		return false;
	m->id = be16(m->p);
	m->flags = be16(m->p + 2);
	m->rcode = m->flags & 15;
	questions = be16(m->p + 4);
	for (unsigned i = 0; i < 3; i++)
		m->left[i] = be16(m->p + 6 + 2 * i);
	if (questions > 1)
		return false;
	if (!questions) {
		if (qname)
			qname->len = 0;
		return true;
	}
	if (!dns_msg_name(m, m->at, qname ? qname : &local, &m->at) || m->at + 4 > n)
		return false;
	m->qtype = be16(m->p + m->at);
	m->at += 4;
	return true;
}

int dns_msg_next(struct dns_msg *m, struct dns_rr *rr)
{
	const uint8_t *p;

	while (m->section < 3 && !m->left[m->section])
		m->section++;
	if (m->section == 3)
		return 0;
	m->left[m->section]--;
	if (!dns_msg_name(m, m->at, &rr->name, &m->at) || m->at + 10 > m->n)
		return -1;
	p = m->p + m->at;
	rr->section = m->section;
	rr->type = be16(p);
	rr->class = be16(p + 2);
	rr->ttl = be32(p + 4);
	rr->len = be16(p + 8);
	rr->at = m->at + 10;
	if (rr->at + rr->len > m->n)
		return -1;
	m->at = rr->at + rr->len;
	return 1;
}

bool dns_rr_addr(const struct dns_msg *m, const struct dns_rr *rr, struct addr128 *out)
{
	if (rr->class != CLASS_IN)
		return false;
	if (rr->type == DNS_AAAA && rr->len == 16) {
		*out = addr_load(m->p + rr->at);
		return true;
	}
	if (rr->type == DNS_A && rr->len == 4) {
		*out = addr_from_v4(be32(m->p + rr->at));
		return true;
	}
	return false;
}

/* How many bytes precede the target in the data; -1: no such type. */
static int target_offset(unsigned type)
{
	switch (type) {
	case DNS_CNAME:
	case DNS_DNAME:
	case DNS_NS:
	case DNS_PTR: return 0;
	case DNS_MX:
	case DNS_SVCB:
	case DNS_HTTPS: return 2;
	case DNS_SRV: return 6;
	default: return -1;
	}
}

bool dns_rr_target(const struct dns_msg *m, const struct dns_rr *rr, struct dns_name *out)
{
	int skip = target_offset(rr->type);
	size_t end;

	if (skip < 0 || rr->len <= skip)
		return false;
	if (!dns_msg_name(m, rr->at + (unsigned)skip, out, &end) ||
	    end > rr->at + rr->len)
		return false;
	if (out->len > 1)
		return true;
	if (rr->type == DNS_SVCB || rr->type == DNS_HTTPS) {
		/* Alias mode (priority 0) with "." says that there is no service. */
		*out = rr->name;
		return be16(m->p + rr->at) != 0;
	}
	return rr->type != DNS_MX && rr->type != DNS_SRV;
}

bool dns_rr_hint(const struct dns_msg *m, const struct dns_rr *rr, unsigned i,
                 struct addr128 *out)
{
	size_t at, end = rr->at + rr->len;
	struct dns_name target;

	if ((rr->type != DNS_SVCB && rr->type != DNS_HTTPS) || rr->len < 3 ||
	    !dns_msg_name(m, rr->at + 2, &target, &at))
		return false;
	while (at + 4 <= end) {
		unsigned key = be16(m->p + at), len = be16(m->p + at + 2);
		unsigned size = key == SVC_IPV4_HINT ? 4 : key == SVC_IPV6_HINT ? 16 : 0;

		at += 4;
		if (at + len > end)
			return false;
		if (size && i < len / size) {
			const uint8_t *p = m->p + at + i * size;

			*out = size == 4 ? addr_from_v4(be32(p)) : addr_load(p);
			return true;
		}
		i -= size ? len / size : 0;
		at += len;
	}
	return false;
}

/* Where the bitmap begins; 0: malformed.  The next name is not compressed (RFC
 * 4034 section 6.2), but a pointer does no harm. */
static size_t nsec_bitmap(const struct dns_msg *m, const struct dns_rr *rr,
                          struct dns_name *next)
{
	size_t end;

	if (rr->type != DNS_NSEC || !dns_msg_name(m, rr->at, next, &end) ||
	    end > rr->at + rr->len)
		return 0;
	return end;
}

bool dns_nsec_next(const struct dns_msg *m, const struct dns_rr *rr, struct dns_name *out)
{
	return nsec_bitmap(m, rr, out) != 0;
}

bool dns_nsec_has(const struct dns_msg *m, const struct dns_rr *rr, unsigned type)
{
	size_t end = rr->at + rr->len, at;
	struct dns_name next;

	at = nsec_bitmap(m, rr, &next);
	if (!at)
		return false;
	while (at + 2 <= end) {
		unsigned window = m->p[at], len = m->p[at + 1];

		at += 2;
		if (len > 32 || at + len > end)
			return false;
		if (window == type >> 8)
			return (type & 255) / 8 < len &&
			       m->p[at + (type & 255) / 8] >> (7 - type % 8) & 1;
		at += len;
	}
	return false;
}

const char *dns_type_str(unsigned type)
{
	switch (type) {
	case DNS_A: return "A";
	case DNS_NS: return "NS";
	case DNS_CNAME: return "CNAME";
	case DNS_SOA: return "SOA";
	case DNS_PTR: return "PTR";
	case DNS_MX: return "MX";
	case DNS_TXT: return "TXT";
	case DNS_AAAA: return "AAAA";
	case DNS_SRV: return "SRV";
	case DNS_DNAME: return "DNAME";
	case DNS_RRSIG: return "RRSIG";
	case DNS_NSEC: return "NSEC";
	case DNS_DNSKEY: return "DNSKEY";
	case DNS_NSEC3: return "NSEC3";
	case DNS_SVCB: return "SVCB";
	case DNS_HTTPS: return "HTTPS";
	case DNS_AXFR: return "AXFR";
	default: return NULL;
	}
}

const char *dns_rcode_str(unsigned rcode)
{
	static const char *const names[] = { "NOERROR",  "FORMERR", "SERVFAIL",
		                             "NXDOMAIN", "NOTIMP",  "REFUSED" };

	return rcode <= DNS_REFUSED ? names[rcode] : NULL;
}
