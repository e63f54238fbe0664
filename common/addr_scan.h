/* common/addr_scan.h - lists of IPv6 addresses, by vector instructions.
 *
 * Nearly every line of a list is an address and nothing else: groups of hex digits,
 * colons, perhaps a "::".  This reads such lines many at a time, and stops at what
 * is anything else, which is for addr_parse_n() and its callers.  What it takes is
 * exactly what addr_parse_n() takes, with the same value. */
#ifndef COMMON_ADDR_SCAN_H
#define COMMON_ADDR_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

/* So many bytes behind the text must be readable, whatever they hold. */
enum { ADDR_SCAN_ROOM = 64 };

/* Counted from the start: the end of the text, and the next line. */
struct scanned_line {
	uint32_t end, next;
};

/* The first lines of the n bytes of text, at most cap of them, up to one that is
 * not simply an address or has no end ("\n" or "\r\n") there; returns how many. */
typedef size_t (*addr_scan_fn)(struct addr128 *out, struct scanned_line *lines,
                               size_t cap, const char *text, size_t n);

/* The functions that this processor can run, the fastest first, ended by NULL. */
enum { ADDR_SCANNERS = 3 };
void addr_scanners(addr_scan_fn out[static ADDR_SCANNERS]);

#endif
