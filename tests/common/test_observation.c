#include "tests/test.h"

#include <stdbool.h>

/* The escapers are reached through their own file: no field of today holds what
 * they escape. */
#include "common/observation.c"

#include "common/rng.h"
#include "tests/common/files.h"

static struct addr128 addr(const char *text)
{
	struct addr128 a;

	assert_true(addr_parse(&a, text));
	return a;
}

static struct observation sample(void)
{
	return (struct observation){
		.target = addr("2001:db8::1"),
		.from = addr("2001:db8::1"),
		.when_us = 1777896000123456, /* 2026-05-04T12:00:00.123456Z */
		.rtt_us = 15021,
		.tag = 77,
		.port = 443,
		.sport = 40001,
		.vantage = 3,
		.proto = OBS_TCP,
		.outcome = OBS_OPEN,
		.hop_limit = 57,
		.tcp_flags = 0x12,
	};
}

/* What the writers make of one observation. */
static char *lines(struct files *f, const char *fields_text, const struct observation *o,
                   bool json)
{
	struct diag d = { .text = "" };
	struct obs_fields sel;
	struct writer *w;
	size_t n;

	if (obs_fields_parse(&sel, fields_text, &d) < 0)
		fail_msg("%s", d.text);
	assert_int_equal(writer_open(&w, files_path(f, "out"), &d), 0);
	if (json) {
		obs_write_json(w, &sel, o);
	} else {
		obs_write_csv_header(w, &sel);
		obs_write_csv(w, &sel, o);
	}
	assert_int_equal(writer_commit(w, &d), 0);
	writer_close(w);
	return files_get(files_path(f, "out"), &n);
}

static void must_write(struct files *f, const char *fields_text,
                       const struct observation *o, const char *csv, const char *json)
{
	char *text = lines(f, fields_text, o, false);

	assert_string_equal(text, csv);
	free(text);
	text = lines(f, fields_text, o, true);
	assert_string_equal(text, json);
	free(text);
}

static void writes_the_default_fields(void **state)
{
	struct observation o = sample();

	must_write(*state, NULL, &o,
	           "target,saddr,proto,port,outcome,success,ttl,rtt_us,timestamp_ts\n"
	           "2001:db8::1,2001:db8::1,tcp,443,open,1,57,15021,1777896000\n",
	           "{\"target\":\"2001:db8::1\",\"saddr\":\"2001:db8::1\","
	           "\"proto\":\"tcp\",\"port\":443,\"outcome\":\"open\",\"success\":1,"
	           "\"ttl\":57,\"rtt_us\":15021,\"timestamp_ts\":1777896000}\n");
}

static void writes_every_field(void **state)
{
	struct observation o = sample();

	must_write(*state, "*", &o,
	           "target,saddr,proto,port,outcome,success,ttl,rtt_us,timestamp_ts,"
	           "timestamp_us,timestamp_str,sport,dport,icmp_id,classification,"
	           "tcp_flags,icmp_responder,icmp_type,icmp_code,icmp_unreach_str,"
	           "repeat,cooldown,tag,vantage\n"
	           "2001:db8::1,2001:db8::1,tcp,443,open,1,57,15021,1777896000,123456,"
	           "2026-05-04T12:00:00.123Z,443,40001,,synack,18,,,,,0,0,77,3\n",
	           "{\"target\":\"2001:db8::1\",\"saddr\":\"2001:db8::1\","
	           "\"proto\":\"tcp\",\"port\":443,\"outcome\":\"open\",\"success\":1,"
	           "\"ttl\":57,\"rtt_us\":15021,\"timestamp_ts\":1777896000,"
	           "\"timestamp_us\":123456,"
	           "\"timestamp_str\":\"2026-05-04T12:00:00.123Z\",\"sport\":443,"
	           "\"dport\":40001,\"icmp_id\":null,\"classification\":\"synack\","
	           "\"tcp_flags\":18,\"icmp_responder\":null,\"icmp_type\":null,"
	           "\"icmp_code\":null,\"icmp_unreach_str\":null,\"repeat\":0,"
	           "\"cooldown\":0,\"tag\":77,\"vantage\":3}\n");
}

/* What each kind of answer is called, and which fields mean something. */
static void describes_answers(void **state)
{
	static const char sel[] = "proto,outcome,success,classification,icmp_responder,"
				  "icmp_type,icmp_code,icmp_unreach_str,tcp_flags,port";
	static const struct {
		uint8_t proto, outcome, type, code, flags;
		const char *from, *want;
	} cases[] = {
		{ OBS_ICMP6, OBS_OPEN, 129, 0, 0, "2001:db8::1",
		  "icmp6,open,1,echoreply,,129,0,,," },
		{ OBS_ICMP, OBS_OPEN, 0, 0, 0, "192.0.2.1",
		  "icmp,open,1,echoreply,,0,0,,," },
		{ OBS_TCP, OBS_OPEN, 0, 0, 0x12, "2001:db8::1",
		  "tcp,open,1,synack,,,,,18,443" },
		{ OBS_TCP, OBS_CLOSED, 0, 0, 0x14, "2001:db8::1",
		  "tcp,closed,0,rst,,,,,20,443" },
		{ OBS_TCP, OBS_CLOSED, 1, 4, 0, "2001:db8::1",
		  "tcp,closed,0,unreach,2001:db8::1,1,4,port unreachable,,443" },
		{ OBS_UDP, OBS_OPEN, 0, 0, 0, "2001:db8::1", "udp,open,1,udp,,,,,,443" },
		{ OBS_UDP, OBS_CLOSED, 3, 3, 0, "192.0.2.1",
		  "udp,closed,0,unreach,192.0.2.1,3,3,port unreachable,,443" },
		{ OBS_ICMP6, OBS_UNREACHABLE, 1, 0, 0, "2001:db8::ff",
		  "icmp6,unreachable,0,unreach,2001:db8::ff,1,0,no route to "
		  "destination,,"
		  "" },
		{ OBS_ICMP6, OBS_UNREACHABLE, 1, 8, 0, "2001:db8::ff",
		  "icmp6,unreachable,0,unreach,2001:db8::ff,1,8,headers too long,," },
		{ OBS_ICMP6, OBS_UNREACHABLE, 1, 9, 0, "2001:db8::ff",
		  "icmp6,unreachable,0,unreach,2001:db8::ff,1,9,unknown,," },
		{ OBS_ICMP, OBS_UNREACHABLE, 3, 13, 0, "192.0.2.9",
		  "icmp,unreachable,0,unreach,192.0.2.9,3,13,communication "
		  "administratively prohibited,," },
		{ OBS_ICMP, OBS_UNREACHABLE, 3, 16, 0, "192.0.2.9",
		  "icmp,unreachable,0,unreach,192.0.2.9,3,16,unknown,," },
		{ OBS_TCP, OBS_TIME_EXCEEDED, 3, 0, 0, "2001:db8::ff",
		  "tcp,time_exceeded,0,timxceed,2001:db8::ff,3,0,,,443" },
		{ OBS_ICMP6, OBS_OTHER_ERROR, 2, 0, 0, "2001:db8::ff",
		  "icmp6,other_error,0,other,2001:db8::ff,2,0,,," },
		{ OBS_TCP, OBS_SILENT, 0, 0, 0, "2001:db8::1",
		  "tcp,silent,0,silent,,,,,,443" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct observation o = sample();
		char *text, *line;

		o.proto = cases[i].proto;
		o.outcome = cases[i].outcome;
		o.icmp_type = cases[i].type;
		o.icmp_code = cases[i].code;
		o.tcp_flags = cases[i].flags;
		o.from = addr(cases[i].from);
		text = lines(*state, sel, &o, false);
		line = strchr(text, '\n') + 1;
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, cases[i].want) != 0)
			fail_msg("'%s', not '%s'", line, cases[i].want);
		free(text);
	}
}

static void nothing_known_is_nothing_said(void **state)
{
	struct observation o = { .proto = OBS_ICMP6,
		                 .outcome = OBS_OPEN,
		                 .sport = 9,
		                 .repeat = true,
		                 .cooldown = true };

	must_write(*state, "rtt_us,port,sport,dport,icmp_id,repeat,cooldown,target", &o,
	           "rtt_us,port,sport,dport,icmp_id,repeat,cooldown,target\n"
	           ",,,,9,1,1,::\n",
	           "{\"rtt_us\":null,\"port\":null,\"sport\":null,\"dport\":null,"
	           "\"icmp_id\":9,\"repeat\":1,\"cooldown\":1,\"target\":\"::\"}\n");
}

static void selects_fields(void **state)
{
	static const struct {
		const char *text, *unknown; /* NULL: fine */
	} cases[] = {
		{ "saddr", NULL },
		{ "ttl,saddr,ttl", NULL },
		{ "", "''" },
		{ "saddr,", "''" },
		{ ",saddr", "''" },
		{ "saddr, ttl", "' ttl'" },
		{ "saddrs", "'saddrs'" },
		{ "sadd", "'sadd'" },
		{ "*,saddr", "'*'" },
		{ "TTL", "'TTL'" },
	};
	struct obs_fields f = { .n = 99 };
	char many[OBS_FIELDS_MAX * 4 + 8] = "";
	struct diag d = { .text = "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int rc;

		d.text[0] = '\0';
		f.n = 99;
		rc = obs_fields_parse(&f, cases[i].text, &d);
		if (rc != (cases[i].unknown ? ERR_PARSE : 0))
			fail_msg("'%s': rc %d", cases[i].text, rc);
		if (cases[i].unknown && (f.n != 99 || !strstr(d.text, cases[i].unknown)))
			fail_msg("'%s': '%s'", cases[i].text, d.text);
	}
	for (int i = 0; i < OBS_FIELDS_MAX; i++)
		strcat(many, i ? ",ttl" : "ttl");
	assert_int_equal(obs_fields_parse(&f, many, &d), 0);
	assert_int_equal(f.n, OBS_FIELDS_MAX);
	strcat(many, ",ttl");
	assert_int_equal(obs_fields_parse(&f, many, NULL), ERR_PARSE);
}

/* The help marks the default set; each name selects its own field. */
static void table_is_consistent(void **state)
{
	struct obs_fields f;
	unsigned n = 0, defaults = 0;

	(void)state;
	for (; obs_field_name(n); n++) {
		assert_int_equal(obs_fields_parse(&f, obs_field_name(n), NULL), 0);
		assert_true(f.n == 1 && f.index[0] == n);
		assert_true(strlen(obs_field_help(n)) > 5);
		if (strstr(obs_field_help(n), "(default)"))
			assert_int_equal(defaults++, n);
	}
	assert_null(obs_field_help(n));
	assert_null(obs_field_name(UINT32_MAX));
	assert_int_equal(obs_fields_parse(&f, "*", NULL), 0);
	assert_int_equal(f.n, n);
	assert_int_equal(obs_fields_parse(&f, NULL, NULL), 0);
	assert_int_equal(f.n, defaults);
	for (int i = 0; i < OBS_PROTOS; i++)
		assert_true(strlen(obs_proto_str((enum obs_proto)i)) > 2);
	for (int i = 0; i < OBS_OUTCOMES; i++)
		assert_true(strlen(obs_outcome_str((enum obs_outcome)i)) > 3);
	assert_non_null(obs_proto_str((enum obs_proto)77));
	assert_non_null(obs_outcome_str((enum obs_outcome)77));
}

static void escapes(void **state)
{
	static const struct {
		const char *text, *csv, *json;
	} cases[] = {
		{ "plain", "plain", "\"plain\"" },
		{ "", "", "\"\"" },
		{ "a,b", "\"a,b\"", "\"a,b\"" },
		{ "say \"x\"", "\"say \"\"x\"\"\"", "\"say \\\"x\\\"\"" },
		{ "a\nb", "\"a\nb\"", "\"a\\u000ab\"" },
		{ "a\rb", "\"a\rb\"", "\"a\\u000db\"" },
		{ "back\\slash", "back\\slash", "\"back\\\\slash\"" },
		{ "\x1f\xc3\xa9", "\x1f\xc3\xa9", "\"\\u001f\xc3\xa9\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char buf[128];

		*put_csv_text(buf, cases[i].text) = '\0';
		assert_string_equal(buf, cases[i].csv);
		*put_json_text(buf, cases[i].text) = '\0';
		assert_string_equal(buf, cases[i].json);
	}
}

/* Every field, with every value that a field can have: the longest lines fit. */
static void survives_any_values(void **state)
{
	struct diag d = { .text = "" };
	struct obs_fields all;
	struct writer *w;
	struct rng r;

	assert_int_equal(obs_fields_parse(&all, "*", &d), 0);
	assert_int_equal(writer_open(&w, files_path(*state, "any"), &d), 0);
	rng_init(&r, 1);
	for (int i = 0; i < 20000; i++) {
		struct observation o = sample();

		o.when_us = rng_next(&r) >> rng_below(&r, 64);
		o.target = (struct addr128){ rng_next(&r), rng_next(&r) };
		o.from = rng_below(&r, 2) ? o.target : addr_from_v4(i);
		o.rtt_us = UINT32_MAX;
		o.proto = (uint8_t)rng_next(&r);
		o.outcome = (uint8_t)rng_next(&r);
		o.icmp_type = (uint8_t)rng_next(&r);
		o.icmp_code = (uint8_t)rng_next(&r);
		o.tcp_flags = (uint8_t)rng_next(&r);
		obs_write_csv(w, &all, &o);
		obs_write_json(w, &all, &o);
	}
	assert_int_equal(writer_commit(w, &d), 0);
	writer_close(w);
}

static struct observation random_observation(struct rng *r)
{
	return (struct observation){
		.target = { rng_next(r), rng_next(r) },
		.from = { rng_next(r), rng_next(r) },
		.when_us = rng_next(r),
		.rtt_us = (uint32_t)rng_next(r),
		.tag = (uint32_t)rng_next(r),
		.port = (uint16_t)rng_next(r),
		.sport = (uint16_t)rng_next(r),
		.vantage = (uint16_t)rng_next(r),
		.proto = (uint8_t)rng_below(r, OBS_PROTOS),
		.outcome = (uint8_t)rng_below(r, OBS_OUTCOMES),
		.hop_limit = (uint8_t)rng_next(r),
		.icmp_type = (uint8_t)rng_next(r),
		.icmp_code = (uint8_t)rng_next(r),
		.tcp_flags = (uint8_t)rng_next(r),
		.repeat = rng_next(r) & 1,
		.cooldown = rng_next(r) & 1,
	};
}

static bool same(const struct observation *a, const struct observation *b)
{
	return addr_eq(a->target, b->target) && addr_eq(a->from, b->from) &&
	       a->when_us == b->when_us && a->rtt_us == b->rtt_us && a->tag == b->tag &&
	       a->port == b->port && a->sport == b->sport && a->vantage == b->vantage &&
	       a->proto == b->proto && a->outcome == b->outcome &&
	       a->hop_limit == b->hop_limit && a->icmp_type == b->icmp_type &&
	       a->icmp_code == b->icmp_code && a->tcp_flags == b->tcp_flags &&
	       a->repeat == b->repeat && a->cooldown == b->cooldown;
}

static void decode_undoes_encode(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 2);
	for (int i = 0; i < 100000; i++) {
		struct observation o = random_observation(&r), back = sample();
		uint8_t rec[OBS_RECORD_SIZE];

		memset(rec, i & 1 ? 0xff : 0, sizeof(rec));
		obs_encode(rec, &o);
		assert_int_equal(obs_decode(&back, rec), 0);
		assert_true(same(&o, &back));
	}
}

/* The layout is that of files that exist: it must never change unnoticed. */
static void record_is_what_it_was(void **state)
{
	static const uint8_t want[OBS_RECORD_SIZE] = {
		0xb5, 0x01, 0x02, 0x01, 0x39, 0x00, 0x00, 0x12, /* magic, version, proto, outcome, TTL, ICMP, flags */
		0x00, 0x00, 0x00, 0x00, 0xb8, 0x0d, 0x01, 0x20, 0x01,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* target */
		0x00, 0x00, 0x00, 0x00, 0xb8, 0x0d, 0x01, 0x20, 0x01,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,       /* from */
		0x40, 0xf2, 0x88, 0xab, 0xfc, 0x50, 0x06, 0x00, /* when */
		0xad, 0x3a, 0x00, 0x00, 0x4d, 0x00, 0x00, 0x00, /* rtt, tag */
		0xbb, 0x01, 0x41, 0x9c, 0x03, 0x00, 0x00, 0x00, /* ports, vantage, bits */
		0x00, 0x00, 0x00, 0x00, 0xf6, 0xc8, 0xbe, 0x8e, /* room, check value */
	};
	struct observation o = sample();
	uint8_t rec[OBS_RECORD_SIZE];

	(void)state;
	obs_encode(rec, &o);
	for (size_t i = 0; i < sizeof(want); i++)
		if (rec[i] != want[i])
			fail_msg("byte %zu: %02x, not %02x", i, rec[i], want[i]);
}

static void notices_every_flipped_bit(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 3);
	for (int i = 0; i < 200; i++) {
		struct observation o = random_observation(&r), back = sample(),
				   was = back;
		uint8_t rec[OBS_RECORD_SIZE];

		obs_encode(rec, &o);
		for (int bit = 0; bit < 8 * OBS_RECORD_SIZE; bit++) {
			rec[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (obs_decode(&back, rec) != ERR_CHECKSUM)
				fail_msg("bit %d: not noticed", bit);
			rec[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		assert_true(same(&back, &was)); /* left alone */
	}
}

static void notices_torn_records(void **state)
{
	struct observation o = sample(), back;
	uint8_t rec[OBS_RECORD_SIZE], torn[OBS_RECORD_SIZE];

	(void)state;
	obs_encode(rec, &o);
	for (int fill = 0; fill < 256; fill += 255)
		for (size_t n = 0; n < OBS_RECORD_SIZE; n++) {
			memset(torn, fill, sizeof(torn));
			memcpy(torn, rec, n);
			if (memcmp(torn, rec, sizeof(rec)) == 0)
				continue;
			assert_int_equal(obs_decode(&back, torn), ERR_CHECKSUM);
		}
}

/* The check value is right, but no version of ours wrote it. */
static void refuses_foreign_values(void **state)
{
	static const struct {
		int at, value, rc;
	} cases[] = {
		{ AT_MAGIC, 0, ERR_FORMAT },
		{ AT_VERSION, 2, ERR_VERSION },
		{ AT_PROTO, OBS_PROTOS, ERR_FORMAT },
		{ AT_OUTCOME, OBS_OUTCOMES, ERR_FORMAT },
		{ AT_BITS, 4, ERR_FORMAT },
		{ AT_ZERO, 1, ERR_FORMAT },
		{ AT_CHECK - 1, 1, ERR_FORMAT },
		{ AT_BITS, 3, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct observation o = sample();
		uint8_t rec[OBS_RECORD_SIZE];

		obs_encode(rec, &o);
		rec[cases[i].at] = (uint8_t)cases[i].value;
		put32(rec + AT_CHECK, (uint32_t)checksum64(rec, AT_CHECK, 0));
		assert_int_equal(obs_decode(&o, rec), cases[i].rc);
	}
}

static void alive_means_it_answered_itself(void **state)
{
	struct observation o = sample();

	(void)state;
	assert_true(obs_is_alive(&o));
	o.outcome = OBS_CLOSED;
	assert_true(obs_is_alive(&o));
	o.from.lo++;
	assert_false(obs_is_alive(&o));
	o = sample();
	o.outcome = OBS_UNREACHABLE;
	assert_false(obs_is_alive(&o));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_the_default_fields),
		cmocka_unit_test(writes_every_field),
		cmocka_unit_test(describes_answers),
		cmocka_unit_test(nothing_known_is_nothing_said),
		cmocka_unit_test(selects_fields),
		cmocka_unit_test(table_is_consistent),
		cmocka_unit_test(escapes),
		cmocka_unit_test(survives_any_values),
		cmocka_unit_test(decode_undoes_encode),
		cmocka_unit_test(record_is_what_it_was),
		cmocka_unit_test(notices_every_flipped_bit),
		cmocka_unit_test(notices_torn_records),
		cmocka_unit_test(refuses_foreign_values),
		cmocka_unit_test(alive_means_it_answered_itself),
	};

	return cmocka_run_group_tests_name("observation", tests, files_setup,
	                                   files_teardown);
}
