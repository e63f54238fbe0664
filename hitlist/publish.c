#include "hitlist/publish.h"

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/sha256.h"
#include "common/writer.h"
#include "hitlist/cmds.h"

#define SNAPSHOT "snapshot-"
#define SERIES   "stats.csv"

static int make_dir(const char *path, struct diag *d)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return diag_set(d, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static void remove_tree(const char *path)
{
	nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- the time series ---------------------------------------------------------------- */

static int add_point(struct publication *p, struct publish_point x)
{
	struct publish_point *s = realloc(p->series, (p->n + 1) * sizeof(*s));

	if (!s)
		return -ENOMEM;
	p->series = s;
	s[p->n++] = x;
	return 0;
}

static bool parse_point(struct publish_point *x, char *line)
{
	char *rest = line, *field = strsep(&rest, ",");
	char *end;

	*x = (struct publish_point){ .when = (uint32_t)strtoul(field, &end, 10) };
	if (end == field || *end)
		return false;
	for (unsigned k = 0; k < LISTS; k++) {
		field = strsep(&rest, ",");
		if (!field)
			return false;
		x->lines[k] = strtoull(field, &end, 10);
		if (end == field || *end)
			return false;
	}
	return !rest;
}

/* What earlier publications have counted. */
static int load_series(struct publication *p, struct diag *d)
{
	char path[FS_PATH_MAX], *line, *rest;
	uint8_t *text;
	size_t n;
	unsigned number = 1;
	int rc = fs_join(path, p->c->site, "latest/" SERIES, d);

	if (rc < 0 || access(path, F_OK) != 0)
		return rc;
	rc = fs_read(&text, &n, path, d);
	if (rc < 0)
		return rc;
	rest = (char *)text;
	strsep(&rest, "\n"); /* the names */
	while (rc == 0 && (line = strsep(&rest, "\n")) && *line) {
		struct publish_point x;

		number++;
		rc = parse_point(&x, line) ? add_point(p, x)
		                           : diag_set(d, ERR_PARSE,
		                                      "%s:%u: not a line of "
		                                      "statistics",
		                                      path, number);
	}
	free(text);
	return rc;
}

static void put_csv(struct writer *w, const struct publication *p)
{
	writer_printf(w, "when");
	for (unsigned k = 0; k < LISTS; k++)
		writer_printf(w, ",%s", publish_list_name((enum publish_list)k));
	for (size_t i = 0; i < p->n; i++) {
		writer_printf(w, "\n%" PRIu32, p->series[i].when);
		for (unsigned k = 0; k < LISTS; k++)
			writer_printf(w, ",%" PRIu64, p->series[i].lines[k]);
	}
	writer_printf(w, "\n");
}

static void put_json(struct writer *w, const struct publication *p)
{
	writer_printf(w, "[");
	for (size_t i = 0; i < p->n; i++) {
		writer_printf(w, "%s\n{\"when\":%" PRIu32, i ? "," : "",
		              p->series[i].when);
		for (unsigned k = 0; k < LISTS; k++)
			writer_printf(w, ",\"%s\":%" PRIu64,
			              publish_list_name((enum publish_list)k),
			              p->series[i].lines[k]);
		writer_printf(w, "}");
	}
	writer_printf(w, "\n]\n");
}

/* ---- what says what there is --------------------------------------------------------- */

static int put_file(struct writer *w, const struct publication *p, const char *name,
                    uint64_t lines, bool last, struct diag *d)
{
	char path[FS_PATH_MAX], hex[SHA256_HEX];
	struct stat st;
	int rc = fs_join(path, p->dir, name, d);

	if (rc == 0 && stat(path, &st) < 0)
		rc = diag_set(d, -errno, "%s: %s", path, strerror(errno));
	if (rc == 0)
		rc = sha256_file(hex, path, d);
	if (rc == 0)
		writer_printf(w,
		              "    {\"name\":\"%s\",\"lines\":%" PRIu64
		              ",\"bytes\":%lld,\"sha256\":\"%s\"}%s\n",
		              name, lines, (long long)st.st_size, hex, last ? "" : ",");
	return rc;
}

/* How many of what is published came from where; a host may have come twice. */
static void put_sources(struct writer *w, const struct publication *p)
{
	writer_printf(w, "  \"responsive_by_source\": {");
	for (unsigned s = 0; s < SOURCES; s++)
		writer_printf(w, "%s\"%s\":%" PRIu64, s ? "," : "",
		              hitlist_source_str((enum hitlist_source)s),
		              p->by_source[s]);
	writer_printf(w, "},\n");
}

static void put_inputs(struct writer *w, const struct publication *p)
{
	const struct hitlist_input *in;
	size_t n = hitlist_inputs(p->h, &in);

	writer_printf(w, "  \"inputs\": [");
	for (size_t i = 0; i < n; i++) {
		writer_printf(w, "%s\n    ", i ? "," : "");
		output_input(w, &in[i]);
	}
	writer_printf(w, "%s],\n", n ? "\n  " : "");
}

static void put_provenance(struct writer *w, const struct publication *p)
{
	char when[32];
	struct hitlist_info i;

	hitlist_info(p->h, &i);
	clock_format_utc(when, p->c->now * (NS_PER_S / NS_PER_US));
	writer_printf(w,
	              "{\n  \"schema\": 1,\n  \"published\": \"%s\",\n"
	              "  \"privacy\": \"%s\",\n  \"k\": %" PRIu64 ",\n"
	              "  \"answered_within_seconds\": %" PRIu32 ",\n"
	              "  \"order\": \"numeric\",\n"
	              "  \"hitlist\": {\"generation\":%" PRIu64 ",\"hosts\":%" PRIu64
	              ",\"seen\":%" PRIu64 ",\"aliased\":%" PRIu64 ",\"optouts\":%" PRIu64
	              "},\n",
	              when, privacy_str(p->c->privacy),
	              p->c->privacy == PRIVACY_KIP ? p->c->k : 0, p->c->window,
	              i.generation, i.hosts, i.seen, i.aliased, i.optouts);
	put_sources(w, p);
	put_inputs(w, p);
	writer_printf(w, "  \"files\": [\n");
}

static int put_manifest(struct writer *w, const struct publication *p, struct diag *d)
{
	static const char *const suffixes[] = { ".txt.xz", ".txt.bz2" };
	int rc = 0;

	put_provenance(w, p);
	for (unsigned k = 0; rc == 0 && k < LISTS; k++) {
		for (unsigned i = 0; rc == 0 && i < 1U + p->c->bz2; i++) {
			char name[128];

			snprintf(name, sizeof(name), "%s%s",
			         publish_list_name((enum publish_list)k), suffixes[i]);
			rc = put_file(w, p, name, p->series[p->n - 1].lines[k],
			              k + 1 == LISTS && i == p->c->bz2, d);
		}
	}
	writer_printf(w, "  ]\n}\n");
	return rc;
}

/* RFC 9511, section 4: who probes, and where to read about it. */
static void put_probing(struct writer *w, const struct publication *p)
{
	const struct publish_config *c = p->c;
	char when[32];

	clock_format_utc(when, (c->now + UINT64_C(365) * 86400) * (NS_PER_S / NS_PER_US));
	if (c->url) {
		size_t n = strlen(c->url);

		while (n && c->url[n - 1] == '/')
			n--;
		writer_printf(w, "Canonical: %.*s/.well-known/probing.txt\n", (int)n,
		              c->url);
	}
	writer_printf(w, "Contact: %s%s\n",
	              strchr(c->contact, ':') ? "" : "mailto:", c->contact);
	writer_printf(w, "Expires: %s\nPreferred-Languages: en\n", when);
	writer_printf(w, "Description: %s\n", c->title);
}

enum extra { EXTRA_CSV, EXTRA_JSON, EXTRA_MANIFEST, EXTRA_PROBING, EXTRAS };

static int write_extra(const struct publication *p, enum extra e, struct diag *d)
{
	static const char *const names[EXTRAS] = { SERIES, "stats.json", "manifest.json",
		                                   ".well-known/probing.txt" };
	char path[FS_PATH_MAX];
	struct writer *w = NULL;
	int rc = fs_join(path, p->dir, names[e], d);

	if (rc == 0)
		rc = writer_open(&w, path, d);
	if (rc < 0)
		return rc;
	switch (e) {
	case EXTRA_CSV: put_csv(w, p); break;
	case EXTRA_JSON: put_json(w, p); break;
	case EXTRA_MANIFEST: rc = put_manifest(w, p, d); break;
	default: put_probing(w, p);
	}
	if (rc == 0)
		rc = writer_commit(w, d);
	writer_close(w);
	return rc;
}

/* ---- it appears ------------------------------------------------------------------------ */

struct snapshots {
	uint64_t n[1024];
	size_t count;
};

static int note_snapshot(void *ctx, const char *name)
{
	struct snapshots *s = ctx;

	if (strncmp(name, SNAPSHOT, strlen(SNAPSHOT)) == 0 && s->count < 1024)
		s->n[s->count++] = strtoull(name + strlen(SNAPSHOT), NULL, 10);
	return 0;
}

static int cmp_number(const void *x, const void *y)
{
	const uint64_t *a = x, *b = y;

	return (*a > *b) - (*a < *b);
}

static int list_snapshots(struct snapshots *s, const char *site, struct diag *d)
{
	int rc = fs_each(site, note_snapshot, s, d);

	qsort(s->n, s->count, sizeof(s->n[0]), cmp_number);
	return rc;
}

/* Rename, and replace the link. */
static int appear(const struct publication *p, struct snapshots *s, struct diag *d)
{
	uint64_t number = s->count ? s->n[s->count - 1] + 1 : 1;
	char name[64], path[FS_PATH_MAX], link[FS_PATH_MAX], tmp[FS_PATH_MAX];
	int rc;

	snprintf(name, sizeof(name), SNAPSHOT "%06" PRIu64, number);
	rc = fs_join(path, p->c->site, name, d);
	if (rc == 0)
		rc = fs_join(link, p->c->site, "latest", d);
	if (rc == 0)
		rc = fs_join(tmp, p->c->site, "latest.tmp", d);
	if (rc == 0)
		rc = fs_sync_dir(p->dir, d);
	if (rc < 0)
		return rc;
	unlink(tmp);
	if (rename(p->dir, path) < 0 || symlink(name, tmp) < 0 || rename(tmp, link) < 0)
		return diag_set(d, -errno, "%s: %s", path, strerror(errno));
	if (s->count < 1024)
		s->n[s->count++] = number;
	return fs_sync_dir(p->c->site, d);
}

/* All but the newest ones: what somebody has opted out of is in the others. */
static void remove_old(const struct publication *p, const struct snapshots *s)
{
	for (size_t i = 0; i + p->c->keep < s->count; i++) {
		char name[64], path[FS_PATH_MAX];

		snprintf(name, sizeof(name), SNAPSHOT "%06" PRIu64, s->n[i]);
		if (fs_join(path, p->c->site, name, NULL) == 0)
			remove_tree(path);
	}
}

/* Two at once would write to the same folder.  The lock goes with the file. */
static int lock_site(int *fd, const char *site, struct diag *d)
{
	*fd = open(site, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		return diag_set(d, -errno, "%s: %s", site, strerror(errno));
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return diag_set(d, ERR_BUSY, "%s: another process is publishing there",
		                site);
	return diag_set(d, -errno, "%s: %s", site, strerror(errno));
}

static int set_up(struct publication *p, struct diag *d)
{
	char path[FS_PATH_MAX];
	int rc = make_dir(p->c->site, d);

	if (rc == 0)
		rc = lock_site(&p->lock, p->c->site, d);
	if (rc == 0)
		rc = fs_join(p->dir, p->c->site, ".new", d);
	if (rc < 0)
		return rc;
	remove_tree(p->dir); /* of one that was killed */
	rc = make_dir(p->dir, d);
	if (rc == 0)
		rc = fs_join(path, p->dir, ".well-known", d);
	if (rc == 0)
		rc = make_dir(path, d);
	if (rc == 0)
		rc = load_series(p, d);
	return rc ? rc : add_point(p, (struct publish_point){ .when = p->c->now });
}

int hitlist_publish(const struct hitlist *h, const struct publish_config *c,
                    struct publish_point *out, struct diag *d)
{
	struct publication *p = calloc(1, sizeof(*p));
	struct snapshots *s = calloc(1, sizeof(*s));
	int rc = p && s ? 0 : -ENOMEM;

	if (rc == 0) {
		p->c = c;
		p->h = h;
		p->lock = -1;
		rc = set_up(p, d);
	}
	if (rc == 0)
		rc = publish_lists(p, d);
	for (unsigned e = 0; rc == 0 && e < EXTRAS; e++)
		if (e != EXTRA_PROBING || c->contact)
			rc = write_extra(p, (enum extra)e, d);
	if (rc == 0)
		rc = publish_page(p, d);
	if (rc == 0)
		rc = list_snapshots(s, c->site, d);
	if (rc == 0)
		rc = appear(p, s, d);
	if (rc == 0) {
		remove_old(p, s);
		*out = p->series[p->n - 1];
	} else if (p && p->dir[0]) {
		remove_tree(p->dir);
	}
	if (p) {
		if (p->lock >= 0)
			close(p->lock);
		free(p->series);
	}
	free(p);
	free(s);
	return rc;
}
