/* kill -9 at random moments of a process that writes journals, merges, imports
 * and adds aliased prefixes.  It tells through a pipe what has been
 * acknowledged; all of that must be in the hitlist that is found afterwards,
 * which must be whole, and hold nothing that was never written.  The limits are
 * small, so that every commit spills and writes chains of runs. */
#define RUN_MAX_RECORDS   300
#define BATCH_RECORDS_MAX 64
#define BATCH_KEYS_MAX    48
#define RUN_CUT_BITS      6
#define MERGE_THREADED    200
#define MERGE_PROCESSORS  3
#define BATCH_WINDOW      8

#include "tests/hitlist/hl.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "common/addrset.h"
#include "common/clock.h"
#include "hitlist/batch.c"
#include "hitlist/journal.h"
#include "hitlist/merge.c"
#include "hitlist/run.c"
#include "hitlist/run_writer.c"
#include "hitlist/txn.c"

enum { ROUNDS = 40, BATCH = 200 };

/* What the child reports, after the call in question has returned 0. */
struct event {
	enum { HOST, TRIED, ALIASED } kind;
	struct addr128 addr; /* ALIASED: a /112 */
};

struct child {
	struct hitlist *h;
	struct rng r;
	int out;
	struct event e[3 * BATCH];
	size_t n;
	unsigned round;
};

static void acknowledge(struct child *c)
{
	size_t n = c->n * sizeof(*c->e);

	if (write(c->out, c->e, n) != (ssize_t)n)
		_exit(1);
	c->n = 0;
}

/* Addresses of a space of their own: 2001:db8:<kind>::/48. */
static struct addr128 pick(struct rng *r, unsigned kind)
{
	struct addr128 a = { UINT64_C(0x20010db800000000) | (uint64_t)kind << 16, 0 };

	a.lo = rng_below(r, 1000) << 16 | rng_below(r, 100);
	return a;
}

static void child_import(struct child *c)
{
	struct host_record rec[BATCH];
	struct diag d = { "" };

	for (size_t i = 0; i < BATCH; i++) {
		rec[i] = hl_record(&c->r, pick(&c->r, 1));
		c->e[c->n++] = (struct event){ HOST, rec[i].addr };
	}
	if (hitlist_add(c->h, rec, BATCH, NULL, &d) < 0)
		_exit(2);
	acknowledge(c);
}

static void child_scan(struct child *c)
{
	struct diag d = { "" };
	struct journal *j;

	if (journal_open(&j, c->h, SOURCE_SCAN, &d) < 0)
		_exit(3);
	for (unsigned k = 0; k < 10; k++) {
		struct observation o[10] = { 0 };
		struct addr128 a[10];

		for (unsigned i = 0; i < 10; i++) {
			a[i] = pick(&c->r, 2);
			o[i].target = o[i].from = pick(&c->r, 3);
			o[i].outcome = OBS_OPEN;
			o[i].proto = OBS_ICMP6;
			o[i].when_us = 9000000;
			c->e[c->n++] = (struct event){ TRIED, a[i] };
			c->e[c->n++] = (struct event){ HOST, o[i].target };
		}
		if (journal_tried(j, a, 10) < 0 || journal_append(j, o, 10) < 0)
			_exit(4);
		acknowledge(c);
	}
	if (rng_below(&c->r, 3) == 0) {
		struct prefix p = prefix_make(pick(&c->r, 1), 112);

		if (journal_aliased(j, p) < 0)
			_exit(5);
		c->e[c->n++] = (struct event){ ALIASED, p.addr };
		acknowledge(c);
	}
	journal_close(j);
}

static void child_run(struct child *c)
{
	struct diag d = { "" };

	/* A test that fails must not leave it running. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		struct prefix p = prefix_make(pick(&c->r, 3), 112);

		switch (rng_below(&c->r, 4)) {
		case 0: child_import(c); break;
		case 1: child_scan(c); break;
		case 2:
			if (hitlist_merge(c->h, NULL, &d) < 0)
				_exit(6);
			break;
		default:
			if (rng_below(&c->r, 4))
				break;
			if (hitlist_add_aliased(c->h, &p, 1, &d) < 0)
				_exit(7);
			c->e[c->n++] = (struct event){ ALIASED, p.addr };
			acknowledge(c);
		}
	}
}

struct truth {
	struct addrset *hosts, *tried, *aliased;
};

static void believe(struct truth *t, const struct event *e)
{
	struct addrset *to = e->kind == HOST    ? t->hosts
	                     : e->kind == TRIED ? t->tried
	                                        : t->aliased;

	assert_true(addrset_add(to, e->addr) >= 0);
}

/* Half an event at the end is one that the child was killed in. */
struct ear {
	uint8_t buf[sizeof(struct event) * 64];
	size_t n;
};

/* Take in what the pipe has; false: it is empty and closed. */
static bool listen_once(struct ear *ear, int fd, struct truth *t)
{
	ssize_t got = read(fd, ear->buf + ear->n, sizeof(ear->buf) - ear->n);
	struct event e;
	size_t at = 0;

	assert_true(got >= 0);
	ear->n += (size_t)got;
	for (; ear->n - at >= sizeof(e); at += sizeof(e)) {
		memcpy(&e, ear->buf + at, sizeof(e));
		believe(t, &e);
	}
	memmove(ear->buf, ear->buf + at, ear->n - at);
	ear->n -= at;
	return got > 0;
}

/* Kill the child after some time, and hear all that it has said. */
static void hear_out(int fd, pid_t pid, uint64_t ns, struct truth *t)
{
	uint64_t end = clock_mono_ns() + ns, now;
	struct ear ear = { .n = 0 };
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while ((now = clock_mono_ns()) < end) {
		struct timespec wait = { 0, (long)(end - now) };

		if (ppoll(&p, 1, &wait, NULL) > 0 && !listen_once(&ear, fd, t))
			break;
	}
	kill(pid, SIGKILL);
	while (listen_once(&ear, fd, t))
		continue;
	close(fd);
}

static void forget_nothing(const struct hitlist *h, const struct truth *t)
{
	struct host_record rec;
	struct addr128 a;
	struct diag d = { "" };
	size_t pos = 0;

	while (addrset_next(t->aliased, &pos, &a))
		assert_true(ivtab_covers_all(hitlist_aliased(h), prefix_make(a, 112)));
	for (pos = 0; addrset_next(t->hosts, &pos, &a);) {
		bool aliased = ivtab_covers(hitlist_aliased(h), a);

		assert_int_equal(hitlist_lookup(h, a, &rec, &d), !aliased);
		assert_int_equal(hitlist_seen(h, a, &d), 1);
	}
	for (pos = 0; addrset_next(t->tried, &pos, &a);)
		assert_int_equal(hitlist_seen(h, a, &d), 1);
}

/* Only what could have been written: the spaces of the three kinds. */
static void invent_nothing(const struct hitlist *h)
{
	struct hitlist_iter *it;
	struct host_record rec;
	struct diag d = { "" };
	int rc;

	hl_ok(hitlist_iter_open(&it, h, NULL, &d), &d);
	while ((rc = hitlist_iter_next(it, &rec, &d)) > 0) {
		unsigned kind = (unsigned)(rec.addr.hi >> 16 & 0xff);

		assert_true(rec.addr.hi == (UINT64_C(0x20010db800000000) | kind << 16));
		assert_true(kind == 1 || kind == 3);
		assert_true(rec.addr.lo >> 16 < 1000 && (rec.addr.lo & 0xffff) < 100);
	}
	hl_ok(rc, &d);
	hitlist_iter_close(it);
}

static void one_life(const char *dir, unsigned round, struct truth *t)
{
	struct diag d = { "" };
	int fds[2], status;
	uint64_t ns;
	struct rng r;
	pid_t pid;

	rng_init(&r, 1000 + round);
	ns = rng_below(&r, rng_below(&r, 2) ? 100 * NS_PER_MS : 10 * NS_PER_MS);
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct child *c = calloc(1, sizeof(*c));

		close(fds[0]);
		if (!c || hitlist_open(&c->h, dir, HITLIST_CREATE, &d) < 0)
			_exit(8);
		c->r = r;
		c->out = fds[1];
		child_run(c);
	}
	close(fds[1]);
	hear_out(fds[0], pid, ns, t);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status))
		fail_msg("the child failed at step %d", WEXITSTATUS(status));
}

static void nothing_acknowledged_is_lost(void **state)
{
	struct truth t = { addrset_new(0), addrset_new(0), addrset_new(0) };
	struct hitlist *h;
	char dir[HL_PATH];
	struct diag d = { "" };

	(void)state;
	hl_mkdir(dir);
	for (unsigned round = 0; round < ROUNDS; round++) {
		one_life(dir, round, &t);
		/* What readers find is whole, with what the dead has left. */
		if (hitlist_open(&h, dir, HITLIST_READ, &d) == 0) {
			hl_ok(hitlist_check(h, &d), &d);
			hitlist_close(h);
		}
		d.text[0] = 0;
		hl_ok(hitlist_open(&h, dir, HITLIST_CREATE, &d), &d);
		if (round % 3 == 0) {
			hl_ok(hitlist_merge(h, NULL, &d), &d);
			hl_ok(hitlist_check(h, &d), &d);
			forget_nothing(h, &t);
			invent_nothing(h);
		}
		hitlist_close(h);
	}
	assert_true(addrset_count(t.hosts) > 100);
	addrset_free(t.hosts);
	addrset_free(t.tried);
	addrset_free(t.aliased);
	hl_rmdir(dir);
}

/* A reader that opens while a writer commits finds one state or another. */
static void readers_beside_a_writer(void **state)
{
	char dir[HL_PATH];
	struct diag d = { "" };
	struct hitlist *h;
	uint64_t last = 0;
	int status;
	pid_t pid;

	(void)state;
	hl_mkdir(dir);
	hl_ok(hitlist_open(&h, dir, HITLIST_CREATE, &d), &d);
	hitlist_close(h);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct child *c = calloc(1, sizeof(*c));

		if (!c || hitlist_open(&c->h, dir, HITLIST_WRITE, &d) < 0)
			_exit(8);
		rng_init(&c->r, 5);
		c->out = open("/dev/null", O_WRONLY);
		child_run(c);
	}
	for (uint64_t end = clock_mono_ns() + 10 * NS_PER_S;
	     clock_mono_ns() < end && last < 25;) {
		struct hitlist_info info;

		hl_ok(hitlist_open(&h, dir, HITLIST_READ, &d), &d);
		hitlist_info(h, &info);
		assert_true(info.generation >= last);
		last = info.generation;
		hl_ok(hitlist_check(h, &d), &d);
		hitlist_close(h);
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_true(last >= 10);
	hl_rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_acknowledged_is_lost),
		cmocka_unit_test(readers_beside_a_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
