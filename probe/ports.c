#include "probe/ports.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"

enum { PORTS = 65536 };

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

static const char *read_range(const char *s, unsigned *first, unsigned *last)
{
	s = read_port(s, first);
	*last = *first;
	if (s && *s == '-')
		s = read_port(s + 1, last);
	return s && *first <= *last && (*s == ',' || !*s) ? s : NULL;
}

static int parse(uint8_t *set, const char *text, struct diag *d)
{
	for (const char *s = text;; s++) {
		const char *part = s;
		unsigned first = 0, last = 0;
		char quoted[40];

		s = read_range(s, &first, &last);
		if (!s)
			return diag_set(d, ERR_PARSE,
			                "port '%s' (ports are 1 to 65535, ranges a-b)",
			                log_quote(quoted, sizeof(quoted), part,
			                          strcspn(part, ",")));
		memset(set + first, 1, last - first + 1);
		if (!*s)
			return 0;
	}
}

static int take(struct ports *p, const uint8_t *set)
{
	size_t n = 0, k = 0;
	uint16_t *v;

	for (unsigned i = 0; i < PORTS; i++)
		n += set[i];
	v = malloc(n * sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (unsigned i = 0; i < PORTS; i++)
		if (set[i])
			v[k++] = (uint16_t)i;
	free(p->v);
	p->v = v;
	p->n = n;
	return 0;
}

static int add(struct ports *p, const char *text, struct diag *d)
{
	uint8_t *set = calloc(PORTS, 1);
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

int ports_add(struct ports *p, const char *text, struct diag *d)
{
	return add(p, text, d);
}

int ports_add_none(struct ports *p)
{
	return add(p, NULL, NULL);
}

void ports_fini(struct ports *p)
{
	free(p->v);
	*p = (struct ports){ 0 };
}
