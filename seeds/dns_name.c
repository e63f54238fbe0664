#include <string.h>

#include "common/rng.h"
#include "seeds/dns_wire.h"

enum { LABEL_MAX = 63 };

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* One character at *p, or an escape; false: malformed. */
static bool unescape(const char **p, const char *end, uint8_t *out)
{
	const char *s = *p;
	unsigned v = 0;

	if (*s != '\\') {
		*out = (uint8_t)*s;
		*p = s + 1;
		return true;
	}
	if (++s == end)
		return false;
	if (*s < '0' || *s > '9') {
		*out = (uint8_t)*s;
		*p = s + 1;
		return true;
	}
	for (unsigned i = 0; i < 3; i++, s++) {
		if (s == end || *s < '0' || *s > '9')
			return false;
		v = v * 10 + (unsigned)(*s - '0');
	}
	*out = (uint8_t)v;
	*p = s;
	return v <= 255;
}

bool dns_name_parse_n(struct dns_name *out, const char *text, size_t len)
{
	const char *end = text + len;
	struct dns_name n;
	unsigned label = 0, at = 1; /* of the length byte, of the next byte */

	if (len == 0)
		return false;
	if (len == 1 && *text == '.') {
		out->len = 1;
		out->b[0] = 0;
		return true;
	}
	while (text < end) {
		uint8_t c;

		if (*text == '.') {
			if (at == label + 1)
				return false;
			n.b[label] = (uint8_t)(at - label - 1);
			label = at++;
			text++;
			continue;
		}
		if (!unescape(&text, end, &c))
			return false;
		/* One byte is kept for the root. */
		if (at - label > LABEL_MAX || at >= DNS_NAME_MAX - 1)
			return false;
		n.b[at++] = c;
	}
	if (at > label + 1) {
		n.b[label] = (uint8_t)(at - label - 1);
		label = at;
	}
	n.b[label] = 0;
	n.len = (uint8_t)(label + 1);
	memcpy(out->b, n.b, n.len);
	out->len = n.len;
	return true;
}

bool dns_name_parse(struct dns_name *out, const char *text)
{
	return dns_name_parse_n(out, text, strlen(text));
}

size_t dns_name_format(char buf[static DNS_NAME_STRLEN], const struct dns_name *n)
{
	char *p = buf;

	for (unsigned i = 0; n->b[i]; i += n->b[i] + 1u) {
		if (i)
			*p++ = '.';
		for (unsigned k = 1; k <= n->b[i]; k++) {
			uint8_t c = lower(n->b[i + k]);

			if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			    c == '-' || c == '_' || c == '*') {
				*p++ = (char)c;
			} else {
				*p++ = '\\';
				*p++ = (char)('0' + c / 100);
				*p++ = (char)('0' + c / 10 % 10);
				*p++ = (char)('0' + c % 10);
			}
		}
	}
	if (p == buf)
		*p++ = '.';
	*p = '\0';
	return (size_t)(p - buf);
}

/* Length bytes are below 'A', so that all bytes can be treated alike. */
bool dns_name_eq(const struct dns_name *a, const struct dns_name *b)
{
	if (a->len != b->len)
		return false;
	for (unsigned i = 0; i < a->len; i++)
		if (lower(a->b[i]) != lower(b->b[i]))
			return false;
	return true;
}

uint64_t dns_name_hash(const struct dns_name *n, uint64_t seed)
{
	uint64_t h = seed, w = 0;

	for (unsigned i = 0; i < n->len; i++) {
		w = w << 8 | lower(n->b[i]);
		if (i % 8 == 7)
			h = rng_mix(h ^ w);
	}
	return rng_mix(h ^ w ^ (uint64_t)n->len << 56);
}

/* Where each label begins; returns how many there are. */
static unsigned label_starts(const struct dns_name *n, uint8_t at[static 128])
{
	unsigned k = 0;

	for (unsigned i = 0; n->b[i]; i += n->b[i] + 1u)
		at[k++] = (uint8_t)i;
	return k;
}

unsigned dns_name_labels(const struct dns_name *n)
{
	uint8_t at[128];

	return label_starts(n, at);
}

static int compare_labels(const uint8_t *x, const uint8_t *y)
{
	unsigned n = x[0] < y[0] ? x[0] : y[0];

	for (unsigned i = 1; i <= n; i++)
		if (lower(x[i]) != lower(y[i]))
			return (int)lower(x[i]) - (int)lower(y[i]);
	return (int)x[0] - (int)y[0];
}

int dns_name_cmp(const struct dns_name *a, const struct dns_name *b)
{
	uint8_t x[128], y[128];
	unsigned n = label_starts(a, x), m = label_starts(b, y);

	while (n && m) {
		int c = compare_labels(a->b + x[--n], b->b + y[--m]);

		if (c)
			return c;
	}
	return (int)n - (int)m;
}

bool dns_name_is_in(const struct dns_name *n, const struct dns_name *zone)
{
	unsigned i = 0, skip = n->len - zone->len;

	if (n->len < zone->len)
		return false;
	while (i < skip)
		i += n->b[i] + 1u;
	if (i != skip)
		return false;
	for (unsigned k = 0; k < zone->len; k++)
		if (lower(n->b[skip + k]) != lower(zone->b[k]))
			return false;
	return true;
}

bool dns_name_parent(struct dns_name *out, const struct dns_name *n)
{
	unsigned skip = n->b[0] + 1u;

	if (!n->b[0])
		return false;
	memmove(out->b, n->b + skip, n->len - skip);
	out->len = (uint8_t)(n->len - skip);
	return true;
}

bool dns_name_prepend(struct dns_name *n, const void *label, size_t len)
{
	if (len < 1 || len > LABEL_MAX || n->len + len + 1 > DNS_NAME_MAX)
		return false;
	memmove(n->b + len + 1, n->b, n->len);
	n->b[0] = (uint8_t)len;
	memcpy(n->b + 1, label, len);
	n->len = (uint8_t)(n->len + len + 1);
	return true;
}

static void put_label(struct dns_name *n, const void *label, size_t len)
{
	n->b[n->len++] = (uint8_t)len;
	memcpy(n->b + n->len, label, len);
	n->len = (uint8_t)(n->len + len);
}

static const char hex[] = "0123456789abcdef";

static void put_octet(struct dns_name *n, unsigned v)
{
	char text[3];
	unsigned k = 0;

	if (v >= 100)
		text[k++] = (char)('0' + v / 100);
	if (v >= 10)
		text[k++] = (char)('0' + v / 10 % 10);
	text[k++] = (char)('0' + v % 10);
	put_label(n, text, k);
}

void dns_name_reverse(struct dns_name *out, struct addr128 a, unsigned nibbles)
{
	bool v4 = addr_is_v4(a) && nibbles >= 24;

	out->len = 0;
	if (v4) {
		for (unsigned i = nibbles; i > 24; i -= 2)
			put_octet(out,
			          addr_nibble(a, i - 2) << 4 | addr_nibble(a, i - 1));
		put_label(out, "in-addr", 7);
	} else {
		for (unsigned i = nibbles; i > 0; i--)
			put_label(out, &hex[addr_nibble(a, i - 1)], 1);
		put_label(out, "ip6", 3);
	}
	put_label(out, "arpa", 4);
	out->b[out->len++] = 0;
}

int dns_name_reverse_parse(const struct dns_name *n, struct addr128 *a)
{
	static const struct dns_name root = { 10, "\3ip6\4arpa" };
	unsigned labels = dns_name_labels(n);
	struct addr128 v = { 0, 0 };

	if (!dns_name_is_in(n, &root) || labels < 2 || labels > 34)
		return -1;
	for (unsigned i = 0; i < labels - 2; i++) {
		const char *p;

		if (n->b[2 * i] != 1)
			return -1;
		p = memchr(hex, lower(n->b[2 * i + 1]), 16);
		if (!p)
			return -1;
		v = addr_set_nibble(v, labels - 3 - i, (unsigned)(p - hex));
	}
	*a = v;
	return (int)labels - 2;
}
