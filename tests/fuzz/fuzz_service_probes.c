/* Any text as a table of service probes, and as one of service names: refused with a
 * message, or every step within its bounds. */
#include <stdlib.h>
#include <string.h>

#include "probe/services.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_probe(const struct service_probes *t, const struct service_probe *p)
{
	const struct service_words words = { "host", "agent", "me" };
	uint8_t out[64];

	if (!memchr(p->name, 0, sizeof(p->name)))
		abort();
	for (unsigned i = 0; p->steps[i].kind != SERVICE_END; i++) {
		if (i >= SERVICE_STEPS || p->steps[i].at + p->steps[i].len > t->n_bytes)
			abort();
		if (service_send_bytes(out, sizeof(out), t, &p->steps[i], &words) >
		    sizeof(out))
			abort();
	}
}

static void check_names(const char *text)
{
	struct services *s;
	struct diag d = { "" };
	int rc = services_parse(&s, text, &d);

	if (rc < 0 && !d.text[0])
		abort();
	if (rc < 0)
		return;
	for (unsigned port = 0; port <= UINT16_MAX; port += 13) {
		const char *name = services_name(s, OBS_TCP, (uint16_t)port);

		if (name && (!*name || strlen(name) > 15))
			abort();
	}
	services_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct service_probes *t = calloc(1, sizeof(*t));
	char *text = malloc(size + 1);
	struct diag d = { "" };
	int rc;

	if (!t || !text)
		abort();
	memcpy(text, data, size);
	text[size] = 0;
	rc = service_probes_parse(t, text, &d);
	if (rc < 0 && !d.text[0])
		abort();
	for (unsigned i = 0; rc == 0 && i < t->n; i++)
		check_probe(t, &t->probe[i]);
	for (unsigned i = 0; rc == 0 && i <= UINT16_MAX; i++)
		if (t->of_port[i] >= t->n)
			abort();
	check_names(text);
	free(text);
	free(t);
	return 0;
}
