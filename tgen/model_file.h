/* tgen/model_file.h - the framing of a model file; private to tgen/.
 *
 * A sequence of blocks, each a payload of at most MODEL_BLOCK bytes between
 *
 *   "SXTGEN" version(1) last(1) length(4)     and     checksum(8)
 *
 * where last is 1 in the last block, the checksum is XXH3-64 of header and
 * payload seeded with the number of the block, and integers are little endian.
 * Nothing follows the last block.  A flipped, missing, added or moved byte is
 * found, and named by the offset of its block.
 *
 * Errors stick: after one, writes are ignored and reads give zeroes, so that a
 * parser reads on and checks once. */
#ifndef TGEN_MODEL_FILE_H
#define TGEN_MODEL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/err.h"

enum { MODEL_VERSION = 1, MODEL_HEADER = 12, MODEL_BLOCK = 65536 };

struct model_out;
struct model_in;

int model_create(struct model_out **out, const char *path, struct diag *d);
void model_put(struct model_out *o, const void *buf, size_t n);
void model_put_u32(struct model_out *o, uint32_t v);
void model_put_u64(struct model_out *o, uint64_t v);
void model_put_float(struct model_out *o, float v);
void model_put_addr(struct model_out *o, struct addr128 a);

/* Frees o either way; without a commit, or after an error, there is no file. */
int model_commit(struct model_out *o, struct diag *d);
void model_discard(struct model_out *o);

int model_open(struct model_in **in, const char *path, struct diag *d);
void model_close(struct model_in *in);
void model_get(struct model_in *in, void *buf, size_t n);
uint32_t model_get_u32(struct model_in *in);
uint64_t model_get_u64(struct model_in *in);
float model_get_float(struct model_in *in);
struct addr128 model_get_addr(struct model_in *in);

/* 0, or the first error; what it was is in the diag given at model_open(). */
int model_status(const struct model_in *in);

/* A value that the format does not allow: ERR_FORMAT, with file and offset. */
int model_reject(struct model_in *in, const char *what);

/* Whether more contents follow: for parts that not every file has. */
bool model_more(struct model_in *in);

/* Whether everything was read and nothing follows: 0 or an error. */
int model_end(struct model_in *in);

#endif
