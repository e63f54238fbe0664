#include "analysis/lifetimes.h"

#include <stdio.h>

#include "analysis/chart.h"
#include "common/clock.h"

enum { DAY = 86400 };

/* Adds to what a day has, if it is one of those that are told. */
static void on_day(struct lifetimes *l, uint64_t *by_day, uint32_t when)
{
	uint32_t day = when / DAY;

	if (when && day <= l->latest && l->latest - day < LIFETIMES_DAYS)
		by_day[l->latest - day]++;
}

/* end 0: it has not ended. */
static void add_spell(struct lifetimes *l, uint32_t start, uint32_t end)
{
	uint32_t last = end ? end / DAY : l->latest, first = start / DAY;
	uint32_t length = last > first ? last - first : 0;

	if (length >= LIFETIMES_MAX)
		length = LIFETIMES_MAX - 1;
	(end ? l->ended : l->open)[length]++;
	l->spells++;
	l->up_now += !end;
	on_day(l, l->came, start);
	if (end)
		on_day(l, l->went, end);
}

/* r NULL: it is not in the hitlist any more. */
static void add_events(struct lifetimes *l, const struct host_history *x,
                       const struct host_record *r)
{
	/* Of those with the most transitions the first ones are forgotten. */
	uint32_t start = x->n < HISTORY_MAX && r ? r->first_seen : 0;

	for (unsigned i = x->n; i--;) {
		if (x->e[i].up) {
			start = x->e[i].when;
		} else {
			if (start)
				add_spell(l, start, x->e[i].when);
			else
				on_day(l, l->went, x->e[i].when);
			start = 0;
		}
	}
	if (x->n && x->e[0].up && r)
		add_spell(l, start, 0);
}

/* The hosts, each with its transitions, if any. */
struct walk {
	struct lifetimes *l;
	struct hitlist_iter *it;
	struct host_record r;
	int more;
	struct diag *d;
};

static int next_host(struct walk *w)
{
	w->more = hitlist_iter_next(w->it, &w->r, w->d);
	if (w->more > 0)
		on_day(w->l, w->l->fresh, w->r.first_seen);
	return w->more < 0 ? w->more : 0;
}

/* Hosts without transitions: up since they were new, or never. */
static int add_quiet(struct walk *w, const struct addr128 *before)
{
	int rc = 0;

	while (rc == 0 && w->more && (!before || addr_cmp(w->r.addr, *before) < 0)) {
		if (host_is_up(&w->r))
			add_spell(w->l, w->r.first_seen, 0);
		rc = next_host(w);
	}
	return rc;
}

static int add_history(void *ctx, const struct host_history *x)
{
	struct walk *w = ctx;
	int rc = add_quiet(w, &x->addr);
	bool here = rc == 0 && w->more && addr_eq(w->r.addr, x->addr);

	add_events(w->l, x, here ? &w->r : NULL);
	return here ? next_host(w) : rc;
}

/* From the present state backwards. */
static void count_up(struct lifetimes *l)
{
	uint64_t up = l->up_now;

	for (unsigned i = 0; i < LIFETIMES_DAYS; i++) {
		l->up[i] = up;
		up = up + l->went[i] > l->came[i] ? up + l->went[i] - l->came[i] : 0;
		if (l->fresh[i] || l->came[i] || l->went[i])
			l->days = i + 1;
	}
}

int lifetimes_read(struct lifetimes *l, const struct hitlist *h, uint32_t latest,
                   struct diag *d)
{
	const struct prefix all = { .len = 0 };
	struct walk w = { .l = l, .d = d };
	int rc = hitlist_iter_open(&w.it, h, NULL, d);

	*l = (struct lifetimes){ .latest = latest / DAY };
	if (rc < 0)
		return rc;
	rc = next_host(&w);
	if (rc == 0)
		rc = hitlist_history(h, all, add_history, &w, d);
	if (rc == 0)
		rc = add_quiet(&w, NULL);
	hitlist_iter_close(w.it);
	count_up(l);
	return rc;
}

double lifetimes_survival(const struct lifetimes *l, unsigned days, uint64_t *known)
{
	uint64_t at_risk = l->spells;
	double share = 1;

	for (unsigned i = 0; i < days && i < LIFETIMES_MAX && at_risk; i++) {
		share *= 1 - (double)l->ended[i] / (double)at_risk;
		at_risk -= l->ended[i] + l->open[i];
	}
	*known = at_risk;
	return share;
}

/* ---- telling ----------------------------------------------------------- */

static void date_of(char text[static 32], uint32_t day)
{
	clock_format_utc(text, (uint64_t)day * DAY * 1000000);
	text[10] = '\0';
}

static void fill_days(struct doc *doc, const struct lifetimes *l)
{
	static const struct column columns[] = {
		{ "day", 0 }, { "new", 0 }, { "up", 0 }, { "down", 0 }, { "hosts_up", 0 },
	};
	struct table *t =
		DOC_TABLE(doc, "transitions",
	                  "Hosts that were new, came up and went down, by day", columns);
	char text[32];

	for (unsigned i = 0; i < l->days; i++) {
		if (i && !l->fresh[i] && !l->came[i] && !l->went[i])
			continue;
		date_of(text, l->latest - i);
		table_string(t, text);
		table_count(t, l->fresh[i]);
		table_count(t, l->came[i]);
		table_count(t, l->went[i]);
		table_count(t, l->up[i]);
	}
}

void fill_lifetimes(struct doc *doc, const struct lifetimes *l)
{
	static const unsigned spans[] = { 1, 3, 7, 14, 30, 60, 90, 180, 365 };
	static const struct column columns[] = { { "days", 0 },
		                                 { "spells", 0 },
		                                 { "share", 4 } };
	struct table *t;

	doc_count(doc, "up", l->up_now);
	doc_count(doc, "spells_up", l->spells);
	fill_days(doc, l);
	t = DOC_TABLE(doc, "lifetimes",
	              "Share of the times a host is up that last at least so many days "
	              "(Kaplan-Meier), and how many were watched for so long",
	              columns);
	for (unsigned i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		uint64_t known;
		double share = lifetimes_survival(l, spans[i], &known);

		/* Nothing is known beyond the longest that was watched. */
		if (!known)
			break;
		table_count(t, spans[i]);
		table_count(t, known);
		table_real(t, share);
	}
}

void chart_up(struct markup *m, const struct lifetimes *l, bool standalone)
{
	char from[32], to[32];

	date_of(from, l->latest - (l->days ? l->days - 1 : 0));
	date_of(to, l->latest);
	chart_days(m, "Hosts that were up, by day", l->up, l->days, from, to, standalone);
}
