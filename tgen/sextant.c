/* The "sextant" algorithm behind tgen/algorithm.h. */
#include <stdlib.h>

#include "tgen/algorithm.h"
#include "tgen/sx_save.h"

struct sextant {
	struct sx_model model;
	struct sx_front front;
};

static void sextant_free(void *state)
{
	struct sextant *s = state;

	if (!s)
		return;
	sx_front_fini(&s->front);
	sx_model_fini(&s->model);
	free(s);
}

static int sextant_new(struct sextant **out, const struct addrvec *seeds, struct diag *d)
{
	struct sextant *s;

	if (seeds->n > SX_MAX_SEEDS)
		return diag_set(d, -EFBIG, "more than 2^30 seeds");
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	sx_model_init(&s->model, seeds->a, (uint32_t)seeds->n);
	*out = s;
	return 0;
}

static void sextant_threads(void *state, unsigned threads)
{
	struct sextant *s = state;

	sx_front_threads(&s->front, threads);
}

static int sextant_train_on(void **state, const struct addrvec *seeds, uint64_t seed,
                            unsigned threads, struct diag *d)
{
	struct sextant *s = NULL;
	int rc = sextant_new(&s, seeds, d);

	if (rc == 0)
		rc = sx_train(&s->model, seed, threads);
	if (rc == 0)
		rc = sx_estimate_left(&s->model);
	if (rc == 0)
		rc = sx_front_init(&s->front, &s->model);
	if (rc < 0) {
		sextant_free(s);
		return rc;
	}
	sx_front_threads(&s->front, threads);
	*state = s;
	return 0;
}

static int sextant_train(void **state, const struct addrvec *seeds, uint64_t seed,
                         struct diag *d)
{
	return sextant_train_on(state, seeds, seed, 1, d);
}

static int sextant_next(void *state, struct tgen_candidate *out, size_t max)
{
	struct sextant *s = state;

	return sx_front_next(&s->front, out, max);
}

static int sextant_feedback(void *state, const struct tgen_result *r, size_t n)
{
	struct sextant *s = state;

	return sx_front_feedback(&s->front, r, n);
}

static int sextant_prune(void *state, struct prefix p)
{
	struct sextant *s = state;

	return sx_front_prune(&s->front, p);
}

static int sextant_save(const void *state, struct model_out *out)
{
	const struct sextant *s = state;

	sx_save(&s->front, out);
	return 0;
}

static int sextant_load(void **state, const struct addrvec *seeds, struct model_in *in,
                        struct diag *d)
{
	struct sextant *s = NULL;
	int rc = sextant_new(&s, seeds, d);

	if (rc == 0)
		rc = sx_load(&s->front, &s->model, in);
	if (rc < 0) {
		sextant_free(s);
		return rc;
	}
	*state = s;
	return 0;
}

static uint64_t sextant_regions(const void *state)
{
	const struct sextant *s = state;

	return s->front.n;
}

const struct tgen_algorithm tgen_sextant = {
	.name = "sextant",
	.summary = "probabilities mixed from many contexts, learned from the seeds",
	.version = 4,
	.train = sextant_train,
	.train_on = sextant_train_on,
	.threads = sextant_threads,
	.free = sextant_free,
	.next = sextant_next,
	.feedback = sextant_feedback,
	.prune = sextant_prune,
	.save = sextant_save,
	.load = sextant_load,
	.regions = sextant_regions,
};
