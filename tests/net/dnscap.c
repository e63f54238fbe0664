/* tests/net/dnscap.c - what DNS clients send, one line a packet.
 *
 *     dnscap IFACE FILE      until SIGTERM or SIGINT
 *
 * Sees what is sent to IFACE, or, on loopback, through it; answers over UDP are left
 * out.  Needs only CAP_NET_RAW in its network namespace, so that tests work in a user
 * namespace, too.  The lines:
 *
 *     udp|tcp SRC#PORT DST#PORT query NAME TYPE      a question (QR = 0)
 *     tcp     SRC#PORT DST#PORT open                 a connection's first SYN
 *     udp|tcp SRC#PORT DST#PORT other                anything else
 *
 * NAME is lower case, with a dot at the end, what is no letter, digit, '-', '_' or
 * '*' as \DDD.  The last line is "dropped N": packets that were not seen. */
#include <arpa/inet.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SNAP = 400,
	ETHERNET = 14,
	BUFFER = 64 << 20,
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

static void on_packet(u_char *arg, const struct pcap_pkthdr *h, const u_char *p)
{
	FILE *f = (void *)arg;
	struct packet k;
	size_t n;

	if (h->caplen < ETHERNET || !parse(&k, p + ETHERNET, h->caplen - ETHERNET))
		return;
	fprintf(f, "%s %s#%u %s#%u", k.proto, k.src, k.sport, k.dst, k.dport);
	n = k.proto[0] == 't' && k.n >= 2 ? 2 : 0;
	if (k.n >= n + 12 && !(k.data[n + 2] & 0x80) &&
	    put_question(f, k.data + n, k.n - n))
		return;
	fputs(k.flags & FIN_SYN_RST && (k.flags & (FIN_SYN_RST | ACK)) == 2 ? " open\n"
	                                                                    : " other\n",
	      f);
}

static const char filter[] = "tcp or (ip and udp and udp[10] & 0x80 = 0) or "
			     "(ip6 and udp and ip6[50] & 0x80 = 0)";

/* Both ways on loopback would show each packet twice. */
static int set_filter(const char *iface)
{
	struct bpf_program prog;
	int rc;

	if (pcap_setdirection(pcap, strcmp(iface, "lo") ? PCAP_D_OUT : PCAP_D_IN) ||
	    pcap_compile(pcap, &prog, filter, 1, PCAP_NETMASK_UNKNOWN))
		return -1;
	rc = pcap_setfilter(pcap, &prog);
	pcap_freecode(&prog);
	return rc;
}

int main(int argc, char *argv[])
{
	char err[PCAP_ERRBUF_SIZE];
	struct sigaction sa = { .sa_handler = on_signal };
	FILE *f = argc == 3 ? fopen(argv[2], "w") : NULL;
	struct pcap_stat st = { 0 };

	if (!f) {
		fprintf(stderr, "usage: dnscap IFACE FILE\n");
		return 2;
	}
	pcap = pcap_create(argv[1], err);
	if (!pcap || pcap_set_snaplen(pcap, SNAP) || pcap_set_immediate_mode(pcap, 1) ||
	    pcap_set_buffer_size(pcap, BUFFER) || pcap_activate(pcap) < 0 ||
	    set_filter(argv[1])) {
		fprintf(stderr, "dnscap: %s\n", pcap ? pcap_geterr(pcap) : err);
		return 1;
	}
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	puts("listening");
	fflush(stdout);
	pcap_loop(pcap, -1, on_packet, (u_char *)(void *)f);
	/* What came before the signal and is not read yet. */
	pcap_setnonblock(pcap, 1, err);
	while (pcap_dispatch(pcap, -1, on_packet, (u_char *)(void *)f) > 0)
		;
	pcap_stats(pcap, &st);
	fprintf(f, "dropped %u\n", st.ps_drop);
	pcap_close(pcap);
	return fclose(f) ? 1 : 0;
}
