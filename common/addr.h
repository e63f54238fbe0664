/* common/addr.h - one address type for IPv4 and IPv6.
 *
 * IPv4 is held as ::ffff:a.b.c.d, so sets, tables, sorting and streams need
 * no second code path.  Values are host order; only addr_load()/addr_store()
 * touch network order.  Passed and returned by value; no allocation. */
#ifndef COMMON_ADDR_H
#define COMMON_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDR_STRLEN   46 /* INET6_ADDRSTRLEN, NUL included */
#define PREFIX_STRLEN (ADDR_STRLEN + 4)

struct addr128 {
	uint64_t hi, lo;
};

struct prefix {
	struct addr128 addr; /* bits beyond len are zero */
	uint8_t len;         /* 0..128; IPv4 /n is 96 + n */
};

/* The form that people write: RFC 4291 section 2.2, dotted quad for IPv4, and
 * 32 hex digits without colons.  Nothing may follow; false leaves *out alone. */
bool addr_parse(struct addr128 *out, const char *text);
bool addr_parse_n(struct addr128 *out, const char *text, size_t len);

/* "addr/len" or a bare address (/128, /32).  Host bits are cleared. */
bool prefix_parse(struct prefix *out, const char *text);

/* RFC 5952 text, as inet_ntop(3) prints it; returns the length (no NUL). */
size_t addr_format(char buf[static ADDR_STRLEN], struct addr128 a);
size_t prefix_format(char buf[static PREFIX_STRLEN], struct prefix p);

struct addr128 addr_load(const void *net16);
void addr_store(void *net16, struct addr128 a);
struct addr128 addr_from_v4(uint32_t host_order);

/* The prefix of length len that covers a (its host bits are cleared). */
struct prefix prefix_make(struct addr128 a, unsigned len);
struct addr128 prefix_last(struct prefix p); /* its highest address */

static inline bool addr_is_v4(struct addr128 a)
{
	return a.hi == 0 && a.lo >> 32 == 0xffff;
}

/* An IPv4 prefix is one that lies inside ::ffff:0:0/96. */
static inline bool prefix_is_v4(struct prefix p)
{
	return p.len >= 96 && addr_is_v4(p.addr);
}

static inline int addr_cmp(struct addr128 a, struct addr128 b)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	return (a.lo > b.lo) - (a.lo < b.lo);
}

static inline bool addr_eq(struct addr128 a, struct addr128 b)
{
	return a.hi == b.hi && a.lo == b.lo;
}

static inline bool addr_bit(struct addr128 a, unsigned i)
{
	return (i < 64 ? a.hi >> (63 - i) : a.lo >> (127 - i)) & 1;
}

/* Nibble i counts from the top, 0..31. */
static inline unsigned addr_nibble(struct addr128 a, unsigned i)
{
	return (i < 16 ? a.hi >> (60 - 4 * i) : a.lo >> (124 - 4 * i)) & 15;
}

static inline struct addr128 addr_set_nibble(struct addr128 a, unsigned i, unsigned v)
{
	unsigned s = i < 16 ? 60 - 4 * i : 124 - 4 * i;
	uint64_t *w = i < 16 ? &a.hi : &a.lo;

	*w = (*w & ~(UINT64_C(15) << s)) | (uint64_t)v << s;
	return a;
}

/* Number of leading bits that a and b share, 0..128. */
static inline unsigned addr_common_bits(struct addr128 a, struct addr128 b)
{
	if (a.hi != b.hi)
		return (unsigned)__builtin_clzll(a.hi ^ b.hi);
	return a.lo == b.lo ? 128 : 64 + (unsigned)__builtin_clzll(a.lo ^ b.lo);
}

/* a + 1 and a - 1; they wrap. */
static inline struct addr128 addr_next(struct addr128 a)
{
	a.hi += ++a.lo == 0;
	return a;
}

static inline struct addr128 addr_prev(struct addr128 a)
{
	a.hi -= a.lo-- == 0;
	return a;
}

static inline bool prefix_covers(struct prefix p, struct addr128 a)
{
	return p.len <= addr_common_bits(p.addr, a);
}

#endif
