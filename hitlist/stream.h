/* hitlist/stream.h - sorted streams of records, and their merge.
 *
 * A source is a record at a time from runs that follow each other, or from a
 * sorted array; a merger draws from many sources in order of address, and folds
 * records of the same address into one, as the tier does (record_fold). */
#ifndef HITLIST_STREAM_H
#define HITLIST_STREAM_H

#include "hitlist/hitlist.h"
#include "hitlist/manifest.h"
#include "hitlist/run.h"
#include "hitlist/sort.h"

struct merger;

int merger_new(struct merger **out, enum tier t); /* or -ENOMEM */
void merger_free(struct merger *m);

/* Runs in ascending order without overlap; a reference is taken of each.
 * Records below `from` are left out. */
int merger_add_runs(struct merger *m, struct run *const *runs, size_t n,
                    struct addr128 from, struct diag *d);
/* Sorted arrays, borrowed until merger_free(); equal neighbours are allowed. */
int merger_add_records(struct merger *m, const struct host_record *r, size_t n);
int merger_add_keys(struct merger *m, const struct seen_key *k, size_t n);

/* The record that a key amounts to. */
void record_of_key(struct host_record *r, const struct seen_key *k);

/* 1 and the next record, 0 at the end, negative. */
int merger_next(struct merger *m, struct host_record *out, struct diag *d);

#endif
