/* probe/ports.h - lists of ports: "80,443,8000-8100".
 *
 * Ports go from 1 to 65535. */
#ifndef PROBE_PORTS_H
#define PROBE_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct ports {
	uint16_t *v; /* ascending, each once; owned */
	size_t n;
};

/* Add those that text names.  0, -ENOMEM, or ERR_PARSE with the offending part
 * in *d and *p as it was. */
int ports_add(struct ports *p, const char *text, struct diag *d);

/* Add port 0, by which the modules without ports are meant. */
int ports_add_none(struct ports *p);
void ports_fini(struct ports *p);

#endif
