#include "analysis/iids.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/chart.h"

int iids_init(struct iids *s)
{
	*s = (struct iids){ .n = 0 };
	s->ports = calloc(IID_PORTS, sizeof(*s->ports));
	return s->ports ? 0 : -ENOMEM;
}

void iids_fini(struct iids *s)
{
	free(s->ports);
	oui_counts_fini(&s->ouis);
	*s = (struct iids){ .n = 0 };
}

static void count(struct iids *s, struct addr128 a)
{
	enum iid_kind kind = iid_kind_of(a);
	uint32_t v4;

	s->kinds[kind]++;
	s->classes[iid_classify(a)]++;
	s->weights[__builtin_popcountll(a.lo)]++;
	switch (kind) {
	case KIND_RANDOM:
	case KIND_LOW: break;
	case KIND_EUI64: oui_counts_add(&s->ouis, addr_oui(a)); break;
	case KIND_PORT: s->ports[addr_embedded_port(a)]++; break;
	default: s->v4 += addr_embedded_v4(a, &v4);
	}
	if (a.hi >> 48 == 0x2002)
		s->v4_verified += addr_v4_verified(a);
}

void iids_feed(struct iids *s, const struct addr128 *a, size_t n)
{
	s->n += n;
	for (size_t i = 0; i < n; i++) {
		if (a[i].hi >> 56 == 0xff || !(a[i].hi | a[i].lo))
			s->without++;
		else
			count(s, a[i]);
	}
}

int iids_finish(struct iids *s)
{
	oui_counts_finish(&s->ouis);
	return s->ouis.rc;
}

static void fill_classes(struct doc *doc, const struct iids *s)
{
	static const struct column columns[] = { { "kind", 0 },
		                                 { "addresses", 0 },
		                                 { "share", 4 } };
	static const struct column old[] = { { "class", 0 },
		                             { "addresses", 0 },
		                             { "share", 4 } };
	double total = (double)(s->n - s->without);
	struct table *t =
		DOC_TABLE(doc, "kinds", "Kinds of interface identifiers", columns);

	for (unsigned k = 0; k < IID_KINDS; k++) {
		table_string(t, iid_kind_str(k));
		table_count(t, s->kinds[k]);
		table_real(t, (double)s->kinds[k] / total);
	}
	t = DOC_TABLE(doc, "addr6_classes", "The same in the classes of addr6 2.2", old);
	for (unsigned c = 0; c < IID_CLASSES; c++) {
		table_string(t, iid_class_str(c));
		table_count(t, s->classes[c]);
		table_real(t, (double)s->classes[c] / total);
	}
}

static void fill_vendors(struct doc *doc, const struct iids *s,
                         const struct oui_table *vendors, size_t top)
{
	static const struct column columns[] = { { "oui", 0 },
		                                 { "vendor", 0 },
		                                 { "addresses", 0 } };
	struct table *t = DOC_TABLE(
		doc, "vendors", "Most frequent vendors of hardware addresses", columns);

	for (size_t i = 0; i < s->ouis.used && i < top; i++) {
		uint32_t oui = s->ouis.slots[i].oui;
		const char *name = oui_vendor(vendors, oui);
		char text[12];

		snprintf(text, sizeof(text), "%02x-%02x-%02x", oui >> 16 & 255,
		         oui >> 8 & 255, oui & 255);
		table_string(t, text);
		if (name)
			table_string(t, name);
		else
			table_none(t);
		table_count(t, s->ouis.slots[i].n);
	}
}

/* Random identifiers have 31.5 of 63 bits set, give or take 3.97 (a fixed
 * universal bit); the error function gives what falls into one bar. */
static double expected(unsigned weight)
{
	double to = (weight + .5 - 31.5) / 3.97, from = (weight - .5 - 31.5) / 3.97;

	return .5 * (erf(to / M_SQRT2) - erf(from / M_SQRT2));
}

static void fill_weights(struct doc *doc, const struct iids *s)
{
	static const struct column columns[] = {
		{ "bits", 0 }, { "addresses", 0 }, { "share", 6 }, { "random", 6 }
	};
	struct table *t = DOC_TABLE(doc, "weights",
	                            "Set bits of the identifiers, and the share that "
	                            "random ones would have",
	                            columns);
	double total = (double)(s->n - s->without), mean = 0, square = 0, distance = 0;

	for (unsigned i = 0; i <= 64; i++) {
		double share = total > 0 ? (double)s->weights[i] / total : 0;

		mean += share * i;
		square += share * i * i;
		distance += fabs(share - expected(i)) / 2;
		table_count(t, i);
		table_count(t, s->weights[i]);
		table_real(t, share);
		table_real(t, expected(i));
	}
	if (total <= 0)
		return;
	doc_real(doc, "weight_mean", mean, 3);
	doc_real(doc, "weight_sd", sqrt(fmax(0, square - mean * mean)), 3);
	/* Total variation: 0 all as random ones, 1 nothing in common. */
	doc_real(doc, "distance_from_random", distance, 4);
}

static void fill_ports(struct doc *doc, const struct iids *s)
{
	static const struct column columns[] = { { "port", 0 }, { "addresses", 0 } };
	struct table *t = DOC_TABLE(doc, "ports", "Ports in identifiers", columns);

	for (unsigned p = 0; p < IID_PORTS; p++) {
		if (!s->ports[p])
			continue;
		table_count(t, p);
		table_count(t, s->ports[p]);
	}
}

void fill_iids(struct doc *doc, const struct iids *s, const struct oui_table *vendors,
               size_t top)
{
	doc_count(doc, "identifiers", s->n - s->without);
	doc_count(doc, "multicast_or_unspecified", s->without);
	doc_count(doc, "embedded_ipv4", s->v4);
	doc_count(doc, "embedded_ipv4_verified_by_6to4", s->v4_verified);
	doc_count(doc, "vendor_prefixes", s->ouis.used);
	fill_classes(doc, s);
	fill_vendors(doc, s, vendors, top);
	fill_ports(doc, s);
	fill_weights(doc, s);
}

void chart_kinds(struct markup *m, const struct iids *s, bool standalone)
{
	struct chart_bar bars[IID_KINDS];

	for (unsigned k = 0; k < IID_KINDS; k++)
		bars[k] = (struct chart_bar){ iid_kind_str(k), s->kinds[k] };
	chart_bars(m, "Kinds of interface identifiers", bars, IID_KINDS, standalone);
}
