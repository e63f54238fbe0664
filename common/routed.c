#include "common/routed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/bytes.h"
#include "common/log.h"

enum { SNIFF = 12, BAD_REPORTED = 3 };

int routed_is_dump(const char *path)
{
	struct bytes in;
	struct stat st;
	ssize_t have;
	int rc;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	rc = bytes_open(&in, path, 1, NULL);
	have = rc < 0 ? rc : bytes_need(&in, SNIFF);
	rc = have == -ENOMEM ? -ENOMEM : have >= SNIFF && mrt_sniff(bytes_at(&in), SNIFF);
	bytes_close(&in);
	return rc;
}

static void add_stats(struct mrt_stats *sum, const struct mrt_stats *s)
{
	sum->records += s->records;
	sum->routes += s->routes;
	sum->entries += s->entries;
	sum->other += s->other;
	sum->malformed += s->malformed;
	sum->bad_paths += s->bad_paths;
	sum->resyncs += s->resyncs;
	sum->lost_bytes += s->lost_bytes;
	sum->trailing += s->trailing;
	sum->peer_tables += s->peer_tables;
}

static void add_part(char *text, size_t size, uint64_t n, const char *what)
{
	size_t len = strlen(text);

	if (n)
		snprintf(text + len, size - len, "%s%" PRIu64 " %s", len ? ", " : "", n,
		         what);
}

/* Say once that a file is not whole, if it is not; s: NULL for text. */
static int tell_damage(const struct bytes *b, const struct mrt_stats *s,
                       const struct routed_config *cfg, struct routed_counts *c,
                       struct diag *d)
{
	char parts[200] = "", used[48] = "what decodes is used";
	const char *what = b->rc ? b->why.text : input_name(b->in);
	const char *colon = b->rc ? ", " : ": not whole: ";

	if (s) {
		add_part(parts, sizeof(parts), s->malformed, "malformed records");
		add_part(parts, sizeof(parts), s->resyncs,
		         "places where no record began");
		add_part(parts, sizeof(parts), s->trailing,
		         "bytes of an incomplete record at the end");
		snprintf(used, sizeof(used), "%" PRIu64 " records are used", s->records);
	}
	if (!b->rc && !parts[0])
		return 0;
	c->damaged++;
	if (!parts[0])
		colon = "";
	if (cfg->damage == ROUTED_REFUSE)
		return diag_set(d, b->rc ? b->rc : ERR_FORMAT, "%s%s%s", what, colon,
		                parts);
	if (cfg->damage == ROUTED_WARN)
		log_warn("%s%s%s; %s", what, colon, parts, used);
	else
		log_error("%s%s%s; %s", what, colon, parts, used);
	return 0;
}

static int read_mrt(struct rib *r, struct mrt_peers *peers, struct bytes *b,
                    const struct routed_config *cfg, struct routed_counts *c,
                    struct diag *d)
{
	const struct mrt_stats *s;
	struct mrt_rib route;
	struct mrt *m = NULL;
	int rc = mrt_new(&m, b, peers);

	while (rc >= 0 && (rc = mrt_next(m, &route)) > 0)
		rc = rib_add_routes(r, &route);
	if (rc < 0) {
		diag_set(d, rc, "%s: %s", input_name(b->in), err_str(rc));
		goto out;
	}
	s = mrt_stats(m);
	add_stats(&c->mrt, s);
	if (s->records == 0)
		rc = diag_set(d, ERR_FORMAT, "%s: no MRT record in it",
		              input_name(b->in));
	else
		rc = tell_damage(b, s, cfg, c, d);
out:
	mrt_free(m);
	return rc < 0 ? rc : 0;
}

static int bad_line(struct bytes *b, const struct routed_config *cfg, uint64_t line,
                    const char *text, uint64_t bad, struct diag *d)
{
	char q[80];

	log_quote(q, sizeof(q), text, strlen(text));
	if (cfg->strict)
		return diag_set(d, ERR_PARSE, "%s:%" PRIu64 ": '%s': %s",
		                input_name(b->in), line, q, err_str(ERR_PARSE));
	if (bad <= BAD_REPORTED)
		log_warn("%s:%" PRIu64 ": '%s': %s", input_name(b->in), line, q,
		         err_str(ERR_PARSE));
	return 0;
}

/* Lines until the end; the format may still have to be found out: by the first
 * line that looks like one. */
static int read_text(struct rib *r, struct bytes *b, const struct routed_config *cfg,
                     struct routed_counts *c, struct diag *d)
{
	enum rib_format format = cfg->format;
	uint64_t line = 0, bad = 0, good = 0;
	char text[RIB_LINE_MAX + 1];
	const char *p;
	size_t n;
	int rc;

	while ((rc = bytes_line(b, RIB_LINE_MAX, &p, &n)) > 0) {
		line++;
		if (memchr(p, '\0', n)) {
			rc = ERR_NOT_TEXT;
			break;
		}
		memcpy(text, p, n);
		text[n] = '\0';
		if (format == RIB_AUTO)
			format = rib_text_guess(text);
		rc = rib_text_line(r, format, text);
		good += rc > 0;
		if (rc == ERR_PARSE && !(line == 1 && format == RIB_AUTO))
			rc = bad_line(b, cfg, line, text, ++bad, d);
		if (rc < 0 && rc != ERR_PARSE)
			break;
		if (rc < 0 && d->text[0])
			return rc;
	}
	c->lines += line;
	c->bad_lines += bad;
	if (rc < 0)
		return diag_set(d, rc, "%s:%" PRIu64 ": %s", input_name(b->in), line + 1,
		                err_str(rc));
	if (!good && bad)
		return diag_set(d, ERR_FORMAT, "%s: neither MRT nor any list of prefixes",
		                input_name(b->in));
	return 0;
}

int routed_read(struct rib *r, struct mrt_peers *peers, const char *path,
                const struct routed_config *cfg, struct routed_counts *c, struct diag *d)
{
	enum rib_format format = cfg->format;
	struct bytes b;
	ssize_t have;
	int rc = bytes_open(&b, path, cfg->threads, d);

	if (rc < 0)
		goto out;
	have = bytes_need(&b, SNIFF);
	if (have == 0) {
		rc = b.rc ? diag_set(d, b.rc, "%s", b.why.text)
		          : diag_set(d, ERR_EMPTY, "%s: it is empty", input_name(b.in));
		goto out;
	}
	if (format == RIB_AUTO && mrt_sniff(bytes_at(&b), (size_t)have))
		format = RIB_MRT;
	if (format == RIB_MRT)
		rc = read_mrt(r, peers, &b, cfg, c, d);
	else if ((rc = read_text(r, &b, cfg, c, d)) == 0)
		rc = tell_damage(&b, NULL, cfg, c, d);
out:
	bytes_close(&b);
	return rc;
}
