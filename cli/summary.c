#include "cli/summary.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/addrvec.h"
#include "common/clock.h"
#include "common/writer.h"

enum { NETWORKS_SHOWN = 10 };

static int by_hosts(const void *a, const void *b)
{
	const struct network_count *x = a, *y = b;

	if (x->hosts != y->hosts)
		return x->hosts < y->hosts ? 1 : -1;
	return addr_cmp(x->prefix.addr, y->prefix.addr);
}

/* One pass over sorted addresses: a new prefix starts where the common bits
 * with the one before end. */
static int count_networks(struct summary *s, const struct addrvec *v)
{
	s->networks = calloc(v->n + 1, sizeof(*s->networks));
	if (!s->networks)
		return -ENOMEM;
	for (size_t i = 0; i < v->n; i++) {
		unsigned common = i ? addr_common_bits(v->a[i - 1], v->a[i]) : 0;

		if (i == 0 || common < 32)
			s->networks[s->networks_n++].prefix = prefix_make(v->a[i], 32);
		s->networks[s->networks_n - 1].hosts++;
		s->sites_48 += i == 0 || common < 48;
		s->subnets_64 += i == 0 || common < 64;
	}
	qsort(s->networks, s->networks_n, sizeof(*s->networks), by_hosts);
	return 0;
}

int summary_by_network(struct summary *s, const struct addrset *hits,
                       const struct ivtab *aliased)
{
	struct addrvec v = { 0 };
	struct addr128 a;
	size_t pos = 0;
	int rc = 0;

	while (rc >= 0 && addrset_next(hits, &pos, &a))
		if (!ivtab_covers(aliased, a))
			rc = addrvec_push(&v, a);
	if (rc >= 0)
		rc = addrvec_sort(&v);
	if (rc >= 0)
		rc = count_networks(s, &v);
	addrvec_fini(&v);
	return rc;
}

void summary_fini(struct summary *s)
{
	free(s->networks);
	s->networks = NULL;
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static double seconds(const struct summary *s)
{
	uint64_t us = s->probe.ended_us > s->probe.started_us
	                      ? s->probe.ended_us - s->probe.started_us
	                      : 0;

	return (double)us / 1e6;
}

static const char *ending(const struct summary *s)
{
	if (s->failed)
		return "ended by an error";
	if (s->discover.stopped)
		return "stopped early";
	return s->discover.exhausted ? "no more candidates" : "budget spent";
}

/* Answers that are not in the hitlist because their prefix is aliased: given up
 * while the run lasted, or by the merge. */
static uint64_t in_aliased(const struct summary *s)
{
	return s->discover.hits_aliased + s->merge.aliased;
}

static void print_networks(const struct summary *s, struct writer *w)
{
	char text[PREFIX_STRLEN];

	if (!s->networks_n)
		return;
	writer_printf(w, "\nhosts by /32 (%zu in all):\n", s->networks_n);
	for (size_t i = 0; i < s->networks_n && i < NETWORKS_SHOWN; i++) {
		prefix_format(text, s->networks[i].prefix);
		writer_printf(w, "  %-24s %10" PRIu64 "\n", text, s->networks[i].hosts);
	}
}

int summary_print(const struct summary *s, const char *path, struct diag *d)
{
	const struct discover_stats *x = &s->discover;
	struct writer *w;
	int rc = writer_open(&w, path, d);

	if (rc < 0)
		return rc;
	writer_printf(w,
	              "seeds              %12" PRIu64 "\n"
	              "candidates tried   %12" PRIu64 "  %s, %.1f s\n",
	              s->seeds, x->candidates, ending(s), seconds(s));
	if (x->resumed)
		writer_printf(w, "  by the run before %11" PRIu64 "\n", x->resumed);
	writer_printf(
		w,
		"packets sent       %12" PRIu64 "  %" PRIu64 " of them alias tests\n"
		"answered           %12" PRIu64 "  %.2f %% of the candidates\n"
		"  in aliased prefixes %9" PRIu64 "\n"
		"new hosts          %12" PRIu64 "  in %" PRIu64 " /64, %" PRIu64
		" /48, %zu /32\n"
		"aliased prefixes   %12" PRIu64 "  of %" PRIu64 " tested\n",
		s->probe.sent, x->guard_tests, x->hits, percent(x->hits, x->candidates),
		in_aliased(s), s->merge.added, s->subnets_64, s->sites_48, s->networks_n,
		x->aliased, x->guard_tested);
	if (x->hits_by_tests)
		writer_printf(w,
		              "met by alias tests %12" PRIu64 "  hosts, not candidates\n",
		              x->hits_by_tests);
	if (x->forged)
		writer_printf(w,
		              "forged answers     %12" PRIu64
		              "  from addresses that are no hits\n",
		              x->forged);
	if (x->untested)
		writer_printf(w,
		              "waiting hosts      %12" PRIu64
		              "  until the next run has tested %" PRIu64
		              " prefixes for aliasing\n",
		              x->waiting, x->untested);
	if (s->probe.invalid || s->probe.kernel_drops || s->probe.refused_scope)
		writer_printf(w,
		              "invalid replies    %12" PRIu64 "\n"
		              "lost in the kernel %12" PRIu64 "\n"
		              "out of scope       %12" PRIu64 "  not sent\n",
		              s->probe.invalid, s->probe.kernel_drops,
		              s->probe.refused_scope);
	print_networks(s, w);
	writer_printf(w, "\nhitlist %s: %" PRIu64 " hosts\n", s->dir, s->hitlist.hosts);
	rc = writer_commit(w, d);
	writer_close(w);
	return rc;
}

static void json_networks(const struct summary *s, struct writer *w)
{
	char text[PREFIX_STRLEN];

	writer_printf(w, "  \"hosts_by_32\": {");
	for (size_t i = 0; i < s->networks_n; i++) {
		prefix_format(text, s->networks[i].prefix);
		writer_printf(w, "%s\n    \"%s\": %" PRIu64, i ? "," : "", text,
		              s->networks[i].hosts);
	}
	writer_printf(w, "%s}\n", s->networks_n ? "\n  " : "");
}

int summary_write_json(const struct summary *s, const char *path, struct diag *d)
{
	const struct discover_stats *x = &s->discover;
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{ "seeds", s->seeds },
		{ "hitlist_hosts_before", s->members },
		{ "candidates", x->candidates },
		{ "candidates_resumed", x->resumed },
		{ "candidates_dropped_aliased", x->dropped },
		{ "packets_sent", s->probe.sent },
		{ "send_errors", s->probe.send_errors },
		{ "refused_scope", s->probe.refused_scope },
		{ "alias_test_packets", x->guard_tests },
		{ "alias_tested_prefixes", x->guard_tested },
		{ "aliased_prefixes", x->aliased },
		{ "alias_untested", x->untested },
		{ "hosts_waiting", x->waiting },
		{ "answered", x->hits },
		{ "answered_alias_tests", x->hits_by_tests },
		{ "answered_by_forgers", x->forged },
		{ "answered_in_aliased", in_aliased(s) },
		{ "new_hosts", s->merge.added },
		{ "updated_hosts", s->merge.updated },
		{ "new_hosts_64", s->subnets_64 },
		{ "new_hosts_48", s->sites_48 },
		{ "new_hosts_32", s->networks_n },
		{ "invalid_replies", s->probe.invalid },
		{ "repeated_replies", s->probe.repeats },
		{ "kernel_drops", s->probe.kernel_drops },
		{ "hitlist_hosts", s->hitlist.hosts },
		{ "hitlist_generation", s->hitlist.generation },
	};
	char from[32], to[32];
	struct writer *w;
	int rc = writer_open(&w, path, d);

	if (rc < 0)
		return rc;
	writer_printf(w,
	              "{\n  \"started\": \"%s\",\n  \"ended\": \"%s\",\n"
	              "  \"ending\": \"%s\",\n",
	              clock_format_utc(from, s->probe.started_us),
	              clock_format_utc(to, s->probe.ended_us), ending(s));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		writer_printf(w, "  \"%s\": %" PRIu64 ",\n", rows[i].name, rows[i].value);
	json_networks(s, w);
	writer_printf(w, "}\n");
	rc = writer_commit(w, d);
	writer_close(w);
	return rc;
}
