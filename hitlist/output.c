#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "hitlist/cmds.h"

static const struct {
	unsigned bit;
	const char *name;
} policies[] = {
	{ POLICY_NO_SCAN, "no-scan" },
	{ POLICY_NO_PUBLISH, "no-publish" },
	{ POLICY_PUBLISH_48, "publish-48" },
};

static const char *policy_str(unsigned i)
{
	return policies[i].name;
}

static const char *service_str(unsigned i)
{
	return hitlist_service_str((enum hitlist_service)i);
}

static const char *source_str(unsigned i)
{
	return hitlist_source_str((enum hitlist_source)i);
}

/* The names of the bits that are set; quoted for JSON. */
static void put_bits(struct writer *w, unsigned bits, unsigned n,
                     const char *(*name)(unsigned), const char *quote,
                     const char *between)
{
	const char *sep = "";

	if (!bits && *between == '+')
		writer_printf(w, "none");
	for (unsigned i = 0; i < n; i++) {
		if (!(bits >> i & 1))
			continue;
		writer_printf(w, "%s%s%s%s", sep, quote, name(i), quote);
		sep = between;
	}
}

static void put_sets(struct writer *w, const struct host_record *r, const char *quote,
                     const char *between, const char *const titles[3], const char *end)
{
	writer_printf(w, "%s", titles[0]);
	put_bits(w, r->services, SERVICES, service_str, quote, between);
	writer_printf(w, "%s%s", end, titles[1]);
	put_bits(w, r->sources, SOURCES, source_str, quote, between);
	writer_printf(w, "%s%s", end, titles[2]);
	put_bits(w, r->policy, sizeof(policies) / sizeof(policies[0]), policy_str, quote,
	         between);
	writer_printf(w, "%s", end);
}

static void put_time(struct writer *w, const char *what, uint32_t t)
{
	char buf[32];

	writer_printf(w, ", %s %s", what,
	              t ? clock_format_utc(buf, (uint64_t)t * (NS_PER_S / NS_PER_US))
	                : "never");
}

static void put_text(struct writer *w, const struct host_record *r, const char *addr,
                     const char *status)
{
	static const char *const titles[] = { ", services ", ", sources ", ", policy " };

	writer_printf(w, "%s: %s", addr, status);
	if (strcmp(status, "host") != 0 && r->last_probed) {
		char buf[32];

		/* it is in the seen tier, where there is no more */
		clock_format_utc(buf, (uint64_t)r->last_probed * (NS_PER_S / NS_PER_US));
		writer_printf(w, ", tried in the four weeks from %.10s or later", buf);
		put_sets(w, r, "", "+", titles, "");
	} else if (r->sources || r->first_seen || r->last_seen) {
		put_time(w, "first seen", r->first_seen);
		put_time(w, "last answer", r->last_seen);
		put_time(w, "last probed", r->last_probed);
		writer_printf(w, ", failed %u times since", r->fail_streak);
		put_sets(w, r, "", "+", titles, "");
	}
	if (r->injected)
		put_time(w, "forged DNS answer", r->injected);
	writer_printf(w, "\n");
}

static void put_csv(struct writer *w, const struct host_record *r, const char *addr,
                    const char *status)
{
	static const char *const titles[] = { ",", ",", "," };

	writer_printf(w, "%s,", addr);
	if (status)
		writer_printf(w, "%s,", status);
	writer_printf(w, "%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%u", r->first_seen,
	              r->last_seen, r->last_probed, r->fail_streak);
	put_sets(w, r, "", " ", titles, "");
	writer_printf(w, ",%" PRIu32 "\n", r->injected);
}

static void put_json(struct writer *w, const struct host_record *r, const char *addr,
                     const char *status)
{
	static const char *const titles[] = { ",\"services\":[", ",\"sources\":[",
		                              ",\"policy\":[" };

	writer_printf(w, "{\"addr\":\"%s\"", addr);
	if (status)
		writer_printf(w, ",\"status\":\"%s\"", status);
	writer_printf(w,
	              ",\"first_seen\":%" PRIu32 ",\"last_seen\":%" PRIu32
	              ",\"last_probed\":%" PRIu32 ",\"fail_streak\":%u",
	              r->first_seen, r->last_seen, r->last_probed, r->fail_streak);
	put_sets(w, r, "\"", ",", titles, "]");
	writer_printf(w, ",\"injected\":%" PRIu32 "}\n", r->injected);
}

void output_input(struct writer *w, const struct hitlist_input *i)
{
	char when[32];

	clock_format_utc(when, i->when * (NS_PER_S / NS_PER_US));
	writer_printf(w, "{\"when\":\"%s\",\"source\":\"%s\",\"kind\":\"%s\",\"name\":\"",
	              when, hitlist_source_str(i->source), i->tried ? "tried" : "hosts");
	for (const char *s = i->name; *s; s++)
		writer_printf(w, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
	writer_printf(w,
	              "\",\"sha256\":\"%s\",\"read\":%" PRIu64 ",\"bad\":%" PRIu64
	              ",\"refused\":%" PRIu64 "}",
	              i->sha256, i->read, i->bad, i->refused);
}

void output_header(struct writer *w, enum output_format f, bool status)
{
	if (f == OUTPUT_CSV)
		writer_printf(w,
		              "addr,%sfirst_seen,last_seen,last_probed,fail_streak,"
		              "services,sources,policy,injected\n",
		              status ? "status," : "");
}

void output_record(struct writer *w, enum output_format f, const struct host_record *r,
                   const char *status)
{
	char addr[ADDR_STRLEN];

	addr_format(addr, r->addr);
	switch (f) {
	case OUTPUT_CSV: put_csv(w, r, addr, status); break;
	case OUTPUT_JSONL: put_json(w, r, addr, status); break;
	default:
		if (status)
			put_text(w, r, addr, status);
		else
			writer_addr(w, r->addr);
	}
}
