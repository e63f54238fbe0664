#include "analysis/kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/words.h"

/* ---- parts ------------------------------------------------------------- */

static bool is_unicast_v4(uint32_t v4)
{
	uint32_t first = v4 >> 24;

	return first >= 1 && first <= 223 && first != 127;
}

/* The digits of a word, all decimal, read as decimal: 0x443 is 443. */
static unsigned typed(unsigned word)
{
	return (word >> 12) * 1000 + (word >> 8 & 15) * 100 + (word >> 4 & 15) * 10 +
	       (word & 15);
}

/* Four typed decimal bytes: *v4 is what they spell. */
static bool typed_v4(uint64_t iid, uint32_t *v4)
{
	uint32_t out = 0;

	if (!is_decimal(iid))
		return false;
	for (int shift = 48; shift >= 0; shift -= 16) {
		unsigned byte = typed((uint16_t)(iid >> shift));

		if (byte > 255)
			return false;
		out = out << 8 | byte;
	}
	*v4 = out;
	return is_unicast_v4(out);
}

/* Two words, or one and nothing but small numbers beside it. */
static bool is_wordy(uint64_t iid)
{
	unsigned words = 0, small = 0;

	for (int shift = 48; shift >= 0; shift -= 16) {
		uint16_t w = (uint16_t)(iid >> shift);

		words += is_hex_word(w);
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
	if (low >> 16 <= 9 && port_typed((uint16_t)low))
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
	return zero_bytes(a.lo) > 2 ? KIND_PATTERN : KIND_RANDOM;
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
		return port_typed(low);
	switch (iid_classify(a)) {
	case IID_PORT: break;
	case IID_PORT_REVERSED: low = above; break;
	default: return 0;
	}
	return port_of_word(low);
}

/* ---- as addr6 has it ---------------------------------------------------- */

/* RFC 4291, 2.7, and RFC 7346, with the names and gaps of addr6. */
static struct addr_decoded decode_multicast(unsigned flags_and_scope)
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

	return (struct addr_decoded){ "multicast", flags[flags_and_scope >> 4],
		                      scopes[flags_and_scope & 15] };
}

/* Forms of addresses: the unicast ones come first, and multicast is a form for each
 * flags and scope. */
enum form {
	FORM_GLOBAL,
	FORM_LOOPBACK,
	FORM_V4_MAPPED,
	FORM_V4_COMPATIBLE,
	FORM_LINK_LOCAL,
	FORM_SITE_LOCAL,
	FORM_UNIQUE_LOCAL,
	FORM_6TO4,
	FORM_TEREDO,
	FORM_UNSPECIFIED,
	FORM_MULTICAST,
	FORMS = FORM_MULTICAST + 256
};

static const struct addr_decoded forms[FORM_MULTICAST] = {
	[FORM_GLOBAL] = { "unicast", "global", "global" },
	[FORM_LOOPBACK] = { "unicast", "loopback", "interface" },
	[FORM_V4_MAPPED] = { "unicast", "ipv4-mapped", "unspecified" },
	[FORM_V4_COMPATIBLE] = { "unicast", "ipv4-compatible", "unspecified" },
	[FORM_LINK_LOCAL] = { "unicast", "link-local", "link" },
	[FORM_SITE_LOCAL] = { "unicast", "site-local", "site" },
	[FORM_UNIQUE_LOCAL] = { "unicast", "unique-local", "global" },
	[FORM_6TO4] = { "unicast", "6to4", "global" },
	[FORM_TEREDO] = { "unicast", "teredo", "global" },
	[FORM_UNSPECIFIED] = { "unspecified", "unspecified", "unspecified" },
};

/* Not of 2000::/3. */
static unsigned other_form(struct addr128 a)
{
	if (a.hi >> 56 == 0xff)
		return FORM_MULTICAST + (unsigned)(a.hi >> 48 & 255);
	if (a.hi == 0 && a.lo <= 1)
		return a.lo ? FORM_LOOPBACK : FORM_UNSPECIFIED;
	if (addr_is_v4(a))
		return FORM_V4_MAPPED;
	if (a.hi == 0 && a.lo >> 32 == 0)
		return FORM_V4_COMPATIBLE;
	if (a.hi >> 54 == 0xfe80 >> 6)
		return FORM_LINK_LOCAL;
	if (a.hi >> 54 == 0xfec0 >> 6)
		return FORM_SITE_LOCAL;
	return a.hi >> 57 == 0xfc >> 1 ? FORM_UNIQUE_LOCAL : FORM_GLOBAL;
}

static inline unsigned form_of(struct addr128 a)
{
	if (a.hi >> 61 != 1)
		return other_form(a);
	if (a.hi >> 48 == 0x2002)
		return FORM_6TO4;
	return a.hi >> 32 == 0x20010000 ? FORM_TEREDO : FORM_GLOBAL;
}

static struct addr_decoded decode_form(unsigned form)
{
	return form < FORM_MULTICAST ? forms[form]
	                             : decode_multicast(form - FORM_MULTICAST);
}

struct addr_decoded addr_decode(struct addr128 a)
{
	return decode_form(form_of(a));
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

/* A line without the vendor part, which goes to .head, and how long it is with it. */
struct line {
	char text[ADDR6_LINE_MAX - 2];
	uint8_t head, len;
};

enum { UNICAST_LINES = FORM_UNSPECIFIED * IID_CLASSES };

struct addr6_lines {
	struct line lines[UNICAST_LINES + FORMS - FORM_UNSPECIFIED];
	char hex[256][2];
};

static inline unsigned line_of(unsigned form, enum iid_class c)
{
	return form < FORM_UNSPECIFIED ? form * IID_CLASSES + c
	                               : UNICAST_LINES + form - FORM_UNSPECIFIED;
}

static void make_line(struct addr6_lines *t, unsigned form, enum iid_class c)
{
	struct addr_decoded d = decode_form(form);
	bool unicast = form < FORM_UNSPECIFIED;
	struct line *l = &t->lines[line_of(form, c)];
	int n = snprintf(l->text, sizeof(l->text), "%s=%s=%s=%s", d.type, d.subtype,
	                 d.scope, unicast ? iid_fields[c] : "unspecified=unspecified");

	l->head = l->len = (uint8_t)n;
	if (unicast && c == IID_EUI64) {
		memcpy(l->text + n, "xx-xx-xx", 8);
		l->len += 8;
	}
}

struct addr6_lines *addr6_lines_new(void)
{
	static const char digits[] = "0123456789abcdef";
	struct addr6_lines *t = calloc(1, sizeof(*t));

	for (unsigned f = 0; t && f < FORMS; f++)
		for (unsigned c = 0; c < (f < FORM_UNSPECIFIED ? IID_CLASSES : 1); c++)
			make_line(t, f, (enum iid_class)c);
	for (unsigned i = 0; t && i < 256; i++) {
		t->hex[i][0] = digits[i >> 4];
		t->hex[i][1] = digits[i & 15];
	}
	return t;
}

void addr6_lines_free(struct addr6_lines *t)
{
	free(t);
}

static inline __attribute__((always_inline)) size_t
format_lines(const struct addr6_lines *t, char *buf, const struct addr128 *a, size_t n)
{
	char *p = buf;

	for (size_t i = 0; i < n; i++) {
		const struct line *l =
			&t->lines[line_of(form_of(a[i]), iid_class_by_rules(a[i]))];
		uint32_t oui = addr_oui(a[i]);
		char *v = p + l->head;

		/* A fixed length is a few moves.  What is too much gets overwritten, by
		 * the end of the line and the next one; so does a vendor where there is
		 * none, which is cheaper than to ask. */
		memcpy(p, l->text, sizeof(l->text));
		memcpy(v, t->hex[oui >> 16], 2);
		memcpy(v + 3, t->hex[oui >> 8 & 255], 2);
		memcpy(v + 6, t->hex[oui & 255], 2);
		p += l->len;
		*p++ = '\n';
	}
	return (size_t)(p - buf);
}

#ifdef __x86_64__
/* The same with the instructions of newer processors. */
__attribute__((target("avx2,bmi,bmi2"))) static size_t
format_lines_avx2(const struct addr6_lines *t, char *buf, const struct addr128 *a,
                  size_t n)
{
	return format_lines(t, buf, a, n);
}
#endif

size_t addr6_lines_format(const struct addr6_lines *t, char *buf, const struct addr128 *a,
                          size_t n)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
		return format_lines_avx2(t, buf, a, n);
#endif
	return format_lines(t, buf, a, n);
}
