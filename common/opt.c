#include "common/opt.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"

enum {
	OPT_MAX = 320,
	LONG_BASE = 256, /* getopt values for rows: LONG_BASE + index */
	HELP_COLUMN = 32,
	HELP_VALUE = 1,
};

/* ---- values ---------------------------------------------------------- */

static bool suffix_scale(const char *s, double *scale)
{
	static const struct {
		char c;
		double scale;
	} table[] = { { 'k', 1e3 }, { 'm', 1e6 }, { 'g', 1e9 }, { 't', 1e12 } };

	*scale = 1;
	if (!*s)
		return true;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (tolower((unsigned char)*s) == table[i].c && !s[1]) {
			*scale = table[i].scale;
			return true;
		}
	}
	return false;
}

bool opt_parse_double(double *out, const char *text)
{
	double v, scale;
	char *end;

	if (!isdigit((unsigned char)*text) && *text != '.')
		return false;
	if (text[0] == '0' && tolower((unsigned char)text[1]) == 'x')
		return false;
	v = strtod(text, &end);
	if (end == text || !isfinite(v) || !suffix_scale(end, &scale))
		return false;
	*out = v * scale;
	return true;
}

/* Whole numbers exactly; "1.5M" too, as long as the result is whole. */
bool opt_parse_count(uint64_t *out, const char *text)
{
	unsigned long long whole;
	double v, scale;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	whole = strtoull(text, &end, 10);
	if (errno)
		return false;
	if (suffix_scale(end, &scale))
		return !__builtin_mul_overflow((uint64_t)whole, (uint64_t)scale, out);
	if (!opt_parse_double(&v, text) || v != floor(v) || v >= 0x1p53)
		return false;
	*out = (uint64_t)v;
	return true;
}

bool opt_parse_duration(uint64_t *out_ns, const char *text)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {
		{ "", 1e9 }, { "s", 1e9 },      { "ms", 1e6 },       { "us", 1e3 },
		{ "ns", 1 }, { "m", 60 * 1e9 }, { "h", 3600 * 1e9 }, { "d", 86400 * 1e9 },
	};
	char *end;
	double v;

	if (!isdigit((unsigned char)*text) && *text != '.')
		return false;
	v = strtod(text, &end);
	if (end == text || !isfinite(v))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!strcmp(end, units[i].unit) && v * units[i].ns < 1.8e19) {
			*out_ns = (uint64_t)(v * units[i].ns);
			return true;
		}
	}
	return false;
}

static bool set_choice(unsigned *field, const struct opt *o, const char *text)
{
	for (unsigned i = 0; o->choices[i]; i++) {
		if (!strcmp(o->choices[i], text)) {
			*field = i;
			return true;
		}
	}
	return false;
}

static bool append(struct opt_list *l, const char *text)
{
	const char **v = realloc(l->v, (l->n + 1) * sizeof(*v));

	if (!v)
		return false;
	l->v = v;
	v[l->n++] = text;
	return true;
}

static bool set(void *cfg, const struct opt *o, const char *text)
{
	void *field = (char *)cfg + o->offset;

	switch (o->type) {
	case OPT_TYPE_FLAG: *(bool *)field = true; return true;
	case OPT_TYPE_STR: *(const char **)field = text; return true;
	case OPT_TYPE_LIST: return append(field, text);
	case OPT_TYPE_COUNT: return opt_parse_count(field, text);
	case OPT_TYPE_DOUBLE: return opt_parse_double(field, text);
	case OPT_TYPE_DURATION: return opt_parse_duration(field, text);
	case OPT_TYPE_ENUM: return set_choice(field, o, text);
	case OPT_TYPE_REFUSED:
	case OPT_TYPE_IGNORED: break;
	}
	return false;
}

/* Names the choices into buf, as many as it holds. */
static const char *name_choices(char *buf, size_t size, const struct opt *o)
{
	size_t n = (size_t)snprintf(buf, size, "one of");

	for (unsigned i = 0; o->choices[i] && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s %s", i ? "," : "",
		                      o->choices[i]);
	return buf;
}

static const char *expects(char *buf, size_t size, const struct opt *o)
{
	switch (o->type) {
	case OPT_TYPE_COUNT: return "a whole number such as 500, 10k or 2M";
	case OPT_TYPE_DOUBLE: return "a number such as 500, 0.5 or 10k";
	case OPT_TYPE_DURATION: return "a duration such as 30s, 500ms or 2h";
	case OPT_TYPE_ENUM: return name_choices(buf, size, o);
	default: return "a value";
	}
}

/* ---- help ------------------------------------------------------------ */

/* Text from column `at`, wrapped at 80 columns with a hanging indent. */
static void wrap(FILE *f, const char *text, int at, int indent)
{
	int col = at;

	while (*text) {
		int n = (int)strcspn(text, " \n");

		if (col > indent && col + 1 + n > 79) {
			fprintf(f, "\n%*s", indent, "");
			col = indent;
		} else if (col > indent) {
			fputc(' ', f);
			col++;
		}
		fprintf(f, "%.*s", n, text);
		col += n;
		text += n;
		if (*text == '\n') {
			fprintf(f, "\n%*s", indent, "");
			col = indent;
		}
		text += *text != '\0';
	}
	fputc('\n', f);
}

static void help_option(FILE *f, const struct opt *o)
{
	char left[128];
	int n = o->letter
	                ? snprintf(left, sizeof(left), "  -%c, --%s", o->letter, o->name)
	                : snprintf(left, sizeof(left), "      --%s", o->name);

	if (o->metavar)
		n += snprintf(left + n, sizeof(left) - (size_t)n, " %s", o->metavar);
	if (n > HELP_COLUMN - 2)
		fprintf(f, "%s\n%*s", left, HELP_COLUMN, "");
	else
		fprintf(f, "%-*s", HELP_COLUMN, left);
	wrap(f, o->help, HELP_COLUMN, HELP_COLUMN);
}

static void help_command(FILE *f, const char *name, const struct cmd *c)
{
	fprintf(f, "usage: %s [options] %s\n\n", name, c->args);
	wrap(f, c->summary, 0, 0);
	fputs("\noptions:\n", f);
	for (const struct opt *o = c->opts; o && o->name; o++)
		if (!o->alias)
			help_option(f, o);
	fprintf(f, "%-*s%s\n", HELP_COLUMN, "  -h, --help", "show this");
	if (c->details) {
		fputc('\n', f);
		wrap(f, c->details, 0, 0);
	}
}

/* The row that adds further commands to group g, or NULL. */
static const struct cmd_group *more_of(const struct cmd_group *g)
{
	return g[1].name && !g[1].summary ? g + 1 : NULL;
}

/* Whether c is named "family-something"; NULL: the family of all. */
static bool is_of(const struct cmd *c, const char *family)
{
	size_t n = family ? strlen(family) : 0;

	return !n || (!strncmp(c->name, family, n) && c->name[n] == '-');
}

static bool has_family(const struct cmd_group *g, const char *family)
{
	for (; g && *family; g = more_of(g))
		for (const struct cmd *c = g->cmds; c->name; c++)
			if (is_of(c, family))
				return true;
	return false;
}

static void help_group(FILE *f, const char *prog, const struct cmd_group *g,
                       const char *family)
{
	const char *name = g->name;

	fprintf(f, "usage: %s %s <command> [options]\n\n", prog, g->name);
	if (!family)
		wrap(f, g->summary, 0, 0);
	fprintf(f, "%scommands:\n", family ? "" : "\n");
	for (; g; g = more_of(g)) {
		for (const struct cmd *c = g->cmds; c->name; c++) {
			if (!is_of(c, family))
				continue;
			fprintf(f, "  %-14s", c->name);
			if (strlen(c->name) > 13)
				fprintf(f, "\n%16s", "");
			wrap(f, c->summary, 16, 16);
		}
	}
	fprintf(f, "\n'%s %s <command> --help' tells more.\n", prog, name);
}

static void help_top(FILE *f, const char *prog, const struct cmd_group *groups)
{
	fprintf(f, "usage: %s <command> [options]\n\ncommands:\n", prog);
	for (const struct cmd_group *g = groups; g->name; g++) {
		if (!g->summary)
			continue;
		fprintf(f, "  %-14s", g->name);
		wrap(f, g->summary, 16, 16);
	}
	fprintf(f,
	        "\n'%s <command> --help' tells more; '%s --version' prints the version.\n",
	        prog, prog);
}

/* ---- parsing --------------------------------------------------------- */

struct parse {
	struct option longs[OPT_MAX + 2];
	const struct opt *row[OPT_MAX];
	char shorts[2 * OPT_MAX + 8];
	size_t n;
};

static bool takes_value(const struct opt *o)
{
	if (o->type == OPT_TYPE_REFUSED || o->type == OPT_TYPE_IGNORED)
		return o->offset != 0;
	return o->type != OPT_TYPE_FLAG;
}

/* ':' first: getopt stays silent and we write the messages. */
static void parse_init(struct parse *p, const struct opt *opts)
{
	char *s = p->shorts;

	*p = (struct parse){ 0 };
	*s++ = ':';
	*s++ = 'h';
	for (const struct opt *o = opts; o && o->name && p->n < OPT_MAX; o++) {
		bool arg = takes_value(o);

		p->longs[p->n] =
			(struct option){ o->name, arg, NULL, LONG_BASE + (int)p->n };
		p->row[p->n++] = o;
		if (o->letter) {
			*s++ = (char)o->letter;
			if (arg)
				*s++ = ':';
		}
	}
	p->longs[p->n] = (struct option){ "help", 0, NULL, 'h' };
	*s = '\0';
}

static const struct opt *find_row(const struct parse *p, int ch)
{
	if (ch >= LONG_BASE)
		return p->row[ch - LONG_BASE];
	for (size_t i = 0; i < p->n; i++)
		if (p->row[i]->letter && p->row[i]->letter == ch)
			return p->row[i];
	return NULL;
}

/* What was typed, for messages: "--rate" or "-r". */
static void typed(char buf[static 64], int ch, char *argv[])
{
	if (ch > 0 && ch < LONG_BASE)
		snprintf(buf, 64, "-%c", ch);
	else
		log_quote(buf, 64, argv[optind - 1], strlen(argv[optind - 1]));
}

/* "-oX" would be -o with a value: what a row has as a whole is spelt in long. */
static void spell_out(const struct opt *opts, int argc, char *argv[])
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		for (const struct opt *o = opts; o && o->name; o++)
			if (o->alias == 2 && argv[i][0] == '-' &&
			    !strcmp(argv[i] + 1, o->name))
				argv[i] = (char *)o->help;
}

/* Fill cfg; CMD_OK, CMD_USAGE, or HELP_VALUE negated when help was asked. */
static int parse_options(const struct cmd *c, void *cfg, int argc, char *argv[])
{
	struct parse p;
	char what[64], value[64], choices[256];
	int ch;

	parse_init(&p, c->opts);
	spell_out(c->opts, argc, argv);
	optind = 0;
	while ((ch = getopt_long(argc, argv, p.shorts, p.longs, NULL)) != -1) {
		const struct opt *o;

		if (ch == 'h')
			return -HELP_VALUE;
		if (ch == '?') {
			typed(what, optopt, argv);
			log_error("%s: no such option", what);
			return CMD_USAGE;
		}
		if (ch == ':') {
			typed(what, optopt, argv);
			log_error("%s: needs a value", what);
			return CMD_USAGE;
		}
		o = find_row(&p, ch);
		if (o->type == OPT_TYPE_REFUSED) {
			log_error("--%s is not offered here: %s", o->name, o->help);
			return CMD_USAGE;
		}
		if (o->type == OPT_TYPE_IGNORED) {
			log_info("--%s makes no difference here%s%s", o->name,
			         o->help ? ": " : "", o->help ? o->help : "");
			continue;
		}
		if (!set(cfg, o, optarg)) {
			log_error("--%s: '%s' is not %s", o->name,
			          log_quote(value, sizeof(value), optarg, strlen(optarg)),
			          expects(choices, sizeof(choices), o));
			return CMD_USAGE;
		}
	}
	return CMD_OK;
}

static void free_lists(const struct cmd *c, void *cfg)
{
	for (const struct opt *o = c->opts; o && o->name; o++) {
		struct opt_list *l = (void *)((char *)cfg + o->offset);

		if (o->type != OPT_TYPE_LIST || !l->v)
			continue;
		free(l->v);
		*l = (struct opt_list){ 0 }; /* an alias row has the same field */
	}
}

static int run(const struct cmd *c, const char *name, cmd_hook before, int argc,
               char *argv[])
{
	void *cfg = calloc(1, c->cfg_size ? c->cfg_size : 1);
	int rc;

	if (!cfg) {
		log_error("out of memory");
		return CMD_FAILED;
	}
	if (c->defaults)
		memcpy(cfg, c->defaults, c->cfg_size);
	rc = parse_options(c, cfg, argc, argv);
	if (rc == -HELP_VALUE) {
		help_command(stdout, name, c);
		rc = CMD_OK;
	} else if (rc == CMD_OK && before && before(c)) {
		rc = CMD_FAILED;
	} else if (rc == CMD_OK) {
		rc = c->run(cfg, argc - optind, argv + optind);
	}
	if (rc == CMD_USAGE)
		fprintf(stderr, "'%s --help' shows how to use it\n", name);
	free_lists(c, cfg);
	free(cfg);
	return rc;
}

int cmd_status(int rc)
{
	return rc >= 0 ? CMD_OK : rc == ERR_USAGE ? CMD_USAGE : CMD_FAILED;
}

static bool is_help(const char *s)
{
	return !strcmp(s, "--help") || !strcmp(s, "-h") || !strcmp(s, "help");
}

/* "block-add" is the name of "block add" too.  How many words name c, or 0. */
static int names(const struct cmd *c, int argc, char *argv[])
{
	size_t n = strlen(argv[1]);

	if (!strcmp(argv[1], c->name))
		return 1;
	return argc > 2 && !strncmp(argv[1], c->name, n) && c->name[n] == '-' &&
	                       !strcmp(argv[2], c->name + n + 1)
	               ? 2
	               : 0;
}

/* The command whose name takes most words, which *words tells. */
static const struct cmd *find_cmd(const struct cmd_group *g, int argc, char *argv[],
                                  int *words)
{
	const struct cmd *best = NULL;

	*words = 0;
	for (; g; g = more_of(g)) {
		for (const struct cmd *c = g->cmds; c->name; c++) {
			int n = names(c, argc, argv);

			if (n <= *words)
				continue;
			*words = n;
			best = c;
		}
	}
	return best;
}

static int run_group(const struct cmd_group *g, const char *prog, cmd_hook before,
                     int argc, char *argv[])
{
	const struct cmd *c;
	char name[128];
	int words;

	if (argc < 2) {
		help_group(stderr, prog, g, NULL);
		return CMD_USAGE;
	}
	if (is_help(argv[1])) {
		help_group(stdout, prog, g, NULL);
		return CMD_OK;
	}
	c = find_cmd(g, argc, argv, &words);
	if (c) {
		snprintf(name, sizeof(name), "%s %s %s", prog, g->name, c->name);
		return run(c, name, before, argc - words, argv + words);
	}
	if (has_family(g, argv[1])) {
		if (argc > 2 && is_help(argv[2])) {
			help_group(stdout, prog, g, argv[1]);
			return CMD_OK;
		}
		if (argc > 2)
			log_error("%s %s %s: no such command: '%s'", prog, g->name,
			          argv[1], argv[2]);
		help_group(stderr, prog, g, argv[1]);
		return CMD_USAGE;
	}
	log_error("%s %s: no such command: '%s'", prog, g->name, argv[1]);
	help_group(stderr, prog, g, NULL);
	return CMD_USAGE;
}

static int dispatch(const struct cmd_group *groups, const char *prog, const char *version,
                    cmd_hook before, int argc, char *argv[])
{
	char name[128];

	if (argc < 2) {
		help_top(stderr, prog, groups);
		return CMD_USAGE;
	}
	if (is_help(argv[1])) {
		help_top(stdout, prog, groups);
		return CMD_OK;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("%s %s\n", prog, version);
		return CMD_OK;
	}
	for (const struct cmd_group *g = groups; g->name; g++) {
		if (strcmp(argv[1], g->name))
			continue;
		if (g->cmds)
			return run_group(g, prog, before, argc - 1, argv + 1);
		snprintf(name, sizeof(name), "%s %s", prog, g->name);
		return run(g->self, name, before, argc - 1, argv + 1);
	}
	log_error("no such command: '%s'", argv[1]);
	help_top(stderr, prog, groups);
	return CMD_USAGE;
}

int cmd_main(const struct cmd_group *groups, const char *prog, const char *version,
             cmd_hook before, int argc, char *argv[])
{
	int rc = dispatch(groups, prog, version, before, argc, argv);

	/* Help that nobody could read is not a success. */
	if (fflush(stdout) || ferror(stdout)) {
		log_error("standard output: %s", strerror(errno));
		return rc == CMD_OK ? CMD_FAILED : rc;
	}
	return rc;
}
