/* answer.c - small servers for the network tests:
 *
 *     answer dns ADDR      port 53: an address for each name, but none for nx.*
 *     answer inject ADDR   the same, with two injected answers before the right one
 *     answer quic ADDR     port 443: version negotiation (RFC 9000 section 6)
 *     answer name ADDR     node information: the name host.test (RFC 4620)
 *
 * Says "ready" when it is; dies with the shell that started it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { MAX = 4096, HEAD = 12 };

struct peer {
	struct sockaddr_storage addr;
	socklen_t len;
	int fd;
};

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void answer(const struct peer *p, const uint8_t *b, size_t n)
{
	if (sendto(p->fd, b, n, 0, (const struct sockaddr *)&p->addr, p->len) < 0)
		perror("sendto");
}

/* The question and then, with data, one record. */
static void dns_answer(const struct peer *p, const uint8_t *q, size_t n, unsigned rcode,
                       unsigned type, const void *data, size_t data_n)
{
	uint8_t b[MAX];

	memcpy(b, q, n);
	put16(b + 2, 0x8180 | rcode);
	if (data) {
		put16(b + 6, 1);
		memcpy(b + n, "\xc0\x0c", 2);
		put16(b + n + 2, type);
		memcpy(b + n + 4, "\0\1\0\0\0\x3c", 6);
		put16(b + n + 10, (unsigned)data_n);
		memcpy(b + n + 12, data, data_n);
		n += 12 + data_n;
	}
	answer(p, b, n);
}

static void serve_dns(const struct peer *p, const uint8_t *b, size_t n, bool inject)
{
	static const uint8_t a6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 0xd };
	static const uint8_t teredo[16] = { 0x20, 0x01, [15] = 0x77 };
	unsigned type;
	bool none;

	if (n < HEAD + 5 || b[2] & 0x80)
		return;
	type = (unsigned)b[n - 4] << 8 | b[n - 3];
	none = b[HEAD] == 2 && (b[HEAD + 1] | 32) == 'n' && (b[HEAD + 2] | 32) == 'x';
	if (inject && type == 28) {
		dns_answer(p, b, n, 0, 28, teredo, 16);
		dns_answer(p, b, n, 0, 1, "\x1f\x0d\x5e\x25", 4);
	}
	if (none)
		dns_answer(p, b, n, 3, 0, NULL, 0);
	else if (type == 1)
		dns_answer(p, b, n, 0, 1, "\xc0\0\2\x0d", 4);
	else
		dns_answer(p, b, n, 0, 28, a6, 16);
}

static void serve_quic(const struct peer *p, const uint8_t *b, size_t n)
{
	uint8_t v[MAX];
	size_t d, s, at = 0;

	if (n < 1200 || !(b[0] & 0x80) || (b[4] & 15) != 10)
		return;
	d = b[5];
	s = b[6 + d];
	v[at++] = 0x80;
	memset(v + at, 0, 4);
	at += 4;
	v[at++] = (uint8_t)s;
	memcpy(v + at, b + 7 + d, s);
	at += s;
	v[at++] = (uint8_t)d;
	memcpy(v + at, b + 6, d);
	at += d;
	memcpy(v + at, "\0\0\0\1\x6b\x33\x43\xcf", 8);
	answer(p, v, at + 8);
}

static void serve_name(const struct peer *p, uint8_t *b, size_t n)
{
	static const char name[] = "\0\0\0\0\4host\4test";

	if (n < 32 || b[0] != 139)
		return;
	b[0] = 140;
	memcpy(b + 16, name, sizeof(name));
	answer(p, b, 16 + sizeof(name));
}

static int open_socket(const char *kind, const char *address)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6 };
	struct sockaddr_in a4 = { .sin_family = AF_INET };
	bool v6 = inet_pton(AF_INET6, address, &a.sin6_addr) == 1, raw = *kind == 'n';
	uint16_t port = htons(*kind == 'q' ? 443 : 53);
	int fd = socket(v6 ? AF_INET6 : AF_INET, raw ? SOCK_RAW : SOCK_DGRAM,
	                raw ? IPPROTO_ICMPV6 : 0);

	if (!v6 && inet_pton(AF_INET, address, &a4.sin_addr) != 1)
		return -1;
	a.sin6_port = raw ? 0 : port;
	a4.sin_port = port;
	if (fd < 0 || bind(fd, v6 ? (struct sockaddr *)&a : (struct sockaddr *)&a4,
	                   v6 ? sizeof(a) : sizeof(a4)) < 0)
		return -1;
	return fd;
}

int main(int argc, char *argv[])
{
	struct peer p;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (argc != 3)
		return 2;
	p.fd = open_socket(argv[1], argv[2]);
	if (p.fd < 0) {
		perror(argv[2]);
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		uint8_t b[MAX];
		ssize_t n;

		p.len = sizeof(p.addr);
		n = recvfrom(p.fd, b, MAX / 2, 0, (struct sockaddr *)&p.addr, &p.len);
		if (n <= 0)
			continue;
		if (*argv[1] == 'q')
			serve_quic(&p, b, (size_t)n);
		else if (*argv[1] == 'n')
			serve_name(&p, b, (size_t)n);
		else
			serve_dns(&p, b, (size_t)n, *argv[1] == 'i');
	}
}
