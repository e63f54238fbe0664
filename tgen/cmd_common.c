#include "tgen/cmd_tgen.h"

#include <inttypes.h>
#include <string.h>

#include "common/ivtab.h"
#include "common/log.h"
#include "common/reader.h"
#include "tgen/diversity.h"

bool tgen_no_args(int argc, char *argv[])
{
	char buf[64];

	if (argc == 0)
		return true;
	log_error("unexpected argument `%s'",
	          log_quote(buf, sizeof(buf), argv[0], strlen(argv[0])));
	return false;
}

int tgen_exit_status(int rc, const struct diag *d)
{
	if (rc >= 0)
		return CMD_OK;
	log_error("%s", diag_str(d, rc));
	return CMD_FAILED;
}

/* The addresses of a list, appended; how many lines were bad is told. */
static int read_list(struct addrvec *v, const char *path, bool strict, struct diag *d)
{
	const struct reader_policy policy = { .strict = strict, .v6_only = true };
	struct reader *r;
	struct addr128 a;
	int rc = reader_open(&r, path, &policy, d);

	if (rc < 0)
		return rc;
	while ((rc = reader_addr(r, &a, d)) > 0) {
		rc = addrvec_push(v, a);
		if (rc < 0)
			break;
	}
	if (rc == 0 && reader_bad(r) > 0)
		log_warn("%s: %" PRIu64 " bad lines skipped", reader_name(r),
		         reader_bad(r));
	reader_close(r);
	return rc;
}

int tgen_read_lists(struct addrvec *v, const struct opt_list *files, bool strict,
                    struct diag *d)
{
	size_t duplicates;
	int rc = 0;

	for (size_t i = 0; i < files->n && rc == 0; i++)
		rc = read_list(v, files->v[i], strict, d);
	if (rc == 0)
		rc = addrvec_sort(v);
	if (rc < 0)
		return rc;
	duplicates = addrvec_unique(v);
	if (duplicates)
		log_info("%zu duplicates in the lists", duplicates);
	return 0;
}

static int read_aliased(struct ivtab **out, const struct opt_list *files, struct diag *d)
{
	struct ivtab_builder *b;
	int rc = 0;

	if (files->n == 0)
		return 0;
	b = ivtab_builder_new();
	if (!b)
		return -ENOMEM;
	for (size_t i = 0; i < files->n && rc == 0; i++)
		rc = ivtab_add_file(b, files->v[i], 1, d);
	if (rc == 0)
		rc = ivtab_build(out, b);
	ivtab_builder_free(b);
	return rc;
}

static void report(const struct tgen_job *job)
{
	struct tgen_stats st;

	tgen_stats(job->g, &st);
	log_info("%" PRIu64 " seeds (%" PRIu64 " more are out of scope or aliased), "
	         "%" PRIu64 " regions",
	         st.seeds, st.seeds_rejected, st.regions);
	if (job->bgp)
		log_info("%" PRIu64 " announced prefixes in networks without a seed",
		         st.seedless_prefixes);
}

static int read_within(struct ivtab **out, const struct opt_list *prefixes,
                       struct diag *d)
{
	struct ivtab_builder *b;
	int rc = 0;

	if (prefixes->n == 0)
		return 0;
	b = ivtab_builder_new();
	if (!b)
		return -ENOMEM;
	for (size_t i = 0; i < prefixes->n && rc == 0; i++) {
		struct prefix p;

		if (!prefix_parse(&p, prefixes->v[i]) || prefix_is_v4(p))
			rc = diag_set(d, ERR_PARSE,
			              "--prefix: not an IPv6 prefix: `%.60s'",
			              prefixes->v[i]);
		else
			rc = ivtab_add(b, p, 1);
	}
	if (rc == 0)
		rc = ivtab_build(out, b);
	ivtab_builder_free(b);
	return rc;
}

int tgen_job_config(struct tgen_job *job, struct tgen_config *cfg,
                    const struct tgen_source *src, struct diag *d)
{
	const struct opt_list *l = &src->limits;
	int rc = scope_new(&job->scope, &src->scope, d);

	if (rc == 0)
		rc = read_aliased(&job->aliased, &src->aliased, d);
	if (rc == 0)
		rc = read_within(&job->within, &src->within, d);
	if (rc == 0 && src->bgp)
		rc = bgp_load(&job->bgp, src->bgp, src->strict, d);
	if (rc == 0 && l->n > TGEN_JOB_LIMITS)
		return diag_set(d, -EINVAL, "--max-per-prefix: more than %d of them",
		                TGEN_JOB_LIMITS);
	for (size_t i = 0; i < l->n && rc == 0; i++)
		if (!tgen_limit_parse(&job->limits[i], l->v[i]))
			rc = diag_set(d, ERR_PARSE,
			              "--max-per-prefix: `%.40s' is not LENGTH:COUNT, as "
			              "48:1000",
			              l->v[i]);
	*cfg = (struct tgen_config){ .algorithm = src->algorithm,
		                     .seed = src->seed,
		                     .threads = src->threads < TGEN_MAX_THREADS
		                                        ? (unsigned)src->threads
		                                        : TGEN_MAX_THREADS,
		                     .exclude = job->exclude,
		                     .exclude_ctx = job->exclude_ctx };
	if (!(src->diversity_share >= 0 && src->diversity_share <= 1))
		rc = diag_set(d, ERR_PARSE, "--diversity-share: %g is not within 0 and 1",
		              src->diversity_share);
	cfg->diversity = src->diversity_share > 0 ? src->diversity_share
	                 : src->diversity         ? DIVERSITY_SHARE
	                                          : 0;
	cfg->scope = job->scope;
	cfg->aliased = job->aliased;
	cfg->bgp = job->bgp;
	cfg->within = job->within;
	cfg->limits = job->limits;
	cfg->n_limits = l->n;
	return rc;
}

int tgen_job_open(struct tgen_job *job, const struct tgen_source *src, const char *model,
                  struct diag *d)
{
	struct tgen_config cfg;
	int rc = tgen_job_config(job, &cfg, src, d);

	if (rc == 0 && model)
		rc = tgen_load(&job->g, model, &cfg, d);
	if (rc < 0 || model)
		return rc;
	rc = tgen_read_lists(&job->seeds, &src->seeds, src->strict, d);
	if (rc == 0)
		rc = tgen_train(&job->g, &job->seeds, &cfg, d);
	if (rc == 0)
		report(job);
	return rc;
}

void tgen_job_close(struct tgen_job *job)
{
	tgen_free(job->g);
	addrvec_fini(&job->seeds);
	scope_free(job->scope);
	ivtab_free(job->aliased);
	ivtab_free(job->within);
	bgp_free(job->bgp);
}
