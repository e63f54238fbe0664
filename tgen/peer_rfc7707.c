/* low-byte and pattern: what people do when they number by hand.
 *
 *   Gont, Chown: RFC 7707, "Network Reconnaissance in IPv6 Networks", section 4.1:
 *   low-byte, service-port, IPv4-based and wordy identifiers, and those made of
 *   MAC addresses.  Values and ranges are those that scan6(1) documents, classes
 *   those of addr6(1).
 *
 * Both try the /64s of the seeds, those with the most seeds first, one identifier
 * in each before the next, so that the likely ones of all networks come first.
 *
 *   low-byte: 0:0:0-100:0-1500 in ascending order, in each /64.
 *   pattern:  for each class that a seed of the same /48 is of, one identifier in
 *   turn; low-byte and ports always.  IPv4-based ones go to the neighbours of those
 *   seen, up to 255 away; the ones with MAC addresses up to 32767 away, so that
 *   the OUI need not be known.
 *
 * scan6 takes networks, OUIs and IPv4 prefixes from its user and does each class to
 * the end; here they come from the seeds and take turns.  Neither learns from
 * results. */
#include <stdlib.h>
#include <string.h>

#include "tgen/peer.h"

enum class { LOW_BYTE, PORT, WORDY, IPV4, IPV4_DECIMAL, MAC, CLASSES };

enum { TURN = 1024, HIGH = 0x100, LOW = 0x1500, V4_REACH = 255, MAC_REACH = 32767 };
#define LOW_BYTES ((uint64_t)(HIGH + 1) * (LOW + 1))

/* The services of scan6(1), in hexadecimal, and as the same digits read so. */
static const uint16_t ports[] = {
	0x21,   0x22,   0x23,   0x25,  0x49,  0x53,  0x80,   0x110,  0x123,  0x179,
	0x220,  0x389,  0x443,  0x547, 0x993, 0x995, 0x1194, 0x3306, 0x5060, 0x5061,
	0x5432, 0x6446, 0x8080, 21,    22,    23,    25,     49,     53,     80,
	110,    123,    179,    220,   389,   443,   547,    993,    995,    1194,
	3306,   5060,   5061,   5432,  6446,  8080,
};
enum { N_PORTS = sizeof(ports) / sizeof(ports[0]) };

static const uint32_t words[] = {
	0xdeadbeef, 0xcafebabe, 0xcafe,   0xbabe,     0xbeef,     0xdead,     0xface,
	0xf00d,     0xfeed,     0xc0de,   0xb00c,     0xbad,      0xface0000, 0xfaceb00c,
	0xdeadc0de, 0xbadcafe,  0xc0ffee, 0xf00dcafe, 0xfeedface, 0xdeadface, 0xcafef00d,
	0xabcd,     0x1234,     0xaaaa,   0xbbbb,     0xffff,
};
enum { N_WORDS = sizeof(words) / sizeof(words[0]) };

struct subnet {
	uint64_t hi;
	uint32_t seeds;
	uint32_t from[CLASSES], to[CLASSES]; /* identifiers of its /48, in seen */
	uint8_t classes[CLASSES], n_classes; /* that take turns; 0: none any more */
};

struct rfc7707 {
	struct subnet *net;
	uint32_t n, at;
	uint64_t turn;
	bool all; /* pattern */
	bool any; /* something was left in this turn */
	uint64_t *seen[CLASSES];
};

static void rfc7707_free(void *core)
{
	struct rfc7707 *s = core;

	if (!s)
		return;
	for (unsigned c = 0; c < CLASSES; c++)
		free(s->seen[c]);
	free(s->net);
	free(s);
}

/* ---- classes ------------------------------------------------------------- */

/* A number whose hexadecimal digits are those of the decimal one: 255 is 0x255. */
static uint64_t as_digits(unsigned v)
{
	return v / 100 << 8 | v / 10 % 10 << 4 | v % 10;
}

/* Whether a word is the digits of a number of at most 255. */
static bool is_octet(uint64_t word, unsigned *v)
{
	*v = (unsigned)(100 * (word >> 8 & 15) + 10 * (word >> 4 & 15) + (word & 15));
	return word <= 0x255 && *v <= 255 && as_digits(*v) == word;
}

static bool in_ports(uint64_t v)
{
	for (unsigned i = 0; i < N_PORTS; i++)
		if (ports[i] == v)
			return true;
	return false;
}

static bool is_wordy(uint64_t iid)
{
	for (unsigned i = 0; i < N_WORDS; i++)
		if (words[i] == iid)
			return true;
	return false;
}

static bool is_decimal_v4(uint64_t iid)
{
	unsigned v;

	return iid >> 48 != 0 && is_octet(iid >> 48, &v) &&
	       is_octet(iid >> 32 & 0xffff, &v) && is_octet(iid >> 16 & 0xffff, &v) &&
	       is_octet(iid & 0xffff, &v);
}

static enum class classify(uint64_t iid) {
	uint64_t high = iid >> 16 & 0xffff, low = iid & 0xffff;

	if ((iid >> 24 & 0xffff) == 0xfffe) return MAC;
	if (is_wordy(iid)) return WORDY;
	if (iid >> 32 == 0 &&
	    ((high <= 5 && in_ports(low)) || (low <= 5 && in_ports(high)))) return PORT;
	if (iid >> 32 == 0 && iid >> 24 != 0 && low != 0) return IPV4;
	if (is_decimal_v4(iid)) return IPV4_DECIMAL;
	return iid >> 32 == 0 ? LOW_BYTE : CLASSES;
}

/* 1, -1, 2, -2 ... */
static int64_t zigzag(uint64_t k)
{
	return k & 1 ? -(int64_t)(k / 2 + 1) : (int64_t)(k / 2 + 1);
}

static bool neighbour(enum class c, uint64_t iid, uint64_t k, uint64_t *out)
{
	int64_t d = zigzag(k);
	unsigned last;

	if (c == IPV4) {
		int64_t octet = (int64_t)(iid & 255) + d;

		*out = (iid & ~UINT64_C(255)) | (uint64_t)(octet & 255);
		return octet >= 0 && octet <= 255;
	}
	if (c == MAC) {
		int64_t nic = (int64_t)(iid & 0xffffff) + d;

		*out = (iid & ~UINT64_C(0xffffff)) | (uint64_t)(nic & 0xffffff);
		return nic >= 0 && nic <= 0xffffff;
	}
	is_octet(iid & 0xffff, &last);
	d += last;
	*out = (iid & ~UINT64_C(0xffff)) | as_digits(d < 0 ? 0 : (unsigned)d);
	return d >= 0 && d <= 255;
}

/* Identifier number k of a class in a /64: 1, 0 when k stands for none, or -1 when
 * there are none from k on. */
static int identifier(const struct rfc7707 *s, const struct subnet *w, enum class c,
                      uint64_t k, uint64_t *iid)
{
	uint32_t seen = w->to[c] - w->from[c];
	uint64_t reach = 2 * (c == MAC ? MAC_REACH : V4_REACH);

	switch (c) {
	case LOW_BYTE:
		*iid = k / (LOW + 1) << 16 | k % (LOW + 1);
		return k < LOW_BYTES ? 1 : -1;
	case PORT: /* ::0-5:port and ::port:0-5 */
		*iid = k / N_PORTS % 2
		               ? (uint64_t)ports[k % N_PORTS] << 16 | k / N_PORTS / 2
		               : k / N_PORTS / 2 << 16 | ports[k % N_PORTS];
		return k < 12 * N_PORTS ? 1 : -1;
	case WORDY: *iid = words[k % N_WORDS]; return k < N_WORDS ? 1 : -1;
	default:
		if (k / seen >= reach)
			return -1;
		return neighbour(c, s->seen[c][w->from[c] + k % seen], k / seen, iid);
	}
}

/* ---- networks ------------------------------------------------------------ */

static int by_seeds(const void *a, const void *b)
{
	const struct subnet *x = a, *y = b;

	if (x->seeds != y->seeds)
		return x->seeds < y->seeds ? 1 : -1;
	return (x->hi > y->hi) - (x->hi < y->hi);
}

/* What the seeds of one /48, a[0..n), are like. */
static void look_at_site(struct rfc7707 *s, const struct addr128 *a, size_t n,
                         uint32_t count[CLASSES])
{
	struct subnet like = { .n_classes = 0 };

	memcpy(like.from, count, sizeof(like.from));
	for (size_t i = 0; i < n; i++) {
		enum class c = classify(a[i].lo);

		if (c < CLASSES)
			s->seen[c][count[c]++] = a[i].lo;
	}
	memcpy(like.to, count, sizeof(like.to));
	for (unsigned c = 0; c < CLASSES; c++)
		if (c == LOW_BYTE || (s->all && (c == PORT || like.to[c] > like.from[c])))
			like.classes[like.n_classes++] = (uint8_t)c;
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || a[i].hi != a[i - 1].hi) {
			s->net[s->n] = like;
			s->net[s->n++].hi = a[i].hi;
		}
		s->net[s->n - 1].seeds++;
	}
}

static int train(void **core, const struct addrvec *seeds, bool all)
{
	struct rfc7707 *s = calloc(1, sizeof(*s));
	uint32_t count[CLASSES] = { 0 };
	size_t nets = 0, k;
	bool enough;

	if (!s)
		return -ENOMEM;
	s->all = all;
	for (size_t i = 0; i < seeds->n; i++)
		nets += i == 0 || seeds->a[i].hi != seeds->a[i - 1].hi;
	s->net = malloc(nets * sizeof(*s->net));
	enough = s->net;
	for (unsigned c = 0; c < CLASSES; c++) {
		s->seen[c] = malloc(seeds->n * sizeof(*s->seen[c]));
		enough = enough && s->seen[c];
	}
	if (!enough) {
		rfc7707_free(s);
		return -ENOMEM;
	}
	for (size_t i = 0; i < seeds->n; i = k) {
		for (k = i; k < seeds->n && seeds->a[k].hi >> 16 == seeds->a[i].hi >> 16;)
			k++;
		look_at_site(s, seeds->a + i, k - i, count);
	}
	qsort(s->net, s->n, sizeof(*s->net), by_seeds);
	*core = s;
	return 0;
}

static int train_low_byte(void **core, const struct addrvec *seeds, uint64_t seed,
                          struct diag *d)
{
	(void)seed;
	(void)d;
	return train(core, seeds, false);
}

static int train_pattern(void **core, const struct addrvec *seeds, uint64_t seed,
                         struct diag *d)
{
	(void)seed;
	(void)d;
	return train(core, seeds, true);
}

static int rfc7707_step(void *core, struct peer *p)
{
	struct rfc7707 *s = core;

	for (unsigned i = 0; i < TURN; i++, s->at++) {
		struct subnet *w = &s->net[s->at % s->n];
		uint64_t k, iid;
		int found;

		if (s->at == s->n) {
			if (!s->any)
				return 0;
			s->at = 0;
			s->any = false;
			s->turn++;
			return 1;
		}
		if (w->n_classes && peer_pruned(p, (struct prefix){ { w->hi, 0 }, 64 }))
			w->n_classes = 0;
		if (w->n_classes == 0)
			continue;
		k = s->turn / w->n_classes;
		found = identifier(s, w, w->classes[s->turn % w->n_classes], k, &iid);
		/* Of all classes low-byte has the most to offer. */
		s->any = s->any || k < LOW_BYTES;
		if (found > 0 && peer_offer(p, (struct addr128){ w->hi, iid }, s->at,
		                            1 / (2.0 + (double)k)) < 0)
			return -ENOMEM;
	}
	return 1;
}

static uint64_t rfc7707_regions(const void *core)
{
	const struct rfc7707 *s = core;

	return s->n;
}

static const struct peer_core peer_low_byte = { train_low_byte, rfc7707_free,
	                                        rfc7707_step, NULL, rfc7707_regions };
static const struct peer_core peer_pattern = { train_pattern, rfc7707_free, rfc7707_step,
	                                       NULL, rfc7707_regions };

PEER_ALGORITHM(low_byte, "low-byte",
               "::0, ::1, ::2 ... in the /64s of the seeds (RFC 7707)");
PEER_ALGORITHM(
	pattern, "pattern",
	"low bytes, ports, words, IPv4 and MAC addresses like the seeds' (RFC 7707)");
