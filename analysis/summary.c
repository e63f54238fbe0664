#include "analysis/analysis.h"

#include <stdbool.h>

/* Multicast groups and :: have no interface identifier. */
static bool has_iid(struct addr128 a)
{
	return a.hi >> 56 != 0xff && (a.hi | a.lo);
}

/* Kohler et al., "Observed Structure of Addresses in IP Traffic" (2002): in a
 * sorted set a /p prefix begins wherever two neighbours share fewer than p bits.
 * So the shared lengths of neighbours are counted, and summed up at the end. */
void analysis_summarizer_feed(struct analysis_summarizer *z, const struct addr128 *v,
                              size_t n)
{
	struct analysis_summary *s = &z->s;

	s->addresses += n;
	for (size_t i = 0; i < n; i++) {
		struct addr128 a = v[i];

		if (addr_is_v4(a)) {
			s->v4++;
			continue;
		}
		if (z->n6++)
			z->shared[addr_common_bits(z->before, a)]++;
		z->in_64 = z->n6 > 1 && z->before.hi == a.hi ? z->in_64 + 1 : 1;
		if (z->in_64 > s->largest_64)
			s->largest_64 = z->in_64;
		if (has_iid(a))
			s->iid[iid_classify(a)]++;
		z->before = a;
	}
}

void analysis_summarizer_finish(struct analysis_summarizer *z)
{
	if (!z->n6)
		return;
	z->s.prefixes[0] = 1;
	for (unsigned p = 1; p <= 128; p++)
		z->s.prefixes[p] = z->s.prefixes[p - 1] + z->shared[p - 1];
}

void analysis_summarize(struct analysis_summary *s, const struct addrvec *v)
{
	struct analysis_summarizer z = { .n6 = 0 };

	analysis_summarizer_feed(&z, v->a, v->n);
	analysis_summarizer_finish(&z);
	*s = z.s;
}
