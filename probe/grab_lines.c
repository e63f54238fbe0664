#include "probe/grab_lines.h"

#include <string.h>
#include <strings.h>

#include "common/log.h"

enum { VALUE_MAX = 64 };

enum column { OTHER, ADDRESS, PORT, PROTO, STATE, SUCCESS };

/* What one answer says, as far as it has been read. */
struct answer {
	bool has_addr, has_port, other; /* other: not an open port of TCP */
	struct addr128 addr;
	uint16_t port;
};

static enum column column_of(const char *s, size_t n)
{
	static const struct {
		const char *name;
		enum column column;
	} names[] = {
		{ "target", ADDRESS },
		{ "saddr", ADDRESS },
		{ "ip", ADDRESS },
		{ "addr", ADDRESS },
		{ "address", ADDRESS },
		{ "host", ADDRESS },
		{ "port", PORT },
		{ "sport", PORT },
		{ "proto", PROTO },
		{ "protocol", PROTO },
		{ "outcome", STATE },
		{ "status", STATE },
		{ "classification", STATE },
		{ "success", SUCCESS },
		{ "state", STATE },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == n && !strncasecmp(names[i].name, s, n))
			return names[i].column;
	return OTHER;
}

static bool parse_port(uint16_t *out, const char *s, size_t n)
{
	unsigned port = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9' || port > UINT16_MAX)
			return false;
		port = 10 * port + (unsigned)(s[i] - '0');
	}
	if (n == 0 || port < 1 || port > UINT16_MAX)
		return false;
	*out = (uint16_t)port;
	return true;
}

static bool is(const char *s, size_t n, const char *word)
{
	return strlen(word) == n && !strncasecmp(s, word, n);
}

/* A value of a column; false: it is not what it should be. */
static bool take(struct answer *a, enum column column, const char *s, size_t n)
{
	switch (column) {
	case OTHER: return true;
	case ADDRESS:
		/* "target" comes before "saddr", and is what was asked. */
		if (a->has_addr)
			return true;
		a->has_addr = addr_parse_n(&a->addr, s, n);
		return a->has_addr;
	case PORT:
		if (a->has_port || n == 0)
			return true;
		a->has_port = parse_port(&a->port, s, n);
		return a->has_port;
	case PROTO: a->other |= n && !is(s, n, "tcp"); return true;
	case STATE:
		a->other |=
			n && !is(s, n, "open") && !is(s, n, "synack") && !is(s, n, "ok");
		return true;
	case SUCCESS: a->other |= is(s, n, "0") || is(s, n, "false"); return true;
	}
	return true;
}

static void add_port(struct grab_line *out, const struct answer *a)
{
	if (a->has_port && !a->other && out->n_ports < GRAB_LINE_PORTS)
		out->ports[out->n_ports++] = a->port;
}

static int wrong(struct diag *d, const char *text, const char *why)
{
	char quoted[80];

	return diag_set(d, ERR_PARSE, "'%s' %s",
	                log_quote(quoted, sizeof(quoted), text, strlen(text)), why);
}

/* --- JSON -------------------------------------------------------------------- */

/* A string from behind its opening quote to the closing one.  The values that are
 * wanted hold no escapes. */
static const char *string_end(const char *s)
{
	while (*s && *s != '"')
		s += *s == '\\' && s[1] ? 2 : 1;
	return s;
}

static const char *skip(const char *s)
{
	return s + strspn(s, " \t\r");
}

/* The value of a key at s: a string, or a word up to a delimiter.  *next is what
 * follows; NULL: it is an object or an array. */
static const char *value_at(const char *s, size_t *n, const char **next)
{
	s = skip(s);
	if (*s == '{' || *s == '[') {
		*next = s;
		return NULL;
	}
	if (*s == '"') {
		const char *end = string_end(s + 1);

		*n = (size_t)(end - s - 1);
		*next = *end ? end + 1 : end;
		return s + 1;
	}
	*n = strcspn(s, ",}] \t\r");
	*next = s + *n;
	return s;
}

/* Objects within the outer one inherit its address; each can name a port.  (A
 * "status" within masscan's "ports" is that of the port.) */
static int parse_json(const char *text, struct grab_line *out, struct diag *d)
{
	struct answer outer = { .port = 0 }, inner = { .port = 0 }, *a = &outer;
	unsigned depth = 0;
	bool bad = false, nested = false;

	for (const char *s = text; *s && !bad;) {
		const char *end, *value;
		size_t n;

		if (*s == '{') {
			a = ++depth > 1 ? &inner : &outer;
			inner = (struct answer){ .port = 0 };
			nested |= depth > 1;
		} else if (*s == '}') {
			bad = depth == 0;
			if (depth == 2)
				add_port(out, &inner);
			depth -= depth > 0;
			a = depth > 1 ? &inner : &outer;
		}
		if (*s != '"') {
			s++;
			continue;
		}
		end = string_end(s + 1);
		value = skip(*end ? end + 1 : end);
		if (*value != ':') {
			s = *end ? end + 1 : end;
			continue;
		}
		value = value_at(value + 1, &n, &value);
		if (value)
			bad = depth < 3 &&
			      !take(a, column_of(s + 1, (size_t)(end - s - 1)), value, n);
		s = value ? value + n + (value[-1] == '"' && value[n] == '"') : end + 1;
	}
	if (bad || depth || !outer.has_addr)
		return wrong(d, text, "is no JSON object with an address");
	out->addr = outer.addr;
	add_port(out, &outer);
	return outer.other || (nested && !out->n_ports) ? 0 : 1;
}

/* --- CSV --------------------------------------------------------------------- */

/* The next field at *s, which moves behind its comma; false: there is none. */
static bool next_field(const char **s, const char **field, size_t *n)
{
	if (!**s)
		return false;
	if (**s == '"') {
		const char *end = strchr(*s + 1, '"');

		*field = *s + 1;
		*n = end ? (size_t)(end - *field) : strlen(*field);
		*s = *field + *n + (end != NULL);
		*s += strcspn(*s, ",");
	} else {
		*field = *s;
		*n = strcspn(*s, ",");
		*s += *n;
	}
	while (*n && ((*field)[*n - 1] == ' ' || (*field)[*n - 1] == '\r'))
		--*n;
	*s += **s == ',';
	return true;
}

/* Whether the line is a header: then its columns are known from now on. */
static bool is_header(struct grab_lines *s, const char *text)
{
	const char *at = text, *field;
	bool address = false;
	unsigned i = 0;
	size_t n;

	if (strpbrk(text, "0123456789:") || !strchr(text, ','))
		return false;
	for (; next_field(&at, &field, &n) && i < GRAB_COLUMNS; i++) {
		s->columns[i] = (uint8_t)column_of(field, n);
		address |= s->columns[i] == ADDRESS;
	}
	s->n_columns = address ? i : 0;
	return true;
}

static int parse_csv(struct grab_lines *s, const char *text, struct grab_line *out,
                     struct diag *d)
{
	struct answer a = { .port = 0 };
	const char *at = text, *field;
	size_t n;

	for (unsigned i = 0; i < s->n_columns && next_field(&at, &field, &n); i++)
		if (!take(&a, (enum column)s->columns[i], field, n))
			return wrong(d, text, "has no address or port where it should");
	if (!a.has_addr)
		return wrong(d, text, "has no address");
	if (a.other)
		return 0;
	out->addr = a.addr;
	add_port(out, &a);
	return 1;
}

/* --- plain ------------------------------------------------------------------- */

static const char *blank_end(const char *s)
{
	return s + strcspn(s, " \t,;\r#");
}

/* "a.b.c.d:port" or "[addr]:port" */
static bool parse_pair(struct grab_line *out, const char *s, size_t n)
{
	const char *colon = memrchr(s, ':', n);
	size_t len = colon ? (size_t)(colon - s) : 0;
	struct addr128 a;

	if (len < 2 || !parse_port(&out->ports[0], colon + 1, n - len - 1))
		return false;
	if (s[0] == '[' && s[len - 1] == ']') {
		if (!addr_parse_n(&a, s + 1, len - 2))
			return false;
	} else if (memchr(s, ':', len) || !addr_parse_n(&a, s, len)) {
		return false;
	}
	out->addr = a;
	out->n_ports = 1;
	return true;
}

/* masscan's "open tcp PORT ADDRESS TIME" */
static int parse_list(const char *text, struct grab_line *out, struct diag *d)
{
	const char *proto = skip(text + 5), *port = skip(blank_end(proto));
	const char *addr = skip(blank_end(port));
	bool tcp = is(proto, (size_t)(blank_end(proto) - proto), "tcp");

	if (!parse_port(&out->ports[0], port, (size_t)(blank_end(port) - port)) ||
	    !addr_parse_n(&out->addr, addr, (size_t)(blank_end(addr) - addr)))
		return wrong(d, text, "is no line of a masscan list");
	out->n_ports = 1;
	return tcp ? 1 : 0;
}

static int parse_plain(const char *text, struct grab_line *out, struct diag *d)
{
	const char *end = blank_end(text), *more;

	if (parse_pair(out, text, (size_t)(end - text)))
		return 1;
	if (!addr_parse_n(&out->addr, text, (size_t)(end - text)))
		return wrong(d, text, "is no address with a port");
	more = end + strspn(end, " \t,;\r");
	if (!*more || *more == '#')
		return 1;
	end = blank_end(more);
	if (!parse_port(&out->ports[0], more, (size_t)(end - more)))
		return wrong(d, text, "has no port behind its address");
	out->n_ports = 1;
	return 1;
}

int grab_line_parse(struct grab_lines *s, const char *text, struct grab_line *out,
                    struct diag *d)
{
	int rc;

	out->n_ports = 0;
	text = skip(text);
	/* An array has its brackets and commas on lines of their own. */
	if (!*text || *text == '#' || !strcmp(text, "[") || !strcmp(text, "]"))
		return 0;
	text += *text == ',' && strchr(text, '{') ? strcspn(text, "{") : 0;
	if (!s->begun && is_header(s, text)) {
		s->begun = true;
		return 0;
	}
	if (*text == '{')
		rc = parse_json(text, out, d);
	else if (!strncmp(text, "open ", 5))
		rc = parse_list(text, out, d);
	else
		rc = s->n_columns ? parse_csv(s, text, out, d)
		                  : parse_plain(text, out, d);
	s->begun |= rc >= 0;
	return rc;
}
