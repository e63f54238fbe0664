/* history: how addresses came and went. */
#include <inttypes.h>

#include "common/clock.h"
#include "common/log.h"
#include "hitlist/cmds.h"
#include "hitlist/store.h"

struct telling {
	const struct hitlist *h;
	struct writer *w;
	uint32_t since;
	uint64_t lines;
};

static void put(struct telling *t, struct addr128 a, uint32_t when, const char *what)
{
	char addr[ADDR_STRLEN], text[32];

	if (!when || when < t->since)
		return;
	addr_format(addr, a);
	writer_printf(t->w, "%s,%s,%s\n", addr,
	              clock_format_utc(text, (uint64_t)when * (NS_PER_S / NS_PER_US)),
	              what);
	t->lines++;
}

/* The earliest first. */
static void put_events(struct telling *t, const struct host_history *x)
{
	for (unsigned i = x->n; i--;)
		put(t, x->addr, x->e[i].when, x->e[i].up ? "up" : "down");
}

/* The hosts of the hitlist, each with its transitions, if any. */
struct walk {
	struct telling *t;
	struct hitlist_iter *hosts;
	struct host_record r;
	int more;
	struct diag *d;
};

static int next_host(struct walk *w)
{
	w->more = hitlist_iter_next(w->hosts, &w->r, w->d);
	return w->more < 0 ? w->more : 0;
}

/* Hosts before this address have no transitions. */
static int put_hosts(struct walk *w, struct addr128 before)
{
	int rc = 0;

	while (rc == 0 && w->more && addr_cmp(w->r.addr, before) < 0) {
		put(w->t, w->r.addr, w->r.first_seen, "new");
		rc = next_host(w);
	}
	return rc;
}

static int put_one(void *ctx, const struct host_history *x)
{
	struct walk *w = ctx;
	int rc = put_hosts(w, x->addr);

	if (rc == 0 && w->more && addr_eq(w->r.addr, x->addr)) {
		put(w->t, x->addr, w->r.first_seen, "new");
		rc = next_host(w);
	}
	put_events(w->t, x);
	return rc;
}

static int tell(struct telling *t, struct prefix p, struct diag *d)
{
	struct walk w = { .t = t, .d = d };
	int rc = hitlist_iter_open(&w.hosts, t->h, &p, d);

	if (rc < 0)
		return rc;
	rc = next_host(&w);
	if (rc == 0)
		rc = hitlist_history(t->h, p, put_one, &w, d);
	if (rc == 0)
		rc = put_hosts(&w, prefix_last(p));
	if (rc == 0 && w.more) /* the last address there can be */
		put(t, w.r.addr, w.r.first_seen, "new");
	hitlist_iter_close(w.hosts);
	return rc;
}

static int tell_all(struct telling *t, int argc, char *argv[], struct diag *d)
{
	int rc = 0;

	writer_printf(t->w, "addr,when,event\n");
	for (int i = 1; rc == 0 && i < argc; i++) {
		struct prefix p;

		if (!prefix_parse(&p, argv[i]))
			rc = diag_set(d, ERR_PARSE,
			              "'%.100s' is neither an address nor a prefix",
			              argv[i]);
		else
			rc = tell(t, p, d);
	}
	return rc < 0 ? rc : writer_commit(t->w, d);
}

int history_run(const void *config, int argc, char *argv[])
{
	const struct history_cfg *cfg = config;
	struct telling t = { .lines = 0 };
	struct hitlist *h = NULL;
	struct diag d = { "" };
	int rc;

	if (argc < 2) {
		log_error("history needs a hitlist and addresses or prefixes");
		return CMD_USAGE;
	}
	if (cfg->since && !time_parse_since(&t.since, cfg->since)) {
		log_error("--since: '%s' is neither a time like 30d nor a date like "
		          "2026-06-02",
		          cfg->since);
		return CMD_USAGE;
	}
	rc = hitlist_open(&h, argv[0], HITLIST_READ, &d);
	t.h = h;
	if (rc == 0)
		rc = writer_open(&t.w, cfg->output, &d);
	if (rc == 0)
		rc = tell_all(&t, argc, argv, &d);
	if (rc == 0 && !t.lines)
		log_info("nothing is known of them");
	writer_close(t.w);
	hitlist_close(h);
	return cmd_result(rc, &d);
}
