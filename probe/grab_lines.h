/* probe/grab_lines.h - which open ports a line of text names.
 *
 * Understood are, mixed at will:
 *   addr:port, [addr]:port, "addr port", addr (with ports given elsewhere)
 *   CSV with a header: of `probe scan`, ZMap, and whatever has columns for an
 *   address (target, saddr, ip, addr, address, host) and a port (port, sport)
 *   JSON lines: the same names; objects nested in arrays, as in masscan's "ports"
 *   masscan's list: open tcp 80 192.0.2.1 1700000000
 * Answers that say that the port is not open (outcome, classification, success,
 * status, state), or not TCP's (proto, protocol), name none. */
#ifndef PROBE_GRAB_LINES_H
#define PROBE_GRAB_LINES_H

#include "common/addr.h"
#include "common/err.h"

enum { GRAB_LINE_PORTS = 64, GRAB_COLUMNS = 64 };

/* What earlier lines say about later ones; all zeros at the beginning. */
struct grab_lines {
	bool begun;                    /* a line has been understood */
	unsigned n_columns;            /* of a CSV header; 0: there was none */
	uint8_t columns[GRAB_COLUMNS]; /* enum in grab_lines.c */
};

struct grab_line {
	struct addr128 addr;
	uint16_t ports[GRAB_LINE_PORTS]; /* more than that on a line are not taken */
	unsigned n_ports; /* 0: the line names none, so others are to be taken */
};

/* 1: *out is filled; 0: nothing to do (a comment, a header, a closed port);
 * ERR_PARSE: what is wrong, in *d. */
int grab_line_parse(struct grab_lines *s, const char *text, struct grab_line *out,
                    struct diag *d);

#endif
