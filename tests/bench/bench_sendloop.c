/* How fast a loop that does nothing else hands one frame to the kernel: the ceiling
 * for the prober.  bench_sendloop
 * sendmmsg|txring|afxdp|xdp-live IFACE GATEWAY-MAC SECONDS
 *
 * With "ticks" it sends ten frames a millisecond with sendmmsg, sleeps in between, and
 * prints what that takes: the floor for the prober at 10,000 pps. */
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "common/clock.h"
#include "probe/link.h"
#include "probe/route.h"

/* An IPv6 SYN of 74 bytes, all but its Ethernet addresses zeros where that does not
 * matter to the kernel. */
static size_t make_frame(uint8_t *f, const char *mac)
{
	enum { N = 14 + 40 + 20 };

	memset(f, 0, N);
	if (!route_parse_mac(f, mac))
		return 0;
	f[6] = 2;
	f[12] = 0x86;
	f[13] = 0xdd;
	f[14] = 0x60;
	f[19] = 20;
	f[20] = 6;
	f[21] = 64;
	f[22] = f[38] = 0x20;
	f[24] = f[40] = 1;
	return N;
}

static int open_link(struct link **l, const char *mode, const char *interface,
                     struct diag *d)
{
	int ifindex = (int)if_nametoindex(interface);

	if (!strcmp(mode, "sendmmsg") || !strcmp(mode, "ticks"))
		return link_packet_open(l, ifindex, true, d);
	if (!strcmp(mode, "txring"))
		return link_txring_open(l, ifindex, d);
	if (!strcmp(mode, "afxdp"))
		return link_xdp_open(l, ifindex, 0, d);
	return strcmp(mode, "xdp-live") ? -EINVAL : link_live_open(l, ifindex, d);
}

static void put_frames(struct link *l, const uint8_t *frame, size_t n, unsigned most)
{
	uint8_t *room;

	while (most-- && (room = l->ops->reserve(l))) {
		memcpy(room, frame, n);
		l->ops->commit(l, n);
	}
}

static int send_fast(struct link *l, const uint8_t *frame, size_t n, uint64_t ns,
                     struct diag *d)
{
	uint64_t end = clock_mono_ns() + ns;
	int rc = 0;

	while (rc == 0 && clock_mono_ns() < end) {
		put_frames(l, frame, n, UINT_MAX);
		rc = l->ops->submit(l, d);
	}
	return rc;
}

static int send_ticks(struct link *l, const uint8_t *frame, size_t n, uint64_t ns,
                      struct diag *d)
{
	uint64_t start = clock_mono_ns(), cpu = clock_cpu_ns(), t;
	int rc = 0;

	(void)prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
	for (t = start; rc == 0 && t < start + ns; t += NS_PER_MS) {
		clock_sleep_until(t);
		put_frames(l, frame, n, 10);
		rc = l->ops->submit(l, d);
	}
	cpu = clock_cpu_ns() - cpu;
	printf("a bare loop, ten packets each millisecond: %.2f %% of a core, %.1f us "
	       "each time\n",
	       (double)cpu / (double)ns * 100, (double)cpu / (double)(ns / 1000));
	return rc;
}

int main(int argc, char *argv[])
{
	uint8_t frame[PACKET_MAX];
	struct diag d = { "" };
	uint64_t ns;
	struct link *l;
	size_t n;
	int rc;

	if (argc == 1) {
		puts("a helper of bench_probe and bench_rate: bench_sendloop MODE IFACE "
		     "MAC SECONDS");
		return 0;
	}
	n = argc == 5 ? make_frame(frame, argv[3]) : 0;
	rc = n ? open_link(&l, argv[1], argv[2], &d) : -EINVAL;
	if (rc == 0 && l->ops->tune)
		rc = l->ops->tune(l, n, &d);
	if (rc < 0) {
		fprintf(stderr, "bench_sendloop: %s\n", diag_str(&d, rc));
		return 1;
	}
	ns = strtoull(argv[4], NULL, 10) * NS_PER_S;
	rc = strcmp(argv[1], "ticks") ? send_fast(l, frame, n, ns, &d)
	                              : send_ticks(l, frame, n, ns, &d);
	link_close(l);
	return rc < 0;
}
