/* seeds/dns_wire.h - DNS messages on the wire (RFC 1035, EDNS of RFC 6891).
 *
 * Builds queries and walks replies, without allocation and without trust: every
 * length is checked, compression pointers only lead backwards, a name has at most
 * 255 bytes.  Replies come from anybody; nothing here prints them. */
#ifndef SEEDS_DNS_WIRE_H
#define SEEDS_DNS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

enum {
	DNS_NAME_MAX = 255,
	DNS_NAME_STRLEN = 1024, /* every byte as \DDD, and NUL */
	DNS_QUERY_MAX = 12 + DNS_NAME_MAX + 4 + 11,
	DNS_UDP_SIZE = 1232,
};

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_DNAME = 39,
	DNS_OPT = 41,
	DNS_RRSIG = 46,
	DNS_NSEC = 47,
	DNS_DNSKEY = 48,
	DNS_NSEC3 = 50,
	DNS_SVCB = 64,
	DNS_HTTPS = 65,
	DNS_AXFR = 252,
};

enum dns_rcode {
	DNS_NOERROR,
	DNS_FORMERR,
	DNS_SERVFAIL,
	DNS_NXDOMAIN,
	DNS_NOTIMP,
	DNS_REFUSED,
};

enum dns_flags { DNS_QR = 0x8000, DNS_AA = 0x0400, DNS_TC = 0x0200, DNS_RD = 0x0100 };

/* A name in wire format without compression: labels and the root's zero. */
struct dns_name {
	uint8_t len; /* in bytes, 1..255 */
	uint8_t b[DNS_NAME_MAX];
};

/* Presentation format (RFC 1035 section 5.1: \. and \DDD), with or without the
 * dot at the end; nothing may follow.  false leaves *out alone. */
bool dns_name_parse(struct dns_name *out, const char *text);
bool dns_name_parse_n(struct dns_name *out, const char *text, size_t len);

/* Without the last dot ("." for the root), lower case, everything that is not
 * a letter, digit, '-', '_' or '*' escaped.  Returns the length. */
size_t dns_name_format(char buf[static DNS_NAME_STRLEN], const struct dns_name *n);

bool dns_name_eq(const struct dns_name *a, const struct dns_name *b); /* any case */
uint64_t dns_name_hash(const struct dns_name *n, uint64_t seed);      /* any case */

/* Canonical order (RFC 4034 section 6.1): <0, 0, >0. */
int dns_name_cmp(const struct dns_name *a, const struct dns_name *b);

/* Whether n is zone or below it. */
bool dns_name_is_in(const struct dns_name *n, const struct dns_name *zone);

unsigned dns_name_labels(const struct dns_name *n); /* the root has none */

/* Drop the first label; false at the root. */
bool dns_name_parent(struct dns_name *out, const struct dns_name *n);

/* Put a label of len 1..63 bytes in front; false: too long. */
bool dns_name_prepend(struct dns_name *n, const void *label, size_t len);

/* The name that the reverse tree has for the first nibbles of an address, 32 for
 * all of it: "...2.ip6.arpa"; for IPv4 (nibbles 24..32, even) "...in-addr.arpa". */
void dns_name_reverse(struct dns_name *out, struct addr128 a, unsigned nibbles);

/* The inverse: how many nibbles name gives of *a, -1: it is no such name. */
int dns_name_reverse_parse(const struct dns_name *n, struct addr128 *a);

struct dns_query {
	const struct dns_name *name; /* sent as it is, case and all */
	uint16_t id, type;
	bool recurse, dnssec; /* RD, DO */
};

/* Writes at most DNS_QUERY_MAX bytes; returns how many. */
size_t dns_query_build(uint8_t buf[static DNS_QUERY_MAX], const struct dns_query *q);

/* A received message.  Valid as long as its bytes. */
struct dns_msg {
	const uint8_t *p;
	size_t n;
	uint16_t id, flags;
	uint8_t rcode;    /* of the header: EDNS extends it by nothing we need */
	uint16_t qtype;   /* 0 when there is no question */
	uint16_t left[3]; /* records not read yet: answer, authority, additional */
	size_t at;
	unsigned section;
};

struct dns_rr {
	struct dns_name name;
	unsigned section; /* 0 answer, 1 authority, 2 additional */
	uint16_t type, class;
	uint32_t ttl;
	uint16_t len;
	size_t at; /* of the data in the message */
};

/* The header and the question (one at most).  qname may be NULL; it keeps the case
 * that the message has.  false: malformed. */
bool dns_msg_open(struct dns_msg *m, const void *p, size_t n, struct dns_name *qname);

/* 1: the next record, 0: the end, -1: malformed. */
int dns_msg_next(struct dns_msg *m, struct dns_rr *rr);

/* The name at a place in the message; *end, unless NULL, is where it ends there. */
bool dns_msg_name(const struct dns_msg *m, size_t at, struct dns_name *out, size_t *end);

/* The address of an A or AAAA record. */
bool dns_rr_addr(const struct dns_msg *m, const struct dns_rr *rr, struct addr128 *out);

/* The name that a CNAME, DNAME, NS, PTR, MX, SRV, SVCB or HTTPS record leads to
 * ("." of SVCB is its owner).  false: another type, malformed, or none ("." of MX
 * and SRV: RFC 7505, RFC 2782). */
bool dns_rr_target(const struct dns_msg *m, const struct dns_rr *rr,
                   struct dns_name *out);

/* Hint number i (0, 1, ...) of an SVCB or HTTPS record: IPv4 ones, then IPv6. */
bool dns_rr_hint(const struct dns_msg *m, const struct dns_rr *rr, unsigned i,
                 struct addr128 *out);

/* An NSEC record: the next name, and whether the bitmap has a type. */
bool dns_nsec_next(const struct dns_msg *m, const struct dns_rr *rr,
                   struct dns_name *out);
bool dns_nsec_has(const struct dns_msg *m, const struct dns_rr *rr, unsigned type);

const char *dns_type_str(unsigned type);   /* NULL: not one of the above */
const char *dns_rcode_str(unsigned rcode); /* NULL: not one of the above */

#endif
