/* Packets in words instead of on the network, in the manner of ZMap's --dryrun. */
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "common/writer.h"
#include "probe/link.h"

struct link_print {
	struct link link;
	struct writer *out;
	uint8_t frame[PACKET_MAX];
};

static uint8_t *reserve(struct link *l)
{
	return ((struct link_print *)l)->frame;
}

static void print_mac(struct writer *out, const char *name, const uint8_t *m)
{
	writer_printf(out, "%s: %02x:%02x:%02x:%02x:%02x:%02x", name, m[0], m[1], m[2],
	              m[3], m[4], m[5]);
}

static void print_ethernet(struct writer *out, const uint8_t *frame)
{
	writer_printf(out, "eth { ");
	print_mac(out, "shost", frame + 6);
	print_mac(out, " | dhost", frame);
	if (frame[12] == 0x81 && frame[13] == 0)
		writer_printf(out, " | vlan: %u", (frame[14] & 15u) << 8 | frame[15]);
	writer_printf(out, " }\n");
}

static void print_ip(struct writer *out, const struct packet *p)
{
	char src[ADDR_STRLEN], dst[ADDR_STRLEN];

	addr_format(src, p->src);
	addr_format(dst, p->dst);
	writer_printf(out, "%s { saddr: %s | daddr: %s | %s: %u }\n",
	              p->v6 ? "ip6" : "ip", src, dst, p->v6 ? "hlim" : "ttl",
	              p->hop_limit);
}

static void print_tcp(struct writer *out, struct wire w)
{
	unsigned source = wire_get16(&w), dest = wire_get16(&w);
	uint32_t seq = wire_get32(&w), ack = wire_get32(&w);
	unsigned offset = wire_get8(&w) >> 4, flags = wire_get8(&w);
	unsigned window = wire_get16(&w), sum = wire_get16(&w);

	writer_printf(out,
	              "tcp { source: %u | dest: %u | seq: %" PRIu32 " | ack: %" PRIu32
	              " | flags: %s%s%s | options: %u bytes | window: %u | "
	              "checksum: %#06X }\n",
	              source, dest, seq, ack, flags & 2 ? "S" : "", flags & 16 ? "A" : "",
	              flags & 4 ? "R" : "", 4 * offset - 20, window, sum);
}

static void print_udp(struct writer *out, struct wire w)
{
	unsigned source = wire_get16(&w), dest = wire_get16(&w), n = wire_get16(&w);

	writer_printf(out,
	              "udp { source: %u | dest: %u | len: %u | checksum: %#06X | data:",
	              source, dest, n, wire_get16(&w));
	while (wire_left(&w))
		writer_printf(out, " %02x", wire_get8(&w));
	writer_printf(out, " }\n");
}

static void print_icmp(struct writer *out, bool v6, struct wire w)
{
	unsigned type = wire_get8(&w), code = wire_get8(&w), sum = wire_get16(&w);
	unsigned id = wire_get16(&w), seq = wire_get16(&w);

	writer_printf(out,
	              "%s { type: %u | code: %u | checksum: %#06X | id: %u | seq: %u | "
	              "data:",
	              v6 ? "icmp6" : "icmp", type, code, sum, id, seq);
	while (wire_left(&w))
		writer_printf(out, " %02x", wire_get8(&w));
	writer_printf(out, " }\n");
}

static void commit(struct link *l, size_t len)
{
	struct link_print *x = (struct link_print *)l;
	struct wire w = wire_from(x->frame, len);
	struct packet p;

	print_ethernet(x->out, x->frame);
	if (packet_strip(&w, PACKET_L2_ETHERNET) &&
	    packet_parse(&p, w, PACKET_RECEIVED)) {
		print_ip(x->out, &p);
		if (p.proto == IPPROTO_TCP)
			print_tcp(x->out, p.l4);
		else if (p.proto == IPPROTO_UDP)
			print_udp(x->out, p.l4);
		else
			print_icmp(x->out, p.v6, p.l4);
	}
	writer_printf(x->out, "------------------------------------------------------\n");
	atomic_fetch_add_explicit(&l->sent, 1, memory_order_relaxed);
}

static int submit(struct link *l, struct diag *d)
{
	int rc = writer_flush(((struct link_print *)l)->out);

	return rc < 0 ? diag_set(d, rc, "cannot print the packets: %s", err_str(rc)) : 0;
}

static void close_print(struct link *l)
{
	writer_close(((struct link_print *)l)->out);
	free(l);
}

static const struct link_ops print_ops = {
	.name = "print",
	.reserve = reserve,
	.commit = commit,
	.submit = submit,
	.close = close_print,
};

int link_print_open(struct link **out, struct diag *d)
{
	struct link_print *x = calloc(1, sizeof(*x));
	int rc;

	if (!x)
		return -ENOMEM;
	x->link.ops = &print_ops;
	x->link.batch = LINK_BATCH;
	x->link.ethernet = true;
	rc = writer_open(&x->out, "-", d);
	if (rc < 0) {
		free(x);
		return rc;
	}
	*out = &x->link;
	return 0;
}
