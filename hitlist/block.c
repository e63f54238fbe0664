#include "hitlist/block.h"

#include "hitlist/bytes.h"

/* Reading: a cursor whose error sticks; p does not move after it. */
struct span {
	const uint8_t *p, *end;
	bool bad;
};

static const uint8_t *take(struct span *s, size_t n)
{
	const uint8_t *p = s->p;

	if (s->bad || (size_t)(s->end - p) < n) {
		s->bad = true;
		return NULL;
	}
	s->p += n;
	return p;
}

static uint32_t zigzag(uint32_t d)
{
	return d << 1 ^ (uint32_t) - (d >> 31);
}

static uint32_t unzigzag(uint32_t z)
{
	return z >> 1 ^ (uint32_t) - (z & 1);
}

static unsigned width_of(uint32_t v)
{
	return v ? (unsigned)(39 - __builtin_clz(v)) / 8 : 0;
}

static uint8_t *put_bytes(uint8_t *p, uint32_t v, unsigned w)
{
	for (unsigned i = 0; i < w; i++)
		*p++ = (uint8_t)(v >> 8 * i);
	return p;
}

static uint32_t get_bytes(const uint8_t *p, unsigned w)
{
	switch (w) {
	case 0: return 0;
	case 1: return p[0];
	case 2: return load16(p);
	case 3: return load16(p) | (uint32_t)p[2] << 16;
	default: return load32(p);
	}
}

enum { COL_CONST = 0x00, COL_WIDE = 0x10, COL_DICT = 0x20, DICT_MAX = 16 };

/* What decides how a column is packed. */
struct shape {
	uint32_t dict[DICT_MAX], base, top; /* base: the smallest that is not 0 */
	unsigned distinct;                  /* DICT_MAX + 1: too many */
};

static void shape_take(struct shape *s, const uint32_t *v, unsigned n)
{
	uint32_t last = ~v[0];

	*s = (struct shape){ .base = UINT32_MAX };
	for (unsigned i = 0; i < n; i++) {
		unsigned k = 0;

		if (v[i] == last)
			continue;
		last = v[i];
		if (last && last < s->base)
			s->base = last;
		if (last > s->top)
			s->top = last;
		if (s->distinct > DICT_MAX)
			continue;
		while (k < s->distinct && k < DICT_MAX && s->dict[k] != last)
			k++;
		if (k == s->distinct && k < DICT_MAX)
			s->dict[s->distinct++] = last;
		else if (k == DICT_MAX)
			s->distinct = DICT_MAX + 1;
	}
}

static uint8_t *put_dict(uint8_t *p, const struct shape *s, const uint32_t *v, unsigned n)
{
	*p++ = (uint8_t)(COL_DICT | (s->distinct - 1));
	for (unsigned k = 0; k < s->distinct; k++)
		p = put_bytes(p, s->dict[k], 4);
	memset(p, 0, (n + 1) / 2);
	for (unsigned i = 0; i < n; i++) {
		unsigned k = 0;

		while (s->dict[k] != v[i])
			k++;
		p[i / 2] |= (uint8_t)(k << 4 * (i & 1));
	}
	return p + (n + 1) / 2;
}

static uint8_t *put_column(uint8_t *p, const uint32_t *v, unsigned n)
{
	struct shape s;
	unsigned w;

	shape_take(&s, v, n);
	if (s.distinct == 1) {
		w = width_of(v[0]);
		*p++ = (uint8_t)(COL_CONST | w);
		return put_bytes(p, v[0], w);
	}
	w = width_of(s.top - s.base + 1);
	if (s.distinct <= DICT_MAX && 4 * s.distinct + (n + 1) / 2 < 4 + w * n)
		return put_dict(p, &s, v, n);
	*p++ = (uint8_t)(COL_WIDE | w);
	p = put_bytes(p, s.base, 4);
	for (unsigned i = 0; i < n; i++)
		p = put_bytes(p, v[i] ? v[i] - s.base + 1 : 0, w);
	return p;
}

/* A column that has been measured and not yet unpacked. */
struct column {
	const uint8_t *p, *nibbles;
	unsigned kind, w;
};

static struct column get_column(struct span *s, unsigned n)
{
	struct column c = { 0 };
	const uint8_t *k = take(s, 1);

	if (!k)
		return c;
	c.kind = *k & 0xf0;
	c.w = *k & 0x0f;
	if (c.kind == COL_CONST && c.w <= 4) {
		c.p = take(s, c.w);
	} else if (c.kind == COL_WIDE && c.w >= 1 && c.w <= 4) {
		c.p = take(s, 4 + (size_t)c.w * n);
	} else if (c.kind == COL_DICT) {
		c.p = take(s, 4 * (c.w + 1));
		c.nibbles = take(s, (n + 1) / 2);
	} else {
		s->bad = true;
	}
	return c;
}

static uint32_t column_at(const struct column *c, unsigned i)
{
	uint32_t x;
	unsigned k;

	switch (c->kind) {
	case COL_CONST: return get_bytes(c->p, c->w);
	case COL_WIDE:
		x = get_bytes(c->p + 4 + (size_t)c->w * i, c->w);
		return x ? load32(c->p) + (x - 1) : 0;
	default:
		k = c->nibbles[i / 2] >> 4 * (i & 1) & 15;
		return k <= c->w ? load32(c->p + 4 * k) : 0;
	}
}

static void column_all(const struct column *c, uint32_t *out, unsigned n)
{
	if (c->kind == COL_CONST) {
		uint32_t v = get_bytes(c->p, c->w);

		for (unsigned i = 0; i < n; i++)
			out[i] = v;
		return;
	}
	for (unsigned i = 0; i < n; i++)
		out[i] = column_at(c, i);
}

/* Keys */

static uint8_t *put_keys(uint8_t *p, const struct host_record *r, unsigned n)
{
	uint8_t *nibbles = p;
	struct addr128 last = { 0, 0 };

	memset(nibbles, 0, (n + 1) / 2);
	p += (n + 1) / 2;
	for (unsigned i = 0; i < n; i++) {
		struct addr128 a = r[i].addr;
		uint64_t lo = a.lo - last.lo, hi = a.hi - last.hi - (a.lo < last.lo);
		uint64_t le[2] = { htole64(lo), htole64(hi) };
		unsigned len = hi   ? (unsigned)(135 - __builtin_clzll(hi)) / 8
		               : lo ? (unsigned)(71 - __builtin_clzll(lo)) / 8
		                    : 1;

		nibbles[i / 2] |= (uint8_t)((len - 1) << 4 * (i & 1));
		memcpy(p, le, sizeof(le)); /* there is room, and no call */
		p += len;
		last = a;
	}
	return p;
}

struct keys {
	const uint8_t *nibbles, *p, *end; /* end: of what may be read */
	struct addr128 last;
	unsigned n, i;
};

/* The sum of the first n nibbles: eight bytes at a time, in lanes of 16 bits. */
static size_t sum_nibbles(const uint8_t *p, unsigned n)
{
	const uint64_t low4 = UINT64_C(0x0f0f0f0f0f0f0f0f);
	const uint64_t low8 = UINT64_C(0x00ff00ff00ff00ff);
	uint64_t lanes = 0;
	unsigned i = 0;
	size_t sum = 0;

	for (; i + 16 <= n; i += 16) {
		uint64_t x = load64(p + i / 2);

		x = (x & low4) + (x >> 4 & low4);
		lanes += (x & low8) + (x >> 8 & low8);
	}
	for (; i < n; i++)
		sum += p[i / 2] >> 4 * (i & 1) & 15;
	return sum + (size_t)(lanes * UINT64_C(0x0001000100010001) >> 48);
}

/* Measure the keys; the span moves past them. */
static struct keys get_keys(struct span *s)
{
	const uint8_t *count = take(s, 2);
	struct keys k = { .end = s->end };

	if (!count)
		return k;
	k.n = load16(count);
	if (k.n < 1 || k.n > BLOCK_RECORDS) {
		s->bad = true;
		return k;
	}
	k.nibbles = take(s, (k.n + 1) / 2);
	if (k.nibbles)
		k.p = take(s, k.n + sum_nibbles(k.nibbles, k.n));
	return k;
}

/* The next key; false: it does not ascend. */
static inline bool keys_next(struct keys *k)
{
	unsigned len = (k->nibbles[k->i / 2] >> 4 * (k->i & 1) & 15) + 1U;
	uint64_t d[2] = { 0, 0 }, lo, hi;

	if (k->end - k->p >= 16) { /* the common case, without a call */
		memcpy(d, k->p, 16);
		if (len <= 8) {
			d[1] = 0;
			d[0] = htole64(le64toh(d[0]) & UINT64_MAX >> (64 - 8 * len));
		} else {
			d[1] = htole64(le64toh(d[1]) & UINT64_MAX >> (128 - 8 * len));
		}
	} else {
		memcpy(d, k->p, len);
	}
	lo = k->last.lo + le64toh(d[0]);
	hi = k->last.hi + le64toh(d[1]) + (lo < k->last.lo);
	if (k->i && addr_cmp((struct addr128){ hi, lo }, k->last) <= 0)
		return false;
	k->last = (struct addr128){ hi, lo };
	k->p += len;
	k->i++;
	return true;
}

/* Values: one row per plain column */

enum field {
	SERVICES_OF,
	FIRST,
	LAST,
	PROBED,
	STREAK,
	SOURCES_OF,
	POLICY,
	INJECTED,
	FIELDS
};

/* Version 1 ends before INJECTED. */
static unsigned fields_of(enum block_kind kind)
{
	return kind == BLOCK_HOSTS_1 ? INJECTED : FIELDS;
}

static uint32_t field_get(const struct host_record *r, enum field f)
{
	switch (f) {
	case SERVICES_OF: return r->services;
	case FIRST: return r->first_seen;
	case LAST: return r->last_seen;
	case PROBED: return zigzag(r->last_probed - r->last_seen);
	case STREAK: return r->fail_streak;
	case SOURCES_OF: return r->sources;
	case POLICY: return r->policy;
	default: return r->injected;
	}
}

/* LAST is unpacked before PROBED, which builds on it. */
static void field_set(struct host_record *r, enum field f, uint32_t v)
{
	switch (f) {
	case SERVICES_OF: r->services = (uint8_t)v & ((1U << SERVICES) - 1); break;
	case FIRST: r->first_seen = v; break;
	case LAST: r->last_seen = v; break;
	case PROBED: r->last_probed = r->last_seen + unzigzag(v); break;
	case STREAK: r->fail_streak = (uint16_t)v; break;
	case SOURCES_OF: r->sources = (uint16_t)v; break;
	case POLICY: r->policy = (uint8_t)v; break;
	default: r->injected = v; break;
	}
}

static uint8_t *put_values(uint8_t *p, const struct host_record *r, unsigned n,
                           enum block_kind kind)
{
	uint32_t v[BLOCK_RECORDS];
	unsigned any = 0;

	for (unsigned f = 0; f < fields_of(kind); f++) {
		for (unsigned i = 0; i < n; i++)
			v[i] = field_get(&r[i], f);
		p = put_column(p, v, n);
	}
	for (unsigned i = 0; i < n; i++)
		any |= r[i].services;
	for (unsigned s = 0; s < SERVICES; s++) {
		unsigned m = 0;

		if (!(any >> s & 1))
			continue;
		for (unsigned i = 0; i < n; i++)
			if (r[i].services >> s & 1)
				v[m++] = zigzag(r[i].last_seen - r[i].service_seen[s]);
		p = put_column(p, v, m);
	}
	return p;
}

static void get_values(struct span *s, struct host_record *r, unsigned n,
                       enum block_kind kind)
{
	uint32_t v[BLOCK_RECORDS];
	unsigned count[SERVICES] = { 0 };

	for (unsigned i = 0; i < n; i++)
		r[i].injected = 0;
	for (unsigned f = 0; f < fields_of(kind); f++) {
		struct column c = get_column(s, n);

		if (s->bad)
			return;
		column_all(&c, v, n);
		for (unsigned i = 0; i < n; i++)
			field_set(&r[i], f, v[i]);
	}
	for (unsigned i = 0; i < n; i++)
		for (unsigned b = r[i].services; b; b &= b - 1)
			count[__builtin_ctz(b)]++;
	for (unsigned k = 0; k < SERVICES; k++) {
		struct column c;
		unsigned m = 0;

		if (count[k] == 0) {
			for (unsigned i = 0; i < n; i++)
				r[i].service_seen[k] = 0;
			continue;
		}
		c = get_column(s, count[k]);
		if (s->bad)
			return;
		for (unsigned i = 0; i < n; i++)
			r[i].service_seen[k] =
				r[i].services >> k & 1
					? r[i].last_seen - unzigzag(column_at(&c, m++))
					: 0;
	}
}

static uint8_t *put_seen(uint8_t *p, const struct host_record *r, unsigned n)
{
	uint32_t sources[BLOCK_RECORDS], period[BLOCK_RECORDS];

	for (unsigned i = 0; i < n; i++) {
		sources[i] = r[i].sources;
		period[i] = r[i].last_probed / SEEN_PERIOD;
	}
	return put_column(put_column(p, sources, n), period, n);
}

static void get_seen(struct span *s, struct host_record *r, unsigned n)
{
	struct column sources = get_column(s, n), period = get_column(s, n);

	for (unsigned i = 0; !s->bad && i < n; i++) {
		r[i].sources = (uint16_t)column_at(&sources, i);
		r[i].last_probed = column_at(&period, i) * SEEN_PERIOD;
	}
}

/* The same for record i alone. */
static void get_seen_of(struct span *s, struct host_record *r, unsigned i, unsigned n)
{
	struct column sources = get_column(s, n), period = get_column(s, n);

	if (s->bad)
		return;
	r->sources = (uint16_t)column_at(&sources, i);
	r->last_probed = column_at(&period, i) * SEEN_PERIOD;
}

/* How many of the first n nibbles are e. */
static unsigned count_nibble(const uint8_t *p, unsigned n, unsigned e)
{
	const uint64_t ones = UINT64_C(0x1111111111111111);
	unsigned i = 0, count = 0;

	for (; i + 16 <= n; i += 16) {
		uint64_t x = load64(p + i / 2) ^ e * ones;

		x = (x | x >> 1 | x >> 2 | x >> 3) & ones; /* 1: another one */
		count += 16 - (unsigned)(x * ones >> 60);
		count -= x == ones ? 16 : 0; /* the sum of 16 ones is 0 in 4 bits */
	}
	for (; i < n; i++)
		count += (p[i / 2] >> 4 * (i & 1) & 15U) == e;
	return count;
}

/* How many of n records have each service, and how many before record i. */
static void count_services(const struct column *c, unsigned i, unsigned n,
                           unsigned count[static SERVICES],
                           unsigned rank[static SERVICES])
{
	const unsigned all = (1U << SERVICES) - 1;
	unsigned m = c->kind == COL_CONST ? 1 : c->kind == COL_DICT ? c->w + 1 : n;

	for (unsigned e = 0; e < m; e++) {
		unsigned in = 1, before = e < i, bits = column_at(c, e);

		if (c->kind == COL_CONST) {
			in = n;
			before = i;
		} else if (c->kind == COL_DICT) {
			bits = load32(c->p + 4 * e);
			in = count_nibble(c->nibbles, n, e);
			before = count_nibble(c->nibbles, i, e);
		}
		for (bits &= all; bits; bits &= bits - 1) {
			count[__builtin_ctz(bits)] += in;
			rank[__builtin_ctz(bits)] += before;
		}
	}
}

/* The same for record i alone. */
static void get_value(struct span *s, struct host_record *r, unsigned i, unsigned n,
                      enum block_kind kind)
{
	struct column c = get_column(s, n), services = c;
	unsigned count[SERVICES] = { 0 }, rank[SERVICES] = { 0 };

	if (s->bad)
		return;
	field_set(r, SERVICES_OF, column_at(&c, i));
	for (unsigned f = FIRST; f < fields_of(kind); f++) {
		c = get_column(s, n);
		if (s->bad)
			return;
		field_set(r, f, column_at(&c, i));
	}
	count_services(&services, i, n, count, rank);
	for (unsigned k = 0; k < SERVICES; k++) {
		if (count[k] == 0)
			continue;
		c = get_column(s, count[k]);
		if (s->bad)
			return;
		if (r->services >> k & 1)
			r->service_seen[k] =
				r->last_seen - unzigzag(column_at(&c, rank[k]));
	}
}

size_t block_encode(uint8_t out[static BLOCK_BYTES_MAX], const struct host_record *r,
                    unsigned n, enum block_kind kind)
{
	uint8_t *p = out;

	store16(p, (uint16_t)n);
	p = put_keys(p + 2, r, n);
	if (kind == BLOCK_SEEN)
		p = put_seen(p, r, n);
	else if (kind != BLOCK_KEYS)
		p = put_values(p, r, n, kind);
	return (size_t)(p - out);
}

int block_decode(struct host_record out[static BLOCK_RECORDS], const uint8_t *p, size_t n,
                 enum block_kind kind)
{
	struct span s = { .p = p, .end = p + n };
	struct keys k = get_keys(&s);

	if (s.bad)
		return -1;
	for (unsigned i = 0; i < k.n; i++) {
		if (!keys_next(&k))
			return -1;
		out[i].addr = k.last;
	}
	if (kind == BLOCK_SEEN)
		get_seen(&s, out, k.n);
	else if (kind != BLOCK_KEYS)
		get_values(&s, out, k.n, kind);
	return s.bad || s.p != s.end ? -1 : (int)k.n;
}

int block_find(const uint8_t *p, size_t n, enum block_kind kind, struct addr128 a,
               struct host_record *out)
{
	struct span s = { .p = p, .end = p + n };
	struct keys k = get_keys(&s);
	int cmp = -1;

	if (s.bad)
		return -1;
	while (k.i < k.n && cmp < 0) {
		if (!keys_next(&k))
			return -1;
		cmp = addr_cmp(k.last, a);
	}
	if (cmp != 0)
		return 0;
	if (!out)
		return 1;
	*out = (struct host_record){ .addr = a };
	if (kind == BLOCK_SEEN)
		get_seen_of(&s, out, k.i - 1, k.n);
	else if (kind != BLOCK_KEYS)
		get_value(&s, out, k.i - 1, k.n, kind);
	return s.bad ? -1 : 1;
}
