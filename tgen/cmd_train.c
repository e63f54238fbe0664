#include "common/log.h"
#include "tgen/cmd_tgen.h"

const struct tgen_train_cfg tgen_train_defaults = { .output = NULL };

const struct opt tgen_train_opts[] = {
	TGEN_SOURCE_OPTS(struct tgen_train_cfg, src),
	OPT_STR("output-file", 'o', struct tgen_train_cfg, output, "FILE",
	        "where to write the model (required)"),
	OPT_END,
};

int tgen_train_run(const void *cfg, int argc, char *argv[])
{
	const struct tgen_train_cfg *o = cfg;
	struct tgen_job job = { 0 };
	struct diag d = { "" };
	int rc;

	if (!tgen_no_args(argc, argv))
		return CMD_USAGE;
	if (o->src.seeds.n == 0 || !o->output) {
		log_error("--seeds FILE and -o FILE are needed");
		return CMD_USAGE;
	}
	rc = tgen_job_open(&job, &o->src, NULL, &d);
	if (rc == 0)
		rc = tgen_save(job.g, o->output, &d);
	tgen_job_close(&job);
	return tgen_exit_status(rc, &d);
}
