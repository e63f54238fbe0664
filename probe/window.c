#include "probe/window.h"

#include <errno.h>
#include <stdlib.h>

int window_init(struct window *w, size_t cap)
{
	size_t n = 64;

	while (n < cap)
		n *= 2;
	*w = (struct window){ .mask = n - 1, .done = calloc(n, 1) };
	return w->done ? 0 : -ENOMEM;
}

void window_fini(struct window *w)
{
	free(w->done);
	w->done = NULL;
}

bool window_has_room(const struct window *w, uint32_t number)
{
	return number - (uint32_t)w->base <= w->mask;
}

void window_done(struct window *w, uint32_t number)
{
	uint32_t ahead = number - (uint32_t)w->base;

	if (!window_has_room(w, number))
		return;
	w->done[(w->base + ahead) & w->mask] = 1;
	while (w->done[w->base & w->mask])
		w->done[w->base++ & w->mask] = 0;
}
