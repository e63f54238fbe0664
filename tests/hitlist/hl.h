/* tests/hitlist/hl.h - directories, records and addresses for these tests. */
#ifndef TESTS_HITLIST_HL_H
#define TESTS_HITLIST_HL_H

#include "tests/test.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/rng.h"
#include "hitlist/hitlist.h"

enum { HL_PATH = 4096 };

static inline void hl_ok(int rc, const struct diag *d)
{
	if (rc < 0)
		fail_msg("%d: %s", rc, diag_str(d, rc));
}

/* A new directory below $TMPDIR. */
static inline char *hl_mkdir(char path[HL_PATH])
{
	const char *tmp = getenv("TMPDIR");

	snprintf(path, HL_PATH, "%s/sxt-test-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(path))
		fail_msg("%s: cannot make it", path);
	return path;
}

static inline int hl_remove_one(const char *path, const struct stat *st, int type,
                                struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void hl_rmdir(const char *path)
{
	nftw(path, hl_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline uint8_t *hl_read(const char *path, size_t *n)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	uint8_t *p;

	if (fd < 0 || fstat(fd, &st) < 0)
		fail_msg("%s: cannot read it", path);
	*n = (size_t)st.st_size;
	p = malloc(*n + 1);
	assert_non_null(p);
	assert_int_equal(read(fd, p, *n), *n);
	close(fd);
	return p;
}

static inline void hl_write(const char *path, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	close(fd);
}

/* Addresses as they are: few networks, low and random interface identifiers. */
static inline struct addr128 hl_addr(struct rng *r)
{
	struct addr128 a = { UINT64_C(0x20010db800000000), 0 };

	a.hi |= rng_below(r, 4) << 28 | rng_below(r, 16) << 4;
	switch (rng_below(r, 4)) {
	case 0: a.lo = rng_below(r, 300); break;
	case 1: a.lo = rng_next(r); break;
	case 2: a.lo = UINT64_C(0x020000fffe000000) | rng_below(r, 1 << 24); break;
	default: a.lo = rng_below(r, 1 << 16) << 16 | rng_below(r, 4); break;
	}
	return a;
}

static inline uint32_t hl_time(struct rng *r)
{
	switch (rng_below(r, 6)) {
	case 0: return 0;
	case 1: return (uint32_t)rng_next(r);
	case 2: return UINT32_MAX;
	default: return 1780000000U + (uint32_t)rng_below(r, 4);
	}
}

static inline struct host_record hl_record(struct rng *r, struct addr128 a)
{
	struct host_record h = {
		.addr = a,
		.first_seen = hl_time(r),
		.last_seen = hl_time(r),
		.last_probed = hl_time(r),
		.fail_streak =
			(uint16_t)(rng_below(r, 3) ? rng_below(r, 3) : rng_next(r)),
		.sources = (uint16_t)(1U << rng_below(r, SOURCES)),
		.policy = (uint8_t)rng_below(r, 8),
	};

	h.injected = rng_below(r, 4) ? 0 : hl_time(r);
	for (unsigned s = 0; s < SERVICES; s++)
		h.service_seen[s] = rng_below(r, 3) ? 0 : hl_time(r);
	host_record_normalise(&h);
	return h;
}

static inline bool hl_same(const struct host_record *a, const struct host_record *b)
{
	for (unsigned s = 0; s < SERVICES; s++)
		if (a->service_seen[s] != b->service_seen[s])
			return false;
	return addr_eq(a->addr, b->addr) && a->first_seen == b->first_seen &&
	       a->injected == b->injected && a->last_seen == b->last_seen &&
	       a->last_probed == b->last_probed && a->services == b->services &&
	       a->fail_streak == b->fail_streak && a->sources == b->sources &&
	       a->policy == b->policy;
}

static inline int hl_cmp(const void *x, const void *y)
{
	const struct host_record *a = x, *b = y;

	return addr_cmp(a->addr, b->addr);
}

/* n records, ascending, no address twice: free() it. */
static inline struct host_record *hl_records(struct rng *r, size_t *n)
{
	struct host_record *h = calloc(*n + 1, sizeof(*h));
	size_t m = 0;

	assert_non_null(h);
	for (size_t i = 0; i < *n; i++)
		h[i] = hl_record(r, hl_addr(r));
	qsort(h, *n, sizeof(*h), hl_cmp);
	for (size_t i = 0; i < *n; i++)
		if (m == 0 || !addr_eq(h[m - 1].addr, h[i].addr))
			h[m++] = h[i];
	*n = m;
	return h;
}

#endif
