#include <endian.h>
#include <string.h>

#include "common/checksum.h"
#include "common/observation.h"

/* The record.  Addresses are two 64-bit words, the high one first. */
enum {
	AT_MAGIC = 0,
	AT_VERSION = 1,
	AT_PROTO = 2,
	AT_OUTCOME = 3,
	AT_HOP_LIMIT = 4,
	AT_ICMP_TYPE = 5,
	AT_ICMP_CODE = 6,
	AT_TCP_FLAGS = 7,
	AT_TARGET = 8,
	AT_FROM = 24,
	AT_WHEN = 40,
	AT_RTT = 48,
	AT_TAG = 52,
	AT_PORT = 56,
	AT_SPORT = 58,
	AT_VANTAGE = 60,
	AT_BITS = 62, /* one byte */
	AT_HOP = 63,  /* from here on zeros in version 1 */
	AT_QUOTED = 64,
	AT_SIGNALS = 65,
	AT_ZERO = 66,  /* two bytes for later versions */
	AT_CHECK = 68, /* low half of XXH3-64 of all that comes before */

	RECORD_MAGIC = 0xb5,
	RECORD_VERSION = 1,
	RECORD_HOPS = 2, /* the version that has hop, quoted and signals */
	BIT_REPEAT = 1,
	BIT_COOLDOWN = 2,
	BIT_QUOTED = 4, /* version 2 */
};

/* The second record: detail, our own address, and ->more field by field. */
enum {
	MORE_MAGIC = 0xb6,
	MORE_VERSION = 1,
	AT_DETAIL = 2,
	AT_PAD = 3, /* zero */
	AT_TO = 4,
	AT_MORE = 20,
};
_Static_assert((int)AT_MORE + (int)OBS_MORE_SIZE == (int)AT_CHECK, "it fits exactly");

static void put16(uint8_t *p, uint16_t v)
{
	v = htole16(v);
	memcpy(p, &v, sizeof(v));
}

static void put32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

static void put64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

static uint16_t get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

/* Something that version 1 has no place for. */
static bool needs_hops(const struct observation *o)
{
	return o->hop || o->has_quoted || o->signals;
}

static void put_check(uint8_t *out)
{
	put32(out + AT_CHECK, (uint32_t)checksum64(out, AT_CHECK, 0));
}

void obs_encode(uint8_t out[static OBS_RECORD_SIZE], const struct observation *o)
{
	memset(out + AT_HOP, 0, AT_CHECK - AT_HOP);
	out[AT_MAGIC] = RECORD_MAGIC;
	out[AT_VERSION] = RECORD_VERSION;
	out[AT_PROTO] = o->proto;
	out[AT_OUTCOME] = o->outcome;
	out[AT_HOP_LIMIT] = o->hop_limit;
	out[AT_ICMP_TYPE] = o->icmp_type;
	out[AT_ICMP_CODE] = o->icmp_code;
	out[AT_TCP_FLAGS] = o->tcp_flags;
	put64(out + AT_TARGET, o->target.hi);
	put64(out + AT_TARGET + 8, o->target.lo);
	put64(out + AT_FROM, o->from.hi);
	put64(out + AT_FROM + 8, o->from.lo);
	put64(out + AT_WHEN, o->when_us);
	put32(out + AT_RTT, o->rtt_us);
	put32(out + AT_TAG, o->tag);
	put16(out + AT_PORT, o->port);
	put16(out + AT_SPORT, o->sport);
	put16(out + AT_VANTAGE, o->vantage);
	out[AT_BITS] = (uint8_t)((o->repeat ? BIT_REPEAT : 0) |
	                         (o->cooldown ? BIT_COOLDOWN : 0));
	if (needs_hops(o)) {
		out[AT_VERSION] = RECORD_HOPS;
		out[AT_HOP] = o->hop;
		out[AT_SIGNALS] = o->signals;
		out[AT_QUOTED] = o->has_quoted ? o->quoted : 0;
		out[AT_BITS] |= o->has_quoted ? BIT_QUOTED : 0;
	}
	put_check(out);
}

/* What obs_encode() never writes, though the check value be right. */
static bool is_foreign(const uint8_t *in)
{
	static const uint8_t zero[AT_CHECK - AT_HOP];
	bool hops = in[AT_VERSION] == RECORD_HOPS;
	uint8_t bits = BIT_REPEAT | BIT_COOLDOWN | (hops ? BIT_QUOTED : 0);

	if (in[AT_PROTO] >= OBS_PROTOS || in[AT_OUTCOME] >= OBS_OUTCOMES ||
	    in[AT_BITS] & ~bits || in[AT_SIGNALS] & ~OBS_SIGNALS)
		return true;
	if (!hops)
		return memcmp(in + AT_HOP, zero, sizeof(zero)) != 0;
	return in[AT_ZERO] || in[AT_ZERO + 1] ||
	       !(in[AT_HOP] || in[AT_SIGNALS] || in[AT_BITS] & BIT_QUOTED) ||
	       (in[AT_QUOTED] && !(in[AT_BITS] & BIT_QUOTED));
}

static bool check_fits(const uint8_t *in)
{
	return get32(in + AT_CHECK) == (uint32_t)checksum64(in, AT_CHECK, 0);
}

int obs_decode(struct observation *o, const uint8_t in[static OBS_RECORD_SIZE])
{
	if (!check_fits(in))
		return ERR_CHECKSUM;
	if (in[AT_MAGIC] != RECORD_MAGIC)
		return ERR_FORMAT;
	if (in[AT_VERSION] != RECORD_VERSION && in[AT_VERSION] != RECORD_HOPS)
		return ERR_VERSION;
	if (is_foreign(in))
		return ERR_FORMAT;
	*o = (struct observation){
		.target = { get64(in + AT_TARGET), get64(in + AT_TARGET + 8) },
		.from = { get64(in + AT_FROM), get64(in + AT_FROM + 8) },
		.when_us = get64(in + AT_WHEN),
		.rtt_us = get32(in + AT_RTT),
		.tag = get32(in + AT_TAG),
		.port = get16(in + AT_PORT),
		.sport = get16(in + AT_SPORT),
		.vantage = get16(in + AT_VANTAGE),
		.proto = in[AT_PROTO],
		.outcome = in[AT_OUTCOME],
		.hop_limit = in[AT_HOP_LIMIT],
		.icmp_type = in[AT_ICMP_TYPE],
		.icmp_code = in[AT_ICMP_CODE],
		.tcp_flags = in[AT_TCP_FLAGS],
		.repeat = in[AT_BITS] & BIT_REPEAT,
		.cooldown = in[AT_BITS] & BIT_COOLDOWN,
		.has_quoted = in[AT_BITS] & BIT_QUOTED,
		.hop = in[AT_HOP],
		.quoted = in[AT_QUOTED],
		.signals = in[AT_SIGNALS],
	};
	return 0;
}

/* Writes ->more to p, or reads it from there. */
struct mover {
	uint8_t *p;
	bool writing;
};

static void move8(struct mover *m, uint8_t *v)
{
	if (m->writing)
		*m->p = *v;
	else
		*v = *m->p;
	m->p++;
}

static void move16(struct mover *m, uint16_t *v)
{
	if (m->writing)
		put16(m->p, *v);
	else
		*v = get16(m->p);
	m->p += 2;
}

static void move32(struct mover *m, uint32_t *v)
{
	if (m->writing)
		put32(m->p, *v);
	else
		*v = get32(m->p);
	m->p += 4;
}

static void move_addr(struct mover *m, struct addr128 *a)
{
	if (m->writing) {
		put64(m->p, a->hi);
		put64(m->p + 8, a->lo);
	} else {
		*a = (struct addr128){ get64(m->p), get64(m->p + 8) };
	}
	m->p += 16;
}

static void move_bytes(struct mover *m, void *bytes, size_t n)
{
	if (m->writing)
		memcpy(m->p, bytes, n);
	else
		memcpy(bytes, m->p, n);
	m->p += n;
}

static void move_segment(struct mover *m, struct obs_segment *t)
{
	move32(m, &t->seq);
	move32(m, &t->ack);
	move32(m, &t->ts_val);
	move32(m, &t->ts_ecr);
	move16(m, &t->window);
	move16(m, &t->mss);
	move8(m, &t->wscale);
	move8(m, &t->options);
}

static void move_more(struct mover *m, struct observation *o)
{
	switch ((enum obs_detail)o->detail) {
	case OBS_PLAIN: break;
	case OBS_SEGMENT: move_segment(m, &o->more.tcp); break;
	case OBS_DATAGRAM:
		move16(m, &o->more.udp.length);
		move_bytes(m, o->more.udp.bytes, sizeof(o->more.udp.bytes));
		break;
	case OBS_DNS:
		move16(m, &o->more.dns.flags);
		move16(m, &o->more.dns.answers);
		move8(m, &o->more.dns.n);
		move32(m, &o->more.dns.digest);
		move_addr(m, &o->more.dns.addr[0]);
		move_addr(m, &o->more.dns.addr[1]);
		break;
	case OBS_QUIC:
		move8(m, &o->more.quic.n);
		for (unsigned i = 0; i < 11; i++)
			move32(m, &o->more.quic.version[i]);
		break;
	case OBS_NODE:
		move8(m, &o->more.node.n);
		if (o->more.node.n) {
			move_addr(m, &o->more.node.addr[0]);
			move_addr(m, &o->more.node.addr[1]);
		} else {
			move_bytes(m, o->more.node.name, sizeof(o->more.node.name));
		}
		break;
	}
}

void obs_encode_more(uint8_t out[static OBS_RECORD_SIZE], const struct observation *o)
{
	struct mover m = { out + AT_MORE, true };
	struct observation copy = *o;

	memset(out, 0, OBS_RECORD_SIZE);
	out[AT_MAGIC] = MORE_MAGIC;
	out[AT_VERSION] = MORE_VERSION;
	out[AT_DETAIL] = o->detail;
	put64(out + AT_TO, o->to.hi);
	put64(out + AT_TO + 8, o->to.lo);
	move_more(&m, &copy);
	put_check(out);
}

bool obs_is_more(const uint8_t in[static OBS_RECORD_SIZE])
{
	return in[AT_MAGIC] == MORE_MAGIC;
}

int obs_decode_more(struct observation *o, const uint8_t in[static OBS_RECORD_SIZE])
{
	uint8_t copy[OBS_RECORD_SIZE];
	struct mover m = { copy + AT_MORE, false };

	if (!check_fits(in))
		return ERR_CHECKSUM;
	if (in[AT_MAGIC] != MORE_MAGIC)
		return ERR_FORMAT;
	if (in[AT_VERSION] != MORE_VERSION)
		return ERR_VERSION;
	if (in[AT_DETAIL] > OBS_NODE || in[AT_PAD])
		return ERR_FORMAT;
	memcpy(copy, in, sizeof(copy));
	o->detail = in[AT_DETAIL];
	o->to = (struct addr128){ get64(in + AT_TO), get64(in + AT_TO + 8) };
	memset(&o->more, 0, sizeof(o->more));
	move_more(&m, o);
	/* A text that somebody else wrote may lack its end. */
	if (o->detail == OBS_NODE && !o->more.node.n)
		o->more.node.name[sizeof(o->more.node.name) - 1] = '\0';
	return 0;
}
