#include <inttypes.h>

#include "common/clock.h"
#include "common/log.h"
#include "hitlist/cmds.h"

static void put_info(struct writer *w, const struct hitlist_info *i, bool json)
{
	const struct {
		const char *name;
		uint64_t n;
	} rows[] = {
		{ "generation", i->generation },
		{ "hosts", i->hosts },
		{ "seen", i->seen },
		{ "aliased_prefixes", i->aliased },
		{ "optouts", i->optouts },
		{ "journals", i->journals },
		{ "runs", i->runs },
		{ "seen_runs", i->seen_runs },
		{ "bytes", i->bytes },
	};
	const size_t n = sizeof(rows) / sizeof(rows[0]);

	writer_printf(w, "%s", json ? "{" : "");
	for (size_t k = 0; k < n; k++)
		writer_printf(w, json ? "\"%s\":%" PRIu64 "%s" : "%-16s  %" PRIu64 "%s",
		              rows[k].name, rows[k].n,
		              !json       ? "\n"
		              : k + 1 < n ? ","
		                          : "}\n");
}

static void put_inputs(struct writer *w, const struct hitlist *h, bool json)
{
	const struct hitlist_input *in;
	size_t n = hitlist_inputs(h, &in);
	char when[32];

	if (!json)
		writer_printf(w, "#when\tsource\tkind\tname\tsha256\tread\tbad\t"
		                 "refused\n");
	for (size_t i = 0; i < n; i++, in++) {
		const char *source = hitlist_source_str(in->source);

		clock_format_utc(when, in->when * (NS_PER_S / NS_PER_US));
		if (json)
			output_input(w, in);
		else
			writer_printf(w,
			              "%s\t%s\t%s\t%s\t%s\t%" PRIu64 "\t%" PRIu64
			              "\t%" PRIu64 "\n",
			              when, source, in->tried ? "tried" : "hosts",
			              in->name, in->sha256, in->read, in->bad,
			              in->refused);
		if (json)
			writer_printf(w, "\n");
	}
}

static int put(const struct hitlist *h, struct writer *w, void *ctx, struct diag *d)
{
	const struct info_cfg *cfg = ctx;
	struct hitlist_info info;

	(void)d;
	hitlist_info(h, &info);
	if (cfg->inputs)
		put_inputs(w, h, cfg->json);
	else
		put_info(w, &info, cfg->json);
	return 0;
}

int info_run(const void *config, int argc, char *argv[])
{
	struct info_cfg cfg = *(const struct info_cfg *)config;

	if (argc != 1) {
		log_error("info needs one hitlist");
		return CMD_USAGE;
	}
	return cmd_print(argv[0], "-", put, &cfg);
}
