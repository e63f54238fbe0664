#include "probe/ring.h"

#include <stdlib.h>

int ring_init(struct ring *r, size_t cap)
{
	*r = (struct ring){ .items = calloc(cap, sizeof(r->items[0])), .cap = cap };
	return r->items ? 0 : -ENOMEM;
}

void ring_fini(struct ring *r)
{
	free(r->items);
	*r = (struct ring){ 0 };
}
