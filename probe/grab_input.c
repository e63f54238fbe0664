#include "probe/grab_input.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/queue.h"
#include "common/reader.h"
#include "probe/answers.h"
#include "probe/grab_lines.h"
#include "probe/targets.h"

enum { QUEUE = 4096 };

struct grab_input {
	const struct ports *ports;
	/* Of the command line. */
	struct probe_target *pairs;
	size_t n_pairs, at;
	struct targets *space; /* NULL: none */
	/* Of a list. */
	struct reader *reader;
	struct input *input;   /* until it is known what it is */
	struct input *answers; /* instead of a reader: a file of -O binary */
	bool strict;
	struct grab_order order;
	struct queue *queue;
	pthread_t thread;
	bool started;
	atomic_bool stop, done;
	uint64_t bad;
	int rc;
	struct diag why;
};

/* --- a list ------------------------------------------------------------------ */

static bool push(struct grab_input *in, struct addr128 addr, uint32_t port)
{
	struct probe_target t = { .addr = addr, .port = port & UINT16_MAX };

	while (!atomic_load(&in->stop))
		if (queue_push(in->queue, &t, 1, 100 * NS_PER_MS))
			return true;
	return false;
}

/* False: nobody wants any more. */
static bool push_line(struct grab_input *in, const struct grab_line *line)
{
	size_t n = line->n_ports ? line->n_ports : in->ports->n;
	bool ok = true;

	for (size_t i = 0; ok && i < n; i++)
		ok = push(in, line->addr,
		          line->n_ports ? line->ports[i] : in->ports->v[i]);
	return ok;
}

static int read_lines(struct grab_input *in)
{
	struct grab_lines state = { .begun = false };
	const char *text;
	int rc;

	while ((rc = reader_line(in->reader, &text, &in->why)) > 0) {
		struct grab_line line;
		struct diag why = { "" };

		rc = grab_line_parse(&state, text, &line, &why);
		if (rc > 0 && !line.n_ports && !in->ports->n)
			rc = diag_set(&why, ERR_PARSE,
			              "names no port (-p gives one to all)");
		if (rc < 0)
			rc = reader_reject(in->reader, rc, &why);
		else if (rc > 0 && !push_line(in, &line))
			return 0;
		if (rc < 0) {
			in->why = why;
			return rc;
		}
	}
	return rc;
}

/* What is open for TCP there. */
static int read_answers(struct grab_input *in)
{
	struct observation o;
	uint64_t n = 0;
	int rc;

	while ((rc = answers_next(in->answers, &o, n++, &in->why)) > 0)
		if (o.proto == OBS_TCP && o.outcome == OBS_OPEN && !o.repeat &&
		    !push(in, o.target, o.port))
			return 0;
	return rc;
}

/* What it is takes a look at its first bytes, which may be long in coming. */
static int read_list(struct grab_input *in)
{
	struct reader_policy policy = { .strict = in->strict };
	struct input *input = in->input;
	int rc;

	in->input = NULL;
	if (!answers_peek(input)) {
		rc = reader_open_input(&in->reader, input, &policy, &in->why);
		return rc < 0 ? rc : read_lines(in);
	}
	in->answers = input;
	rc = answers_begin(input, &in->why);
	return rc < 0 ? rc : read_answers(in);
}

static void *read_thread(void *arg)
{
	struct grab_input *in = arg;

	in->rc = read_list(in);
	in->bad = in->reader ? reader_bad(in->reader) : 0;
	atomic_store(&in->done, true);
	queue_close(in->queue);
	return NULL;
}

static int open_list(struct grab_input *in, const char *path, bool strict, struct diag *d)
{
	int rc = input_open(&in->input, path, d);

	if (rc < 0)
		return rc;
	in->strict = strict;
	in->queue = queue_new(sizeof(struct probe_target), QUEUE);
	if (!in->queue)
		return -ENOMEM;
	rc = pthread_create(&in->thread, NULL, read_thread, in);
	if (rc)
		return diag_set(d, -rc, "cannot start a thread: %s", strerror(rc));
	in->started = true;
	return 0;
}

/* --- the command line -------------------------------------------------------- */

static int add_arg(struct grab_input *in, struct ivtab_builder *space, const char *text,
                   struct diag *d)
{
	struct grab_lines state = { .begun = true };
	struct addr128 first, last;
	struct grab_line line;
	char quoted[80];

	if (targets_parse(&first, &last, text)) {
		if (!in->ports->n)
			return diag_set(
				d, ERR_PARSE, "'%s' names no port: -p does",
				log_quote(quoted, sizeof(quoted), text, strlen(text)));
		return ivtab_add_range(space, first, last, 1);
	}
	if (grab_line_parse(&state, text, &line, NULL) <= 0 || line.n_ports != 1)
		return diag_set(d, ERR_PARSE,
		                "target '%s' is no addr:port, [addr]:port, address, "
		                "prefix or range",
		                log_quote(quoted, sizeof(quoted), text, strlen(text)));
	in->pairs[in->n_pairs++] =
		(struct probe_target){ .addr = line.addr, .port = line.ports[0] };
	return 0;
}

static int open_args(struct grab_input *in, int argc, char *argv[], struct diag *d)
{
	struct ivtab_builder *space = ivtab_builder_new();
	struct targets_config cfg = { .ports = in->ports,
		                      .seed = in->order.seed,
		                      .shard = { 0, 1 } };
	size_t before;
	int rc = space ? 0 : -ENOMEM;

	in->pairs = calloc((size_t)argc, sizeof(*in->pairs));
	if (!in->pairs)
		rc = -ENOMEM;
	for (int i = 0; rc == 0 && i < argc; i++)
		rc = add_arg(in, space, argv[i], d);
	before = in->n_pairs;
	in->at = in->order.skip < before ? (size_t)in->order.skip : before;
	cfg.skip = in->order.skip - in->at;
	if (rc == 0 && before < (size_t)argc)
		rc = targets_open_space(&in->space, space, &cfg, d);
	ivtab_builder_free(space);
	return rc;
}

/* --- both -------------------------------------------------------------------- */

int grab_input_open(struct grab_input **out, const char *path, int argc, char *argv[],
                    const struct ports *ports, const struct grab_order *order,
                    bool strict, struct diag *d)
{
	struct grab_input *in = calloc(1, sizeof(*in));
	int rc = -ENOMEM;

	if (!in)
		return rc;
	in->ports = ports;
	in->order = *order;
	rc = path ? open_list(in, path, strict, d) : open_args(in, argc, argv, d);
	if (rc < 0) {
		grab_input_close(in);
		return rc;
	}
	*out = in;
	return 0;
}

int grab_input_next(void *ctx, struct probe_target *out, size_t max)
{
	struct grab_input *in = ctx;
	size_t n = 0;

	if (in->queue) {
		n = queue_pop(in->queue, out, max, 0);
		if (n && in->order.skip) {
			size_t skipped = in->order.skip < n ? (size_t)in->order.skip : n;

			in->order.skip -= skipped;
			n -= skipped;
			memmove(out, out + skipped, n * sizeof(*out));
			return (int)n;
		}
		return n ? (int)n : queue_is_closed(in->queue) ? PROBE_SOURCE_END : 0;
	}
	while (n < max && in->at < in->n_pairs)
		out[n++] = in->pairs[in->at++];
	if (n)
		return (int)n;
	return in->space ? targets_next(in->space, out, max) : PROBE_SOURCE_END;
}

int grab_input_result(struct grab_input *in, uint64_t *bad_lines, struct diag *d)
{
	*bad_lines = 0;
	if (!in->started || !atomic_load(&in->done))
		return 0;
	*bad_lines = in->bad;
	return in->rc < 0 ? diag_set(d, in->rc, "%s", diag_str(&in->why, in->rc)) : 0;
}

void grab_input_close(struct grab_input *in)
{
	if (!in)
		return;
	atomic_store(&in->stop, true);
	if (in->started && !atomic_load(&in->done)) {
		struct timespec until;

		/* It notices within 100 ms, unless it waits for input. */
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += 1;
		if (pthread_timedjoin_np(in->thread, NULL, &until)) {
			pthread_detach(in->thread);
			return;
		}
	} else if (in->started) {
		pthread_join(in->thread, NULL);
	}
	queue_free(in->queue);
	reader_close(in->reader);
	input_close(in->answers);
	input_close(in->input);
	targets_close(in->space);
	free(in->pairs);
	free(in);
}
