/* Verbs of `sextant tgen` that need other components: emit, which leaves out what
 * a hitlist has seen. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "common/ivtab.h"
#include "hitlist/hitlist.h"
#include "tgen/tgen.h"

static int has(void *ctx, struct addr128 a, struct diag *d)
{
	return ivtab_covers(hitlist_blocked(ctx), a) ? 1 : hitlist_seen(ctx, a, d);
}

static void close_seen(void *ctx)
{
	hitlist_close(ctx);
}

/* A directory is a hitlist; everything that was tried or imported counts, and
 * what has opted out, which it knows nothing else of. */
static int open_seen(struct tgen_seen *out, const char *name, struct diag *d)
{
	struct hitlist *h;
	struct stat st;
	int rc;

	if (stat(name, &st) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	rc = hitlist_open(&h, name, HITLIST_READ, d);
	if (rc < 0)
		return diag_set(d, rc, "%s: %s", name, err_str(rc));
	*out = (struct tgen_seen){ h, has, close_seen };
	return 1;
}

static int emit_run(const void *cfg, int argc, char *argv[])
{
	return tgen_emit_run(cfg, argc, argv, open_seen);
}

const struct cmd tgen_more_cmds[] = {
	{ "emit", emit_run, "", "write candidates, best first", tgen_emit_opts,
	  &tgen_emit_defaults, sizeof(struct tgen_emit_cfg), 0, tgen_emit_details },
	{ NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL },
};
