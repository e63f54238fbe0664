#include "common/mrt.h"

#include <stdlib.h>
#include <string.h>

#include "common/mrt_path.h"
#include "common/rng.h"

enum {
	HEADER = 12,
	/* Far above what any collector writes; a length beyond it is damage. */
	RECORD_MAX = 16 << 20,
	/* In a search, what a header claims is checked against the next one, so
	 * its claim is kept affordable. */
	SEARCH_RECORD_MAX = 1 << 20,
	DAY = 86400,
};

enum { BGP = 5, TABLE_DUMP = 12, TABLE_DUMP_V2 = 13, BGP4MP = 16, BGP4MP_ET = 17 };
enum { ISIS = 32, ISIS_ET = 33, OSPFV3 = 48, OSPFV3_ET = 49 };
enum { PEER_INDEX_TABLE = 1, RIB_GENERIC = 6, RIB_GENERIC_ADDPATH = 12 };
enum { AFI_IPV4 = 1, AFI_IPV6 = 2 };

/* What parse_record() says. */
enum { REC_MALFORMED = -1, REC_ROUTES, REC_OTHER };

struct header {
	uint32_t when, len;
	unsigned type, subtype;
};

/* Reads past the end give zeros and set .bad, to be looked at once. */
struct cur {
	const uint8_t *p, *end;
	bool bad;
};

struct mrt {
	struct bytes *b;
	struct mrt_peers *peers;
	uint32_t *map; /* the file's peer numbers to ours */
	size_t map_n;
	struct mrt_entry *entries;
	size_t entries_cap;
	uint32_t *sets;
	size_t sets_n, sets_cap;
	uint32_t last_when; /* of the last good record; 0: there was none */
	struct mrt_stats stats;
};

static const uint8_t *take(struct cur *c, size_t n)
{
	const uint8_t *p = c->p;

	if ((size_t)(c->end - p) < n) {
		c->bad = true;
		c->p = c->end;
		return NULL;
	}
	c->p += n;
	return p;
}

static uint32_t get8(struct cur *c)
{
	const uint8_t *p = take(c, 1);

	return p ? p[0] : 0;
}

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p)
{
	return be16(p) << 16 | be16(p + 2);
}

static uint32_t get16(struct cur *c)
{
	const uint8_t *p = take(c, 2);

	return p ? be16(p) : 0;
}

static uint32_t get32(struct cur *c)
{
	const uint8_t *p = take(c, 4);

	return p ? be32(p) : 0;
}

static struct addr128 get_addr(struct cur *c, bool v6)
{
	const uint8_t *p = take(c, v6 ? 16 : 4);

	if (!p)
		return (struct addr128){ 0, 0 };
	return v6 ? addr_load(p) : addr_from_v4(be32(p));
}

/* ---- peers --------------------------------------------------------------- */

struct peer {
	struct addr128 addr;
	uint32_t as, id_plus_1; /* 0: free */
};

struct mrt_peers {
	struct peer *slots;
	uint32_t n, cap; /* cap is a power of 2 */
};

struct mrt_peers *mrt_peers_new(void)
{
	struct mrt_peers *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->cap = 256;
	p->slots = calloc(p->cap, sizeof(*p->slots));
	if (p->slots)
		return p;
	free(p);
	return NULL;
}

void mrt_peers_free(struct mrt_peers *p)
{
	if (!p)
		return;
	free(p->slots);
	free(p);
}

uint32_t mrt_peers_count(const struct mrt_peers *p)
{
	return p->n;
}

/* The slot of a peer, or the free one where it belongs. */
static struct peer *peer_slot(struct peer *slots, uint32_t cap, struct addr128 a,
                              uint32_t as)
{
	uint64_t h = rng_mix(a.hi ^ rng_mix(a.lo + as));

	for (;; h++) {
		struct peer *s = &slots[h & (cap - 1)];

		if (!s->id_plus_1 || (s->as == as && addr_eq(s->addr, a)))
			return s;
	}
}

static int peers_grow(struct mrt_peers *p)
{
	struct peer *slots = calloc((size_t)p->cap * 2, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->cap; i++)
		if (p->slots[i].id_plus_1)
			*peer_slot(slots, p->cap * 2, p->slots[i].addr, p->slots[i].as) =
				p->slots[i];
	free(p->slots);
	p->slots = slots;
	p->cap *= 2;
	return 0;
}

static int peer_id(struct mrt_peers *p, struct addr128 a, uint32_t as, uint32_t *id)
{
	struct peer *s = peer_slot(p->slots, p->cap, a, as);

	if (!s->id_plus_1) {
		if (p->n >= p->cap / 2) {
			if (peers_grow(p) < 0)
				return -ENOMEM;
			s = peer_slot(p->slots, p->cap, a, as);
		}
		*s = (struct peer){ a, as, ++p->n };
	}
	*id = s->id_plus_1 - 1;
	return 0;
}

/* A number that no PEER_INDEX_TABLE explains is a peer all the same. */
static int unknown_peer(struct mrt *m, uint32_t index, uint32_t *id)
{
	return peer_id(m->peers, (struct addr128){ UINT64_MAX, index }, 0, id);
}

/* ---- records ------------------------------------------------------------- */

static int parse_peer_index(struct mrt *m, struct cur *c)
{
	uint32_t n, *map;

	take(c, 4); /* collector */
	take(c, get16(c));
	n = get16(c);
	if (c->bad)
		return REC_MALFORMED;
	map = realloc(m->map, (n ? n : 1) * sizeof(*map));
	if (!map)
		return -ENOMEM;
	m->map = map;
	m->map_n = 0;
	m->stats.peer_tables++;
	while (n--) {
		uint32_t type = get8(c), as;
		struct addr128 a;

		take(c, 4); /* BGP identifier */
		a = get_addr(c, type & 1);
		as = type & 2 ? get32(c) : get16(c);
		if (c->bad)
			return REC_MALFORMED;
		if (peer_id(m->peers, a, as, &map[m->map_n++]) < 0)
			return -ENOMEM;
	}
	return REC_OTHER;
}

/* Host bits are cleared: routers and collectors leave them now and then. */
static bool get_prefix(struct cur *c, bool v6, struct prefix *out)
{
	uint8_t net[16] = { 0 };
	uint32_t len = get8(c);
	const uint8_t *p;

	if (len > (v6 ? 128 : 32))
		return false;
	p = take(c, (len + 7) / 8);
	if (!p)
		return false;
	memcpy(net, p, (len + 7) / 8);
	*out = v6 ? prefix_make(addr_load(net), len)
	          : prefix_make(addr_from_v4(be32(net)), 96 + len);
	return true;
}

static int reserve_entries(struct mrt *m, size_t n)
{
	struct mrt_entry *e;

	if (n <= m->entries_cap)
		return 0;
	e = realloc(m->entries, n * sizeof(*e));
	if (!e)
		return -ENOMEM;
	m->entries = e;
	m->entries_cap = n;
	return 0;
}

static int keep_set(struct mrt *m, struct mrt_entry *e, const struct path_origin *o)
{
	size_t need = m->sets_n + o->set_n;

	if (need > m->sets_cap) {
		uint32_t *s = realloc(m->sets, 2 * need * sizeof(*s));

		if (!s)
			return -ENOMEM;
		m->sets = s;
		m->sets_cap = 2 * need;
	}
	memcpy(m->sets + m->sets_n, o->set, o->set_n * sizeof(*o->set));
	e->set_at = (uint32_t)m->sets_n;
	e->set_n = o->set_n;
	m->sets_n = need;
	return 0;
}

static int set_entry(struct mrt *m, struct mrt_entry *e, uint32_t peer,
                     const uint8_t *attrs, size_t n, unsigned as_size)
{
	struct path_origin o;

	if (!path_origin_find(&o, attrs, n, as_size))
		m->stats.bad_paths++;
	*e = (struct mrt_entry){ .peer = peer, .origin = o.as };
	return o.set_n ? keep_set(m, e, &o) : 0;
}

static int parse_entries(struct mrt *m, struct cur *c, bool addpath, struct mrt_rib *r)
{
	size_t n = get16(c), head = addpath ? 12 : 8;

	/* An entry has a head at least: no allocation beyond what is there. */
	if (c->bad || n * head > (size_t)(c->end - c->p))
		return REC_MALFORMED;
	if (reserve_entries(m, n) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const uint8_t *p = take(c, head), *attrs;
		uint32_t index, peer;
		size_t len;

		if (!p)
			return REC_MALFORMED;
		index = be16(p);
		len = be16(p + head - 2);
		attrs = take(c, len);
		if (!attrs)
			return REC_MALFORMED;
		if (index < m->map_n)
			peer = m->map[index];
		else if (unknown_peer(m, index, &peer) < 0)
			return -ENOMEM;
		if (set_entry(m, &m->entries[i], peer, attrs, len, 4) < 0)
			return -ENOMEM;
	}
	if (c->p != c->end)
		return REC_MALFORMED;
	r->n = n;
	return REC_ROUTES;
}

static int parse_v2(struct mrt *m, const struct header *h, struct cur *c,
                    struct mrt_rib *r)
{
	bool addpath = h->subtype >= 8, v6;

	if (h->subtype == PEER_INDEX_TABLE)
		return parse_peer_index(m, c);
	if (h->subtype < 2 || h->subtype == 7 || h->subtype > RIB_GENERIC_ADDPATH)
		return REC_OTHER;
	get32(c); /* sequence number */
	if (h->subtype == RIB_GENERIC || h->subtype == RIB_GENERIC_ADDPATH) {
		uint32_t afi = get16(c), safi = get8(c);

		if (c->bad)
			return REC_MALFORMED;
		if ((afi != AFI_IPV4 && afi != AFI_IPV6) || (safi != 1 && safi != 2))
			return REC_OTHER;
		v6 = afi == AFI_IPV6;
	} else {
		/* 2, 3: IPv4; 4, 5: IPv6; with ADDPATH 8, 9 and 10, 11. */
		v6 = (addpath ? h->subtype - 8 : h->subtype - 2) >= 2;
	}
	if (!get_prefix(c, v6, &r->prefix))
		return REC_MALFORMED;
	return parse_entries(m, c, addpath, r);
}

/* One path a record; AFI_IPv4_AS4 and AFI_IPv6_AS4 are what Quagga writes. */
static int parse_v1(struct mrt *m, const struct header *h, struct cur *c,
                    struct mrt_rib *r)
{
	bool v6 = !(h->subtype & 1);
	unsigned as_size = h->subtype > 2 ? 4 : 2;
	struct addr128 prefix, addr;
	uint32_t len, as, size, peer;
	const uint8_t *attrs;

	if (h->subtype < 1 || h->subtype > 4)
		return REC_OTHER;
	take(c, 4); /* view, sequence number */
	prefix = get_addr(c, v6);
	len = get8(c);
	take(c, 5); /* status, time */
	addr = get_addr(c, v6);
	as = as_size == 4 ? get32(c) : get16(c);
	size = get16(c);
	attrs = take(c, size);
	if (c->bad || c->p != c->end || len > (v6 ? 128 : 32))
		return REC_MALFORMED;
	if (reserve_entries(m, 1) < 0 || peer_id(m->peers, addr, as, &peer) < 0)
		return -ENOMEM;
	r->prefix = prefix_make(prefix, v6 ? len : 96 + len);
	r->n = 1;
	if (set_entry(m, m->entries, peer, attrs, size, as_size) < 0)
		return -ENOMEM;
	return REC_ROUTES;
}

static int parse_record(struct mrt *m, const struct header *h, const uint8_t *body,
                        struct mrt_rib *r)
{
	struct cur c = { body, body + h->len, false };

	m->sets_n = 0;
	switch (h->type) {
	case TABLE_DUMP: return parse_v1(m, h, &c, r);
	case TABLE_DUMP_V2: return parse_v2(m, h, &c, r);
	default: return REC_OTHER;
	}
}

/* ---- the stream ---------------------------------------------------------- */

static void get_header(struct header *h, const uint8_t *p)
{
	h->when = be32(p);
	h->type = be16(p + 4);
	h->subtype = be16(p + 6);
	h->len = be32(p + 8);
}

/* Types 0 to 10 are of before 2000 and deprecated, but were written. */
static bool is_plausible(const struct header *h)
{
	static const uint8_t subtypes[] = {
		[0] = 4,          [BGP] = 10,
		[6] = 2,          [7] = 3,
		[9] = 10,         [10] = 2,
		[11] = 1, /* OSPFv2 */
		[TABLE_DUMP] = 5, [TABLE_DUMP_V2] = 13,
		[BGP4MP] = 12,    [BGP4MP_ET] = 12,
		[ISIS] = 1,       [ISIS_ET] = 1,
		[OSPFV3] = 1,     [OSPFV3_ET] = 1,
	};

	return h->type < sizeof(subtypes) && h->subtype < subtypes[h->type] &&
	       h->len <= RECORD_MAX;
}

bool mrt_sniff(const uint8_t *p, size_t n)
{
	struct header h;

	if (n < HEADER)
		return false;
	get_header(&h, p);
	return is_plausible(&h);
}

static bool is_near(uint32_t a, uint32_t b)
{
	return a - b + DAY < 2 * DAY;
}

/* Many bytes look like a header of an old type, zeros above all; a search takes
 * only those types that archives have, of about the time of the last record. */
static bool is_credible(const struct mrt *m, const struct header *h)
{
	return is_plausible(h) &&
	       (h->type == BGP || (h->type >= TABLE_DUMP && h->type <= BGP4MP_ET)) &&
	       h->len >= 8 && h->len <= SEARCH_RECORD_MAX &&
	       (!m->last_when || is_near(h->when, m->last_when));
}

/* Whether a record begins so many bytes ahead: a header, and where its record
 * ends, another one of about the same time, or the end of the input. */
static int begins_record(struct mrt *m, size_t ahead)
{
	struct header h, next;
	ssize_t have = bytes_need(m->b, ahead + HEADER);
	size_t end;

	if (have < 0)
		return (int)have;
	if ((size_t)have < ahead + HEADER)
		return 0;
	get_header(&h, bytes_at(m->b) + ahead);
	if (!is_credible(m, &h))
		return 0;
	end = ahead + HEADER + h.len;
	have = bytes_need(m->b, end + HEADER);
	if (have < 0)
		return (int)have;
	if ((size_t)have == end)
		return 1;
	if ((size_t)have < end + HEADER)
		return 0;
	get_header(&next, bytes_at(m->b) + end);
	return is_plausible(&next) && is_near(next.when, h.when);
}

/* Move to the next place where a record begins, or to the end. */
static int resync(struct mrt *m)
{
	size_t skipped = 0;
	int rc = 0;

	m->stats.resyncs++;
	do {
		m->b->pos++;
		skipped++;
		rc = begins_record(m, 0);
	} while (rc == 0 && bytes_need(m->b, HEADER) >= HEADER);
	if (rc == 0) {
		skipped += m->b->len - m->b->pos;
		m->b->pos = m->b->len;
	}
	m->stats.lost_bytes += skipped;
	return rc < 0 ? rc : 0;
}

/* Whether what comes after so many bytes is a record or the end. */
static bool is_followed(const struct mrt *m, size_t size, size_t have)
{
	struct header next;

	if (have < size + HEADER)
		return have == size;
	get_header(&next, bytes_at(m->b) + size);
	return is_plausible(&next);
}

/* A record that is incomplete (the input ends in it) or contradicts itself: was
 * its length wrong?  Then what follows is no record, but one lies inside. */
static int skip_bad(struct mrt *m, size_t size, size_t have)
{
	if (have >= size) {
		m->stats.malformed++;
		if (!is_followed(m, size, have))
			return resync(m);
		m->b->pos += size;
		return 0;
	}
	for (size_t i = 1; i + HEADER <= have; i++) {
		int rc = begins_record(m, i);

		if (rc < 0)
			return rc;
		if (rc) {
			m->stats.resyncs++;
			m->stats.lost_bytes += i;
			m->b->pos += i;
			return 0;
		}
	}
	m->stats.trailing += have;
	m->b->pos = m->b->len;
	return 0;
}

/* One record: 1 with routes, 0 without, 2 at the end, or negative. */
static int step(struct mrt *m, struct mrt_rib *r)
{
	ssize_t have = bytes_need(m->b, HEADER);
	struct header h;
	size_t size;
	int rc;

	if (have < HEADER) {
		m->stats.trailing += have > 0 ? (uint64_t)have : 0;
		return have < 0 ? (int)have : 2;
	}
	get_header(&h, bytes_at(m->b));
	if (!is_plausible(&h))
		return resync(m);
	size = HEADER + h.len;
	have = bytes_need(m->b, size + HEADER);
	if (have < 0)
		return (int)have;
	if ((size_t)have < size)
		return skip_bad(m, size, (size_t)have);
	r->when = h.when;
	rc = parse_record(m, &h, bytes_at(m->b) + HEADER, r);
	if (rc == REC_MALFORMED)
		return skip_bad(m, size, (size_t)have);
	if (rc < 0)
		return rc;
	/* What is not looked into proves nothing about its length. */
	if (rc == REC_OTHER && !is_followed(m, size, (size_t)have) &&
	    (size_t)have >= size + HEADER)
		return resync(m);
	m->stats.records++;
	m->last_when = h.when;
	m->b->pos += size;
	if (rc == REC_OTHER) {
		m->stats.other +=
			h.type != TABLE_DUMP_V2 || h.subtype != PEER_INDEX_TABLE;
		return 0;
	}
	return 1;
}

int mrt_new(struct mrt **out, struct bytes *b, struct mrt_peers *peers)
{
	struct mrt *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->b = b;
	m->peers = peers;
	*out = m;
	return 0;
}

void mrt_free(struct mrt *m)
{
	if (!m)
		return;
	free(m->map);
	free(m->entries);
	free(m->sets);
	free(m);
}

int mrt_next(struct mrt *m, struct mrt_rib *r)
{
	int rc;

	do
		rc = step(m, r);
	while (rc == 0);
	if (rc != 1)
		return rc < 0 ? rc : 0;
	r->entries = m->entries;
	r->sets = m->sets;
	m->stats.routes++;
	m->stats.entries += r->n;
	return 1;
}

const struct mrt_stats *mrt_stats(const struct mrt *m)
{
	return &m->stats;
}
