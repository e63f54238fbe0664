/* probe/fields.h - payloads in which something is different for each target.
 *
 * Text with ${NAME} in it, as ZMap has them: SADDR, DADDR (text), SADDR_N, DADDR_N (4 or
 * 16 bytes), SPORT, DPORT (decimal), SPORT_N, DPORT_N (2 bytes), RAND_BYTE, RAND_DIGIT,
 * RAND_ALPHA and RAND_ALPHANUM, with =N behind the name: so many of them; and ours:
 * COOKIE (8 bytes) and COOKIE_HEX (16 digits), which an answer must then bring back.
 * All of it is a function of the flow and its cookie, so a quoted probe can be told from
 * a forged one. */
#ifndef PROBE_FIELDS_H
#define PROBE_FIELDS_H

#include "probe/cookie.h"
#include "probe/payload.h"

enum { FIELDS_PIECES = 64 };

struct fields_piece {
	uint8_t kind;   /* 0: literal; else 1 + the row of its name */
	uint16_t at, n; /* literal: bytes of ->text; random: how many */
};

struct payload_fields {
	unsigned n; /* 0: none */
	struct fields_piece piece[FIELDS_PIECES];
	bool cookie, cookie_hex; /* there is one of these */
	size_t most;             /* bytes it can have */
	uint8_t text[PAYLOAD_MAX];
	size_t text_n;
};

/* ERR_PARSE tells what is wrong; *f must be all zeros. */
int fields_parse(struct payload_fields *f, const char *text, size_t n, struct diag *d);

/* Bytes written, at most f->most.  sport is our port. */
size_t fields_expand(uint8_t out[static PAYLOAD_MAX], const struct payload_fields *f,
                     const struct probe_flow *flow, uint16_t sport, uint64_t cookie);

/* Whether an answer of n bytes has the cookies that it is to have, somewhere. */
bool fields_echoed(const struct payload_fields *f, const uint8_t *answer, size_t n,
                   uint64_t cookie);

#endif
