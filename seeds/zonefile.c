#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/err.h"
#include "seeds/names.h"

enum { TOKENS = 16, TOKEN_MAX = 1100 };

/* A record under construction: it ends at a line end outside of parentheses. */
struct zonefile {
	struct dns_name origin, owner;
	bool have_origin, have_owner, starts_blank;
	unsigned depth, n;
	bool bad;
	char token[TOKENS][TOKEN_MAX];
};

int zonefile_new(struct zonefile **out, const struct dns_name *origin)
{
	struct zonefile *z = calloc(1, sizeof(*z));

	if (!z)
		return -ENOMEM;
	if (origin) {
		z->origin = *origin;
		z->have_origin = true;
	}
	*out = z;
	return 0;
}

void zonefile_free(struct zonefile *z)
{
	free(z);
}

/* A name of the file: absolute, or relative to the origin. */
static bool make_name(const struct zonefile *z, struct dns_name *out, const char *text)
{
	size_t len = strlen(text), backslashes = 0;
	struct dns_name n;

	if (!strcmp(text, "@")) {
		*out = z->origin;
		return z->have_origin;
	}
	if (!dns_name_parse_n(&n, text, len))
		return false;
	while (backslashes + 1 < len && text[len - 2 - backslashes] == '\\')
		backslashes++;
	if (text[len - 1] != '.' || backslashes % 2) {
		if (!z->have_origin || n.len - 1 + z->origin.len > DNS_NAME_MAX)
			return false;
		memcpy(n.b + n.len - 1, z->origin.b, z->origin.len);
		n.len = (uint8_t)(n.len - 1 + z->origin.len);
	}
	*out = n;
	return true;
}

static bool is_ttl(const char *t)
{
	if (*t < '0' || *t > '9')
		return false;
	return t[strspn(t, "0123456789smhdwSMHDW")] == '\0';
}

static bool is_class(const char *t)
{
	return !strcasecmp(t, "IN") || !strcasecmp(t, "CH") || !strcasecmp(t, "HS");
}

/* Which field of the data is a host name; -1: none that we follow. */
static int host_field(const char *type)
{
	static const struct {
		const char *type;
		int field;
	} rows[] = {
		{ "NS", 0 }, { "CNAME", 0 }, { "DNAME", 0 }, { "PTR", 0 },
		{ "MX", 1 }, { "SVCB", 1 },  { "HTTPS", 1 }, { "SRV", 3 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcasecmp(rows[i].type, type))
			return rows[i].field;
	return -1;
}

static int take_data(struct zonefile *z, struct names *n, unsigned i)
{
	const char *type = z->token[i++];
	int field = host_field(type);
	struct dns_name host;
	struct addr128 a;

	if (!strcasecmp(type, "AAAA") || !strcasecmp(type, "A")) {
		if (i >= z->n || !addr_parse(&a, z->token[i]) ||
		    addr_is_v4(a) != (strlen(type) == 1))
			return ERR_PARSE;
		return names_add_addr(n, a);
	}
	if (field < 0 || i + (unsigned)field >= z->n)
		return 0;
	if (!make_name(z, &host, z->token[i + (unsigned)field]))
		return ERR_PARSE;
	return names_add(n, &host);
}

static int take_directive(struct zonefile *z)
{
	struct dns_name origin;

	if (!strcasecmp(z->token[0], "$TTL"))
		return 0;
	/* $INCLUDE names a file that is not ours to open, $GENERATE is BIND's. */
	if (strcasecmp(z->token[0], "$ORIGIN") || z->n < 2 ||
	    !make_name(z, &origin, z->token[1]))
		return ERR_PARSE;
	z->origin = origin;
	z->have_origin = true;
	return 0;
}

static int take_record(struct zonefile *z, struct names *n)
{
	unsigned i = 0;
	int rc;

	if (z->bad)
		return ERR_PARSE;
	if (z->n == 0)
		return 0;
	if (!z->starts_blank && z->token[0][0] == '$')
		return take_directive(z);
	if (!z->starts_blank) {
		if (!make_name(z, &z->owner, z->token[i++])) {
			z->have_owner = false;
			return ERR_PARSE;
		}
		z->have_owner = true;
	}
	if (!z->have_owner)
		return ERR_PARSE;
	while (i < z->n && (is_ttl(z->token[i]) || is_class(z->token[i])))
		i++;
	if (i == z->n)
		return ERR_PARSE;
	rc = names_add(n, &z->owner);
	return rc < 0 ? rc : take_data(z, n, i);
}

/* The token at p; returns where it ends.  More tokens than we look at are let go. */
static const char *add_token(struct zonefile *z, const char *p, const char *end)
{
	char *out = z->n < TOKENS ? z->token[z->n] : NULL;
	bool quoted = *p == '"';
	size_t n = 0;

	p += quoted;
	while (p < end && (quoted ? *p != '"' : !strchr(" \t\r();\"", *p))) {
		/* An escape is kept as it is, and hides what follows. */
		unsigned k = *p == '\\' && p + 1 < end ? 2 : 1;

		if (out && n + k < TOKEN_MAX)
			memcpy(out + n, p, k);
		n += k;
		p += k;
	}
	if (quoted) {
		z->bad |= p == end;
		p += p < end;
	}
	if (out) {
		/* Long data (keys, text) is none that we use. */
		out[n < TOKEN_MAX ? n : 0] = '\0';
		z->n++;
	}
	return p;
}

int zonefile_line(struct zonefile *z, struct names *n, const char *line, size_t len)
{
	const char *p = line, *end = line + len;
	int rc;

	if (!z->depth) {
		z->n = 0;
		z->bad = false;
		z->starts_blank = len && (*p == ' ' || *p == '\t');
	}
	while (p < end && *p != ';') {
		if (*p == '(') {
			z->depth++;
			p++;
		} else if (*p == ')') {
			z->bad |= !z->depth;
			z->depth -= z->depth > 0;
			p++;
		} else if (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\0') {
			p++;
		} else {
			p = add_token(z, p, end);
		}
	}
	if (z->depth)
		return 0;
	rc = take_record(z, n);
	z->n = 0;
	return rc;
}
