#include "probe/scan_grab.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/queue.h"
#include "probe/cmd_grab.h"

/* At 1,000 connections a second, more than four minutes of a scan that finds more. */
enum { QUEUE = 1 << 18 };

struct scan_grab {
	struct grab *grab;
	struct grab_out out;
	struct queue *queue;
	pthread_t thread;
	bool started;
	atomic_uint_fast64_t dropped;
	int rc;
	struct diag why;
};

static int next(void *ctx, struct probe_target *out, size_t max)
{
	struct scan_grab *g = ctx;
	size_t n = queue_pop(g->queue, out, max, 0);

	return n ? (int)n : queue_is_closed(g->queue) ? PROBE_SOURCE_END : 0;
}

static void *run(void *arg)
{
	struct scan_grab *g = arg;
	struct probe_source source = { next, g };
	struct grab_sink sink = { grab_out_result, &g->out };

	g->rc = grab_run(g->grab, &source, &sink, &g->why);
	return NULL;
}

/* Packets can come from anywhere, connections only from addresses that are ours. */
static bool can_connect_from(struct addr128 a)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6 };
	int off = 0, fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	addr_store(&sa.sin6_addr, a);
	ok = fd >= 0 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0 &&
	     bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

static void choose_sources(struct grab_config *cfg, const struct opt_list *ips)
{
	struct addr128 a;

	for (size_t i = 0; i < ips->n; i++)
		if (addr_parse(&a, ips->v[i]) && can_connect_from(a))
			cfg->source[!addr_is_v4(a)] = a;
}

static int set_up(struct scan_grab *g, const struct scan_grab_options *o,
                  const struct scope *scope, const atomic_bool *stop, struct diag *d)
{
	struct grab_options options = grab_option_defaults;
	struct grab_config cfg;
	int rc;

	options.banner = o->banner;
	options.tls = o->tls;
	options.early_abort = o->early_abort;
	options.contact = o->contact;
	if (o->rate > 0)
		options.rate = o->rate;
	rc = grab_plan(&cfg, &options, d);
	cfg.scope = scope;
	cfg.stop = stop;
	choose_sources(&cfg, &o->source_ips);
	if (rc == 0)
		rc = grab_new(&g->grab, &cfg, d);
	if (rc == 0)
		rc = grab_fields_parse(&g->out.fields, NULL, false, d);
	if (rc == 0)
		rc = grab_out_open(&g->out, o->file ? o->file : "-", false, o->append, d);
	g->queue = queue_new(sizeof(struct probe_target), QUEUE);
	return rc < 0 || g->queue ? rc : -ENOMEM;
}

int scan_grab_open(struct scan_grab **out, const struct scan_grab_options *o,
                   const struct scope *scope, const atomic_bool *stop, struct diag *d)
{
	struct scan_grab *g = calloc(1, sizeof(*g));
	int rc = g ? set_up(g, o, scope, stop, d) : -ENOMEM;

	if (rc == 0) {
		rc = pthread_create(&g->thread, NULL, run, g);
		if (rc)
			rc = diag_set(d, -rc, "cannot start a thread: %s", strerror(rc));
		else
			g->started = true;
	}
	if (rc < 0) {
		scan_grab_close(g);
		return rc;
	}
	*out = g;
	return 0;
}

void scan_grab_set_scope(struct scan_grab *g, const struct scope *scope)
{
	grab_set_scope(g->grab, scope);
}

void scan_grab_offer(struct scan_grab *g, const struct observation *o)
{
	struct probe_target t = { .addr = o->target, .port = o->port };

	if (o->proto != OBS_TCP || o->outcome != OBS_OPEN || o->repeat)
		return;
	if (queue_push(g->queue, &t, 1, 0) == 0)
		atomic_fetch_add_explicit(&g->dropped, 1, memory_order_relaxed);
}

static void tell(const struct scan_grab *g)
{
	uint64_t dropped = atomic_load(&g->dropped);
	struct grab_stats s;

	grab_stats(g->grab, &s);
	grab_tell_summary(&s);
	if (dropped)
		log_warn("%" PRIu64
		         " open ports were not grabbed, because more came than "
		         "--grab-rate allows; they are in the results of the scan",
		         dropped);
}

int scan_grab_finish(struct scan_grab *g, struct diag *d)
{
	int rc = 0, result;

	queue_close(g->queue);
	if (g->started) {
		pthread_join(g->thread, NULL);
		g->started = false;
	}
	if (g->rc < 0 && g->rc != ERR_STOPPED)
		rc = diag_set(d, g->rc, "%s", diag_str(&g->why, g->rc));
	else if (atomic_load(&g->out.failed))
		rc = diag_set(d, -EIO, "%s", g->out.why.text);
	result = writer_commit(g->out.w, d);
	tell(g);
	return rc < 0 ? rc : result;
}

void scan_grab_report(const struct scan_grab *g, struct writer *w)
{
	struct grab_stats s;

	grab_stats(g->grab, &s);
	grab_write_counts(w, "grab_", &s);
	writer_printf(w, ",\n  \"grab_dropped\": %" PRIuFAST64,
	              atomic_load_explicit(&g->dropped, memory_order_relaxed));
}

void scan_grab_close(struct scan_grab *g)
{
	if (!g)
		return;
	if (g->queue)
		queue_close(g->queue);
	if (g->started)
		pthread_join(g->thread, NULL);
	grab_free(g->grab);
	grab_out_close(&g->out);
	queue_free(g->queue);
	free(g);
}
