/* common/reader.h - addresses, prefixes and ranges from text streams.
 *
 * One item a line.  Leading and trailing blanks, CR, a UTF-8 byte order mark,
 * empty lines and comments (# to the end of the line; a line that starts with
 * ';') are skipped.  Only the first field counts: it ends at a blank, a comma,
 * a semicolon or a tab, so CSV and "prefix<TAB>AS" files can be read as they
 * are; it may stand in double quotes.  A range is "a-b", or "a - b" with blanks.
 * A first line that begins with a usual name of a column, like "ip" or "prefix", or
 * that has several columns and no digit in the first, is a header, not a fault.
 *
 * A line that cannot be understood is counted, the first few are reported with
 * file:line and the text, and it is skipped; with .strict it ends the reading.
 * What is no text at all (a NUL byte, a line over READER_LINE_MAX) ends it, unless
 * .skip_binary makes it a bad line like others; and so does a file with faults and
 * not one good line. */
#ifndef COMMON_READER_H
#define COMMON_READER_H

#include <stdint.h>
#include <sys/types.h>

#include "common/addr.h"
#include "common/addrvec.h"
#include "common/err.h"
#include "common/sha256.h"

enum { READER_LINE_MAX = 65536 };

struct reader;

struct reader_policy {
	bool strict;       /* the first bad line is an error */
	bool known_header; /* a header begins with a usual name, whatever follows */
	bool skip_binary;  /* what is no text is a bad line */
	bool v6_only;      /* an IPv4 item is a bad line (ERR_FAMILY when strict) */
	bool digest;       /* for reader_digest() */
	unsigned reported; /* how many bad lines to log; 0 means 3 */
	/* "a.b.c.d:port" and "[addr]:port" are addresses, too; "addr,port" is where
	 * there is nothing else on the line, or the file's header names the second
	 * column so; and so is a line of JSON with "ip", "target", "saddr", "addr",
	 * "address" or "host", and perhaps "port" or "sport". */
	bool ports;
};

/* A line's item: an address (len 128, or 128 for IPv4 too), a prefix, or a
 * range that need not be one. */
struct reader_item {
	struct addr128 first, last;
	bool is_prefix; /* [first, last] is the prefix of length len */
	uint8_t len;
	uint16_t port; /* 0: none was named */
};

/* policy NULL: all zero. */
int reader_open(struct reader **out, const char *path, const struct reader_policy *policy,
                struct diag *d);
/* Of an open input, which is taken, also on failure. */
struct input;
int reader_open_input(struct reader **out, struct input *in,
                      const struct reader_policy *policy, struct diag *d);
void reader_close(struct reader *r);

/* 1: the next item, 0: end, negative: error, told in *d with file:line. */
int reader_next(struct reader *r, struct reader_item *item, struct diag *d);

/* The same, for lists of single addresses: a prefix shorter than a host or a
 * range is a bad line. */
int reader_addr(struct reader *r, struct addr128 *a, struct diag *d);

/* The same, with the port that the line names; 0: none. */
int reader_addr_port(struct reader *r, struct addr128 *a, uint16_t *port, struct diag *d);

/* Many at once: up to cap > 0 of those that can be had without waiting for further
 * input, but one at least.  How many; 0: end; negative: error. */
ssize_t reader_addrs(struct reader *r, struct addr128 *a, size_t cap, struct diag *d);

/* The raw line of the last item (NUL-terminated, without line end), for those
 * who need further fields; valid until the next call. */
const char *reader_text(const struct reader *r);

/* The first line, where it names the columns; NULL: it does not, or no item was read. */
const char *reader_header(const struct reader *r);

/* Further items of the line last read, after commas, as masscan's exclude files
 * have them ("10.0.0.0/8, 192.0.2.1-192.0.2.9"): start with *pos = NULL.  What is
 * no item is a remark and skipped; false at the end or at a '#'. */
bool reader_next_listed(const struct reader *r, char **pos, struct reader_item *item);

/* Every line, uninterpreted but bounded and NUL-free: 1 and *text / 0 / error. */
int reader_line(struct reader *r, const char **text, struct diag *d);

/* At the end, with policy.digest: the SHA-256 of the file's bytes as they were. */
void reader_digest(struct reader *r, char hex[static SHA256_HEX]);

const char *reader_name(const struct reader *r);
uint64_t reader_line_number(const struct reader *r);
uint64_t reader_bad(const struct reader *r); /* bad lines so far */

/* Count the current line as bad, as if the reader had found it so: for callers
 * with rules of their own.  The reason is what *d says, else that of rc; *d is
 * empty afterwards, or, when the policy is strict, tells file:line and the reason,
 * and rc is returned. */
int reader_reject(struct reader *r, int rc, struct diag *d);

/* All addresses of a file into v (appended, in file order); on failure v has what
 * it had before. */
int reader_load(struct addrvec *v, const char *path, const struct reader_policy *policy,
                struct diag *d);

#endif
