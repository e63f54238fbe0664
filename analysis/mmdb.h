/* analysis/mmdb.h - countries of addresses, from a MaxMind DB file.
 *
 * Format: "MaxMind DB File Format Specification", version 2.0.  Understood are
 * databases of IPv6 that have country.iso_code (MaxMind's own) or country_code
 * (ip-location-db) in their records.  The file may be compressed; it is kept in
 * memory.  Once open, any number of threads may ask. */
#ifndef ANALYSIS_MMDB_H
#define ANALYSIS_MMDB_H

#include <stdbool.h>

#include "common/addr.h"
#include "common/err.h"

struct mmdb;

int mmdb_open(struct mmdb **out, const char *path, struct diag *d);
void mmdb_close(struct mmdb *m);

/* The country ("DE") of a, or "" when it has none; *len is the length of the
 * prefix around a that this is true for.  A record that is damaged has none. */
void mmdb_country(const struct mmdb *m, struct addr128 a, char cc[static 3],
                  unsigned *len);

/* Addresses by country. */
enum { COUNTRIES = 26 * 26 };
struct country_counts {
	const struct mmdb *db;
	uint64_t n[COUNTRIES]; /* by 26 * (first letter) + second */
	uint64_t unknown;
	struct addr128 last; /* what was asked last, and what is true around it */
	unsigned len;
	char cc[3];
	bool any;
};
void country_counts_feed(struct country_counts *c, const struct addr128 *a, size_t n);

#endif
