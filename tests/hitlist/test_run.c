#include "tests/hitlist/hl.h"

#include "hitlist/run.h"
#include "hitlist/run_format.h"

static void write_run(const char *path, const struct host_record *h, size_t n,
                      enum run_schema schema)
{
	struct run_writer *w;
	struct diag d = { "" };

	hl_ok(run_writer_open(&w, path, schema, 7, RUN_LASTING, &d), &d);
	for (size_t i = 0; i < n; i++)
		hl_ok(run_writer_add(w, &h[i]), NULL);
	hl_ok(run_writer_finish(w, &d), &d);
	run_writer_close(w);
}

/* What the seen tier keeps: in the first blocks the same of all, then a few kinds, then
 * anything. */
static void seen_only(struct host_record *h, size_t i)
{
	uint64_t x = i < 300 ? 1 : i < 600 ? i % 11 : rng_mix(i);

	*h = (struct host_record){ .addr = h->addr,
		                   .sources = (uint16_t)(x % 32),
		                   .last_probed = (uint32_t)(x % 1775) * SEEN_PERIOD };
}

/* Everything that went in comes out: scan, lookups, seeks. */
static void holds(const struct run *r, const struct host_record *h, size_t n,
                  struct rng *rng)
{
	struct run_cursor *c = malloc(sizeof(*c));
	const struct host_record *rec;
	struct host_record found;
	struct diag d = { "" };

	assert_non_null(c);
	assert_int_equal(run_summary(r)->records, n);
	assert_true(addr_eq(run_summary(r)->min, h[0].addr));
	assert_true(addr_eq(run_summary(r)->max, h[n - 1].addr));
	hl_ok(run_seek(c, r, (struct addr128){ 0, 0 }, &d), &d);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(run_next(c, &rec, &d), 1);
		assert_true(hl_same(rec, &h[i]));
	}
	assert_int_equal(run_next(c, &rec, &d), 0);
	for (unsigned k = 0; k < 500; k++) {
		size_t i = rng_below(rng, n);
		struct addr128 a = k % 2 ? h[i].addr : addr_next(h[i].addr);
		size_t at = k % 2 ? i : i + 1; /* of the first one not below a */
		bool there = k % 2 || (i + 1 < n && addr_eq(h[i + 1].addr, a));

		if (k % 2 == 0 && a.hi == 0 && a.lo == 0)
			continue; /* past the last address of all */
		assert_int_equal(run_find(r, a, &found, &d), there);
		assert_int_equal(run_find(r, a, NULL, &d), there);
		if (there)
			assert_true(hl_same(&found, &h[at]));
		hl_ok(run_seek(c, r, a, &d), &d);
		assert_int_equal(run_next(c, &rec, &d), at < n);
		if (at < n)
			assert_true(hl_same(rec, &h[at]));
	}
	free(c);
}

static void round_trip(void **state)
{
	static const size_t sizes[] = {
		1, 2, 3, 255, 256, 257, 511, 512, 513, 5000, 70000
	};
	char dir[HL_PATH], path[HL_PATH + 16];
	struct rng r;

	(void)state;
	rng_init(&r, 11);
	hl_mkdir(dir);
	snprintf(path, sizeof(path), "%s/x.run", dir);
	for (size_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
		enum run_schema schema = i % 2 ? RUN_SEEN : RUN_HOSTS;
		size_t n = sizes[i / 2];
		struct host_record *h = hl_records(&r, &n);
		struct diag d = { "" };
		struct run *run;

		for (size_t k = 0; schema == RUN_SEEN && k < n; k++)
			seen_only(&h[k], k);
		write_run(path, h, n, schema);
		hl_ok(run_open(&run, path, &d), &d);
		assert_int_equal(run_schema(run), schema);
		assert_int_equal(run_summary(run)->generation, 7);
		hl_ok(run_check(run, &d), &d);
		unlink(path); /* a mapped run outlives its name */
		holds(run, h, n, &r);
		run_unref(run_ref(run));
		run_unref(run);
		free(h);
	}
	hl_rmdir(dir);
}

/* The corners: both ends of the address space, all fields at their limits, a
 * column with one, 16, 17 and 256 distinct values. */
static void extremes(void **state)
{
	char dir[HL_PATH], path[HL_PATH + 16];
	struct host_record h[600] = { 0 };
	struct rng r;

	(void)state;
	rng_init(&r, 12);
	hl_mkdir(dir);
	snprintf(path, sizeof(path), "%s/x.run", dir);
	for (uint32_t distinct = 1; distinct <= 256;
	     distinct += distinct < 18 ? 1 : 119) {
		struct diag d = { "" };
		struct run *run;

		for (size_t i = 0; i < ARRAY_LEN(h); i++) {
			struct host_record *p = &h[i];

			*p = (struct host_record){ 0 };
			p->addr = i == 0 ? (struct addr128){ 0, 0 }
			          : i == ARRAY_LEN(h) - 1
			                  ? (struct addr128){ UINT64_MAX, UINT64_MAX }
			                  : (struct addr128){ i % 2 ? i << 54
				                                    : (i - 1) << 54,
				                              i % 2 ? 0 : UINT64_MAX };
			p->first_seen = UINT32_MAX - (uint32_t)(i % distinct) * 0x1000001;
			p->last_seen = i % 7 ? (uint32_t)(i % distinct) : UINT32_MAX;
			p->last_probed = i % 3 ? UINT32_MAX : (uint32_t)(i % distinct);
			p->fail_streak = (uint16_t)(i * 257);
			p->sources = i % 5 ? UINT16_MAX : 0;
			p->policy = i % 2 ? UINT8_MAX : 0;
			for (unsigned s = 0; s < SERVICES; s++)
				if (i >> s & 1)
					p->service_seen[s] = (uint32_t)(i * distinct + s);
			host_record_normalise(p);
		}
		write_run(path, h, ARRAY_LEN(h), RUN_HOSTS);
		hl_ok(run_open(&run, path, &d), &d);
		hl_ok(run_check(run, &d), &d);
		holds(run, h, ARRAY_LEN(h), &r);
		run_unref(run);
	}
	hl_rmdir(dir);
}

static void writer_refuses_disorder(void **state)
{
	struct host_record h = { .addr = { 5, 5 } };
	char dir[HL_PATH], path[HL_PATH + 16];
	struct run_writer *w;
	struct diag d = { "" };

	(void)state;
	hl_mkdir(dir);
	snprintf(path, sizeof(path), "%s/x.run", dir);
	hl_ok(run_writer_open(&w, path, RUN_HOSTS, 1, RUN_LASTING, &d), &d);
	hl_ok(run_writer_add(w, &h), NULL);
	assert_int_equal(run_writer_add(w, &h), -EINVAL);
	assert_int_equal(run_writer_finish(w, &d), -EINVAL);
	run_writer_close(w);
	assert_int_equal(access(path, F_OK), -1);
	hl_ok(run_writer_open(&w, path, RUN_HOSTS, 1, RUN_LASTING, &d),
	      &d); /* none at all */
	assert_int_equal(run_writer_finish(w, NULL), -EINVAL);
	run_writer_close(w);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(
		run_writer_open(&w, "/nonexistent/x.run", RUN_HOSTS, 1, RUN_LASTING, &d),
		-ENOENT);
	hl_rmdir(dir);
}

/* Whatever an open and a whole check say of these bytes; the text must name
 * the file and an offset when they object. */
static int verdict(const uint8_t *p, size_t n)
{
	struct diag d = { "" };
	struct run *r;
	int rc = run_open_bytes(&r, p, n, "the-run", &d);

	if (rc == 0) {
		rc = run_check(r, &d);
		run_unref(r);
	}
	if (rc < 0 && (!strstr(d.text, "the-run: offset ") || rc == -ENOMEM))
		fail_msg("%d: '%s' does not name the place", rc, d.text);
	return rc;
}

/* A lookup or scan may fail, but it never lies. */
static void never_wrong(const uint8_t *p, size_t n, const struct host_record *h, size_t i)
{
	struct host_record found;
	struct run *r;
	int rc = run_open_bytes(&r, p, n, "the-run", NULL);

	if (rc < 0)
		return;
	rc = run_find(r, h[i].addr, &found, NULL);
	if (rc == 0 || (rc == 1 && !hl_same(&found, &h[i])))
		fail_msg("a damaged run gave a wrong answer");
	run_unref(r);
}

static void damage(enum run_schema schema)
{
	char dir[HL_PATH], path[HL_PATH + 16];
	struct host_record *h;
	size_t n = 400, size;
	uint8_t *bytes, *p;
	struct rng r;

	rng_init(&r, 13);
	h = hl_records(&r, &n);
	for (size_t k = 0; schema == RUN_SEEN && k < n; k++)
		seen_only(&h[k], k);
	hl_mkdir(dir);
	snprintf(path, sizeof(path), "%s/x.run", dir);
	write_run(path, h, n, schema);
	bytes = hl_read(path, &size);
	p = aligned_alloc(64, (size + 127) / 64 * 64);
	assert_non_null(p);
	memcpy(p, bytes, size);
	assert_int_equal(verdict(p, size), 0);
	for (size_t i = 0; i < size; i++) { /* every byte */
		p[i] ^= (uint8_t)(1 << rng_below(&r, 8));
		if (verdict(p, size) >= 0)
			fail_msg("a flipped bit at %zu went unnoticed", i);
		never_wrong(p, size, h, rng_below(&r, n));
		p[i] = bytes[i];
	}
	for (size_t i = 0; i < size; i++) /* every length */
		if (verdict(p, i) >= 0)
			fail_msg("truncation to %zu went unnoticed", i);
	for (size_t i = 0; i < size; i += 97) { /* one byte gone, one too many */
		memmove(p + i, p + i + 1, size - i - 1);
		assert_true(verdict(p, size - 1) < 0);
		memcpy(p, bytes, size);
		memmove(p + i + 1, p + i, size - i);
		assert_true(verdict(p, size + 1) < 0);
		memcpy(p, bytes, size);
	}
	free(p);
	free(bytes);
	free(h);
	hl_rmdir(dir);
}

static void damage_to_hosts(void **state)
{
	(void)state;
	damage(RUN_HOSTS);
}

static void damage_to_seen(void **state)
{
	(void)state;
	damage(RUN_SEEN);
}

/* Equal content, equal bytes.  A change here needs a new RUN_VERSION, and readers
 * for both. */
static void the_format_is_frozen(void **state)
{
	char dir[HL_PATH], path[HL_PATH + 16];
	struct host_record h[300] = { 0 };
	struct diag d = { "" };
	struct run *run;

	(void)state;
	hl_mkdir(dir);
	snprintf(path, sizeof(path), "%s/x.run", dir);
	for (size_t i = 0; i < ARRAY_LEN(h); i++) {
		h[i].addr.hi = UINT64_C(0x2001067c00000000) + (i << 16);
		h[i].addr.lo = i % 3 ? i : i * UINT64_C(0x9e3779b97f4a7c15);
		h[i].first_seen = 1780000000 + (uint32_t)i;
		h[i].service_seen[i % SERVICES] = 1780000000 + (uint32_t)(i * i);
		host_record_normalise(&h[i]);
	}
	write_run(path, h, ARRAY_LEN(h), RUN_HOSTS);
	hl_ok(run_open(&run, path, &d), &d);
	assert_int_equal(run_summary(run)->checksum, UINT64_C(0xbfa3ac39d41b6b7d));
	run_unref(run);
	for (size_t i = 0; i < ARRAY_LEN(h); i++)
		h[i] = (struct host_record){ .addr = h[i].addr,
			                     .sources = (uint16_t)(1 + i / 70),
			                     .last_probed =
			                             (700u + i % 3) * SEEN_PERIOD };
	write_run(path, h, ARRAY_LEN(h), RUN_SEEN);
	hl_ok(run_open(&run, path, &d), &d);
	assert_int_equal(run_summary(run)->checksum, UINT64_C(0x7e9b4d500265d514));
	run_unref(run);
	hl_rmdir(dir);
}

static void resign(uint8_t *p, uint64_t at, uint64_t n, uint64_t sum_at)
{
	store64(p + sum_at, checksum64(p + at, n, at));
}

/* The same records as a file of an older version: 1 has blocks of 256, without
 * `injected`, 2 has only the keys of the seen tier.  p is the file of today, of one
 * block; returns the length. */
static size_t as_version(unsigned version, uint8_t *out, const uint8_t *p, size_t size,
                         const struct host_record *h, unsigned n)
{
	const uint8_t *f = p + size - RUN_FOOTER;
	size_t filter = load64(f + RUN_F_FILTER), bytes = load64(f + RUN_F_FILTER_BYTES);
	uint64_t len, at = RUN_HEADER, index, pad, foot;

	memcpy(out, p, RUN_HEADER);
	store16(out + RUN_H_VERSION, (uint16_t)version);
	store32(out + RUN_H_BLOCK, version == 1 ? 256 : 128);
	resign(out, 0, RUN_H_CHECKSUM, RUN_H_CHECKSUM);
	len = block_encode(out + at, h, n, version == 1 ? BLOCK_HOSTS_1 : BLOCK_KEYS);
	index = at + len;
	pad = -(index + RUN_INDEX_ENTRY) % RUN_FILTER_ALIGN;
	memset(out + index, 0, RUN_INDEX_ENTRY + pad);
	store_addr(out + index, h[0].addr);
	store64(out + index + RUN_I_OFFSET, at);
	resign(out, at, len, index + RUN_I_CHECKSUM);
	at = index + RUN_INDEX_ENTRY + pad;
	memcpy(out + at, p + filter, bytes);
	foot = at + bytes;
	memcpy(out + foot, f, RUN_FOOTER);
	resign(out, 0, RUN_HEADER, foot + RUN_F_HEADER_SUM);
	store64(out + foot + RUN_F_INDEX, index);
	resign(out, index, at - index, foot + RUN_F_INDEX_SUM);
	store64(out + foot + RUN_F_FILTER, at);
	resign(out, at, bytes, foot + RUN_F_FILTER_SUM);
	store64(out + foot + RUN_F_SIZE, foot + RUN_FOOTER);
	resign(out, foot, RUN_F_CHECKSUM, foot + RUN_F_CHECKSUM);
	return foot + RUN_FOOTER;
}

static void version_1_is_read(void **state)
{
	char dir[HL_PATH], path[HL_PATH + 16];
	size_t n = 100, size;
	struct diag d = { "" };
	struct host_record *h;
	struct run *run;
	struct rng r;
	uint8_t *p, *old;

	(void)state;
	rng_init(&r, 14);
	h = hl_records(&r, &n);
	for (size_t i = 0; i < n; i++)
		h[i].injected = 0;
	hl_mkdir(dir);
	snprintf(path, sizeof(path), "%s/x.run", dir);
	write_run(path, h, n, RUN_HOSTS);
	p = hl_read(path, &size);
	old = calloc(1, size + 4096);
	assert_non_null(old);
	size = as_version(1, old, p, size, h, (unsigned)n);
	hl_write(path, old, size);
	hl_ok(run_open(&run, path, &d), &d);
	hl_ok(run_check(run, &d), &d);
	holds(run, h, n, &r);
	run_unref(run);
	store16(old + RUN_H_VERSION, RUN_VERSION + 1);
	resign(old, 0, RUN_H_CHECKSUM, RUN_H_CHECKSUM);
	hl_write(path, old, size);
	assert_int_equal(run_open(&run, path, &d), ERR_VERSION);
	assert_non_null(strstr(d.text, "format version 4"));
	free(old);
	free(p);
	free(h);
	hl_rmdir(dir);
}

static void seen_tier_of_version_2_is_read(void **state)
{
	char dir[HL_PATH], path[HL_PATH + 16];
	size_t n = 100, size;
	struct diag d = { "" };
	struct host_record *h;
	struct run *run;
	struct rng r;
	uint8_t *p, *old;

	(void)state;
	rng_init(&r, 15);
	h = hl_records(&r, &n);
	for (size_t i = 0; i < n; i++)
		h[i] = (struct host_record){ .addr = h[i].addr };
	hl_mkdir(dir);
	snprintf(path, sizeof(path), "%s/x.run", dir);
	write_run(path, h, n, RUN_SEEN);
	p = hl_read(path, &size);
	old = calloc(1, size + 4096);
	assert_non_null(old);
	size = as_version(2, old, p, size, h, (unsigned)n);
	hl_write(path, old, size);
	hl_ok(run_open(&run, path, &d), &d);
	assert_int_equal(run_schema(run), RUN_SEEN);
	hl_ok(run_check(run, &d), &d);
	holds(run, h, n, &r);
	run_unref(run);
	free(old);
	free(p);
	free(h);
	hl_rmdir(dir);
}

/* The bits cost little: where all are alike 5 bytes a block, else half a byte each
 * while there are 16 kinds. */
static void bits_of_the_seen_tier_cost_little(void **state)
{
	struct host_record h[128];
	uint8_t buf[BLOCK_BYTES_MAX];
	size_t keys, n;

	(void)state;
	for (unsigned i = 0; i < 128; i++)
		h[i] = (struct host_record){ .addr = { 5, i },
			                     .sources = 4,
			                     .last_probed = 735u * SEEN_PERIOD };
	keys = block_encode(buf, h, 128, BLOCK_KEYS);
	n = block_encode(buf, h, 128, BLOCK_SEEN);
	assert_int_equal(n - keys, 5);
	for (unsigned i = 0; i < 128; i++) {
		h[i].sources = (uint16_t)(1 << i % 5);
		h[i].last_probed = (700u + i % 13) * SEEN_PERIOD;
	}
	n = block_encode(buf, h, 128, BLOCK_SEEN);
	assert_true(n - keys <= 2 * (1 + 4 * 13 + 64));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(extremes),
		cmocka_unit_test(writer_refuses_disorder),
		cmocka_unit_test(damage_to_hosts),
		cmocka_unit_test(damage_to_seen),
		cmocka_unit_test(the_format_is_frozen),
		cmocka_unit_test(version_1_is_read),
		cmocka_unit_test(seen_tier_of_version_2_is_read),
		cmocka_unit_test(bits_of_the_seen_tier_cost_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
