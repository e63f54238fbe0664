#include "tests/test.h"

#include <stdbool.h>

/* The escapers and the layout are reached through their own files: no field of today
 * holds what they escape. */
#include "common/obs_record.c"
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
	           "repeat,cooldown,tag,vantage,daddr,icmp_type_str,outersaddr,hop,"
	           "quoted_ttl,seqnum,acknum,window,tcpopt_mss,tcpopt_wscale,"
	           "tcpopt_sack_perm,tcpopt_ts_val,tcpopt_ts_ecr,udp_pkt_size,data,"
	           "dns_rcode,dns_flags,dns_answers,dns_addrs,signals,quic_versions,"
	           "ni_name,ni_addrs\n"
	           "2001:db8::1,2001:db8::1,tcp,443,open,1,57,15021,1777896000,123456,"
	           "2026-05-04T12:00:00.123Z,443,40001,,synack,18,,,,,0,0,77,3"
	           ",,,,,,,,,,,,,,,,,,,,,,,\n",
	           "{\"target\":\"2001:db8::1\",\"saddr\":\"2001:db8::1\","
	           "\"proto\":\"tcp\",\"port\":443,\"outcome\":\"open\",\"success\":1,"
	           "\"ttl\":57,\"rtt_us\":15021,\"timestamp_ts\":1777896000,"
	           "\"timestamp_us\":123456,"
	           "\"timestamp_str\":\"2026-05-04T12:00:00.123Z\",\"sport\":443,"
	           "\"dport\":40001,\"icmp_id\":null,\"classification\":\"synack\","
	           "\"tcp_flags\":18,\"icmp_responder\":null,\"icmp_type\":null,"
	           "\"icmp_code\":null,\"icmp_unreach_str\":null,\"repeat\":0,"
	           "\"cooldown\":0,\"tag\":77,\"vantage\":3,\"daddr\":null,"
	           "\"icmp_type_str\":null,\"outersaddr\":null,\"hop\":null,"
	           "\"quoted_ttl\":null,\"seqnum\":null,\"acknum\":null,"
	           "\"window\":null,\"tcpopt_mss\":null,\"tcpopt_wscale\":null,"
	           "\"tcpopt_sack_perm\":null,\"tcpopt_ts_val\":null,"
	           "\"tcpopt_ts_ecr\":null,\"udp_pkt_size\":null,\"data\":null,"
	           "\"dns_rcode\":null,\"dns_flags\":null,\"dns_answers\":null,"
	           "\"dns_addrs\":null,\"signals\":null,\"quic_versions\":null,"
	           "\"ni_name\":null,\"ni_addrs\":null}\n");
}

static void must_say(struct files *f, const char *fields_text,
                     const struct observation *o, const char *want)
{
	char *text = lines(f, fields_text, o, false), *row = strchr(text, '\n') + 1;

	row[strcspn(row, "\n")] = '\0';
	assert_string_equal(row, want);
	free(text);
}

static void writes_tcp_and_udp_details(void **state)
{
	static const char tcp[] = "daddr,seqnum,acknum,window,tcpopt_mss,tcpopt_wscale,"
				  "tcpopt_sack_perm,tcpopt_ts_val,tcpopt_ts_ecr";
	struct observation o = sample();

	o.to = addr("2001:db8::99");
	o.detail = OBS_SEGMENT;
	o.more.tcp = (struct obs_segment){ 4294967295, 2, 3, 4, 5, 6, 7, 0 };
	must_say(*state, tcp, &o, "2001:db8::99,4294967295,2,5,,,0,,");
	o.more.tcp.options = 15;
	must_say(*state, tcp, &o, "2001:db8::99,4294967295,2,5,6,7,1,3,4");
	o.proto = OBS_UDP;
	o.detail = OBS_DATAGRAM;
	o.more.udp = (struct obs_datagram){ 3, { 0, 0xab, 0x7f, 1 } };
	must_say(*state, "classification,udp_pkt_size,data", &o, "udp,11,00ab7f");
	o.more.udp.length = 1000;
	memset(o.more.udp.bytes, 0xff, sizeof(o.more.udp.bytes));
	must_say(*state, "udp_pkt_size,data", &o,
	         "1008,ffffffffffffffffffffffffffffffffffffffffffffffff"
	         "ffffffffffffffffffffffffffffffffffffffffffff");
}

static void writes_dns_details(void **state)
{
	static const char dns[] = "success,classification,dns_rcode,dns_flags,"
				  "dns_answers,dns_addrs,signals";
	struct observation o = sample();

	o.proto = OBS_UDP;
	o.detail = OBS_DNS;
	o.more.dns = (struct obs_dns){ .flags = 0x8580, .answers = 1, .n = 1 };
	o.more.dns.addr[0] = addr("2001:db8::5");
	must_say(*state, dns, &o, "1,dns,NOERROR,qr aa rd ra,1,2001:db8::5,");
	o.more.dns = (struct obs_dns){ .flags = 0x8205, .n = 3, .answers = 9 };
	o.more.dns.addr[0] = o.more.dns.addr[1] = addr("192.0.2.1");
	o.signals = OBS_SIGNALS;
	must_say(*state, dns, &o,
	         "0,injected,REFUSED,qr tc,9,192.0.2.1 192.0.2.1 ...,"
	         "teredo family control differs");
	assert_false(obs_is_alive(&o));
	o.more.dns = (struct obs_dns){ .flags = 0x800b };
	o.signals = 0;
	must_say(*state, dns, &o, "1,dns,RCODE11,qr,0,,");
}

static void writes_quic_and_node_details(void **state)
{
	struct observation o = sample();

	o.proto = OBS_UDP;
	o.detail = OBS_QUIC;
	o.more.quic = (struct obs_quic){ 2, { 1, 0x6b3343cf } };
	must_say(*state, "classification,quic_versions", &o, "quic,00000001 6b3343cf");
	o.more.quic.n = 12;
	must_say(*state, "quic_versions", &o,
	         "00000001 6b3343cf 00000000 00000000 00000000 00000000 00000000 "
	         "00000000 00000000 00000000 00000000 ...");
	o.proto = OBS_ICMP6;
	o.icmp_type = 140;
	o.detail = OBS_NODE;
	o.more.node = (struct obs_node){ .n = 0 };
	strcpy(o.more.node.name, "host.example");
	must_say(*state, "classification,icmp_type_str,ni_name,ni_addrs", &o,
	         "nodeinfo,node information response,host.example,");
	memset(o.more.node.name, 'x', sizeof(o.more.node.name));
	must_say(*state, "ni_name", &o, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	o.more.node.n = 1;
	o.more.node.addr[0] = addr("fe80::1");
	must_say(*state, "ni_name,ni_addrs", &o, ",fe80::1");
}

static void writes_hops(void **state)
{
	static const char hops[] = "icmp_type_str,outersaddr,hop,quoted_ttl";
	struct observation o = sample();

	o.proto = OBS_ICMP6;
	o.outcome = OBS_TIME_EXCEEDED;
	o.icmp_type = 3;
	o.from = addr("2001:db8::77");
	must_say(*state, hops, &o, "time exceeded,2001:db8::77,,");
	o.hop = 5;
	o.has_quoted = true;
	must_say(*state, hops, &o, "time exceeded,2001:db8::77,5,0");
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
	bool hops = rng_next(r) & 1, quoted = hops && rng_next(r) & 1;

	return (struct observation){
		.hop = hops ? (uint8_t)rng_next(r) : 0,
		.has_quoted = quoted,
		.quoted = quoted ? (uint8_t)rng_next(r) : 0,
		.signals = hops ? (uint8_t)rng_below(r, OBS_SIGNALS + 1) : 0,
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
	       a->repeat == b->repeat && a->cooldown == b->cooldown && a->hop == b->hop &&
	       a->has_quoted == b->has_quoted && a->quoted == b->quoted &&
	       a->signals == b->signals;
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
		{ AT_VERSION, 2, ERR_FORMAT }, /* says nothing that version 1 cannot */
		{ AT_VERSION, 3, ERR_VERSION },
		{ AT_HOP, 1, ERR_FORMAT },
		{ AT_SIGNALS, 1, ERR_FORMAT },
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

/* The same for version 2. */
static void refuses_foreign_values_of_version_2(void **state)
{
	static const struct {
		int at, value, rc;
	} cases[] = {
		{ AT_VERSION, 1, ERR_FORMAT },
		{ AT_BITS, 8, ERR_FORMAT },
		{ AT_BITS, 3, ERR_FORMAT }, /* quoted, but not known */
		{ AT_SIGNALS, 16, ERR_FORMAT },
		{ AT_ZERO, 1, ERR_FORMAT },
		{ AT_ZERO + 1, 1, ERR_FORMAT },
		{ AT_HOP, 0, 0 },
		{ AT_QUOTED, 0, 0 },
		{ AT_SIGNALS, 15, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct observation o = sample();
		uint8_t rec[OBS_RECORD_SIZE];

		o.hop = 3;
		o.has_quoted = true;
		o.quoted = 1;
		obs_encode(rec, &o);
		assert_int_equal(rec[AT_VERSION], 2);
		rec[cases[i].at] = (uint8_t)cases[i].value;
		put32(rec + AT_CHECK, (uint32_t)checksum64(rec, AT_CHECK, 0));
		if (obs_decode(&o, rec) != cases[i].rc)
			fail_msg("byte %d = %d", cases[i].at, cases[i].value);
	}
}

/* The second record brings back what the first has no room for. */
static void more_undoes_encode_more(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 4);
	for (int i = 0; i < 20000; i++) {
		struct observation o = random_observation(&r), back = sample();
		uint8_t rec[OBS_RECORD_SIZE], again[OBS_RECORD_SIZE];
		uint64_t bit = rng_below(&r, 8 * OBS_RECORD_SIZE);

		o.detail = (uint8_t)rng_below(&r, OBS_NODE + 1);
		o.to = addr("2001:db8::99");
		for (size_t k = 0; k < sizeof(o.more.bytes); k++)
			o.more.bytes[k] = (uint8_t)rng_below(&r, 256);
		if (o.detail == OBS_NODE)
			o.more.bytes[sizeof(o.more.bytes) - 1] = 0;
		obs_encode_more(rec, &o);
		assert_true(obs_is_more(rec));
		assert_int_equal(obs_decode(&back, rec), ERR_FORMAT);
		assert_int_equal(obs_decode_more(&back, rec), 0);
		assert_int_equal(back.detail, o.detail);
		assert_true(addr_eq(back.to, o.to));
		obs_encode_more(again, &back);
		assert_memory_equal(rec, again, sizeof(rec));
		rec[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(obs_decode_more(&back, rec), ERR_CHECKSUM);
	}
}

static void more_refuses_foreign_values(void **state)
{
	static const struct {
		int at, value, rc;
	} cases[] = {
		{ AT_MAGIC, 0xb5, ERR_FORMAT },
		{ AT_VERSION, 2, ERR_VERSION },
		{ AT_DETAIL, OBS_NODE + 1, ERR_FORMAT },
		{ AT_PAD, 1, ERR_FORMAT },
		{ AT_DETAIL, OBS_QUIC, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct observation o = sample();
		uint8_t rec[OBS_RECORD_SIZE];

		obs_encode_more(rec, &o);
		rec[cases[i].at] = (uint8_t)cases[i].value;
		put32(rec + AT_CHECK, (uint32_t)checksum64(rec, AT_CHECK, 0));
		assert_int_equal(obs_decode_more(&o, rec), cases[i].rc);
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
		cmocka_unit_test(writes_tcp_and_udp_details),
		cmocka_unit_test(writes_dns_details),
		cmocka_unit_test(writes_quic_and_node_details),
		cmocka_unit_test(writes_hops),
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
		cmocka_unit_test(refuses_foreign_values_of_version_2),
		cmocka_unit_test(more_undoes_encode_more),
		cmocka_unit_test(more_refuses_foreign_values),
		cmocka_unit_test(alive_means_it_answered_itself),
	};

	return cmocka_run_group_tests_name("observation", tests, files_setup,
	                                   files_teardown);
}
