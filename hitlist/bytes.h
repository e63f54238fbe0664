/* hitlist/bytes.h - little-endian fields of the files, whatever the host. */
#ifndef HITLIST_BYTES_H
#define HITLIST_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "common/addr.h"

static inline uint16_t load16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static inline uint32_t load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static inline void store16(uint8_t *p, uint16_t v)
{
	v = htole16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void store32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void store64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

/* Addresses in files are in network order: 16 bytes that sort as they read. */
static inline struct addr128 load_addr(const uint8_t *p)
{
	uint64_t hi, lo;

	memcpy(&hi, p, 8);
	memcpy(&lo, p + 8, 8);
	return (struct addr128){ be64toh(hi), be64toh(lo) };
}

static inline void store_addr(uint8_t *p, struct addr128 a)
{
	uint64_t hi = htobe64(a.hi), lo = htobe64(a.lo);

	memcpy(p, &hi, 8);
	memcpy(p + 8, &lo, 8);
}

#endif
