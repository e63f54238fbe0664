#include "probe/cap.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/rng.h"

/* As in pace.c: packets leave up to 2 ms after their target was taken, what was late
 * by up to LAG_NS is caught up, and the mean is kept within 1 % below. */
#define SPREAD    1.006
#define LAG_NS    1000000
#define GRAIN_NS  1e6 /* what is more frequent goes in bursts of this much */
#define SLOTS_MIN 4096.0
#define SLOTS_MAX 524288.0

enum {
	LEVELS = 3,
	ROWS = 2,
	FETCH = 64,
	PULLS = 1024,    /* at most, in one call */
	WAITING = 65536, /* targets */
	ORDER = 4 * WAITING,
	MARKS = 1024,
};

struct level {
	bool v6;
	unsigned len; /* of the prefix, in the address as 128 bits */
	double gap_ns, grain_ns;
	size_t mask;
	uint64_t *sent[ROWS];   /* when the slot's prefixes may be sent to again */
	uint64_t *booked[ROWS]; /* the same, with those that wait counted in */
};

struct waiting {
	uint64_t due_ns;
	uint32_t place; /* in the order */
	struct probe_target target;
};

/* When so many had been given out, so many of the source's had been, without a gap. */
struct mark {
	uint64_t given, floor;
};

struct cap {
	const struct probe_source *next;
	struct level levels[LEVELS];
	unsigned n_levels;
	uint64_t seed;
	struct probe_target fetched[FETCH];
	unsigned at, n;
	bool ended;
	struct waiting *heap; /* the earliest first */
	size_t n_heap;
	/* The numbers of those that wait, as they came; the rest of them are ended. */
	uint64_t *order;
	size_t first, n_order;
	uint64_t taken, given;
	pthread_mutex_t marking; /* of what follows */
	struct mark marks[MARKS];
	size_t n_marks;
	uint64_t done;
};

#define GONE UINT64_MAX

static int level_init(struct cap *c, bool v6, unsigned len, double pps,
                      const struct probe_config *cfg)
{
	struct level *l = &c->levels[c->n_levels];
	double slots = SLOTS_MIN, want;

	if (!(pps > 0))
		return 0;
	c->n_levels++;
	l->v6 = v6;
	l->len = len;
	/* The packets of one target are spread over time, so are those of a prefix:
	 * all of them are charged at once. */
	l->gap_ns = (cfg->probes ? cfg->probes : 1) * 1e9 / pps * SPREAD;
	l->grain_ns = l->gap_ns < GRAIN_NS ? GRAIN_NS : 0;
	want = 8 * cfg->rate_pps * l->gap_ns / 1e9;
	while (slots < want && slots < SLOTS_MAX)
		slots *= 2;
	l->mask = (size_t)slots - 1;
	for (int i = 0; i < ROWS; i++) {
		l->sent[i] = calloc(l->mask + 1, sizeof(**l->sent));
		l->booked[i] = calloc(l->mask + 1, sizeof(**l->booked));
		if (!l->sent[i] || !l->booked[i])
			return -ENOMEM;
	}
	return 0;
}

struct cap *cap_new(const struct probe_config *cfg)
{
	struct cap *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	pthread_mutex_init(&c->marking, NULL);
	rng_secret(&c->seed, sizeof(c->seed));
	c->heap = malloc(WAITING * sizeof(*c->heap));
	c->order = malloc(ORDER * sizeof(*c->order));
	if (!c->heap || !c->order || level_init(c, true, 48, cfg->cap_48_pps, cfg) < 0 ||
	    level_init(c, true, 64, cfg->cap_64_pps, cfg) < 0 ||
	    level_init(c, false, 96 + 24, cfg->cap_24_pps, cfg) < 0) {
		cap_free(c);
		return NULL;
	}
	return c;
}

void cap_free(struct cap *c)
{
	if (!c)
		return;
	for (unsigned k = 0; k < c->n_levels; k++)
		for (int i = 0; i < ROWS; i++) {
			free(c->levels[k].sent[i]);
			free(c->levels[k].booked[i]);
		}
	pthread_mutex_destroy(&c->marking);
	free(c->heap);
	free(c->order);
	free(c);
}

void cap_begin(struct cap *c, const struct probe_source *next)
{
	c->next = next;
	c->ended = false;
}

/* --- times ----------------------------------------------------------------- */

/* The slots of an address's prefix, one in each row. */
static void find_slots(const struct cap *c, const struct level *l, struct addr128 a,
                       size_t slot[static ROWS])
{
	struct addr128 p = prefix_make(a, l->len).addr;
	uint64_t h = rng_mix(p.hi ^ rng_mix(p.lo ^ c->seed));

	slot[0] = h & l->mask;
	slot[1] = (h >> 32) & l->mask;
}

static uint64_t earlier(uint64_t *const rows[static ROWS], const size_t slot[static ROWS])
{
	uint64_t a = rows[0][slot[0]], b = rows[1][slot[1]];

	return a < b ? a : b;
}

static void raise_to(uint64_t *const rows[static ROWS], const size_t slot[static ROWS],
                     uint64_t v)
{
	for (int i = 0; i < ROWS; i++)
		if (rows[i][slot[i]] < v)
			rows[i][slot[i]] = v;
}

static bool concerns(const struct level *l, struct addr128 a)
{
	return l->v6 == !addr_is_v4(a);
}

/* Whether the target may be sent to now; then that is noted. */
static bool admit(struct cap *c, struct addr128 a, uint64_t now)
{
	size_t slot[LEVELS][ROWS];

	for (unsigned k = 0; k < c->n_levels; k++) {
		const struct level *l = &c->levels[k];

		if (!concerns(l, a))
			continue;
		find_slots(c, l, a, slot[k]);
		if (earlier(l->sent, slot[k]) > now + (uint64_t)l->grain_ns)
			return false;
	}
	for (unsigned k = 0; k < c->n_levels; k++) {
		const struct level *l = &c->levels[k];
		uint64_t free_at;

		if (!concerns(l, a))
			continue;
		free_at = earlier(l->sent, slot[k]);
		raise_to(l->sent, slot[k],
		         (free_at + LAG_NS > now ? free_at : now) + (uint64_t)l->gap_ns);
	}
	return true;
}

/* The first time that is free for the target.  Of those that wait, each is to have
 * its own: then it is taken. */
static uint64_t find_time(struct cap *c, struct addr128 a, uint64_t now, bool book)
{
	size_t slot[LEVELS][ROWS];
	uint64_t due = now;

	for (unsigned k = 0; k < c->n_levels; k++) {
		const struct level *l = &c->levels[k];
		uint64_t sent, booked;

		if (!concerns(l, a))
			continue;
		find_slots(c, l, a, slot[k]);
		sent = earlier(l->sent, slot[k]);
		booked = earlier(l->booked, slot[k]);
		due = sent > due ? sent : due;
		due = book && booked > due ? booked : due;
	}
	for (unsigned k = 0; book && k < c->n_levels; k++)
		if (concerns(&c->levels[k], a))
			raise_to(c->levels[k].booked, slot[k],
			         due + (uint64_t)c->levels[k].gap_ns);
	return due;
}

/* --- those that wait -------------------------------------------------------- */

static void heap_push(struct cap *c, const struct waiting *w)
{
	size_t i = c->n_heap++;

	while (i && c->heap[(i - 1) / 2].due_ns > w->due_ns) {
		c->heap[i] = c->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	c->heap[i] = *w;
}

static struct waiting heap_pop(struct cap *c)
{
	struct waiting top = c->heap[0], last = c->heap[--c->n_heap];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < c->n_heap) {
		if (child + 1 < c->n_heap &&
		    c->heap[child + 1].due_ns < c->heap[child].due_ns)
			child++;
		if (c->heap[child].due_ns >= last.due_ns)
			break;
		c->heap[i] = c->heap[child];
		i = child;
	}
	c->heap[i] = last;
	return top;
}

static bool is_full(const struct cap *c)
{
	return c->n_heap == WAITING || c->n_order == ORDER;
}

static void defer(struct cap *c, const struct probe_target *t, uint64_t number,
                  uint64_t now)
{
	struct waiting w = { .due_ns = find_time(c, t->addr, now, true),
		             .place = (uint32_t)((c->first + c->n_order) % ORDER),
		             .target = *t };

	c->order[w.place] = number;
	c->n_order++;
	heap_push(c, &w);
}

static void release(struct cap *c, const struct waiting *w)
{
	c->order[w->place] = GONE;
	while (c->n_order && c->order[c->first] == GONE) {
		c->first = (c->first + 1) % ORDER;
		c->n_order--;
	}
}

/* --- giving out ------------------------------------------------------------- */

static size_t give_waiting(struct cap *c, struct probe_target *out, size_t max,
                           uint64_t now)
{
	size_t n = 0;

	while (n < max && c->n_heap && c->heap[0].due_ns <= now) {
		struct waiting w = heap_pop(c);

		if (admit(c, w.target.addr, now)) {
			release(c, &w);
			out[n++] = w.target;
		} else { /* others of its prefix were late, and are just leaving */
			w.due_ns = find_time(c, w.target.addr, now + 1, false);
			heap_push(c, &w);
		}
	}
	return n;
}

static bool fetch(struct cap *c, size_t want)
{
	int n;

	if (c->at < c->n)
		return true;
	if (c->ended)
		return false;
	n = c->next->next(c->next->ctx, c->fetched, want < FETCH ? want : FETCH);
	c->ended = n < 0;
	c->at = 0;
	c->n = n > 0 ? (unsigned)n : 0;
	return n > 0;
}

static void set_mark(struct cap *c)
{
	uint64_t floor = c->n_order ? c->order[c->first] : c->taken;
	struct mark *last = c->n_marks ? &c->marks[c->n_marks - 1] : NULL;

	if (last && last->given == c->given) {
		last->floor = floor;
		return;
	}
	if (c->n_marks == MARKS) { /* every other one: what is left says less */
		for (size_t i = 0; i < MARKS / 2; i++)
			c->marks[i] = c->marks[2 * i];
		c->n_marks = MARKS / 2;
	}
	c->marks[c->n_marks++] = (struct mark){ c->given, floor };
}

int cap_next_at(struct cap *c, struct probe_target *out, size_t max, uint64_t now)
{
	size_t n = give_waiting(c, out, max, now);

	for (int pulls = 0; n < max && pulls < PULLS && !is_full(c); pulls++) {
		struct probe_target t;
		uint64_t number;

		if (!fetch(c, max - n))
			break;
		t = c->fetched[c->at++];
		number = c->taken++;
		if (admit(c, t.addr, now))
			out[n++] = t;
		else
			defer(c, &t, number, now);
	}
	pthread_mutex_lock(&c->marking);
	c->given += n;
	set_mark(c);
	pthread_mutex_unlock(&c->marking);
	if (n == 0 && c->ended && c->n_heap == 0)
		return PROBE_SOURCE_END;
	return (int)n;
}

int cap_next(void *ctx, struct probe_target *out, size_t max)
{
	return cap_next_at(ctx, out, max, clock_mono_ns());
}

uint64_t cap_done(struct cap *c, uint64_t given)
{
	uint64_t done;
	size_t i = 0;

	pthread_mutex_lock(&c->marking);
	while (i < c->n_marks && c->marks[i].given <= given)
		c->done = c->marks[i++].floor;
	if (i > 1) { /* the last one that was used stays: its floor may rise */
		memmove(c->marks, c->marks + i - 1,
		        (c->n_marks - i + 1) * sizeof(*c->marks));
		c->n_marks -= i - 1;
	}
	done = c->done;
	pthread_mutex_unlock(&c->marking);
	return done;
}
