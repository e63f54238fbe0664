/* The process stops, or the machine does, at every write, fsync, rename, unlink and
 * symlink of everything that changes a hitlist or a site: what is found afterwards
 * is whole, is the state before or after, and after when the call had returned.
 * And: every changed or missing byte of every file is noticed, and the file named.
 *
 * The calls of the library land in the functions below, because a program's own come
 * before those of libc.  Limits are small, so that there are many files. */
#define RUN_MAX_RECORDS   60
#define BATCH_RECORDS_MAX 32
#define BATCH_KEYS_MAX    48
#define BATCH_WINDOW      8
#define RUN_CUT_BITS      7
#define MERGE_THREADED    1000000
#define MERGE_PROCESSORS  1

#include "hitlist/batch.c"
#include "hitlist/merge.c"
#include "hitlist/run.c"
#include "hitlist/run_writer.c"
#include "hitlist/txn.c"

#include "tests/hitlist/hl.h"

#include <sys/syscall.h>
#include <sys/wait.h>

#include "common/sha256.h"
#include "hitlist/publish.h"

enum { STOPPED = 99, DIRTY_MAX = 64 };

/* Files with bytes that no fsync has covered: they go when the power does. */
static struct dirty {
	int fd; /* a duplicate of ours */
	ino_t ino;
	off_t synced;
} dirty[DIRTY_MAX];

static unsigned long calls, stop_at; /* 0: never */
static bool power;                   /* fails, too */

static struct dirty *find_dirty(ino_t ino)
{
	for (unsigned i = 0; i < DIRTY_MAX; i++)
		if (dirty[i].fd > 0 && dirty[i].ino == ino)
			return &dirty[i];
	return NULL;
}

static void note_write(int fd, const struct stat *st)
{
	unsigned i = 0;

	if (find_dirty(st->st_ino))
		return;
	while (i < DIRTY_MAX && dirty[i].fd > 0)
		i++;
	if (i < DIRTY_MAX)
		dirty[i] = (struct dirty){ dup(fd), st->st_ino, st->st_size };
}

static void stop(void)
{
	for (unsigned i = 0; power && i < DIRTY_MAX; i++)
		if (dirty[i].fd > 0 && ftruncate(dirty[i].fd, dirty[i].synced) < 0)
			_exit(1);
	_exit(STOPPED);
}

static bool is_time(void)
{
	return stop_at && ++calls == stop_at;
}

ssize_t write(int fd, const void *buf, size_t n);
ssize_t write(int fd, const void *buf, size_t n)
{
	struct stat st;

	if (stop_at && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		note_write(fd, &st);
		if (is_time()) {
			syscall(SYS_write, fd, buf, n / 2);
			stop();
		}
	}
	return syscall(SYS_write, fd, buf, n);
}

/* The machine goes on, so there is no need to wait for the disk. */
static int sync_fd(int fd)
{
	struct stat st;
	struct dirty *x;

	if (is_time())
		stop();
	if (stop_at && fstat(fd, &st) == 0 && (x = find_dirty(st.st_ino))) {
		close(x->fd);
		*x = (struct dirty){ .fd = 0 };
	}
	return 0;
}

int fsync(int fd);
int fsync(int fd)
{
	return sync_fd(fd);
}

int fdatasync(int fd);
int fdatasync(int fd)
{
	return sync_fd(fd);
}

int rename(const char *from, const char *to);
int rename(const char *from, const char *to)
{
	if (is_time())
		stop();
	return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

int unlink(const char *path);
int unlink(const char *path)
{
	if (is_time())
		stop();
	return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int symlink(const char *to, const char *path);
int symlink(const char *to, const char *path)
{
	if (is_time())
		stop();
	return (int)syscall(SYS_symlinkat, to, AT_FDCWD, path);
}

/* ---- what is done ------------------------------------------------------------------- */

struct world {
	char top[HL_PATH], dir[HL_PATH + 8], base[HL_PATH + 8], site[HL_PATH + 8];
	char old_site[HL_PATH + 16]; /* the publication before */
	struct host_record *rec;     /* the first half is there */
	size_t n;
};

static uint32_t now_of_test(void)
{
	return 1780000000;
}

static int do_import(const struct world *w, struct hitlist *h, struct diag *d)
{
	const struct hitlist_input in = { .when = 7, .name = "a\tlist", .read = w->n };
	struct hitlist_batch *b = NULL;
	int rc = hitlist_batch_open(&b, h, d);

	if (rc == 0)
		rc = hitlist_batch_add(b, w->rec, w->n, d);
	for (size_t i = 0; rc == 0 && i < w->n; i++)
		rc = hitlist_batch_tried(b, &w->rec[i].addr, 1, SOURCE_SCAN, 7, d);
	if (rc == 0)
		rc = hitlist_batch_input(b, &in);
	if (rc == 0)
		rc = hitlist_batch_commit(b, NULL, d);
	hitlist_batch_close(b);
	return rc;
}

static int do_merge(const struct world *w, struct hitlist *h, struct diag *d)
{
	(void)w;
	return hitlist_merge(h, NULL, d);
}

static int do_compact(const struct world *w, struct hitlist *h, struct diag *d)
{
	(void)w;
	return hitlist_compact(h, d);
}

static int do_block(const struct world *w, struct hitlist *h, struct diag *d)
{
	const struct hitlist_optout o = { .prefix = prefix_make(w->rec[0].addr, 64),
		                          .added = 1 };

	return hitlist_block(h, &o, 1, NULL, d);
}

static int do_alias(const struct world *w, struct hitlist *h, struct diag *d)
{
	struct alias_state s = { .prefix = prefix_make(w->rec[w->n / 4].addr, 64) };

	alias_judge(&s, UINT16_MAX, 0, 1);
	return hitlist_alias_commit(h, &s, 1, NULL, d);
}

static int do_publish(const struct world *w, struct hitlist *h, struct diag *d)
{
	const struct publish_config c = {
		.site = w->site,
		.title = "t",
		.contact = "noc@example.net",
		.keep = 1,
		.now = now_of_test(),
		.window = UINT32_MAX,
	};
	struct publish_point p;

	return hitlist_publish(h, &c, &p, d);
}

static int (*const deeds[])(const struct world *w, struct hitlist *h,
                            struct diag *d) = { do_import, do_merge, do_compact,
	                                        do_block,  do_alias, do_publish };
enum { PUBLISH = 5 };
static const char *const names[] = { "import", "merge", "compact",
	                             "block",  "alias", "publish" };

/* ---- what is found -------------------------------------------------------------------- */

/* Numbers that tell the states apart. */
struct state {
	struct hitlist_info info;
	uint64_t up, inputs;
};

static int count_up(void *ctx, const struct host_history *x)
{
	*(uint64_t *)ctx += x->n;
	return 0;
}

static void look(const char *dir, enum hitlist_mode mode, struct state *s,
                 const char *what)
{
	const struct prefix all = { { 0, 0 }, 0 };
	const struct hitlist_input *in;
	struct diag d = { "" };
	struct hitlist *h;

	memset(s, 0, sizeof(*s));
	if (hitlist_open(&h, dir, mode, &d) < 0 || hitlist_check(h, &d) < 0 ||
	    hitlist_history(h, all, count_up, &s->up, &d) < 0)
		fail_msg("%s: %s", what, d.text);
	hitlist_info(h, &s->info);
	s->inputs = hitlist_inputs(h, &in);
	hitlist_close(h);
}

/* Runs may be one more or fewer, and the journals' files may linger. */
static bool same(const struct state *a, const struct state *b)
{
	return a->info.generation == b->info.generation &&
	       a->info.hosts == b->info.hosts && a->info.seen == b->info.seen &&
	       a->info.aliased == b->info.aliased && a->info.optouts == b->info.optouts &&
	       a->info.runs == b->info.runs && a->info.journals == b->info.journals &&
	       a->up == b->up && a->inputs == b->inputs;
}

static int copy_one(void *ctx, const char *name)
{
	const char *const *dirs = ctx;
	char from[4 * HL_PATH], to[4 * HL_PATH], link[256];
	struct stat st;
	uint8_t *p;
	size_t n;

	snprintf(from, sizeof(from), "%s/%s", dirs[0], name);
	snprintf(to, sizeof(to), "%s/%s", dirs[1], name);
	assert_int_equal(lstat(from, &st), 0);
	if (S_ISLNK(st.st_mode)) {
		n = (size_t)readlink(from, link, sizeof(link) - 1);
		link[n] = 0;
		assert_int_equal(symlink(link, to), 0);
		return 0;
	}
	if (S_ISDIR(st.st_mode)) {
		const char *below[] = { from, to };

		assert_int_equal(mkdir(to, 0755), 0);
		return fs_each(from, copy_one, below, NULL);
	}
	p = hl_read(from, &n);
	hl_write(to, p, n);
	free(p);
	return 0;
}

static void copy_tree(const char *from, const char *to)
{
	const char *dirs[] = { from, to };
	struct diag d = { "" };

	assert_int_equal(mkdir(to, 0755), 0);
	hl_ok(fs_each(from, copy_one, dirs, &d), &d);
}

static void observed(struct journal *j, struct addr128 a, uint32_t when, bool silent)
{
	struct observation o = { .target = a,
		                 .from = a,
		                 .proto = OBS_ICMP6,
		                 .outcome = silent ? OBS_SILENT : OBS_OPEN,
		                 .tag = silent,
		                 .when_us = (uint64_t)when * 1000000 };

	assert_int_equal(journal_append(j, &o, 1), 0);
}

/* A hitlist with two groups in each tier, journals that wait, and a site. */
static void make(struct world *w)
{
	struct diag d = { "" };
	struct hitlist *h = NULL;
	struct journal *j;
	struct rng r;

	rng_init(&r, 81);
	w->n = 160;
	w->rec = hl_records(&r, &w->n);
	for (size_t i = 0; i < w->n; i++) {
		w->rec[i] = (struct host_record){ .addr = w->rec[i].addr,
			                          .first_seen = now_of_test() - 999,
			                          .sources = 1 };
		w->rec[i].service_seen[SERVICE_ICMP] = now_of_test() - 999;
		host_record_normalise(&w->rec[i]);
	}
	hl_mkdir(w->top);
	snprintf(w->dir, sizeof(w->dir), "%s/hl", w->top);
	snprintf(w->base, sizeof(w->base), "%s/base", w->top);
	snprintf(w->site, sizeof(w->site), "%s/site", w->top);
	snprintf(w->old_site, sizeof(w->old_site), "%s/site.old", w->top);
	hl_ok(hitlist_open(&h, w->base, HITLIST_CREATE, &d), &d);
	hl_ok(hitlist_add(h, w->rec, w->n / 2, NULL, &d), &d);
	for (unsigned k = 0; k < 2; k++) {
		size_t n = k ? 3 : 40; /* of a group that the next one leaves alone */

		hl_ok(journal_open(&j, h, SOURCE_SCAN, &d), &d);
		for (size_t i = 0; i < n; i++) {
			observed(j, w->rec[i].addr, now_of_test() - 500 + k, true);
			assert_int_equal(journal_tried(j, &w->rec[i].addr, 1), 0);
		}
		journal_close(j);
		hl_ok(hitlist_merge(h, NULL, &d), &d);
	}
	hl_ok(hitlist_add(h, &w->rec[w->n / 2], 3, NULL, &d), &d);
	hl_ok(journal_open(&j, h, SOURCE_SCAN, &d), &d);
	for (size_t i = 10; i < w->n / 2 + 20; i++)
		observed(j, w->rec[i].addr, now_of_test() - 100, false);
	journal_close(j);
	hitlist_close(h);
}

static void restore(const struct world *w, bool site)
{
	hl_rmdir(w->dir);
	hl_rmdir(w->site);
	copy_tree(w->base, w->dir);
	if (site)
		copy_tree(w->old_site, w->site);
}

/* What the process does that may be stopped; its exit status. */
static int run_deed(const struct world *w, unsigned deed, unsigned long at, bool off)
{
	struct diag d = { "" };
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct hitlist *h = NULL;

		power = off;
		stop_at = at;
		if (hitlist_open(&h, w->dir, HITLIST_WRITE, &d) < 0 ||
		    deeds[deed](w, h, &d) < 0)
			_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The site: each file that its manifest names is there as it says. */
static void check_site(const struct world *w, const char *what)
{
	char path[2 * HL_PATH], *text, *line, *rest;
	struct diag d = { "" };
	unsigned files = 0;
	size_t n;

	snprintf(path, sizeof(path), "%s/latest/manifest.json", w->site);
	rest = text = (char *)hl_read(path, &n);
	text[n] = 0;
	while ((line = strsep(&rest, "\n"))) {
		char name[128], sum[80], hex[SHA256_HEX];

		if (sscanf(line,
		           " {\"name\":\"%127[^\"]\",\"lines\":%*u,\"bytes\":%*u,"
		           "\"sha256\":\"%79[0-9a-f]",
		           name, sum) != 2)
			continue;
		snprintf(path, sizeof(path), "%s/latest/%s", w->site, name);
		if (sha256_file(hex, path, &d) < 0 || strcmp(hex, sum) != 0)
			fail_msg("%s: %s: not as the manifest says", what, path);
		files++;
	}
	if (files != LISTS)
		fail_msg("%s: %u files in the manifest", what, files);
	snprintf(path, sizeof(path), "%s/latest/index.html", w->site);
	free(text);
	text = (char *)hl_read(path, &n);
	if (n < 16 || memcmp(text + n - 15, "</body></html>\n", 15) != 0)
		fail_msg("%s: the page is not whole", what);
	free(text);
}

static void stop_everywhere(unsigned deed, bool off)
{
	struct state before, after, found;
	unsigned long k;
	int status = STOPPED;
	struct world w;
	char what[128];

	make(&w);
	look(w.base, HITLIST_READ, &before, "before");
	restore(&w, false);
	assert_int_equal(run_deed(&w, deed, 1000000, off), 0);
	if (deed == PUBLISH)
		assert_int_equal(rename(w.site, w.old_site), 0);
	look(w.dir, HITLIST_READ, &after, "after");
	assert_true(deed == PUBLISH || !same(&before, &after));
	for (k = 1; status == STOPPED; k++) {
		snprintf(what, sizeof(what), "%s stopped at call %lu%s", names[deed], k,
		         off ? " with the power" : "");
		restore(&w, deed == PUBLISH);
		status = run_deed(&w, deed, k, off);
		if (status != STOPPED && status != 0)
			fail_msg("%s: status %d", what, status);
		look(w.dir, HITLIST_READ, &found, what);
		if (!same(&found, &after) && (status == 0 || !same(&found, &before)))
			fail_msg("%s: neither the state before nor the one after", what);
		/* The next writer clears up, and goes on as if nothing had been. */
		look(w.dir, HITLIST_WRITE, &found, what);
		if (deed == PUBLISH)
			check_site(&w, what);
		if (status == STOPPED && deed != PUBLISH && same(&found, &before)) {
			assert_int_equal(run_deed(&w, deed, 1000000, off), 0);
			look(w.dir, HITLIST_READ, &found, what);
			assert_true(same(&found, &after));
		}
	}
	print_message("%s: %lu places%s\n", names[deed], k - 2, off ? ", power" : "");
	assert_true(k > 5);
	hl_rmdir(w.top);
	free(w.rec);
}

/* Of a publication, which takes its time, only the harder of the two. */
static void stopped_at_any_call(void **state)
{
	(void)state;
	for (unsigned deed = 0; deed < PUBLISH; deed++)
		stop_everywhere(deed, false);
}

static void power_lost_at_any_call(void **state)
{
	(void)state;
	for (unsigned deed = 0; deed <= PUBLISH; deed++)
		stop_everywhere(deed, true);
}

/* ---- damage ----------------------------------------------------------------------------- */

struct damage {
	const struct world *w;
	char dir[2 * HL_PATH];
	unsigned files;
	unsigned long tried;
};

static int verdict(const char *dir, struct diag *d)
{
	struct hitlist *h = NULL;
	int rc = hitlist_open(&h, dir, HITLIST_READ, d);

	if (rc == 0)
		rc = hitlist_check(h, d);
	hitlist_close(h);
	return rc;
}

static int damage_file(void *ctx, const char *name)
{
	struct damage *x = ctx;
	char path[4 * HL_PATH];
	struct diag d;
	uint8_t *p;
	size_t n, step;
	bool tail;

	snprintf(path, sizeof(path), "%s/%s", x->dir, name);
	if (!strchr(name, '.') && strcmp(name, "MANIFEST") != 0 && !strchr(name, '-') &&
	    strcmp(name, "untested") != 0)
		return 0; /* lock, and the folders */
	/* The end of these may be cut by a crash: what is left is good. */
	tail = fs_has_suffix(name, ".obs") || strcmp(name, "untested") == 0;
	p = hl_read(path, &n);
	step = n > 700 ? 5 : n > 300 ? 3 : 1;
	for (size_t i = 0; i < n; i += step, x->tried++) {
		p[i] ^= (uint8_t)(1 << i % 8);
		hl_write(path, p, n);
		p[i] ^= (uint8_t)(1 << i % 8);
		d.text[0] = 0;
		if (verdict(x->w->dir, &d) == 0)
			fail_msg("%s: byte %zu changed, and nobody notices", name, i);
		if (!strstr(d.text, name))
			fail_msg("%s: byte %zu: %s", name, i, d.text);
	}
	for (size_t i = 0; i < n; i += step * 3, x->tried++) {
		hl_write(path, p, i);
		d.text[0] = 0;
		if (verdict(x->w->dir, &d) == 0 ? !tail : !strstr(d.text, name))
			fail_msg("%s: %zu bytes of %zu: %s", name, i, n, d.text);
	}
	hl_write(path, p, n);
	free(p);
	x->files++;
	return 0;
}

static void damage_anywhere_is_named(void **state)
{
	struct diag d = { "" };
	struct damage x = { .files = 0 };
	struct hitlist *h = NULL;
	struct waiting *wait;
	struct observation o = { .outcome = OBS_OPEN, .when_us = 1 };
	struct world w;

	(void)state;
	make(&w);
	restore(&w, false);
	hl_ok(hitlist_open(&h, w.dir, HITLIST_WRITE, &d), &d);
	hl_ok(do_alias(&w, h, &d), &d);
	hl_ok(do_block(&w, h, &d), &d);
	hl_ok(waiting_open(&wait, h, &d), &d);
	hl_ok(waiting_add(wait, &o), &d);
	waiting_close(wait);
	hitlist_close(h);
	hl_ok(verdict(w.dir, &d), &d);
	x.w = &w;
	snprintf(x.dir, sizeof(x.dir), "%s", w.dir);
	hl_ok(fs_each(x.dir, damage_file, &x, &d), &d);
	snprintf(x.dir, sizeof(x.dir), "%s/runs", w.dir);
	hl_ok(fs_each(x.dir, damage_file, &x, &d), &d);
	snprintf(x.dir, sizeof(x.dir), "%s/journal", w.dir);
	hl_ok(fs_each(x.dir, damage_file, &x, &d), &d);
	hl_ok(verdict(w.dir, &d), &d);
	print_message("%lu damages in %u files\n", x.tried, x.files);
	assert_true(x.files >= 9);
	hl_rmdir(w.top);
	free(w.rec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stopped_at_any_call),
		cmocka_unit_test(power_lost_at_any_call),
		cmocka_unit_test(damage_anywhere_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
