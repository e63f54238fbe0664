#include "probe/ports.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "probe/probe.h"

enum { PORTS = 65536, KINDS = 4, VALUES = PORTS * KINDS };

_Static_assert((int)PROBE_TCP == PORTS && (int)PROBE_UDP == 2 * PORTS,
               "a kind is a page of the set");

/* A decimal port number without sign or blanks; the rest of the text. */
static const char *read_port(const char *s, unsigned *port)
{
	const char *begin = s;
	unsigned v = 0;

	for (; *s >= '0' && *s <= '9' && v < PORTS; s++)
		v = 10 * v + (unsigned)(*s - '0');
	if (s == begin || v < 1 || v >= PORTS)
		return NULL;
	*port = v;
	return s;
}

/* What says the protocol of the ports behind it, if anything does. */
static const char *read_kind(const char *s, unsigned *kind, unsigned *lasting)
{
	static const struct {
		const char *text;
		unsigned kind;
		bool lasts;
	} kinds[] = { { "tcp/", PROBE_TCP, false },
		      { "udp/", PROBE_UDP, false },
		      { "T:", PROBE_TCP, true },
		      { "U:", PROBE_UDP, true } };

	*kind = *lasting;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t n = strlen(kinds[i].text);

		if (strncmp(s, kinds[i].text, n) != 0)
			continue;
		*kind = kinds[i].kind;
		if (kinds[i].lasts)
			*lasting = *kind;
		return s + n;
	}
	return s;
}

static const char *read_range(const char *s, unsigned *first, unsigned *last)
{
	/* masscan's "every port": there is nothing to send to port 0. */
	if (!strncmp(s, "0-", 2)) {
		*first = 1;
		s++;
	} else if (*s == '-' && (!s[1] || s[1] == ',')) {
		*first = 1;
		*last = PORTS - 1;
		return s + 1;
	} else {
		s = read_port(s, first);
	}
	*last = *first;
	if (s && *s == '-')
		s = read_port(s + 1, last);
	return s && *first <= *last && (*s == ',' || !*s) ? s : NULL;
}

static bool is_icmp(const char *s, size_t n)
{
	return (n == 4 && !memcmp(s, "icmp", 4)) || (n == 5 && !memcmp(s, "icmp6", 5));
}

static int parse(uint8_t *set, const char *text, struct diag *d)
{
	unsigned lasting = 0;

	for (const char *s = text;; s++) {
		const char *part = s;
		unsigned first = 0, last = 0, kind;
		size_t n = strcspn(part, ",");
		char quoted[40];

		if (is_icmp(part, n)) {
			set[0] = 1;
			s = part + n;
		} else {
			s = read_range(read_kind(s, &kind, &lasting), &first, &last);
			if (!s)
				return diag_set(
					d, ERR_PARSE,
					"port '%s' (ports are 1 to 65535, ranges "
					"a-b; tcp/ or udp/ before it; or icmp)",
					log_quote(quoted, sizeof(quoted), part, n));
			memset(set + kind + first, 1, last - first + 1);
		}
		if (!*s)
			return 0;
	}
}

static int take(struct ports *p, const uint8_t *set)
{
	size_t n = 0, k = 0;
	uint32_t *v;

	for (unsigned i = 0; i < VALUES; i++)
		n += set[i];
	v = malloc(n * sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (unsigned i = 0; i < VALUES; i++)
		if (set[i])
			v[k++] = i;
	free(p->v);
	p->v = v;
	p->n = n;
	return 0;
}

static int add(struct ports *p, const char *text, struct diag *d)
{
	uint8_t *set = calloc(VALUES, 1);
	int rc = 0;

	if (!set)
		return -ENOMEM;
	for (size_t i = 0; i < p->n; i++)
		set[p->v[i]] = 1;
	if (text)
		rc = parse(set, text, d);
	else
		set[0] = 1;
	if (rc == 0)
		rc = take(p, set);
	free(set);
	return rc;
}

bool ports_have(const struct ports *p, uint32_t kind)
{
	for (size_t i = 0; i < p->n; i++)
		if (kind ? (p->v[i] & ~UINT32_C(0xffff)) == kind : p->v[i] == 0)
			return true;
	return false;
}

bool ports_have_bare(const struct ports *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i] > 0 && p->v[i] < PORTS)
			return true;
	return false;
}

int ports_resolve(struct ports *p, uint32_t kinds)
{
	uint8_t *set = calloc(VALUES, 1);
	int rc;

	if (!set)
		return -ENOMEM;
	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i] == 0 || p->v[i] >= PORTS)
			set[p->v[i]] = 1;
		else
			for (uint32_t k = PROBE_TCP; k <= PROBE_UDP; k += PORTS)
				set[p->v[i] + k] |= (kinds & k) != 0;
	}
	rc = take(p, set);
	free(set);
	return rc;
}

int ports_remove(struct ports *p, const char *text, struct diag *d)
{
	uint8_t *set = calloc(VALUES, 1);
	size_t n = 0;
	int rc = set ? parse(set, text, d) : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < p->n; i++) {
		uint32_t v = p->v[i];

		/* A bare one is of every protocol. */
		if (!set[v] && (v == 0 || !set[v % PORTS] || v % PORTS == 0))
			p->v[n++] = v;
	}
	if (rc == 0)
		p->n = n;
	free(set);
	return rc;
}

int ports_add(struct ports *p, const char *text, struct diag *d)
{
	return add(p, text, d);
}

int ports_add_none(struct ports *p)
{
	return add(p, NULL, NULL);
}

int ports_add_hops(struct ports *p, unsigned first, unsigned last)
{
	size_t n = p->n * (last - first + 1), k = 0;
	uint32_t *v = malloc((n ? n : 1) * sizeof(*v));

	if (!v)
		return -ENOMEM;
	for (unsigned hop = first; hop <= last; hop++)
		for (size_t i = 0; i < p->n; i++)
			v[k++] = p->v[i] | PROBE_HOP(hop);
	free(p->v);
	p->v = v;
	p->n = n;
	return 0;
}

void ports_fini(struct ports *p)
{
	free(p->v);
	*p = (struct ports){ 0 };
}
