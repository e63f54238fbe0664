/* probe/grab_text.h - foreign bytes on their way into JSON and CSV.
 *
 * Whatever they are, what comes out is valid UTF-8 without control characters, so
 * that a line stays a line and a terminal stays what it is. */
#ifndef PROBE_GRAB_TEXT_H
#define PROBE_GRAB_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/writer.h"

/* A JSON string, quotes included (RFC 8259 section 7).  What is no UTF-8 becomes
 * U+FFFD, once for each byte. */
void text_json(struct writer *w, const uint8_t *s, size_t n);

/* A CSV field.  Control characters and what is no UTF-8 become \xHH (or \r, \n,
 * \t), and a backslash becomes two, so that nothing is lost. */
void text_csv(struct writer *w, const uint8_t *s, size_t n);
/* The same, for a part of a field that the caller puts into quotes. */
void text_csv_inner(struct writer *w, const uint8_t *s, size_t n);

/* Whether text_json() keeps every byte, and there is no NUL. */
bool text_is_plain(const uint8_t *s, size_t n);

void text_hex(struct writer *w, const uint8_t *s, size_t n);
void text_base64(struct writer *w, const uint8_t *s, size_t n); /* RFC 4648 section 4 */

#endif
