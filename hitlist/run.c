#include "hitlist/run.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bloom.h"
#include "hitlist/run_format.h"

/* The words of the filter are used as they lie in the file. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "filters are little-endian");

struct run {
	atomic_uint refs;
	bool mapped;
	const uint8_t *map;
	size_t size;
	enum run_schema schema;
	enum block_kind kind;
	unsigned per_block; /* records in every block but the last */
	uint64_t blocks, index, filter_at, filter_sum;
	struct bloom filter;
	/* 1 once the filter has been verified.  Threads that find 0 at the same
	 * time all verify, and all write the same. */
	atomic_int filter_good;
	struct run_summary sum;
	char name[];
};

#define FAULT(r, rc, at, fmt, ...)                                                 \
	diag_set(d, rc, "%s: offset %" PRIu64 ": " fmt, (r)->name, (uint64_t)(at), \
	         ##__VA_ARGS__)

static int verify(const struct run *r, uint64_t at, uint64_t n, uint64_t sum,
                  const char *what, struct diag *d)
{
	if (checksum64(r->map + at, n, at) == sum)
		return 0;
	return FAULT(r, ERR_CHECKSUM, at,
	             "%s is damaged (%" PRIu64 " bytes do not have their checksum)", what,
	             n);
}

static int read_header(struct run *r, struct diag *d)
{
	unsigned version, schema;

	if (r->size < RUN_HEADER + RUN_FOOTER)
		return FAULT(r, ERR_TRUNC, r->size, "too short for a run");
	if (memcmp(r->map, RUN_MAGIC, 8) != 0)
		return FAULT(r, ERR_FORMAT, 0, "not a run of a hitlist");
	if (checksum64(r->map, RUN_H_CHECKSUM, 0) != load64(r->map + RUN_H_CHECKSUM))
		return FAULT(r, ERR_CHECKSUM, 0, "header is damaged");
	version = load16(r->map + RUN_H_VERSION);
	schema = load16(r->map + RUN_H_SCHEMA);
	if (version < RUN_VERSION_1 || version > RUN_VERSION)
		return FAULT(r, ERR_VERSION, RUN_H_VERSION,
		             "format version %u, this program reads %d to %d", version,
		             RUN_VERSION_1, RUN_VERSION);
	r->per_block = load32(r->map + RUN_H_BLOCK);
	if (schema < RUN_HOSTS || schema > RUN_HISTORY || r->per_block < 1 ||
	    r->per_block > BLOCK_RECORDS)
		return FAULT(r, ERR_VERSION, RUN_H_SCHEMA, "unknown schema %u", schema);
	r->schema = (enum run_schema)schema;
	if (schema == RUN_SEEN)
		r->kind = version <= RUN_VERSION_2 ? BLOCK_KEYS : BLOCK_SEEN;
	else
		r->kind = version == RUN_VERSION_1 ? BLOCK_HOSTS_1 : BLOCK_HOSTS;
	return 0;
}

/* The parts lie one after the other and fill the file. */
static bool geometry_ok(const struct run *r, const uint8_t *f)
{
	uint64_t bytes = load64(f + RUN_F_FILTER_BYTES);
	uint64_t records = r->sum.records, body = r->size - RUN_FOOTER;

	return load64(f + RUN_F_SIZE) == r->size && records > 0 &&
	       records <= RUN_READ_MAX &&
	       r->blocks == (records + r->per_block - 1) / r->per_block &&
	       r->index >= RUN_HEADER && r->index <= body && r->filter_at <= body &&
	       r->filter_at >= r->index && r->filter_at % RUN_FILTER_ALIGN == 0 &&
	       r->filter_at - r->index >= r->blocks * RUN_INDEX_ENTRY &&
	       r->filter_at - r->index < (r->blocks + 2) * RUN_INDEX_ENTRY && bytes > 0 &&
	       bytes % 64 == 0 && bytes == body - r->filter_at;
}

static int read_footer(struct run *r, struct diag *d)
{
	uint64_t at = r->size - RUN_FOOTER;
	const uint8_t *f = r->map + at;

	if (memcmp(f, RUN_FOOTER_MAGIC, 8) != 0)
		return FAULT(r, ERR_TRUNC, at,
		             "no footer here: the file is cut short or damaged");
	if (checksum64(f, RUN_F_CHECKSUM, at) != load64(f + RUN_F_CHECKSUM))
		return FAULT(r, ERR_CHECKSUM, at, "footer is damaged");
	r->sum = (struct run_summary){
		.records = load64(f + RUN_F_RECORDS),
		.bytes = r->size,
		.generation = load64(f + RUN_F_GENERATION),
		.checksum = load64(f + RUN_F_CHECKSUM),
		.min = load_addr(f + RUN_F_MIN),
		.max = load_addr(f + RUN_F_MAX),
	};
	r->blocks = load64(f + RUN_F_BLOCKS);
	r->index = load64(f + RUN_F_INDEX);
	r->filter_at = load64(f + RUN_F_FILTER);
	r->filter_sum = load64(f + RUN_F_FILTER_SUM);
	if (!geometry_ok(r, f))
		return FAULT(r, ERR_FORMAT, at, "footer contradicts itself");
	if (checksum64(r->map, RUN_HEADER, 0) != load64(f + RUN_F_HEADER_SUM))
		return FAULT(r, ERR_CHECKSUM, 0, "header is not this file's");
	r->filter.blocks = (at - r->filter_at) / 64;
	r->filter.words = (uint32_t *)(uintptr_t)(r->map + r->filter_at);
	return verify(r, r->index, r->filter_at - r->index, load64(f + RUN_F_INDEX_SUM),
	              "index", d);
}

static const uint8_t *entry(const struct run *r, uint64_t i)
{
	return r->map + r->index + i * RUN_INDEX_ENTRY;
}

static uint64_t block_at(const struct run *r, uint64_t i)
{
	return i < r->blocks ? load64(entry(r, i) + RUN_I_OFFSET) : r->index;
}

static int read_index(struct run *r, struct diag *d)
{
	for (uint64_t i = 0; i < r->blocks; i++) {
		bool first = i == 0;
		struct addr128 key = load_addr(entry(r, i));
		uint64_t at = block_at(r, i);

		if (at >= r->index || (first && at != RUN_HEADER) ||
		    (!first && at <= block_at(r, i - 1)) ||
		    (first && !addr_eq(key, r->sum.min)) ||
		    (!first && addr_cmp(key, load_addr(entry(r, i - 1))) <= 0) ||
		    addr_cmp(key, r->sum.max) > 0)
			return FAULT(r, ERR_FORMAT, r->index + i * RUN_INDEX_ENTRY,
			             "index contradicts itself");
	}
	return 0;
}

static int run_init(struct run **out, const void *map, size_t n, bool mapped,
                    const char *name, struct diag *d)
{
	size_t len = strlen(name) + 1;
	struct run *r = calloc(1, sizeof(*r) + len);
	int rc;

	if (!r)
		return -ENOMEM;
	atomic_init(&r->refs, 1);
	r->map = map;
	r->size = n;
	memcpy(r->name, name, len);
	rc = read_header(r, d);
	if (rc == 0)
		rc = read_footer(r, d);
	if (rc == 0)
		rc = read_index(r, d);
	if (rc < 0) {
		free(r);
		return rc;
	}
	r->mapped = mapped;
	*out = r;
	return 0;
}

int run_open_bytes(struct run **out, const void *buf, size_t n, const char *name,
                   struct diag *d)
{
	return run_init(out, buf, n, false, name, d);
}

int run_open(struct run **out, const char *path, struct diag *d)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
	struct stat st = { 0 };
	void *map;

	if (fd < 0 || fstat(fd, &st) < 0) {
		rc = diag_set(d, -errno, "%s: %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		rc = diag_set(d, ERR_FORMAT, "%s: not a regular file", path);
	} else if (st.st_size < RUN_HEADER + RUN_FOOTER) {
		rc = diag_set(d, ERR_TRUNC, "%s: offset %jd: too short for a run", path,
		              (intmax_t)st.st_size);
	} else {
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (map == MAP_FAILED) {
			rc = diag_set(d, -errno, "%s: %s", path, strerror(errno));
		} else {
			rc = run_init(out, map, (size_t)st.st_size, true, path, d);
			if (rc < 0)
				munmap(map, (size_t)st.st_size);
		}
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

struct run *run_ref(struct run *r)
{
	atomic_fetch_add(&r->refs, 1);
	return r;
}

void run_unref(struct run *r)
{
	if (!r || atomic_fetch_sub(&r->refs, 1) > 1)
		return;
	if (r->mapped)
		munmap((void *)(uintptr_t)r->map, r->size);
	free(r);
}

const struct run_summary *run_summary(const struct run *r)
{
	return &r->sum;
}

enum run_schema run_schema(const struct run *r)
{
	return r->schema;
}

const char *run_name(const struct run *r)
{
	return r->name;
}

static int filter_verify(const struct run *r, struct diag *d)
{
	return verify(r, r->filter_at, r->size - RUN_FOOTER - r->filter_at, r->filter_sum,
	              "filter", d);
}

static int filter_has(const struct run *r, struct addr128 a, struct diag *d)
{
	if (!atomic_load_explicit(&r->filter_good, memory_order_relaxed)) {
		int rc = filter_verify(r, d);

		if (rc < 0)
			return rc;
		/* The one thing in a run that changes; see its declaration. */
		atomic_store_explicit((atomic_int *)(uintptr_t)&r->filter_good, 1,
		                      memory_order_relaxed);
	}
	return bloom_has(&r->filter, run_key_hash(a));
}

/* The last block whose first key is not above a; a is not below the minimum. */
static uint64_t block_of(const struct run *r, struct addr128 a)
{
	uint64_t lo = 0, n = r->blocks;

	while (n > 1) {
		uint64_t half = n / 2;

		if (addr_cmp(load_addr(entry(r, lo + half)), a) <= 0)
			lo += half;
		n -= half;
	}
	return lo;
}

static int block_fault(const struct run *r, uint64_t i, struct diag *d)
{
	return FAULT(r, ERR_FORMAT, block_at(r, i), "block %" PRIu64 " cannot be decoded",
	             i);
}

/* The verified bytes of block i. */
static int block_bytes(const struct run *r, uint64_t i, const uint8_t **p, size_t *n,
                       struct diag *d)
{
	uint64_t at = block_at(r, i), end = block_at(r, i + 1);

	*p = r->map + at;
	*n = (size_t)(end - at);
	return verify(r, at, end - at, load64(entry(r, i) + RUN_I_CHECKSUM), "block", d);
}

int run_find(const struct run *r, struct addr128 a, struct host_record *out,
             struct diag *d)
{
	const uint8_t *p;
	uint64_t i;
	size_t n;
	int rc;

	if (addr_cmp(a, r->sum.min) < 0 || addr_cmp(a, r->sum.max) > 0)
		return 0;
	rc = filter_has(r, a, d);
	if (rc <= 0)
		return rc;
	i = block_of(r, a);
	rc = block_bytes(r, i, &p, &n, d);
	if (rc < 0)
		return rc;
	rc = block_find(p, n, r->kind, a, out);
	return rc < 0 ? block_fault(r, i, d) : rc;
}

/* Unpack the next block and check it against the index. */
static int cursor_load(struct run_cursor *c, struct diag *d)
{
	const struct run *r = c->run;
	uint64_t i = c->block;
	uint64_t want =
		i + 1 < r->blocks ? r->per_block : r->sum.records - i * r->per_block;
	const uint8_t *p;
	size_t size;
	int n, rc = block_bytes(r, i, &p, &size, d);

	if (rc < 0)
		return rc;
	n = block_decode(c->rec, p, size, r->kind);
	if (n < 0 || (uint64_t)n != want ||
	    !addr_eq(c->rec[0].addr, load_addr(entry(r, i))) ||
	    (i + 1 < r->blocks
	             ? addr_cmp(c->rec[n - 1].addr, load_addr(entry(r, i + 1))) >= 0
	             : !addr_eq(c->rec[n - 1].addr, r->sum.max)))
		return block_fault(r, i, d);
	c->block++;
	c->n = (unsigned)n;
	c->i = 0;
	return 0;
}

int run_seek(struct run_cursor *c, const struct run *r, struct addr128 from,
             struct diag *d)
{
	int rc;

	memset(c, 0, sizeof(*c));
	c->run = r;
	if (addr_cmp(from, r->sum.min) <= 0)
		return 0;
	if (addr_cmp(from, r->sum.max) > 0) {
		c->block = r->blocks;
		return 0;
	}
	c->block = block_of(r, from);
	rc = cursor_load(c, d);
	while (rc == 0 && c->i < c->n && addr_cmp(c->rec[c->i].addr, from) < 0)
		c->i++;
	return rc;
}

int run_next(struct run_cursor *c, const struct host_record **out, struct diag *d)
{
	if (c->i == c->n) {
		int rc;

		if (c->block >= c->run->blocks)
			return 0;
		rc = cursor_load(c, d);
		if (rc < 0)
			return rc;
	}
	*out = &c->rec[c->i++];
	return 1;
}

int run_check(const struct run *r, struct diag *d)
{
	struct run_cursor *c = malloc(sizeof(*c));
	const struct host_record *rec;
	uint64_t records = 0;
	int rc;

	if (!c)
		return -ENOMEM;
	rc = filter_verify(r, d);
	if (rc == 0)
		rc = run_seek(c, r, (struct addr128){ 0, 0 }, d);
	while (rc == 0 && (rc = run_next(c, &rec, d)) > 0) {
		records++;
		rc = 0;
		if (!bloom_has(&r->filter, run_key_hash(rec->addr)))
			rc = FAULT(r, ERR_FORMAT, r->filter_at,
			           "filter lacks a key of block %" PRIu64, c->block - 1);
	}
	if (rc == 0 && records != r->sum.records)
		rc = FAULT(r, ERR_FORMAT, r->size - RUN_FOOTER,
		           "%" PRIu64 " records counted, not %" PRIu64, records,
		           r->sum.records);
	free(c);
	return rc;
}
