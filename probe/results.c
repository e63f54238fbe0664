#include "probe/results.h"

#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "common/opt.h"
#include "probe/answers.h"
#include "probe/hosts.h"
#include "probe/paths.h"

#define SECOND UINT64_C(1000000)

enum {
	NAME_TRIES = 1000,
	TAILED_MAX = 512, /* bytes of an answer in a format with a tail, and to spare */
};

struct results {
	struct results_config c;
	const struct format *format;
	struct writer *w;
	struct hosts *hosts; /* of FORMAT_HOSTS and FORMAT_PATHS */
	char *dir;           /* of the path; NULL: none */
	uint64_t n;          /* answers in this file */
	uint64_t turn_us;    /* when it is turned over; 0: not by time */
	int rc;              /* what failed, for good */
	struct diag why;
};

bool results_parse_rotate(uint64_t *us, const char *text)
{
	static const struct {
		const char *unit;
		uint64_t seconds;
	} units[] = {
		{ "second", 1 },    { "seconds", 1 },    { "min", 60 },
		{ "minute", 60 },   { "minutes", 60 },   { "hour", 3600 },
		{ "hours", 3600 },  { "day", 86400 },    { "days", 86400 },
		{ "week", 604800 }, { "weeks", 604800 },
	};
	uint64_t ns, n;
	char number[16];
	size_t len = strspn(text, "0123456789");

	if (opt_parse_duration(&ns, text)) {
		*us = ns / 1000;
		return true;
	}
	if (!strcmp(text, "hourly") || !strcmp(text, "daily")) {
		*us = (*text == 'h' ? 3600 : 86400) * SECOND;
		return true;
	}
	if (len == 0 || len >= sizeof(number))
		return false;
	memcpy(number, text, len);
	number[len] = '\0';
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(text + len, units[i].unit) && opt_parse_count(&n, number) &&
		    n <= UINT64_MAX / SECOND / units[i].seconds) {
			*us = n * units[i].seconds * SECOND;
			return true;
		}
	return false;
}

static void set_turn(struct results *r, uint64_t now_us)
{
	uint64_t period = r->c.rotate_us, offset;

	if (!period)
		return;
	offset = r->c.rotate_offset_us % period;
	r->turn_us = (now_us + period - offset) / period * period + offset;
}

/* Behind answers, if that is what there is. */
static int append_binary(struct results *r, uint64_t *size, struct diag *d)
{
	struct input *in;
	struct stat st;
	int rc = 0;

	if (stat(r->c.path, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size >= FORMAT_BINARY_HEADER) {
		rc = input_open(&in, r->c.path, d);
		if (rc < 0)
			return rc;
		rc = answers_begin(in, d);
		input_close(in);
	}
	return rc < 0 ? rc
	              : writer_append_records(&r->w, r->c.path, FORMAT_BINARY_HEADER,
	                                      2 * OBS_RECORD_SIZE, size, d);
}

/* A file, empty but for what stands at its beginning. */
static int open_file(struct results *r, uint64_t now_us, struct diag *d)
{
	uint64_t size = 0;
	int rc;

	if (r->c.append && r->c.format == FORMAT_BINARY)
		rc = append_binary(r, &size, d);
	else if (r->c.append)
		rc = writer_append(&r->w, r->c.path, &size, d);
	else if (r->format->tail)
		rc = writer_open_tailed(&r->w, r->c.path, r->format->tail, d);
	else
		rc = writer_open(&r->w, r->c.path, d);
	if (rc < 0)
		return rc;
	r->n = 0;
	set_turn(r, now_us);
	if (size == 0 && r->c.format == FORMAT_CSV && !r->c.no_header)
		obs_write_csv_header(r->w, &r->c.fields);
	if (size == 0 && r->format->begin)
		r->format->begin(r->w, now_us);
	rc = writer_flush(r->w);
	return rc < 0 ? diag_set(d, rc, "%s: %s", r->c.path, err_str(rc)) : 0;
}

static int find_dir(struct results *r)
{
	char *copy;

	if (!strcmp(r->c.path, "-") || !strncmp(r->c.path, "/dev/", 5))
		return 0;
	copy = strdup(r->c.path);
	r->dir = copy ? strdup(dirname(copy)) : NULL;
	free(copy);
	return r->dir ? 0 : -ENOMEM;
}

static int check_rotation(const struct results *r, struct diag *d)
{
	struct stat st;

	if (!r->c.rotate_us && !r->c.rotate_bytes)
		return 0;
	if (!r->dir)
		return diag_set(d, -EINVAL, "--rotate: there is no file to turn over");
	if (r->c.rotate_dir && (stat(r->c.rotate_dir, &st) < 0 || !S_ISDIR(st.st_mode) ||
	                        access(r->c.rotate_dir, W_OK) < 0))
		return diag_set(d, -ENOTDIR, "%s: is no folder that can be written to",
		                r->c.rotate_dir);
	return 0;
}

int results_open(struct results **out, const struct results_config *cfg, uint64_t now_us,
                 struct diag *d)
{
	struct results *r = calloc(1, sizeof(*r));
	const char *spill = getenv("TMPDIR");
	int rc;

	if (!r)
		return -ENOMEM;
	r->c = *cfg;
	r->format = &format_table[cfg->format];
	rc = find_dir(r);
	if (rc == 0)
		rc = check_rotation(r, d);
	if (rc == 0 && (cfg->format == FORMAT_HOSTS || cfg->format == FORMAT_PATHS)) {
		r->hosts = hosts_new(r->dir ? r->dir : spill ? spill : "/tmp");
		rc = r->hosts ? 0 : -ENOMEM;
	}
	if (rc == 0)
		rc = open_file(r, now_us, d);
	if (rc < 0) {
		results_close(r);
		return rc;
	}
	*out = r;
	return 0;
}

bool results_want(const struct results *r, const struct observation *o)
{
	return !r->format->open_only || o->outcome == OBS_OPEN;
}

void results_put(struct results *r, const struct observation *o)
{
	if (r->rc < 0)
		return;
	if (r->format->tail)
		writer_together(r->w, TAILED_MAX);
	if (!r->hosts)
		r->format->put(r->w, &r->c.fields, o, r->n);
	else if ((r->rc = hosts_put(r->hosts, o)) < 0)
		diag_set(&r->why, r->rc, "%s: answers by host: %s",
		         r->dir ? r->dir : "/tmp", err_str(r->rc));
	r->n++;
}

static int end_file(struct results *r, uint64_t now_us, struct diag *d)
{
	int rc = 0;

	if (r->c.format == FORMAT_PATHS)
		rc = paths_write(r->hosts, r->w, d);
	else if (r->hosts)
		rc = hosts_write(r->hosts, &r->c.fields, r->w, d);
	if (rc < 0)
		return rc;
	writer_drop_tail(r->w);
	if (r->format->end)
		r->format->end(r->w, now_us, r->n);
	rc = writer_commit(r->w, d);
	writer_close(r->w);
	r->w = NULL;
	return rc;
}

/* masscan's name for a file that was turned over: YYMMDD-HHMMSS-name; with a number
 * where that is taken. */
static int move_file(const struct results *r, uint64_t now_us, struct diag *d)
{
	const char *slash = strrchr(r->c.path, '/'),
		   *name = slash ? slash + 1 : r->c.path;
	const char *dir = r->c.rotate_dir ? r->c.rotate_dir : r->dir;
	time_t t = (time_t)(now_us / SECOND);
	char when[80], suffix[16] = "";
	struct tm tm;
	int rc = -EEXIST;

	gmtime_r(&t, &tm);
	snprintf(when, sizeof(when), "%02d%02d%02d-%02d%02d%02d", tm.tm_year % 100,
	         tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	for (int i = 0; rc == -EEXIST && i < NAME_TRIES; i++) {
		char *to;

		if (asprintf(&to, "%s/%s-%s%s", dir, when, name, suffix) < 0)
			return -ENOMEM;
		/* Not rename(): it would replace what is there. */
		rc = link(r->c.path, to) == 0 && unlink(r->c.path) == 0 ? 0 : -errno;
		if (rc == 0)
			log_debug("%s: turned over", to);
		if (rc < 0 && rc != -EEXIST)
			diag_set(d, rc, "%s: %s", to, strerror(-rc));
		free(to);
		snprintf(suffix, sizeof(suffix), ".%d", i + 1);
	}
	return rc;
}

static int turn(struct results *r, uint64_t now_us, struct diag *d)
{
	int rc = end_file(r, now_us, d);

	if (rc == 0)
		rc = move_file(r, now_us, d);
	return rc < 0 ? rc : open_file(r, now_us, d);
}

int results_flush(struct results *r, uint64_t now_us, struct diag *d)
{
	if (r->rc < 0)
		return diag_set(d, r->rc, "%s", diag_str(&r->why, r->rc));
	if ((r->turn_us && now_us >= r->turn_us) ||
	    (r->n && r->c.rotate_bytes && writer_size(r->w) >= r->c.rotate_bytes))
		r->rc = turn(r, now_us, &r->why);
	else if ((r->rc = writer_flush(r->w)) < 0)
		diag_set(&r->why, r->rc, "%s: %s", r->c.path, err_str(r->rc));
	return r->rc < 0 ? diag_set(d, r->rc, "%s", diag_str(&r->why, r->rc)) : 0;
}

int results_commit(struct results *r, uint64_t now_us, struct diag *d)
{
	if (r->rc < 0)
		return diag_set(d, r->rc, "%s", diag_str(&r->why, r->rc));
	return end_file(r, now_us, d);
}

void results_close(struct results *r)
{
	if (!r)
		return;
	writer_close(r->w);
	hosts_free(r->hosts);
	free(r->dir);
	free(r);
}
