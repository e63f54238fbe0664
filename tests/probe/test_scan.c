/* Whole scans over the memory link: a responder in memory answers as the tests
 * want, so that every count can be exact. */
#include "tests/test.h"

#include <stdatomic.h>

#include "tests/common/failing.h"

#include "common/addrset.h"
#include "common/clock.h"
#include "common/ivtab.h"
#include "common/rng.h"
#include "probe/lanes.c"
#include "probe/modules.c"
#include "probe/open.c"
#include "probe/ring.c"
#include "probe/targets.h"
#include "tests/probe/forge.h"

struct world {
	struct receiver *receiver;
	struct addrset *sent; /* distinct (address, port) that left */
	size_t packets;
	unsigned times; /* each answer comes so often */
	bool (*alive)(struct addr128 a);
	bool mute;
	size_t forged;          /* bad answers that were thrown in */
	uint64_t sent_at[4096]; /* of the first packets */
	struct addr128 sent_to[4096];
};

static struct addr128 key(struct addr128 a, uint16_t port)
{
	a.hi ^= (uint64_t)port << 40;
	return a;
}

static void answer(struct world *w, const struct frame *probe)
{
	uint8_t proto = forge_proto(probe);
	struct frame f =
		proto == 6 ? forge_tcp_reply(probe, 18, 1) : forge_echo_reply(probe);

	for (unsigned i = 0; i < w->times; i++)
		receiver_inject(w->receiver, f.b, f.n, clock_wall_us());
	if (w->packets % 16 == 0) {
		f.b[forge_l4(&f) + (proto == 6 ? 9 : 5)] ^= 4;
		forge_fix(&f);
		receiver_inject(w->receiver, f.b, f.n, clock_wall_us());
		receiver_inject(w->receiver, f.b, f.n - 9, clock_wall_us());
		w->forged += 2;
	}
}

static void on_sent(void *ctx, const uint8_t *bytes, size_t len)
{
	struct world *w = ctx;
	struct packet p;
	struct frame f;
	uint16_t port;

	assert_true(len <= sizeof(f.b));
	memcpy(f.b, bytes, len);
	f.n = len;
	assert_true(packet_parse(&p, wire_from(bytes + ETH, len - ETH), PACKET_RECEIVED));
	assert_true(packet_checksum_ok(&p));
	port = p.proto == 6 ? forge_get16(p.l4.at + 2) : 0;
	addrset_add(w->sent, key(p.dst, port));
	if (w->packets < ARRAY_LEN(w->sent_at)) {
		w->sent_at[w->packets] = clock_mono_ns();
		w->sent_to[w->packets] = p.dst;
	}
	w->packets++;
	if (!w->mute && w->alive(p.dst))
		answer(w, &f);
}

struct found {
	struct addrset *set;
	size_t n;
	atomic_bool *stop_after; /* set when limit answers are there */
	size_t limit;
};

static void on_found(void *ctx, const struct observation *o)
{
	struct found *f = ctx;

	assert_int_equal(o->vantage, 5);
	assert_int_equal(o->outcome, OBS_OPEN);
	addrset_add(f->set, key(o->target, o->port));
	f->n++;
	if (f->stop_after && f->n >= f->limit)
		atomic_store(f->stop_after, true);
}

static bool odd(struct addr128 a)
{
	return a.lo & 1;
}

static struct scope *make_scope(const char *blocked)
{
	char path[] = "/tmp/sextant-test-XXXXXX";
	const char *files[] = { path };
	struct scope_config cfg = { .allow_special = true };
	struct scope *s = NULL;

	if (blocked) {
		int fd = mkstemp(path);
		FILE *f = fdopen(fd, "w");

		assert_non_null(f);
		fputs(blocked, f);
		assert_int_equal(fclose(f), 0);
		cfg.blocklists = (struct opt_list){ files, 1 };
	}
	assert_int_equal(scope_new(&s, &cfg, NULL), 0);
	if (blocked)
		remove(path);
	return s;
}

static const char *const module_names[] = { "icmp6-echo", "icmp-echo", "tcp-syn" };

static struct probe_config config(const struct scope *scope, double rate)
{
	return (struct probe_config){
		.modules = { (const char **)module_names, 3 },
		.rate_pps = rate,
		.probes = 1,
		.cooldown_ns = 20 * NS_PER_MS,
		.scope = scope,
		.vantage = 5,
		.dedup = true,
	};
}

static struct probe_scan *open_scan(struct world *w, const struct probe_config *cfg)
{
	struct scan_way way = { .receiver = NULL };
	struct probe_scan *s = NULL;
	struct diag d = { "" };

	memset(w, 0, sizeof(*w));
	w->times = 1;
	w->alive = odd;
	w->sent = addrset_new(16);
	assert_int_equal(link_memory_open(&way.links[0][0], on_sent, w), 0);
	way.links[0][1] = way.links[0][0];
	assert_int_equal(receiver_memory_open(&way.receiver, PACKET_L2_ETHERNET), 0);
	way.source[0] = forge_addr("192.0.2.1");
	way.source[1] = forge_addr("2001:db8:aaaa::1");
	w->receiver = way.receiver;
	if (scan_open(&s, cfg, &way, &d) < 0)
		fail_msg("%s", d.text);
	return s;
}

static struct targets *open_targets(const char *const *texts, size_t n, const char *ports)
{
	struct ivtab_builder *b = ivtab_builder_new();
	struct ports p = { 0 };
	struct targets_config cfg = { .ports = &p, .seed = 99, .shard = { 0, 1 } };
	struct addr128 first, last;
	struct targets *t;

	for (size_t i = 0; i < n; i++) {
		assert_true(targets_parse(&first, &last, texts[i]));
		assert_int_equal(ivtab_add_range(b, first, last, 1), 0);
	}
	if (ports)
		assert_int_equal(ports_add(&p, ports, NULL), 0);
	assert_int_equal(ports_add_none(&p), 0);
	assert_int_equal(targets_open_space(&t, b, &cfg, NULL), 0);
	ivtab_builder_free(b);
	ports_fini(&p);
	return t;
}

static const char *const networks[] = { "2001:db8::/116", "198.51.100.0/24" };
enum { HOSTS = 4096 + 256 };

/* Every target once, whatever the mixture of families, protocols and ports; all
 * that live are found once; what is forged or torn is counted and refused. */
static void a_scan_finds_exactly_who_answers(void **state)
{
	struct scope *scope = make_scope(NULL);
	struct probe_config cfg = config(scope, 500000);
	struct targets *t = open_targets(networks, 2, "80,443");
	struct found found = { .set = addrset_new(16) };
	struct probe_source source = { targets_next, t };
	struct probe_sink sink = { on_found, &found };
	struct probe_stats st;
	struct probe_scan *s;
	struct world w;
	struct diag d = { "" };

	(void)state;
	s = open_scan(&w, &cfg);
	w.times = 3;
	assert_int_equal(probe_run(s, &source, &sink, &d), 0);
	probe_stats(s, &st);
	assert_int_equal(w.packets, 3 * HOSTS);
	assert_int_equal(addrset_count(w.sent), 3 * HOSTS);
	assert_int_equal(st.targets, 3 * HOSTS);
	assert_int_equal(st.sent, 3 * HOSTS);
	assert_int_equal(found.n, 3 * HOSTS / 2);
	assert_int_equal(addrset_count(found.set), 3 * HOSTS / 2);
	assert_int_equal(st.open, found.n);
	assert_int_equal(st.valid, 3 * found.n);
	assert_int_equal(st.repeats, 2 * found.n);
	assert_true(w.forged > 0);
	assert_int_equal(st.invalid, w.forged);
	assert_int_equal(st.received, st.valid + st.invalid);
	assert_int_equal(st.closed + st.errors + st.refused_scope + st.refused_family +
	                         st.send_errors + st.kernel_drops,
	                 0);
	assert_true(st.started_us && st.ended_us >= st.started_us);
	probe_close(s);
	targets_close(t);
	addrset_free(w.sent);
	addrset_free(found.set);
	scope_free(scope);
}

/* The scope is asked for every packet, retries included. */
static void what_is_blocked_is_never_sent(void **state)
{
	struct scope *scope = make_scope("2001:db8::100/120\n198.51.100.128/25\n");
	struct probe_config cfg = config(scope, 500000);
	struct targets *t = open_targets(networks, 2, NULL);
	struct found found = { .set = addrset_new(16) };
	struct probe_source source = { targets_next, t };
	struct probe_sink sink = { on_found, &found };
	struct probe_stats st;
	struct probe_scan *s;
	struct world w;
	size_t pos = 0;
	struct addr128 a;

	(void)state;
	cfg.probes = 2;
	cfg.probe_interval_ns = NS_PER_MS;
	s = open_scan(&w, &cfg);
	assert_int_equal(probe_run(s, &source, &sink, NULL), 0);
	probe_stats(s, &st);
	assert_int_equal(st.refused_scope, 256 + 128);
	assert_int_equal(st.targets, HOSTS);
	assert_int_equal(w.packets, 2 * (HOSTS - 256 - 128));
	while (addrset_next(w.sent, &pos, &a))
		assert_int_equal(scope_check(scope, a), SCOPE_OK);
	assert_int_equal(found.n, (HOSTS - 256 - 128) / 2);
	probe_close(s);
	targets_close(t);
	addrset_free(w.sent);
	addrset_free(found.set);
	scope_free(scope);
}

/* Retries go to every target, the given time later and not earlier. */
static void retries_are_spaced(void **state)
{
	enum { N = 256, INTERVAL_MS = 40, TRIES = 3 };
	static const char *const network[] = { "2001:db8::/120" };
	struct scope *scope = make_scope(NULL);
	struct probe_config cfg = config(scope, 20000);
	struct targets *t = open_targets(network, 1, NULL);
	struct found found = { .set = addrset_new(16) };
	struct probe_source source = { targets_next, t };
	struct probe_sink sink = { on_found, &found };
	struct probe_scan *s;
	struct world w;
	unsigned round[TRIES][TRIES * N], sent[TRIES] = { 0 };

	(void)state;
	cfg.probes = TRIES;
	cfg.probe_interval_ns = INTERVAL_MS * NS_PER_MS;
	s = open_scan(&w, &cfg);
	w.mute = true;
	assert_int_equal(probe_run(s, &source, &sink, NULL), 0);
	assert_int_equal(w.packets, TRIES * N);
	assert_int_equal(addrset_count(w.sent), N);
	/* A busy machine may start the second round before the first has ended. */
	for (unsigned i = 0; i < TRIES * N; i++) {
		unsigned k = 0;

		for (unsigned j = 0; j < i; j++)
			k += addr_eq(w.sent_to[j], w.sent_to[i]);
		assert_true(k < TRIES);
		round[k][sent[k]++] = i;
	}
	for (unsigned k = 1; k < TRIES; k++)
		for (unsigned i = 0; i < N; i++) {
			unsigned now = round[k][i], last = round[k - 1][i];

			/* the order of the first round is the order of all rounds */
			assert_true(addr_eq(w.sent_to[now], w.sent_to[last]));
			assert_true(w.sent_at[now] - w.sent_at[last] >=
			            (INTERVAL_MS - 1) * NS_PER_MS);
		}
	probe_close(s);
	targets_close(t);
	addrset_free(w.sent);
	addrset_free(found.set);
	scope_free(scope);
}

/* Targets that no module is for, and a source that has pauses. */
struct pausing {
	unsigned i;
};

static int pausing_next(void *ctx, struct probe_target *out, size_t max)
{
	struct pausing *p = ctx;

	assert_true(max > 0);
	if (p->i >= 200)
		return PROBE_SOURCE_END;
	if (p->i++ % 2)
		return 0;
	out[0] = (struct probe_target){ .addr = { UINT64_C(0x20010db8) << 32, p->i },
		                        .port = p->i % 4 == 1 ? 80 : 0,
		                        .tag = p->i };
	return 1;
}

static void on_tag(void *ctx, const struct observation *o)
{
	assert_int_equal(o->tag, o->target.lo); /* each reply brings its probe's tag */
	++*(unsigned *)ctx;
}

static void tags_come_back_and_strays_are_counted(void **state)
{
	struct scope *scope = make_scope(NULL);
	struct probe_config cfg = config(scope, 100000);
	struct pausing pausing = { 0 };
	unsigned tags = 0;
	struct probe_source source = { pausing_next, &pausing };
	struct probe_sink sink = { on_tag, &tags };
	struct probe_stats st;
	struct probe_scan *s;
	struct world w;

	(void)state;
	cfg.modules.n = 1; /* icmp6-echo only */
	s = open_scan(&w, &cfg);
	assert_int_equal(probe_run(s, &source, &sink, NULL), 0);
	probe_stats(s, &st);
	assert_int_equal(st.targets, 100);
	assert_int_equal(st.sent, 50);
	assert_int_equal(st.refused_family, 50);
	assert_int_equal(tags, 50);
	probe_close(s);
	addrset_free(w.sent);
	scope_free(scope);
}

static void a_stop_ends_the_sending(void **state)
{
	static const char *const network[] = { "2001:db8::/64" };
	atomic_bool stop = false;
	struct scope *scope = make_scope(NULL);
	struct probe_config cfg = config(scope, 100000);
	struct targets *t = open_targets(network, 1, NULL);
	struct found found = { .set = addrset_new(16),
		               .stop_after = &stop,
		               .limit = 100 };
	struct probe_source source = { targets_next, t };
	struct probe_sink sink = { on_found, &found };
	struct probe_stats st;
	struct probe_scan *s;
	struct world w;

	(void)state;
	cfg.stop = &stop;
	s = open_scan(&w, &cfg);
	assert_int_equal(probe_run(s, &source, &sink, NULL), ERR_STOPPED);
	probe_stats(s, &st);
	assert_true(found.n >= 100);
	assert_int_equal(st.open, w.forged ? found.n : st.open); /* none is lost */
	assert_true(st.cooling);
	probe_close(s);
	targets_close(t);
	addrset_free(w.sent);
	addrset_free(found.set);
	scope_free(scope);
}

/* Two packets per millisecond for 0.3 s: not a timing test of the machine, but
 * of "never above": the bucket may be late, it may not be early. */
static void the_rate_is_never_exceeded(void **state)
{
	static const char *const network[] = { "2001:db8::/64" };
	enum { RATE = 2000, MS = 300 };
	atomic_bool stop = false;
	struct scope *scope = make_scope(NULL);
	struct probe_config cfg = config(scope, RATE);
	struct targets *t = open_targets(network, 1, NULL);
	struct found found = { .set = addrset_new(16),
		               .stop_after = &stop,
		               .limit = RATE * MS / 1000 / 2 };
	struct probe_source source = { targets_next, t };
	struct probe_sink sink = { on_found, &found };
	struct probe_scan *s;
	struct world w;
	size_t n;

	(void)state;
	cfg.stop = &stop;
	s = open_scan(&w, &cfg);
	assert_int_equal(probe_run(s, &source, &sink, NULL), ERR_STOPPED);
	n = w.packets < ARRAY_LEN(w.sent_at) ? w.packets : ARRAY_LEN(w.sent_at);
	assert_true(n > 400);
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 100; k < n; k += 97) {
			double s_between = (double)(w.sent_at[k] - w.sent_at[i]) / 1e9;

			/* 10 ms of traffic may be caught up */
			assert_true((double)(k - i) <= RATE * s_between + 20 + 2);
		}
	probe_close(s);
	targets_close(t);
	addrset_free(w.sent);
	addrset_free(found.set);
	scope_free(scope);
}

/* Stateless: a scan does not believe answers to another one's probes, and a seed, which
 * people publish, tells nothing about the key (masscan's seed was its key). */
static void keys_differ_between_scans(void **state)
{
	struct scope *scope = make_scope(NULL);
	struct probe_config cfg = config(scope, 1000);
	struct probe_scan *a, *b;
	struct world wa, wb;

	(void)state;
	cfg.seed = 17;
	a = open_scan(&wa, &cfg);
	b = open_scan(&wb, &cfg);
	assert_memory_not_equal(&a->reply.scan.key, &b->reply.scan.key, 16);
	probe_close(a);
	probe_close(b);
	addrset_free(wa.sent);
	addrset_free(wb.sent);
	scope_free(scope);
}

static void bad_configurations_are_refused(void **state)
{
	struct scope *scope = make_scope(NULL);
	const char *twice[] = { "icmp6-echo", "icmp6-echo" }, *unknown[] = { "icmp7" };
	const char *args[] = { "no-such=1" }, *ip[] = { "2001:db8::zz" };
	struct probe_config good = config(scope, 1000), cfg;
	struct probe_scan *s = NULL;
	struct scan_way way = { .receiver = NULL };

	(void)state;
	for (int i = 0; i < 7; i++) {
		struct diag d = { "" };

		cfg = good;
		switch (i) {
		case 0: cfg.rate_pps = 0; break;
		case 1: cfg.probes = 0; break;
		case 2: cfg.modules = (struct opt_list){ twice, 2 }; break;
		case 3: cfg.modules = (struct opt_list){ unknown, 1 }; break;
		case 4: cfg.module_args = (struct opt_list){ args, 1 }; break;
		case 5: cfg.source_ips = (struct opt_list){ ip, 1 }; break;
		case 6: cfg.hop_limit = 256; break;
		}
		if (scan_open(&s, &cfg, &way, &d) >= 0)
			fail_msg("case %d was taken", i);
		assert_true(d.text[0] != 0);
	}
	cfg = good;
	cfg.rate_pps = -1;
	assert_true(scan_open(&s, &cfg, &way, NULL) < 0);
	scope_free(scope);
}

static void failed_allocations_are_told(void **state)
{
	struct scope *scope = make_scope(NULL);
	struct probe_config cfg = config(scope, 1000);
	struct probe_scan *s = NULL;
	struct ring ring;
	long n = 0;
	int rc;

	(void)state;
	for (;; n++) {
		struct scan_way way = { .receiver = NULL };

		assert_int_equal(link_memory_open(&way.links[0][0], NULL, NULL), 0);
		way.links[0][1] = way.links[0][0];
		assert_int_equal(receiver_memory_open(&way.receiver, PACKET_L2_ETHERNET),
		                 0);
		fail_nth(n);
		rc = scan_open(&s, &cfg, &way, NULL);
		if (!fail_done())
			break;
		assert_int_equal(rc, -ENOMEM);
	}
	assert_int_equal(rc, 0);
	assert_true(n >= 5); /* the scan, its arguments, four states */
	probe_close(s);
	fail_nth(0);
	assert_int_equal(ring_init(&ring, 10), -ENOMEM);
	assert_true(fail_done());
	scope_free(scope);
}

static void status_lines_say_what_happens(void **state)
{
	struct probe_stats before = { .started_us = 1000000 }, now;
	char line[256], tiny[16];

	(void)state;
	now = (struct probe_stats){ .started_us = 1000000,
		                    .ended_us = 11000000,
		                    .targets = 100000,
		                    .sent = 100000,
		                    .open = 20000,
		                    .closed = 5000 };
	before.sent = 90000;
	probe_status_line(line, sizeof(line), &now, &before, 200000);
	assert_string_equal(line, "0:10 50% (0:10 left); send: 100000 10.0 Kp/s (10.0 "
	                          "Kp/s avg); recv: 25000 25.0 Kp/s (2.50 Kp/s avg); "
	                          "drops: 0; hitrate: 25.00%");
	now.cooling = true;
	probe_status_line(line, sizeof(line), &now, &now, 0);
	assert_non_null(strstr(line, "(cooling down); send: 100000 0 p/s"));
	probe_status_line(tiny, sizeof(tiny), &now, &now, 0);
	assert_int_equal(strlen(tiny), sizeof(tiny) - 1);
	now = (struct probe_stats){ 0 }; /* nothing has begun: no division by 0 */
	probe_status_line(line, sizeof(line), &now, &now, 1);
	assert_non_null(strstr(line, "hitrate: 0.00%"));
}

static void filters_compile(void **state)
{
	struct scope *scope = make_scope(NULL);
	struct probe_config cfg = config(scope, 1000);
	struct probe_scan *s;
	struct world w;
	char filter[8192], small[64];

	(void)state;
	s = open_scan(&w, &cfg);
	assert_int_equal(scan_filter(s, filter, sizeof(filter)), 0);
	assert_non_null(strstr(filter, "dst host 2001:db8:aaaa::1"));
	assert_non_null(strstr(filter, "dst host 192.0.2.1"));
	assert_int_equal(scan_filter(s, small, sizeof(small)), -EMSGSIZE);
	probe_close(s);
	addrset_free(w.sent);
	scope_free(scope);
}

static void several_sources_are_all_used(void **state)
{
	const char *ips[] = { "2001:db8:aaaa::1", "2001:db8:aaaa::2",
		              "2001:db8:aaaa::3" };
	struct scope *scope = make_scope(NULL);
	struct probe_config cfg = config(scope, 500000);
	struct targets *t = open_targets(networks, 1, NULL);
	struct found found = { .set = addrset_new(16) };
	struct probe_source source = { targets_next, t };
	struct probe_sink sink = { on_found, &found };
	struct probe_scan *s;
	struct world w;

	(void)state;
	cfg.source_ips = (struct opt_list){ ips, 3 };
	s = open_scan(&w, &cfg);
	assert_int_equal(probe_run(s, &source, &sink, NULL), 0);
	assert_int_equal(found.n, 2048); /* each validated against its own source */
	probe_close(s);
	targets_close(t);
	addrset_free(w.sent);
	addrset_free(found.set);
	scope_free(scope);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_scan_finds_exactly_who_answers),
		cmocka_unit_test(what_is_blocked_is_never_sent),
		cmocka_unit_test(retries_are_spaced),
		cmocka_unit_test(tags_come_back_and_strays_are_counted),
		cmocka_unit_test(a_stop_ends_the_sending),
		cmocka_unit_test(the_rate_is_never_exceeded),
		cmocka_unit_test(keys_differ_between_scans),
		cmocka_unit_test(bad_configurations_are_refused),
		cmocka_unit_test(failed_allocations_are_told),
		cmocka_unit_test(status_lines_say_what_happens),
		cmocka_unit_test(filters_compile),
		cmocka_unit_test(several_sources_are_all_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
