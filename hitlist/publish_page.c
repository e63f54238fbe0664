/* The page for people: no script, no request to anyone else.  The charts are SVG
 * in the page itself: the plot alone, which is stretched to whatever room there is
 * (lines and points keep their width, as vector-effect says), while all text around it
 * is HTML, so that it has its size on a phone too. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/writer.h"
#include "hitlist/cmds.h"
#include "hitlist/publish.h"

enum { WIDTH = 1000, HEIGHT = 100, POINTS_MAX = 200 };

static const char style[] =
	":root{color-scheme:light dark;--fg:#1c2733;--bg:#fff;--dim:#5b6b7b;--line:#d5dde5;"
	"--a:#0b63b0;--b:#b4500b}"
	"@media(prefers-color-scheme:dark){:root{--fg:#e4eaf0;--bg:#12181f;--dim:#9aa9b8;"
	"--line:#2c3844;--a:#6db3f2;--b:#f0a060}}"
	"body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;"
	"padding:0 1rem;color:var(--fg);background:var(--bg)}"
	"h1{font-size:1.7rem;margin-bottom:0}h2{font-size:1.2rem;margin-top:2rem}"
	"table{border-collapse:collapse;width:100%}"
	"th,td{text-align:left;padding:.35rem .5rem;border-bottom:1px solid var(--line)}"
	"td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
	"a{color:var(--a)}.dim{color:var(--dim)}"
	"figure{display:grid;grid-template-columns:3.6rem 1fr;column-gap:.6rem;"
	"margin:1.6rem 0;color:var(--dim);font-size:.8rem}"
	"figcaption{grid-column:2;color:var(--fg);font-weight:600;margin-bottom:1.3rem}"
	".y,.x{display:flex;justify-content:space-between;"
	"font-variant-numeric:tabular-nums}"
	".y{flex-direction:column;text-align:right;margin:-.75em 0;white-space:nowrap}"
	".x{grid-column:2;margin-top:.3rem}.p{position:relative;height:8.5rem}"
	".p b{position:absolute;top:-1.5em;transform:translateX(-50%);color:var(--b)}"
	"svg{position:absolute;width:100%;height:100%;overflow:visible}"
	"svg *{fill:none;vector-effect:non-scaling-stroke}"
	".g{stroke:var(--line)}.s{stroke:var(--a);stroke-width:2}"
	".d{stroke:var(--a);stroke-width:6;stroke-linecap:round}"
	".e{stroke:var(--b);stroke-dasharray:4 3}";

/* Text of others inside HTML. */
static void put_text(struct writer *w, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '&': writer_printf(w, "&amp;"); break;
		case '<': writer_printf(w, "&lt;"); break;
		case '>': writer_printf(w, "&gt;"); break;
		case '"': writer_printf(w, "&quot;"); break;
		default: writer_write(w, s, 1);
		}
	}
}

static void put_day(struct writer *w, uint32_t t)
{
	char buf[32];

	clock_format_utc(buf, (uint64_t)t * (NS_PER_S / NS_PER_US));
	writer_printf(w, "%.10s", buf);
}

/* 1, 2 or 5 times a power of ten, at least v. */
static uint64_t round_up(uint64_t v)
{
	for (uint64_t p = 1;; p *= 10)
		for (unsigned i = 0; i < 3; i++)
			if ("\1\2\5"[i] * p >= v || p > UINT64_MAX / 100)
				return "\1\2\5"[i] * p;
}

struct chart {
	const struct publication *p;
	enum publish_list list;
	uint32_t first, last;
	uint64_t top;
};

static double x_of(const struct chart *c, uint32_t t)
{
	if (c->last == c->first)
		return WIDTH / 2;
	return WIDTH * ((double)t - c->first) / (c->last - c->first);
}

static double y_of(const struct chart *c, uint64_t v)
{
	return HEIGHT * (1 - (double)v / (double)c->top);
}

/* 20000000 as "20 M". */
static void put_short(struct writer *w, uint64_t v)
{
	static const char units[] = { 'k', 'M', 'G', 'T' };
	double x = (double)v;
	unsigned i = 0;

	for (; x >= 1000 && i < sizeof(units); i++)
		x /= 1000;
	writer_printf(w, i ? "%.3g %c" : "%.3g", x, i ? units[i - 1] : 0);
}

/* What stands left of the plot and below it. */
static void put_scale(struct writer *w, const struct chart *c)
{
	writer_printf(w, "<div class=\"y\"><span>");
	put_short(w, c->top);
	writer_printf(w, "</span><span>");
	if (c->top % 2 == 0)
		put_short(w, c->top / 2);
	writer_printf(w, "</span><span>0</span></div>");
}

static void put_days(struct writer *w, const struct chart *c)
{
	writer_printf(w, "<div class=\"x\"><span>");
	if (c->last != c->first) {
		put_day(w, c->first);
		writer_printf(w, "</span><span>");
	}
	put_day(w, c->last);
	writer_printf(w, "</span></div>");
}

/* Each event is a line in the plot, or, when it has text, its number above that. */
static void put_events(struct writer *w, const struct chart *c, bool text)
{
	const struct opt_list *l = &c->p->c->events;

	for (size_t i = 0; i < l->n; i++) {
		char day[16];
		uint32_t t;

		snprintf(day, sizeof(day), "%.10s", l->v[i]);
		if (!time_parse_date(&t, day) || t < c->first || t > c->last)
			continue;
		if (!text) {
			writer_printf(w, "<path class=\"e\" d=\"M%.1f 0V%d\"/>",
			              x_of(c, t), HEIGHT);
			continue;
		}
		writer_printf(w, "<b style=\"left:%.2f%%\" title=\"%s: ",
		              100 * x_of(c, t) / WIDTH, day);
		put_text(w, l->v[i] + 11);
		writer_printf(w, "\">%zu</b>", i + 1);
	}
}

/* A line of no length with round ends is a point in any stretching. */
static void put_points(struct writer *w, const struct chart *c)
{
	const struct publish_point *s = c->p->series;
	size_t first = c->p->n > POINTS_MAX ? c->p->n - 1 : 0;

	writer_printf(w, "<polyline class=\"s\" points=\"");
	for (size_t i = 0; i < c->p->n; i++)
		writer_printf(w, "%.1f,%.1f ", x_of(c, s[i].when),
		              y_of(c, s[i].lines[c->list]));
	writer_printf(w, "\"/>");
	for (size_t i = first; i < c->p->n; i++) {
		writer_printf(w, "<path class=\"d\" d=\"M%.1f %.1fh0\"><title>",
		              x_of(c, s[i].when), y_of(c, s[i].lines[c->list]));
		put_day(w, s[i].when);
		writer_printf(w, ": %" PRIu64 "</title></path>", s[i].lines[c->list]);
	}
}

static void put_chart(struct writer *w, const struct publication *p,
                      enum publish_list list)
{
	struct chart c = { .p = p,
		           .list = list,
		           .first = p->series[0].when,
		           .last = p->series[0].when };
	uint64_t most = 1;

	for (size_t i = 0; i < p->n; i++) {
		if (p->series[i].lines[list] > most)
			most = p->series[i].lines[list];
		if (p->series[i].when > c.last)
			c.last = p->series[i].when;
		if (p->series[i].when < c.first)
			c.first = p->series[i].when;
	}
	c.top = round_up(most);
	writer_printf(w, "<figure><figcaption>%s</figcaption>", publish_list_name(list));
	put_scale(w, &c);
	writer_printf(w,
	              "<div class=\"p\"><svg viewBox=\"0 0 %d %d\" "
	              "preserveAspectRatio=\"none\" role=\"img\" aria-label=\"%s over "
	              "time\"><path class=\"g\" d=\"M0 0H%dM0 %dH%dM0 %dH%d\"/>",
	              WIDTH, HEIGHT, publish_list_name(list), WIDTH, HEIGHT / 2, WIDTH,
	              HEIGHT, WIDTH);
	put_events(w, &c, false);
	put_points(w, &c);
	writer_printf(w, "</svg>");
	put_events(w, &c, true);
	writer_printf(w, "</div>");
	put_days(w, &c);
	writer_printf(w, "</figure>\n");
}

static void put_table(struct writer *w, const struct publication *p)
{
	writer_printf(w, "<h2 id=\"download\">Download</h2>\n<table><tr><th>List</th>"
	                 "<th class=\"n\">Lines</th><th>Files</th></tr>\n");
	for (unsigned k = 0; k < LISTS; k++) {
		const char *name = publish_list_name((enum publish_list)k);

		writer_printf(w,
		              "<tr><td>%s</td><td class=\"n\">%" PRIu64
		              "</td><td><a href=\"%s.txt.xz\">xz</a>",
		              name, p->series[p->n - 1].lines[k], name);
		if (p->c->bz2)
			writer_printf(w, " <a href=\"%s.txt.bz2\">bz2</a>", name);
		writer_printf(w, "</td></tr>\n");
	}
	writer_printf(w, "</table>\n<p>One address or prefix a line, in numeric order. "
	                 "<a href=\"manifest.json\">manifest.json</a> has the SHA-256 of "
	                 "every file and where it comes from; "
	                 "<a href=\"stats.json\">stats.json</a> and "
	                 "<a href=\"stats.csv\">stats.csv</a> the numbers below.</p>\n");
}

static const char *privacy_text(enum privacy p)
{
	switch (p) {
	case PRIVACY_NO_EUI64:
		return "Addresses made from a hardware address are left out.";
	case PRIVACY_48: return "Instead of addresses, their /48 prefixes are published.";
	case PRIVACY_64: return "Instead of addresses, their /64 prefixes are published.";
	case PRIVACY_KIP:
		return "Instead of addresses, prefixes are published that each hold many "
		       "of them (kIP).";
	default: return "Addresses are published whole.";
	}
}

static void put_who(struct writer *w, const struct publish_config *c)
{
	writer_printf(w,
	              "<h2 id=\"what\">What this is</h2>\n<p>A list of IPv6 addresses "
	              "that answered within the last %" PRIu32 " days, for research on "
	              "the Internet. Prefixes in which every address answers (aliased "
	              "prefixes) are kept apart. %s</p>\n",
	              c->window / 86400, privacy_text(c->privacy));
	writer_printf(w, "<h2 id=\"who\">Who does this</h2>\n<p>");
	put_text(w, c->operator_text ? c->operator_text
	                             : "The operator of this site has not said.");
	writer_printf(w, "</p>\n<h2 id=\"opt-out\">Opting out</h2>\n<p>");
	if (c->contact) {
		writer_printf(w, "Write to <a href=\"%s",
		              strchr(c->contact, ':') ? "" : "mailto:");
		put_text(w, c->contact);
		writer_printf(w, "\">");
		put_text(w, c->contact);
		writer_printf(
			w, "</a> and name the prefix. It will not be probed again, and "
			   "goes from everything published here. See also "
			   "<a href=\".well-known/probing.txt\">probing.txt</a> "
			   "(RFC 9511).");
	} else {
		writer_printf(w, "No contact was given.");
	}
	writer_printf(w, "</p>\n");
}

static void put_page(struct writer *w, const struct publication *p)
{
	const struct publish_config *c = p->c;

	writer_printf(w,
	              "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	              "<meta name=\"viewport\" content=\"width=device-width\"><title>");
	put_text(w, c->title);
	writer_printf(
		w,
		"</title><link rel=\"icon\" href=\"data:,\"><style>%s</style></head>"
		"<body>\n<h1>",
		style);
	put_text(w, c->title);
	writer_printf(w, "</h1>\n<p class=\"dim\">Published ");
	put_day(w, c->now);
	writer_printf(w, "</p>\n");
	put_who(w, c);
	put_table(w, p);
	writer_printf(w, "<h2 id=\"charts\">Over time</h2>\n");
	for (unsigned k = 0; k < LISTS; k++)
		put_chart(w, p, (enum publish_list)k);
	if (c->events.n)
		writer_printf(w, "<ol class=\"dim\">\n");
	for (size_t i = 0; i < c->events.n; i++) {
		writer_printf(w, "<li>");
		put_text(w, c->events.v[i]);
		writer_printf(w, "</li>\n");
	}
	writer_printf(w, "%s</body></html>\n", c->events.n ? "</ol>\n" : "");
}

int publish_page(const struct publication *p, struct diag *d)
{
	char path[FS_PATH_MAX];
	struct writer *w = NULL;
	int rc = fs_join(path, p->dir, "index.html", d);

	if (rc == 0)
		rc = writer_open(&w, path, d);
	if (rc < 0)
		return rc;
	put_page(w, p);
	rc = writer_commit(w, d);
	writer_close(w);
	return rc;
}
