/* tgen/cmd_tgen.h - what the subcommands of tgen share; private to tgen/. */
#ifndef TGEN_CMD_TGEN_H
#define TGEN_CMD_TGEN_H

#include "common/opt.h"
#include "common/scope.h"
#include "common/table.h"
#include "tgen/tgen.h"

/* What a generator is made of: options of emit and train. */
struct tgen_source {
	struct opt_list seeds, aliased;
	const char *algorithm;
	uint64_t seed;
	struct scope_config scope;
	bool strict;
};

#define TGEN_SOURCE_OPTS(cfg, f)                                    \
	TGEN_SEED_OPTS(cfg, f),                                     \
		OPT_STR("algorithm", 'a', cfg, f.algorithm, "NAME", \
	                "one of `sextant tgen algorithms' (default: the first)")
/* The same without a choice of the algorithm. */
#define TGEN_SEED_OPTS(cfg, f)                                                           \
	OPT_LIST("seeds", 's', cfg, f.seeds, "FILE",                                     \
	         "learn from the addresses in FILE (repeatable)"),                       \
		OPT_COUNT("seed", 0, cfg, f.seed, "N",                                   \
	                  "decides between equals; same seed, same output (default 0)"), \
		OPT_LIST("aliased", 'A', cfg, f.aliased, "FILE",                         \
	                 "emit nothing inside the prefixes in FILE (repeatable)"),       \
		OPT_FLAG("strict", 0, cfg, f.strict, "fail at the first bad line"),      \
		SCOPE_OPTS(cfg, f.scope)

/* A generator and all that it borrows. */
struct tgen_job {
	struct tgen *g;
	struct addrvec seeds;
	struct scope *scope;
	struct ivtab *aliased;
};

/* Train on the seeds, or, where model is given, load that.  Says what was left
 * out.  Free the job in either case. */
int tgen_job_open(struct tgen_job *job, const struct tgen_source *src, const char *model,
                  struct diag *d);
void tgen_job_close(struct tgen_job *job);

/* All addresses of some lists, sorted, each once; bad lines and duplicates are
 * told. */
int tgen_read_lists(struct addrvec *v, const struct opt_list *files, bool strict,
                    struct diag *d);

/* A table of all the prefixes in some files; NULL when there are none. */
int tgen_read_aliased(struct ivtab **out, const struct opt_list *files, struct diag *d);

struct tgen_emit_cfg {
	struct tgen_source src;
	const char *model, *save, *output;
	uint64_t number, shards, shard;
	double min_probability;
	bool probability;
};

struct tgen_train_cfg {
	struct tgen_source src;
	const char *output;
};

struct tgen_feedback_cfg {
	struct tgen_source src; /* not from options, except strict */
	struct opt_list hits, misses;
	const char *model, *output;
};

struct tgen_eval_cfg {
	struct tgen_source src;
	struct opt_list algorithms, holdout;
	uint64_t number, folds, rounds;
	const char *bgp, *svg;
	struct doc_output out;
};

extern const struct opt tgen_emit_opts[], tgen_train_opts[], tgen_feedback_opts[],
	tgen_eval_opts[];
extern const struct tgen_eval_cfg tgen_eval_defaults;
extern const struct tgen_emit_cfg tgen_emit_defaults;
extern const struct tgen_train_cfg tgen_train_defaults;
extern const struct tgen_feedback_cfg tgen_feedback_defaults;

int tgen_emit_run(const void *cfg, int argc, char *argv[]);
int tgen_train_run(const void *cfg, int argc, char *argv[]);
int tgen_feedback_run(const void *cfg, int argc, char *argv[]);
int tgen_eval_run(const void *cfg, int argc, char *argv[]);

/* Say what went wrong, once: the exit status. */
int tgen_exit_status(int rc, const struct diag *d);

/* No positional arguments are taken: false after saying so. */
bool tgen_no_args(int argc, char *argv[]);

#endif
