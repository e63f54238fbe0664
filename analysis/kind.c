#include "analysis/kind.h"

#include <stdio.h>
#include <string.h>

/* ---- parts ------------------------------------------------------------- */

static bool is_unicast_v4(uint32_t v4)
{
	uint32_t first = v4 >> 24;

	return first >= 1 && first <= 223 && first != 127;
}

/* The digits of a word read as decimal: 0x443 is 443.  -1: not decimal. */
static int typed(uint16_t word)
{
	int n = 0;

	for (int shift = 12; shift >= 0; shift -= 4) {
		int digit = word >> shift & 15;

		if (digit > 9)
			return -1;
		n = 10 * n + digit;
	}
	return n;
}

static bool is_service(int port)
{
	static const uint16_t ports[] = {
		21,  22,  23,  25,  49,   53,   80,   110,  123,  179,  220,  389,
		443, 547, 993, 995, 1194, 3306, 5060, 5061, 5432, 6446, 8080,
	};

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		if (port == ports[i])
			return true;
	return false;
}

/* Four typed decimal bytes: *v4 is what they spell. */
static bool typed_v4(uint64_t iid, uint32_t *v4)
{
	uint32_t out = 0;

	for (int shift = 48; shift >= 0; shift -= 16) {
		int byte = typed((uint16_t)(iid >> shift));

		if (byte < 0 || byte > 255)
			return false;
		out = out << 8 | (uint32_t)byte;
	}
	*v4 = out;
	return is_unicast_v4(out);
}

/* Switches become searches without a table: this is asked for every word. */
static bool is_word(uint16_t w)
{
	switch (w) {
	case 0x1337:
	case 0x1eaf:
	case 0x5eed:
	case 0xabba:
	case 0xacdc:
	case 0xb001:
	case 0xb00b:
	case 0xb00c:
	case 0xb0de:
	case 0xbaad:
	case 0xbaba:
	case 0xbabb:
	case 0xbabe:
	case 0xbead:
	case 0xbeef:
	case 0xc001:
	case 0xc0de:
	case 0xc0fe:
	case 0xcaca:
	case 0xcade:
	case 0xcafe:
	case 0xd00d:
	case 0xd1ce:
	case 0xdabb:
	case 0xdad0:
	case 0xdada:
	case 0xdead:
	case 0xdeaf:
	case 0xdeca:
	case 0xdeed:
	case 0xf001:
	case 0xf00d:
	case 0xface:
	case 0xfade:
	case 0xfee1:
	case 0xfeed: return true;
	default: return false;
	}
}

/* Two words, or one and nothing but small numbers beside it. */
static bool is_wordy(uint64_t iid)
{
	unsigned words = 0, small = 0;

	for (int shift = 48; shift >= 0; shift -= 16) {
		uint16_t w = (uint16_t)(iid >> shift);

		words += is_word(w);
		small += w <= 0xff;
	}
	return words >= 2 || (words == 1 && small == 3);
}

static bool is_repeated(uint64_t iid)
{
	uint32_t digits = 0;

	if (iid == (iid >> 48) * UINT64_C(0x0001000100010001))
		return true;
	for (unsigned i = 0; i < 16; i++) {
		digits |= 1u << (iid >> 4 * i & 15);
		/* Two bits at most: without the lowest and the next, none. */
		if ((digits & (digits - 1)) & ((digits & (digits - 1)) - 1))
			return false;
	}
	return true;
}

static bool has_pattern(uint64_t iid)
{
	unsigned zero = 0;

	for (unsigned i = 0; i < 8; i++)
		zero += (iid >> 8 * i & 255) == 0;
	return zero > 2;
}

static bool is_anycast(uint64_t iid)
{
	return iid == 0 || iid >> 7 == UINT64_C(0xfdffffffffffff80) >> 7;
}

/* ---- kinds ------------------------------------------------------------- */

static bool is_nat64(struct addr128 a)
{
	return a.hi == UINT64_C(0x0064ff9b00000000) && a.lo >> 32 == 0;
}

/* With the upper half of the identifier zero. */
static enum iid_kind kind_of_low_half(uint32_t low)
{
	if (low >> 16 <= 9 && is_service(typed((uint16_t)low)))
		return KIND_PORT;
	if (is_wordy(low))
		return KIND_WORDY;
	if (low >> 24 == 0)
		return KIND_LOW;
	if (is_unicast_v4(low) && (low & 0xffff))
		return KIND_IPV4;
	return IID_KINDS;
}

enum iid_kind iid_kind_of(struct addr128 a)
{
	uint32_t high = (uint32_t)(a.lo >> 32), v4;

	if (is_nat64(a))
		return KIND_NAT64;
	if (a.hi >> 32 == 0x20010000)
		return KIND_TEREDO;
	if (is_anycast(a.lo))
		return KIND_ANYCAST;
	/* RFC 4291, appendix A: the group bit of a host's address is 0. */
	if ((a.lo >> 24 & 0xffff) == 0xfffe && !(a.lo >> 56 & 1))
		return a.lo >> 57 & 1 ? KIND_EUI64 : KIND_EUI64_LOCAL;
	if ((high & 0xfdffffff) == 0x00005efe)
		return KIND_ISATAP;
	if (high == 0) {
		enum iid_kind k = kind_of_low_half((uint32_t)a.lo);

		if (k != IID_KINDS)
			return k;
	}
	if (is_wordy(a.lo))
		return KIND_WORDY;
	if (typed_v4(a.lo, &v4))
		return KIND_IPV4_TYPED;
	if (is_repeated(a.lo))
		return KIND_REPEATED;
	return has_pattern(a.lo) ? KIND_PATTERN : KIND_RANDOM;
}

const char *iid_kind_str(enum iid_kind k)
{
	static const char *const names[IID_KINDS] = {
		[KIND_NAT64] = "nat64",
		[KIND_TEREDO] = "teredo",
		[KIND_ANYCAST] = "anycast",
		[KIND_EUI64] = "eui64",
		[KIND_EUI64_LOCAL] = "eui64-local",
		[KIND_ISATAP] = "isatap",
		[KIND_PORT] = "port",
		[KIND_WORDY] = "wordy",
		[KIND_IPV4] = "ipv4",
		[KIND_IPV4_TYPED] = "ipv4-typed",
		[KIND_LOW] = "low",
		[KIND_REPEATED] = "repeated",
		[KIND_PATTERN] = "pattern",
		[KIND_RANDOM] = "random",
	};

	return k < IID_KINDS ? names[k] : "unknown";
}

bool addr_embedded_v4(struct addr128 a, uint32_t *v4)
{
	uint32_t out;

	switch (iid_kind_of(a)) {
	case KIND_NAT64:
	case KIND_ISATAP:
	case KIND_IPV4: out = (uint32_t)a.lo; break;
	case KIND_IPV4_TYPED:
		if (!typed_v4(a.lo, &out))
			return false;
		break;
	default:
		if (a.hi >> 48 != 0x2002)
			return false;
		out = (uint32_t)(a.hi >> 16);
	}
	if (!is_unicast_v4(out))
		return false;
	*v4 = out;
	return true;
}

bool addr_v4_verified(struct addr128 a)
{
	uint32_t v4 = (uint32_t)(a.hi >> 16), spelt;

	if (a.hi >> 48 != 0x2002 || !is_unicast_v4(v4))
		return false;
	return (uint32_t)a.lo == v4 || (typed_v4(a.lo, &spelt) && spelt == v4);
}

uint16_t addr_embedded_port(struct addr128 a)
{
	uint16_t low = (uint16_t)a.lo, above = (uint16_t)(a.lo >> 16);

	if (iid_kind_of(a) == KIND_PORT)
		return (uint16_t)typed(low);
	switch (iid_classify(a)) {
	case IID_PORT: break;
	case IID_PORT_REVERSED: low = above; break;
	default: return 0;
	}
	return is_service(low) ? low : (uint16_t)typed(low);
}

/* ---- as addr6 has it ---------------------------------------------------- */

/* RFC 4291, 2.7, and RFC 7346, with the names and gaps of addr6. */
static struct addr_decoded decode_multicast(struct addr128 a)
{
	static const char *const scopes[16] = {
		"reserved",     "interface",  "link",       "reserved",
		"admin",        "site",       "unassigned", "unassigned",
		"organization", "unassigned", "unassigned", "unassigned",
		"unassigned",   "unassigned", "global",     "unassigned",
	};
	static const char *const flags[16] = {
		"permanent", "non-permanent", "invalid", "unicast-based",
		"invalid",   "invalid",       "invalid", "embedded-rp",
		"unknown",   "unknown",       "unknown", "unknown",
		"unknown",   "unknown",       "unknown", "unknown",
	};

	return (struct addr_decoded){ "multicast", flags[a.hi >> 52 & 15],
		                      scopes[a.hi >> 48 & 15] };
}

struct addr_decoded addr_decode(struct addr128 a)
{
	if (!(a.hi | a.lo))
		return (struct addr_decoded){ "unspecified", "unspecified",
			                      "unspecified" };
	if (a.hi >> 56 == 0xff)
		return decode_multicast(a);
	if (a.hi == 0 && a.lo == 1)
		return (struct addr_decoded){ "unicast", "loopback", "interface" };
	if (addr_is_v4(a))
		return (struct addr_decoded){ "unicast", "ipv4-mapped", "unspecified" };
	if (a.hi == 0 && a.lo >> 32 == 0)
		return (struct addr_decoded){ "unicast", "ipv4-compatible",
			                      "unspecified" };
	if (a.hi >> 54 == 0xfe80 >> 6)
		return (struct addr_decoded){ "unicast", "link-local", "link" };
	if (a.hi >> 54 == 0xfec0 >> 6)
		return (struct addr_decoded){ "unicast", "site-local", "site" };
	if (a.hi >> 57 == 0xfc >> 1)
		return (struct addr_decoded){ "unicast", "unique-local", "global" };
	if (a.hi >> 48 == 0x2002)
		return (struct addr_decoded){ "unicast", "6to4", "global" };
	if (a.hi >> 32 == 0x20010000)
		return (struct addr_decoded){ "unicast", "teredo", "global" };
	return (struct addr_decoded){ "unicast", "global", "global" };
}

/* The two last fields: type of the identifier, subtype. */
static const char *const iid_fields[IID_CLASSES] = {
	[IID_EUI64] = "ieee-derived=",
	[IID_ISATAP] = "isatap=unspecified",
	[IID_PORT] = "embedded-port=port-fwd",
	[IID_PORT_REVERSED] = "embedded-port=port-rev",
	[IID_IPV4_32] = "embedded-ipv4=embedded-ipv4-32",
	[IID_LOW_BYTE] = "low-byte=unspecified",
	[IID_IPV4_64] = "embedded-ipv4=embedded-ipv4-64",
	[IID_PATTERN_BYTES] = "pattern-bytes=unspecified",
	[IID_RANDOM] = "randomized=unspecified",
};

size_t addr6_line(char buf[static ADDR6_LINE_MAX], struct addr128 a)
{
	struct addr_decoded d = addr_decode(a);
	enum iid_class c = iid_classify(a);
	const char *iid = d.type[0] == 'u' && d.type[2] == 'i'
	                          ? iid_fields[c]
	                          : "unspecified=unspecified";
	char *p = buf;

	p = stpcpy(p, d.type);
	*p++ = '=';
	p = stpcpy(p, d.subtype);
	*p++ = '=';
	p = stpcpy(p, d.scope);
	*p++ = '=';
	p = stpcpy(p, iid);
	if (iid == iid_fields[IID_EUI64]) {
		uint32_t oui = addr_oui(a);

		p += snprintf(p, 9, "%02x-%02x-%02x", oui >> 16 & 255, oui >> 8 & 255,
		              oui & 255);
	}
	return (size_t)(p - buf);
}
