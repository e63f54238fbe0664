#include "cli/flights.h"

#include <stdlib.h>

int flights_push(struct flights *q, struct flight f)
{
	if (q->n == q->cap) {
		size_t cap = q->cap ? 2 * q->cap : 4096;
		struct flight *p = malloc(cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		for (size_t i = 0; i < q->n; i++)
			p[i] = q->f[(q->head + i) % q->cap];
		free(q->f);
		*q = (struct flights){ p, 0, q->n, cap };
	}
	q->f[(q->head + q->n++) % q->cap] = f;
	return 0;
}

bool flights_pop_due(struct flights *q, uint64_t now_ns, struct flight *out)
{
	if (!q->n || q->f[q->head].due_ns > now_ns)
		return false;
	*out = q->f[q->head];
	q->head = (q->head + 1) % q->cap;
	q->n--;
	return true;
}

void flights_fini(struct flights *q)
{
	free(q->f);
	*q = (struct flights){ 0 };
}

int obsvec_push(struct obsvec *v, const struct observation *o)
{
	if (v->n == v->cap) {
		size_t cap = v->cap ? 2 * v->cap : 256;
		struct observation *p = realloc(v->o, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		v->o = p;
		v->cap = cap;
	}
	v->o[v->n++] = *o;
	return 0;
}

void obsvec_fini(struct obsvec *v)
{
	free(v->o);
	*v = (struct obsvec){ 0 };
}
