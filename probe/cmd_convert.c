#include "probe/cmd_convert.h"

#include "common/clock.h"
#include "common/log.h"
#include "probe/answers.h"
#include "probe/dedup.h"
#include "probe/expr.h"

enum { FLUSH_EVERY = 4096 };

const struct convert_options convert_defaults = { .output = "-" };

#define CFG struct convert_options

const struct opt convert_opts[] = {
	OPT_STR("output-file", 'o', CFG, output, "FILE", "where results go; - is stdout"),
	OPT_ENUM("output-module", 'O', CFG, format, format_names, "FORMAT",
	         "csv, jsonl, hosts, paths, binary, or masscan's list, grepable, xml or "
	         "masscan-json"),
	OPT_STR("output-fields", 'f', CFG, fields, "FIELDS",
	        "fields to write, in that order; * is all of them"),
	OPT_STR("output-filter", 0, CFG, filter, "EXPR",
	        "write only results with, say, 'success = 1 && ttl < 64'"),
	OPT_FLAG("no-header-row", 0, CFG, no_header, "no field names in CSV"),
	OPT_END,
};

static int convert_file(const char *path, struct results *to, const struct expr *filter,
                        struct dedup *once, struct diag *d)
{
	struct observation o;
	struct input *in;
	uint64_t n = 0;
	int rc = input_open(&in, path, d);

	if (rc < 0)
		return rc;
	rc = answers_begin(in, d);
	while (rc == 0 && (rc = answers_next(in, &o, n++, d)) > 0) {
		rc = 0;
		if (results_want(to, &o) && (!filter || expr_holds(filter, &o)) &&
		    (!once || !dedup_seen(once, &o)))
			results_put(to, &o);
		if (n % FLUSH_EVERY == 0)
			rc = results_flush(to, clock_wall_us(), d);
		if (rc == 0)
			continue;
		break;
	}
	input_close(in);
	return rc;
}

int convert_answers(const struct results_config *cfg, const char *path, size_t window,
                    struct diag *d)
{
	struct dedup *once = window ? dedup_new(window, false) : NULL;
	struct results *to = NULL;
	int rc = window && !once ? -ENOMEM : results_open(&to, cfg, clock_wall_us(), d);

	if (rc == 0)
		rc = convert_file(path, to, NULL, once, d);
	if (rc == 0)
		rc = results_commit(to, clock_wall_us(), d);
	results_close(to);
	dedup_free(once);
	return rc;
}

int convert_run(const struct convert_options *o, size_t n, const char *const files[])
{
	struct results_config cfg = { .path = o->output,
		                      .format = o->format,
		                      .no_header = o->no_header };
	struct results *to = NULL;
	struct expr *filter = NULL;
	struct diag d = { "" };
	int rc = obs_fields_parse(&cfg.fields, o->fields, &d);

	if (rc == 0 && o->filter)
		rc = expr_parse(&filter, o->filter, &d);
	if (rc < 0) {
		log_error("%s", diag_str(&d, rc));
		return CMD_USAGE;
	}
	rc = results_open(&to, &cfg, clock_wall_us(), &d);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = convert_file(files[i], to, filter, NULL, &d);
	if (rc == 0)
		rc = results_commit(to, clock_wall_us(), &d);
	if (rc < 0)
		log_error("%s", diag_str(&d, rc));
	results_close(to);
	expr_free(filter);
	return rc < 0 ? CMD_FAILED : CMD_OK;
}

int convert_main(const void *cfg, int argc, char *argv[])
{
	if (argc < 1) {
		log_error("which files? (those of 'probe scan -O binary'; - is stdin)");
		return CMD_USAGE;
	}
	return convert_run(cfg, (size_t)argc, (const char *const *)argv);
}
