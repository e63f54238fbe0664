/* tests/analysis/make_mmdb.h - a small MaxMind DB, for tests. */
#ifndef TESTS_ANALYSIS_MAKE_MMDB_H
#define TESTS_ANALYSIS_MAKE_MMDB_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"

enum { MMDB_NODES = 4096, MMDB_DATA = 4096 };

struct mmdb_maker {
	unsigned bits;                 /* of a record: 24, 28 or 32 */
	uint32_t child[MMDB_NODES][2]; /* 0: none; 1 + node; or DATA | offset */
	uint32_t nodes;
	uint8_t data[MMDB_DATA];
	uint32_t n_data;
};
#define MMDB_IS_DATA UINT32_C(0x80000000)

static inline void mmdb_put(struct mmdb_maker *k, struct prefix p, uint32_t offset)
{
	uint32_t node = 0;

	if (!k->nodes)
		k->nodes = 1;
	for (unsigned bit = 0; bit + 1 < p.len; bit++) {
		uint32_t *c = &k->child[node][addr_bit(p.addr, bit)];

		if (!*c)
			*c = 1 + k->nodes++;
		node = *c - 1;
	}
	k->child[node][addr_bit(p.addr, p.len - 1u)] = MMDB_IS_DATA | offset;
}

static inline uint32_t mmdb_bytes(struct mmdb_maker *k, const void *p, size_t n)
{
	uint32_t at = k->n_data;

	memcpy(k->data + at, p, n);
	k->n_data += (uint32_t)n;
	return at;
}

/* {"x": [true, 70000], "country": {"iso_code": cc}}, or {"country_code": cc}. */
static inline uint32_t mmdb_record(struct mmdb_maker *k, const char *cc, bool nested)
{
	static const uint8_t before[] = { 0xe2, 0x41, 'x',  0x02, 0x04, 0x01,
		                          0x07, 0xc3, 0x01, 0x11, 0x70 };
	uint32_t at;

	if (!nested) {
		at = mmdb_bytes(k,
		                "\xe1\x4c"
		                "country_code\x42",
		                15);
		mmdb_bytes(k, cc, 2);
		return at;
	}
	at = mmdb_bytes(k, before, sizeof(before));
	mmdb_bytes(k,
	           "\x47"
	           "country\xe1\x48"
	           "iso_code\x42",
	           19);
	mmdb_bytes(k, cc, 2);
	return at;
}

/* The same as the record at `to`, by a pointer. */
static inline uint32_t mmdb_pointer(struct mmdb_maker *k, uint32_t to)
{
	uint8_t p[2] = { (uint8_t)(0x20 | to >> 8), (uint8_t)to };

	return mmdb_bytes(k, p, 2);
}

static inline uint8_t *mmdb_put_record(const struct mmdb_maker *k, uint8_t *p,
                                       const uint32_t v[2])
{
	switch (k->bits) {
	case 28:
		*p++ = (uint8_t)(v[0] >> 16);
		*p++ = (uint8_t)(v[0] >> 8);
		*p++ = (uint8_t)v[0];
		*p++ = (uint8_t)(v[0] >> 24 << 4 | v[1] >> 24);
		*p++ = (uint8_t)(v[1] >> 16);
		*p++ = (uint8_t)(v[1] >> 8);
		*p++ = (uint8_t)v[1];
		return p;
	default:
		for (unsigned side = 0; side < 2; side++)
			for (unsigned s = k->bits; s; s -= 8)
				*p++ = (uint8_t)(v[side] >> (s - 8));
		return p;
	}
}

/* The file; the caller frees it. */
static inline uint8_t *mmdb_finish(const struct mmdb_maker *k, size_t *n)
{
	uint8_t *file = calloc(1, (size_t)k->nodes * 8 + k->n_data + 512), *p = file;

	for (uint32_t i = 0; i < k->nodes; i++) {
		uint32_t v[2];

		for (unsigned side = 0; side < 2; side++) {
			uint32_t c = k->child[i][side];

			v[side] = !c                 ? k->nodes
			          : c & MMDB_IS_DATA ? k->nodes + 16 + (c & ~MMDB_IS_DATA)
			                             : c - 1;
		}
		p = mmdb_put_record(k, p, v);
	}
	p += 16;
	memcpy(p, k->data, k->n_data);
	p += k->n_data;
	p = (uint8_t *)memcpy(p, "\xab\xcd\xefMaxMind.com\xe9", 15) + 15;
	p = (uint8_t *)memcpy(p,
	                      "\x4a"
	                      "node_count\xc4",
	                      12) +
	    12;
	for (unsigned s = 32; s; s -= 8)
		*p++ = (uint8_t)(k->nodes >> (s - 8));
	p = (uint8_t *)memcpy(p,
	                      "\x4b"
	                      "record_size\xa1",
	                      13) +
	    13;
	*p++ = (uint8_t)k->bits;
	p = (uint8_t *)memcpy(p,
	                      "\x4a"
	                      "ip_version\xa1\x06",
	                      13) +
	    13;
	p = (uint8_t *)memcpy(p,
	                      "\x5b"
	                      "binary_format_major_version\xa1\x02",
	                      30) +
	    30;
	/* The rest is for other readers. */
	p = (uint8_t *)memcpy(p,
	                      "\x5b"
	                      "binary_format_minor_version\xa1\x00",
	                      30) +
	    30;
	p = (uint8_t *)memcpy(p,
	                      "\x4b"
	                      "build_epoch\x04\x02\x60\x00\x00\x00",
	                      18) +
	    18;
	p = (uint8_t *)memcpy(p,
	                      "\x4d"
	                      "database_type\x44"
	                      "Test",
	                      19) +
	    19;
	p = (uint8_t *)memcpy(p,
	                      "\x4b"
	                      "description\xe1\x42"
	                      "en\x44"
	                      "Test",
	                      21) +
	    21;
	p = (uint8_t *)memcpy(p,
	                      "\x49"
	                      "languages\x01\x04\x42"
	                      "en",
	                      15) +
	    15;
	*n = (size_t)(p - file);
	return file;
}

#endif
