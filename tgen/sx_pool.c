#include "tgen/sx_pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

enum { MAX_THREADS = 64, CHUNK = 16 };

struct sx_pool {
	pthread_mutex_t lock;
	pthread_cond_t begin, end;
	pthread_t thread[MAX_THREADS];
	unsigned n_threads, busy;
	unsigned round; /* changes when there is work */
	bool over;
	void (*each)(void *ctx, size_t i);
	void *ctx;
	size_t n;
	atomic_size_t next;
};

static void work(struct sx_pool *p)
{
	for (;;) {
		size_t from = atomic_fetch_add(&p->next, CHUNK);

		for (size_t i = from; i < from + CHUNK; i++) {
			if (i >= p->n)
				return;
			p->each(p->ctx, i);
		}
	}
}

static void *run(void *ctx)
{
	struct sx_pool *p = ctx;
	unsigned seen = 0;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (p->round == seen && !p->over)
			pthread_cond_wait(&p->begin, &p->lock);
		if (p->over)
			break;
		seen = p->round;
		pthread_mutex_unlock(&p->lock);
		work(p);
		pthread_mutex_lock(&p->lock);
		if (--p->busy == 0)
			pthread_cond_signal(&p->end);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

struct sx_pool *sx_pool_new(unsigned threads)
{
	struct sx_pool *p = threads > 1 ? calloc(1, sizeof(*p)) : NULL;

	if (!p)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->begin, NULL);
	pthread_cond_init(&p->end, NULL);
	while (p->n_threads < threads - 1 && p->n_threads < MAX_THREADS) {
		if (pthread_create(&p->thread[p->n_threads], NULL, run, p) != 0)
			break;
		p->n_threads++;
	}
	return p;
}

void sx_pool_free(struct sx_pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->over = true;
	pthread_cond_broadcast(&p->begin);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n_threads; i++)
		pthread_join(p->thread[i], NULL);
	pthread_cond_destroy(&p->begin);
	pthread_cond_destroy(&p->end);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

void sx_pool_run(struct sx_pool *p, void (*each)(void *ctx, size_t i), void *ctx,
                 size_t n)
{
	if (!p || p->n_threads == 0) {
		for (size_t i = 0; i < n; i++)
			each(ctx, i);
		return;
	}
	pthread_mutex_lock(&p->lock);
	p->each = each;
	p->ctx = ctx;
	p->n = n;
	atomic_store(&p->next, 0);
	p->busy = p->n_threads;
	p->round++;
	pthread_cond_broadcast(&p->begin);
	pthread_mutex_unlock(&p->lock);
	work(p);
	pthread_mutex_lock(&p->lock);
	while (p->busy > 0)
		pthread_cond_wait(&p->end, &p->lock);
	pthread_mutex_unlock(&p->lock);
}
