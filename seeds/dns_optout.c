#include "seeds/dns_optout.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/addrset.h"
#include "common/ivtab.h"
#include "common/log.h"
#include "common/reader.h"

struct dns_optout {
	struct addrset *zones; /* two hashes of the name each */
	struct ivtab *prefixes;
	size_t n_prefixes;
};

static struct addr128 key_of(const struct dns_name *n)
{
	return (struct addr128){ dns_name_hash(n, 1), dns_name_hash(n, 2) };
}

static int add_line(struct dns_optout *o, struct ivtab_builder *b, const char *line)
{
	char text[DNS_NAME_STRLEN];
	struct dns_name n;
	struct prefix p;
	size_t len;
	int rc;

	line += strspn(line, " \t");
	len = strcspn(line, " \t#,");
	if (len == 0)
		return *line && *line != '#' ? ERR_PARSE : 0;
	if (len >= sizeof(text))
		return ERR_PARSE;
	memcpy(text, line, len);
	text[len] = '\0';
	if (prefix_parse(&p, text)) {
		o->n_prefixes++;
		return ivtab_add(b, p, 0);
	}
	if (strchr(text, '/') || strchr(text, ':') || !dns_name_parse(&n, text))
		return ERR_PARSE;
	rc = addrset_add(o->zones, key_of(&n));
	return rc < 0 ? rc : 0;
}

static int load_file(struct dns_optout *o, struct ivtab_builder *b, const char *path,
                     struct diag *d)
{
	struct reader *r;
	const char *line;
	char q[80];
	int rc = reader_open(&r, path, NULL, d);

	if (rc < 0)
		return rc;
	while ((rc = reader_line(r, &line, d)) > 0) {
		rc = add_line(o, b, line);
		if (rc < 0) {
			diag_set(d, rc,
			         "%s:%" PRIu64 ": '%s': no zone, address or prefix",
			         reader_name(r), reader_line_number(r),
			         log_quote(q, sizeof(q), line, strlen(line)));
			break;
		}
	}
	reader_close(r);
	return rc;
}

int dns_optout_load(struct dns_optout **out, const struct opt_list *files, struct diag *d)
{
	struct ivtab_builder *b = ivtab_builder_new();
	struct dns_optout *o = calloc(1, sizeof(*o));
	int rc = -ENOMEM;

	if (o)
		o->zones = addrset_new(0);
	if (!o || !b || !o->zones) {
		diag_set(d, rc, "%s", err_str(rc));
		goto out;
	}
	rc = 0;
	for (size_t i = 0; i < files->n && rc >= 0; i++)
		rc = load_file(o, b, files->v[i], d);
	if (rc >= 0)
		rc = ivtab_build(&o->prefixes, b);
out:
	ivtab_builder_free(b);
	if (rc < 0) {
		dns_optout_free(o);
		return rc;
	}
	*out = o;
	return 0;
}

void dns_optout_free(struct dns_optout *o)
{
	if (!o)
		return;
	addrset_free(o->zones);
	ivtab_free(o->prefixes);
	free(o);
}

bool dns_optout_has_addr(const struct dns_optout *o, struct addr128 a)
{
	return o && o->n_prefixes && ivtab_covers(o->prefixes, a);
}

bool dns_optout_has_name(const struct dns_optout *o, const struct dns_name *n)
{
	struct dns_name up;
	struct addr128 a;
	int nibbles;

	if (!o)
		return false;
	if (o->n_prefixes) {
		nibbles = dns_name_reverse_parse(n, &a);
		if (nibbles > 0 &&
		    ivtab_covers_all(o->prefixes, prefix_make(a, 4 * (unsigned)nibbles)))
			return true;
	}
	if (!addrset_count(o->zones))
		return false;
	up = *n;
	do {
		if (addrset_has(o->zones, key_of(&up)))
			return true;
	} while (dns_name_parent(&up, &up));
	return false;
}

bool dns_optout_top(const struct dns_optout *o, const struct dns_name *n,
                    struct dns_name *out)
{
	struct dns_name up = *n;

	if (!dns_optout_has_name(o, n))
		return false;
	do
		*out = up;
	while (dns_name_parent(&up, &up) && dns_optout_has_name(o, &up));
	return true;
}
