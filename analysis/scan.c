#include "analysis/scan.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/chart.h"

enum { PROTO, PORT, SPORT, OUTCOME, SUCCESS, TTL, RTT };

const char *const scan_columns[SCAN_COLUMNS] = {
	[PROTO] = "proto",     [PORT] = "port", [SPORT] = "sport", [OUTCOME] = "outcome",
	[SUCCESS] = "success", [TTL] = "ttl",   [RTT] = "rtt_us",
};

enum { PORTS = 65536 };

int scan_init(struct scan *s, const struct bgp *bgp)
{
	size_t n = bgp ? bgp_count(bgp) + 1 : 1;

	*s = (struct scan){ .bgp = bgp };
	s->index = calloc((size_t)(OBS_PROTOS + 1) * PORTS, sizeof(*s->index));
	s->hop_sum = calloc(n, sizeof(*s->hop_sum));
	s->hop_n = calloc(n, sizeof(*s->hop_n));
	return s->index && s->hop_sum && s->hop_n ? 0 : -ENOMEM;
}

void scan_fini(struct scan *s)
{
	free(s->services);
	free(s->index);
	free(s->hop_sum);
	free(s->hop_n);
	*s = (struct scan){ .answers = 0 };
}

static bool says(const char *text)
{
	return text && *text;
}

/* A whole number up to max. */
static bool number(const char *text, unsigned long max, unsigned long *out)
{
	char *end;

	if (!says(text) || *text < '0' || *text > '9')
		return false;
	*out = strtoul(text, &end, 10);
	return !*end && *out <= max;
}

static unsigned proto_of(const char *text)
{
	unsigned p = 0;

	while (p < OBS_PROTOS && !(says(text) && strcmp(text, obs_proto_str(p)) == 0))
		p++;
	return p;
}

/* Files of ZMap tell success alone. */
static unsigned outcome_of(const char *outcome, const char *success)
{
	if (says(outcome)) {
		for (unsigned o = 0; o < OBS_OUTCOMES; o++)
			if (strcmp(outcome, obs_outcome_str(o)) == 0)
				return o;
		return OBS_OTHER_ERROR;
	}
	return says(success) && strcmp(success, "0") == 0 ? OBS_OTHER_ERROR : OBS_OPEN;
}

static struct scan_service *service_at(struct scan *s, unsigned proto, unsigned port)
{
	uint32_t *i = &s->index[proto * PORTS + port];

	if (!*i) {
		/* Room grows whenever their number is a power of two. */
		if ((s->n_services & (s->n_services - 1)) == 0) {
			size_t cap = s->n_services ? 2 * s->n_services : 1;
			struct scan_service *more =
				realloc(s->services, cap * sizeof(*more));

			if (!more)
				return NULL;
			s->services = more;
		}
		s->services[s->n_services++] =
			(struct scan_service){ .proto = (uint8_t)proto,
			                       .port = (uint16_t)port };
		*i = (uint32_t)s->n_services;
	}
	return &s->services[*i - 1];
}

static void add_hop(struct scan *s, struct addr128 a, unsigned long hops)
{
	uint32_t k;

	s->hops[hops]++;
	s->hopped++;
	if (s->bgp && bgp_find(s->bgp, a, &k)) {
		s->hop_sum[k] += (double)hops;
		s->hop_n[k]++;
	}
}

int scan_take(void *ctx, struct addr128 a, const char *const *texts)
{
	unsigned long port = 0, hops, us;
	struct scan *s = ctx;
	struct scan_service *v;

	/* A port alone is no answer: lists of targets have one, too. */
	if (!says(texts[OUTCOME]) && !says(texts[SUCCESS]) && !says(texts[TTL]))
		return 0;
	if (!number(texts[PORT], UINT16_MAX, &port) &&
	    !number(texts[SPORT], UINT16_MAX, &port))
		port = 0;
	v = service_at(s, proto_of(texts[PROTO]), (unsigned)port);
	if (!v)
		return -ENOMEM;
	s->answers++;
	v->n++;
	v->outcomes[outcome_of(texts[OUTCOME], texts[SUCCESS])]++;
	if (number(texts[TTL], SCAN_HOPS - 1, &hops))
		add_hop(s, a, hops);
	if (number(texts[RTT], UINT32_MAX, &us) && us) {
		s->rtt[(unsigned)(16 * log2((double)us))]++;
		s->timed++;
	}
	return 0;
}

double scan_rtt(const struct scan *s, double q)
{
	uint64_t below = 0;

	for (unsigned i = 0; i < SCAN_RTT; i++) {
		below += s->rtt[i];
		if (s->timed && (double)below >= q * (double)s->timed)
			return exp2((i + .5) / 16);
	}
	return 0;
}

int scan_hop_means(const struct scan *s, double **out)
{
	size_t n = s->bgp ? bgp_count(s->bgp) : 0;
	double *means = calloc(n + 1, sizeof(*means));

	if (!means)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		means[i] = s->hop_n[i] > 0 ? s->hop_sum[i] / s->hop_n[i] : NAN;
	*out = means;
	return 0;
}

/* ---- telling ----------------------------------------------------------- */

static int by_answers(const void *x, const void *y)
{
	const struct scan_service *a = x, *b = y;

	if (a->n != b->n)
		return a->n < b->n ? 1 : -1;
	return a->proto != b->proto ? a->proto - b->proto : a->port - b->port;
}

static void fill_answers(struct doc *doc, const struct scan *s)
{
	static const struct column columns[] = {
		{ "service", 0 }, { "answers", 0 },     { "open", 0 },
		{ "closed", 0 },  { "unreachable", 0 }, { "other", 0 },
	};
	struct table *t =
		DOC_TABLE(doc, "answers", "What the services answered", columns);
	struct scan_service *v = calloc(s->n_services + 1, sizeof(*v));

	if (v && s->n_services)
		memcpy(v, s->services, s->n_services * sizeof(*v));
	if (v)
		qsort(v, s->n_services, sizeof(*v), by_answers);
	for (size_t i = 0; v && i < s->n_services; i++) {
		const char *proto =
			v[i].proto < OBS_PROTOS ? obs_proto_str(v[i].proto) : "port";
		const uint64_t *o = v[i].outcomes;
		char text[32];

		if (v[i].port)
			snprintf(text, sizeof(text), "%s/%u", proto, v[i].port);
		else
			snprintf(text, sizeof(text), "%s",
			         v[i].proto < OBS_PROTOS ? proto : "-");
		table_string(t, text);
		table_count(t, v[i].n);
		table_count(t, o[OBS_OPEN]);
		table_count(t, o[OBS_CLOSED]);
		table_count(t, o[OBS_UNREACHABLE]);
		table_count(t, v[i].n - o[OBS_OPEN] - o[OBS_CLOSED] - o[OBS_UNREACHABLE]);
	}
	free(v);
}

void fill_scan(struct doc *doc, const struct scan *s)
{
	static const struct column columns[] = { { "share", 2 }, { "milliseconds", 3 } };
	static const double shares[] = { .1, .25, .5, .75, .9, .99 };
	struct table *t;

	fill_answers(doc, s);
	if (!s->timed)
		return;
	t = DOC_TABLE(doc, "round_trips", "Time that a share of the answers took at most",
	              columns);
	for (unsigned i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		table_real(t, shares[i]);
		table_real(t, scan_rtt(s, shares[i]) / 1000);
	}
}

void chart_hops(struct markup *m, const struct scan *s, bool standalone)
{
	chart_histogram(m, "Hop limits of the answers", "hop limit", s->hops, SCAN_HOPS,
	                32, standalone);
}
