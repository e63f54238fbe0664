/* tests/net/dnscap.c - what DNS clients send, one line a packet.
 *
 *     dnscap FILE [IFACE]      until SIGTERM or SIGINT
 *
 * Sees every interface of its network namespace, or one of Ethernet, and each packet
 * once.  Needs only CAP_NET_RAW there, so that tests work in a user namespace, too.
 * The lines:
 *
 *     IFACE udp|tcp SRC#PORT DST#PORT query NAME TYPE      a question (QR = 0)
 *     IFACE udp|tcp SRC#PORT DST#PORT reply                an answer
 *     IFACE tcp     SRC#PORT DST#PORT open                 a connection's first SYN
 *     IFACE udp|tcp SRC#PORT DST#PORT other                anything else
 *
 * NAME is lower case, with a dot at the end, what is no letter, digit, '-', '_' or
 * '*' as \DDD.  The last line is "dropped N": packets that were not seen. */
#include <arpa/inet.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <pcap/sll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SNAP = 400,
	SLL2 = 20,
	ETHERNET = 14,
	BUFFER = 32 << 20,
	SLL_OUT = 4,
	FIN_SYN_RST = 7,
	ACK = 16,
};

static pcap_t *pcap; /* the signal handler ends it */

static void on_signal(int sig)
{
	(void)sig;
	pcap_breakloop(pcap);
}

struct packet {
	const char *proto;
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];
	unsigned sport, dport, flags; /* flags: of TCP */
	const uint8_t *data;
	size_t n;
};

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* IPv4 or IPv6 without extension headers, and UDP or TCP. */
static int parse(struct packet *k, const uint8_t *p, size_t n)
{
	size_t head = 0, skip = 8;
	unsigned proto = 0;

	if (n >= 20 && p[0] >> 4 == 4) {
		head = 4u * (p[0] & 15);
		proto = p[9];
		inet_ntop(AF_INET, p + 12, k->src, sizeof(k->src));
		inet_ntop(AF_INET, p + 16, k->dst, sizeof(k->dst));
	} else if (n >= 40 && p[0] >> 4 == 6) {
		head = 40;
		proto = p[6];
		inet_ntop(AF_INET6, p + 8, k->src, sizeof(k->src));
		inet_ntop(AF_INET6, p + 24, k->dst, sizeof(k->dst));
	}
	if ((proto != IPPROTO_UDP && proto != IPPROTO_TCP) || n < head + 20 - 12)
		return 0;
	k->proto = proto == IPPROTO_UDP ? "udp" : "tcp";
	k->sport = get16(p + head);
	k->dport = get16(p + head + 2);
	k->flags = 0;
	if (proto == IPPROTO_TCP) {
		if (n < head + 20)
			return 0;
		k->flags = p[head + 13];
		skip = 4u * (p[head + 12] >> 4);
	}
	k->n = n > head + skip ? n - head - skip : 0;
	k->data = p + head + skip;
	return 1;
}

/* The name and type of a question; 0: there is none to be read. */
static int put_question(FILE *f, const uint8_t *p, size_t n)
{
	size_t at = 12;

	if (n < 17 || get16(p + 4) != 1)
		return 0;
	fputs(" query ", f);
	if (p[at] == 0)
		fputc('.', f);
	while (at < n && p[at] && at + p[at] + 1u < n) {
		for (unsigned i = 1; i <= p[at]; i++) {
			unsigned c = p[at + i];

			c = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
			if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			    c == '-' || c == '_' || c == '*')
				fputc((int)c, f);
			else
				fprintf(f, "\\%03u", c);
		}
		fputc('.', f);
		at += p[at] + 1u;
	}
	if (at + 3 <= n)
		fprintf(f, " %u", get16(p + at + 1));
	fputc('\n', f);
	return 1;
}

struct capture {
	FILE *f;
	const char *iface; /* NULL: any */
};

static void on_packet(u_char *arg, const struct pcap_pkthdr *h, const u_char *p)
{
	const struct capture *c = (void *)arg;
	size_t n, skip = c->iface ? ETHERNET : SLL2;
	char name[IF_NAMESIZE] = "?";
	FILE *f = c->f;
	struct packet k;

	if (h->caplen < skip)
		return;
	if (c->iface)
		snprintf(name, sizeof(name), "%s", c->iface);
	else
		if_indextoname((unsigned)get16(p + 4) << 16 | get16(p + 6), name);
	/* On loopback libpcap shows packets when they come, elsewhere both ways. */
	if (!c->iface && (strcmp(name, "lo") != 0) != (p[10] == SLL_OUT))
		return;
	if (!parse(&k, p + skip, h->caplen - skip))
		return;
	fprintf(f, "%s %s %s#%u %s#%u", name, k.proto, k.src, k.sport, k.dst, k.dport);
	n = k.proto[0] == 't' && k.n >= 2 ? 2 : 0;
	if (k.n >= n + 12 && k.data[n + 2] & 0x80)
		fputs(" reply\n", f);
	else if (k.n < n + 12 || !put_question(f, k.data + n, k.n - n))
		fprintf(f, " %s\n",
		        k.flags & FIN_SYN_RST && (k.flags & (FIN_SYN_RST | ACK)) == 2
		                ? "open"
		                : "other");
}

int main(int argc, char *argv[])
{
	char err[PCAP_ERRBUF_SIZE];
	struct sigaction sa = { .sa_handler = on_signal };
	struct pcap_stat st = { 0 };
	struct capture c = { NULL, argc == 3 ? argv[2] : NULL };

	c.f = argc == 2 || argc == 3 ? fopen(argv[1], "w") : NULL;
	if (!c.f) {
		fprintf(stderr, "usage: dnscap FILE [IFACE]\n");
		return 2;
	}
	pcap = pcap_create(c.iface ? c.iface : "any", err);
	if (!pcap || pcap_set_snaplen(pcap, SNAP) || pcap_set_immediate_mode(pcap, 1) ||
	    pcap_set_buffer_size(pcap, BUFFER) || pcap_activate(pcap) < 0 ||
	    (!c.iface && pcap_set_datalink(pcap, DLT_LINUX_SLL2))) {
		fprintf(stderr, "dnscap: %s\n", pcap ? pcap_geterr(pcap) : err);
		return 1;
	}
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	puts("listening");
	fflush(stdout);
	pcap_loop(pcap, -1, on_packet, (u_char *)(void *)&c);
	/* What came before the signal and is not read yet. */
	pcap_setnonblock(pcap, 1, err);
	while (pcap_dispatch(pcap, -1, on_packet, (u_char *)(void *)&c) > 0)
		;
	pcap_stats(pcap, &st);
	fprintf(c.f, "dropped %u\n", st.ps_drop);
	pcap_close(pcap);
	return fclose(c.f) ? 1 : 0;
}
