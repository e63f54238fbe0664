#include <inttypes.h>

#include "common/log.h"
#include "tgen/cmd_tgen.h"

const struct tgen_feedback_cfg tgen_feedback_defaults = { .model = NULL };

const struct opt tgen_feedback_opts[] = {
	OPT_STR("model", 'm', struct tgen_feedback_cfg, model, "FILE",
	        "the model whose candidates were probed (required)"),
	OPT_LIST("hits", 0, struct tgen_feedback_cfg, hits, "FILE",
	         "candidates that are alive (repeatable)"),
	OPT_LIST("misses", 0, struct tgen_feedback_cfg, misses, "FILE",
	         "candidates that did not answer (repeatable)"),
	OPT_FLAG("strict", 0, struct tgen_feedback_cfg, src.strict,
	         "fail at the first bad line"),
	OPT_STR("output-file", 'o', struct tgen_feedback_cfg, output, "FILE",
	        "where to write the model (required)"),
	OPT_END,
};

static int feed(struct tgen *g, const struct opt_list *files, bool strict, bool alive,
                struct diag *d)
{
	struct addrvec v = { 0 };
	int rc = tgen_read_lists(&v, files, strict, d);

	for (size_t i = 0; i < v.n && rc == 0; i++) {
		struct tgen_result r = { v.a[i], TGEN_REGION_UNKNOWN, alive };

		rc = tgen_feedback(g, &r, 1);
	}
	addrvec_fini(&v);
	return rc;
}

static int run(const struct tgen_feedback_cfg *o, struct diag *d)
{
	struct tgen_job job = { 0 };
	struct tgen_stats st;
	int rc = tgen_job_open(&job, &o->src, o->model, d);

	if (rc == 0)
		rc = feed(job.g, &o->hits, o->src.strict, true, d);
	if (rc == 0)
		rc = feed(job.g, &o->misses, o->src.strict, false, d);
	if (rc == 0)
		rc = tgen_save(job.g, o->output, d);
	if (rc == 0) {
		tgen_stats(job.g, &st);
		log_info("%" PRIu64 " results so far, %" PRIu64 " of them alive",
		         st.fed_back, st.alive);
	}
	tgen_job_close(&job);
	return rc;
}

int tgen_feedback_run(const void *cfg, int argc, char *argv[])
{
	const struct tgen_feedback_cfg *o = cfg;
	struct diag d = { "" };

	if (!tgen_no_args(argc, argv))
		return CMD_USAGE;
	if (!o->model || !o->output || o->hits.n + o->misses.n == 0) {
		log_error("--model FILE, -o FILE and --hits or --misses are needed");
		return CMD_USAGE;
	}
	return tgen_exit_status(run(o, &d), &d);
}
