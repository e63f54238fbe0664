#include "tests/test.h"

#include <dlfcn.h>
#include <stdbool.h>

#include "common/rng.h"
#include "seeds/dns_wire.h"

static struct dns_name name(const char *text)
{
	struct dns_name n;

	if (!dns_name_parse(&n, text))
		fail_msg("'%s' is no name", text);
	return n;
}

static void names_parse_and_format(void **state)
{
	static const struct {
		const char *in, *out; /* out NULL: no name */
	} cases[] = {
		{ ".", "." },
		{ "a", "a" },
		{ "WWW.Example.com.", "www.example.com" },
		{ "_dns.a-b.", "_dns.a-b" },
		{ "a\\.b.c", "a\\046b.c" },
		{ "\\000x.\\255", "\\000x.\\255" },
		{ "a b", "a\\032b" },
		{ "", NULL },
		{ "a..b", NULL },
		{ ".a", NULL },
		{ "..", NULL },
		{ "a\\", NULL },
		{ "a\\25", NULL },
		{ "a\\256", NULL },
	};
	char text[DNS_NAME_STRLEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dns_name n;
		bool good = dns_name_parse(&n, cases[i].in);

		if (good != (cases[i].out != NULL))
			fail_msg("'%s': %d", cases[i].in, good);
		if (!good)
			continue;
		assert_int_equal(dns_name_format(text, &n), strlen(cases[i].out));
		assert_string_equal(text, cases[i].out);
	}
}

static void lengths_are_limited(void **state)
{
	char text[400];
	struct dns_name n;

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_true(dns_name_parse_n(&n, text, 63));
	assert_false(dns_name_parse_n(&n, text, 64));
	for (size_t i = 1; i < sizeof(text); i += 2)
		text[i] = '.';
	assert_true(dns_name_parse_n(&n, text, 253));
	assert_int_equal(n.len, 255);
	assert_int_equal(dns_name_labels(&n), 127);
	assert_false(dns_name_prepend(&n, "b", 1));
	assert_false(dns_name_parse_n(&n, text, 255));
}

/* RFC 4034 section 6.1 has this list. */
static void canonical_order(void **state)
{
	static const char *const sorted[] = {
		"example",         "a.example",      "yljkjljk.a.example",
		"Z.a.example",     "zABC.a.EXAMPLE", "z.example",
		"\\001.z.example", "*.z.example",    "\\200.z.example",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sorted); i++)
		for (size_t k = 0; k < ARRAY_LEN(sorted); k++) {
			struct dns_name a = name(sorted[i]), b = name(sorted[k]);
			int c = dns_name_cmp(&a, &b);

			assert_int_equal((c > 0) - (c < 0), (i > k) - (i < k));
			assert_int_equal(dns_name_eq(&a, &b), i == k);
		}
}

static void names_lie_in_zones(void **state)
{
	static const struct {
		const char *n, *zone;
		bool in;
	} cases[] = {
		{ "a.b.c", "B.C", true },  { "b.c", "b.c", true },
		{ "ab.c", "b.c", false },  { "c", "b.c", false },
		{ "a.b.c", ".", true },    { "x.b.c", "a.b.c", false },
		{ "\\003b.c", "c", true }, { "x\\001b.c", "b.c", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dns_name n = name(cases[i].n), z = name(cases[i].zone);

		if (dns_name_is_in(&n, &z) != cases[i].in)
			fail_msg("%s in %s", cases[i].n, cases[i].zone);
	}
}

static void reverse_names_round_trip(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 4);
	for (unsigned i = 0; i < 3000; i++) {
		struct addr128 a = { rng_next(&r), rng_next(&r) }, b;
		unsigned k = (unsigned)rng_below(&r, 33);
		struct dns_name n;

		a = prefix_make(a, 4 * k).addr;
		dns_name_reverse(&n, a, k);
		assert_int_equal(dns_name_reverse_parse(&n, &b), k);
		assert_true(addr_eq(a, b));
	}
	{
		struct dns_name n, want = name("4.3.2.1.in-addr.arpa");
		struct addr128 a;

		assert_true(addr_parse(&a, "1.2.3.4"));
		dns_name_reverse(&n, a, 32);
		assert_true(dns_name_eq(&n, &want));
		assert_int_equal(dns_name_reverse_parse(&n, &a), -1);
	}
}

/* A reply: the question www.example.com AAAA, a CNAME, an AAAA, an HTTPS with
 * hints, an NSEC; names compressed. */
static const uint8_t reply[] = { 0x12, 0x34, 0x85, 0x80, 0, 1, 0, 3, 0, 1, 0, 0,
	                         /* 12 */ 3, 'w', 'w', 'w', 7, 'e', 'x', 'a', 'm', 'p',
	                         'l', 'e', 3, 'c', 'o', 'm', 0, 0, 28, 0, 1,
	                         /* 33: CNAME h.example.com */
	                         0xc0, 12, 0, 5, 0, 1, 0, 0, 1, 0, 0, 4, 1, 'h', 0xc0, 16,
	                         /* 49: AAAA */
	                         0xc0, 45, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16, 0x20, 1, 0xd,
	                         0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7,
	                         /* 77: HTTPS 1 . ipv4hint=1.2.3.4 ipv6hint=2 */
	                         0xc0, 12, 0, 65, 0, 1, 0, 0, 0, 60, 0, 47, 0, 1, 0, 0, 4,
	                         0, 4, 1, 2, 3, 4, 0, 6, 0, 32, 0x20, 1, 0xd, 0xb8, 0, 0,
	                         0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0x20, 1, 0xd, 0xb8, 0, 0,
	                         0, 0, 0, 0, 0, 0, 0, 0, 0, 9,
	                         /* NSEC a.example.com, A AAAA RRSIG NSEC */
	                         0xc0, 16, 0, 47, 0, 1, 0, 0, 0, 60, 0, 12, 1, 'a', 0xc0,
	                         16, 0, 6, 0x40, 0, 0, 8, 0, 3 };

static void replies_are_read(void **state)
{
	struct dns_name n, want;
	struct addr128 a;
	struct dns_msg m;
	struct dns_rr rr;
	char text[ADDR_STRLEN];

	(void)state;
	assert_true(dns_msg_open(&m, reply, sizeof(reply), &n));
	want = name("www.example.com");
	assert_true(dns_name_eq(&n, &want));
	assert_int_equal(m.id, 0x1234);
	assert_int_equal(m.qtype, DNS_AAAA);
	assert_int_equal(m.flags & (DNS_QR | DNS_AA | DNS_TC), DNS_QR | DNS_AA);

	assert_int_equal(dns_msg_next(&m, &rr), 1);
	assert_int_equal(rr.type, DNS_CNAME);
	assert_int_equal(rr.ttl, 256);
	assert_true(dns_rr_target(&m, &rr, &n));
	want = name("h.example.com");
	assert_true(dns_name_eq(&n, &want));

	assert_int_equal(dns_msg_next(&m, &rr), 1);
	assert_true(dns_name_eq(&rr.name, &want));
	assert_true(dns_rr_addr(&m, &rr, &a));
	addr_format(text, a);
	assert_string_equal(text, "2001:db8::7");

	assert_int_equal(dns_msg_next(&m, &rr), 1);
	assert_true(dns_rr_target(&m, &rr, &n)); /* "." is the owner */
	want = name("www.example.com");
	assert_true(dns_name_eq(&n, &want));
	assert_true(dns_rr_hint(&m, &rr, 0, &a) && addr_is_v4(a));
	assert_true(dns_rr_hint(&m, &rr, 2, &a));
	addr_format(text, a);
	assert_string_equal(text, "2001:db8::9");
	assert_false(dns_rr_hint(&m, &rr, 3, &a));

	assert_int_equal(dns_msg_next(&m, &rr), 1);
	assert_int_equal(rr.section, 1);
	assert_true(dns_nsec_next(&m, &rr, &n));
	want = name("a.example.com");
	assert_true(dns_name_eq(&n, &want));
	for (unsigned t = 0; t < 300; t++)
		assert_int_equal(dns_nsec_has(&m, &rr, t), t == DNS_A || t == DNS_AAAA ||
		                                                   t == DNS_RRSIG ||
		                                                   t == DNS_NSEC);
	assert_int_equal(dns_msg_next(&m, &rr), 0);
}

/* Read all that a message has; -1: malformed. */
static int count_records(const uint8_t *p, size_t n)
{
	struct dns_name qname, out;
	struct dns_msg m;
	struct dns_rr rr;
	struct addr128 a;
	int rc, count = 0;

	if (!dns_msg_open(&m, p, n, &qname))
		return -1;
	while ((rc = dns_msg_next(&m, &rr)) > 0) {
		count++;
		dns_rr_addr(&m, &rr, &a);
		dns_rr_target(&m, &rr, &out);
		dns_rr_hint(&m, &rr, 1, &a);
		dns_nsec_has(&m, &rr, DNS_AAAA);
	}
	return rc < 0 ? -1 : count;
}

static void short_replies_are_refused(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(reply); n++) {
		uint8_t *copy = malloc(n ? n : 1);

		memcpy(copy, reply, n);
		assert_int_equal(count_records(copy, n), -1);
		free(copy);
	}
	assert_int_equal(count_records(reply, sizeof(reply)), 4);
}

static void pointers_only_lead_back(void **state)
{
	uint8_t m[600] = { 0, 0, 0x80, 0, 0, 0, 0, 1, 0, 0, 0, 0 };
	struct dns_msg msg;
	struct dns_name n;

	(void)state;
	assert_true(dns_msg_open(&msg, m, sizeof(m), NULL));
	m[20] = 0xc0;
	m[21] = 20; /* to itself */
	assert_false(dns_msg_name(&msg, 20, &n, NULL));
	m[21] = 30; /* forward */
	assert_false(dns_msg_name(&msg, 20, &n, NULL));
	m[30] = 1;
	m[32] = 0xc0; /* "x" and then itself */
	m[33] = 30;
	assert_false(dns_msg_name(&msg, 30, &n, NULL));
	/* A chain of pointers costs a bounded number of steps. */
	for (size_t i = 40; i + 1 < sizeof(m); i += 2) {
		m[i] = (uint8_t)(0xc0 | (i - 2) >> 8);
		m[i + 1] = (uint8_t)(i - 2);
	}
	m[38] = 0;
	assert_true(dns_msg_name(&msg, 60, &n, NULL));
	assert_false(dns_msg_name(&msg, 598, &n, NULL));
	m[50] = 0x80; /* neither a length nor a pointer */
	assert_false(dns_msg_name(&msg, 50, &n, NULL));
}

static void queries_are_built(void **state)
{
	struct dns_name n = name("wWw.Example.com"), q;
	struct dns_query query = { &n, 77, DNS_AAAA, true, true };
	uint8_t buf[DNS_QUERY_MAX];
	struct dns_msg m;
	struct dns_rr rr;

	(void)state;
	assert_true(dns_msg_open(&m, buf, dns_query_build(buf, &query), &q));
	assert_int_equal(m.id, 77);
	assert_int_equal(m.flags, DNS_RD);
	assert_int_equal(m.qtype, DNS_AAAA);
	assert_memory_equal(q.b, n.b, n.len); /* with its case */
	assert_int_equal(dns_msg_next(&m, &rr), 1);
	assert_int_equal(rr.type, DNS_OPT);
	assert_int_equal(rr.class, DNS_UDP_SIZE);
	assert_int_equal(rr.ttl, 0x8000);
	assert_int_equal(dns_msg_next(&m, &rr), 0);
}

/* ---- libldns as an oracle, where the machine has it ---------------------------- */

struct oracle {
	void *lib;
	int (*wire2pkt)(void **pkt, const uint8_t *wire, size_t n);
	void (*pkt_free)(void *pkt);
	void *(*section[3])(const void *pkt);
	size_t (*rr_count)(const void *list);
	void *(*rr)(const void *list, size_t i);
	int (*rr_type)(const void *rr);
	uint32_t (*rr_ttl)(const void *rr);
	void *(*rr_owner)(const void *rr);
	uint8_t *(*rdf_data)(const void *rdf);
	size_t (*rdf_size)(const void *rdf);
};

static bool oracle_open(struct oracle *o)
{
	static const struct {
		size_t at;
		const char *symbol;
	} f[] = {
		{ offsetof(struct oracle, wire2pkt), "ldns_wire2pkt" },
		{ offsetof(struct oracle, pkt_free), "ldns_pkt_free" },
		{ offsetof(struct oracle, section[0]), "ldns_pkt_answer" },
		{ offsetof(struct oracle, section[1]), "ldns_pkt_authority" },
		{ offsetof(struct oracle, section[2]), "ldns_pkt_additional" },
		{ offsetof(struct oracle, rr_count), "ldns_rr_list_rr_count" },
		{ offsetof(struct oracle, rr), "ldns_rr_list_rr" },
		{ offsetof(struct oracle, rr_type), "ldns_rr_get_type" },
		{ offsetof(struct oracle, rr_ttl), "ldns_rr_ttl" },
		{ offsetof(struct oracle, rr_owner), "ldns_rr_owner" },
		{ offsetof(struct oracle, rdf_data), "ldns_rdf_data" },
		{ offsetof(struct oracle, rdf_size), "ldns_rdf_size" },
	};

	o->lib = dlopen("libldns.so.3", RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; o->lib && i < ARRAY_LEN(f); i++) {
		void *p = dlsym(o->lib, f[i].symbol);

		if (!p)
			return false;
		memcpy((char *)o + f[i].at, &p, sizeof(p));
	}
	return o->lib;
}

enum { TSIG = 250 };
enum verdict { ONE_REFUSES, AGREE, DIFFER };

/* Of what both accept we see the same records.  libldns takes pointers that lead
 * forward, which we do not. */
static enum verdict compare_with(const struct oracle *o, const uint8_t *p, size_t n)
{
	enum verdict v = AGREE;
	size_t index[3] = { 0 };
	struct dns_msg m;
	struct dns_rr rr;
	void *pkt;

	if (!dns_msg_open(&m, p, n, NULL) || count_records(p, n) < 0)
		return ONE_REFUSES;
	/* libldns leaks the second of two; it keeps them apart anyway. */
	while (dns_msg_next(&m, &rr) > 0)
		if (rr.type == DNS_OPT || rr.type == TSIG)
			return ONE_REFUSES;
	if (o->wire2pkt(&pkt, p, n) != 0)
		return ONE_REFUSES;
	dns_msg_open(&m, p, n, NULL);
	while (v == AGREE && dns_msg_next(&m, &rr) > 0) {
		void *list = o->section[rr.section](pkt), *want, *owner;

		want = o->rr(list, index[rr.section]++);
		owner = want ? o->rr_owner(want) : NULL;
		if (!want || (unsigned)o->rr_type(want) != rr.type ||
		    o->rr_ttl(want) != rr.ttl || o->rdf_size(owner) != rr.name.len ||
		    memcmp(o->rdf_data(owner), rr.name.b, rr.name.len))
			v = DIFFER;
	}
	o->pkt_free(pkt);
	return v;
}

static void agrees_with_libldns(void **state)
{
	struct oracle o;
	uint8_t work[sizeof(reply)];
	unsigned seen[3] = { 0 };
	struct rng r;

	(void)state;
	if (!oracle_open(&o))
		skip();
	assert_int_equal(compare_with(&o, reply, sizeof(reply)), AGREE);
	rng_init(&r, 11);
	for (unsigned i = 0; i < 20000; i++) {
		memcpy(work, reply, sizeof(work));
		/* Not the question count: libldns takes several. */
		for (uint64_t k = 1 + rng_below(&r, 3); k; k--)
			work[6 + rng_below(&r, sizeof(work) - 6)] ^=
				(uint8_t)(1 << rng_below(&r, 8));
		seen[compare_with(&o, work, sizeof(work))]++;
	}
	/* A data length that is too long for its type throws libldns off: the record
	 * after it is read from where the data ended and not from where it should. */
	if (seen[AGREE] < 5000 || seen[DIFFER] > seen[AGREE] / 50)
		fail_msg("%u agree, %u differ", seen[AGREE], seen[DIFFER]);
	dlclose(o.lib);
}

/* Replies that crash or leak in a packaged libldns. */
static void hostile_vectors_are_survived(void **state)
{
	static const char *const files[] = { "ldns183_edns_option13_segv.hex",
		                             "ldns_double_tsig_leak.hex" };
	const char *shared = getenv("SEXTANT_SHARED");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		uint8_t wire[1024];
		char path[512];
		unsigned byte;
		size_t n = 0;
		FILE *f;

		snprintf(path, sizeof(path), "%s/data/dns/%s", shared ? shared : "",
		         files[i]);
		f = fopen(path, "r");
		if (!f)
			skip();
		while (n < sizeof(wire) && fscanf(f, "%2x", &byte) == 1)
			wire[n++] = (uint8_t)byte;
		fclose(f);
		assert_true(n > 12);
		/* The second one ends inside its third record. */
		assert_int_equal(count_records(wire, n), i == 0 ? 6 : -1);
		for (size_t cut = 0; cut < n; cut++)
			count_records(wire, cut);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_parse_and_format),
		cmocka_unit_test(lengths_are_limited),
		cmocka_unit_test(canonical_order),
		cmocka_unit_test(names_lie_in_zones),
		cmocka_unit_test(reverse_names_round_trip),
		cmocka_unit_test(replies_are_read),
		cmocka_unit_test(short_replies_are_refused),
		cmocka_unit_test(pointers_only_lead_back),
		cmocka_unit_test(queries_are_built),
		cmocka_unit_test(agrees_with_libldns),
		cmocka_unit_test(hostile_vectors_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
