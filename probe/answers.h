/* probe/answers.h - to read files of -O binary (see FORMAT_BINARY in formats.h). */
#ifndef PROBE_ANSWERS_H
#define PROBE_ANSWERS_H

#include "common/input.h"
#include "common/observation.h"

/* Whether an input that nothing was read of looks like one. */
bool answers_peek(struct input *in);

/* Read the header: 0, ERR_FORMAT, ERR_VERSION, or what input_read() says. */
int answers_begin(struct input *in, struct diag *d);

/* The next answer, number from 0 on: 1, 0: the end (a piece of an answer there is left
 * out, with a warning), ERR_CHECKSUM and the like. */
int answers_next(struct input *in, struct observation *o, uint64_t number,
                 struct diag *d);

#endif
