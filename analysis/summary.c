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
void analysis_summarize(struct analysis_summary *s, const struct addrvec *v)
{
	uint64_t shared[129] = { 0 }, in_64 = 0, n6 = 0;
	struct addr128 before = { 0, 0 };

	*s = (struct analysis_summary){ .addresses = v->n };
	for (size_t i = 0; i < v->n; i++) {
		struct addr128 a = v->a[i];

		if (addr_is_v4(a)) {
			s->v4++;
			continue;
		}
		if (n6++)
			shared[addr_common_bits(before, a)]++;
		in_64 = n6 > 1 && before.hi == a.hi ? in_64 + 1 : 1;
		if (in_64 > s->largest_64)
			s->largest_64 = in_64;
		if (has_iid(a))
			s->iid[iid_classify(a)]++;
		before = a;
	}
	if (!n6)
		return;
	s->prefixes[0] = 1;
	for (unsigned p = 1; p <= 128; p++)
		s->prefixes[p] = s->prefixes[p - 1] + shared[p - 1];
}
