/* tgen/cmd_tgen.h - what the subcommands of tgen share; private to tgen/. */
#ifndef TGEN_CMD_TGEN_H
#define TGEN_CMD_TGEN_H

#include "common/opt.h"
#include "common/scope.h"
#include "common/table.h"
#include "tgen/tgen.h"

#define TGEN_SOURCE_OPTS(cfg, f)                                                           \
	TGEN_SEED_OPTS(cfg, f),                                                            \
		OPT_STR("algorithm", 'a', cfg, f.algorithm, "NAME",                        \
	                "one of `sextant tgen algorithms', or auto: the first (default)"), \
		OPT_STR("bgp", 0, cfg, f.bgp, "FILE",                                      \
	                "announced prefixes with AS numbers (pfx2as): candidates in "      \
	                "those without seeds, too")
/* The same without a choice of the algorithm. */
#define TGEN_SEED_OPTS(cfg, f)                                                           \
	OPT_LIST("seeds", 's', cfg, f.seeds, "FILE",                                     \
	         "learn from the addresses in FILE (repeatable)"),                       \
		OPT_COUNT("seed", 0, cfg, f.seed, "N",                                   \
	                  "decides between equals; same seed, same output (default 0)"), \
		OPT_COUNT("threads", 'T', cfg, f.threads, "N",                           \
	                  "use N threads; the output is the same (default 1)"),          \
		OPT_LIST("aliased", 'A', cfg, f.aliased, "FILE",                         \
	                 "emit nothing inside the prefixes in FILE (repeatable)"),       \
		OPT_FLAG("strict", 0, cfg, f.strict, "fail at the first bad line"),      \
		OPT_FLAG("diversity", 0, cfg, f.diversity,                               \
	                 "4 % of the candidates for the networks that get least"),       \
		OPT_DOUBLE("diversity-share", 0, cfg, f.diversity_share, "SHARE",        \
	                   "as --diversity, but another share, 0 to 1"),                 \
		SCOPE_OPTS(cfg, f.scope)

/* Where candidates may lie. */
#define TGEN_BOUND_OPTS(cfg, f)                                                       \
	OPT_LIST("prefix", 0, cfg, f.within, "PREFIX",                                \
	         "only candidates inside PREFIX (repeatable)"),                       \
		OPT_LIST("max-per-prefix", 0, cfg, f.limits, "LEN:N",                 \
	                 "at most N candidates in any prefix of length LEN, such as " \
	                 "48:1000 (repeatable)")

/* A generator and all that it borrows. */
enum { TGEN_JOB_LIMITS = 8, TGEN_MAX_THREADS = 64 };

struct tgen_job {
	struct tgen *g;
	struct addrvec seeds;
	struct scope *scope;
	struct ivtab *aliased, *within;
	struct bgp *bgp;
	struct tgen_limit limits[TGEN_JOB_LIMITS];
	bool (*exclude)(void *ctx,
	                struct addr128 a); /* the caller's, as in tgen_config */
	void *exclude_ctx;
};

/* Train on the seeds, or, where model is given, load that.  Says what was left
 * out.  The job is zero but for what is the caller's; close it in either case. */
int tgen_job_open(struct tgen_job *job, const struct tgen_source *src, const char *model,
                  struct diag *d);
void tgen_job_close(struct tgen_job *job);

/* All of src but the seeds, as a config; what that borrows is the job's. */
int tgen_job_config(struct tgen_job *job, struct tgen_config *cfg,
                    const struct tgen_source *src, struct diag *d);

/* All addresses of some lists, sorted, each once; bad lines and duplicates are
 * told. */
int tgen_read_lists(struct addrvec *v, const struct opt_list *files, bool strict,
                    struct diag *d);

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
	const char *bgp, *fold_by, *svg;
	bool seedless, trade_off;
	struct doc_output out;
};

struct tgen_show_cfg {
	struct tgen_source src;
	const char *model, *svg;
	uint64_t number, top, length;
	struct doc_output out;
};

extern const struct opt tgen_train_opts[], tgen_feedback_opts[], tgen_eval_opts[],
	tgen_show_opts[];
extern const struct tgen_eval_cfg tgen_eval_defaults;
extern const struct tgen_show_cfg tgen_show_defaults;
extern const struct tgen_train_cfg tgen_train_defaults;
extern const struct tgen_feedback_cfg tgen_feedback_defaults;

int tgen_train_run(const void *cfg, int argc, char *argv[]);
int tgen_feedback_run(const void *cfg, int argc, char *argv[]);
int tgen_eval_run(const void *cfg, int argc, char *argv[]);
int tgen_show_run(const void *cfg, int argc, char *argv[]);

/* Say what went wrong, once: the exit status. */
int tgen_exit_status(int rc, const struct diag *d);

/* No positional arguments are taken: false after saying so. */
bool tgen_no_args(int argc, char *argv[]);

#endif
