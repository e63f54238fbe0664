/* probe/window.h - how far work has come that is begun in order and done in any.
 *
 * Pieces are numbered from 0 and done in any order; while one is not, at most `cap` from
 * it on are begun.  One thread at a time. */
#ifndef PROBE_WINDOW_H
#define PROBE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct window {
	uint64_t base; /* all below are done */
	uint64_t mask;
	uint8_t *done; /* a ring, by number */
};

int window_init(struct window *w, size_t cap); /* 0 or -ENOMEM */
void window_fini(struct window *w);

/* Whether a piece of that number may be begun now. */
bool window_has_room(const struct window *w, uint32_t number);

/* Piece number, modulo 2^32, is done; there was room for it. */
void window_done(struct window *w, uint32_t number);

#endif
