/* common/queue.h - bounded queue of fixed-size items between threads.
 *
 * Any number of threads may push and pop; items are copied.  A closed queue
 * takes no more items, and gives out what it holds. */
#ifndef COMMON_QUEUE_H
#define COMMON_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue;

struct queue *queue_new(size_t item_size, size_t capacity); /* NULL: out of memory */
void queue_free(struct queue *q);

/* Push up to n items; waits for room until timeout_ns have passed (0: does not
 * wait, UINT64_MAX: for ever).  Returns how many were taken; a closed queue
 * takes none. */
size_t queue_push(struct queue *q, const void *items, size_t n, uint64_t timeout_ns);

/* Pop up to max items; waits for the first one in the same way.  0: nothing
 * came in time, or the queue is closed and empty. */
size_t queue_pop(struct queue *q, void *items, size_t max, uint64_t timeout_ns);

void queue_close(struct queue *q);
bool queue_is_closed(const struct queue *q); /* closed and empty */
size_t queue_count(const struct queue *q);

#endif
