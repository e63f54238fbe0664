#include "tests/test.h"

#include <sys/mman.h>
#include <unistd.h>

#include "analysis/mmdb.h"
#include "common/rng.h"
#include "tests/analysis/make_mmdb.h"

enum { NETS = 40 };

static const char *const codes[] = { "DE", "BR", "JP", "ZA", "AQ" };

/* Net i has code i % 5; by turns nested, plain, and a pointer to the one before. */
static void fill(struct mmdb_maker *k, unsigned bits, struct prefix nets[static NETS])
{
	uint32_t last = 0;

	*k = (struct mmdb_maker){ .bits = bits };
	for (unsigned i = 0; i < NETS; i++) {
		struct addr128 a = { 0x2001000000000000 | (uint64_t)i << 40, 0 };
		uint32_t at;

		nets[i] = prefix_make(a, 24 + i % 3 * 4);
		if (i % 5 == 3)
			at = mmdb_pointer(k, last);
		else
			at = last = mmdb_record(k, codes[i % 5], i % 2);
		mmdb_put(k, nets[i], at);
	}
}

/* What net i is said to be. */
static const char *code_of(unsigned i)
{
	return i % 5 == 3 ? codes[2] : codes[i % 5];
}

static int open_bytes(struct mmdb **m, const uint8_t *bytes, size_t n, struct diag *d)
{
	int fd = memfd_create("mmdb", 0), rc;
	char path[64];

	*d = (struct diag){ "" };
	assert_int_equal(write(fd, bytes, n), n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	rc = mmdb_open(m, path, d);
	close(fd);
	assert_int_equal(rc < 0, d->text[0] != '\0');
	return rc;
}

static void countries_are_found(void **state)
{
	static const unsigned bits[] = { 24, 28, 32 };
	struct mmdb_maker *k = malloc(sizeof(*k));
	struct rng r;

	(void)state;
	rng_init(&r, 1);
	for (unsigned b = 0; b < 3; b++) {
		struct country_counts *c = calloc(1, sizeof(*c));
		struct prefix nets[NETS];
		struct mmdb *m;
		struct diag d;
		uint8_t *bytes;
		size_t n;

		fill(k, bits[b], nets);
		bytes = mmdb_finish(k, &n);
		assert_int_equal(open_bytes(&m, bytes, n, &d), 0);
		c->db = m;
		for (unsigned i = 0; i < NETS; i++) {
			for (unsigned t = 0; t < 20; t++) {
				struct addr128 a = rng_addr_in(&r, nets[i]);
				unsigned len;
				char cc[3];

				mmdb_country(m, a, cc, &len);
				assert_string_equal(cc, code_of(i));
				assert_int_equal(len, nets[i].len);
				country_counts_feed(c, &a, 1);
			}
		}
		country_counts_feed(c, &(struct addr128){ 0x3000000000000000, 1 }, 1);
		assert_int_equal(c->unknown, 1);
		assert_int_equal(c->n[26 * ('D' - 'A') + 'E' - 'A'], 20 * NETS / 5);
		assert_int_equal(c->n[26 * ('J' - 'A') + 'P' - 'A'], 2 * 20 * NETS / 5);
		free(c);
		mmdb_close(m);
		free(bytes);
	}
	free(k);
}

/* Cut or changed anywhere: an error, or some answer, but no harm. */
static void damage_is_borne(void **state)
{
	struct mmdb_maker *k = malloc(sizeof(*k));
	struct prefix nets[NETS];
	struct rng r;
	uint8_t *bytes;
	size_t n;

	(void)state;
	rng_init(&r, 2);
	fill(k, 28, nets);
	bytes = mmdb_finish(k, &n);
	for (unsigned t = 0; t < 3000; t++) {
		size_t at = rng_below(&r, n), cut = t % 3 ? n : at;
		uint8_t old = bytes[at];
		struct mmdb *m;
		struct diag d;

		bytes[at] = (uint8_t)rng_next(&r);
		if (open_bytes(&m, bytes, cut, &d) == 0) {
			for (unsigned i = 0; i < NETS; i++) {
				unsigned len;
				char cc[3];

				mmdb_country(m, nets[i].addr, cc, &len);
				assert_true(len <= 128 && (!cc[0] || strlen(cc) == 2));
			}
			mmdb_close(m);
		}
		bytes[at] = old;
	}
	free(bytes);
	free(k);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(countries_are_found),
		cmocka_unit_test(damage_is_borne),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
