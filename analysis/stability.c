#include "analysis/stability.h"

#include "analysis/chart.h"
#include "common/clock.h"

static const uint32_t spans[STABILITY_SPANS] = { 1, 3, 7, 14, 30, 60, 90, 180, 365 };
enum { DAY = 86400 };

/* nd-stable (Plonka and Berger 2015): active on two days at least n days apart. */
static void count_stable(uint64_t *counts, uint32_t first, uint32_t last)
{
	for (unsigned i = 0; i < STABILITY_SPANS; i++)
		counts[i] += last / DAY - first / DAY >= spans[i];
}

static void close_net(struct stability *s)
{
	if (!s->net.any)
		return;
	s->nets++;
	count_stable(s->stable_nets, s->net.first, s->net.last);
	s->net.any = false;
}

static void add_to_net(struct stability *s, const struct host_record *r)
{
	if (s->net.any && s->net.hi != r->addr.hi)
		close_net(s);
	if (!s->net.any) {
		s->net.hi = r->addr.hi;
		s->net.first = r->first_seen;
		s->net.last = r->last_seen;
		s->net.any = true;
	}
	if (r->first_seen < s->net.first)
		s->net.first = r->first_seen;
	if (r->last_seen > s->net.last)
		s->net.last = r->last_seen;
}

static void add_services(struct stability *s, const struct host_record *r)
{
	for (unsigned i = 0; i < SERVICES; i++) {
		if (!(r->services >> i & 1))
			continue;
		for (unsigned k = 0; k < SERVICES; k++)
			s->both[i][k] += r->services >> k & 1;
		s->silent[i] += r->last_seen / DAY > r->service_seen[i] / DAY;
	}
}

static void add(struct stability *s, const struct host_record *r)
{
	unsigned streak = r->fail_streak, i = 0;

	s->hosts++;
	s->probed += r->last_probed != 0;
	for (unsigned k = 0; k < SOURCES; k++)
		s->sources[k] += r->sources >> k & 1;
	s->streak[streak < 7 ? streak : 7]++;
	if (!r->last_seen)
		return;
	s->answered++;
	s->failing += streak > 0;
	while (i < STABILITY_SPANS && (s->latest - r->last_seen) / DAY > spans[i])
		i++;
	s->age[i]++;
	if (r->first_seen && r->first_seen <= r->last_seen) {
		count_stable(s->stable, r->first_seen, r->last_seen);
		add_to_net(s, r);
	}
	add_services(s, r);
}

static int pass(struct stability *s, const struct hitlist *h, bool latest_only,
                struct diag *d)
{
	struct hitlist_iter *it;
	struct host_record r;
	int rc = hitlist_iter_open(&it, h, NULL, d);

	if (rc < 0)
		return rc;
	while ((rc = hitlist_iter_next(it, &r, d)) > 0) {
		if (!latest_only) {
			add(s, &r);
			continue;
		}
		if (r.last_seen > s->latest)
			s->latest = r.last_seen;
		if (r.last_probed > s->latest)
			s->latest = r.last_probed;
	}
	hitlist_iter_close(it);
	return rc;
}

int stability_read(struct stability *s, const struct hitlist *h, struct diag *d)
{
	int rc;

	*s = (struct stability){ .hosts = 0 };
	rc = pass(s, h, true, d);
	if (rc == 0)
		rc = pass(s, h, false, d);
	close_net(s);
	return rc;
}

static void fill_spans(struct doc *doc, const struct stability *s)
{
	static const struct column columns[] = { { "days", 0 },
		                                 { "hosts", 0 },
		                                 { "hosts_share", 4 },
		                                 { "nets_64", 0 },
		                                 { "nets_64_share", 4 } };
	static const struct column age[] = { { "days_at_most", 0 },
		                             { "hosts", 0 },
		                             { "share", 4 } };
	struct table *t = DOC_TABLE(
		doc, "stable", "Seen on two days at least so many days apart", columns);

	for (unsigned i = 0; i < STABILITY_SPANS; i++) {
		table_count(t, spans[i]);
		table_count(t, s->stable[i]);
		table_real(t, (double)s->stable[i] / (double)s->answered);
		table_count(t, s->stable_nets[i]);
		table_real(t, (double)s->stable_nets[i] / (double)s->nets);
	}
	t = DOC_TABLE(
		doc, "age",
		"Days from the last answer to the latest probe of all (last line: more)",
		age);
	for (unsigned i = 0; i <= STABILITY_SPANS; i++) {
		if (i < STABILITY_SPANS)
			table_count(t, spans[i]);
		else
			table_none(t);
		table_count(t, s->age[i]);
		table_real(t, (double)s->age[i] / (double)s->answered);
	}
}

static void fill_services(struct doc *doc, const struct stability *s)
{
	static const struct column columns[] = { { "service", 0 },
		                                 { "hosts", 0 },
		                                 { "also", 0 },
		                                 { "both", 0 },
		                                 { "share", 4 } };
	struct table *t = DOC_TABLE(doc, "co_response",
	                            "Of the hosts that answer on a service, those that "
	                            "answer on another, too",
	                            columns);

	for (unsigned i = 0; i < SERVICES; i++) {
		for (unsigned k = 0; k < SERVICES && s->both[i][i]; k++) {
			table_string(t, hitlist_service_str(i));
			table_count(t, s->both[i][i]);
			table_string(t, hitlist_service_str(k));
			table_count(t, s->both[i][k]);
			table_real(t, (double)s->both[i][k] / (double)s->both[i][i]);
		}
	}
}

static void fill_transitions(struct doc *doc, const struct stability *s)
{
	static const struct column columns[] = {
		{ "service", 0 }, { "hosts", 0 }, { "silent_since", 0 }, { "share", 4 }
	};
	struct table *t = DOC_TABLE(doc, "services",
	                            "Hosts that have answered on a service, and those "
	                            "that on later days answered on others alone",
	                            columns);

	for (unsigned i = 0; i < SERVICES; i++) {
		table_string(t, hitlist_service_str(i));
		table_count(t, s->both[i][i]);
		table_count(t, s->silent[i]);
		table_real(t, (double)s->silent[i] / (double)s->both[i][i]);
	}
}

void fill_stability(struct doc *doc, const struct stability *s)
{
	static const struct column streaks[] = { { "tries", 0 }, { "hosts", 0 } };
	static const struct column sources[] = { { "source", 0 }, { "hosts", 0 } };
	struct table *t;
	char text[32];

	doc_count(doc, "hosts", s->hosts);
	doc_count(doc, "probed", s->probed);
	doc_count(doc, "answered", s->answered);
	doc_count(doc, "answered_not_any_more", s->failing);
	doc_count(doc, "nets_64_that_answered", s->nets);
	if (s->latest)
		doc_string(doc, "latest",
		           clock_format_utc(text, (uint64_t)s->latest * 1000000));
	fill_spans(doc, s);
	fill_transitions(doc, s);
	fill_services(doc, s);
	t = DOC_TABLE(doc, "streaks", "Tries without an answer, in a row (7: or more)",
	              streaks);
	for (unsigned i = 0; i < 8; i++) {
		table_count(t, i);
		table_count(t, s->streak[i]);
	}
	t = DOC_TABLE(doc, "sources", "Where the hosts come from", sources);
	for (unsigned i = 0; i < SOURCES; i++) {
		table_string(t, hitlist_source_str(i));
		table_count(t, s->sources[i]);
	}
}

void chart_services(struct markup *m, const struct stability *s, bool standalone)
{
	const char *labels[SERVICES];
	double values[SERVICES * SERVICES];

	for (unsigned i = 0; i < SERVICES; i++) {
		labels[i] = hitlist_service_str(i);
		for (unsigned k = 0; k < SERVICES; k++)
			values[i * SERVICES + k] =
				(double)s->both[i][k] / (double)s->both[i][i];
	}
	chart_matrix(m, "Share of the hosts of a row's service that answer on a column's",
	             labels, values, SERVICES, standalone);
}
