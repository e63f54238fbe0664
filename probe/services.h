/* probe/services.h - what listens at a port, how to ask it, what an answer says.
 *
 * Three things: the names of ports (data/services.txt), what to say to whom
 * (data/service-probes.txt), both compiled in, and the classification of what a
 * server said.  All bytes that are looked at are foreign: nothing is assumed of
 * them, and nothing is copied. */
#ifndef PROBE_SERVICES_H
#define PROBE_SERVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/observation.h"

/* --- names of ports -------------------------------------------------------- */

struct services; /* immutable once loaded: any number of threads may ask */

int services_load(struct services **out, struct diag *d);
/* Lines "name port,port... [tcp|udp]", NUL-terminated; ERR_PARSE names the line. */
int services_parse(struct services **out, const char *text, struct diag *d);
void services_free(struct services *s);

/* NULL: no name is known.  Lives as long as s. */
const char *services_name(const struct services *s, enum obs_proto proto, uint16_t port);

/* --- what to say ----------------------------------------------------------- */

enum {
	SERVICE_PROBES = 64,
	SERVICE_STEPS = 12,
	SERVICE_BYTES = 8192, /* of all probes together */
};

enum service_step_kind {
	SERVICE_END,
	SERVICE_WAIT,
	SERVICE_SEND,
	SERVICE_EXPECT,
	SERVICE_TLS,
	SERVICE_SECURE,
	SERVICE_SILENT,
};

struct service_step {
	uint8_t kind;     /* enum service_step_kind */
	uint16_t at, len; /* of SEND and EXPECT: in struct service_probes.bytes */
};

struct service_probe {
	char name[16];
	struct service_step steps[SERVICE_STEPS + 1]; /* the last one is SERVICE_END */
};

struct service_probes {
	unsigned n; /* probe[0] is the one for all other ports */
	struct service_probe probe[SERVICE_PROBES];
	uint8_t of_port[1 << 16]; /* index of its probe */
	uint16_t n_bytes;
	uint8_t bytes[SERVICE_BYTES];
};

int service_probes_load(struct service_probes *t, struct diag *d);
/* The lines of the data file, NUL-terminated; ERR_PARSE names the line.  *t must
 * be all zeros. */
int service_probes_parse(struct service_probes *t, const char *text, struct diag *d);

/* What stands for {host}, {agent} and {me}. */
struct service_words {
	const char *host, *agent, *me;
};

/* The bytes of a SEND step with the words put in: how many, at most cap. */
size_t service_send_bytes(uint8_t *out, size_t cap, const struct service_probes *t,
                          const struct service_step *step,
                          const struct service_words *words);

/* --- what an answer says --------------------------------------------------- */

struct service_slice {
	uint32_t at, len; /* in the bytes that were classified; len 0: none */
};

struct service_answer {
	const char *service;          /* static; NULL: not known by its bytes */
	struct service_slice product; /* software and version, as it calls itself */
	unsigned http_status;         /* 0: not HTTP */
	struct service_slice http_title, http_location;
};

/* probe: the name of what was asked, which helps where an answer is short of
 * features; NULL: nothing was. */
void service_classify(struct service_answer *a, const uint8_t *bytes, size_t n,
                      const char *probe);

/* Whether an answer is complete, so that waiting for more of it is a waste: a line
 * of a protocol of lines, an HTTP message of known length. */
bool service_is_complete(const uint8_t *bytes, size_t n);

#endif
