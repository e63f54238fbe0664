/* diff: what has changed from one hitlist to another, or to a later copy. */
#include <inttypes.h>

#include "common/log.h"
#include "hitlist/cmds.h"

enum change { CHANGE_NEW, CHANGE_GONE, CHANGE_UP, CHANGE_DOWN, CHANGES };

static const char *const names[CHANGES] = { "new", "gone", "up", "down" };

struct side {
	struct hitlist *h;
	struct hitlist_iter *it;
	struct host_record r;
	int more;
};

struct diff {
	struct side a, b;
	struct writer *w;
	uint64_t count[CHANGES], same;
};

static int draw(struct side *s, struct diag *d)
{
	s->more = hitlist_iter_next(s->it, &s->r, d);
	return s->more < 0 ? s->more : 0;
}

static int open_side(struct side *s, const char *dir, struct diag *d)
{
	int rc = hitlist_open(&s->h, dir, HITLIST_READ, d);

	if (rc == 0)
		rc = hitlist_iter_open(&s->it, s->h, NULL, d);
	return rc ? rc : draw(s, d);
}

static void close_side(struct side *s)
{
	hitlist_iter_close(s->it);
	hitlist_close(s->h);
}

static void put(struct diff *x, enum change c, struct addr128 a)
{
	char text[ADDR_STRLEN];

	x->count[c]++;
	addr_format(text, a);
	writer_printf(x->w, "%s,%s\n", text, names[c]);
}

static int compare(struct diff *x, struct diag *d)
{
	int rc = 0;

	while (rc == 0 && (x->a.more || x->b.more)) {
		int c = !x->a.more   ? 1
		        : !x->b.more ? -1
		                     : addr_cmp(x->a.r.addr, x->b.r.addr);

		if (c > 0)
			put(x, CHANGE_NEW, x->b.r.addr);
		else if (c < 0)
			put(x, CHANGE_GONE, x->a.r.addr);
		else if (host_is_up(&x->a.r) != host_is_up(&x->b.r))
			put(x, host_is_up(&x->b.r) ? CHANGE_UP : CHANGE_DOWN,
			    x->b.r.addr);
		else
			x->same++;
		if (c <= 0)
			rc = draw(&x->a, d);
		if (rc == 0 && c >= 0)
			rc = draw(&x->b, d);
	}
	return rc;
}

int diff_run(const void *config, int argc, char *argv[])
{
	const struct diff_cfg *cfg = config;
	struct diff x = { .same = 0 };
	struct diag d = { "" };
	int rc;

	if (argc != 2) {
		log_error("diff needs two hitlists");
		return CMD_USAGE;
	}
	rc = open_side(&x.a, argv[0], &d);
	if (rc == 0)
		rc = open_side(&x.b, argv[1], &d);
	if (rc == 0)
		rc = writer_open(&x.w, cfg->output, &d);
	if (rc == 0)
		rc = compare(&x, &d);
	if (rc == 0)
		rc = writer_commit(x.w, &d);
	if (rc == 0)
		log_info("%" PRIu64 " new, %" PRIu64 " gone, %" PRIu64 " up, %" PRIu64
		         " down, %" PRIu64 " as they were",
		         x.count[CHANGE_NEW], x.count[CHANGE_GONE], x.count[CHANGE_UP],
		         x.count[CHANGE_DOWN], x.same);
	writer_close(x.w);
	close_side(&x.a);
	close_side(&x.b);
	return cmd_result(rc, &d);
}
