/* hitlist/journal.h - the files of work in progress.
 *
 *   header  32 bytes: magic, version, source, time of creation, checksum
 *   frames  24 bytes: type, length of the payload, its checksum, checksum of
 *           these; then the payload: observations (OBS_RECORD_SIZE each),
 *           addresses (16 each) or prefixes (17 each: address and length)
 *   end     a frame without payload, when the journal was closed in order
 * Checksums are XXH3-64 seeded with the offset of the frame.  One frame is one
 * write(2): the death of the process can cut the last one short, nothing else.
 *
 * So a reader takes as a torn tail, which it leaves out: fewer bytes than a
 * frame announces; a last frame whose payload is not what was written (pages
 * that a dying machine did not write); zeros up to the end.  Anything else is
 * damage: an error with file and offset. */
#ifndef HITLIST_JOURNAL_H
#define HITLIST_JOURNAL_H

#include "hitlist/hitlist.h"

struct journal_reader;

int journal_reader_open(struct journal_reader **out, const char *path, struct diag *d);
void journal_reader_close(struct journal_reader *r);

/* The same for bytes in memory, which stay the caller's. */
int journal_reader_open_bytes(struct journal_reader **out, const void *buf, size_t n,
                              const char *name, struct diag *d);

enum hitlist_source journal_reader_source(const struct journal_reader *r);
uint32_t journal_reader_created(const struct journal_reader *r); /* seconds */

/* Bytes at the end that were left out; known once the visit has ended. */
uint64_t journal_reader_torn(const struct journal_reader *r);

int journal_visit(struct journal_reader *r, const struct journal_visitor *v,
                  struct diag *d);

/* For the store: make the file and write to it; see hitlist.h for the rest.
 * *open is counted down at the close. */
int journal_create(struct journal **out, const char *path, enum hitlist_source source,
                   unsigned *open, struct diag *d);

#endif
