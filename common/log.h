/* common/log.h - messages for people, on stderr; data never goes here. */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_QUIET, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Messages, but not the status line, go to the end of this file from now on, each
 * with its time in UTC.  0 or -errno. */
int log_to_file(const char *path);

/* Messages above this level are dropped (LOG_INFO at start). */
void log_set_level(enum log_level level);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The status line: on a terminal it is rewritten in place, elsewhere it is a
 * line of its own.  Other messages never land in the middle of it. */
void log_status(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A line of data for programs that read stderr: as it is, at any level. */
void log_raw(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Foreign bytes made printable: at most cap - 1 characters, "..." when cut. */
const char *log_quote(char *buf, size_t cap, const char *text, size_t len);

#endif
