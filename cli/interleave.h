/* cli/interleave.h - spread a batch of candidates over the networks it names. */
#ifndef CLI_INTERLEAVE_H
#define CLI_INTERLEAVE_H

#include <stddef.h>

#include "tgen/tgen.h"

/* Reorder c[0..n): first every /48's first candidate, then every /48's second
 * one, and so on, each round in the order given; so neighbours on the wire go
 * to different sites where the batch allows it.  0 or -ENOMEM (unchanged). */
int interleave(struct tgen_candidate *c, size_t n);

#endif
