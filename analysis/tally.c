#include "analysis/tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void tally_fini(struct tally *t)
{
	free(t->large);
	*t = (struct tally){ .groups = 0 };
}

static struct tally_entry *find_large(struct tally *t, uint64_t count)
{
	size_t lo = 0, hi = t->n_large;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->large[mid].count < count)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < t->n_large && t->large[lo].count == count)
		return &t->large[lo];
	if (t->n_large == t->cap_large) {
		size_t cap = t->cap_large ? 2 * t->cap_large : 64;
		struct tally_entry *large = realloc(t->large, cap * sizeof(*large));

		if (!large)
			return NULL;
		t->large = large;
		t->cap_large = cap;
	}
	memmove(&t->large[lo + 1], &t->large[lo],
	        (t->n_large++ - lo) * sizeof(*t->large));
	t->large[lo] = (struct tally_entry){ count, 0 };
	return &t->large[lo];
}

void tally_add(struct tally *t, uint64_t count)
{
	struct tally_entry *e;

	t->groups++;
	t->members += count;
	if (count < TALLY_SMALL) {
		t->small[count]++;
		return;
	}
	e = find_large(t, count);
	if (e)
		e->groups++;
	else
		t->rc = -ENOMEM;
}

int tally_next(const struct tally *t, size_t *pos, struct tally_entry *e)
{
	while (*pos < TALLY_SMALL) {
		size_t i = (*pos)++;

		if (t->small[i]) {
			*e = (struct tally_entry){ i, t->small[i] };
			return 1;
		}
	}
	if (*pos - TALLY_SMALL >= t->n_large)
		return 0;
	*e = t->large[(*pos)++ - TALLY_SMALL];
	return 1;
}

uint64_t tally_max(const struct tally *t)
{
	struct tally_entry e = { 0, 0 };
	size_t pos = 0;

	while (tally_next(t, &pos, &e))
		;
	return e.count;
}

uint64_t tally_at(const struct tally *t, uint64_t rank)
{
	struct tally_entry e = { 0, 0 };
	uint64_t below = 0;
	size_t pos = 0;

	while (tally_next(t, &pos, &e) && below + e.groups <= rank)
		below += e.groups;
	return e.count;
}

struct tally_entry tally_at_least(const struct tally *t, uint64_t min)
{
	struct tally_entry e, sum = { 0, 0 };
	size_t pos = 0;

	while (tally_next(t, &pos, &e)) {
		if (e.count < min)
			continue;
		sum.groups += e.groups;
		sum.count += e.groups * e.count;
	}
	return sum;
}

/* G = sum of (2 i - n - 1) x_i / (n sum of x_i) over ascending x_i; a block of
 * equal ones with ranks b+1 .. b+g adds g (2 b + g - n) x. */
double tally_gini(const struct tally *t)
{
	double n = (double)t->groups, sum = 0, below = 0;
	struct tally_entry e;
	size_t pos = 0;

	if (!t->groups)
		return 0;
	while (tally_next(t, &pos, &e)) {
		double g = (double)e.groups;

		sum += g * (2 * below + g - n) * (double)e.count;
		below += g;
	}
	return sum / (n * (double)t->members);
}

double tally_top_share(const struct tally *t, uint64_t n)
{
	uint64_t below = t->groups > n ? t->groups - n : 0, rank = 0, sum = 0;
	struct tally_entry e;
	size_t pos = 0;

	while (tally_next(t, &pos, &e)) {
		uint64_t end = rank + e.groups, from = rank > below ? rank : below;

		if (end > from)
			sum += (end - from) * e.count;
		rank = end;
	}
	return t->members ? (double)sum / (double)t->members : 0;
}
