#include "analysis/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The same colours as markup_style, for text.  Wide tables scroll inside their own box,
 * so that the page never does. */
static const char page_style[] =
	":root{color-scheme:light dark;--bg:#fff;--fg:#1c2330;--mute:#626c7c;--grid:#e3e7ed;"
	"--card:#f6f8fa;--s1:#1f5fa8}"
	"@media(prefers-color-scheme:dark){:root{--bg:#14181f;--fg:#e4e8ee;--mute:#98a2b1;"
	"--grid:#2c333e;--card:#1b2028;--s1:#6cabf2}}"
	"*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);"
	"font:15px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif}"
	"main{max-width:1180px;margin:0 auto;padding:24px 20px 60px}"
	"h1{font-size:26px;line-height:1.2;margin:8px 0 2px;overflow-wrap:anywhere}"
	"h2{font-size:19px;margin:38px 0 4px;padding-top:14px;border-top:1px solid var(--grid)}"
	"p{margin:2px 0 12px;max-width:75ch;color:var(--mute)}"
	".n{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:10px;"
	"margin:18px 0}.n div{background:var(--card);border-radius:8px;padding:10px 14px}"
	".n b{display:block;font-size:21px;font-variant-numeric:tabular-nums;line-height:1.3}"
	".n span{color:var(--mute);font-size:12.5px}"
	".r{columns:2 500px;column-gap:22px}.r>*{break-inside:avoid;margin:0 0 20px}"
	"figure svg{width:100%;height:auto;display:block}"
	"figcaption{color:var(--mute);font-size:12.5px;margin-top:2px}"
	".t{overflow-x:auto}table{border-collapse:collapse;font-size:12.5px;"
	"font-variant-numeric:tabular-nums;width:100%}"
	"caption{text-align:left;font-weight:600;padding:6px 0}"
	"th,td{padding:3px 9px 3px 0;text-align:left;border-bottom:1px solid var(--grid);"
	"white-space:nowrap}th{color:var(--mute);font-weight:500}"
	".v{text-align:right}:is(th,td):first-child{text-align:left}footer{margin-top:40px;color:var(--mute);font-size:12.5px}"
	"@media(max-width:600px){main{padding:14px 12px 40px}h1{font-size:21px}"
	"table{font-size:10.4px}th,td{padding:3px 4px 3px 0}:is(th,td):first-child{white-space:normal}}"
	"@media print{body{font-size:11px}main{max-width:none;padding:0}"
	"section+section{break-before:page}section+section h2{border:0;margin-top:0}"
	"tr,.n div{break-inside:avoid}.t{overflow:visible;break-inside:auto}"
	".r{columns:2}table{font-size:9px}th,td{padding:2px 6px 2px 0}}";

void report_open(struct markup *m, const char *title, const char *subtitle)
{
	markup_printf(m,
	              "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>"
	              "<meta name=\"viewport\" content=\"width=device-width, "
	              "initial-scale=1\"/><title>");
	markup_text(m, title);
	markup_printf(m, "</title>\n<style>%s\n%s</style></head>\n<body><main><h1>",
	              page_style, markup_style);
	markup_text(m, title);
	markup_printf(m, "</h1>\n<p>");
	markup_text(m, subtitle);
	markup_printf(m, "</p>\n");
}

void report_close(struct markup *m)
{
	markup_printf(m, "<footer>made by sextant analysis report</footer></main></body>"
	                 "</html>\n");
}

void report_section(struct markup *m, const char *heading, const char *text)
{
	markup_printf(m, "<section><h2>");
	markup_text(m, heading);
	markup_printf(m, "</h2>\n<p>");
	markup_text(m, text);
	markup_printf(m, "</p><div class=\"r\">\n");
}

void report_section_end(struct markup *m)
{
	markup_printf(m, "</div></section>\n");
}

void report_figure(struct markup *m)
{
	markup_printf(m, "<figure>");
}

void report_figure_end(struct markup *m, const char *caption)
{
	markup_printf(m, "<figcaption>");
	markup_text(m, caption);
	markup_printf(m, "</figcaption></figure>\n");
}

/* 1234567 as 1 234 567, with narrow spaces that do not break. */
static void grouped(char *out, size_t cap, const char *digits)
{
	size_t n = strcspn(digits, "."), k = 0;

	for (size_t i = 0; digits[i] && k + 4 < cap; i++) {
		if (i && i < n && (n - i) % 3 == 0 && digits[i - 1] != '-') {
			memcpy(out + k, "\xe2\x80\xaf", 3);
			k += 3;
		}
		out[k++] = digits[i];
	}
	out[k] = '\0';
}

void report_numbers(struct markup *m, const struct report_number *n, size_t count)
{
	markup_printf(m, "<div class=\"n\">");
	for (size_t i = 0; i < count; i++) {
		char digits[64], text[128];

		snprintf(digits, sizeof(digits), "%.*f", (int)n[i].decimals, n[i].value);
		grouped(text, sizeof(text), digits);
		markup_printf(m, "<div><b>%s</b><span>", text);
		markup_text(m, n[i].name);
		markup_printf(m, "</span></div>");
	}
	markup_printf(m, "</div>\n");
}

static void write_heading(struct markup *m, const struct table *t, size_t column)
{
	markup_printf(m, "<th%s>", table_is_numeric(t, column) ? " class=\"v\"" : "");
	for (const char *s = table_column(t, column); *s; s++)
		markup_printf(m, "%c", *s == '_' ? ' ' : *s);
	markup_printf(m, "</th>");
}

void report_table(struct markup *m, const struct table *t, size_t rows)
{
	size_t have = table_rows(t);

	if (!have)
		return;
	markup_printf(m, "<div class=\"t\"><table><caption>");
	markup_text(m, table_title(t));
	if (have > rows)
		markup_printf(m, " (first %zu of %zu)", rows, have);
	markup_printf(m, "</caption><thead><tr>");
	for (size_t c = 0; c < table_columns(t); c++)
		write_heading(m, t, c);
	markup_printf(m, "</tr></thead><tbody>\n");
	for (size_t r = 0; r < have && r < rows; r++) {
		markup_printf(m, "<tr>");
		for (size_t c = 0; c < table_columns(t); c++) {
			char text[CELL_TEXT_MAX];

			table_cell(t, r, c, text);
			markup_printf(m, "<td%s>",
			              table_is_numeric(t, c) ? " class=\"v\"" : "");
			markup_text(m, text[0] ? text : "-");
			markup_printf(m, "</td>");
		}
		markup_printf(m, "</tr>\n");
	}
	markup_printf(m, "</tbody></table></div>\n");
}
