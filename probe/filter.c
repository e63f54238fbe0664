/* The capture filter, made from what the scan can recognise.  Packets with an
 * extension header pass, because no filter can walk them; the receiver does. */
#include <stdio.h>

#include "probe/scan.h"

#define ERRORS_V6 "ip6[6] = 58 and ip6[40] >= 1 and ip6[40] <= 4"
#define ERRORS_V4 "icmp[0] = 3 or icmp[0] = 4 or icmp[0] = 11 or icmp[0] = 12"
#define EXTENDED  "ip6[6] = 0 or ip6[6] = 43 or ip6[6] = 44 or ip6[6] = 51 or ip6[6] = 60"

static void add_family(FILE *f, const struct probe_scan *s, int v6)
{
	fprintf(f, "(%s and (", v6 ? "ip6" : "ip");
	for (unsigned i = 0; i < s->sources[v6].n; i++) {
		char text[ADDR_STRLEN];

		unsigned k = s->sources[v6].first + i, bits = s->reply.source_bits[k];

		addr_format(text, s->reply.sources[k]);
		if (bits)
			fprintf(f, "%sdst net %s/%u", i ? " or " : "", text,
			        (v6 ? 128 : 32) - bits);
		else
			fprintf(f, "%sdst host %s", i ? " or " : "", text);
	}
	fprintf(f, ") and (%s", v6 ? "(" ERRORS_V6 ") or " EXTENDED : ERRORS_V4);
	for (unsigned i = 0; i < s->n_lanes; i++) {
		const struct reply_lane *l = &s->lanes[i].reply;

		if (l->family == (v6 ? PROBE_V6 : PROBE_V4))
			fprintf(f, " or (%s)",
			        v6 ? l->module->bpf_v6 : l->module->bpf_v4);
	}
	fprintf(f, "))");
}

int scan_filter(const struct probe_scan *s, char *buf, size_t cap)
{
	FILE *f = fmemopen(buf, cap, "w");
	bool any = false;
	int rc = 0;

	if (!f)
		return -ENOMEM;
	/* What follows "vlan" looks behind the tag. */
	if (s->cfg.vlan)
		fprintf(f, "vlan %u and (", s->cfg.vlan);
	for (int v6 = 0; v6 < 2; v6++) {
		if (!s->senders[0].links[v6])
			continue;
		if (any)
			fprintf(f, " or ");
		add_family(f, s, v6);
		any = true;
	}
	if (s->cfg.vlan)
		fprintf(f, ")");
	if (ferror(f) || fflush(f) != 0 || (size_t)ftell(f) >= cap)
		rc = -EMSGSIZE;
	fclose(f);
	return rc;
}
