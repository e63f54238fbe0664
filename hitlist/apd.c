#include "hitlist/apd.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/checksum.h"
#include "hitlist/bytes.h"
#include "hitlist/fs.h"

#define MAGIC "SXTAPD\0\0"

enum { VERSION = 1, HEADER = 32, ENTRY = 40, FOOTER = 8 };

void apd_fini(struct apd *a)
{
	free(a->e);
	*a = (struct apd){ 0 };
}

int apd_cmp(const void *x, const void *y)
{
	const struct alias_state *a = x, *b = y;
	int c = addr_cmp(a->prefix.addr, b->prefix.addr);

	return c ? c : (int)a->prefix.len - (int)b->prefix.len;
}

struct alias_state *apd_find(const struct apd *a, struct prefix p)
{
	const struct alias_state key = { .prefix = p };

	return a->n ? bsearch(&key, a->e, a->n, sizeof(*a->e), apd_cmp) : NULL;
}

static void pack(uint8_t *p, const struct alias_state *s)
{
	memset(p, 0, ENTRY);
	store_addr(p, s->prefix.addr);
	p[16] = s->prefix.len;
	p[17] = s->verdict;
	p[18] = s->rounds;
	p[19] = s->misses;
	store32(p + 20, s->since);
	store32(p + 24, s->last_round);
	for (unsigned i = 0; i < ALIAS_ROUNDS; i++) {
		store16(p + 28 + 4 * i, s->icmp[i]);
		store16(p + 30 + 4 * i, s->tcp[i]);
	}
}

static bool unpack(struct alias_state *s, const uint8_t *p)
{
	*s = (struct alias_state){
		.prefix = { load_addr(p), p[16] },
		.verdict = p[17],
		.rounds = p[18],
		.misses = p[19],
		.since = load32(p + 20),
		.last_round = load32(p + 24),
	};
	for (unsigned i = 0; i < ALIAS_ROUNDS; i++) {
		s->icmp[i] = load16(p + 28 + 4 * i);
		s->tcp[i] = load16(p + 30 + 4 * i);
	}
	return s->prefix.len <= 128 && s->verdict < ALIAS_VERDICTS &&
	       s->rounds <= ALIAS_ROUNDS &&
	       addr_eq(prefix_make(s->prefix.addr, s->prefix.len).addr, s->prefix.addr);
}

static int verify(const uint8_t *buf, size_t n, uint64_t *entries, const char *name,
                  struct diag *d)
{
	if (n < HEADER || memcmp(buf, MAGIC, 8) != 0)
		return diag_set(d, n < HEADER ? ERR_TRUNC : ERR_FORMAT,
		                "%s: offset 0: not a file of alias tests", name);
	if (load64(buf + 24) != checksum64(buf, 24, 0))
		return diag_set(d, ERR_CHECKSUM, "%s: offset 0: the header is damaged",
		                name);
	if (load32(buf + 8) != VERSION)
		return diag_set(d, ERR_VERSION,
		                "%s: offset 8: format version %" PRIu32
		                ", this program reads %d",
		                name, load32(buf + 8), VERSION);
	*entries = load64(buf + 16);
	if (*entries > (n - HEADER) / ENTRY || HEADER + *entries * ENTRY + FOOTER != n)
		return diag_set(d, ERR_TRUNC,
		                "%s: offset %zu: %" PRIu64 " entries announced", name, n,
		                *entries);
	if (load64(buf + n - FOOTER) !=
	    checksum64(buf + HEADER, *entries * ENTRY, HEADER))
		return diag_set(d, ERR_CHECKSUM,
		                "%s: offset %d: the entries are damaged, or the checksum "
		                "at offset %zu is",
		                name, HEADER, n - FOOTER);
	return 0;
}

int apd_parse(struct apd *a, const uint8_t *buf, size_t n, const char *name,
              struct diag *d)
{
	uint64_t entries = 0;
	int rc = verify(buf, n, &entries, name, d);

	*a = (struct apd){ 0 };
	if (rc < 0)
		return rc;
	a->e = calloc(entries + 1, sizeof(*a->e));
	if (!a->e)
		return -ENOMEM;
	a->checksum = load64(buf + n - FOOTER);
	for (; a->n < entries; a->n++) {
		size_t at = HEADER + a->n * ENTRY;

		if (unpack(&a->e[a->n], buf + at) &&
		    (a->n == 0 || apd_cmp(&a->e[a->n - 1], &a->e[a->n]) < 0))
			continue;
		rc = diag_set(d, ERR_FORMAT, "%s: offset %zu: no such entry can be", name,
		              at);
		apd_fini(a);
		return rc;
	}
	return 0;
}

int apd_load(struct apd *a, const char *path, struct diag *d)
{
	uint8_t *buf;
	size_t n;
	int rc = fs_read(&buf, &n, path, d);

	if (rc < 0)
		return rc;
	rc = apd_parse(a, buf, n, path, d);
	free(buf);
	return rc;
}

int apd_save(struct apd *a, const char *path, uint64_t *bytes, struct diag *d)
{
	size_t n = HEADER + a->n * ENTRY + FOOTER;
	uint8_t *buf = calloc(1, n);
	int rc;

	if (!buf)
		return -ENOMEM;
	memcpy(buf, MAGIC, 8);
	store32(buf + 8, VERSION);
	store64(buf + 16, a->n);
	store64(buf + 24, checksum64(buf, 24, 0));
	for (size_t i = 0; i < a->n; i++)
		pack(buf + HEADER + i * ENTRY, &a->e[i]);
	a->checksum = checksum64(buf + HEADER, a->n * ENTRY, HEADER);
	store64(buf + n - FOOTER, a->checksum);
	rc = fs_replace(path, buf, n, d);
	*bytes = n;
	free(buf);
	return rc;
}
