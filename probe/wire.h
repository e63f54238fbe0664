/* probe/wire.h - bounded cursors over packet bytes, in network order.
 *
 * The first access out of bounds sets ->bad; from then on writes do nothing
 * and reads give 0.  So a parser reads every field, then checks ->bad once. */
#ifndef PROBE_WIRE_H
#define PROBE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/addr.h"

struct wire { /* reading */
	const uint8_t *at, *end;
	bool bad;
};

struct wire_out { /* writing */
	uint8_t *at, *end;
	bool bad;
};

static inline struct wire wire_from(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	return (struct wire){ p, p + n, false };
}

static inline size_t wire_left(const struct wire *w)
{
	return w->bad ? 0 : (size_t)(w->end - w->at);
}

/* The next n bytes, or NULL. */
static inline const uint8_t *wire_take(struct wire *w, size_t n)
{
	if (w->bad || (size_t)(w->end - w->at) < n) {
		w->bad = true;
		return NULL;
	}
	w->at += n;
	return w->at - n;
}

static inline void wire_skip(struct wire *w, size_t n)
{
	wire_take(w, n);
}

/* Forget what lies beyond the next n bytes; false: there are not that many. */
static inline bool wire_cut(struct wire *w, size_t n)
{
	if (wire_left(w) < n)
		return false;
	w->end = w->at + n;
	return true;
}

static inline uint8_t wire_get8(struct wire *w)
{
	const uint8_t *p = wire_take(w, 1);

	return p ? *p : 0;
}

static inline uint16_t wire_get16(struct wire *w)
{
	const uint8_t *p = wire_take(w, 2);

	return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

static inline uint32_t wire_get32(struct wire *w)
{
	uint32_t hi = wire_get16(w);

	return hi << 16 | wire_get16(w);
}

static inline uint64_t wire_get64(struct wire *w)
{
	uint64_t hi = wire_get32(w);

	return hi << 32 | wire_get32(w);
}

static inline struct addr128 wire_get_v4(struct wire *w)
{
	return addr_from_v4(wire_get32(w));
}

static inline struct addr128 wire_get_v6(struct wire *w)
{
	struct addr128 a;

	a.hi = wire_get64(w);
	a.lo = wire_get64(w);
	return a;
}

static inline uint8_t *wire_room(struct wire_out *w, size_t n)
{
	if (w->bad || (size_t)(w->end - w->at) < n) {
		w->bad = true;
		return NULL;
	}
	w->at += n;
	return w->at - n;
}

static inline void wire_put(struct wire_out *w, const void *src, size_t n)
{
	uint8_t *p = wire_room(w, n);

	if (p)
		memcpy(p, src, n);
}

static inline void wire_put_zeros(struct wire_out *w, size_t n)
{
	uint8_t *p = wire_room(w, n);

	if (p)
		memset(p, 0, n);
}

static inline void wire_put8(struct wire_out *w, uint8_t v)
{
	wire_put(w, &v, 1);
}

static inline void wire_put16(struct wire_out *w, uint16_t v)
{
	uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	wire_put(w, b, sizeof(b));
}

static inline void wire_put32(struct wire_out *w, uint32_t v)
{
	wire_put16(w, (uint16_t)(v >> 16));
	wire_put16(w, (uint16_t)v);
}

static inline void wire_put64(struct wire_out *w, uint64_t v)
{
	wire_put32(w, (uint32_t)(v >> 32));
	wire_put32(w, (uint32_t)v);
}

/* 16 bytes, or the last 4 of them for an IPv4 address. */
static inline void wire_put_addr(struct wire_out *w, struct addr128 a)
{
	if (!addr_is_v4(a)) {
		wire_put64(w, a.hi);
		wire_put64(w, a.lo);
	} else {
		wire_put32(w, (uint32_t)a.lo);
	}
}

#endif
