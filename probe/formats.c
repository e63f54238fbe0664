/* masscan's formats are byte for byte what its readers look for.  Like masscan they
 * hold what is open; the others hold every answer. */
#include "probe/formats.h"

#include <inttypes.h>
#include <string.h>

#include "common/clock.h"

const char *const format_names[] = { "csv",   "jsonl",    "json",  "ndjson",
	                             "list",  "grepable", "xml",   "masscan-json",
	                             "hosts", "binary",   "paths", NULL };

const char *const format_help[] = {
	"a line of fields each, under their names",
	"a JSON object a line",
	"the same, as ZMap calls it",
	"the same, as masscan calls it",
	"masscan's -oL: open tcp 80 ADDRESS TIME",
	"masscan's -oG",
	"masscan's -oX",
	"masscan's -oJ: one array",
	"a JSON object a line for each host, with the list of its ports",
	"records, for 'probe convert'",
	"of a scan with --hop-limit: the way to each target, as traceroute has it",
};

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

void format_json_string(struct writer *w, const char *s)
{
	writer_write(w, "\"", 1);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			writer_printf(w, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			writer_printf(w, "\\u%04x", c);
		else
			writer_write(w, s, 1);
	}
	writer_write(w, "\"", 1);
}

bool format_json_field(struct writer *w, unsigned i, const struct observation *o,
                       bool comma)
{
	char text[OBS_TEXT_MAX];
	uint64_t v;
	enum obs_kind kind = obs_field_value(i, o, &v, text);

	if (kind == OBS_NOTHING)
		return false;
	writer_printf(w, "%s\"%s\": ", comma ? ", " : "", obs_field_name(i));
	if (kind == OBS_NUMBER)
		writer_printf(w, "%" PRIu64, v);
	else
		format_json_string(w, text);
	return true;
}

static void csv_put(struct writer *w, const struct obs_fields *f,
                    const struct observation *o, uint64_t number)
{
	(void)number;
	obs_write_csv(w, f, o);
}

static void jsonl_put(struct writer *w, const struct obs_fields *f,
                      const struct observation *o, uint64_t number)
{
	(void)number;
	obs_write_json(w, f, o);
}

static void list_begin(struct writer *w, uint64_t now_us)
{
	(void)now_us;
	writer_printf(w, "#masscan\n");
}

static void list_put(struct writer *w, const struct obs_fields *f,
                     const struct observation *o, uint64_t number)
{
	char a[ADDR_STRLEN];

	(void)f;
	(void)number;
	addr_format(a, o->target);
	writer_printf(w, "open %s %u %s %" PRIu64 "\n", proto_of(o), o->port, a,
	              o->when_us / 1000000);
}

static void list_end(struct writer *w, uint64_t now_us, uint64_t n)
{
	(void)now_us;
	(void)n;
	writer_printf(w, "# end\n");
}

static void json_begin(struct writer *w, uint64_t now_us)
{
	(void)now_us;
	writer_printf(w, "[\n");
}

static void json_put(struct writer *w, const struct obs_fields *f,
                     const struct observation *o, uint64_t number)
{
	char a[ADDR_STRLEN];

	(void)f;
	addr_format(a, o->target);
	writer_printf(w,
	              "%s{   \"ip\": \"%s\",   \"timestamp\": \"%" PRIu64
	              "\", \"ports\": [ {\"port\": %u, \"proto\": \"%s\", "
	              "\"status\": \"open\", \"reason\": \"%s\", \"ttl\": %u} ] }",
	              number ? ",\n" : "", a, o->when_us / 1000000, o->port, proto_of(o),
	              reason_of(o), o->hop_limit);
}

static void json_end(struct writer *w, uint64_t now_us, uint64_t n)
{
	(void)now_us;
	writer_printf(w, "%s]\n", n ? "\n" : "");
}

static void xml_begin(struct writer *w, uint64_t now_us)
{
	writer_printf(w,
	              "<?xml version=\"1.0\"?>\n<!-- masscan v1.0 scan -->\n"
	              "<nmaprun scanner=\"masscan\" start=\"%" PRIu64
	              "\" version=\"1.0-BETA\" xmloutputversion=\"1.03\">\n",
	              now_us / 1000000);
}

static void xml_put(struct writer *w, const struct obs_fields *f,
                    const struct observation *o, uint64_t number)
{
	char a[ADDR_STRLEN];

	(void)f;
	(void)number;
	addr_format(a, o->target);
	writer_printf(w,
	              "<host endtime=\"%" PRIu64 "\"><address addr=\"%s\" "
	              "addrtype=\"%s\"/><ports><port protocol=\"%s\" portid=\"%u\">"
	              "<state state=\"open\" reason=\"%s\" reason_ttl=\"%u\"/>"
	              "</port></ports></host>\n",
	              o->when_us / 1000000, a, addr_is_v4(o->target) ? "ipv4" : "ipv6",
	              proto_of(o), o->port, reason_of(o), o->hop_limit);
}

static void xml_end(struct writer *w, uint64_t now_us, uint64_t n)
{
	char when[32];

	clock_format_utc(when, now_us);
	writer_printf(w,
	              "<runstats>\n<finished time=\"%" PRIu64
	              "\" timestr=\"%s\"/>\n<hosts up=\"%" PRIu64
	              "\" down=\"0\" total=\"%" PRIu64 "\"/>\n</runstats>\n</nmaprun>\n",
	              now_us / 1000000, when, n, n);
}

static void grepable_begin(struct writer *w, uint64_t now_us)
{
	char when[32];

	writer_printf(w, "# Masscan 1.0 scan initiated %s\n",
	              clock_format_utc(when, now_us));
}

static void grepable_put(struct writer *w, const struct obs_fields *f,
                         const struct observation *o, uint64_t number)
{
	char a[ADDR_STRLEN];

	(void)f;
	(void)number;
	addr_format(a, o->target);
	writer_printf(w,
	              "Timestamp: %" PRIu64 "\tHost: %s ()\tPorts: "
	              "%u/open/%s////\n",
	              o->when_us / 1000000, a, o->port, proto_of(o));
}

static void grepable_end(struct writer *w, uint64_t now_us, uint64_t n)
{
	char when[32];

	(void)n;
	writer_printf(w, "# Masscan done at %s\n", clock_format_utc(when, now_us));
}

void format_binary_header(uint8_t out[static FORMAT_BINARY_HEADER])
{
	static const uint8_t header[FORMAT_BINARY_HEADER] = "sextant-obs\n\1\0\0";

	memcpy(out, header, sizeof(header));
	out[14] = OBS_RECORD_SIZE;
}

static void binary_begin(struct writer *w, uint64_t now_us)
{
	uint8_t header[FORMAT_BINARY_HEADER];

	(void)now_us;
	format_binary_header(header);
	writer_write(w, header, sizeof(header));
}

static void binary_put(struct writer *w, const struct obs_fields *f,
                       const struct observation *o, uint64_t number)
{
	uint8_t record[OBS_RECORD_SIZE];

	(void)f;
	(void)number;
	obs_encode(record, o);
	writer_write(w, record, sizeof(record));
	obs_encode_more(record, o);
	writer_write(w, record, sizeof(record));
}

const struct format format_table[FORMATS] = {
	[FORMAT_CSV] = { .lines = true, .put = csv_put },
	[FORMAT_JSONL] = { .lines = true, .put = jsonl_put },
	[FORMAT_LINES] = { .lines = true, .put = jsonl_put },
	[FORMAT_NDJSON] = { .lines = true, .put = jsonl_put },
	[FORMAT_LIST] = { .open_only = true,
	                  .lines = true,
	                  .begin = list_begin,
	                  .put = list_put,
	                  .end = list_end },
	[FORMAT_GREPABLE] = { .open_only = true,
	                      .lines = true,
	                      .begin = grepable_begin,
	                      .put = grepable_put,
	                      .end = grepable_end },
	[FORMAT_XML] = { .open_only = true,
	                 .tail = "</nmaprun>\n",
	                 .begin = xml_begin,
	                 .put = xml_put,
	                 .end = xml_end },
	[FORMAT_JSON] = { .open_only = true,
	                  .tail = "\n]\n",
	                  .begin = json_begin,
	                  .put = json_put,
	                  .end = json_end },
	[FORMAT_HOSTS] = { .put = NULL }, /* by probe/hosts.c, at the end */
	[FORMAT_PATHS] = { .put = NULL }, /* by probe/paths.c, likewise */
	[FORMAT_BINARY] = { .begin = binary_begin, .put = binary_put },
};
