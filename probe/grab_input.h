/* probe/grab_input.h - where `probe grab` gets its targets from: the command line,
 * or a list that a thread of its own reads while the loop runs (see grab_lines.h
 * for what may be in it). */
#ifndef PROBE_GRAB_INPUT_H
#define PROBE_GRAB_INPUT_H

#include "probe/ports.h"
#include "probe/probe.h"

struct grab_input;

/* Where to begin, and in which order what has no order of its own comes. */
struct grab_order {
	uint64_t seed, skip; /* so many targets are left out */
};

/* path NULL: of args, each "addr:port", or an address, a prefix or a range, of
 * which each is combined with all ports.  path "-": standard input.  ports: for
 * targets that name none; borrowed.  A list can be a file of -O binary, too. */
int grab_input_open(struct grab_input **out, const char *path, int argc, char *argv[],
                    const struct ports *ports, const struct grab_order *order,
                    bool strict, struct diag *d);

/* A probe_source's next(). */
int grab_input_next(void *ctx, struct probe_target *out, size_t max);

/* After the end: 0, or what ended the list early. */
int grab_input_result(struct grab_input *in, uint64_t *bad_lines, struct diag *d);

/* A reader that waits for more input is left behind, with what it needs. */
void grab_input_close(struct grab_input *in);

#endif
