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
	OPT_COUNT("shards", 0, struct tgen_emit_cfg, shards, "N",
	          "split the candidates over N generators"),
	OPT_COUNT("shard", 0, struct tgen_emit_cfg, shard, "I",
	          "emit only those of shard I, 0 to N-1"),
	OPT_STR("output-file", 'o', struct tgen_emit_cfg, output, "FILE",
	        "write to FILE instead of standard output"),
	OPT_END,
};

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
	         " in aliased prefixes",
	         st.emitted, st.rejected_scope, st.rejected_aliased);
}

static int run(const struct tgen_emit_cfg *o, struct diag *d)
{
	struct tgen_job job = { 0 };
	struct writer *w = NULL;
	int rc = writer_open(&w, o->output, d);

	if (rc == 0)
		rc = tgen_job_open(&job, &o->src, o->model, d);
	if (rc == 0)
		rc = emit(o, job.g, w);
	/* The output first: a model that is ahead of it would skip candidates. */
	if (rc == 0)
		rc = writer_commit(w, d);
	if (rc == 0 && o->save)
		rc = tgen_save(job.g, o->save, d);
	if (rc == 0)
		report(job.g);
	writer_close(w);
	tgen_job_close(&job);
	return rc;
}

int tgen_emit_run(const void *cfg, int argc, char *argv[])
{
	const struct tgen_emit_cfg *o = cfg;
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
	return tgen_exit_status(run(o, &d), &d);
}
