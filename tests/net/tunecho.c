/* tunecho.c - a host at the other end of a tunnel, for the network tests:
 *
 *     tunecho NAME
 *
 * makes the tun interface NAME (no Ethernet) and answers what comes out of it: echo
 * requests of both families with replies, and TCP SYNs with SYN-ACKs, from addresses whose
 * last bit is set.  Says "ready" when it is; dies with the shell that started it. */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { MAX = 4096 };

static void swap(uint8_t *a, uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t x = a[i];

		a[i] = b[i];
		b[i] = x;
	}
}

static uint32_t add(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* The checksum at l4 + at; addr: both addresses, for the pseudo header; NULL: none. */
static void fix(uint8_t *l4, size_t n, size_t at, const uint8_t *addr, size_t addr_n,
                uint8_t proto)
{
	uint32_t sum = 0;

	put16(l4 + at, 0);
	if (addr)
		sum = add(add(sum, addr, addr_n) + (uint32_t)n + proto, NULL, 0);
	put16(l4 + at, ~add(sum, l4, n));
}

static void syn_ack(uint8_t *t)
{
	uint32_t seq =
		(uint32_t)t[4] << 24 | (uint32_t)t[5] << 16 | (uint32_t)t[6] << 8 | t[7];

	swap(t, t + 2, 2);
	put16(t + 8, (seq + 1) >> 16);
	put16(t + 10, seq + 1);
	memset(t + 4, 7, 4);
	t[13] = 0x12;
}

/* 1: the packet is an answer now. */
static int answer(uint8_t *p, size_t n)
{
	int v6 = p[0] >> 4 == 6;
	size_t at = v6 ? 40 : (size_t)(p[0] & 15) * 4, addr = v6 ? 16 : 4;
	uint8_t *src = p + (v6 ? 8 : 12), *l4 = p + at, proto = v6 ? p[6] : p[9];

	if (n < at + 8 || !(src[2 * addr - 1] & 1))
		return 0;
	swap(src, src + addr, addr);
	if (proto == IPPROTO_ICMPV6 && l4[0] == 128) {
		l4[0] = 129;
		fix(l4, n - at, 2, src, 2 * addr, proto);
	} else if (proto == IPPROTO_ICMP && l4[0] == 8) {
		l4[0] = 0;
		fix(l4, n - at, 2, NULL, 0, proto);
	} else if (proto == IPPROTO_TCP && n >= at + 20 && l4[13] == 2) {
		syn_ack(l4);
		fix(l4, n - at, 16, src, 2 * addr, proto);
	} else {
		return 0;
	}
	return 1;
}

int main(int argc, char *argv[])
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR);
	uint8_t p[MAX];
	ssize_t n;

	if (argc != 2 || fd < 0) {
		perror("/dev/net/tun");
		return 2;
	}
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", argv[1]);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0) {
		perror("TUNSETIFF");
		return 1;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	puts("ready");
	fflush(stdout);
	while ((n = read(fd, p, sizeof(p))) > 0)
		if (answer(p, (size_t)n) && write(fd, p, (size_t)n) < 0)
			perror("write");
	return 0;
}
