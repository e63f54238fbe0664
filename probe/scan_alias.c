/* Other tools' ways to say what is an option of ours. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "probe/cmd_scan.h"
#include "probe/scan_config.h"

/* masscan's -oX FILE and its like: a format and a file. */
static int read_outputs(struct scan_options *o, struct diag *d)
{
	static const unsigned formats[SCAN_OUTPUTS] = {
		FORMAT_BINARY, FORMAT_NDJSON, FORMAT_GREPABLE,
		FORMAT_JSON,   FORMAT_LIST,   FORMAT_XML,
	};
	unsigned n = 0;

	for (unsigned i = 0; i < SCAN_OUTPUTS; i++) {
		if (!o->out_of[i])
			continue;
		o->output = o->out_of[i];
		o->format = formats[i];
		n++;
	}
	return n > 1 ? diag_set(d, ERR_PARSE, "-oX and the like: give one") : 0;
}

/* ZMap's -e is the seed, masscan's an interface. */
static void read_e(struct scan_options *o)
{
	uint64_t number;

	if (!o->seed || o->interface || opt_parse_count(&number, o->seed))
		return;
	if (strcmp(o->seed, "time") != 0 && strcmp(o->seed, "random") != 0)
		o->interface = o->seed;
	o->seed = NULL;
}

static bool is_payload(const char *arg)
{
	static const char *const kinds[] = { "hex:", "text:", "file:", "template:" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strncmp(arg, kinds[i], strlen(kinds[i])))
			return true;
	return false;
}

/* "A,example.com" as two arguments of the module dns. */
static int add_question(struct scan_config *file, struct opt_list *to, const char *arg,
                        struct diag *d)
{
	size_t type = strcspn(arg, ",");
	char *text;
	int rc;

	if (strchr(arg, ';'))
		return diag_set(d, ERR_PARSE, "--probe-args '%.80s': one question a scan",
		                arg);
	if (asprintf(&text, "type=%.*s", (int)type, arg) < 0)
		return -ENOMEM;
	rc = scan_config_keep(file, text);
	if (rc == 0)
		rc = scan_config_add(file, to, text);
	if (rc == 0 && asprintf(&text, "name=%s", arg + type + 1) < 0)
		return -ENOMEM;
	if (rc == 0)
		rc = scan_config_keep(file, text);
	return rc < 0 ? rc : scan_config_add(file, to, text);
}

/* ZMap's --probe-args have no names: of udp "text:...", of dns "A,example.com". */
static int read_zmap_args(struct scan_options *o, struct scan_config *file,
                          struct diag *d)
{
	struct opt_list from = o->module_args, to = { NULL, 0 };
	bool theirs = false;
	int rc = 0;

	for (size_t i = 0; i < from.n; i++)
		theirs |= is_payload(from.v[i]) || !strchr(from.v[i], '=');
	if (!theirs)
		return 0;
	for (size_t i = 0; rc == 0 && i < from.n; i++) {
		if (is_payload(from.v[i]) && o->payload)
			rc = diag_set(d, ERR_PARSE, "two payloads: give one");
		else if (is_payload(from.v[i]))
			o->payload = from.v[i];
		else if (!strchr(from.v[i], '=') && strchr(from.v[i], ','))
			rc = add_question(file, &to, from.v[i], d);
		else
			rc = scan_config_add(file, &to, from.v[i]);
	}
	o->module_args = to;
	return rc;
}

/* The name of a new file in the folder of logs, of this second. */
static int read_log_directory(struct scan_options *o, struct scan_config *file,
                              struct diag *d)
{
	char text[32], *path;

	if (!o->log_directory)
		return 0;
	if (o->log_file)
		return diag_set(d, ERR_PARSE, "--log-file and --log-directory: give one");
	clock_format_utc(text, clock_wall_us());
	text[strcspn(text, ".Z")] = '\0';
	if (asprintf(&path, "%s/probe-%s.log", o->log_directory, text) < 0)
		return -ENOMEM;
	o->log_file = path;
	return scan_config_keep(file, path);
}

/* What ZMap numbers from 0 (errors that end it) to 5. */
static void read_verbosity(struct scan_options *o)
{
	if (o->verbosity >= 5)
		o->verbose = true;
	else if (o->verbosity && o->verbosity < 3)
		o->quiet = true;
}

int scan_aliases(struct scan_options *o, struct scan_config *file, struct diag *d)
{
	int rc = read_outputs(o, d);

	read_e(o);
	read_verbosity(o);
	if (rc == 0)
		rc = read_zmap_args(o, file, d);
	if (rc == 0)
		rc = read_log_directory(o, file, d);
	if (rc == 0 && o->ip_layer && o->link && strcmp(o->link, "ip") != 0)
		rc = diag_set(d, ERR_PARSE, "--iplayer and --link %.40s: give one",
		              o->link);
	if (o->ip_layer)
		o->link = "ip";
	if (o->offline)
		o->link = "memory";
	if (o->dry_run) {
		o->cooldown = "0";
		if (!o->link)
			o->link = "print";
		if (!strcmp(o->output, "-"))
			o->output = "/dev/null";
	}
	if (o->retries && o->probes == 1) {
		o->probes = o->retries + 1;
		log_debug("--retries: %u packets to each target", (unsigned)o->probes);
	}
	if (rc == 0 && o->ping)
		rc = scan_config_add(file, &o->ports, "icmp");
	if (rc == 0 && o->v4_only)
		rc = scan_config_add(file, &o->excludes, "::/0");
	if (rc == 0 && o->v6_only)
		rc = scan_config_add(file, &o->excludes, "0.0.0.0/0");
	if (rc == 0 && o->user_metadata && !json_valid(o->user_metadata))
		rc = diag_set(d, ERR_PARSE, "--user-metadata is no JSON value");
	return rc;
}
