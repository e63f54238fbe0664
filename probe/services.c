#include "probe/services.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const char embed_services[];
extern const char embed_service_probes[];

enum { NAME_MAX_LEN = 15 /* RFC 6335 section 5.1 */, LINE_MAX_LEN = 1024, NAMES = 1024 };

struct services {
	char (*names)[NAME_MAX_LEN + 1];
	unsigned n;
	uint16_t tcp[1 << 16], udp[1 << 16]; /* index + 1 into names; 0: none */
};

/* --- lists of ports -------------------------------------------------------- */

static bool read_port(unsigned *out, const char **s)
{
	char *end;
	unsigned long port;

	if (!isdigit((unsigned char)**s))
		return false;
	port = strtoul(*s, &end, 10);
	*s = end;
	*out = (unsigned)port;
	return port >= 1 && port <= UINT16_MAX;
}

/* The next range of "80,8000-8010" at *s; false: there is none, or it is wrong
 * and *s does not move to the end. */
static bool next_range(const char **s, unsigned *first, unsigned *last)
{
	const char *at = *s;

	if (!read_port(first, &at))
		return false;
	*last = *first;
	if (*at == '-') {
		at++;
		if (!read_port(last, &at) || *last < *first)
			return false;
	}
	if (*at == ',' && at[1])
		at++;
	else if (*at)
		return false;
	*s = at;
	return true;
}

/* --- names of ports -------------------------------------------------------- */

static bool is_name(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && *s != '-')
			return false;
	return true;
}

static int add_service(struct services *s, const char *line, struct diag *d)
{
	char name[NAME_MAX_LEN + 2] = "", list[256] = "", proto[8] = "", more;
	int n = sscanf(line, "%16s %255s %7s %c", name, list, proto, &more);
	bool tcp = n == 2 || !strcmp(proto, "tcp"), udp = n == 2 || !strcmp(proto, "udp");
	const char *at = list;
	unsigned first, last;

	if (n < 2 || n > 3 || !is_name(name) || strlen(name) > NAME_MAX_LEN ||
	    (!tcp && !udp))
		return diag_set(d, ERR_PARSE, "is not 'name port,port... [tcp|udp]'");
	if (s->n == NAMES)
		return diag_set(d, ERR_PARSE, "is one of more than %d", NAMES);
	memcpy(s->names[s->n++], name, strlen(name) + 1);
	while (next_range(&at, &first, &last)) {
		for (unsigned port = first; port <= last; port++) {
			if (tcp)
				s->tcp[port] = (uint16_t)s->n;
			if (udp)
				s->udp[port] = (uint16_t)s->n;
		}
	}
	return *at ? diag_set(d, ERR_PARSE, "'%s' is no list of ports", list) : 0;
}

/* Calls add for each line that is no comment. */
static int each_line(const char *text, const char *what,
                     int (*add)(void *ctx, const char *line, struct diag *d), void *ctx,
                     struct diag *d)
{
	char line[LINE_MAX_LEN];

	for (unsigned number = 1; *text; number++) {
		size_t n = strcspn(text, "\n");
		struct diag why = { "" };
		int rc = 0;

		if (n >= sizeof(line)) {
			rc = diag_set(&why, ERR_PARSE, "is too long");
		} else if (n && text[0] != '#') {
			memcpy(line, text, n);
			line[n] = '\0';
			rc = add(ctx, line, &why);
		}
		if (rc < 0)
			return diag_set(d, rc, "%s, line %u: %s", what, number,
			                diag_str(&why, rc));
		text += n + (text[n] != '\0');
	}
	return 0;
}

static int add_service_line(void *ctx, const char *line, struct diag *d)
{
	return add_service(ctx, line, d);
}

int services_parse(struct services **out, const char *text, struct diag *d)
{
	struct services *s = calloc(1, sizeof(*s));
	int rc = -ENOMEM;

	if (s)
		s->names = calloc(NAMES, sizeof(*s->names));
	if (s && s->names)
		rc = each_line(text, "service names", add_service_line, s, d);
	if (rc < 0) {
		services_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

int services_load(struct services **out, struct diag *d)
{
	return services_parse(out, embed_services, d);
}

void services_free(struct services *s)
{
	if (!s)
		return;
	free(s->names);
	free(s);
}

const char *services_name(const struct services *s, enum obs_proto proto, uint16_t port)
{
	unsigned i = proto == OBS_TCP   ? s->tcp[port]
	             : proto == OBS_UDP ? s->udp[port]
	                                : 0;

	return i ? s->names[i - 1] : NULL;
}

/* --- what to say ----------------------------------------------------------- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One character of a quoted text, at *s; -1: a wrong escape. */
static int unescape(const char **s)
{
	int hi, lo;

	if (*(*s) != '\\')
		return (unsigned char)*(*s)++;
	*s += 2;
	switch ((*s)[-1]) {
	case 'r': return '\r';
	case 'n': return '\n';
	case 't': return '\t';
	case '\\': return '\\';
	case '"': return '"';
	case 'x':
		hi = hex_digit((*s)[0]);
		lo = hi < 0 ? -1 : hex_digit((*s)[1]);
		*s += 2;
		return lo < 0 ? -1 : hi << 4 | lo;
	default: return -1;
	}
}

/* "text" at *s, into the bytes of the table. */
static int read_quoted(struct service_probes *t, struct service_step *step,
                       const char **s, struct diag *d)
{
	step->at = t->n_bytes;
	*s += strspn(*s, " \t");
	if (*(*s)++ != '"')
		return diag_set(d, ERR_PARSE, "a quoted text is missing");
	while (**s != '"') {
		int c = **s ? unescape(s) : -1;

		if (c < 0)
			return diag_set(d, ERR_PARSE, "a quoted text is not well-formed");
		if (t->n_bytes == SERVICE_BYTES)
			return diag_set(d, ERR_PARSE, "more than %d bytes to send",
			                SERVICE_BYTES);
		t->bytes[t->n_bytes++] = (uint8_t)c;
	}
	++*s;
	step->len = (uint16_t)(t->n_bytes - step->at);
	return step->len ? 0 : diag_set(d, ERR_PARSE, "an empty text");
}

static enum service_step_kind step_kind(const char *word, size_t n)
{
	static const struct {
		const char *word;
		enum service_step_kind kind;
	} kinds[] = {
		{ "wait", SERVICE_WAIT },     { "send", SERVICE_SEND },
		{ "expect", SERVICE_EXPECT }, { "tls", SERVICE_TLS },
		{ "secure", SERVICE_SECURE }, { "silent", SERVICE_SILENT },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strlen(kinds[i].word) == n && !memcmp(kinds[i].word, word, n))
			return kinds[i].kind;
	return SERVICE_END;
}

static int read_steps(struct service_probes *t, struct service_probe *p, const char *s,
                      struct diag *d)
{
	unsigned n = 0;

	for (s += strspn(s, " \t"); *s; s += strspn(s, " \t")) {
		struct service_step *step = &p->steps[n];
		size_t len = strcspn(s, " \t\"");
		int rc = 0;

		if (n++ == SERVICE_STEPS)
			return diag_set(d, ERR_PARSE, "more than %d steps",
			                SERVICE_STEPS);
		step->kind = (uint8_t)step_kind(s, len);
		if (step->kind == SERVICE_END)
			return diag_set(d, ERR_PARSE, "no step is called '%.*s'",
			                len < 20 ? (int)len : 20, s);
		s += len;
		if (step->kind == SERVICE_SEND || step->kind == SERVICE_EXPECT)
			rc = read_quoted(t, step, &s, d);
		if (rc < 0)
			return rc;
	}
	return n ? 0 : diag_set(d, ERR_PARSE, "has no steps");
}

static int add_probe(void *ctx, const char *line, struct diag *d)
{
	struct service_probes *t = ctx;
	struct service_probe *p = &t->probe[t->n];
	char name[sizeof(p->name) + 1] = "", list[512] = "";
	const char *at = list;
	unsigned first, last;
	int steps = 0;

	if (t->n == SERVICE_PROBES)
		return diag_set(d, ERR_PARSE, "more than %d probes", SERVICE_PROBES);
	if (sscanf(line, "%16s %511s %n", name, list, &steps) < 2 || !steps ||
	    strlen(name) >= sizeof(p->name) || !is_name(name))
		return diag_set(d, ERR_PARSE, "is not 'name ports step...'");
	if (!strcmp(list, "*") != (t->n == 0))
		return diag_set(d, ERR_PARSE, "the first line, and no other, is for *");
	memcpy(p->name, name, strlen(name) + 1);
	while (t->n && next_range(&at, &first, &last))
		memset(t->of_port + first, (int)t->n, last - first + 1);
	if (t->n && *at)
		return diag_set(d, ERR_PARSE, "'%s' is no list of ports", list);
	t->n++;
	return read_steps(t, p, line + steps, d);
}

int service_probes_parse(struct service_probes *t, const char *text, struct diag *d)
{
	int rc = each_line(text, "service probes", add_probe, t, d);

	if (rc == 0 && t->n == 0)
		rc = diag_set(d, ERR_EMPTY, "service probes: there are none");
	return rc;
}

int service_probes_load(struct service_probes *t, struct diag *d)
{
	return service_probes_parse(t, embed_service_probes, d);
}

/* The word that a "{name}" at s stands for, and how long that is; NULL: none. */
static const char *find_word(const uint8_t *s, size_t n, const struct service_words *w,
                             size_t *len)
{
	const struct {
		const char *name, *word;
	} words[] = { { "{host}", w->host }, { "{agent}", w->agent }, { "{me}", w->me } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		*len = strlen(words[i].name);
		if (n >= *len && !memcmp(s, words[i].name, *len))
			return words[i].word;
	}
	return NULL;
}

size_t service_send_bytes(uint8_t *out, size_t cap, const struct service_probes *t,
                          const struct service_step *step,
                          const struct service_words *words)
{
	const uint8_t *s = t->bytes + step->at, *end = s + step->len;
	size_t n = 0;

	while (s < end && n < cap) {
		size_t len = 1, take;
		const char *word =
			*s == '{' ? find_word(s, (size_t)(end - s), words, &len) : NULL;

		if (!word) {
			out[n++] = *s++;
			continue;
		}
		take = strlen(word);
		if (take > cap - n)
			take = cap - n;
		memcpy(out + n, word, take);
		n += take;
		s += len;
	}
	return n;
}
