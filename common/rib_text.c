#include "common/rib_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/mrt_path.h"
#include "common/perm.h"

enum { FIELD_MAX = 64, FIELDS = 8 };

/* Copy the field that starts at *p and ends at one of ends; quotes around it go.
 * false: there is none, or it is too long to be an address or a number. */
static bool next_field(const char **p, const char *ends, char out[static FIELD_MAX])
{
	size_t n;

	if (!**p)
		return false;
	n = strcspn(*p, ends);
	if (n >= FIELD_MAX)
		return false;
	memcpy(out, *p, n);
	out[n] = '\0';
	*p += n + ((*p)[n] != '\0');
	if (n >= 2 && out[0] == '"' && out[n - 1] == '"') {
		memmove(out, out + 1, n - 2);
		out[n - 2] = '\0';
	}
	return true;
}

static bool parse_u32(uint32_t *out, const char *text, uint64_t max)
{
	uint64_t v = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		v = v * 10 + (uint64_t)(*text - '0');
		if (v > max)
			return false;
	}
	*out = (uint32_t)v;
	return true;
}

/* addr/len of whatever family, with the length of that family. */
static bool make_prefix(struct prefix *out, struct addr128 a, uint32_t len)
{
	bool v4 = addr_is_v4(a);

	if (len > (v4 ? 32 : 128))
		return false;
	*out = prefix_make(a, v4 ? 96 + len : len);
	return true;
}

/* Every prefix of a range, largest first from the left. */
static int add_range(struct rib *r, struct addr128 first, struct addr128 last)
{
	for (;;) {
		unsigned len = 128;
		struct prefix p = { first, 128 };
		int rc;

		while (len > (addr_is_v4(first) ? 96 : 0)) {
			struct prefix up = prefix_make(first, len - 1);

			if (!addr_eq(up.addr, first) ||
			    addr_cmp(prefix_last(up), last) > 0)
				break;
			p = up;
			len--;
		}
		rc = rib_add_listed(r, p, 0, NULL, 0);
		if (rc < 0 || addr_cmp(prefix_last(p), last) >= 0)
			return rc < 0 ? rc : 1;
		first = addr_next(prefix_last(p));
	}
}

/* ---- pfx2as -------------------------------------------------------------- */

static int compare_as(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return (a > b) - (a < b);
}

/* One origin, between underscores: "64500", "{1,2}", "1,2". */
static int add_origin(struct rib *r, struct prefix p, const char *text, size_t len)
{
	uint32_t set[PATH_SET_MAX];
	size_t n = 0, unique = 0;

	if (len >= 2 && text[0] == '{' && text[len - 1] == '}') {
		text++;
		len -= 2;
	}
	while (len) {
		const char *comma = memchr(text, ',', len);
		size_t k = comma ? (size_t)(comma - text) : len;
		char number[16];

		if (k >= sizeof(number) || n == PATH_SET_MAX)
			return ERR_PARSE;
		memcpy(number, text, k);
		number[k] = '\0';
		if (!parse_u32(&set[n++], number, UINT32_MAX))
			return ERR_PARSE;
		text += k + (comma != NULL);
		len -= k + (comma != NULL);
	}
	if (n == 0)
		return ERR_PARSE;
	qsort(set, n, sizeof(*set), compare_as);
	for (size_t i = 0; i < n; i++)
		if (!unique || set[unique - 1] != set[i])
			set[unique++] = set[i];
	if (unique == 1)
		return rib_add_listed(r, p, set[0], NULL, 0);
	return rib_add_listed(r, p, 0, set, unique);
}

static int pfx2as_line(struct rib *r, const char *line)
{
	const char *blank = " \t", *p = line;
	char addr[FIELD_MAX], len[FIELD_MAX];
	struct addr128 a;
	struct prefix prefix;
	uint32_t n;
	char *slash;
	int rc = 1;

	if (!next_field(&p, blank, addr))
		return ERR_PARSE;
	slash = strchr(addr, '/');
	if (slash)
		*slash = '\0';
	else if (!next_field(&p, blank, len))
		return ERR_PARSE;
	if (!addr_parse(&a, addr) || !parse_u32(&n, slash ? slash + 1 : len, 128) ||
	    !make_prefix(&prefix, a, n))
		return ERR_PARSE;
	p += strspn(p, blank);
	if (!*p) {
		rc = rib_add_listed(r, prefix, 0, NULL, 0);
		return rc < 0 ? rc : 1;
	}
	while (rc >= 0 && *p && !strchr(blank, *p)) {
		size_t k = strcspn(p, "_ \t");

		rc = add_origin(r, prefix, p, k);
		p += k + (p[k] == '_');
	}
	return rc < 0 ? rc : 1;
}

/* ---- delegated-extended --------------------------------------------------- */

/* registry|cc|type|start|value|date|status|...; also version and summary lines,
 * and AS numbers. */
static int delegated_line(struct rib *r, const char *line)
{
	char f[FIELDS][FIELD_MAX];
	struct prefix prefix;
	struct addr128 a, last;
	uint32_t value;
	unsigned n = 0;

	while (n < FIELDS && next_field(&line, "|", f[n]))
		n++;
	if (n < 6)
		return ERR_PARSE;
	if (isdigit((unsigned char)f[0][0]) || !strcmp(f[5], "summary") ||
	    !strcmp(f[2], "asn"))
		return 0;
	if (n < 7 || (strcmp(f[2], "ipv4") && strcmp(f[2], "ipv6")))
		return ERR_PARSE;
	if (strcmp(f[6], "allocated") && strcmp(f[6], "assigned"))
		return 0;
	if (!addr_parse(&a, f[3]) || addr_is_v4(a) != !strcmp(f[2], "ipv4") ||
	    !parse_u32(&value, f[4], UINT32_MAX) || value == 0)
		return ERR_PARSE;
	if (!addr_is_v4(a)) {
		/* IPv6: the value is a prefix length; IPv4: a number of addresses. */
		if (!make_prefix(&prefix, a, value))
			return ERR_PARSE;
		return add_range(r, prefix.addr, prefix_last(prefix));
	}
	last = a;
	last.lo += value - 1;
	return addr_is_v4(last) ? add_range(r, a, last) : ERR_PARSE;
}

/* ---- location ranges ------------------------------------------------------ */

/* A decimal number of up to 128 bits. */
static bool parse_number(struct addr128 *out, const char *text)
{
	u128 v = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || v > (~(u128)0 - 9) / 10)
			return false;
		v = v * 10 + (unsigned)(*text - '0');
	}
	*out = (struct addr128){ (uint64_t)(v >> 64), (uint64_t)v };
	return true;
}

static bool range_ends(struct addr128 *first, struct addr128 *last, const char *a,
                       const char *b)
{
	if (addr_parse(first, a) && addr_parse(last, b))
		return true;
	if (!parse_number(first, a) || !parse_number(last, b))
		return false;
	if (!last->hi && last->lo <= UINT32_MAX) {
		*first = addr_from_v4((uint32_t)first->lo);
		*last = addr_from_v4((uint32_t)last->lo);
	}
	return true;
}

static int ranges_line(struct rib *r, const char *line)
{
	char a[FIELD_MAX], b[FIELD_MAX], where[FIELD_MAX];
	struct addr128 first, last;

	if (!next_field(&line, ",", a) || !next_field(&line, ",", b))
		return ERR_PARSE;
	if (!range_ends(&first, &last, a, b))
		return isalpha((unsigned char)a[0]) && !strchr(a, ':') ? 0 : ERR_PARSE;
	if (addr_cmp(first, last) > 0 || addr_is_v4(first) != addr_is_v4(last))
		return ERR_PARSE;
	/* "-" and ZZ: nobody's. */
	if (next_field(&line, ",", where) &&
	    (!strcmp(where, "-") || !strcmp(where, "ZZ")))
		return 0;
	return add_range(r, first, last);
}

static bool is_comment(const char *line)
{
	line += strspn(line, " \t");
	return !*line || *line == '#' || *line == ';';
}

enum rib_format rib_text_guess(const char *line)
{
	char a[FIELD_MAX], b[FIELD_MAX];
	struct addr128 x, y;
	const char *p = line;

	if (is_comment(line))
		return RIB_AUTO;
	if (strchr(line, '|'))
		return RIB_DELEGATED;
	if (next_field(&p, ",", a) && next_field(&p, ",", b) && range_ends(&x, &y, a, b))
		return RIB_RANGES;
	p = line;
	if (next_field(&p, " \t/", a) && addr_parse(&x, a) && next_field(&p, " \t", b) &&
	    parse_u32(&(uint32_t){ 0 }, b, 128))
		return RIB_PFX2AS;
	return RIB_AUTO;
}

int rib_text_line(struct rib *r, enum rib_format format, const char *line)
{
	if (is_comment(line))
		return 0;
	switch (format) {
	case RIB_PFX2AS: return pfx2as_line(r, line);
	case RIB_DELEGATED: return delegated_line(r, line);
	case RIB_RANGES: return ranges_line(r, line);
	default: return ERR_PARSE;
	}
}
