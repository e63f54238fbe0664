/* analysis/decode.h - what addr6 (SI6 toolkit, version 2.2) says of an address.
 *
 * Thread-safe: nothing but its arguments. */
#ifndef ANALYSIS_DECODE_H
#define ANALYSIS_DECODE_H

#include <stddef.h>

#include "common/addr.h"

/* By its names: "unicast", "global", "global". */
struct addr_decoded {
	const char *type, *subtype, *scope;
};
struct addr_decoded addr_decode(struct addr128 a);

/* The lines of addr6 -d, "unicast=global=global=low-byte=unspecified", ready to be
 * copied.  NULL: no memory. */
struct addr6_lines;
struct addr6_lines *addr6_lines_new(void);
void addr6_lines_free(struct addr6_lines *t);

/* A line and its end for each of n addresses, without a NUL; returns their length.  buf
 * must have room for n + 1 lines of the greatest length. */
enum { ADDR6_LINE_MAX = 80 };
size_t addr6_lines_format(const struct addr6_lines *t, char *buf, const struct addr128 *a,
                          size_t n);

/* The functions for it that this processor can run, the fastest first, ended by NULL.
 * All write the same. */
typedef size_t (*addr6_format_fn)(const struct addr6_lines *t, char *buf,
                                  const struct addr128 *a, size_t n);
enum { ADDR6_FORMATTERS = 3 };
void addr6_formatters(addr6_format_fn out[static ADDR6_FORMATTERS]);

#endif
