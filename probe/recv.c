#include <linux/if_packet.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/log.h"
#include "probe/link.h"

enum {
	/* Room for whole packets: an ICMP checksum can be verified only then, and
	 * no error quotes more than the minimum MTU of 1280. */
	SNAPLEN = 2048,
	BUFFER_BYTES = 24 << 20, /* 0.3 s of echo replies at 1 Mpps */
	BLOCK_TIMEOUT_MS = 10,   /* how long a ring block may wait for more packets */
};

struct receiver_pcap {
	struct receiver receiver;
	pcap_t *pcap;
	int fd;
	uint64_t drops;
	const struct receive_sink *to; /* of the poll in progress */
};

static void on_packet(u_char *user, const struct pcap_pkthdr *h, const u_char *bytes)
{
	struct receiver_pcap *p = (struct receiver_pcap *)user;

	p->to->packet(p->to->ctx, bytes, h->caplen,
	              (uint64_t)h->ts.tv_sec * 1000000 + (uint64_t)h->ts.tv_usec);
}

static int poll_pcap(struct receiver *r, int timeout_ms, const struct receive_sink *to,
                     struct diag *d)
{
	struct receiver_pcap *p = (struct receiver_pcap *)r;
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
	int n;

	p->to = to;
	if (poll(&pfd, 1, timeout_ms) < 0 && errno != EINTR)
		return diag_set(d, -errno, "receiving failed: %s", strerror(errno));
	n = pcap_dispatch(p->pcap, -1, on_packet, (u_char *)p);
	if (n == PCAP_ERROR)
		return diag_set(d, -EIO, "receiving failed: %s", pcap_geterr(p->pcap));
	return n < 0 ? 0 : n;
}

static uint64_t drops_pcap(struct receiver *r)
{
	struct receiver_pcap *p = (struct receiver_pcap *)r;
	struct pcap_stat st;

	if (pcap_stats(p->pcap, &st) == 0)
		p->drops = st.ps_drop;
	return p->drops;
}

static void close_receiver_pcap(struct receiver *r)
{
	struct receiver_pcap *p = (struct receiver_pcap *)r;

	if (p->pcap)
		pcap_close(p->pcap);
	free(p);
}

static const struct receiver_ops receiver_pcap_ops = {
	.poll = poll_pcap,
	.drops = drops_pcap,
	.close = close_receiver_pcap,
};

static bool l2_of(enum packet_l2 *l2, int datalink)
{
	switch (datalink) {
	case DLT_EN10MB: *l2 = PACKET_L2_ETHERNET; return true;
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6: *l2 = PACKET_L2_NONE; return true;
	case DLT_LINUX_SLL: *l2 = PACKET_L2_SLL; return true;
	case DLT_LINUX_SLL2: *l2 = PACKET_L2_SLL2; return true;
	}
	return false;
}

static int activate(struct receiver_pcap *p, const char *interface, size_t buffer,
                    struct diag *d)
{
	int rc;

	pcap_set_snaplen(p->pcap, SNAPLEN);
	pcap_set_promisc(p->pcap, 0);
	pcap_set_timeout(p->pcap, BLOCK_TIMEOUT_MS);
	pcap_set_buffer_size(p->pcap, (int)(buffer ? buffer : BUFFER_BYTES));
	rc = pcap_activate(p->pcap);
	if (rc >= 0)
		return 0;
	return diag_set(d, rc == PCAP_ERROR_PERM_DENIED ? -EPERM : -EIO,
	                "%s: cannot capture: %s%s", interface, pcap_statustostr(rc),
	                rc == PCAP_ERROR_PERM_DENIED ? " (it takes CAP_NET_RAW)" : "");
}

static int set_filter(struct receiver_pcap *p, const char *filter, struct diag *d)
{
	struct bpf_program program;
	int rc = 0;

	if (pcap_compile(p->pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN) < 0)
		return diag_set(d, -EINVAL, "filter '%s': %s", filter,
		                pcap_geterr(p->pcap));
	if (pcap_setfilter(p->pcap, &program) < 0)
		rc = diag_set(d, -EIO, "cannot set the filter: %s", pcap_geterr(p->pcap));
	pcap_freecode(&program);
	return rc;
}

int receiver_pcap_open(struct receiver **out, const char *interface, const char *filter,
                       size_t buffer, struct diag *d)
{
	struct receiver_pcap *p = calloc(1, sizeof(*p));
	char why[PCAP_ERRBUF_SIZE] = "";
	int one = 1, rc = -ENOMEM;

	if (!p)
		return -ENOMEM;
	p->receiver.ops = &receiver_pcap_ops;
	p->pcap = pcap_create(interface, why);
	if (!p->pcap)
		goto fail;
	rc = activate(p, interface, buffer, d);
	if (rc < 0)
		goto fail;
	/* Our own probes are no replies.  pcap_setdirection() would drop them in
	 * user space, at 38 % of the cost of sending; the kernel can do better. */
	p->fd = pcap_get_selectable_fd(p->pcap);
	if (setsockopt(pcap_fileno(p->pcap), SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
	               sizeof(one)) < 0)
		log_warn(
			"%s: the kernel hands us our own packets, too (Linux before 4.20?): "
			"sending is slower",
			interface);
	rc = set_filter(p, filter, d);
	if (rc < 0)
		goto fail;
	rc = -EIO;
	if (p->fd < 0 || pcap_setnonblock(p->pcap, 1, why) < 0) {
		diag_set(d, rc, "%s: cannot poll: %s", interface, why);
		goto fail;
	}
	rc = -EAFNOSUPPORT;
	if (!l2_of(&p->receiver.l2, pcap_datalink(p->pcap))) {
		diag_set(d, rc, "%s: cannot read link type %s", interface,
		         pcap_datalink_val_to_name(pcap_datalink(p->pcap)));
		goto fail;
	}
	*out = &p->receiver;
	return 0;
fail:
	close_receiver_pcap(&p->receiver);
	return rc;
}
