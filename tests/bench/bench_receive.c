/* Nanoseconds of CPU time that a valid reply costs in user space, stage by stage: parsing and
 * validation, deduplication, and each output.  Every reply is another target's.
 *
 * With arguments it is a helper of bench_receive.sh; see below. */
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/writer.h"
#include "probe/dedup.h"
#include "tests/probe/forge.h"

enum { REPLIES = 1 << 20, KEEP = 128, AHEAD = 16 };

struct replies {
	uint8_t (*bytes)[KEEP];
	uint8_t len[2]; /* IPv6, IPv4: they alternate */
	struct reply_context c;
};

static void make(struct replies *r)
{
	static const char *const base[] = { "2a00:1::", "10.0.0.0" };

	forge_context(&r->c);
	r->bytes = malloc((size_t)REPLIES * KEEP);
	if (!r->bytes)
		abort();
	for (unsigned i = 0; i < REPLIES; i++) {
		unsigned lane = i % 2;
		struct module_shot shot = forge_shot(&r->c, lane, base[lane], 0);
		struct frame probe, f;

		shot.flow.dst.lo += (uint64_t)i * 2654435761u % (1u << 24);
		if (!lane)
			shot.flow.dst.hi += i % 65536;
		forge_probe(&probe, &r->c, lane, &shot);
		f = forge_echo_reply(&probe);
		if (f.n > KEEP)
			abort();
		memcpy(r->bytes[i], f.b, f.n);
		r->len[lane] = (uint8_t)f.n;
	}
}

static void tell(const char *what, uint64_t since_ns)
{
	printf("%-10s %6.0f ns\n", what, (double)(clock_cpu_ns() - since_ns) / REPLIES);
}

static int measure(void)
{
	struct observation *o = malloc((size_t)REPLIES * sizeof(*o));
	struct dedup *dedup = dedup_new(DEDUP_WINDOW, false);
	struct replies r;
	struct obs_fields fields;
	struct diag d = { "" };
	struct writer *w;
	unsigned bad = 0;
	uint64_t t;

	if (!o || !dedup || obs_fields_parse(&fields, NULL, &d) < 0 ||
	    writer_open(&w, "/dev/null", &d) < 0)
		return 1;
	make(&r);
	memset(o, 1, (size_t)REPLIES * sizeof(*o)); /* page faults are not parsing */
	t = clock_cpu_ns();
	for (unsigned i = 0; i < REPLIES; i++)
		bad += !reply_parse(&r.c, wire_from(r.bytes[i], r.len[i % 2]),
		                    PACKET_L2_ETHERNET, UINT64_C(1700000000125000),
		                    &o[i]);
	tell("parse", t);
	t = clock_cpu_ns();
	for (unsigned i = 0; i < REPLIES; i++) { /* as the receiver does */
		if (i + AHEAD < REPLIES)
			dedup_prefetch(dedup, &o[i + AHEAD]);
		bad += dedup_seen(dedup, &o[i]);
	}
	tell("dedup", t);
	t = clock_cpu_ns();
	for (unsigned i = 0; i < REPLIES; i++)
		obs_write_csv(w, &fields, &o[i]);
	tell("csv", t);
	t = clock_cpu_ns();
	for (unsigned i = 0; i < REPLIES; i++)
		obs_write_json(w, &fields, &o[i]);
	tell("jsonl", t);
	t = clock_cpu_ns();
	for (unsigned i = 0; i < REPLIES; i++) {
		uint8_t record[OBS_RECORD_SIZE];

		obs_encode(record, &o[i]);
		writer_write(w, record, sizeof(record));
	}
	tell("binary", t);
	writer_close(w);
	dedup_free(dedup);
	free(r.bytes);
	free(o);
	if (bad)
		printf("%u replies were refused or taken for repeats\n", bad);
	return bad != 0;
}

int main(void)
{
	return measure();
}
