#include "analysis/decode.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "analysis/kind.h"
#include "analysis/words.h"

/* ---- forms --------------------------------------------------------------- */

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

/* ---- lines --------------------------------------------------------------- */

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

enum {
	VENDOR = 8, /* bytes of "00-11-22" */
	UNICAST_LINES = FORM_UNSPECIFIED * IID_CLASSES,
	LINES = UNICAST_LINES + FORMS - FORM_UNSPECIFIED
};

/* With its end.  The vendor goes to .head, which is behind it where there is none.  None
 * is where a load would touch two lines of the cache. */
struct line {
	_Alignas(64) char text[ADDR6_LINE_MAX];
	uint32_t head, len;
};

struct addr6_lines {
	struct line lines[LINES];
	char hex[256][2];
	addr6_format_fn format;
};

static inline unsigned line_of(unsigned form, enum iid_class c)
{
	return form < FORM_UNSPECIFIED ? form * IID_CLASSES + c
	                               : UNICAST_LINES + form - FORM_UNSPECIFIED;
}

static void make_line(struct addr6_lines *t, unsigned form, enum iid_class c)
{
	struct addr_decoded d = decode_form(form);
	bool unicast = form < FORM_UNSPECIFIED, vendor = unicast && c == IID_EUI64;
	struct line *l = &t->lines[line_of(form, c)];
	int n = snprintf(l->text, sizeof(l->text), "%s=%s=%s=%s%s\n", d.type, d.subtype,
	                 d.scope, unicast ? iid_fields[c] : "unspecified=unspecified",
	                 vendor ? "xx-xx-xx" : "");

	l->len = (uint32_t)n;
	l->head = vendor ? l->len - VENDOR - 1 : l->len;
}

struct addr6_lines *addr6_lines_new(void)
{
	static const char digits[] = "0123456789abcdef";
	struct addr6_lines *t = aligned_alloc(_Alignof(struct addr6_lines), sizeof(*t));
	addr6_format_fn formatters[ADDR6_FORMATTERS];

	for (unsigned f = 0; t && f < FORMS; f++)
		for (unsigned c = 0; c < (f < FORM_UNSPECIFIED ? IID_CLASSES : 1); c++)
			make_line(t, f, (enum iid_class)c);
	for (unsigned i = 0; t && i < 256; i++) {
		t->hex[i][0] = digits[i >> 4];
		t->hex[i][1] = digits[i & 15];
	}
	addr6_formatters(formatters);
	if (t)
		t->format = formatters[0];
	return t;
}

void addr6_lines_free(struct addr6_lines *t)
{
	free(t);
}

/* A copy of fixed length is a few moves.  What is too much gets overwritten by the next
 * line; so does a vendor where there is none, which is cheaper than to ask. */
static inline __attribute__((always_inline)) char *put_line(char *p, const struct line *l,
                                                            const void *vendor)
{
	memcpy(p, l->text, 64);
	if (l->len > 64)
		memcpy(p + 64, l->text + 64, sizeof(l->text) - 64);
	memcpy(p + l->head, vendor, VENDOR);
	return p + l->len;
}

static size_t format_plain(const struct addr6_lines *t, char *buf,
                           const struct addr128 *a, size_t n)
{
	char *p = buf;

	for (size_t i = 0; i < n; i++) {
		unsigned line = line_of(form_of(a[i]), iid_class_by_rules(a[i]));
		uint32_t oui = addr_oui(a[i]);
		char vendor[VENDOR] = "xx-xx-xx";

		memcpy(vendor, t->hex[oui >> 16], 2);
		memcpy(vendor + 3, t->hex[oui >> 8 & 255], 2);
		memcpy(vendor + 6, t->hex[oui & 255], 2);
		p = put_line(p, &t->lines[line], vendor);
	}
	return (size_t)(p - buf);
}

#ifdef __x86_64__

#define AVX2 __attribute__((target("avx2")))

enum { EIGHT = 8 };

/* Parts of eight addresses, in the order that costs least. */
struct eight {
	__m256i top, high, low; /* bits 0-31, 64-95, 96-127, of 0 2 4 6 1 3 5 7 */
	__m256i left, right;    /* bits 64-127, of 0 2 1 3, and of 4 6 5 7 */
};

AVX2 static inline struct eight load_eight(const struct addr128 *a)
{
	const __m256i *v = (const __m256i *)a;
	const __m256i p = _mm256_loadu_si256(v), q = _mm256_loadu_si256(v + 1);
	const __m256i r = _mm256_loadu_si256(v + 2), s = _mm256_loadu_si256(v + 3);
	const __m256 nets = _mm256_castsi256_ps(_mm256_unpacklo_epi64(p, q));
	const __m256 nets2 = _mm256_castsi256_ps(_mm256_unpacklo_epi64(r, s));
	const __m256 iids = _mm256_castsi256_ps(_mm256_unpackhi_epi64(p, q));
	const __m256 iids2 = _mm256_castsi256_ps(_mm256_unpackhi_epi64(r, s));

	return (struct eight){
		.top = _mm256_castps_si256(_mm256_shuffle_ps(nets, nets2, 0xdd)),
		.high = _mm256_castps_si256(_mm256_shuffle_ps(iids, iids2, 0xdd)),
		.low = _mm256_castps_si256(_mm256_shuffle_ps(iids, iids2, 0x88)),
		.left = _mm256_castps_si256(iids),
		.right = _mm256_castps_si256(iids2),
	};
}

AVX2 static inline __m256i number(uint32_t x)
{
	return _mm256_set1_epi32((int)x);
}

AVX2 static inline __m256i bits_are(__m256i v, uint32_t mask, uint32_t value)
{
	return _mm256_cmpeq_epi32(_mm256_and_si256(v, number(mask)), number(value));
}

/* The rules of iid_class_by_rules(), the last one first: each puts its class over those of the
 * rules that count less. */
AVX2 static inline __m256i classes_of(const struct eight *e)
{
	const __m256i zero = _mm256_setzero_si256();
	const __m256i high = e->high, low = e->low, short_iid = bits_are(high, ~0u, 0);
	/* Minus the number of zero bytes. */
	const __m256i zeros = _mm256_madd_epi16(
		_mm256_maddubs_epi16(_mm256_set1_epi8(1),
	                             _mm256_add_epi8(_mm256_cmpeq_epi8(high, zero),
	                                             _mm256_cmpeq_epi8(low, zero))),
		_mm256_set1_epi16(1));
	/* What is_typed_v4() has, without the carries, which are where bits are too high. */
	const __m256i carry = number(0x01aa01aa);
	const __m256i large = _mm256_or_si256(
		_mm256_and_si256(_mm256_or_si256(_mm256_add_epi32(high, carry),
	                                         _mm256_add_epi32(low, carry)),
	                         number(0x04000400)),
		_mm256_and_si256(_mm256_or_si256(high, low), number(0xfc00fc00)));
	const __m256i w2 = _mm256_srli_epi32(low, 16);
	const __m256i w3 = _mm256_and_si256(low, number(0xffff));
	const __m256i reversed = _mm256_cmpgt_epi32(w2, number(16));
	const __m256i word = _mm256_blendv_epi8(w3, w2, reversed);
	const __m256i slot =
		_mm256_srli_epi32(_mm256_mullo_epi32(word, number(PORT_HASH)), 25);
	const __m256i row = _mm256_i32gather_epi32((const int *)port_words, slot, 4);
	const __m256i is_port = _mm256_andnot_si256(
		bits_are(word, ~0u, 0),
		_mm256_cmpeq_epi32(_mm256_and_si256(row, number(0xffff)), word));
	const __m256i both_large =
		_mm256_and_si256(reversed, _mm256_cmpgt_epi32(w3, number(16)));
	__m256i c = number(IID_RANDOM);

	c = _mm256_blendv_epi8(c, number(IID_PATTERN_BYTES),
	                       _mm256_cmpgt_epi32(number(-2u), zeros));
	c = _mm256_blendv_epi8(c, number(IID_IPV4_64), bits_are(large, ~0u, 0));
	/* A class less or more where the mask is set. */
	c = _mm256_blendv_epi8(
		c, _mm256_sub_epi32(number(IID_IPV4_32), bits_are(low, 0xff000000, 0)),
		_mm256_andnot_si256(bits_are(w3, ~0u, 0), short_iid));
	c = _mm256_blendv_epi8(
		c, _mm256_sub_epi32(number(IID_PORT), reversed),
		_mm256_andnot_si256(both_large, _mm256_and_si256(is_port, short_iid)));
	c = _mm256_blendv_epi8(c, number(IID_ISATAP),
	                       bits_are(high, 0xfdffffff, 0x00005efe));
	return _mm256_blendv_epi8(
		c, number(IID_EUI64),
		_mm256_and_si256(bits_are(high, 0x020000ff, 0x020000ff),
	                         bits_are(low, 0xff000000, 0xfe000000)));
}

/* The vendor parts of four identifiers in hex digits, with hyphens. */
AVX2 static inline __m256i vendors_of(__m256i iids)
{
	/* Bytes 7, 6 and 5 of each, twice, with a place between them. */
	const __m256i spread = _mm256_set_epi64x(0x0d0d800e0e800f0f, 0x0505800606800707,
	                                         0x0d0d800e0e800f0f, 0x0505800606800707);
	const __m256i digits = _mm256_broadcastsi128_si256(
		_mm_loadu_si128((const __m128i *)"0123456789abcdef"));
	const __m256i v = _mm256_shuffle_epi8(iids, spread);
	/* The second digit without the universal bit. */
	const __m256i nibbles = _mm256_or_si256(
		_mm256_and_si256(_mm256_srli_epi16(v, 4),
	                         _mm256_set1_epi64x(0x000f00000f00000f)),
		_mm256_and_si256(v, _mm256_set1_epi64x(0x0f00000f00000d00)));
	const __m256i places = _mm256_set1_epi64x(0x0000800000800000);

	return _mm256_or_si256(
		_mm256_shuffle_epi8(digits, _mm256_or_si256(nibbles, places)),
		_mm256_set1_epi64x(0x00002d00002d0000));
}

/* Eight addresses: line[i] and vendor[i] are of a[line_at[i]] and a[vendor_at[i]]. */
struct eight_lines {
	_Alignas(32) uint32_t line[EIGHT];
	_Alignas(32) uint64_t vendor[EIGHT];
};

AVX2 static inline void find_lines(struct eight_lines *out, const struct addr128 *a)
{
	static const uint8_t lanes[EIGHT] = { 0, 2, 4, 6, 1, 3, 5, 7 };
	const struct eight e = load_eight(a);
	const __m256i global = bits_are(e.top, 0xe0000000, 0x20000000);
	unsigned others =
		~(unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(global)) & 255;
	__m256i line = classes_of(&e);

	line = _mm256_add_epi32(
		line, _mm256_and_si256(number(FORM_6TO4 * IID_CLASSES),
	                               bits_are(e.top, 0xffff0000, 0x20020000)));
	line = _mm256_add_epi32(line, _mm256_and_si256(number(FORM_TEREDO * IID_CLASSES),
	                                               bits_are(e.top, ~0u, 0x20010000)));
	_mm256_store_si256((__m256i *)out->line, line);
	_mm256_store_si256((__m256i *)out->vendor, vendors_of(e.left));
	_mm256_store_si256((__m256i *)(out->vendor + 4), vendors_of(e.right));
	for (; others; others &= others - 1) {
		unsigned i = (unsigned)__builtin_ctz(others);

		out->line[i] =
			line_of(other_form(a[lanes[i]]), (enum iid_class)out->line[i]);
	}
}

AVX2 static size_t format_avx2(const struct addr6_lines *t, char *buf,
                               const struct addr128 *a, size_t n)
{
	/* Where find_lines() puts each. */
	static const uint8_t line_at[EIGHT] = { 0, 4, 1, 5, 2, 6, 3, 7 };
	static const uint8_t vendor_at[EIGHT] = { 0, 2, 1, 3, 4, 6, 5, 7 };
	struct eight_lines e;
	char *p = buf;

	for (; n >= EIGHT; a += EIGHT, n -= EIGHT) {
		find_lines(&e, a);
#pragma GCC unroll 8
		for (unsigned i = 0; i < EIGHT; i++)
			p = put_line(p, &t->lines[e.line[line_at[i]]],
			             &e.vendor[vendor_at[i]]);
	}
	return (size_t)(p - buf) + format_plain(t, p, a, n);
}

#endif

void addr6_formatters(addr6_format_fn out[static ADDR6_FORMATTERS])
{
	size_t n = 0;

#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		out[n++] = format_avx2;
#endif
	out[n++] = format_plain;
	out[n] = NULL;
}

size_t addr6_lines_format(const struct addr6_lines *t, char *buf, const struct addr128 *a,
                          size_t n)
{
	return t->format(t, buf, a, n);
}
