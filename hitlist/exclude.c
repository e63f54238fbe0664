#include "hitlist/exclude.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/reader.h"

enum { ITEM_MAX = 256 };

void exclude_fini(struct exclude *x)
{
	free(x->p);
	*x = (struct exclude){ 0 };
}

static int push(struct exclude *x, struct prefix p)
{
	struct prefix *q = x->p;

	if ((x->n & (x->n - 1)) == 0) { /* full at every power of two */
		q = realloc(q, (x->n ? 2 * x->n : 1) * sizeof(*q));
		if (!q)
			return -ENOMEM;
		x->p = q;
	}
	q[x->n++] = p;
	return 0;
}

/* The largest prefix that starts at a and does not go beyond last, until done. */
int exclude_add_range(struct exclude *x, struct addr128 a, struct addr128 last)
{
	const unsigned shortest = addr_is_v4(a) ? 96 : 0;

	for (;;) {
		unsigned len = 128;
		struct prefix p;
		int rc;

		while (len > shortest) {
			p = prefix_make(a, len - 1);
			if (!addr_eq(p.addr, a) || addr_cmp(prefix_last(p), last) > 0)
				break;
			len--;
		}
		p = prefix_make(a, len);
		rc = push(x, p);
		if (rc < 0 || addr_eq(prefix_last(p), last))
			return rc;
		a = addr_next(prefix_last(p));
	}
}

static char *trim(char *s)
{
	size_t n;

	while (isspace((unsigned char)*s))
		s++;
	n = strlen(s);
	while (n && isspace((unsigned char)s[n - 1]))
		s[--n] = '\0';
	return s;
}

/* A name rather than a number: the usual thing that is in no other format. */
static bool is_host_name(const char *s)
{
	bool letter = false;

	for (; *s; s++) {
		if (*s == ':' || *s == '/')
			return false;
		letter |= isalpha((unsigned char)*s) != 0;
	}
	return letter;
}

static int refuse(struct diag *d, int rc, const char *item, const char *why)
{
	char quoted[80];

	return diag_set(d, rc, "'%s': %s",
	                log_quote(quoted, sizeof(quoted), item, strlen(item)), why);
}

static int add_range(struct exclude *x, char *item, char *dash, struct diag *d)
{
	struct addr128 a, b;
	bool ok;

	*dash = '\0';
	ok = addr_parse(&a, trim(item)) && addr_parse(&b, trim(dash + 1));
	*dash = '-';
	if (!ok)
		return refuse(d, ERR_PARSE, item, "not a range of addresses");
	if (addr_is_v4(a) != addr_is_v4(b))
		return refuse(d, ERR_FAMILY, item, "from IPv4 to IPv6");
	if (addr_cmp(a, b) > 0)
		return refuse(d, -EINVAL, item, "the end is before the beginning");
	return exclude_add_range(x, a, b);
}

/* One of the n bytes at text, which may have space around it, or be nothing else. */
static int add_item(struct exclude *x, const char *text, size_t n, struct diag *d)
{
	char buf[ITEM_MAX], *item, *dash;
	struct prefix p;

	while (n && isspace((unsigned char)text[n - 1]))
		n--;
	if (n >= sizeof(buf))
		return refuse(d, ERR_PARSE, text, "not an address, prefix or range");
	memcpy(buf, text, n);
	buf[n] = '\0';
	item = trim(buf);
	if (!*item)
		return 0;
	if (prefix_parse(&p, item))
		return push(x, p);
	if (is_host_name(item))
		return refuse(d, ERR_PARSE, item,
		              "a host name: give the addresses that it has");
	dash = strchr(item, '-');
	if (dash)
		return add_range(x, item, dash, d);
	return refuse(d, ERR_PARSE, item, "not an address, prefix or range");
}

int exclude_add_line(struct exclude *x, const char *line, struct diag *d)
{
	const char *end;
	int rc = 0;

	if (strncmp(line, "\xef\xbb\xbf", 3) == 0)
		line += 3;
	if (strncmp(line, "//", 2) == 0)
		return 0;
	end = line + strcspn(line, "#;");
	while (rc == 0 && line < end) {
		size_t n = strcspn(line, ",");

		if (n > (size_t)(end - line))
			n = (size_t)(end - line);
		rc = add_item(x, line, n, d);
		line += n < (size_t)(end - line) ? n + 1 : n;
	}
	return rc;
}

int exclude_add_file(struct exclude *x, const char *path, struct diag *d)
{
	const char *line;
	struct reader *r;
	int rc = reader_open(&r, path, NULL, d);

	if (rc < 0)
		return rc;
	while ((rc = reader_line(r, &line, d)) > 0) {
		struct diag why = { "" };

		rc = exclude_add_line(x, line, &why);
		if (rc < 0) {
			diag_set(d, rc, "%s:%" PRIu64 ": %s", reader_name(r),
			         reader_line_number(r), diag_str(&why, rc));
			break;
		}
	}
	reader_close(r);
	return rc;
}
