/* k-means after Lloyd, started by k-means++ (Arthur and Vassilvitskii 2007); the
 * best of a few starts counts.  k by the elbow: the point of the curve of errors
 * that lies farthest below the line from its first to its last point. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/profiles.h"
#include "common/rng.h"

enum { ITERATIONS = 50, STARTS = 8, STARTS_OF_MANY = 2, MANY = 2000 };
static const double moved_enough = 0.01;

struct kmeans {
	const struct profile *p;
	size_t n;
	unsigned from, to, k; /* nibbles of a profile: from inclusive, to exclusive */
	uint32_t *of;         /* cluster of each profile */
	double *far;          /* squared distance to its centre */
	double centre[CLUSTERS_MAX][PROFILE_NIBBLES];
	struct rng rng;
};

static double distance2(const struct kmeans *m, const struct profile *p, const double *c)
{
	double sum = 0;

	for (unsigned i = m->from; i < m->to; i++)
		sum += ((double)p->h[i] - c[i]) * ((double)p->h[i] - c[i]);
	return sum;
}

static void set_centre(struct kmeans *m, unsigned c, size_t i)
{
	for (unsigned k = 0; k < PROFILE_NIBBLES; k++)
		m->centre[c][k] = (double)m->p[i].h[k];
}

/* Each further centre: a profile, drawn by its squared distance to the others. */
static void start(struct kmeans *m)
{
	set_centre(m, 0, (size_t)rng_below(&m->rng, m->n));
	for (size_t i = 0; i < m->n; i++)
		m->far[i] = distance2(m, &m->p[i], m->centre[0]);
	for (unsigned c = 1; c < m->k; c++) {
		double sum = 0, x;
		size_t i = 0;

		for (size_t k = 0; k < m->n; k++)
			sum += m->far[k];
		x = rng_double(&m->rng) * sum;
		while (i + 1 < m->n && x >= m->far[i])
			x -= m->far[i++];
		set_centre(m, c, i);
		for (size_t k = 0; k < m->n; k++) {
			double f = distance2(m, &m->p[k], m->centre[c]);

			if (f < m->far[k])
				m->far[k] = f;
		}
	}
}

static double assign(struct kmeans *m)
{
	double sse = 0;

	for (size_t i = 0; i < m->n; i++) {
		double best = INFINITY;

		for (unsigned c = 0; c < m->k; c++) {
			double f = distance2(m, &m->p[i], m->centre[c]);

			if (f < best) {
				best = f;
				m->of[i] = c;
			}
		}
		sse += best;
	}
	return sse;
}

/* Move the centres to the means; returns by how much at most. */
static double move(struct kmeans *m)
{
	double sum[CLUSTERS_MAX][PROFILE_NIBBLES] = { { 0 } }, most = 0;
	size_t n[CLUSTERS_MAX] = { 0 };

	for (size_t i = 0; i < m->n; i++) {
		n[m->of[i]]++;
		for (unsigned k = m->from; k < m->to; k++)
			sum[m->of[i]][k] += (double)m->p[i].h[k];
	}
	for (unsigned c = 0; c < m->k; c++) {
		double by = 0;

		for (unsigned k = m->from; k < m->to && n[c]; k++) {
			double mean = sum[c][k] / (double)n[c];

			by += (mean - m->centre[c][k]) * (mean - m->centre[c][k]);
			m->centre[c][k] = mean;
		}
		if (by > most)
			most = by;
	}
	return sqrt(most);
}

static double run_once(struct kmeans *m)
{
	double sse;

	start(m);
	for (unsigned i = 0; i < ITERATIONS; i++) {
		sse = assign(m);
		if (move(m) < moved_enough)
			break;
	}
	sse = assign(m);
	return sse;
}

/* The best of several starts is left in best. */
static double run(struct kmeans *m, unsigned k, uint64_t seed, uint32_t *best)
{
	unsigned starts = m->n > MANY ? STARTS_OF_MANY : STARTS;
	double least = INFINITY;

	m->k = k;
	for (unsigned i = 0; i < starts; i++) {
		double sse;

		rng_init(&m->rng, seed + i);
		sse = run_once(m);
		if (sse < least) {
			least = sse;
			memcpy(best, m->of, m->n * sizeof(*best));
		}
	}
	return least;
}

static unsigned elbow(const double *sse, unsigned max)
{
	unsigned best = 1;
	double farthest = 0;

	for (unsigned k = 2; k < max; k++) {
		double t = (double)(k - 1) / (max - 1);
		double below = sse[1] + t * (sse[max] - sse[1]) - sse[k];

		if (below > farthest) {
			farthest = below;
			best = k;
		}
	}
	return best;
}

static int by_value(const void *a, const void *b)
{
	const float *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void set_medians(struct cluster *c, uint32_t id, const struct profiles *p,
                        float *scratch)
{
	for (unsigned k = 0; k < PROFILE_NIBBLES; k++) {
		size_t n = 0;

		for (size_t i = 0; i < p->n; i++)
			if (p->p[i].cluster == id)
				scratch[n++] = p->p[i].h[k];
		qsort(scratch, n, sizeof(*scratch), by_value);
		c->median[k] = n % 2 ? scratch[n / 2]
		                     : (scratch[n / 2 - 1] + scratch[n / 2]) / 2;
	}
}

/* Renumber by size; empty ones go. */
static int describe(struct clusters *out, struct profiles *p, const uint32_t *of,
                    unsigned k)
{
	uint32_t rank[CLUSTERS_MAX], order[CLUSTERS_MAX];
	size_t sizes[CLUSTERS_MAX] = { 0 };
	float *scratch = calloc(p->n + 1, sizeof(*scratch));

	if (!scratch)
		return -ENOMEM;
	for (size_t i = 0; i < p->n; i++)
		sizes[of[i]]++;
	for (unsigned c = 0; c < k; c++) {
		unsigned at = c;

		for (; at > 0 && sizes[order[at - 1]] < sizes[c]; at--)
			order[at] = order[at - 1];
		order[at] = c;
	}
	out->k = 0;
	for (unsigned c = 0; c < k; c++) {
		rank[order[c]] = c;
		out->k += sizes[order[c]] > 0;
	}
	for (size_t i = 0; i < p->n; i++) {
		struct cluster *c = &out->c[rank[of[i]]];

		p->p[i].cluster = rank[of[i]];
		c->n++;
		c->addresses += p->p[i].n;
	}
	for (unsigned c = 0; c < out->k; c++)
		set_medians(&out->c[c], c, p, scratch);
	free(scratch);
	return 0;
}

int profiles_cluster(struct clusters *out, struct profiles *p, unsigned from, unsigned to,
                     unsigned k, uint64_t seed)
{
	struct kmeans m = { .p = p->p,
		            .n = p->n,
		            .from = from - PROFILE_FIRST,
		            .to = to + 1 - PROFILE_FIRST };
	unsigned max = p->n < CLUSTERS_MAX ? (unsigned)p->n : CLUSTERS_MAX;
	uint32_t *best = calloc(p->n + 1, sizeof(*best));
	int rc = -ENOMEM;

	memset(out, 0, sizeof(*out));
	m.of = calloc(p->n + 1, sizeof(*m.of));
	m.far = calloc(p->n + 1, sizeof(*m.far));
	if (!best || !m.of || !m.far)
		goto out;
	rc = 0;
	if (!p->n)
		goto out;
	for (unsigned i = 1; !k && i <= max; i++)
		out->sse[i] = run(&m, i, seed, best);
	if (!k)
		k = elbow(out->sse, max);
	if (k > max)
		k = max;
	out->sse[k] = run(&m, k, seed, best);
	rc = describe(out, p, best, k);
out:
	free(best);
	free(m.of);
	free(m.far);
	return rc;
}
