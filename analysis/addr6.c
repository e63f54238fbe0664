#include "analysis/addr6.h"

#include <inttypes.h>
#include <string.h>

#include "analysis/decode.h"

static const char *const subtypes[ADDR6_SUBTYPES] = {
	"loopback",      "ipv4-mapped", "ipv4-compatible", "link-local",  "site-local",
	"unique-local",  "6to4",        "teredo",          "global",      "permanent",
	"non-permanent", "invalid",     "unicast-based",   "embedded-rp", "unknown",
};
static const char *const scopes[ADDR6_SCOPES] = {
	"reserved", "interface",    "link",   "admin",
	"site",     "organization", "global", "unassigned",
};

static void count(uint64_t *counts, const char *const *names, unsigned n,
                  const char *name)
{
	for (unsigned i = 0; i < n; i++)
		counts[i] += strcmp(names[i], name) == 0;
}

void addr6_add(struct addr6 *s, struct addr128 a)
{
	struct addr_decoded d = addr_decode(a);

	s->total++;
	if (a.hi >> 56 == 0xff) {
		s->multicast++;
		count(s->scopes, scopes, ADDR6_SCOPES, d.scope);
	} else if (!(a.hi | a.lo)) {
		s->unspecified++;
		return;
	} else {
		s->unicast++;
		s->classes[iid_classify(a)]++;
	}
	count(s->subtypes, subtypes, ADDR6_SUBTYPES, d.subtype);
}

static double percent(uint64_t n, uint64_t total)
{
	/* Its shares are single precision. */
	return total ? (double)((float)n / (float)total * 100) : 0;
}

/* Two counts a line, in its columns. */
static void row(struct writer *w, uint64_t total, const char *left, uint64_t l,
                const char *right, uint64_t r)
{
	writer_printf(w, "%s%11" PRIu64 " (%6.2f%%)\t%s%11" PRIu64 " (%6.2f%%)\n", left,
	              l, percent(l, total), right, r, percent(r, total));
}

static void multicast_row(struct writer *w, uint64_t total, const char *left, uint64_t l,
                          const char *right, uint64_t r)
{
	writer_printf(w, "%s%11" PRIu64 " (%.2f%%)\t%s%11" PRIu64 " (%.2f%%)\n", left, l,
	              percent(l, total), right, r, percent(r, total));
}

static void write_unicast(const struct addr6 *s, struct writer *w)
{
	const uint64_t *t = s->subtypes, *c = s->classes, n = s->unicast;

	writer_printf(w, "** IPv6 Unicast Addresses **\n\n");
	row(w, n, "Loopback:     ", t[0], "IPv4-mapped:  ", t[1]);
	row(w, n, "IPv4-compat.: ", t[2], "Link-local:   ", t[3]);
	row(w, n, "Site-local:   ", t[4], "Unique-local: ", t[5]);
	row(w, n, "6to4:         ", t[6], "Teredo:       ", t[7]);
	writer_printf(w, "Global:       %11" PRIu64 " (%6.2f%%)\n\n", t[8],
	              percent(t[8], n));
	writer_printf(w, "+ IPv6 Unicast Interface Identifiers +\n\n");
	writer_printf(w, "Total IIDs analyzed: %" PRIu64 "\n", n);
	row(w, n, "IEEE-based: ", c[IID_EUI64], "Low-byte:        ", c[IID_LOW_BYTE]);
	row(w, n, "Embed-IPv4: ", c[IID_IPV4_32], "Embed-IPv4 (64): ", c[IID_IPV4_64]);
	row(w, n, "Embed-port: ", c[IID_PORT], "Embed-port (r):  ", c[IID_PORT_REVERSED]);
	row(w, n, "ISATAP:     ", c[IID_ISATAP], "Teredo:          ", 0);
	row(w, n, "Randomized: ", c[IID_RANDOM],
	    "Byte-pattern:    ", c[IID_PATTERN_BYTES]);
	writer_printf(w, "\n");
}

static void write_multicast(const struct addr6 *s, struct writer *w)
{
	const uint64_t *t = s->subtypes, *c = s->scopes, n = s->multicast;

	writer_printf(w, "** IPv6 Multicast Addresses **\n\n"
	                 "+ Multicast Address Types +\n");
	multicast_row(w, n, "Permanent:   ", t[9], "Non-permanent  ", t[10]);
	multicast_row(w, n, "Invalid:     ", t[11], "Unicast-based: ", t[12]);
	multicast_row(w, n, "Embedded-RP: ", t[13], "Unknown:       ", t[14]);
	writer_printf(w, "\n+ Multicast Address Scopes +\n");
	multicast_row(w, n, "Reserved:    ", c[0], "Interface:     ", c[1]);
	multicast_row(w, n, "Link:        ", c[2], "Admin:         ", c[3]);
	multicast_row(w, n, "Site:        ", c[4], "Organization:  ", c[5]);
	multicast_row(w, n, "Global:      ", c[3], "Unassigned:    ", c[4]);
	writer_printf(w, "\n");
}

void addr6_write(const struct addr6 *s, struct writer *w)
{
	writer_printf(w, "\n** IPv6 General Address Analysis **\n\n");
	writer_printf(w, "Total IPv6 addresses: %" PRIu64 "\n", s->total);
	row(w, s->total, "Unicast:      ", s->unicast, "Multicast:    ", s->multicast);
	writer_printf(w, "Unspec.:      %11" PRIu64 " (%6.2f%%)\n\n", s->unspecified,
	              percent(s->unspecified, s->total));
	if (s->unicast)
		write_unicast(s, w);
	if (s->multicast)
		write_multicast(s, w);
}
