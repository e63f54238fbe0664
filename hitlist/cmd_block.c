/* block-add, block-remove, block-list and block-check. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "hitlist/cmds.h"
#include "hitlist/exclude.h"

static int collect(struct exclude *x, const struct opt_list *files, int argc,
                   char *argv[], struct diag *d)
{
	int rc = 0;

	for (int i = 1; rc == 0 && i < argc; i++)
		rc = exclude_add_line(x, argv[i], d);
	for (size_t i = 0; rc == 0 && i < files->n; i++)
		rc = exclude_add_file(x, files->v[i], d);
	if (rc == 0 && x->n == 0)
		rc = diag_set(d, ERR_EMPTY, "there is no prefix in what was given");
	return rc;
}

/* "30d" from now, or a date. */
static bool parse_when(uint32_t *out, const char *text, bool ahead)
{
	uint64_t ns, now = cmd_now();

	if (time_parse_date(out, text))
		return true;
	if (!ahead || !opt_parse_duration(&ns, text))
		return false;
	*out = ns / NS_PER_S < UINT32_MAX - now ? (uint32_t)(now + ns / NS_PER_S) : 0;
	return true;
}

static bool texts_ok(const struct block_cfg *cfg)
{
	const struct {
		const char *option, *text;
	} all[] = { { "requester", cfg->requester },
		    { "reason", cfg->reason },
		    { "evidence", cfg->evidence } };

	for (size_t i = 0; i < 3; i++) {
		for (const char *s = all[i].text; s && *s; s++) {
			if ((unsigned char)*s >= ' ' && *s != 127)
				continue;
			log_error("--%s: a tab, a line end or another control character",
			          all[i].option);
			return false;
		}
	}
	return true;
}

static int add_all(const char *dir, const struct hitlist_optout *like,
                   const struct exclude *x, struct diag *d)
{
	struct hitlist_merge_stats st = { 0 };
	struct hitlist_optout *o = calloc(x->n, sizeof(*o));
	struct hitlist *h = NULL;
	int rc = o ? hitlist_open(&h, dir, HITLIST_CREATE, d) : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < x->n; i++) {
		o[i] = *like;
		o[i].prefix = x->p[i];
	}
	if (rc == 0)
		rc = hitlist_block(h, o, x->n, &st, d);
	if (rc == 0)
		log_info("%s: %zu prefixes blocked, %" PRIu64 " hosts removed", dir, x->n,
		         st.blocked);
	hitlist_close(h);
	free(o);
	return rc;
}

int block_add_run(const void *config, int argc, char *argv[])
{
	const struct block_cfg *cfg = config;
	struct hitlist_optout like = {
		.requester = cfg->requester,
		.reason = cfg->reason,
		.evidence = cfg->evidence,
		.added = cmd_now(),
	};
	struct exclude x = { 0 };
	struct diag d = { "" };
	int rc;

	if (argc < 1 || (argc == 1 && !cfg->files.n)) {
		log_error("block-add needs a hitlist and prefixes");
		return CMD_USAGE;
	}
	if (cfg->date && !parse_when(&like.added, cfg->date, false)) {
		log_error("--date: '%s' is not a date like 2026-06-02", cfg->date);
		return CMD_USAGE;
	}
	if (like.added > cmd_now()) {
		log_error("--date: %s is still to come", cfg->date);
		return CMD_USAGE;
	}
	if (cfg->expires && (!parse_when(&like.expires, cfg->expires, true) ||
	                     like.expires <= cmd_now())) {
		log_error("--expires: '%s' is neither a time ahead like 365d nor a date "
		          "to come like 2036-06-02",
		          cfg->expires);
		return CMD_USAGE;
	}
	if (!texts_ok(cfg))
		return CMD_USAGE;
	rc = collect(&x, &cfg->files, argc, argv, &d);
	if (rc == 0 && !cfg->force)
		rc = cmd_check_wide(x.p, x.n, &d);
	if (rc == 0)
		rc = add_all(argv[0], &like, &x, &d);
	exclude_fini(&x);
	return cmd_result(rc, &d);
}

int block_remove_run(const void *config, int argc, char *argv[])
{
	const struct block_cfg *cfg = config;
	struct exclude x = { 0 };
	struct hitlist *h = NULL;
	struct diag d = { "" };
	size_t found = 0;
	int rc;

	if (argc < 1 || (argc == 1 && !cfg->files.n)) {
		log_error("block-remove needs a hitlist and prefixes");
		return CMD_USAGE;
	}
	rc = collect(&x, &cfg->files, argc, argv, &d);
	if (rc == 0)
		rc = hitlist_open(&h, argv[0], HITLIST_WRITE, &d);
	if (rc == 0)
		rc = hitlist_unblock(h, x.p, x.n, cmd_now(), &found, &d);
	if (rc == 0 && !found)
		rc = diag_set(&d, ERR_EMPTY, "%s: no such prefix is blocked", argv[0]);
	if (rc == 0)
		log_info("%s: %zu no longer blocked", argv[0], found);
	hitlist_close(h);
	exclude_fini(&x);
	return cmd_result(rc, &d);
}

static void put_time(struct writer *w, uint32_t t)
{
	char buf[32];

	writer_printf(w, "\t%s",
	              t ? clock_format_utc(buf, (uint64_t)t * (NS_PER_S / NS_PER_US))
	                : "-");
}

static void put_optout(struct writer *w, const struct hitlist_optout *o, uint32_t now)
{
	char text[PREFIX_STRLEN];

	prefix_format(text, o->prefix);
	writer_printf(w, "%s\t%s", text,
	              o->removed                        ? "removed"
	              : hitlist_optout_in_force(o, now) ? "in-force"
	                                                : "expired");
	put_time(w, o->added);
	put_time(w, o->expires);
	put_time(w, o->removed);
	writer_printf(w, "\t%s\t%s\t%s\n", o->requester, o->reason, o->evidence);
}

static void put_log(struct writer *w, const struct hitlist *h)
{
	const struct hitlist_optout *o;
	size_t n = hitlist_optouts(h, &o);
	uint32_t now = cmd_now();

	writer_printf(w, "#prefix\tstate\tadded\texpires\tremoved\trequester\treason\t"
	                 "evidence\n");
	for (size_t i = 0; i < n; i++)
		put_optout(w, &o[i], now);
}

static int cmp_optout(const void *x, const void *y)
{
	const struct hitlist_optout *a = *(void *const *)x, *b = *(void *const *)y;
	int c = addr_cmp(a->prefix.addr, b->prefix.addr);

	if (!c)
		c = (int)a->prefix.len - (int)b->prefix.len;
	return c ? c : (a > b) - (a < b);
}

static int cmp_place(const void *x, const void *y)
{
	const struct hitlist_optout *a = *(void *const *)x, *b = *(void *const *)y;

	return (a > b) - (a < b);
}

/* Each prefix in force once, in the order they came. */
static int put_in_force(struct writer *w, const struct hitlist *h)
{
	const struct hitlist_optout *o, **p;
	size_t n = hitlist_optouts(h, &o), m = 0, k = 0;
	char text[PREFIX_STRLEN];

	p = calloc(n + 1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (hitlist_optout_in_force(&o[i], cmd_now()))
			p[m++] = &o[i];
	qsort(p, m, sizeof(*p), cmp_optout);
	for (size_t i = 0; i < m; i++)
		if (!k || !addr_eq(p[k - 1]->prefix.addr, p[i]->prefix.addr) ||
		    p[k - 1]->prefix.len != p[i]->prefix.len)
			p[k++] = p[i];
	qsort(p, k, sizeof(*p), cmp_place);
	for (size_t i = 0; i < k; i++) {
		prefix_format(text, p[i]->prefix);
		writer_printf(w, "%s\n", text);
	}
	free(p);
	return 0;
}

static int put_list(const struct hitlist *h, struct writer *w, void *ctx, struct diag *d)
{
	const struct block_list_cfg *cfg = ctx;

	(void)d;
	if (!cfg->log)
		return put_in_force(w, h);
	put_log(w, h);
	return 0;
}

int block_list_run(const void *config, int argc, char *argv[])
{
	struct block_list_cfg cfg = *(const struct block_list_cfg *)config;

	if (argc != 1) {
		log_error("block-list needs one hitlist");
		return CMD_USAGE;
	}
	return cmd_print(argv[0], cfg.output, put_list, &cfg);
}

/* "ADDR<TAB>blocked|free<TAB>PREFIX": the longest opt-out in force that covers. */
static int check_one(const struct cmd_answer *x, struct addr128 a, struct diag *d)
{
	const struct hitlist_optout *o, *best = NULL;
	size_t n = hitlist_optouts(x->h, &o);
	char addr[ADDR_STRLEN], text[PREFIX_STRLEN] = "-";

	(void)d;
	for (size_t i = 0; i < n && ivtab_covers(hitlist_blocked(x->h), a); i++)
		if (hitlist_optout_in_force(&o[i], cmd_now()) &&
		    prefix_is_v4(o[i].prefix) == addr_is_v4(a) &&
		    prefix_covers(o[i].prefix, a) &&
		    (!best || best->prefix.len < o[i].prefix.len))
			best = &o[i];
	addr_format(addr, a);
	if (best)
		prefix_format(text, best->prefix);
	writer_printf(x->w, "%s\t%s\t%s\n", addr, best ? "blocked" : "free", text);
	return 0;
}

int block_check_run(const void *config, int argc, char *argv[])
{
	(void)config;
	if (argc < 2) {
		log_error("block-check needs a hitlist and addresses");
		return CMD_USAGE;
	}
	return cmd_answer_all(argv[0], "-", 0, argc - 1, argv + 1, NULL, check_one);
}
