/* Opt-outs coming and going: each change is a commit, so that whoever opens the
 * hitlist sees the opt-out together with the hitlist purged of what it covers. */
#include <stdlib.h>
#include <string.h>

#include "hitlist/batch.h"

/* The prefixes of those in force, as a table. */
static int purge_table(struct ivtab **out, const struct hitlist_optout *o, size_t n,
                       uint32_t now)
{
	struct ivtab_builder *b = ivtab_builder_new();
	int rc = b ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < n; i++)
		if (hitlist_optout_in_force(&o[i], now))
			rc = ivtab_add(b, o[i].prefix, 1);
	if (rc == 0)
		rc = ivtab_build(out, b);
	ivtab_builder_free(b);
	return rc;
}

/* Takes over *next, whatever it returns. */
static int commit_optouts(struct hitlist *h, struct optouts *next,
                          const struct ivtab *purge, struct hitlist_merge_stats *st,
                          struct diag *d)
{
	struct hitlist_batch *b = NULL;
	int rc = hitlist_batch_open(&b, h, d);

	if (rc == 0)
		rc = optouts_build(next, h->opened);
	if (rc == 0) {
		b->optouts = next;
		b->purge = purge;
		rc = hitlist_batch_commit(b, st, d);
	}
	hitlist_batch_close(b);
	optouts_fini(next);
	return rc;
}

int hitlist_block(struct hitlist *h, const struct hitlist_optout *o, size_t n,
                  struct hitlist_merge_stats *st, struct diag *d)
{
	struct ivtab *purge = NULL;
	struct optouts next;
	int rc = optouts_copy(&next, &h->optouts);

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = optouts_add(&next, &o[i], d);
	if (rc == 0)
		rc = purge_table(&purge, o, n, h->opened);
	if (rc == 0)
		rc = commit_optouts(h, &next, purge, st, d);
	else
		optouts_fini(&next);
	ivtab_free(purge);
	return rc;
}

int hitlist_unblock(struct hitlist *h, const struct prefix *p, size_t n, uint32_t now,
                    size_t *found, struct diag *d)
{
	struct optouts next;
	int rc = optouts_copy(&next, &h->optouts);

	*found = 0;
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < next.n; i++) {
		struct hitlist_optout *e = &next.e[i];

		for (size_t k = 0; k < n; k++) {
			if (e->prefix.len != p[k].len ||
			    !addr_eq(e->prefix.addr, p[k].addr) ||
			    !hitlist_optout_in_force(e, now))
				continue;
			e->removed = now;
			++*found;
		}
	}
	if (*found)
		return commit_optouts(h, &next, NULL, NULL, d);
	optouts_fini(&next);
	return 0;
}
