#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "probe/link.h"

struct link_pcap {
	struct link link;
	pcap_t *dead;
	pcap_dumper_t *dump;
	uint8_t frame[PACKET_MAX];
};

static uint8_t *reserve(struct link *l)
{
	return ((struct link_pcap *)l)->frame;
}

static void commit(struct link *l, size_t len)
{
	struct link_pcap *p = (struct link_pcap *)l;
	uint64_t now = clock_wall_us();
	struct pcap_pkthdr h = {
		.ts = { (time_t)(now / 1000000), (suseconds_t)(now % 1000000) },
		.caplen = (bpf_u_int32)len,
		.len = (bpf_u_int32)len,
	};

	pcap_dump((u_char *)p->dump, &h, p->frame);
	atomic_fetch_add_explicit(&l->sent, 1, memory_order_relaxed);
}

static int submit(struct link *l, struct diag *d)
{
	struct link_pcap *p = (struct link_pcap *)l;

	if (pcap_dump_flush(p->dump) == 0 && !ferror(pcap_dump_file(p->dump)))
		return 0;
	return diag_set(d, -EIO, "cannot write the capture file");
}

static void close_pcap(struct link *l)
{
	struct link_pcap *p = (struct link_pcap *)l;

	if (p->dump)
		pcap_dump_close(p->dump);
	if (p->dead)
		pcap_close(p->dead);
	free(p);
}

static const struct link_ops pcap_ops = {
	.name = "pcap",
	.reserve = reserve,
	.commit = commit,
	.submit = submit,
	.close = close_pcap,
};

int link_pcap_open(struct link **out, const char *path, struct diag *d)
{
	struct link_pcap *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return -ENOMEM;
	p->link.ops = &pcap_ops;
	p->link.batch = LINK_BATCH;
	p->link.ethernet = true;
	p->dead = pcap_open_dead(DLT_EN10MB, PACKET_MAX);
	p->dump = p->dead ? pcap_dump_open(p->dead, path) : NULL;
	if (!p->dump) {
		rc = diag_set(d, -EIO, "cannot write: %s",
		              p->dead ? pcap_geterr(p->dead) : err_str(-ENOMEM));
		goto fail;
	}
	if (pcap_dump_flush(p->dump) != 0) {
		rc = diag_set(d, -errno, "%s: cannot write: %s", path, strerror(errno));
		goto fail;
	}
	*out = &p->link;
	return 0;
fail:
	close_pcap(&p->link);
	return rc;
}
