#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/writer.h"
#include "hitlist/exclude.h"
#include "hitlist/publish.h"

static const char *const list_names[LISTS] = {
	[LIST_RESPONSIVE] = "responsive-addresses",
	[LIST_ALIASED] = "aliased-prefixes",
	[LIST_NOT_ALIASED] = "non-aliased-prefixes",
};
static const char *const service_lists[SERVICES] = {
	"responsive-icmp",      "responsive-tcp80",  "responsive-tcp443",
	"responsive-udp53",     "responsive-udp443", "responsive-tcp-other",
	"responsive-udp-other",
};

const char *publish_list_name(enum publish_list l)
{
	return l >= LIST_SERVICES && l < LIST_ALIASED ? service_lists[l - LIST_SERVICES]
	                                              : list_names[l];
}

const char *privacy_str(enum privacy p)
{
	static const char *const names[] = { "full", "no-eui64", "48", "64", "kip" };

	return names[p];
}

/* Addresses made from a hardware address tell which device it is: RFC 4291
 * appendix A. */
static bool is_eui64(struct addr128 a)
{
	return (a.lo >> 24 & 0xffff) == 0xfffe;
}

/* A list in the making: the text, and with --bz2 the same once more. */
struct list {
	const struct publish_config *c;
	struct writer *w[2];
	struct addrvec a; /* PRIVACY_KIP: all of them */
	struct prefix last;
	bool any;
	uint64_t lines;
};

static void put_text(struct list *l, const char *text)
{
	l->lines++;
	for (unsigned i = 0; i < 2 && l->w[i]; i++)
		writer_printf(l->w[i], "%s\n", text);
}

static int put_prefix(void *ctx, struct prefix p)
{
	char text[PREFIX_STRLEN];

	prefix_format(text, p);
	put_text(ctx, text);
	return 0;
}

/* Ascending addresses, as the privacy mode lets them out. */
static int put_addr(struct list *l, struct addr128 a)
{
	char text[ADDR_STRLEN];
	unsigned len = l->c->privacy == PRIVACY_48 ? 48 : 64;
	struct prefix p = prefix_make(a, len);

	switch (l->c->privacy) {
	case PRIVACY_NO_EUI64:
		if (is_eui64(a))
			return 0;
		/* fall through */
	case PRIVACY_FULL:
		addr_format(text, a);
		put_text(l, text);
		return 0;
	case PRIVACY_48:
	case PRIVACY_64:
		if (!l->any || !addr_eq(l->last.addr, p.addr))
			put_prefix(l, p);
		l->last = p;
		l->any = true;
		return 0;
	default: return addrvec_push(&l->a, a);
	}
}

struct kip {
	const struct addr128 *a;
	uint64_t k;
	int (*put)(void *ctx, struct prefix p);
	void *ctx;
	int rc;
};

/* How many of a[from..to), which share len bits, no prefix has taken. */
static uint64_t kip_rest(struct kip *x, size_t from, size_t to, unsigned len)
{
	uint64_t rest = to - from;

	if (rest < x->k || x->rc < 0)
		return rest;
	if (len < 128) {
		size_t lo = from, hi = to;

		while (lo < hi) {
			size_t mid = lo + (hi - lo) / 2;

			if (addr_bit(x->a[mid], len))
				hi = mid;
			else
				lo = mid + 1;
		}
		rest = kip_rest(x, from, lo, len + 1) + kip_rest(x, lo, to, len + 1);
	}
	if (rest < x->k)
		return rest;
	x->rc = x->put(x->ctx, prefix_make(x->a[from], len));
	return 0;
}

int kip_prefixes(const struct addr128 *a, size_t n, uint64_t k,
                 int (*put)(void *ctx, struct prefix p), void *ctx)
{
	struct kip x = { .a = a, .k = k ? k : 1, .put = put, .ctx = ctx };

	if (n)
		kip_rest(&x, 0, n, 0);
	return x.rc;
}

struct prefixes {
	struct prefix *p;
	size_t n, cap;
};

static int keep_prefix(void *ctx, struct prefix p)
{
	struct prefixes *l = ctx;

	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 1024;
		struct prefix *q = realloc(l->p, cap * sizeof(*q));

		if (!q)
			return -ENOMEM;
		l->p = q;
		l->cap = cap;
	}
	l->p[l->n++] = p;
	return 0;
}

static int cmp_prefix(const void *x, const void *y)
{
	const struct prefix *a = x, *b = y;
	int c = addr_cmp(a->addr, b->addr);

	return c ? c : (int)a->len - (int)b->len;
}

static int put_kip(struct list *l)
{
	struct prefixes x = { .n = 0 };
	int rc = kip_prefixes(l->a.a, l->a.n, l->c->k, keep_prefix, &x);

	if (x.n)
		qsort(x.p, x.n, sizeof(*x.p), cmp_prefix);
	for (size_t i = 0; rc == 0 && i < x.n; i++)
		rc = put_prefix(l, x.p[i]);
	free(x.p);
	return rc;
}

static int open_list(struct list *l, const struct publication *p, enum publish_list k,
                     struct diag *d)
{
	static const char *const suffixes[] = { ".txt.xz", ".txt.bz2" };
	char name[128], path[FS_PATH_MAX];
	int rc = 0;

	*l = (struct list){ .c = p->c };
	for (unsigned i = 0; rc == 0 && i < 1U + p->c->bz2; i++) {
		snprintf(name, sizeof(name), "%s%s", publish_list_name(k), suffixes[i]);
		rc = fs_join(path, p->dir, name, d);
		if (rc == 0)
			rc = writer_open(&l->w[i], path, d);
	}
	return rc;
}

static int close_list(struct list *l, int rc, uint64_t *lines, struct diag *d)
{
	if (rc == 0 && l->a.n)
		rc = put_kip(l);
	for (unsigned i = 0; i < 2 && l->w[i]; i++) {
		if (rc == 0)
			rc = writer_commit(l->w[i], d);
		writer_close(l->w[i]);
	}
	addrvec_fini(&l->a);
	*lines = l->lines;
	return rc;
}

static bool within(const struct publish_config *c, uint32_t t)
{
	return t && (t >= c->now || c->now - t <= c->window);
}

static bool may_publish(const struct publish_config *c, const struct host_record *r)
{
	if (r->policy & POLICY_NO_PUBLISH || addr_is_v4(r->addr))
		return false;
	return !(r->policy & POLICY_PUBLISH_48) || c->privacy == PRIVACY_48;
}

static int put_hosts(struct publication *p, struct list l[static LIST_ALIASED],
                     struct diag *d)
{
	struct hitlist_iter *it;
	struct host_record r;
	int rc = hitlist_iter_open(&it, p->h, NULL, d);

	if (rc < 0)
		return rc;
	while (rc >= 0 && (rc = hitlist_iter_next(it, &r, d)) > 0) {
		if (!may_publish(p->c, &r) || !within(p->c, r.last_seen))
			continue;
		for (unsigned s = 0; s < SOURCES; s++)
			p->by_source[s] += r.sources >> s & 1;
		rc = put_addr(&l[LIST_RESPONSIVE], r.addr);
		for (unsigned s = 0; rc == 0 && s < SERVICES; s++)
			if (within(p->c, r.service_seen[s]))
				rc = put_addr(&l[LIST_SERVICES + s], r.addr);
	}
	hitlist_iter_close(it);
	return rc;
}

static int publish_hosts(struct publication *p, struct diag *d)
{
	uint64_t *lines = p->series[p->n - 1].lines;
	struct list *l = calloc(LIST_ALIASED, sizeof(*l));
	int rc = l ? 0 : -ENOMEM;

	for (unsigned k = 0; rc == 0 && k < LIST_ALIASED; k++)
		rc = open_list(&l[k], p, (enum publish_list)k, d);
	if (rc == 0)
		rc = put_hosts(p, l, d);
	for (unsigned k = 0; l && k < LIST_ALIASED; k++)
		rc = close_list(&l[k], rc, &lines[k], d);
	free(l);
	return rc;
}

/* Prefixes with a verdict; those that an opt-out covers are not told. */
static int publish_prefixes(struct publication *p, enum publish_list k, struct diag *d)
{
	const struct ivtab *aliased = hitlist_aliased(p->h);
	const struct alias_state *s;
	size_t n = hitlist_alias_states(p->h, &s);
	struct exclude x = { 0 };
	struct list l;
	int rc = open_list(&l, p, k, d);

	for (size_t i = 0; rc == 0 && k == LIST_ALIASED && i < ivtab_count(aliased); i++)
		rc = exclude_add_range(&x, ivtab_at(aliased, i).first,
		                       ivtab_at(aliased, i).last);
	for (size_t i = 0; rc == 0 && i < x.n; i++)
		if (!ivtab_covers_all(hitlist_blocked(p->h), x.p[i]))
			put_prefix(&l, x.p[i]);
	for (size_t i = 0; rc == 0 && k == LIST_NOT_ALIASED && i < n; i++)
		if (s[i].verdict == ALIAS_NOT &&
		    !ivtab_covers_all(hitlist_blocked(p->h), s[i].prefix))
			put_prefix(&l, s[i].prefix);
	exclude_fini(&x);
	return close_list(&l, rc, &p->series[p->n - 1].lines[k], d);
}

int publish_lists(struct publication *p, struct diag *d)
{
	int rc = publish_hosts(p, d);

	if (rc == 0)
		rc = publish_prefixes(p, LIST_ALIASED, d);
	return rc ? rc : publish_prefixes(p, LIST_NOT_ALIASED, d);
}
