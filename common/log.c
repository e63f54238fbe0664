#include "common/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"

/* The one place with mutable state of its own: how much to say, and whether a
 * status line stands unfinished on the terminal. */
static _Atomic enum log_level max_level = LOG_INFO;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool status_open;
static FILE *file; /* NULL: stderr */

void log_set_level(enum log_level level)
{
	atomic_store(&max_level, level);
}

/* One write per message, so that lines of several threads do not mix. */
__attribute__((format(printf, 3, 0))) static void
emit(enum log_level level, const char *label, const char *fmt, va_list ap)
{
	char when[32];

	if (level > atomic_load(&max_level))
		return;
	pthread_mutex_lock(&lock);
	if (status_open && !file)
		fputs("\r\033[K", stderr);
	status_open &= file != NULL;
	if (file)
		fprintf(file, "%s ", clock_format_utc(when, clock_wall_us()));
	fputs(label, file ? file : stderr);
	vfprintf(file ? file : stderr, fmt, ap);
	fputc('\n', file ? file : stderr);
	fflush(file ? file : stderr);
	pthread_mutex_unlock(&lock);
}

int log_to_file(const char *path)
{
	FILE *f = fopen(path, "ae"), *old;

	if (!f)
		return -errno;
	pthread_mutex_lock(&lock);
	old = file;
	file = f;
	pthread_mutex_unlock(&lock);
	if (old)
		fclose(old);
	return 0;
}

void log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_ERROR, "error: ", fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_WARN, "warning: ", fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_INFO, "", fmt, ap);
	va_end(ap);
}

void log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_DEBUG, "debug: ", fmt, ap);
	va_end(ap);
}

void log_status(const char *fmt, ...)
{
	bool tty = isatty(STDERR_FILENO);
	va_list ap;

	if (atomic_load(&max_level) < LOG_INFO)
		return;
	pthread_mutex_lock(&lock);
	if (status_open)
		fputs("\r\033[K", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	if (!tty)
		fputc('\n', stderr);
	status_open = tty;
	fflush(stderr);
	pthread_mutex_unlock(&lock);
}

void log_raw(const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&lock);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fflush(stderr);
	pthread_mutex_unlock(&lock);
}

const char *log_quote(char *buf, size_t cap, const char *text, size_t len)
{
	size_t n = 0, i;

	if (cap < 4) {
		if (cap)
			buf[0] = '\0';
		return buf;
	}
	for (i = 0; i < len && n < cap - 4; i++) {
		unsigned char c = (unsigned char)text[i];

		buf[n++] = c >= 0x20 && c < 0x7f ? (char)c : '?';
	}
	if (i < len) {
		memcpy(buf + n, "...", 3);
		n += 3;
	}
	buf[n] = '\0';
	return buf;
}
