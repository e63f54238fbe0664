#include <inttypes.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/writer.h"
#include "tgen/cmd_tgen.h"

enum { BATCH = 4096 };

const struct tgen_emit_cfg tgen_emit_defaults = {
	.number = 1000000,
	.output = "-",
};

const struct opt tgen_emit_opts[] = {
	TGEN_SOURCE_OPTS(struct tgen_emit_cfg, src),
	OPT_STR("model", 'm', struct tgen_emit_cfg, model, "FILE",
	        "go on from a saved model instead of --seeds"),
	OPT_STR("save", 0, struct tgen_emit_cfg, save, "FILE",
	        "save the model at the end, to go on from later"),
	OPT_COUNT("number", 'n', struct tgen_emit_cfg, number, "N",
	          "candidates to emit, over all shards (default 1M)"),
	OPT_DOUBLE(
		"min-probability", 0, struct tgen_emit_cfg, min_probability, "P",
		"none below a predicted probability of P; end when a batch of 4096 has none above"),
	OPT_FLAG("probability", 'p', struct tgen_emit_cfg, probability,
	         "add two columns: predicted probability, region"),
	TGEN_BOUND_OPTS(struct tgen_emit_cfg, src),
	OPT_LIST("exclude-seen", 0, struct tgen_emit_cfg, seen, "NAME",
	         "no address of the list or hitlist NAME (repeatable)"),
	OPT_COUNT("shards", 0, struct tgen_emit_cfg, shards, "N",
	          "split the candidates over N generators"),
	OPT_COUNT("shard", 0, struct tgen_emit_cfg, shard, "I",
	          "emit only those of shard I, 0 to N-1"),
	OPT_STR("output-file", 'o', struct tgen_emit_cfg, output, "FILE",
	        "write to FILE instead of standard output"),
	OPT_END,
};

const char tgen_emit_details[] =
	"Writes addresses that are likely to be alive, one a line, best first. None is a "
	"seed, none comes twice, none is out of scope or inside an aliased prefix. Example:\n"
	"\n"
	"sextant tgen emit --seeds hitlist.txt.xz -n 1M -b blocklist.txt | "
	"sextant probe scan -M icmp6-echo -";

static void write_candidate(struct writer *w, const struct tgen_candidate *c, bool more)
{
	char buf[ADDR_STRLEN];

	if (!more) {
		writer_addr(w, c->addr);
		return;
	}
	addr_format(buf, c->addr);
	writer_printf(w, "%s\t%.3g\t%" PRIu32 "\n", buf, (double)c->p, c->region);
}

/* Every shard generates the whole sequence and keeps what is its own, so that
 * the shards of N candidates are the N candidates. */
static int emit(const struct tgen_emit_cfg *o, struct tgen *g, struct writer *w)
{
	struct tgen_candidate *c = malloc(BATCH * sizeof(*c));
	uint64_t left = o->number;
	int n = 0, rc = c ? 0 : -ENOMEM;

	while (rc == 0 && left > 0) {
		float best = 0;

		n = tgen_next(g, c, left < BATCH ? left : BATCH);
		if (n <= 0)
			break;
		left -= (uint64_t)n;
		for (int i = 0; i < n; i++) {
			best = c[i].p > best ? c[i].p : best;
			if ((double)c[i].p >= o->min_probability &&
			    tgen_shard_of(c[i].addr, (uint32_t)o->shards) == o->shard)
				write_candidate(w, &c[i], o->probability);
		}
		if ((double)best < o->min_probability)
			break;
		if (writer_flush(w) < 0)
			break; /* the commit says why */
	}
	free(c);
	if (rc == 0 && n == 0 && left > 0)
		log_warn("no more candidates: %" PRIu64 " of %" PRIu64, o->number - left,
		         o->number);
	return rc < 0 ? rc : n < 0 ? n : 0;
}

static void report(const struct tgen *g)
{
	struct tgen_stats st;

	tgen_stats(g, &st);
	log_info("%" PRIu64 " candidates; left out: %" PRIu64 " out of scope, %" PRIu64
	         " in aliased prefixes, %" PRIu64 " seen, %" PRIu64
	         " in prefixes that have enough",
	         st.emitted, st.rejected_scope, st.rejected_aliased, st.rejected_excluded,
	         st.rejected_limits);
}

/* ---- what was seen ------------------------------------------------------ */

struct seen {
	struct addrvec lists;   /* sorted */
	struct tgen_seen *more; /* what the caller opened */
	size_t n_more;
	int rc; /* the first failure to look something up */
	struct diag why;
};

static int seen_open(struct seen *s, const struct tgen_emit_cfg *o, tgen_seen_open open,
                     struct diag *d)
{
	const char **paths = calloc(o->seen.n + 1, sizeof(*paths));
	struct opt_list lists = { paths, 0 };
	int rc = 0;

	s->more = calloc(o->seen.n + 1, sizeof(*s->more));
	if (!paths || !s->more)
		rc = -ENOMEM;
	for (size_t i = 0; i < o->seen.n && rc == 0; i++) {
		rc = open(&s->more[s->n_more], o->seen.v[i], d);
		if (rc > 0)
			s->n_more++;
		else if (rc == 0)
			paths[lists.n++] = o->seen.v[i];
		rc = rc > 0 ? 0 : rc;
	}
	if (rc == 0)
		rc = tgen_read_lists(&s->lists, &lists, o->src.strict, d);
	free(paths);
	return rc;
}

static void seen_close(struct seen *s)
{
	for (size_t i = 0; i < s->n_more; i++)
		s->more[i].close(s->more[i].ctx);
	free(s->more);
	addrvec_fini(&s->lists);
}

static bool seen_has(void *ctx, struct addr128 a)
{
	struct seen *s = ctx;
	int rc = addrvec_contains(&s->lists, a);

	for (size_t i = 0; i < s->n_more && rc == 0 && s->rc == 0; i++)
		rc = s->more[i].has(s->more[i].ctx, a, &s->why);
	if (rc < 0)
		s->rc = rc;
	return rc > 0;
}

/* ---- the command -------------------------------------------------------- */

static int run(const struct tgen_emit_cfg *o, tgen_seen_open open, struct diag *d)
{
	struct seen seen = { .n_more = 0 };
	struct tgen_job job = { 0 };
	struct writer *w = NULL;
	int rc = writer_open(&w, o->output, d);

	if (rc == 0 && o->seen.n) {
		job.exclude = seen_has;
		job.exclude_ctx = &seen;
		rc = seen_open(&seen, o, open, d);
	}
	if (rc == 0)
		rc = tgen_job_open(&job, &o->src, o->model, d);
	if (rc == 0)
		rc = emit(o, job.g, w);
	if (rc == 0 && seen.rc < 0)
		rc = diag_set(d, seen.rc, "%s", diag_str(&seen.why, seen.rc));
	/* The output first: a model that is ahead of it would skip candidates. */
	if (rc == 0)
		rc = writer_commit(w, d);
	if (rc == 0 && o->save)
		rc = tgen_save(job.g, o->save, d);
	if (rc == 0)
		report(job.g);
	writer_close(w);
	tgen_job_close(&job);
	seen_close(&seen);
	return rc;
}

int tgen_emit_run(const struct tgen_emit_cfg *o, int argc, char *argv[],
                  tgen_seen_open open)
{
	struct diag d = { "" };

	if (!tgen_no_args(argc, argv))
		return CMD_USAGE;
	if ((o->src.seeds.n == 0) == !o->model) {
		log_error("give either --seeds FILE or --model FILE");
		return CMD_USAGE;
	}
	if (o->shards > UINT32_MAX || o->shard >= (o->shards ? o->shards : 1)) {
		log_error("--shard %" PRIu64 " is not one of %" PRIu64
		          " (they count from 0)",
		          o->shard, o->shards);
		return CMD_USAGE;
	}
	/* The model would have given up the rest of the world. */
	if (o->save && o->src.within.n) {
		log_error("--save does not go with --prefix");
		return CMD_USAGE;
	}
	return tgen_exit_status(run(o, open, &d), &d);
}
