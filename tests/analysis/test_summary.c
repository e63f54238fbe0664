#include "tests/test.h"

#include <stdbool.h>

#include "analysis/analysis.h"
#include "common/addrset.h"
#include "common/reader.h"
#include "common/rng.h"

static void push(struct addrvec *v, const char *text)
{
	struct addr128 a;

	assert_true(addr_parse(&a, text));
	assert_int_equal(addrvec_push(v, a), 0);
}

static void sort(struct addrvec *v)
{
	assert_int_equal(addrvec_sort(v), 0);
	addrvec_unique(v);
}

/* Worked by hand. */
static void four_addresses(void **state)
{
	struct analysis_summary s;
	struct addrvec v = { 0 };

	(void)state;
	push(&v, "2001:db8::1");
	push(&v, "2001:db8::2");
	push(&v, "2001:db8::3");
	push(&v, "2001:db8:0:1::1");
	sort(&v);
	analysis_summarize(&s, &v);
	assert_int_equal(s.addresses, 4);
	assert_int_equal(s.prefixes[0], 1);
	assert_int_equal(s.prefixes[63], 1);
	assert_int_equal(s.prefixes[64], 2);
	assert_int_equal(s.prefixes[126], 2);
	assert_int_equal(s.prefixes[127], 3);
	assert_int_equal(s.prefixes[128], 4);
	assert_int_equal(s.largest_64, 3);
	assert_int_equal(s.iid[IID_LOW_BYTE], 4);
	addrvec_fini(&v);
}

static void empty_and_v4_only(void **state)
{
	struct analysis_summary s;
	struct addrvec v = { 0 };

	(void)state;
	analysis_summarize(&s, &v);
	assert_int_equal(s.addresses, 0);
	assert_int_equal(s.prefixes[0], 0);
	push(&v, "192.0.2.1");
	push(&v, "192.0.2.2");
	analysis_summarize(&s, &v);
	assert_int_equal(s.addresses, 2);
	assert_int_equal(s.v4, 2);
	assert_int_equal(s.prefixes[0], 0);
	assert_int_equal(s.prefixes[128], 0);
	assert_int_equal(s.largest_64, 0);
	addrvec_fini(&v);
}

/* Groups and :: have no identifier, but are addresses. */
static void multicast_has_no_identifier(void **state)
{
	struct analysis_summary s;
	struct addrvec v = { 0 };
	uint64_t n = 0;

	(void)state;
	push(&v, "::");
	push(&v, "2001:db8::1");
	push(&v, "ff02::1");
	push(&v, "192.0.2.1");
	sort(&v);
	analysis_summarize(&s, &v);
	for (unsigned c = 0; c < IID_CLASSES; c++)
		n += s.iid[c];
	assert_int_equal(n, 1);
	assert_int_equal(s.prefixes[128], 3);
	addrvec_fini(&v);
}

/* n_p and the largest /64 against sets of masked addresses. */
static void agrees_with_sets(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 5);
	for (unsigned round = 0; round < 20; round++) {
		struct addrvec v = { 0 };
		struct analysis_summary s;
		unsigned spread = 1 + (unsigned)rng_below(&r, 16);
		uint64_t n6 = 0, largest = 0;

		for (unsigned i = 0; i < 300; i++) {
			struct addr128 a = { UINT64_C(0x2000) << 48, 0 };

			for (unsigned k = 4; k < 32; k++)
				if (rng_below(&r, spread) == 0)
					a = addr_set_nibble(a, k,
					                    (unsigned)rng_below(&r, 3));
			if (i % 17 == 0)
				a = addr_from_v4((uint32_t)rng_next(&r));
			assert_int_equal(addrvec_push(&v, a), 0);
		}
		sort(&v);
		analysis_summarize(&s, &v);
		for (unsigned p = 0; p <= 128; p++) {
			struct addrset *set = addrset_new(0);

			for (size_t i = 0; i < v.n; i++)
				if (!addr_is_v4(v.a[i]))
					addrset_add(set, prefix_make(v.a[i], p).addr);
			assert_int_equal(s.prefixes[p], addrset_count(set));
			n6 = addrset_count(set);
			addrset_free(set);
		}
		assert_int_equal(s.addresses - s.v4, n6);
		for (size_t i = 0; i < v.n; i++) {
			uint64_t same = 0;

			for (size_t k = 0; k < v.n && !addr_is_v4(v.a[i]); k++)
				same += !addr_is_v4(v.a[k]) && v.a[k].hi == v.a[i].hi;
			largest = same > largest ? same : largest;
		}
		assert_int_equal(s.largest_64, largest);
		addrvec_fini(&v);
	}
}

/* --- golden results of an independent implementation --- */

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "rb");
	size_t cap = 1 << 20, n;
	char *text;

	if (!f)
		return NULL;
	text = malloc(cap);
	assert_non_null(text);
	n = fread(text, 1, cap - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

/* The number under "key" in the object "section"; -1: there is none. */
static long long number(const char *json, const char *section, const char *key)
{
	char quoted[96];
	const char *p, *end, *hit;

	snprintf(quoted, sizeof(quoted), "\"%s\": {", section);
	p = strstr(json, quoted);
	if (!p)
		return -1;
	end = strchr(p, '}');
	snprintf(quoted, sizeof(quoted), "\"%s\": ", key);
	hit = strstr(p, quoted);
	return hit && hit < end ? atoll(hit + strlen(quoted)) : -1;
}

static void compare(const char *name, const char *json, const struct analysis_summary *s)
{
	static const struct {
		const char *key;
		enum iid_class c;
	} classes[] = {
		{ "ieee-derived", IID_EUI64 },
		{ "isatap", IID_ISATAP },
		{ "embedded-port/port-fwd", IID_PORT },
		{ "embedded-port/port-rev", IID_PORT_REVERSED },
		{ "embedded-ipv4/embedded-ipv4-32", IID_IPV4_32 },
		{ "low-byte", IID_LOW_BYTE },
		{ "embedded-ipv4/embedded-ipv4-64", IID_IPV4_64 },
		{ "pattern-bytes", IID_PATTERN_BYTES },
		{ "randomized", IID_RANDOM },
	};
	unsigned compared = 0;

	for (unsigned p = 0; p <= 128; p++) {
		char key[8];
		long long want;

		snprintf(key, sizeof(key), "%u", p);
		want = number(json, "n_p", key);
		if (want < 0)
			continue;
		compared++;
		if ((uint64_t)want != s->prefixes[p])
			fail_msg("%s: n_%u is %llu, expected %lld", name, p,
			         (unsigned long long)s->prefixes[p], want);
	}
	assert_true(compared >= 30);
	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		long long want = number(json, "iid", classes[i].key);

		want = want < 0 ? 0 : want; /* a class without members is not listed */
		if ((uint64_t)want != s->iid[classes[i].c])
			fail_msg("%s: %s: %llu, expected %lld", name, classes[i].key,
			         (unsigned long long)s->iid[classes[i].c], want);
	}
	assert_int_equal(s->largest_64, number(json, "per64", "max"));
	assert_int_equal(s->prefixes[64], number(json, "per64", "count"));
}

static void golden_lists(void **state)
{
	static const struct {
		const char *list, *json;
	} cases[] = {
		{ "golden/tiny4.txt", "golden/tiny4.ref.json" },
		{ "lists/tum_responsive_first10000.txt",
		  "golden/tum_responsive_first10000.ref.json" },
		{ "lists/CuiTianyu961030+6VecLM.txt.xz",
		  "golden/CuiTianyu961030+6VecLM.ref.json" },
	};
	const char *shared = getenv("SEXTANT_SHARED");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct addrvec v = { 0 };
		struct analysis_summary s;
		char path[4096], *json;

		snprintf(path, sizeof(path), "%s/data/%s", shared ? shared : "",
		         cases[i].json);
		json = shared ? slurp(path) : NULL;
		if (!json) {
			print_message("no %s\n", cases[i].json);
			skip();
		}
		snprintf(path, sizeof(path), "%s/data/%s", shared, cases[i].list);
		assert_int_equal(reader_load(&v, path, NULL, NULL), 0);
		sort(&v);
		analysis_summarize(&s, &v);
		compare(cases[i].list, json, &s);
		free(json);
		addrvec_fini(&v);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(four_addresses),
		cmocka_unit_test(empty_and_v4_only),
		cmocka_unit_test(multicast_has_no_identifier),
		cmocka_unit_test(agrees_with_sets),
		cmocka_unit_test(golden_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
