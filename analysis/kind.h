/* analysis/kind.h - kinds of interface identifiers without the quirks of older
 * classifications, and what an address says of itself.
 *
 * Thread-safe: nothing but its arguments. */
#ifndef ANALYSIS_KIND_H
#define ANALYSIS_KIND_H

#include "analysis/analysis.h"

/* The first that matches counts. */
enum iid_kind {
	KIND_NAT64,       /* 64:ff9b::/96 (RFC 6052): IPv4 in the low 32 bits */
	KIND_TEREDO,      /* 2001::/32 (RFC 4380) */
	KIND_ANYCAST,     /* zero (RFC 4291, 2.6.1), or reserved (RFC 2526) */
	KIND_EUI64,       /* from a hardware address, universal */
	KIND_EUI64_LOCAL, /* the same form, locally administered */
	KIND_ISATAP,      /* RFC 5214 */
	KIND_PORT,        /* low word is a service port as typed: ::443, ::1:443 */
	KIND_WORDY,       /* words in hexadecimal: ::dead:beef, ::face:b00c:0:1 */
	KIND_IPV4,        /* low 32 bits are a unicast IPv4 address: ::192.0.2.1 */
	KIND_IPV4_TYPED,  /* a byte in each word, typed in decimal: ::192:0:2:1 */
	KIND_LOW,         /* a small number: zero but for the low 24 bits */
	KIND_REPEATED,    /* one word four times, or two distinct digits at most */
	KIND_PATTERN,     /* more than two zero bytes */
	KIND_RANDOM,
	IID_KINDS
};
enum iid_kind iid_kind_of(struct addr128 a);
const char *iid_kind_str(enum iid_kind k);

/* The IPv4 address that a carries by its kind (NAT64, ISATAP, both IPv4 kinds),
 * or by its prefix (6to4, RFC 3056).  false: none, or not a unicast one. */
bool addr_embedded_v4(struct addr128 a, uint32_t *v4);
/* Whether a 6to4 address has the IPv4 address of its prefix in its identifier,
 * too: a proof that it is one. */
bool addr_v4_verified(struct addr128 a);

/* The port of KIND_PORT, IID_PORT and IID_PORT_REVERSED; 0 for others. */
uint16_t addr_embedded_port(struct addr128 a);

/* The vendor part of a hardware address in the identifier, universal bit cleared;
 * meaningful for IID_EUI64 and the EUI-64 kinds. */
static inline uint32_t addr_oui(struct addr128 a)
{
	return (uint32_t)(a.lo >> 40) & 0xfdffff;
}

#endif
