/* common/mrt_path.h - the origin of a route, from its BGP path attributes
 * (RFC 4271 section 4.3).  Internal to the MRT reader. */
#ifndef COMMON_MRT_PATH_H
#define COMMON_MRT_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PATH_SET_MAX = 255 };

struct path_origin {
	uint32_t as;                /* 0: none, or a set */
	uint32_t set[PATH_SET_MAX]; /* sorted, unique, nothing reserved */
	unsigned set_n;
};

/* attrs[0..n) are the attributes, as_size (2 or 4) the bytes of an AS number in
 * AS_PATH.  false: malformed; the origin is then none. */
bool path_origin_find(struct path_origin *o, const uint8_t *attrs, size_t n,
                      unsigned as_size);

#endif
