#include "probe/scan_config.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/log.h"
#include "common/reader.h"
#include "probe/cmd_scan.h"

/* masscan's and ZMap's names for what we have. */
static const struct {
	const char *theirs, *ours;
} names[] = {
	{ "port", "target-ports" },           { "adapter", "interface" },
	{ "adapter-ip", "source-ip" },        { "adapter-port", "source-port" },
	{ "exclude-file", "blocklist-file" }, { "include-file", "allowlist-file" },
	{ "includefile", "allowlist-file" }, /* of ranges, there */
	{ "output-format", "output-module" }, { "output-filename", "output-file" },
	{ "target-port", "target-ports" },    { "shards-index", "shard" },
};

static char *keep(struct scan_config *c, const char *text, size_t n)
{
	char *copy = c->n_memory < 2 * CONFIG_ITEMS ? strndup(text, n) : NULL;

	if (copy)
		c->memory[c->n_memory++] = copy;
	return copy;
}

int scan_config_keep(struct scan_config *c, char *text)
{
	if (c->n_memory == 2 * CONFIG_ITEMS) {
		free(text);
		return -E2BIG;
	}
	c->memory[c->n_memory++] = text;
	return 0;
}

int scan_config_add(struct scan_config *c, struct opt_list *list, const char *value)
{
	const char **v;

	if (c->n_lists == sizeof(c->lists) / sizeof(c->lists[0]))
		return -E2BIG;
	v = malloc((list->n + 1) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	if (list->n)
		memcpy(v, list->v, list->n * sizeof(*v));
	v[list->n] = value;
	c->lists[c->n_lists++] = v;
	*list = (struct opt_list){ v, list->n + 1 };
	return 0;
}

static bool parse_flag(bool *out, const char *value)
{
	if (!*value || !strcasecmp(value, "true") || !strcasecmp(value, "yes") ||
	    !strcmp(value, "1"))
		*out = true;
	else if (!strcasecmp(value, "false") || !strcasecmp(value, "no") ||
	         !strcmp(value, "0"))
		*out = false;
	else
		return false;
	return true;
}

static bool parse_choice(unsigned *out, const struct opt *row, const char *value)
{
	for (unsigned i = 0; row->choices[i]; i++)
		if (!strcmp(row->choices[i], value)) {
			*out = i;
			return true;
		}
	return false;
}

static bool is_default(const struct opt *row, const void *field)
{
	const char *normal = (const char *)&scan_defaults + row->offset;
	size_t n = row->type == OPT_TYPE_FLAG   ? sizeof(bool)
	           : row->type == OPT_TYPE_ENUM ? sizeof(unsigned)
	                                        : sizeof(uint64_t);

	return row->type == OPT_TYPE_LIST || !memcmp(normal, field, n);
}

/* What only other tools have.  "false" and 0 are what we do, whatever it is. */
static int set_foreign(const struct opt *row, const char *value, struct diag *d)
{
	bool on;

	if ((parse_flag(&on, value) && !on && *value) || !strcmp(value, "0"))
		return 0;
	if (row->type == OPT_TYPE_REFUSED)
		return diag_set(d, ERR_PARSE, "%s is not offered here: %s", row->name,
		                row->help);
	if (row->help)
		log_warn("%s makes no difference here: %s", row->name, row->help);
	else
		log_debug("%s: ignored", row->name);
	return 0;
}

static int set_row(struct scan_config *c, struct scan_options *o, const struct opt *row,
                   const char *value, struct diag *d)
{
	void *field = (char *)o + row->offset;
	bool ok = true;
	int rc = 0;

	if (row->type == OPT_TYPE_REFUSED || row->type == OPT_TYPE_IGNORED)
		return set_foreign(row, value, d);
	if (!is_default(row, field))
		return 0;
	switch (row->type) {
	case OPT_TYPE_FLAG: ok = parse_flag(field, value); break;
	case OPT_TYPE_STR: *(const char **)field = value; break;
	case OPT_TYPE_LIST: rc = scan_config_add(c, field, value); break;
	case OPT_TYPE_COUNT: ok = opt_parse_count(field, value); break;
	case OPT_TYPE_DOUBLE: ok = opt_parse_double(field, value); break;
	case OPT_TYPE_DURATION: ok = opt_parse_duration(field, value); break;
	case OPT_TYPE_ENUM: ok = row->choices && parse_choice(field, row, value); break;
	case OPT_TYPE_REFUSED:
	case OPT_TYPE_IGNORED: break;
	}
	if (rc < 0)
		return diag_set(d, rc, "%s: too often", row->name);
	return ok ? 0
	          : diag_set(d, ERR_PARSE, "%s: value '%s' is not understood", row->name,
	                     value);
}

static int add_items(struct scan_config *c, const char **items, size_t *n,
                     const char *value, struct diag *d)
{
	while (*value) {
		size_t len = strcspn(value, ", \t");

		if (len) {
			if (*n == CONFIG_ITEMS)
				return diag_set(d, ERR_PARSE, "more than %d of them",
				                CONFIG_ITEMS);
			items[*n] = keep(c, value, len);
			if (!items[(*n)++])
				return -ENOMEM;
		}
		value += len + (value[len] != '\0');
	}
	return 0;
}

/* masscan's ports begin at 0, to which nothing can be sent here. */
static int set_ports(struct scan_config *c, struct scan_options *o, const char *value,
                     struct diag *d)
{
	char *text;

	if (!strncmp(value, "0-", 2)) {
		text = keep(c, value, strlen(value));
		if (!text)
			return -ENOMEM;
		text[0] = '1';
		value = text;
	}
	return scan_config_add(c, &o->ports, value) < 0
	               ? diag_set(d, ERR_PARSE, "ports: too often")
	               : 0;
}

/* Where a scan of masscan's stopped, in its paused.conf: no target is left out when ours
 * begins anew. */
static int set_index(const char *name, const char *value, struct diag *d)
{
	uint64_t n;

	if (!opt_parse_count(&n, value))
		return diag_set(d, ERR_PARSE, "%s: '%s' is no number", name, value);
	if (n)
		log_warn("%s is of masscan's order of targets: all of them are probed",
		         name);
	return 0;
}

/* What has no row of its own.  1: it was one of these. */
static int set_special(struct scan_config *c, struct scan_options *o, const char *name,
                       const char *value, struct diag *d)
{
	bool on = false;
	int rc = 0;

	if (!strcmp(name, "range") || !strcmp(name, "ranges"))
		rc = add_items(c, c->targets, &c->n_targets, value, d);
	else if (!strcmp(name, "exclude"))
		rc = add_items(c, c->excludes, &c->n_excludes, value, d);
	else if (!strcmp(name, "ports") || !strcmp(name, "port"))
		rc = set_ports(c, o, value, d);
	else if (!strcmp(name, "ping"))
		rc = parse_flag(&on, value) ? 0 : ERR_PARSE;
	else if (!strcmp(name, "banners"))
		rc = parse_flag(&o->grab.banner, value) ? 0 : ERR_PARSE;
	else if (!strcmp(name, "resume-index") || !strcmp(name, "resume-count"))
		rc = set_index(name, value, d);
	else if (!strcmp(name, "retries"))
		rc = opt_parse_count(&o->probes, value) ? (int)(o->probes++, 0)
		                                        : ERR_PARSE;
	else if (!strcmp(name, "seed") &&
	         (!strcmp(value, "random") || !strcmp(value, "time")))
		rc = 0; /* as it is without */
	else
		return 0;
	if (rc == 0 && on)
		rc = scan_config_add(c, &o->ports, "icmp");
	return rc < 0 ? rc : 1;
}

static const struct opt *find_row(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i].theirs, name))
			name = names[i].ours;
	for (const struct opt *row = scan_opts; row->name; row++)
		if (!strcmp(row->name, name))
			return row;
	return NULL;
}

int scan_config_set(struct scan_config *c, struct scan_options *o, const char *name,
                    const char *value, struct diag *d)
{
	const struct opt *row;
	int rc = set_special(c, o, name, value, d);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	row = find_row(name);
	/* As masscan's --echo prints what nobody set. */
	if (row && row->type != OPT_TYPE_FLAG &&
	    (!*value || !strcmp(value, "0.0.0.0") ||
	     !strcmp(value, "00-00-00-00-00-00") || !strcmp(value, "00:00:00:00:00:00")))
		return 0;
	if (!strcmp(name, "output-format") && !strcmp(value, "json"))
		value = "masscan-json"; /* json is ZMap's word for lines */
	if (!strcmp(name, "output-format") &&
	    (!strncmp(value, "unknown", 7) || !strcmp(value, "interactive")))
		return 0; /* none was asked for */
	if (row)
		return set_row(c, o, row, value, d);
	return diag_set(d, ERR_PARSE, "there is no option '%s'", name);
}

/* A name and its value, which are copied; false: nothing on this line. */
static bool split(struct scan_config *c, const char *line, char **name, char **value)
{
	size_t n;

	line += strspn(line, " \t");
	if (!*line || *line == '#' || *line == ';' || *line == '[')
		return false;
	if (!strncmp(line, "--", 2))
		line += 2;
	n = strcspn(line, " \t=");
	*name = keep(c, line, n);
	line += n;
	line += strspn(line, " \t=");
	n = strlen(line);
	if (*line == '"' && strchr(line + 1, '"')) {
		line++;
		n = strcspn(line, "\"");
	} else {
		for (const char *hash = line; (hash = strchr(hash, '#')); hash++)
			if (hash == line || isblank((unsigned char)hash[-1])) {
				n = (size_t)(hash - line);
				break;
			}
		while (n && isspace((unsigned char)line[n - 1]))
			n--;
	}
	*value = keep(c, line, n);
	for (char *p = *name; p && *p; p++)
		*p = *p == '_' ? '-' : (char)tolower((unsigned char)*p);
	return true;
}

int scan_config_read(struct scan_config *c, struct scan_options *o, const char *path,
                     struct diag *d)
{
	struct reader *r;
	const char *line;
	int rc = reader_open(&r, path, NULL, d);

	if (rc < 0)
		return rc;
	while ((rc = reader_line(r, &line, d)) > 0) {
		struct diag why = { "" };
		char *name, *value;

		if (!split(c, line, &name, &value))
			continue;
		rc = name && value ? scan_config_set(c, o, name, value, &why) : -E2BIG;
		if (rc < 0) {
			diag_set(d, rc, "%s:%" PRIu64 ": %s", path, reader_line_number(r),
			         diag_str(&why, rc));
			break;
		}
	}
	reader_close(r);
	return rc < 0 ? rc : 0;
}

void scan_config_fini(struct scan_config *c)
{
	for (size_t i = 0; i < c->n_memory; i++)
		free(c->memory[i]);
	for (size_t i = 0; i < c->n_lists; i++)
		free(c->lists[i]);
}

static void echo_row(struct writer *w, const struct opt *row, const void *field)
{
	const struct opt_list *list = field;

	switch (row->type) {
	case OPT_TYPE_FLAG:
		if (*(const bool *)field)
			writer_printf(w, "%s = true\n", row->name);
		break;
	case OPT_TYPE_STR:
		if (*(const char *const *)field)
			writer_printf(w, "%s = %s\n", row->name,
			              *(const char *const *)field);
		break;
	case OPT_TYPE_LIST:
		for (size_t i = 0; i < list->n; i++)
			writer_printf(w, "%s = %s\n", row->name, list->v[i]);
		break;
	case OPT_TYPE_COUNT:
		writer_printf(w, "%s = %" PRIu64 "\n", row->name,
		              *(const uint64_t *)field);
		break;
	case OPT_TYPE_DOUBLE:
		writer_printf(w, "%s = %.12g\n", row->name, *(const double *)field);
		break;
	case OPT_TYPE_DURATION:
		writer_printf(w, "%s = %" PRIu64 "ns\n", row->name,
		              *(const uint64_t *)field);
		break;
	case OPT_TYPE_ENUM:
		writer_printf(w, "%s = %s\n", row->name,
		              row->choices[*(const unsigned *)field]);
		break;
	case OPT_TYPE_REFUSED:
	case OPT_TYPE_IGNORED: break;
	}
}

void scan_config_echo(struct writer *w, const struct scan_options *o, size_t n_targets,
                      char *const targets[])
{
	for (const struct opt *row = scan_opts; row->name; row++)
		if (!row->alias && strcmp(row->name, "echo") != 0 &&
		    strcmp(row->name, "config") != 0)
			echo_row(w, row, (const char *)o + row->offset);
	for (size_t i = 0; i < n_targets; i++)
		writer_printf(w, "range = %s\n", targets[i]);
}
