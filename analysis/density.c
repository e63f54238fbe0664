#include "analysis/density.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static struct density_level *add_level(struct density *d, uint8_t len)
{
	struct density_level *l = &d->levels[d->n_levels];

	for (size_t i = 0; i < d->n_levels; i++)
		if (d->levels[i].len == len)
			return NULL;
	for (; l > d->levels && l[-1].len > len; l--)
		l[0] = l[-1];
	*l = (struct density_level){ .len = len };
	d->n_levels++;
	return l;
}

int density_init(struct density *d, const uint8_t *lengths, size_t n, size_t top)
{
	*d = (struct density){ .n = 0 };
	d->levels = calloc(n + 1, sizeof(*d->levels));
	if (!d->levels)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		add_level(d, lengths[i]);
	for (size_t i = 0; i < d->n_levels && top; i++) {
		struct density_level *l = &d->levels[i];

		l->max_top = top;
		l->top = calloc(top, sizeof(*l->top));
		if (!l->top) {
			density_fini(d);
			return -ENOMEM;
		}
	}
	return 0;
}

void density_fini(struct density *d)
{
	for (size_t i = 0; i < d->n_levels; i++) {
		tally_fini(&d->levels[i].tally);
		free(d->levels[i].top);
	}
	free(d->levels);
	*d = (struct density){ .n = 0 };
}

/* Of equal counts, the numerically first prefix is the larger one. */
static bool smaller(const struct top_prefix *a, const struct top_prefix *b)
{
	if (a->count != b->count)
		return a->count < b->count;
	return addr_cmp(a->prefix.addr, b->prefix.addr) > 0;
}

static void swap(struct top_prefix *a, struct top_prefix *b)
{
	struct top_prefix t = *a;

	*a = *b;
	*b = t;
}

static void sift_down(struct top_prefix *top, size_t n)
{
	for (size_t i = 0;;) {
		size_t c = 2 * i + 1;

		if (c >= n)
			return;
		if (c + 1 < n && smaller(&top[c + 1], &top[c]))
			c++;
		if (!smaller(&top[c], &top[i]))
			return;
		swap(&top[c], &top[i]);
		i = c;
	}
}

static void offer(struct density_level *l, struct top_prefix p)
{
	size_t i;

	if (l->n_top == l->max_top) {
		if (!l->max_top || !smaller(&l->top[0], &p))
			return;
		l->top[0] = p;
		sift_down(l->top, l->n_top);
		return;
	}
	i = l->n_top++;
	l->top[i] = p;
	for (; i && smaller(&l->top[i], &l->top[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&l->top[i], &l->top[(i - 1) / 2]);
}

/* The prefix that holds d->last has ended. */
static void close_prefix(struct density *d, struct density_level *l)
{
	uint64_t count = d->n - l->start;

	tally_add(&l->tally, count);
	l->start = d->n;
	if (l->n_top < l->max_top || (l->max_top && count > l->top[0].count))
		offer(l, (struct top_prefix){ prefix_make(d->last, l->len), count });
}

void density_feed(struct density *d, const struct addr128 *a, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (d->n) {
			unsigned bits = addr_common_bits(d->last, a[i]);

			d->shared[bits]++;
			for (size_t k = d->n_levels; k-- && d->levels[k].len > bits;)
				close_prefix(d, &d->levels[k]);
		}
		d->last = a[i];
		d->n++;
	}
}

/* A /p prefix begins wherever two neighbours share fewer than p bits. */
int density_finish(struct density *d)
{
	int rc = 0;

	d->prefixes[0] = d->n > 0;
	for (unsigned p = 1; p <= 128; p++)
		d->prefixes[p] = d->prefixes[p - 1] + d->shared[p - 1];
	for (size_t i = 0; i < d->n_levels; i++) {
		struct density_level *l = &d->levels[i];

		if (d->n)
			close_prefix(d, l);
		for (size_t n = l->n_top; n > 1;) {
			swap(&l->top[0], &l->top[--n]);
			sift_down(l->top, n);
		}
		if (l->tally.rc < 0)
			rc = l->tally.rc;
	}
	return rc;
}

const struct density_level *density_level(const struct density *d, unsigned len)
{
	for (size_t i = 0; i < d->n_levels; i++)
		if (d->levels[i].len == len)
			return &d->levels[i];
	return NULL;
}

double density_mra(const struct density *d, unsigned p, unsigned k)
{
	return d->n ? (double)d->prefixes[p + k] / (double)d->prefixes[p] : 0;
}

double density_acr(const struct density *d, unsigned p)
{
	return d->n ? (density_mra(d, p, 4) - 1) / 15 : 0;
}
