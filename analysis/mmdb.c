#include "analysis/mmdb.h"

#include <stdlib.h>
#include <string.h>

#include "common/input.h"

enum {
	TYPE_POINTER = 1,
	TYPE_STRING = 2,
	TYPE_U16 = 5,
	TYPE_U32 = 6,
	TYPE_MAP = 7,
	TYPE_U64 = 9,
	TYPE_ARRAY = 11,
	TYPE_BOOL = 14,
	DEPTH_MAX = 16,
	GAP = 16,                   /* zero bytes between tree and data */
	METADATA_REACH = 128 << 10, /* the metadata begins within the last 128 KiB */
	CHUNK = 1 << 16
};

static const size_t size_limit = (size_t)4 << 30;

struct mmdb {
	uint8_t *bytes;
	size_t n;
	const uint8_t *data; /* the data section */
	size_t n_data;
	uint32_t nodes;
	unsigned record_bits;
};

/* ---- the data format ----------------------------------------------------- */

/* A place in a section; bad sticks, and everything reads as zero from there. */
struct cursor {
	const uint8_t *base;
	size_t at, end;
	bool bad;
};

/* A field's head; the payload follows at the cursor. */
struct field {
	unsigned type;
	size_t size; /* of a map: pairs; of an array: elements; else bytes */
};

static uint64_t take(struct cursor *c, size_t n)
{
	uint64_t v = 0;

	if (c->bad || n > 8 || c->end - c->at < n) {
		c->bad = true;
		return 0;
	}
	while (n--)
		v = v << 8 | c->base[c->at++];
	return v;
}

static struct field take_field(struct cursor *c)
{
	unsigned control = (unsigned)take(c, 1);
	struct field f = { control >> 5, control & 31 };

	if (f.type == TYPE_POINTER)
		return f;
	if (f.type == 0)
		f.type = 7 + (unsigned)take(c, 1);
	if (f.size == 29)
		f.size = 29 + take(c, 1);
	else if (f.size == 30)
		f.size = 285 + take(c, 2);
	else if (f.size == 31)
		f.size = 65821 + take(c, 3);
	return f;
}

/* Where a pointer leads, whose head was f. */
static size_t take_pointer(struct cursor *c, struct field f)
{
	static const size_t base[] = { 0, 2048, 526336 };
	unsigned bytes = (unsigned)(f.size >> 3) + 1;
	size_t high = f.size & 7;

	if (bytes == 4)
		return take(c, 4);
	return base[bytes - 1] + (high << 8 * bytes | take(c, bytes));
}

/* The field at c, or the one that a pointer there leads to: *c is after what was
 * read here, the result's payload is at *payload. */
static struct field resolve(struct cursor *c, struct cursor *payload)
{
	struct field f = take_field(c);
	size_t to;

	*payload = *c;
	if (f.type != TYPE_POINTER || c->bad)
		return f;
	to = take_pointer(c, f);
	*payload = *c;
	payload->bad |= to > c->end;
	payload->at = payload->bad ? c->end : to;
	f = take_field(payload);
	/* A pointer may not lead to another one. */
	payload->bad |= f.type == TYPE_POINTER;
	return f;
}

/* Pass over what is at c. */
static void skip(struct cursor *c, unsigned depth)
{
	struct field f = take_field(c);
	size_t n = f.size;

	if (depth > DEPTH_MAX) {
		c->bad = true;
		return;
	}
	switch (f.type) {
	case TYPE_POINTER: take_pointer(c, f); return;
	case TYPE_BOOL: return;
	case TYPE_MAP:
	case TYPE_ARRAY:
		for (n *= f.type == TYPE_MAP ? 2 : 1; n && !c->bad; n--)
			skip(c, depth + 1);
		return;
	default:
		if (c->end - c->at < n)
			c->bad = true;
		else
			c->at += n;
	}
}

/* Find the value of a key in the map at c; true: value is before it. */
static bool find_key(struct cursor c, const char *key, struct cursor *value)
{
	struct cursor map, name;
	struct field f = resolve(&c, &map);
	size_t len = strlen(key);

	if (f.type != TYPE_MAP)
		return false;
	for (size_t n = f.size; n && !map.bad; n--) {
		struct field k = resolve(&map, &name);

		if (k.type != TYPE_STRING || name.bad || name.end - name.at < k.size)
			return false;
		/* A key that is here, and not behind a pointer, is passed over. */
		if (name.at == map.at)
			map.at += k.size;
		if (k.size == len && memcmp(name.base + name.at, key, len) == 0) {
			*value = map;
			return !map.bad;
		}
		skip(&map, 0);
	}
	return false;
}

static bool find_number(struct cursor map, const char *key, uint64_t *out)
{
	struct cursor value, payload;
	struct field f;

	if (!find_key(map, key, &value))
		return false;
	f = resolve(&value, &payload);
	if (f.type != TYPE_U16 && f.type != TYPE_U32 && f.type != TYPE_U64)
		return false;
	*out = take(&payload, f.size);
	return !payload.bad;
}

static bool find_code(struct cursor map, const char *key, char cc[static 3])
{
	struct cursor value, payload;
	struct field f;

	if (!find_key(map, key, &value))
		return false;
	f = resolve(&value, &payload);
	if (f.type != TYPE_STRING || f.size != 2 || payload.end - payload.at < 2)
		return false;
	memcpy(cc, payload.base + payload.at, 2);
	cc[2] = '\0';
	return cc[0] >= 'A' && cc[0] <= 'Z' && cc[1] >= 'A' && cc[1] <= 'Z';
}

/* ---- the file ------------------------------------------------------------ */

static int read_file(struct mmdb *m, const char *path, struct diag *d)
{
	struct input *in;
	size_t cap = 0;
	ssize_t got;
	int rc = input_open(&in, path, d);

	if (rc < 0)
		return rc;
	do {
		if (cap - m->n < CHUNK) {
			uint8_t *more;

			cap = cap ? 2 * cap : 4 * CHUNK;
			more = cap <= size_limit ? realloc(m->bytes, cap) : NULL;
			if (!more) {
				input_close(in);
				return -ENOMEM;
			}
			m->bytes = more;
		}
		got = input_read(in, m->bytes + m->n, cap - m->n, d);
		m->n += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	input_close(in);
	return (int)got;
}

static bool find_metadata(const struct mmdb *m, size_t *at)
{
	static const char marker[] = "\xab\xcd\xefMaxMind.com";
	size_t len = sizeof(marker) - 1;
	size_t first = m->n > METADATA_REACH ? m->n - METADATA_REACH : 0;

	for (size_t i = m->n; i >= first + len; i--) {
		if (memcmp(m->bytes + i - len, marker, len) == 0) {
			*at = i;
			return true;
		}
	}
	return false;
}

static int understand(struct mmdb *m, const char *path, struct diag *d)
{
	uint64_t nodes, bits, version, major;
	struct cursor meta = { .base = m->bytes, .end = m->n };
	size_t tree;

	if (!find_metadata(m, &meta.at))
		return diag_set(d, ERR_FORMAT, "%s: not a MaxMind database", path);
	/* Pointers in the metadata count from its begin. */
	meta.base += meta.at;
	meta.end -= meta.at;
	meta.at = 0;
	if (!find_number(meta, "node_count", &nodes) ||
	    !find_number(meta, "record_size", &bits) ||
	    !find_number(meta, "ip_version", &version) ||
	    !find_number(meta, "binary_format_major_version", &major))
		return diag_set(d, ERR_FORMAT, "%s: metadata incomplete or damaged",
		                path);
	if (major != 2)
		return diag_set(d, ERR_VERSION, "%s: format version %u, expected 2", path,
		                (unsigned)major);
	if (version != 6)
		return diag_set(d, ERR_FAMILY, "%s: a database of IPv4 only", path);
	if ((bits != 24 && bits != 28 && bits != 32) || !nodes || nodes > UINT32_MAX)
		return diag_set(d, ERR_FORMAT, "%s: impossible sizes in the metadata",
		                path);
	tree = (size_t)nodes * (bits / 4);
	if (tree > m->n || m->n - tree < GAP)
		return diag_set(d, ERR_TRUNC, "%s: shorter than its search tree", path);
	m->nodes = (uint32_t)nodes;
	m->record_bits = (unsigned)bits;
	m->data = m->bytes + tree + GAP;
	m->n_data = m->n - tree - GAP;
	return 0;
}

int mmdb_open(struct mmdb **out, const char *path, struct diag *d)
{
	struct mmdb *m = calloc(1, sizeof(*m));
	int rc = m ? read_file(m, path, d) : -ENOMEM;

	if (rc == 0)
		rc = understand(m, path, d);
	if (rc < 0) {
		mmdb_close(m);
		return diag_set(d, rc, "%s: %s", path, err_str(rc));
	}
	*out = m;
	return 0;
}

void mmdb_close(struct mmdb *m)
{
	if (!m)
		return;
	free(m->bytes);
	free(m);
}

/* ---- lookups ------------------------------------------------------------- */

/* The left (0) or right (1) record of a node. */
static uint32_t record(const struct mmdb *m, uint32_t node, unsigned side)
{
	const uint8_t *p = m->bytes + (size_t)node * (m->record_bits / 4);

	switch (m->record_bits) {
	case 24: p += 3 * side; return (uint32_t)p[0] << 16 | p[1] << 8 | p[2];
	case 28:
		if (side)
			return (uint32_t)(p[3] & 15) << 24 | p[4] << 16 | p[5] << 8 |
			       p[6];
		return (uint32_t)(p[3] >> 4) << 24 | p[0] << 16 | p[1] << 8 | p[2];
	default:
		p += 4 * side;
		return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
	}
}

void mmdb_country(const struct mmdb *m, struct addr128 a, char cc[static 3],
                  unsigned *len)
{
	struct cursor c = { .base = m->data, .end = m->n_data }, country;
	uint32_t node = 0;
	unsigned bit = 0;

	for (; bit < 128 && node < m->nodes; bit++)
		node = record(m, node, addr_bit(a, bit));
	*len = bit;
	cc[0] = '\0';
	if (node < (uint64_t)m->nodes + GAP || node - m->nodes - GAP >= m->n_data)
		return;
	c.at = node - m->nodes - GAP;
	if (find_code(c, "country_code", cc))
		return;
	if (find_key(c, "country", &country) && find_code(country, "iso_code", cc))
		return;
	cc[0] = '\0';
}

void country_counts_feed(struct country_counts *c, const struct addr128 *a, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		/* Neighbours are mostly of one network. */
		if (!c->any || addr_common_bits(c->last, a[i]) < c->len) {
			mmdb_country(c->db, a[i], c->cc, &c->len);
			c->last = a[i];
			c->any = true;
		}
		if (c->cc[0])
			c->n[26 * (c->cc[0] - 'A') + (c->cc[1] - 'A')]++;
		else
			c->unknown++;
	}
}
