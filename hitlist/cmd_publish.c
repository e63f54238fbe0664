#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "hitlist/cmds.h"
#include "hitlist/publish.h"

static bool clean(const char *option, const char *text)
{
	for (const char *s = text; s && *s; s++) {
		if ((unsigned char)*s >= ' ' && *s != 127)
			continue;
		log_error("--%s: a control character", option);
		return false;
	}
	return true;
}

static bool events_ok(const struct opt_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		char day[16];
		uint32_t t;

		snprintf(day, sizeof(day), "%.10s", l->v[i]);
		if (strlen(l->v[i]) < 12 || l->v[i][10] != ' ' ||
		    !time_parse_date(&t, day)) {
			log_error("--event: '%s' is not a date and a text", l->v[i]);
			return false;
		}
	}
	return true;
}

static bool usage_ok(const struct publish_cfg *cfg, int argc)
{
	if (argc != 1 || !cfg->site) {
		log_error("publish needs one hitlist and --site");
		return false;
	}
	if (!cfg->keep) {
		log_error("--keep 0: at least the new snapshot has to stay");
		return false;
	}
	return clean("title", cfg->title) && clean("contact", cfg->contact) &&
	       clean("url", cfg->url) && clean("operator", cfg->operator_text) &&
	       events_ok(&cfg->events);
}

int publish_run(const void *config, int argc, char *argv[])
{
	const struct publish_cfg *cfg = config;
	struct publish_config c = {
		.site = cfg->site,
		.title = cfg->title,
		.contact = cfg->contact,
		.url = cfg->url,
		.operator_text = cfg->operator_text,
		.events = cfg->events,
		.privacy = (enum privacy)cfg->privacy,
		.k = cfg->k,
		.keep = cfg->keep,
		.now = (uint32_t)(clock_wall_us() / (NS_PER_S / NS_PER_US)),
		.window = (uint32_t)(cfg->window_ns / NS_PER_S),
		.bz2 = cfg->bz2,
	};
	struct publish_point point;
	struct hitlist *h = NULL;
	struct diag d = { "" };
	int rc;

	if (!usage_ok(cfg, argc))
		return CMD_USAGE;
	if (cfg->date && !time_parse_date(&c.now, cfg->date)) {
		log_error("--date: '%s' is not a date like 2026-06-02", cfg->date);
		return CMD_USAGE;
	}
	rc = hitlist_open(&h, argv[0], HITLIST_READ, &d);
	if (rc == 0)
		rc = hitlist_publish(h, &c, &point, &d);
	if (rc == 0)
		log_info("%s: %" PRIu64 " lines of responsive, %" PRIu64
		         " aliased and %" PRIu64 " other prefixes",
		         cfg->site, point.lines[LIST_RESPONSIVE],
		         point.lines[LIST_ALIASED], point.lines[LIST_NOT_ALIASED]);
	hitlist_close(h);
	return cmd_result(rc, &d);
}
