#include <inttypes.h>

#include "common/clock.h"
#include "common/log.h"
#include "hitlist/cmds.h"

static uint32_t seconds(uint64_t ns)
{
	uint64_t s = ns / NS_PER_S;

	return s > UINT32_MAX ? UINT32_MAX : (uint32_t)s;
}

void due_config_make(struct due_config *c, const struct due_cfg *cfg)
{
	*c = (struct due_config){
		.now = (uint32_t)(clock_wall_us() / (NS_PER_S / NS_PER_US)),
		.interval = seconds(cfg->interval_ns),
		.backoff_max = seconds(cfg->backoff_ns),
		.drop_after = seconds(cfg->drop_ns),
		.retest_after = seconds(cfg->retest_ns),
		.retest_max = cfg->retest_max,
		.max = cfg->max,
		.seed = cfg->seed,
	};
}

void due_report(const struct due_plan *p)
{
	const struct {
		const char *what;
		uint64_t n;
	} rows[] = {
		{ "out of scope", p->out_of_scope },
		{ "not routed", p->not_routed },
		{ "blocked", p->blocked },
		{ "aliased", p->aliased },
		{ "not to be scanned", p->no_scan },
		{ "unresponsive for too long", p->unresponsive },
		{ "not due yet", p->later },
		{ "more than the limit", p->beyond_max },
	};

	log_info("%" PRIu64 " hosts known", p->known);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].n)
			log_info("%" PRIu64 " left out: %s", rows[i].n, rows[i].what);
	log_info("%zu due: %zu new, %zu responsive, %zu failing, %zu dropped", p->hosts.n,
	         p->count[DUE_NEW], p->count[DUE_RESPONSIVE], p->count[DUE_FAILING],
	         p->count[DUE_DROPPED]);
}

/* One host a line, in the order in which they are to be probed. */
static int put_plan(struct writer *w, const struct due_plan *p, bool classes,
                    struct diag *d)
{
	size_t i = 0;

	for (unsigned k = 0; k < DUE_CLASSES; k++) {
		for (size_t end = i + p->count[k]; i < end; i++) {
			char text[ADDR_STRLEN];

			addr_format(text, p->hosts.a[i]);
			writer_printf(w, "%s%s%s\n", text, classes ? "," : "",
			              classes ? due_class_str((enum due_class)k) : "");
		}
	}
	return writer_commit(w, d);
}

int due_run(const void *config, int argc, char *argv[])
{
	const struct due_command *cfg = config;
	struct due_plan plan = { .known = 0 };
	struct ivtab *routed = NULL;
	struct scope *scope = NULL;
	struct hitlist *h = NULL;
	struct writer *w = NULL;
	struct diag d = { "" };
	struct due_config c;
	int rc;

	if (argc != 1) {
		log_error("due needs one hitlist");
		return CMD_USAGE;
	}
	due_config_make(&c, &cfg->due);
	if (cfg->now && !time_parse_date(&c.now, cfg->now)) {
		log_error("--now: '%s' is not a date like 2026-06-02", cfg->now);
		return CMD_USAGE;
	}
	rc = scope_new(&scope, &cfg->due.scope, &d);
	if (rc == 0)
		rc = due_load_routed(&routed, cfg->due.routed, &d);
	c.scope = scope;
	c.routed = routed;
	if (rc == 0)
		rc = hitlist_open(&h, argv[0], HITLIST_READ, &d);
	if (rc == 0)
		rc = hitlist_due(&plan, h, &c, &d);
	if (rc == 0)
		rc = writer_open(&w, cfg->output, &d);
	if (rc == 0)
		rc = put_plan(w, &plan, cfg->classes, &d);
	if (rc == 0)
		due_report(&plan);
	writer_close(w);
	due_plan_fini(&plan);
	hitlist_close(h);
	ivtab_free(routed);
	scope_free(scope);
	return cmd_result(rc, &d);
}
