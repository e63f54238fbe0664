#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/addrvec.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/reader.h"
#include "hitlist/cmds.h"

enum { CHUNK = 1 << 21, RECORDS = 4096 };

struct import {
	const struct import_cfg *cfg;
	const char *dir;
	struct scope *scope;
	struct hitlist *h;
	struct hitlist_batch *batch;
	struct addrvec chunk;
	uint32_t now;
	struct ivtab *routed; /* NULL: everything is */
	uint64_t read, bad, refused[SCOPE_VERDICTS], not_routed, left_out;
};

/* A hitlist that is there is opened at once, to fail early.  A new one is made
 * when there is something to put in: a bad list leaves no empty hitlist. */
static int open_hitlist(struct import *im, bool create, struct diag *d)
{
	struct diag why = { "" };
	int rc;

	if (im->h)
		return 0;
	rc = hitlist_open(&im->h, im->dir, create ? HITLIST_CREATE : HITLIST_WRITE, &why);
	if (rc == -ENOENT && !create)
		return 0;
	if (rc == 0)
		rc = hitlist_batch_open(&im->batch, im->h, &why);
	return rc < 0 ? diag_set(d, rc, "%s", diag_str(&why, rc)) : 0;
}

/* Sorted, so that the batch takes them as they come. */
static int flush(struct import *im, struct diag *d)
{
	struct host_record r[RECORDS];
	size_t n = 0;
	int rc = open_hitlist(im, true, d);

	if (rc == 0)
		rc = addrvec_sort(&im->chunk);
	if (rc == 0 && im->cfg->tried)
		rc = hitlist_batch_tried(im->batch, im->chunk.a, im->chunk.n,
		                         (enum hitlist_source)im->cfg->source, im->now,
		                         d);
	for (size_t i = 0; rc == 0 && !im->cfg->tried && i < im->chunk.n; i++) {
		r[n++] = (struct host_record){
			.addr = im->chunk.a[i],
			.first_seen = im->now,
			.sources = (uint16_t)(1U << im->cfg->source),
		};
		if (n < RECORDS && i + 1 < im->chunk.n)
			continue;
		rc = hitlist_batch_add(im->batch, r, n, d);
		n = 0;
	}
	im->chunk.n = 0;
	return rc;
}

static int keep(struct import *im, struct addr128 a, struct diag *d)
{
	if (im->chunk.n == CHUNK) {
		int rc = flush(im, d);

		if (rc < 0)
			return rc;
	}
	return addrvec_push(&im->chunk, a);
}

static int take(struct import *im, struct addr128 a, struct diag *d)
{
	enum scope_verdict v = scope_check(im->scope, a);
	bool listed = v == SCOPE_BLOCKED || v == SCOPE_NOT_ALLOWED;

	im->read++;
	/* In the order of the questions: the lists come after the routes. */
	if ((v == SCOPE_OK || listed) && im->routed && !ivtab_covers(im->routed, a))
		im->not_routed++;
	else if (v != SCOPE_OK)
		im->refused[v]++;
	else
		return keep(im, a, d);
	im->left_out++;
	return 0;
}
/* The list goes into the record of inputs. */
static int note_input(struct import *im, struct reader *r, const struct import *before,
                      struct diag *d)
{
	const char *slash = strrchr(reader_name(r), '/');
	struct hitlist_input in = {
		.when = im->now,
		.source = (enum hitlist_source)im->cfg->source,
		.tried = im->cfg->tried,
		.name = slash ? slash + 1 : reader_name(r),
		.read = im->read - before->read,
		.bad = reader_bad(r),
		.refused = im->left_out - before->left_out,
	};
	int rc = open_hitlist(im, true, d);

	reader_digest(r, in.sha256);
	return rc < 0 ? rc : hitlist_batch_input(im->batch, &in);
}

static int read_list(struct import *im, const char *path, struct diag *d)
{
	const struct reader_policy policy = { .strict = !im->cfg->skip_bad,
		                              .skip_binary = im->cfg->skip_bad,
		                              .digest = true,
		                              .v6_only = true };
	const struct import before = *im;
	struct reader *r;
	struct addr128 a;
	int rc = reader_open(&r, path, &policy, d);

	if (rc < 0)
		return rc;
	while ((rc = reader_addr(r, &a, d)) > 0) {
		rc = take(im, a, d);
		if (rc < 0)
			break;
	}
	if (rc == 0)
		rc = note_input(im, r, &before, d);
	im->bad += reader_bad(r);
	reader_close(r);
	return rc;
}

static void report(const struct import *im, const struct hitlist_merge_stats *st)
{
	log_info("%" PRIu64 " addresses read, %" PRIu64 " bad lines skipped", im->read,
	         im->bad);
	for (unsigned v = SCOPE_OK + 1; v < SCOPE_VERDICTS; v++)
		if (im->refused[v])
			log_info("%" PRIu64 " left out: %s", im->refused[v],
			         scope_verdict_str((enum scope_verdict)v));
	if (im->not_routed)
		log_info("%" PRIu64 " left out: not routed", im->not_routed);
	cmd_report(im->dir, st);
}

static int import_lists(struct import *im, int n, char *paths[], struct diag *d)
{
	struct hitlist_merge_stats st = { 0 };
	int rc = open_hitlist(im, false, d);

	for (int i = 0; rc == 0 && i < n; i++)
		rc = read_list(im, paths[i], d);
	if (rc == 0)
		rc = flush(im, d);
	if (rc == 0)
		rc = hitlist_batch_commit(im->batch, &st, d);
	if (rc == 0 && !im->cfg->quiet)
		report(im, &st);
	return rc;
}

int import_run(const void *cfg, int argc, char *argv[])
{
	struct import im = { .cfg = cfg };
	struct diag d = { "" };
	int rc;

	if (argc < 2) {
		log_error("import needs a hitlist and at least one list");
		return CMD_USAGE;
	}
	im.dir = argv[0];
	im.now = (uint32_t)(clock_wall_us() / (NS_PER_S / NS_PER_US));
	rc = scope_new(&im.scope, &im.cfg->scope, &d);
	if (rc == 0)
		rc = due_load_routed(&im.routed, im.cfg->routed, &d);
	if (rc == 0)
		rc = import_lists(&im, argc - 1, argv + 1, &d);
	hitlist_batch_close(im.batch);
	hitlist_close(im.h);
	scope_free(im.scope);
	ivtab_free(im.routed);
	addrvec_fini(&im.chunk);
	return cmd_result(rc, &d);
}
