#include "seeds/sources.h"

#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "common/reader.h"
#include "common/writer.h"

enum { PAUSE_MS = 20 }; /* between looks at a process */

/* The verbs that can be a source; all but collect must be told to give addresses. */
static const char *const verbs[] = { "collect", "bgp",  "resolve",  "walk",
	                             "arpa",    "axfr", "zonefile", NULL };

static bool is_verb(const char *text)
{
	for (unsigned i = 0; verbs[i]; i++)
		if (!strcmp(verbs[i], text))
			return true;
	return false;
}

/* Split at blanks; "double quotes" keep them.  How many words, -1: too many, or an
 * open quote. */
static int split(char *p, char **argv, int max)
{
	int n = 0;

	for (;;) {
		char *out;
		bool quoted = false;

		p += strspn(p, " \t");
		if (!*p)
			return n;
		if (n == max)
			return -1;
		argv[n++] = out = p;
		while (*p && (quoted || !strchr(" \t", *p))) {
			if (*p == '"')
				quoted = !quoted;
			else
				*out++ = *p;
			p++;
		}
		if (quoted)
			return -1;
		p += *p != '\0';
		*out = '\0';
	}
}

static bool is_name(const char *p, size_t n)
{
	return n > 0 && n < SOURCE_NAME &&
	       strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                 "0123456789-_") >= n;
}

/* "sextant seeds VERB -q -o PATH [-O addresses] ARGUMENTS"; 0, ERR_PARSE (told), or
 * -ENOMEM. */
static int make_source(struct source *s, const char *line, const char *folder,
                       bool allow_axfr, struct diag *d)
{
	const char *colon = strchr(line, ':');
	char *words[SOURCE_ARGS];
	int n, k = 0;

	if (!colon || !is_name(line, (size_t)(colon - line)))
		return diag_set(d, ERR_PARSE, "expected NAME: VERB ARGUMENTS...");
	memcpy(s->name, line, (size_t)(colon - line));
	s->line = strdup(line);
	s->words = strdup(colon + 1);
	if (!s->line || !s->words ||
	    asprintf(&s->path, "%s/%s.txt", folder, s->name) < 0 ||
	    asprintf(&s->done, "%s/%s.done", folder, s->name) < 0)
		return -ENOMEM;
	n = split(s->words, words, SOURCE_ARGS);
	if (n < 1 || !is_verb(words[0]))
		return diag_set(d, ERR_PARSE, "'%s': expected a verb of seeds, and words",
		                s->name);
	if (!strcmp(words[0], "axfr") && !allow_axfr)
		return diag_set(d, ERR_POLICY, "'%s': axfr is not allowed (--allow-axfr)",
		                s->name);
	s->argv[k++] = (char *)"sextant";
	s->argv[k++] = (char *)"seeds";
	s->argv[k++] = words[0];
	s->argv[k++] = (char *)"-qo";
	s->argv[k++] = s->path;
	if (strcmp(words[0], "collect"))
		s->argv[k++] = (char *)"-Oaddresses";
	for (int i = 1; i < n; i++)
		s->argv[k++] = words[i];
	s->argv[k] = NULL;
	return 0;
}

static int add_line(struct sources *s, const char *line, const char *folder,
                    bool allow_axfr, struct diag *d)
{
	int rc;

	line += strspn(line, " \t");
	if (!*line || *line == '#')
		return 0;
	if (s->n == SOURCES_MAX)
		return diag_set(d, ERR_PARSE, "more than %d sources", SOURCES_MAX);
	s->v[s->n] = (struct source){ .line = NULL };
	rc = make_source(&s->v[s->n++], line, folder, allow_axfr, d);
	for (size_t i = 0; rc == 0 && i + 1 < s->n; i++)
		if (!strcmp(s->v[i].name, s->v[s->n - 1].name))
			return diag_set(d, ERR_PARSE, "'%s' is there twice",
			                s->v[i].name);
	return rc;
}

int sources_load(struct sources *s, const char *config, const char *folder,
                 bool allow_axfr, struct diag *d)
{
	struct reader *r;
	const char *line;
	int rc;

	s->n = 0;
	rc = reader_open(&r, config, NULL, d);
	if (rc < 0)
		return rc;
	while ((rc = reader_line(r, &line, d)) > 0) {
		struct diag why = { "" };

		rc = add_line(s, line, folder, allow_axfr, &why);
		if (rc < 0) {
			diag_set(d, rc, "%s:%" PRIu64 ": %s", reader_name(r),
			         reader_line_number(r), diag_str(&why, rc));
			break;
		}
	}
	reader_close(r);
	if (rc == 0 && !s->n)
		rc = diag_set(d, ERR_EMPTY, "%s: no source in it", config);
	if (rc == 0 && mkdir(folder, 0777) < 0 && errno != EEXIST)
		rc = diag_set(d, -errno, "%s: %s", folder, err_str(-errno));
	return rc;
}

void sources_fini(struct sources *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].line);
		free(s->v[i].words);
		free(s->v[i].path);
		free(s->v[i].done);
	}
	s->n = 0;
}

/* It has run to its end, and with this very line. */
static bool has_run(const struct source *s)
{
	struct reader *r;
	const char *line;
	bool same;

	if (access(s->path, R_OK) < 0 || access(s->done, R_OK) < 0 ||
	    reader_open(&r, s->done, NULL, NULL) < 0)
		return false;
	same = reader_line(r, &line, NULL) > 0 && !strcmp(line, s->line);
	reader_close(r);
	return same;
}

static int mark_done(const struct source *s, struct diag *d)
{
	struct writer *w;
	int rc = writer_open(&w, s->done, d);

	if (rc < 0)
		return rc;
	writer_printf(w, "%s\n", s->line);
	rc = writer_commit(w, d);
	writer_close(w);
	return rc;
}

/* The end of a process.  When we are told to stop, so is it: it keeps what it has. */
static int wait_for(pid_t pid, const atomic_bool *stop, int *status)
{
	const struct timespec pause = { 0, PAUSE_MS * 1000000 };
	bool told = false;
	pid_t got;

	while ((got = waitpid(pid, status, WNOHANG)) == 0) {
		if (*stop && !told) {
			kill(pid, SIGTERM);
			told = true;
		}
		nanosleep(&pause, NULL);
	}
	return got < 0 ? -errno : 0;
}

/* 1: ended well, 0: not, or negative. */
static int run_one(const struct source *s, const atomic_bool *stop, struct diag *d)
{
	int status, rc;
	pid_t pid;

	unlink(s->done);
	unlink(s->path);
	rc = posix_spawn(&pid, "/proc/self/exe", NULL, NULL, s->argv, environ);
	if (rc)
		return diag_set(d, -rc, "%s: cannot run: %s", s->name, err_str(-rc));
	rc = wait_for(pid, stop, &status);
	if (rc < 0)
		return diag_set(d, rc, "%s: %s", s->name, err_str(rc));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int sources_run(struct sources *s, const atomic_bool *stop, unsigned *failed,
                struct diag *d)
{
	*failed = 0;
	for (size_t i = 0; i < s->n; i++) {
		struct source *v = &s->v[i];
		int rc;

		if (has_run(v)) {
			log_info("source %zu of %zu: %s: done before", i + 1, s->n,
			         v->name);
			continue;
		}
		log_status("source %zu of %zu: %s", i + 1, s->n, v->name);
		rc = run_one(v, stop, d);
		if (rc > 0)
			rc = mark_done(v, d) < 0 ? -EIO : 1;
		if (rc < 0)
			return rc;
		if (*stop)
			return diag_set(d, ERR_STOPPED, "stopped in source %s", v->name);
		if (rc == 0) {
			++*failed;
			log_error("source %s: not complete%s", v->name,
			          access(v->path, R_OK) < 0 ? ""
			                                    : "; what it has is used");
		}
	}
	return 0;
}
