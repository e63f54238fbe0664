/* common/json.h - as much of JSON (RFC 8259) as reading one line takes.
 *
 * No tree and no allocation: an object is walked, and one value is copied out. */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include <stdbool.h>
#include <stddef.h>

enum json_kind { JSON_NONE, JSON_STRING, JSON_NUMBER, JSON_OTHER };

/* Whether text is one JSON value, nested at most 64 deep, and nothing else. */
bool json_valid(const char *text);

/* The value of a key of the object that text is.  A string is copied without its
 * escapes (\u is not one that is undone: it makes JSON_OTHER), a number as it is
 * written; JSON_OTHER for what is neither or does not fit in cap bytes.  JSON_NONE:
 * no such key, or no object. */
enum json_kind json_get(const char *text, const char *key, char *buf, size_t cap);

#endif
