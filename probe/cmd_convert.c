#include "probe/cmd_convert.h"

#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/input.h"
#include "common/log.h"
#include "probe/expr.h"

enum { FLUSH_EVERY = 4096, TWO = 2 * OBS_RECORD_SIZE };

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

/* n bytes, fewer only at the end. */
static int read_whole(struct input *in, uint8_t *buf, size_t n, size_t *got,
                      struct diag *d)
{
	*got = 0;
	while (*got < n) {
		ssize_t k = input_read(in, buf + *got, n - *got, d);

		if (k < 0)
			return (int)k;
		if (k == 0)
			break;
		*got += (size_t)k;
	}
	return 0;
}

/* One answer.  1, 0: the end, or negative. */
static int read_answer(struct input *in, struct observation *o, uint64_t number,
                       struct diag *d)
{
	uint8_t records[TWO];
	size_t got;
	int rc = read_whole(in, records, sizeof(records), &got, d);

	if (rc < 0 || got == 0)
		return rc;
	if (got < sizeof(records)) {
		log_warn("%s: ends within answer %" PRIu64 ", which is left out",
		         input_name(in), number);
		return 0;
	}
	memset(o, 0, sizeof(*o));
	rc = obs_decode(o, records);
	if (rc == 0)
		rc = obs_decode_more(o, records + OBS_RECORD_SIZE);
	return rc < 0 ? diag_set(d, rc, "%s: answer %" PRIu64 ": %s", input_name(in),
	                         number, err_str(rc))
	              : 1;
}

static int check_header(struct input *in, struct diag *d)
{
	uint8_t want[FORMAT_BINARY_HEADER], have[FORMAT_BINARY_HEADER];
	size_t got;
	int rc = read_whole(in, have, sizeof(have), &got, d);

	format_binary_header(want);
	if (rc == 0 && (got < sizeof(have) || memcmp(want, have, 12) != 0))
		return diag_set(d, ERR_FORMAT, "%s: is no file of -O binary",
		                input_name(in));
	if (rc == 0 && memcmp(want, have, sizeof(have)) != 0)
		return diag_set(d, ERR_VERSION, "%s: of another version", input_name(in));
	return rc;
}

static int convert_file(const char *path, struct results *to, const struct expr *filter,
                        struct diag *d)
{
	struct observation o;
	struct input *in;
	uint64_t n = 0;
	int rc = input_open(&in, path, d);

	if (rc < 0)
		return rc;
	rc = check_header(in, d);
	while (rc == 0 && (rc = read_answer(in, &o, n++, d)) > 0) {
		rc = 0;
		if (results_want(to, &o) && (!filter || expr_holds(filter, &o)))
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
		rc = convert_file(files[i], to, filter, &d);
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
