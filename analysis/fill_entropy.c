#include <inttypes.h>
#include <stdio.h>

#include "analysis/fill.h"

void fill_nibbles(struct doc *doc, const struct entropy *e, const struct density *d)
{
	static const struct column columns[] = {
		{ "nibble", 0 }, { "bit", 0 }, { "entropy", 4 }, { "acr", 4 }
	};
	struct table *t =
		DOC_TABLE(doc, "nibbles",
	                  "Entropy of each hexadecimal digit, 0 (constant) to 1 "
	                  "(uniform), and aggregate count ratio",
	                  columns);

	for (unsigned i = 0; i < 32; i++) {
		table_count(t, i + 1);
		table_count(t, 4 * i);
		table_real(t, entropy_nibble(e, i));
		table_real(t, density_acr(d, 4 * i));
	}
}

void fill_segments(struct doc *doc, const struct segment *s, unsigned n)
{
	static const struct column columns[] = { { "segment", 0 },
		                                 { "start", 0 },
		                                 { "end", 0 },
		                                 { "type", 0 },
		                                 { "entropy", 3 } };
	struct table *t =
		DOC_TABLE(doc, "segments", "Segments, by entropy (bits)", columns);

	for (unsigned i = 0; i < n; i++) {
		char name[3] = { (char)('A' + i % 26), i >= 26 ? '2' : '\0', '\0' };

		table_string(t, name);
		table_count(t, s[i].start);
		table_count(t, s[i].end);
		table_count(t, s[i].type);
		table_real(t, s[i].mean);
	}
}

void fill_values(struct doc *doc, const struct topvalues *v, const struct segment *s,
                 unsigned n, uint64_t total, size_t top)
{
	static const struct column columns[] = {
		{ "segment", 0 }, { "value", 0 }, { "addresses", 0 }, { "share", 4 }
	};
	struct table *t =
		DOC_TABLE(doc, "values", "Most frequent values of the segments", columns);
	struct topvalue values[TOPVALUES_KEPT];

	if (top > TOPVALUES_KEPT)
		top = TOPVALUES_KEPT;
	for (unsigned i = 0; i < n; i++) {
		size_t found = topvalues_get(v, i, values, top);
		uint64_t rest = total;
		char name[3] = { (char)('A' + i % 26), i >= 26 ? '2' : '\0', '\0' };

		for (size_t k = 0; k < found; k++) {
			char hex[20];

			snprintf(hex, sizeof(hex), "%0*" PRIx64,
			         (s[i].end - s[i].start) / 4, values[k].value);
			table_string(t, name);
			table_string(t, hex);
			table_count(t, values[k].count);
			table_real(t, (double)values[k].count / (double)total);
			rest -= values[k].count;
		}
		if (!rest)
			continue;
		table_string(t, name);
		table_string(t, "other");
		table_count(t, rest);
		table_real(t, (double)rest / (double)total);
	}
}

void fill_heat(struct doc *doc, const struct entropy *e)
{
	static const struct column columns[] = {
		{ "nibble", 0 }, { "v0", 0 }, { "v1", 0 }, { "v2", 0 }, { "v3", 0 },
		{ "v4", 0 },     { "v5", 0 }, { "v6", 0 }, { "v7", 0 }, { "v8", 0 },
		{ "v9", 0 },     { "va", 0 }, { "vb", 0 }, { "vc", 0 }, { "vd", 0 },
		{ "ve", 0 },     { "vf", 0 },
	};
	struct table *t =
		DOC_TABLE(doc, "digits", "Addresses with each digit, by nibble", columns);

	for (unsigned i = 0; i < 32; i++) {
		table_count(t, i + 1);
		for (unsigned v = 0; v < 16; v++)
			table_count(t, entropy_count(e, i, v));
	}
}

#define ENT_COLUMNS                                                                    \
	{ "ent9", 3 }, { "ent10", 3 }, { "ent11", 3 }, { "ent12", 3 }, { "ent13", 3 }, \
		{ "ent14", 3 }, { "ent15", 3 }, { "ent16", 3 }, { "ent17", 3 },        \
		{ "ent18", 3 }, { "ent19", 3 }, { "ent20", 3 }, { "ent21", 3 },        \
		{ "ent22", 3 }, { "ent23", 3 }, { "ent24", 3 }, { "ent25", 3 },        \
		{ "ent26", 3 }, { "ent27", 3 }, { "ent28", 3 }, { "ent29", 3 },        \
		{ "ent30", 3 }, { "ent31", 3 },                                        \
	{                                                                              \
		"ent32", 3                                                             \
	}

void fill_profiles(struct doc *doc, const struct profiles *p, enum profile_by by,
                   bool clustered)
{
	static const struct column columns[] = {
		{ "network", 0 }, { "cluster", 0 }, { "addresses", 0 }, ENT_COLUMNS
	};
	struct table *t =
		DOC_TABLE(doc, "profiles",
	                  "Entropy of the nibbles 9 to 32 of each network", columns);

	for (size_t i = 0; i < p->n; i++) {
		char as[16];

		snprintf(as, sizeof(as), "AS%" PRIu32, p->p[i].asn);
		if (by == PROFILE_BY_AS)
			table_string(t, as);
		else
			table_prefix(t, p->p[i].prefix);
		if (clustered)
			table_count(t, p->p[i].cluster + 1);
		else
			table_none(t);
		table_count(t, p->p[i].n);
		for (unsigned k = 0; k < PROFILE_NIBBLES; k++)
			table_real(t, (double)p->p[i].h[k]);
	}
}

void fill_clusters(struct doc *doc, const struct clusters *c, size_t networks)
{
	static const struct column columns[] = { { "cluster", 0 },
		                                 { "networks", 0 },
		                                 { "share", 4 },
		                                 { "addresses", 0 },
		                                 ENT_COLUMNS };
	struct table *t =
		DOC_TABLE(doc, "clusters",
	                  "Clusters of networks, with the median entropies", columns);

	for (unsigned i = 0; i < c->k; i++) {
		table_count(t, i + 1);
		table_count(t, c->c[i].n);
		table_real(t, (double)c->c[i].n / (double)networks);
		table_count(t, c->c[i].addresses);
		for (unsigned k = 0; k < PROFILE_NIBBLES; k++)
			table_real(t, (double)c->c[i].median[k]);
	}
}
