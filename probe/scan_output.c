/* masscan's output formats, byte for byte where its readers look.  Like masscan they
 * hold what is open; the other formats hold every answer. */
#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "probe/cmd_scan.h"

static const char *proto_of(const struct observation *o)
{
	return o->proto == OBS_TCP ? "tcp" : o->proto == OBS_UDP ? "udp" : "icmp";
}

static const char *reason_of(const struct observation *o)
{
	return o->proto == OBS_TCP   ? "syn-ack"
	       : o->proto == OBS_UDP ? "udp-response"
	                             : "echo-reply";
}

void scan_output_begin(struct writer *w, unsigned format, uint64_t now_us)
{
	char when[32];

	clock_format_utc(when, now_us);
	if (format == FORMAT_LIST)
		writer_printf(w, "#masscan\n");
	else if (format == FORMAT_JSON)
		writer_printf(w, "[\n");
	else if (format == FORMAT_XML)
		writer_printf(w,
		              "<?xml version=\"1.0\"?>\n<!-- masscan v1.0 scan -->\n"
		              "<nmaprun scanner=\"masscan\" start=\"%" PRIu64
		              "\" version=\"1.0-BETA\" xmloutputversion=\"1.03\">\n",
		              now_us / 1000000);
	else if (format == FORMAT_GREPABLE)
		writer_printf(w, "# Masscan 1.0 scan initiated %s\n", when);
}

void scan_output_write(struct writer *w, unsigned format, const struct observation *o,
                       uint64_t number)
{
	uint64_t ts = o->when_us / 1000000;
	char a[ADDR_STRLEN];

	addr_format(a, o->target);
	if (format == FORMAT_LIST)
		writer_printf(w, "open %s %u %s %" PRIu64 "\n", proto_of(o), o->port, a,
		              ts);
	else if (format == FORMAT_JSON)
		writer_printf(
			w,
			"%s{   \"ip\": \"%s\",   \"timestamp\": \"%" PRIu64
			"\", \"ports\": [ {\"port\": %u, \"proto\": \"%s\", "
			"\"status\": \"open\", \"reason\": \"%s\", \"ttl\": %u} ] }",
			number ? ",\n" : "", a, ts, o->port, proto_of(o), reason_of(o),
			o->hop_limit);
	else if (format == FORMAT_XML)
		writer_printf(
			w,
			"<host endtime=\"%" PRIu64 "\"><address addr=\"%s\" "
			"addrtype=\"%s\"/><ports><port protocol=\"%s\" portid=\"%u\">"
			"<state state=\"open\" reason=\"%s\" reason_ttl=\"%u\"/>"
			"</port></ports></host>\n",
			ts, a, addr_is_v4(o->target) ? "ipv4" : "ipv6", proto_of(o),
			o->port, reason_of(o), o->hop_limit);
	else if (format == FORMAT_GREPABLE)
		writer_printf(w,
		              "Timestamp: %" PRIu64 "\tHost: %s ()\tPorts: "
		              "%u/open/%s////\n",
		              ts, a, o->port, proto_of(o));
}

void scan_output_end(struct writer *w, unsigned format, uint64_t now_us, uint64_t n)
{
	char when[32];

	clock_format_utc(when, now_us);
	if (format == FORMAT_LIST)
		writer_printf(w, "# end\n");
	else if (format == FORMAT_JSON)
		writer_printf(w, "%s]\n", n ? "\n" : "");
	else if (format == FORMAT_XML)
		writer_printf(w,
		              "<runstats>\n<finished time=\"%" PRIu64
		              "\" timestr=\"%s\"/>\n<hosts up=\"%" PRIu64
		              "\" down=\"0\" total=\"%" PRIu64
		              "\"/>\n</runstats>\n</nmaprun>\n",
		              now_us / 1000000, when, n, n);
	else if (format == FORMAT_GREPABLE)
		writer_printf(w, "# Masscan done at %s\n", when);
}
