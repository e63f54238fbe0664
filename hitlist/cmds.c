#include "hitlist/cmds.h"

#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/reader.h"

static const char *const source_choices[] = { "import", "discover", "scan",
	                                      "dns",    "bgp",      NULL };
static const char *const any_source_choices[] = { "any", "import", "discover", "scan",
	                                          "dns", "bgp",    NULL };
static const char *const format_choices[] = { "text", "csv", "jsonl", NULL };
static const char *const service_choices[] = { "any",    "icmp",  "tcp80",
	                                       "tcp443", "udp53", "udp443",
	                                       "tcp",    "udp",   NULL };

#define OUTPUT_OPTS(cfg)                                                      \
	OPT_ENUM("output-format", 'O', cfg, format, format_choices, "FORMAT", \
	         "text (default), csv or jsonl"),                             \
		OPT_STR("output-file", 'o', cfg, output, "FILE",              \
	                "write to FILE instead of standard output")

static const struct opt import_opts[] = {
	OPT_ENUM("source", 0, struct import_cfg, source, source_choices, "NAME",
	         "where the addresses come from: import (default), dns, bgp, discover, "
	         "scan"),
	SCOPE_OPTS(struct import_cfg, scope),
	OPT_STR("routed-file", 0, struct import_cfg, routed, "FILE",
	        "leave out what no prefix in FILE covers: a routing table"),
	OPT_FLAG("tried", 0, struct import_cfg, tried,
	         "only remember them as tried: keys, for lists of billions"),
	OPT_FLAG("skip-bad", 0, struct import_cfg, skip_bad,
	         "leave malformed lines and IPv4 addresses out instead of refusing all"),
	OPT_FLAG("quiet", 'q', struct import_cfg, quiet, "report errors only"),
	OPT_END,
};
static const struct import_cfg import_defaults = { .source = SOURCE_IMPORT };

static const struct opt export_opts[] = {
	OUTPUT_OPTS(struct export_cfg),
	OPT_FLAG("responsive", 0, struct export_cfg, responsive,
	         "only hosts that have ever answered"),
	OPT_FLAG("seen", 0, struct export_cfg, seen,
	         "instead of hosts, all addresses ever tried that are kept as keys"),
	OPT_ENUM("service", 0, struct export_cfg, service, service_choices, "NAME",
	         "only hosts on which it answered: icmp, tcp80, tcp443, udp53, udp443, "
	         "tcp, udp"),
	{ "protocol", 0, OPT_TYPE_ENUM, OPT_FIELD_(struct export_cfg, service, unsigned),
	  NULL, NULL, service_choices, true },
	OPT_ENUM("source", 0, struct export_cfg, source, any_source_choices, "NAME",
	         "only hosts from there: import, discover, scan, dns, bgp"),
	OPT_FLAG("not-aliased", 0, struct export_cfg, not_aliased,
	         "only hosts in prefixes that were tested and found not aliased"),
	OPT_COUNT("sample", 'n', struct export_cfg, sample, "N",
	          "N of these hosts, chosen by a keyed hash of the address"),
	OPT_COUNT("seed", 'e', struct export_cfg, seed, "N",
	          "key of the sample: the same seed, the same hosts (default 1)"),
	OPT_STR("prefix", 0, struct export_cfg, prefix, "PREFIX",
	        "only hosts inside PREFIX"),
	OPT_STR("since", 0, struct export_cfg, since, "TIME",
	        "only hosts that have answered since: 30d, 2026-06-02 or "
	        "2026-06-02T12:00:00Z"),
	OPT_END,
};
static const struct export_cfg export_defaults = { .output = "-",
	                                           .sample = UINT64_MAX,
	                                           .seed = 1 };

static const struct opt lookup_opts[] = {
	OUTPUT_OPTS(struct lookup_cfg),
	OPT_END,
};
static const struct lookup_cfg lookup_defaults = { .output = "-" };

static const struct opt info_opts[] = {
	OPT_FLAG("json", 0, struct info_cfg, json, "print one JSON object"),
	OPT_FLAG("inputs", 0, struct info_cfg, inputs,
	         "print which lists were imported, when, and what was in them"),
	OPT_END,
};

static const struct opt no_opts[] = {
	OPT_END,
};

static const struct opt alias_opts[] = {
	OPT_LIST("input-file", 'I', struct alias_cfg, files, "FILE",
	         "take the prefixes in FILE as well (repeatable)"),
	OPT_FLAG("force", 0, struct alias_cfg, force,
	         "act on prefixes shorter than /16 too"),
	OPT_END,
};

static const struct opt block_add_opts[] = {
	OPT_LIST("input-file", 'I', struct block_cfg, files, "FILE",
	         "block what a ZMap or masscan exclude file lists (repeatable)"),
	OPT_STR("requester", 0, struct block_cfg, requester, "TEXT", "who asked for it"),
	OPT_STR("reason", 0, struct block_cfg, reason, "TEXT", "why"),
	OPT_STR("evidence", 0, struct block_cfg, evidence, "TEXT",
	        "where the request can be found"),
	OPT_STR("date", 0, struct block_cfg, date, "DATE",
	        "when it was asked for (default: now)"),
	OPT_STR("expires", 0, struct block_cfg, expires, "TIME",
	        "until when: 365d or a date (default: for ever)"),
	OPT_FLAG("force", 0, struct block_cfg, force,
	         "act on prefixes shorter than /16 in 2000::/3 too, or than /3 in IPv4"),
	OPT_END,
};

static const struct opt block_remove_opts[] = {
	OPT_LIST("input-file", 'I', struct block_cfg, files, "FILE",
	         "the prefixes that FILE lists too (repeatable)"),
	OPT_END,
};

static const struct opt block_list_opts[] = {
	OPT_STR("output-file", 'o', struct block_list_cfg, output, "FILE",
	        "write to FILE instead of standard output"),
	OPT_FLAG("log", 0, struct block_list_cfg, log,
	         "all that ever were, with who, when and why"),
	OPT_END,
};
static const struct block_list_cfg block_list_defaults = { .output = "-" };

static const struct opt due_opts[] = {
	DUE_OPTS(struct due_command, due),
	OPT_STR("now", 0, struct due_command, now, "DATE",
	        "plan as if it were DATE, like 2026-06-02 or 2026-06-02T12:00:00Z"),
	OPT_FLAG("classes", 0, struct due_command, classes,
	         "add why: new, responsive, failing or dropped"),
	OPT_STR("output-file", 'o', struct due_command, output, "FILE",
	        "write to FILE instead of standard output"),
	OPT_END,
};
static const struct due_command due_defaults = { .due = { DUE_DEFAULTS }, .output = "-" };

static const char *const verdict_choices[] = { "any", "unknown", "not-aliased", "aliased",
	                                       NULL };

static const struct opt alias_plan_opts[] = {
	ALIAS_PLAN_OPTS(struct alias_plan_command, plan),
	OPT_FLAG("targets", 0, struct alias_plan_command, targets,
	         "print 16 addresses for every prefix, and the prefix"),
	OPT_STR("output-file", 'o', struct alias_plan_command, output, "FILE",
	        "write to FILE instead of standard output"),
	OPT_END,
};
static const struct alias_plan_command alias_plan_defaults = {
	.plan = { ALIAS_PLAN_DEFAULTS },
	.output = "-",
};

static const struct opt alias_judge_opts[] = {
	OPT_STR("plan", 0, struct alias_judge_cfg, plan, "FILE",
	        "what was probed: the output of alias-plan --targets"),
	OPT_LIST("icmp", 0, struct alias_judge_cfg, icmp, "FILE",
	         "addresses that answered ICMPv6 (repeatable)"),
	OPT_LIST("tcp80", 0, struct alias_judge_cfg, tcp, "FILE",
	         "addresses that answered on TCP port 80 (repeatable)"),
	OPT_END,
};

static const struct opt alias_list_opts[] = {
	OPT_ENUM("verdict", 0, struct alias_list_cfg, verdict, verdict_choices, "NAME",
	         "only those: aliased, not-aliased or unknown"),
	OPT_FLAG("representative", 0, struct alias_list_cfg, representative,
	         "add an address that is known inside, to be probed in its stead"),
	OPT_STR("output-file", 'o', struct alias_list_cfg, output, "FILE",
	        "write to FILE instead of standard output"),
	OPT_END,
};
static const struct alias_list_cfg alias_list_defaults = { .output = "-" };

static const struct opt diff_opts[] = {
	OPT_STR("output-file", 'o', struct diff_cfg, output, "FILE",
	        "write to FILE instead of standard output"),
	OPT_END,
};
static const struct diff_cfg diff_defaults = { .output = "-" };

static const struct opt history_opts[] = {
	OPT_STR("since", 0, struct history_cfg, since, "TIME",
	        "only what happened since: 30d, 2026-06-02 or 2026-06-02T12:00:00Z"),
	OPT_STR("output-file", 'o', struct history_cfg, output, "FILE",
	        "write to FILE instead of standard output"),
	OPT_END,
};
static const struct history_cfg history_defaults = { .output = "-" };

static const char *const privacy_choices[] = {
	"full", "no-eui64", "48", "64", "kip", NULL
};

static const struct opt publish_opts[] = {
	OPT_STR("site", 0, struct publish_cfg, site, "DIR",
	        "where to: DIR/latest is for the web server"),
	OPT_ENUM("privacy", 0, struct publish_cfg, privacy, privacy_choices, "MODE",
	         "full (default), no-eui64, 48, 64 or kip"),
	OPT_COUNT("k", 0, struct publish_cfg, k, "N",
	          "addresses in each prefix of kip (default 32)"),
	OPT_DURATION("within", 0, struct publish_cfg, window_ns, "TIME",
	             "publish what has answered within TIME (default 30d)"),
	OPT_STR("title", 0, struct publish_cfg, title, "TEXT", "title of the page"),
	OPT_STR("operator", 0, struct publish_cfg, operator_text, "TEXT",
	        "who does this, and why"),
	OPT_STR("contact", 0, struct publish_cfg, contact, "MAIL",
	        "where to opt out: a mail address or a URI"),
	OPT_STR("url", 0, struct publish_cfg, url, "URL", "where the site will be"),
	OPT_LIST("event", 0, struct publish_cfg, events, "'DATE TEXT'",
	         "mark DATE in the charts (repeatable)"),
	OPT_FLAG("bz2", 0, struct publish_cfg, bz2, "every list as .bz2 too"),
	OPT_COUNT("keep", 0, struct publish_cfg, keep, "N",
	          "keep the N newest snapshots (default 1)"),
	OPT_STR("date", 0, struct publish_cfg, date, "DATE",
	        "publish as of DATE (default: now)"),
	OPT_END,
};
static const struct publish_cfg publish_defaults = {
	.title = "IPv6 hitlist",
	.k = 32,
	.keep = 1,
	.window_ns = 30 * 86400 * UINT64_C(1000000000),
};

const struct cmd hitlist_cmds[] = {
	{ "import", import_run, "DIR FILE...", "add the addresses of lists to a hitlist",
	  import_opts, &import_defaults, sizeof(struct import_cfg), 0,
	  "FILE: one address a line, plain or compressed (bzip2, gzip, xz, zstd); - is "
	  "standard input. The hitlist is made when DIR does not exist. All or nothing: "
	  "when anything goes wrong, the hitlist is as it was." },
	{ "export", export_run, "DIR", "write the hosts of a hitlist, in numeric order",
	  export_opts, &export_defaults, sizeof(struct export_cfg), 0,
	  "Addresses in aliased prefixes are never among them." },
	{ "lookup", lookup_run, "DIR ADDRESS...|-", "tell what is known of addresses",
	  lookup_opts, &lookup_defaults, sizeof(struct lookup_cfg), 0,
	  "With - the addresses are read from standard input, one a line." },
	{ "info", info_run, "DIR", "print the numbers of a hitlist", info_opts, NULL,
	  sizeof(struct info_cfg), 0, NULL },
	{ "check", check_run, "DIR", "verify every byte of a hitlist", no_opts, NULL, 0,
	  0, NULL },
	{ "merge", merge_run, "DIR", "fold the journals of scans into a hitlist", no_opts,
	  NULL, 0, 0, NULL },
	{ "aliased", aliased_run, "DIR", "print the aliased prefixes", no_opts, NULL, 0,
	  0, NULL },
	{ "alias-add", alias_add_run, "DIR PREFIX...",
	  "mark prefixes as aliased, and remove the hosts inside", alias_opts, NULL,
	  sizeof(struct alias_cfg), 0, NULL },
	{ "due", due_run, "DIR", "plan who is to be probed now", due_opts, &due_defaults,
	  sizeof(struct due_command), 0,
	  "New hosts come first, then those that answered last time, those that did not, "
	  "and a few of the dropped ones; each group in random order." },
	{ "alias-plan", alias_plan_run, "DIR",
	  "plan which prefixes are to be tested for aliasing", alias_plan_opts,
	  &alias_plan_defaults, sizeof(struct alias_plan_command), 0, NULL },
	{ "alias-judge", alias_judge_run, "DIR",
	  "judge prefixes by the answers that another prober got", alias_judge_opts, NULL,
	  sizeof(struct alias_judge_cfg), 0, NULL },
	{ "alias-list", alias_list_run, "DIR",
	  "print what the tests of prefixes have said", alias_list_opts,
	  &alias_list_defaults, sizeof(struct alias_list_cfg), 0, NULL },
	{ "alias-lookup", alias_lookup_run, "DIR ADDRESS...|-",
	  "tell whether addresses are in an aliased prefix", no_opts, NULL, 0, 0, NULL },
	{ "compact", compact_run, "DIR", "rewrite a hitlist as few runs", no_opts, NULL,
	  0, 0, NULL },
	{ "diff", diff_run, "DIR DIR",
	  "tell what is new, gone, up or down from one hitlist to another", diff_opts,
	  &diff_defaults, sizeof(struct diff_cfg), 0,
	  "A copy of a hitlist, made while nothing writes to it, is a hitlist too." },
	{ "history", history_run, "DIR ADDRESS|PREFIX...",
	  "tell when hosts were new, came up and went down", history_opts,
	  &history_defaults, sizeof(struct history_cfg), 0,
	  "The latest seven transitions of every address are kept." },
	{ "publish", publish_run, "--site DIR DIR",
	  "write lists, statistics and a page: a static site", publish_opts,
	  &publish_defaults, sizeof(struct publish_cfg), 0, NULL },
	{ "block-add", block_add_run, "DIR PREFIX...",
	  "honour opt-outs: purge prefixes, and never probe or publish them",
	  block_add_opts, NULL, sizeof(struct block_cfg), 0,
	  "PREFIX: also an address or a range a-b, IPv6 or IPv4. The hitlist is made "
	  "when DIR does not exist." },
	{ "block-remove", block_remove_run, "DIR PREFIX...",
	  "lift opt-outs; the log keeps them", block_remove_opts, NULL,
	  sizeof(struct block_cfg), 0, NULL },
	{ "block-list", block_list_run, "DIR", "print the prefixes that are blocked",
	  block_list_opts, &block_list_defaults, sizeof(struct block_list_cfg), 0, NULL },
	{ "block-check", block_check_run, "DIR ADDRESS...|-",
	  "tell whether addresses are blocked, and by which prefix", no_opts, NULL, 0, 0,
	  NULL },
	{ NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL },
};

bool cmd_is_wide(struct prefix p)
{
	static const struct prefix unicast = { { UINT64_C(1) << 61, 0 }, 3 };

	if (prefix_is_v4(p))
		return p.len < 96 + 3;
	return p.len < 16 &&
	       (prefix_covers(unicast, p.addr) || prefix_covers(p, unicast.addr));
}

int cmd_check_wide(const struct prefix *p, size_t n, struct diag *d)
{
	char text[PREFIX_STRLEN];

	for (size_t i = 0; i < n; i++) {
		if (!cmd_is_wide(p[i]))
			continue;
		prefix_format(text, p[i]);
		return diag_set(d, -EINVAL,
		                "%s takes in a large part of all addresses: when you "
		                "mean it, add --force",
		                text);
	}
	return 0;
}

uint32_t cmd_now(void)
{
	return (uint32_t)(clock_wall_us() / (NS_PER_S / NS_PER_US));
}

int cmd_print(const char *dir, const char *output,
              int (*fn)(const struct hitlist *h, struct writer *w, void *ctx,
                        struct diag *d),
              void *ctx)
{
	struct hitlist *h = NULL;
	struct writer *w = NULL;
	struct diag d = { "" };
	int rc = hitlist_open(&h, dir, HITLIST_READ, &d);

	if (rc == 0)
		rc = writer_open(&w, output, &d);
	if (rc == 0)
		rc = fn(h, w, ctx, &d);
	if (rc == 0)
		rc = writer_commit(w, &d);
	writer_close(w);
	hitlist_close(h);
	return cmd_result(rc, &d);
}

struct answering {
	struct cmd_answer x;
	char **args;
	int n;
	void (*begin)(const struct cmd_answer *x);
	int (*fn)(const struct cmd_answer *x, struct addr128 a, struct diag *d);
};

static int answer_listed(const struct answering *x, struct diag *d)
{
	const struct reader_policy policy = { .strict = true };
	struct reader *r;
	struct addr128 a;
	int rc = reader_open(&r, "-", &policy, d);

	if (rc < 0)
		return rc;
	while ((rc = reader_addr(r, &a, d)) > 0) {
		rc = x->fn(&x->x, a, d);
		if (rc < 0)
			break;
	}
	reader_close(r);
	return rc;
}

static int answer_each(const struct hitlist *h, struct writer *w, void *ctx,
                       struct diag *d)
{
	struct answering *x = ctx;
	int rc = 0;

	x->x.h = h;
	x->x.w = w;
	if (x->begin)
		x->begin(&x->x);
	for (int i = 0; rc >= 0 && i < x->n; i++) {
		struct addr128 a;

		if (strcmp(x->args[i], "-") == 0)
			rc = answer_listed(x, d);
		else if (addr_parse(&a, x->args[i]))
			rc = x->fn(&x->x, a, d);
		else
			rc = diag_set(d, ERR_PARSE, "'%.100s' is not an address",
			              x->args[i]);
	}
	return rc < 0 ? rc : 0;
}

int cmd_answer_all(const char *dir, const char *output, unsigned format, int n,
                   char *args[], void (*begin)(const struct cmd_answer *x),
                   int (*fn)(const struct cmd_answer *x, struct addr128 a,
                             struct diag *d))
{
	struct answering x = {
		.x = { .format = format },
		.args = args,
		.n = n,
		.begin = begin,
		.fn = fn,
	};

	return cmd_print(dir, output, answer_each, &x);
}

int cmd_result(int rc, const struct diag *d)
{
	if (rc >= 0)
		return CMD_OK;
	log_error("%s", diag_str(d, rc));
	return CMD_FAILED;
}

void cmd_report(const char *what, const struct hitlist_merge_stats *st)
{
	log_info("%s: %" PRIu64 " added, %" PRIu64 " updated, %" PRIu64
	         " left out or removed as aliased, %" PRIu64 " more known as tried",
	         what, st->added, st->updated, st->aliased, st->tried);
	if (st->blocked)
		log_info("%s: %" PRIu64 " left out or removed as opted out", what,
		         st->blocked);
}
