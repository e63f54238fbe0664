/* When packets arrive at an interface: bench_arrivals IFACE SECONDS RATE
 *
 * Counts ICMPv6 echo requests only: kernels on both sides say other things.
 * Prints "MEAN MOST-IN-A-SECOND MOST-IN-A-MILLISECOND CROWDED LOST": packets per second,
 * the most in any window of that length, the packets from which on a millisecond holds
 * more than RATE says, and what the socket could not hold. */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "common/clock.h"

enum { MAX = 8 << 20, BATCH = 64 };

struct cell {
	char control[CMSG_SPACE(sizeof(struct timespec))];
	uint8_t head[41]; /* IPv6 header, and the type */
};

static int open_socket(const char *name)
{
	struct sockaddr_ll me = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_DGRAM, 0), one = 1, room = 64 << 20;

	if (fd < 0 || bind(fd, (struct sockaddr *)&me, sizeof(me)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one)) < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	(void)setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	return fd;
}

static uint64_t time_of(struct msghdr *h)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(h);
	const struct timespec *t;

	if (!c || c->cmsg_type != SO_TIMESTAMPNS)
		return 0;
	t = (const void *)CMSG_DATA(c);
	return (uint64_t)t->tv_sec * NS_PER_S + (uint64_t)t->tv_nsec;
}

static size_t collect(int fd, uint64_t *at, uint64_t until)
{
	static const struct msghdr blank;
	struct mmsghdr msg[BATCH];
	struct cell cell[BATCH];
	struct iovec iov[BATCH];
	size_t n = 0;

	while (clock_mono_ns() < until && n + BATCH < MAX) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int got;

		poll(&p, 1, 50);
		for (int i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){ cell[i].head, sizeof(cell[i].head) };
			msg[i].msg_hdr = blank;
			msg[i].msg_hdr.msg_iov = &iov[i];
			msg[i].msg_hdr.msg_iovlen = 1;
			msg[i].msg_hdr.msg_control = cell[i].control;
			msg[i].msg_hdr.msg_controllen = sizeof(cell[i].control);
		}
		got = recvmmsg(fd, msg, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < got; i++)
			if (cell[i].head[6] == 58 && cell[i].head[40] == 128)
				at[n++] = time_of(&msg[i].msg_hdr);
	}
	return n;
}

/* crowded: how many windows that end with a packet hold more than `limit`. */
static size_t most_within(const uint64_t *at, size_t n, uint64_t window, size_t limit,
                          size_t *crowded)
{
	size_t most = 0;

	*crowded = 0;
	for (size_t i = 0, j = 0; i < n; i++) {
		while (at[i] - at[j] >= window)
			j++;
		if (i - j + 1 > most)
			most = i - j + 1;
		*crowded += i - j + 1 > limit;
	}
	return most;
}

int main(int argc, char *argv[])
{
	uint64_t *at = malloc(MAX * sizeof(*at)); /* lives as long as the process */
	struct tpacket_stats st = { 0 };
	socklen_t len = sizeof(st);
	size_t n, second, ms, crowded, rate;
	int fd;

	if (argc == 1) {
		puts("a helper of bench_rate: bench_arrivals IFACE SECONDS RATE");
		return 0;
	}
	if (argc != 4 || !at || (fd = open_socket(argv[1])) < 0) {
		perror("bench_arrivals IFACE SECONDS RATE");
		return 1;
	}
	n = collect(fd, at, clock_mono_ns() + strtoull(argv[2], NULL, 10) * NS_PER_S);
	getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &st, &len);
	if (n < 2)
		return 1;
	rate = strtoull(argv[3], NULL, 10);
	second = most_within(at, n, NS_PER_S, rate, &crowded);
	ms = most_within(at, n, NS_PER_MS, (rate + 999) / 1000, &crowded);
	printf("%.3f %zu %zu %zu %u\n",
	       (double)(n - 1) * 1e9 / (double)(at[n - 1] - at[0]), second, ms, crowded,
	       st.tp_drops);
	return 0;
}
