/* The page for people: no script, no request to anyone else.  The charts are SVG
 * in the page itself. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/writer.h"
#include "hitlist/cmds.h"
#include "hitlist/publish.h"

enum { WIDTH = 720, HEIGHT = 200, LEFT = 84, BOTTOM = 24, TOP = 26, RIGHT = 12 };

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
	"a{color:var(--a)}.dim{color:var(--dim)}svg{width:100%;height:auto}"
	"svg text{fill:var(--dim);font:12px system-ui,sans-serif}"
	"svg .t{fill:var(--fg);font-weight:600}"
	"svg .g{stroke:var(--line)}svg .s{stroke:var(--a);fill:none;stroke-width:2}"
	"svg .p{fill:var(--a)}svg .e{stroke:var(--b);stroke-dasharray:4 3}"
	"svg .et{fill:var(--b)}";

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
	double width = WIDTH - LEFT - RIGHT;

	if (c->last == c->first)
		return LEFT + width / 2;
	return LEFT + width * ((double)t - c->first) / (c->last - c->first);
}

static double y_of(const struct chart *c, uint64_t v)
{
	return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (double)v / (double)c->top;
}

static void put_axes(struct writer *w, const struct chart *c)
{
	for (unsigned i = 0; i <= 2; i++) {
		uint64_t v = c->top * i / 2;

		if (i == 1 && c->top < 2)
			continue;
		writer_printf(
			w,
			"<line class=\"g\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
			"<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%" PRIu64
			"</text>",
			LEFT, WIDTH - RIGHT, y_of(c, v), y_of(c, v), LEFT - 8,
			y_of(c, v) + 4, v);
	}
	writer_printf(w, "<text x=\"%d\" y=\"%d\">", LEFT, HEIGHT - 6);
	put_day(w, c->first);
	writer_printf(w, "</text>");
	if (c->last == c->first)
		return;
	writer_printf(w, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", WIDTH - RIGHT,
	              HEIGHT - 6);
	put_day(w, c->last);
	writer_printf(w, "</text>");
}

static void put_events(struct writer *w, const struct chart *c)
{
	const struct opt_list *l = &c->p->c->events;

	for (size_t i = 0; i < l->n; i++) {
		char day[16];
		uint32_t t;

		snprintf(day, sizeof(day), "%.10s", l->v[i]);
		if (!time_parse_date(&t, day) || t < c->first || t > c->last)
			continue;
		writer_printf(w, "<g><title>%s: ", day);
		put_text(w, l->v[i] + 11);
		writer_printf(
			w,
			"</title><line class=\"e\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" "
			"y2=\"%d\"/><text class=\"et\" x=\"%.1f\" y=\"%d\" "
			"text-anchor=\"middle\">%zu</text></g>",
			x_of(c, t), x_of(c, t), TOP, HEIGHT - BOTTOM, x_of(c, t), TOP - 4,
			i + 1);
	}
}

static void put_chart(struct writer *w, const struct publication *p,
                      enum publish_list list)
{
	struct chart c = { .p = p,
		           .list = list,
		           .first = p->series[0].when,
		           .last = p->series[p->n - 1].when };
	uint64_t most = 1;

	for (size_t i = 0; i < p->n; i++)
		if (p->series[i].lines[list] > most)
			most = p->series[i].lines[list];
	c.top = round_up(most);
	writer_printf(w,
	              "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s over "
	              "time\"><text class=\"t\" x=\"%d\" y=\"14\">%s</text>",
	              WIDTH, HEIGHT, publish_list_name(list), LEFT,
	              publish_list_name(list));
	put_axes(w, &c);
	put_events(w, &c);
	writer_printf(w, "<polyline class=\"s\" points=\"");
	for (size_t i = 0; i < p->n; i++)
		writer_printf(w, "%.1f,%.1f ", x_of(&c, p->series[i].when),
		              y_of(&c, p->series[i].lines[list]));
	writer_printf(w, "\"/>");
	for (size_t i = 0; i < p->n; i++) {
		writer_printf(
			w,
			"<circle class=\"p\" r=\"2.5\" cx=\"%.1f\" cy=\"%.1f\"><title>",
			x_of(&c, p->series[i].when), y_of(&c, p->series[i].lines[list]));
		put_day(w, p->series[i].when);
		writer_printf(w, ": %" PRIu64 "</title></circle>",
		              p->series[i].lines[list]);
	}
	writer_printf(w, "</svg>\n");
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
		if (k < LIST_SERVICES + SERVICE_TCP_OTHER || k >= LIST_ALIASED)
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
