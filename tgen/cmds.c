#include <stdio.h>

#include "tgen/cmd_tgen.h"

struct algorithms_cfg {
	bool unused; /* a config cannot be empty */
};

static const struct algorithms_cfg algorithms_defaults = { .unused = false };
static const struct opt algorithms_opts[] = { OPT_END };

static int algorithms_run(const void *cfg, int argc, char *argv[])
{
	(void)cfg;
	if (!tgen_no_args(argc, argv))
		return CMD_USAGE;
	for (unsigned i = 0; tgen_algorithm_name(i); i++)
		if (printf("%s\t%s\n", tgen_algorithm_name(i),
		           tgen_algorithm_summary(i)) < 0)
			return CMD_FAILED;
	return fflush(stdout) == 0 ? CMD_OK : CMD_FAILED;
}

static const char feedback_details[] =
	"Tells a model what became of its candidates, so that it goes on where it pays. "
	"Save the model with emit --save, probe the candidates, feed back, emit again:\n"
	"\n"
	"sextant tgen emit --model m1 -n 100k --save m2 -o c.txt\n"
	"sextant tgen feedback --model m2 --hits alive.txt --misses dead.txt -o m3";

static const char eval_details[] =
	"Learns from the seeds, asks for candidates and counts those that are among "
	"addresses held out: how many, in how many networks, whether the predicted "
	"probabilities are true, and what it costs. Without --holdout the seeds are "
	"cut into parts, each held out in turn, and counts are summed over the trials.";

static const char show_details[] =
	"Draws the best candidates and sums up the hits that they promise, by network, by "
	"the shape of the interface identifier and by its value. --svg draws which "
	"digit is expected at which place.";

const struct cmd tgen_cmds[] = {
	{ "train", tgen_train_run, "", "learn from seeds, write the model",
	  tgen_train_opts, &tgen_train_defaults, sizeof(struct tgen_train_cfg), 0, NULL },
	{ "feedback", tgen_feedback_run, "", "tell a model what was alive",
	  tgen_feedback_opts, &tgen_feedback_defaults, sizeof(struct tgen_feedback_cfg),
	  0, feedback_details },
	{ "eval", tgen_eval_run, "", "try algorithms on addresses held out",
	  tgen_eval_opts, &tgen_eval_defaults, sizeof(struct tgen_eval_cfg), 0,
	  eval_details },
	{ "show", tgen_show_run, "", "what was learned: where hits are to be expected",
	  tgen_show_opts, &tgen_show_defaults, sizeof(struct tgen_show_cfg), 0,
	  show_details },
	{ "algorithms", algorithms_run, "", "list the algorithms", algorithms_opts,
	  &algorithms_defaults, sizeof(struct algorithms_cfg), 0, NULL },
	{ 0 },
};
