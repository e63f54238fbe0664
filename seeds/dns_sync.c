#include "seeds/dns_sync.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

enum { WAIT_MS = 200, MSG_MAX = 65536, STATUS_S = 5 };

static void on_result(void *arg, const struct dns_result *r)
{
	struct dns_sync *s = arg;

	s->done = true;
	s->answered = r->status == DNS_ANSWERED && r->n <= MSG_MAX;
	if (!s->answered)
		return;
	memcpy(s->msg, r->msg, r->n);
	s->n = r->n;
}

int dns_sync_init(struct dns_sync *s, const struct dns_client_config *cfg,
                  const atomic_bool *stop, struct diag *d)
{
	*s = (struct dns_sync){
		.stop = stop,
		.status_ns = clock_mono_ns(),
		.msg = malloc(MSG_MAX),
	};
	if (!s->msg)
		return diag_set(d, -ENOMEM, "%s", err_str(-ENOMEM));
	return dns_client_new(&s->client, cfg, on_result, s, d);
}

void dns_sync_fini(struct dns_sync *s)
{
	dns_client_free(s->client);
	free(s->msg);
	*s = (struct dns_sync){ 0 };
}

static void tell_status(struct dns_sync *s)
{
	uint64_t now = clock_mono_ns();

	if (!s->status || now - s->status_ns < STATUS_S * NS_PER_S)
		return;
	s->status_ns = now;
	s->status(s->status_arg);
}

int dns_sync_ask(struct dns_sync *s, const struct dns_ask *q, struct dns_msg *m,
                 struct diag *d)
{
	int rc = dns_client_ask(s->client, q);

	s->done = false;
	tell_status(s);
	if (rc == ERR_POLICY)
		return diag_set(d, rc, "it is on the opt-out list");
	while (rc >= 0 && !s->done) {
		if (s->stop && *s->stop)
			return diag_set(d, ERR_STOPPED, "stopped before the end");
		rc = dns_client_step(s->client, WAIT_MS * NS_PER_MS, d);
	}
	if (rc < 0)
		return rc;
	return s->answered && dns_msg_open(m, s->msg, s->n, NULL);
}
