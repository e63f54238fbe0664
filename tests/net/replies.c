/* tests/net/replies.c - answers from the far side of a cable, true or forged.
 *
 * replies hold IFACE N RATE     keep the first N echo requests, and when no more come
 *                               for 300 ms answer each, RATE a second (0: full speed)
 * replies forge IFACE N SEED    keep up to 4096 probes of any kind, as they come, and
 *                               send N answers to them that are wrong
 *
 * Says "listening" when it does.  A forged answer is a true one in which something is
 * wrong that a scan has to notice: bits of what brings the cookie back, another host's
 * cookie, a random one, an end that is missing, an error about a packet that was never
 * sent, garbage in extension headers.  Checksums and lengths are right, mostly. */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/rng.h"
#include "tests/probe/forge.h"

enum {
	BATCH = 64,
	PROBE_MAX_BYTES = 120,
	KEPT = 4096,
	BUFFER = 64 << 20,
	SILENCE_MS = 300,
};

struct kept {
	uint8_t n, b[PROBE_MAX_BYTES];
};

struct sender {
	int fd;
	struct frame frame[BATCH];
	struct iovec iov[BATCH];
	struct mmsghdr msg[BATCH];
	unsigned n;
	uint64_t sent;
};

static int open_packets(const char *iface)
{
	struct sockaddr_ll sa = { .sll_family = AF_PACKET,
		                  .sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)), one = 1;
	int room = BUFFER;

	sa.sll_ifindex = (int)if_nametoindex(iface);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	(void)setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	(void)setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	return fd;
}

static bool is_probe(const struct frame *f, bool echo_only)
{
	uint16_t type = forge_get16(f->b + 12);
	size_t l4;

	if ((type != 0x86dd && type != 0x0800) || f->n < ETH + 28)
		return false;
	l4 = forge_l4(f);
	if (f->n < l4 + 8 || f->n > PROBE_MAX_BYTES)
		return false;
	switch (forge_proto(f)) {
	case 58: return f->b[l4] == 128 && f->n >= l4 + 28;
	case 1: return f->b[l4] == 8 && f->n >= l4 + 28;
	case 6: return !echo_only && f->n >= l4 + 20 && f->b[l4 + 13] == 2;
	}
	return false;
}

/* Up to max probes, until silent_ms pass without one; or, for 0, one look. */
static size_t keep(int fd, struct kept *out, size_t max, bool echo_only, int silent_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct frame f;
	size_t n = 0;

	while (n < max && poll(&p, 1, n || !silent_ms ? silent_ms : -1) > 0) {
		ssize_t got = recv(fd, f.b, sizeof(f.b), MSG_DONTWAIT);

		f.n = got > 0 ? (size_t)got : 0;
		if (!is_probe(&f, echo_only))
			continue;
		out[n].n = (uint8_t)f.n;
		memcpy(out[n++].b, f.b, f.n);
	}
	return n;
}

static void flush(struct sender *s)
{
	unsigned at = 0;

	while (at < s->n) {
		int n = sendmmsg(s->fd, s->msg + at, s->n - at, 0);

		at += n > 0 ? (unsigned)n : 0;
	}
	s->sent += s->n;
	s->n = 0;
}

static void put(struct sender *s, const struct frame *f)
{
	unsigned i = s->n++;

	memcpy(s->frame[i].b, f->b, f->n);
	s->iov[i] = (struct iovec){ s->frame[i].b, f->n };
	s->msg[i].msg_hdr = (struct msghdr){ .msg_iov = &s->iov[i], .msg_iovlen = 1 };
	if (s->n == BATCH)
		flush(s);
}

static struct frame answer(const struct kept *k)
{
	struct frame f = { .n = k->n };

	memcpy(f.b, k->b, k->n);
	return forge_proto(&f) == 6 ? forge_tcp_reply(&f, 18, 1) : forge_echo_reply(&f);
}

static int hold(struct sender *s, size_t max, double rate)
{
	struct kept *k = malloc(max * sizeof(*k));
	size_t n;
	uint64_t start, now;

	if (!k)
		return 1;
	n = keep(s->fd, k, max, true, SILENCE_MS);
	start = clock_mono_ns();
	for (size_t i = 0; i < n; i++) {
		struct frame f = answer(&k[i]);

		put(s, &f);
		now = clock_mono_ns();
		if (rate > 0 && s->n == 0 &&
		    (double)(now - start) < (double)i / rate * 1e9)
			clock_sleep_until(start + (uint64_t)((double)i / rate * 1e9));
	}
	flush(s);
	now = clock_mono_ns();
	printf("%zu answers, %.0f a second\n", n,
	       (double)n / ((double)(now - start) / 1e9));
	free(k);
	return 0;
}

/* --- what is wrong ------------------------------------------------------------------ */

static uint64_t below(struct rng *r, uint64_t n)
{
	return rng_below(r, n);
}

/* A bit of what has to come back: of an echo reply all from the identifier on, of TCP
 * the port that is ours and the acknowledgement number. */
static void flip(struct frame *f, struct rng *r)
{
	size_t l4 = forge_l4(f), at;

	if (forge_proto(f) == 6)
		at = below(r, 2) ? l4 + 8 + below(r, 4) : l4 + 2 + below(r, 2);
	else
		at = l4 + 4 + below(r, 24);
	f->b[at] ^= (uint8_t)(1 << below(r, 8));
}

static void other_host(struct frame *f, struct rng *r)
{
	f->b[ETH + (forge_is_v6(f) ? 23 : 15)] ^= (uint8_t)(1 + below(r, 255));
}

static void other_cookie(struct frame *f, struct rng *r)
{
	size_t l4 = forge_l4(f), from = forge_proto(f) == 6 ? l4 + 8 : l4 + 4;
	size_t to = forge_proto(f) == 6 ? l4 + 12 : l4 + 28;

	for (size_t i = from; i < to; i++)
		f->b[i] = (uint8_t)rng_next(r);
}

/* The lengths may say so, or not. */
static void cut(struct frame *f, struct rng *r)
{
	bool v6 = forge_is_v6(f);
	size_t l4 = forge_l4(f), need = l4 + (forge_proto(f) == 6 ? 20 : 28);

	f->n = ETH + below(r, need - ETH);
	if (below(r, 2) && f->n >= l4)
		forge_put16(f->b + ETH + (v6 ? 4 : 2),
		            (unsigned)(f->n - (v6 ? l4 : ETH)));
}

/* An error about a probe with a flipped bit, or one from us to somebody else. */
static struct frame wrong_quote(const struct kept *k, struct rng *r)
{
	struct frame f = { .n = k->n }, e;
	bool v6;
	size_t l4;

	memcpy(f.b, k->b, k->n);
	v6 = forge_is_v6(&f);
	l4 = forge_l4(&f);
	/* What routers may not change, within the eight bytes that all quote: the
	 * identifier and sequence number, ports and TCP's sequence number. */
	if (below(r, 2))
		f.b[l4 + (forge_proto(&f) == 6 ? below(r, 8) : 4 + below(r, 4))] ^=
			(uint8_t)(1 << below(r, 8));
	else
		f.b[ETH + (v6 ? 39 : 19)] ^= (uint8_t)(1 + below(r, 255));
	e = forge_error(f.b + ETH,
	                28 + (v6 ? 20 : 0) + below(r, f.n - ETH - 28 - (v6 ? 20 : 0) + 1),
	                v6 ? addr_load(f.b + ETH + 24)
	                   : addr_from_v4((uint32_t)below(r, 1u << 31)),
	                v6 ? addr_load(f.b + ETH + 8)
	                   : addr_from_v4((uint32_t)forge_get16(f.b + ETH + 12) << 16 |
	                                  forge_get16(f.b + ETH + 14)),
	                v6            ? (uint8_t)(1 + below(r, 4))
	                : below(r, 2) ? 3
	                              : 11,
	                (uint8_t)below(r, 5));
	memcpy(e.b, k->b + 6, 6); /* to whom the probe was from */
	memcpy(e.b + 6, k->b, 6);
	return e;
}

/* Up to 4 headers of 8 to 24 bytes with anything in them, before a flipped answer. */
static void extend(struct frame *f, struct rng *r)
{
	static const uint8_t types[] = { 0, 43, 44, 51, 60, 135 };

	for (uint64_t n = 1 + below(r, 4); n > 0; n--) {
		uint8_t ext[24], type = types[below(r, sizeof(types))];
		size_t len = 8 * (1 + below(r, 3));

		for (size_t i = 0; i < len; i++)
			ext[i] = (uint8_t)rng_next(r);
		ext[0] = f->b[ETH + 6];
		if (below(r, 4))
			ext[1] = (uint8_t)(type == 51 ? len / 4 - 2 : len / 8 - 1);
		*f = forge_extend(f, type, ext, len);
	}
}

static struct frame forge_wrong(const struct kept *k, struct rng *r)
{
	struct frame f = answer(k);
	uint64_t kind = below(r, 6);

	if (kind == 0)
		return wrong_quote(k, r);
	if (kind == 1)
		other_host(&f, r);
	else if (kind == 2)
		other_cookie(&f, r);
	else
		flip(&f, r);
	forge_fix(&f);
	if (kind == 3)
		cut(&f, r);
	else if (kind == 4 && forge_is_v6(&f))
		extend(&f, r);
	return f;
}

static int forge(struct sender *s, uint64_t n, uint64_t seed)
{
	struct kept *k = calloc(KEPT, sizeof(*k));
	size_t have = 0;
	struct rng r;
	uint64_t start;

	if (!k)
		return 1;
	rng_init(&r, seed);
	have = keep(s->fd, k, 64, false, SILENCE_MS);
	start = clock_mono_ns();
	while (have && s->sent < n) {
		struct frame f = forge_wrong(&k[below(&r, have)], &r);

		put(s, &f);
		/* More of them while the scan runs. */
		if (s->n == 0 && have < KEPT && s->sent % 4096 == 0)
			have += keep(s->fd, k + have, 1, false, 0);
	}
	printf("%llu forged, %.0f a second\n", (unsigned long long)s->sent,
	       (double)s->sent / ((double)(clock_mono_ns() - start) / 1e9));
	free(k);
	return have == 0;
}

int main(int argc, char *argv[])
{
	struct sender *s = calloc(1, sizeof(*s));
	uint64_t n, more;
	int rc;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (!s || argc != 5)
		return 2;
	s->fd = open_packets(argv[2]);
	if (s->fd < 0) {
		perror(argv[2]);
		return 1;
	}
	n = strtoull(argv[3], NULL, 10);
	more = strtoull(argv[4], NULL, 10);
	puts("listening");
	fflush(stdout);
	rc = !strcmp(argv[1], "forge") ? forge(s, n, more) : hold(s, n, (double)more);
	close(s->fd);
	free(s);
	return rc;
}
