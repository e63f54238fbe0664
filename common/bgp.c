#include "common/bgp.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/ivtab.h"
#include "common/reader.h"
#include "common/routed.h"

struct bgp {
	struct bgp_entry *entries;
	size_t n, cap;
	uint32_t *asns;
	size_t n_asns;
	struct ivtab *table;
};

static int by_prefix(const void *a, const void *b)
{
	const struct bgp_entry *x = a, *y = b;
	int c = addr_cmp(x->prefix.addr, y->prefix.addr);

	return c ? c : (x->prefix.len > y->prefix.len) - (x->prefix.len < y->prefix.len);
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static const char *skip_separators(const char *s)
{
	while (isspace((unsigned char)*s) || *s == ',' || *s == ';' || *s == '|')
		s++;
	return s;
}

static bool parse_number(const char **s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (!isdigit((unsigned char)**s))
		return false;
	for (; isdigit((unsigned char)**s); ++*s) {
		v = 10 * v + (uint64_t)(**s - '0');
		if (v > max)
			return false;
	}
	*out = v;
	return true;
}

/* What follows the address or prefix: a length, if there was none, and a number. */
static bool parse_rest(const char *s, bool has_len, struct bgp_entry *e)
{
	uint64_t v;

	s = skip_separators(s);
	if (!has_len) {
		if (!parse_number(&s, 128, &v))
			return false;
		e->prefix = prefix_make(e->prefix.addr, (unsigned)v);
		s = skip_separators(s);
	}
	if ((s[0] == 'A' || s[0] == 'a') && (s[1] == 'S' || s[1] == 's'))
		s += 2;
	/* A set of origins: {1,2}. */
	s += *s == '{';
	if (!parse_number(&s, UINT32_MAX, &v))
		return false;
	e->asn = (uint32_t)v;
	return true;
}

static bool parse_line(const char *s, struct bgp_entry *e, bool *v4)
{
	char field[PREFIX_STRLEN];
	size_t n = strcspn(s, " \t,;|");
	bool has_len;

	if (n == 0 || n >= sizeof(field))
		return false;
	memcpy(field, s, n);
	field[n] = '\0';
	has_len = strchr(field, '/') != NULL;
	if (!prefix_parse(&e->prefix, field))
		return false;
	*v4 = prefix_is_v4(e->prefix) && strchr(field, '.');
	return *v4 || parse_rest(s + n, has_len, e);
}

static int push(struct bgp *b, struct bgp_entry e)
{
	if (b->n == b->cap) {
		size_t cap = b->cap ? 2 * b->cap : 1024;
		struct bgp_entry *entries = realloc(b->entries, cap * sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		b->entries = entries;
		b->cap = cap;
	}
	b->entries[b->n++] = e;
	return 0;
}

static int read_lines(struct bgp *b, struct reader *r, struct diag *d)
{
	const char *line;
	int rc;

	while ((rc = reader_line(r, &line, d)) > 0) {
		struct bgp_entry e = { .as = 0 };
		bool v4 = false;

		line = skip_separators(line);
		if (*line == '#' || !*line)
			continue;
		if (!parse_line(line, &e, &v4)) {
			diag_set(d, ERR_PARSE, "not a prefix and an AS number");
			rc = reader_reject(r, ERR_PARSE, d);
			if (rc < 0)
				return rc;
			continue;
		}
		if (v4)
			continue;
		rc = push(b, e);
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* Sorted, each prefix once (the first origin seen counts), ASes numbered. */
static int index_entries(struct bgp *b)
{
	size_t n = 0;

	/* Equal prefixes keep the order of the file. */
	for (size_t i = 0; i < b->n; i++)
		b->entries[i].as = (uint32_t)i;
	if (b->n)
		qsort(b->entries, b->n, sizeof(*b->entries), by_prefix);
	for (size_t i = 0; i < b->n; i++) {
		struct bgp_entry *last = n ? &b->entries[n - 1] : NULL;

		if (!last || by_prefix(last, &b->entries[i]) != 0)
			b->entries[n++] = b->entries[i];
		else if (b->entries[i].as < last->as)
			*last = b->entries[i];
	}
	b->n = n;
	b->asns = calloc(n + 1, sizeof(*b->asns));
	if (!b->asns)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		b->asns[i] = b->entries[i].asn;
	qsort(b->asns, n, sizeof(*b->asns), by_number);
	for (size_t i = 0; i < n; i++)
		if (!b->n_asns || b->asns[b->n_asns - 1] != b->asns[i])
			b->asns[b->n_asns++] = b->asns[i];
	for (size_t i = 0; i < n; i++) {
		uint32_t *as = bsearch(&b->entries[i].asn, b->asns, b->n_asns,
		                       sizeof(*b->asns), by_number);

		b->entries[i].as = (uint32_t)(as - b->asns);
	}
	return 0;
}

static int build_table(struct bgp *b)
{
	struct ivtab_builder *builder = ivtab_builder_new();
	int rc = builder ? 0 : -ENOMEM;

	for (size_t i = 0; i < b->n && rc == 0; i++)
		rc = ivtab_add(builder, b->entries[i].prefix, (uint32_t)i);
	if (rc == 0)
		rc = ivtab_build(&b->table, builder);
	ivtab_builder_free(builder);
	return rc;
}

static bool is_regular(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static int load_text(struct bgp *b, const char *path, bool strict, struct diag *d)
{
	struct reader_policy policy = { .strict = strict };
	struct diag why = { "" };
	struct reader *r;
	int rc = reader_open(&r, path, &policy, d);

	if (rc < 0)
		return rc;
	rc = read_lines(b, r, &why);
	reader_close(r);
	if (rc == ERR_NOT_TEXT)
		return diag_set(
			d, rc,
			"%s (expected: prefixes with AS numbers, or an MRT dump%s)",
			why.text,
			is_regular(path) ? "" : ", which must be a file, no pipe");
	return rc < 0 ? diag_set(d, rc, "%s", diag_str(&why, rc)) : 0;
}

/* The origin that most peers tell of each prefix, if two do, or all that there are. */
static int take_routes(struct bgp *b, struct rib *rib, uint32_t peers)
{
	uint32_t least = peers < 2 ? peers : 2;
	int rc = rib_sort(rib);

	for (size_t i = 0; rc >= 0 && i < rib_count(rib); i++) {
		struct rib_route r;
		uint32_t asn;

		rc = rib_route(rib, i, least, &r);
		if (rc < 0 || !r.n || r.peers < least || !r.prefix.len ||
		    prefix_is_v4(r.prefix))
			continue;
		asn = r.origins[0].set_n ? r.origins[0].set[0] : r.origins[0].as;
		rc = push(b, (struct bgp_entry){ .prefix = r.prefix, .asn = asn });
	}
	return rc;
}

static int load_dump(struct bgp *b, const char *path, bool strict, struct diag *d)
{
	const struct routed_config cfg = { .format = RIB_MRT,
		                           .damage =
		                                   strict ? ROUTED_REFUSE : ROUTED_WARN };
	struct mrt_peers *peers = mrt_peers_new();
	struct routed_counts counts = { 0 };
	struct rib *rib = rib_new();
	int rc = peers && rib ? routed_read(rib, peers, path, &cfg, &counts, d) : -ENOMEM;

	if (rc >= 0)
		rc = take_routes(b, rib, mrt_peers_count(peers));
	if (rc >= 0 && !b->n)
		rc = diag_set(d, ERR_EMPTY, "%s: no IPv6 prefix in it%s", path,
		              mrt_peers_count(peers) > 1 ? " that two peers have" : "");
	rib_free(rib);
	mrt_peers_free(peers);
	return rc;
}

int bgp_load(struct bgp **out, const char *path, bool strict, struct diag *d)
{
	struct bgp *b = calloc(1, sizeof(*b));
	int rc = b ? routed_is_dump(path) : -ENOMEM;

	if (rc > 0)
		rc = load_dump(b, path, strict, d);
	else if (rc == 0)
		rc = load_text(b, path, strict, d);
	if (rc >= 0)
		rc = index_entries(b);
	if (rc == 0)
		rc = build_table(b);
	if (rc == 0 && !b->n)
		rc = diag_set(d, ERR_EMPTY, "%s: no IPv6 prefix in it", path);
	if (rc < 0) {
		bgp_free(b);
		return diag_set(d, rc, "%s: %s", path, err_str(rc));
	}
	*out = b;
	return 0;
}

int bgp_make(struct bgp **out, const struct bgp_entry *entries, size_t n)
{
	struct bgp *b = calloc(1, sizeof(*b));
	int rc = b ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = push(b, entries[i]);
	if (rc == 0)
		rc = index_entries(b);
	if (rc == 0)
		rc = build_table(b);
	if (rc < 0) {
		bgp_free(b);
		return rc;
	}
	*out = b;
	return 0;
}

void bgp_free(struct bgp *b)
{
	if (!b)
		return;
	ivtab_free(b->table);
	free(b->entries);
	free(b->asns);
	free(b);
}

size_t bgp_count(const struct bgp *b)
{
	return b->n;
}

const struct bgp_entry *bgp_at(const struct bgp *b, size_t i)
{
	return &b->entries[i];
}

size_t bgp_as_count(const struct bgp *b)
{
	return b->n_asns;
}

uint32_t bgp_asn(const struct bgp *b, size_t as)
{
	return b->asns[as];
}

bool bgp_find(const struct bgp *b, struct addr128 a, uint32_t *index)
{
	return ivtab_lookup(b->table, a, index);
}
