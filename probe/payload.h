/* probe/payload.h - what a UDP probe carries to which port.
 *
 * The table is data/udp-payloads.txt, compiled in; the user's own payload takes
 * the place of all of it.  Where the protocol brings bytes of a request back, the
 * probe's cookie is put there. */
#ifndef PROBE_PAYLOAD_H
#define PROBE_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum {
	PAYLOAD_MAX = 1272, /* bytes */
	PAYLOADS = 64,
	PAYLOAD_FILL_MAX = 16, /* bytes */
	PAYLOAD_ANYWHERE = UINT16_MAX,
};

struct payload {
	uint16_t len;
	uint16_t fill_at, fill_len; /* both even; 0: none; at most 8, as digits 16 */
	bool digits;      /* the cookie is written in hex, for protocols of text */
	uint16_t echo_at; /* where a reply has those bytes, or ANYWHERE */
	uint64_t sum;     /* of the bytes, for the checksum */
	uint8_t bytes[PAYLOAD_MAX];
};

struct payload_table {
	unsigned n;               /* payload[0] is the one for all other ports */
	uint8_t of_port[1 << 16]; /* index of its payload */
	struct payload payload[PAYLOADS];
};

/* The compiled-in table; other ports get an empty payload. */
int payload_load(struct payload_table *t, struct diag *d);

/* Lines "name ports fill hex" as in the data file, NUL-terminated; ERR_PARSE
 * names the line.  *t must be all zeros. */
int payload_parse(struct payload_table *t, const char *text, struct diag *d);

/* "hex:0a0b", "text:...", "file:NAME", "template:NAME" (fields.h): the same for every port. */
int payload_load_own(struct payload_table *t, const char *spec, struct diag *d);

/* The text with its NUL, or nothing for an empty one: the same for every port. */
int payload_load_uri(struct payload_table *t, const char *uri, struct diag *d);

#endif
