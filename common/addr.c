#include "common/addr.h"

#include <endian.h>
#include <string.h>

enum { GROUPS = 8, HEX_DIGITS = 32, TEXT_MAX = ADDR_STRLEN - 1 };

/* Value of a hex digit; 0 stands for "none", so values are one higher. */
static const uint8_t hex_value[256] = {
	['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
	['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
	['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

/* Four decimal octets without leading zeros, to the end of the text. */
static bool parse_quad(uint32_t *out, const char *s, const char *end)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++) {
		const char *start = s;
		unsigned octet = 0;

		while (s < end && *s >= '0' && *s <= '9' && s - start < 3)
			octet = octet * 10 + (unsigned)(*s++ - '0');
		if (s == start || octet > 255 || (*start == '0' && s - start > 1))
			return false;
		if (i < 3 && (s == end || *s++ != '.'))
			return false;
		v = v << 8 | octet;
	}
	if (s != end)
		return false;
	*out = v;
	return true;
}

/* One group of 1 to 4 hex digits; returns what follows it, or NULL. */
static inline const char *parse_group(uint16_t *out, const char *s, const char *end)
{
	const char *stop = end - s > 4 ? s + 4 : end, *start = s;
	unsigned v = 0, d;

	while (s < stop && (d = hex_value[(uint8_t)*s])) {
		v = v << 4 | (d - 1);
		s++;
	}
	*out = (uint16_t)v;
	return s == start ? NULL : s;
}

/* The groups of an IPv6 text into g; *gap is the index at which "::" stood, or
 * -1.  Returns the number of groups, negative when the text is wrong. */
static int parse_groups(uint16_t g[GROUPS], int *gap, const char *s, const char *end)
{
	int n = 0;

	*gap = -1;
	if (end - s >= 2 && s[0] == ':' && s[1] == ':') {
		*gap = 0;
		s += 2;
		if (s == end)
			return 0;
	}
	for (;;) {
		const char *start = s;
		uint32_t quad;

		if (n == GROUPS || !(s = parse_group(&g[n], s, end)))
			return -1;
		if (s < end && *s == '.') {
			if (n > GROUPS - 2 || !parse_quad(&quad, start, end))
				return -1;
			g[n] = (uint16_t)(quad >> 16);
			g[n + 1] = (uint16_t)quad;
			return n + 2;
		}
		n++;
		if (s == end)
			return n;
		if (*s++ != ':')
			return -1;
		if (s < end && *s == ':') {
			if (*gap >= 0)
				return -1;
			*gap = n;
			if (++s == end)
				return n;
		}
	}
}

static bool parse_v6(struct addr128 *out, const char *s, const char *end)
{
	uint16_t g[GROUPS];
	int gap, n = parse_groups(g, &gap, s, end);
	uint64_t w[2] = { 0, 0 };

	/* "::" stands for at least one group. */
	if (n < 0 || (gap < 0) != (n == GROUPS))
		return false;
	for (int i = 0; i < n; i++) {
		int at = gap < 0 || i < gap ? i : GROUPS - n + i;

		w[at >> 2] |= (uint64_t)g[i] << (48 - 16 * (at & 3));
	}
	*out = (struct addr128){ w[0], w[1] };
	return true;
}

static bool parse_hex(struct addr128 *out, const char *s)
{
	uint64_t w[2] = { 0, 0 };

	for (int i = 0; i < HEX_DIGITS; i++) {
		unsigned d = hex_value[(uint8_t)s[i]];

		if (!d)
			return false;
		w[i >> 4] = w[i >> 4] << 4 | (d - 1);
	}
	*out = (struct addr128){ w[0], w[1] };
	return true;
}

/* The punctuation that ends the first group tells the notation. */
static char notation(const char *text, size_t len)
{
	for (size_t i = 0; i < len && i < 5; i++)
		if (!hex_value[(uint8_t)text[i]])
			return text[i];
	return 0;
}

bool addr_parse_n(struct addr128 *out, const char *text, size_t len)
{
	const char *end = text + len;
	uint32_t quad;

	if (len > TEXT_MAX)
		return false;
	switch (notation(text, len)) {
	case ':': return parse_v6(out, text, end);
	case '.':
		if (!parse_quad(&quad, text, end))
			return false;
		*out = addr_from_v4(quad);
		return true;
	case 0: return len == HEX_DIGITS && parse_hex(out, text);
	}
	return false;
}

bool addr_parse(struct addr128 *out, const char *text)
{
	return addr_parse_n(out, text, strnlen(text, TEXT_MAX + 1));
}

/* Decimal, without leading zeros or a sign. */
static bool parse_len(unsigned *out, const char *s, unsigned max)
{
	unsigned v = 0, digits = 0;

	if (s[0] == '0' && s[1])
		return false;
	for (; *s >= '0' && *s <= '9' && digits < 3; s++, digits++)
		v = v * 10 + (unsigned)(*s - '0');
	if (!digits || *s || v > max)
		return false;
	*out = v;
	return true;
}

bool prefix_parse(struct prefix *out, const char *text)
{
	size_t n = strcspn(text, "/");
	struct addr128 a;
	unsigned len;
	/* ::ffff:0:0/96 is written as IPv6, so its length counts from the top. */
	bool quad = n <= TEXT_MAX && !memchr(text, ':', n) && memchr(text, '.', n);

	if (!addr_parse_n(&a, text, n))
		return false;
	if (!text[n])
		len = 128;
	else if (!parse_len(&len, text + n + 1, quad ? 32 : 128))
		return false;
	else if (quad)
		len += 96;
	*out = prefix_make(a, len);
	return true;
}

/* Without leading zeros.  May touch 4 bytes, whatever it returns. */
static inline char *format_group(char *p, unsigned v)
{
	unsigned digits = (unsigned)(31 - __builtin_clz(v | 1)) / 4 + 1;
	uint32_t x, out;

	v <<= 4 * (4 - digits);
	x = (v >> 12 & 15) | (v & 0xf00) | (v & 0xf0) << 12 | (v & 15) << 24;
	/* Each byte of x is a digit: add '0', and 'a' - '0' - 10 from ten on. */
	out = x + 0x30303030 + ((x + 0x06060606) >> 4 & 0x01010101) * 0x27;
	out = htole32(out);
	memcpy(p, &out, 4);
	return p + digits;
}

static inline char *format_octet(char *p, unsigned v)
{
	if (v >= 100) {
		*p++ = (char)('0' + v / 100);
		v %= 100;
		*p++ = (char)('0' + v / 10);
		v %= 10;
	} else if (v >= 10) {
		*p++ = (char)('0' + v / 10);
		v %= 10;
	}
	*p++ = (char)('0' + v);
	return p;
}

static char *format_quad(char *p, uint32_t v)
{
	for (int shift = 24; shift >= 0; shift -= 8) {
		p = format_octet(p, v >> shift & 255);
		*p++ = '.';
	}
	return p - 1;
}

static inline unsigned group_of(struct addr128 a, unsigned i)
{
	return (uint16_t)((i < 4 ? a.hi : a.lo) >> (48 - 16 * (i & 3)));
}

/* First of the longest runs of at least two zero groups; *base is GROUPS when
 * there is none.  RFC 5952 section 4.2. */
static void longest_zero_run(struct addr128 a, unsigned *base, unsigned *len)
{
	unsigned zero = 0, run, next;

	for (unsigned i = 0; i < GROUPS; i++)
		zero |= (unsigned)(group_of(a, i) == 0) << i;
	/* Bit i of run: the groups i .. i + len - 1 are all zero. */
	run = zero;
	*len = 1;
	while ((next = run & zero >> *len)) {
		run = next;
		++*len;
	}
	*base = *len >= 2 ? (unsigned)__builtin_ctz(run) : GROUPS;
}

size_t addr_format(char buf[static ADDR_STRLEN], struct addr128 a)
{
	unsigned base, len, i = 0;
	char *p = buf;

	if (addr_is_v4(a)) {
		p = format_quad(p, (uint32_t)a.lo);
		*p = '\0';
		return (size_t)(p - buf);
	}
	longest_zero_run(a, &base, &len);
	while (i < GROUPS) {
		if (i == base) {
			*p++ = ':';
			i += len;
			if (i == GROUPS)
				*p++ = ':';
			continue;
		}
		if (i)
			*p++ = ':';
		/* IPv4-compatible addresses, RFC 4291 section 2.5.5.1. */
		if (i == 6 && base == 0 && len == 6) {
			p = format_quad(p, (uint32_t)a.lo);
			break;
		}
		p = format_group(p, group_of(a, i++));
	}
	*p = '\0';
	return (size_t)(p - buf);
}

size_t prefix_format(char buf[static PREFIX_STRLEN], struct prefix p)
{
	size_t n = addr_format(buf, p.addr);
	char *end = buf + n;

	*end++ = '/';
	end = format_octet(end, prefix_is_v4(p) ? p.len - 96u : p.len);
	*end = '\0';
	return (size_t)(end - buf);
}

struct addr128 addr_load(const void *net16)
{
	uint64_t w[2];

	memcpy(w, net16, sizeof(w));
	return (struct addr128){ be64toh(w[0]), be64toh(w[1]) };
}

void addr_store(void *net16, struct addr128 a)
{
	uint64_t w[2] = { htobe64(a.hi), htobe64(a.lo) };

	memcpy(net16, w, sizeof(w));
}

struct addr128 addr_from_v4(uint32_t host_order)
{
	return (struct addr128){ 0, UINT64_C(0xffff) << 32 | host_order };
}

/* The low 128 - len bits set. */
static struct addr128 host_mask(unsigned len)
{
	struct addr128 m = { 0, 0 };

	if (len < 64) {
		m.hi = ~UINT64_C(0) >> len;
		m.lo = ~UINT64_C(0);
	} else if (len < 128) {
		m.lo = ~UINT64_C(0) >> (len - 64);
	}
	return m;
}

struct prefix prefix_make(struct addr128 a, unsigned len)
{
	struct addr128 m = host_mask(len);

	return (struct prefix){ { a.hi & ~m.hi, a.lo & ~m.lo }, (uint8_t)len };
}

struct addr128 prefix_last(struct prefix p)
{
	struct addr128 m = host_mask(p.len);

	return (struct addr128){ p.addr.hi | m.hi, p.addr.lo | m.lo };
}
