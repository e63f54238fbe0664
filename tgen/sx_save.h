/* tgen/sx_save.h - the "sextant" algorithm in a model file; private to it.
 *
 * What can be found out again from the seeds and the weights is not written:
 * the tables, and what the model says of each item of the frontier. */
#ifndef TGEN_SX_SAVE_H
#define TGEN_SX_SAVE_H

#include "tgen/model_file.h"
#include "tgen/sx_front.h"

void sx_save(const struct sx_front *f, struct model_out *out);

/* m: initialised with its seeds; f: all zero.  0 or an error; either way both
 * can, and must, be finished. */
int sx_load(struct sx_front *f, struct sx_model *m, struct model_in *in);

#endif
