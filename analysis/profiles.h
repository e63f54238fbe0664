/* analysis/profiles.h - entropy profiles of networks, and clusters of them.
 *
 * Gasser et al., "Clusters in the Expanse: Understanding and Unbiasing IPv6
 * Hitlists" (IMC 2018): a network's profile is the entropy of the nibbles 9..32
 * of its addresses; k-means finds networks that are addressed alike. */
#ifndef ANALYSIS_PROFILES_H
#define ANALYSIS_PROFILES_H

#include "analysis/source.h"
#include "common/bgp.h"

enum { PROFILE_NIBBLES = 24, PROFILE_FIRST = 8 }; /* nibbles 8..31 from 0 */

enum profile_by { PROFILE_BY_32, PROFILE_BY_BGP, PROFILE_BY_AS };

struct profile {
	struct prefix prefix; /* /32 or announced */
	uint32_t asn;         /* PROFILE_BY_AS */
	uint64_t n;           /* addresses */
	float h[PROFILE_NIBBLES];
	uint32_t cluster; /* 0: the largest; filled by profiles_cluster() */
};

struct profiles {
	struct profile *p;
	size_t n;
};
void profiles_fini(struct profiles *p);

/* Of every network with at least min addresses, in order of prefix or number.
 * bgp: NULL for PROFILE_BY_32.  Reads the source twice, from its start. */
int profiles_make(struct profiles *out, struct source *s, enum profile_by by,
                  const struct bgp *bgp, uint64_t min, struct diag *d);

enum { CLUSTERS_MAX = 20 };
struct cluster {
	size_t n; /* networks */
	uint64_t addresses;
	float median[PROFILE_NIBBLES];
};
struct clusters {
	struct cluster c[CLUSTERS_MAX]; /* largest first */
	unsigned k;
	double sse[CLUSTERS_MAX + 1]; /* of k = 1 .. 20, where tried; else 0 */
};

/* Nibbles from..to of the profiles (8..31 from 0), Euclidean.  k 0: the elbow
 * of the sum of squared errors.  The same seed gives the same clusters. */
int profiles_cluster(struct clusters *out, struct profiles *p, unsigned from, unsigned to,
                     unsigned k, uint64_t seed);

#endif
