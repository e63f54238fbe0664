/* Routing tables as the commands of a hitlist take them: which addresses are routed,
 * and which prefixes are announced. */
#include <stdlib.h>

#include "common/reader.h"
#include "common/routed.h"
#include "hitlist/cmds.h"

struct prefixes {
	struct prefix *p;
	size_t n, cap;
};

static int push(struct prefixes *l, struct prefix x)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 1024;
		struct prefix *p = realloc(l->p, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		l->p = p;
		l->cap = cap;
	}
	l->p[l->n++] = x;
	return 0;
}

/* What two peers tell at least, if there are two: one alone may have a route that is
 * nobody else's.  A default route is none. */
static int take_routes(struct prefixes *l, struct rib *rib, uint32_t peers)
{
	uint32_t least = peers < 2 ? peers : 2;
	int rc = rib_sort(rib);

	for (size_t i = 0; rc == 0 && i < rib_count(rib); i++) {
		struct rib_route r;

		rc = rib_route(rib, i, 0, &r);
		if (rc == 0 && r.peers >= least && r.prefix.len &&
		    !prefix_is_v4(r.prefix))
			rc = push(l, r.prefix);
	}
	return rc;
}

static int load_dump(struct prefixes *l, const char *path, struct diag *d)
{
	/* Half a routing table is worse than none. */
	const struct routed_config cfg = { .format = RIB_MRT, .damage = ROUTED_REFUSE };
	struct mrt_peers *peers = mrt_peers_new();
	struct routed_counts counts = { 0 };
	struct rib *rib = rib_new();
	int rc = peers && rib ? routed_read(rib, peers, path, &cfg, &counts, d) : -ENOMEM;

	if (rc == 0)
		rc = take_routes(l, rib, mrt_peers_count(peers));
	if (rc == 0 && !l->n)
		rc = diag_set(d, ERR_EMPTY, "%s: no IPv6 prefix in it", path);
	rib_free(rib);
	mrt_peers_free(peers);
	return rc;
}

static int load_list(struct prefixes *l, const char *path, struct diag *d)
{
	struct reader_item it;
	struct reader *r;
	int rc = reader_open(&r, path, NULL, d);

	if (rc < 0)
		return rc;
	while ((rc = reader_next(r, &it, d)) > 0)
		if (it.is_prefix && !addr_is_v4(it.first) &&
		    (rc = push(l, (struct prefix){ it.first, it.len })) < 0)
			break;
	reader_close(r);
	return rc;
}

int routes_announced(struct prefix **out, size_t *n, const char *path, struct diag *d)
{
	struct prefixes l = { NULL, 0, 0 };
	int rc = routed_is_dump(path);

	if (rc >= 0)
		rc = rc ? load_dump(&l, path, d) : load_list(&l, path, d);
	if (rc < 0) {
		free(l.p);
		return rc;
	}
	*out = l.p;
	*n = l.n;
	return 0;
}

static int add_dump(struct ivtab_builder *b, const char *path, struct diag *d)
{
	struct prefixes l = { NULL, 0, 0 };
	int rc = load_dump(&l, path, d);

	for (size_t i = 0; rc == 0 && i < l.n; i++)
		rc = ivtab_add(b, l.p[i], 1);
	free(l.p);
	return rc;
}

int due_load_routed(struct ivtab **out, const char *path, struct diag *d)
{
	struct ivtab_builder *b;
	int rc;

	*out = NULL;
	if (!path)
		return 0;
	b = ivtab_builder_new();
	rc = b ? routed_is_dump(path) : -ENOMEM;
	if (rc >= 0)
		rc = rc ? add_dump(b, path, d) : ivtab_add_file(b, path, 1, d);
	if (rc == 0)
		rc = ivtab_build(out, b);
	ivtab_builder_free(b);
	return rc;
}
