#include "common/reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/addr_scan.h"
#include "common/input.h"
#include "common/json.h"
#include "common/log.h"

enum { BUF_SIZE = 256 * 1024, REPORTED = 3, ITEM_MAX = PREFIX_STRLEN, AHEAD = 256 };

struct reader {
	struct input *in;
	struct sha256 *digest;
	struct reader_policy policy;
	struct diag why;  /* of rc */
	int rc;           /* an error, once met, is met again */
	bool raw_end;     /* the input has no more bytes */
	bool told;        /* the count of bad lines */
	bool begun;       /* a line other than comments was seen */
	char *header;     /* it named the columns, ... */
	bool port_column; /* ... the second one a port */
	uint64_t number, good, bad;
	size_t pos, seen, len; /* unread from pos; no line end in pos .. seen - 1 */
	char *line, *line_end;
	addr_scan_fn scan; /* NULL: this processor has none */
	/* Lines that are known to be addresses, from pos on: offsets are from base.
	 * Nothing of them is read so far. */
	unsigned ahead, n_ahead;
	size_t base;
	struct addr128 addrs[AHEAD];
	struct scanned_line lines[AHEAD];
	char buf[BUF_SIZE + ADDR_SCAN_ROOM]; /* also to terminate a last line */
};

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline bool ends_field(char c)
{
	return is_blank(c) || c == ',' || c == ';' || c == '#';
}

/* End the reading with a message that quotes file:line. */
static int fail_line(struct reader *r, int rc, const char *what)
{
	r->rc = rc;
	return diag_set(&r->why, rc, "%s:%" PRIu64 ": %s", reader_name(r), r->number,
	                what);
}

/* Whether there are control bytes other than tab and line ends.  Written to be
 * vectorised: all that is not simply an address comes through here. */
static bool has_binary(const char *p, size_t n)
{
	unsigned char any = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		any |= (unsigned char)((c < 0x20) & (c != '\t') & (c != '\n') &
		                       (c != '\r'));
	}
	return any;
}

/* Read more bytes behind what is unread.  0, or the input's error. */
static int refill(struct reader *r)
{
	ssize_t n;

	memmove(r->buf, r->buf + r->pos, r->len - r->pos);
	r->seen -= r->pos;
	r->len -= r->pos;
	r->pos = 0;
	n = input_read(r->in, r->buf + r->len, BUF_SIZE - r->len, &r->why);
	if (n < 0)
		return r->rc = (int)n;
	if (n == 0)
		r->raw_end = true;
	r->len += (size_t)n;
	return 0;
}

/* NULL, or why the line up to end is none. */
static const char *line_fault(const struct reader *r, size_t end)
{
	if (has_binary(r->buf + r->pos, end - r->pos))
		return "binary data, not a text file";
	return end - r->pos > READER_LINE_MAX ? "line longer than 65536 bytes" : NULL;
}

/* The current line, or the part of it that matters, is bad. */
static int reject(struct reader *r, int rc, const char *text, size_t len, const char *why)
{
	char quoted[80];

	r->bad++;
	if (!r->policy.strict && r->bad > r->policy.reported)
		return 0;
	log_quote(quoted, sizeof(quoted), text, len);
	if (!r->policy.strict) {
		log_warn("%s:%" PRIu64 ": '%s' %s", reader_name(r), r->number, quoted,
		         why);
		return 0;
	}
	r->rc = rc;
	return diag_set(&r->why, rc, "%s:%" PRIu64 ": '%s' %s", reader_name(r), r->number,
	                quoted, why);
}

/* Go to the end of a line that may be longer than the buffer. */
static int drop_line(struct reader *r)
{
	char *nl;

	while (!(nl = memchr(r->buf + r->pos, '\n', r->len - r->pos))) {
		r->pos = r->seen = r->len;
		if (r->raw_end)
			return 0;
		if (refill(r) < 0)
			return r->rc;
	}
	r->pos = r->seen = (size_t)(nl + 1 - r->buf);
	return 0;
}

/* Bytes that are no line: the end of the reading, or one bad line. */
static int refuse_line(struct reader *r, size_t end, const char *why)
{
	int rc;

	if (!r->policy.skip_binary)
		return fail_line(r, ERR_NOT_TEXT, why);
	rc = reject(r, ERR_NOT_TEXT, r->buf + r->pos, end - r->pos, why);
	return rc < 0 ? rc : drop_line(r);
}

/* 1: the bytes from pos to *end are the next line, with a line end behind it or not;
 * 0: end; negative: error. */
static int find_line(struct reader *r, size_t *end, bool *ended)
{
	char *nl;

	while (!(nl = memchr(r->buf + r->seen, '\n', r->len - r->seen))) {
		r->seen = r->len;
		if (r->raw_end || r->len - r->pos > READER_LINE_MAX)
			break;
		if (refill(r) < 0)
			return r->rc;
	}
	if (!nl && r->pos == r->len)
		return 0;
	*end = nl ? (size_t)(nl - r->buf) : r->len;
	*ended = nl;
	r->number++;
	return 1;
}

/* 1: line .. line_end is the next line, terminated; 0: end; negative: error. */
static int next_line(struct reader *r)
{
	const char *why;
	bool ended;
	size_t end;
	int rc;

	if (r->rc)
		return r->rc;
	/* A line that was found ahead is now read in this way. */
	r->ahead += r->ahead < r->n_ahead;
	while ((rc = find_line(r, &end, &ended)) > 0 && (why = line_fault(r, end))) {
		rc = refuse_line(r, end, why);
		if (rc < 0)
			return rc;
	}
	if (rc <= 0)
		return rc;
	r->line = r->buf + r->pos;
	r->line_end = r->buf + end;
	r->pos = r->seen = end + ended;
	if (r->line_end > r->line && r->line_end[-1] == '\r')
		r->line_end--;
	*r->line_end = '\0';
	if (r->number == 1 && strncmp(r->line, "\xef\xbb\xbf", 3) == 0)
		r->line += 3;
	return 1;
}

static void tell_rest(struct reader *r)
{
	if (!r->told && r->bad > r->policy.reported)
		log_warn("%s: %" PRIu64 " more bad lines", reader_name(r),
		         r->bad - r->policy.reported);
	r->told = true;
}

static int at_end(struct reader *r)
{
	tell_rest(r);
	if (!r->bad || r->good)
		return 0;
	r->rc = ERR_PARSE;
	return diag_set(&r->why, ERR_PARSE, "%s: not one good line (%" PRIu64 " bad)",
	                reader_name(r), r->bad);
}

/* Range or single address as a prefix, when it is one. */
static void find_prefix(struct reader_item *it)
{
	unsigned len = addr_common_bits(it->first, it->last);
	struct prefix p = prefix_make(it->first, len);

	it->is_prefix = addr_eq(p.addr, it->first) && addr_eq(prefix_last(p), it->last);
	it->len = it->is_prefix ? (uint8_t)len : 0;
}

/* The n bytes at s and the m bytes at t are the ends of a range. */
static const char *parse_range(struct reader_item *it, const char *s, size_t n,
                               const char *t, size_t m)
{
	if (!addr_parse_n(&it->first, s, n) || !addr_parse_n(&it->last, t, m))
		return "is not a range of addresses";
	if (addr_is_v4(it->first) != addr_is_v4(it->last))
		return "is a range from one address family to the other";
	if (addr_cmp(it->first, it->last) > 0)
		return "is a range that ends before it starts";
	find_prefix(it);
	return NULL;
}

/* A letter that no address has, in something that no address is. */
static bool looks_like_host_name(const char *s, size_t n)
{
	bool other = false;

	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (c == ':' || c == '/' || (c & 0x80))
			return false;
		other |= (c >= 'g' && c <= 'z') || (c >= 'G' && c <= 'Z');
	}
	return other && memchr(s, '.', n);
}

/* NULL, or what is wrong with the field. */
static const char *parse_field(struct reader_item *it, const char *s, const char *end)
{
	size_t n = (size_t)(end - s);
	const char *dash = memchr(s, '-', n);
	char text[ITEM_MAX];
	struct prefix p;

	if (addr_parse_n(&it->first, s, n)) {
		it->last = it->first;
		it->is_prefix = true;
		it->len = 128;
		return NULL;
	}
	if (looks_like_host_name(s, n))
		return "is a host name: only addresses are accepted";
	if (dash)
		return parse_range(it, s, (size_t)(dash - s), dash + 1,
		                   (size_t)(end - dash - 1));
	if (n >= sizeof(text) || !memchr(s, '/', n))
		return "is not an address";
	memcpy(text, s, n);
	text[n] = '\0';
	if (!prefix_parse(&p, text))
		return "is not a prefix";
	it->first = p.addr;
	it->last = prefix_last(p);
	it->is_prefix = true;
	it->len = p.len;
	return NULL;
}

/* "a.b.c.d:port" or "[addr]:port" in the n bytes at s. */
static bool parse_pair(struct reader_item *it, const char *s, size_t n)
{
	const char *colon = memrchr(s, ':', n), *p;
	size_t len = colon ? (size_t)(colon - s) : 0;
	unsigned port = 0;

	if (len < 2)
		return false;
	for (p = colon + 1; p < s + n && *p >= '0' && *p <= '9' && port <= UINT16_MAX;
	     p++)
		port = 10 * port + (unsigned)(*p - '0');
	if (p != s + n || port < 1 || port > UINT16_MAX)
		return false;
	if (s[0] == '[' && s[len - 1] == ']') {
		if (!addr_parse_n(&it->first, s + 1, len - 2))
			return false;
	} else if (!addr_parse_n(&it->first, s, len) || !addr_is_v4(it->first) ||
	           memchr(s, ':', len)) {
		return false;
	}
	it->last = it->first;
	it->is_prefix = true;
	it->len = 128;
	it->port = (uint16_t)port;
	return true;
}

static bool read_port(uint16_t *port, const char *s, size_t n)
{
	unsigned v = 0;

	if (n == 0 || n > 5)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = 10 * v + (unsigned)(s[i] - '0');
	}
	*port = (uint16_t)v;
	return v > 0 && v <= UINT16_MAX;
}

/* The first of the keys, NULL at the end, that the line's object has as a string or
 * a number. */
static bool json_first(const char *s, const char *const *keys, char *buf, size_t cap)
{
	for (; *keys; keys++) {
		enum json_kind kind = json_get(s, *keys, buf, cap);

		if (kind == JSON_STRING || kind == JSON_NUMBER)
			return true;
	}
	return false;
}

/* NULL, or what is wrong with the line. */
static const char *parse_json(struct reader_item *it, const char *s)
{
	static const char *const addrs[] = { "ip",      "target", "saddr", "addr",
		                             "address", "host",   NULL };
	static const char *const ports[] = { "port", "sport", NULL };
	char addr[ITEM_MAX], port[8];

	if (!json_first(s, addrs, addr, sizeof(addr)))
		return "is no JSON object with an \"ip\"";
	if (!addr_parse(&it->first, addr))
		return "has no address in its \"ip\"";
	it->last = it->first;
	it->is_prefix = true;
	it->len = 128;
	if (json_first(s, ports, port, sizeof(port)) && strcmp(port, "0") != 0 &&
	    !read_port(&it->port, port, strlen(port)))
		return "has no port in its \"port\"";
	return NULL;
}

static char *skip_blanks(char *s)
{
	while (is_blank(*s))
		s++;
	return s;
}

static char *field_end(char *s)
{
	while (*s && !ends_field(*s))
		s++;
	return s;
}

/* The item at the start of s; *len is how much of s it takes.  NULL, or what
 * is wrong with it. */
static const char *parse_item(struct reader_item *it, char *s, char *end, size_t *len)
{
	char *field = end, *next;
	const char *why;

	*len = (size_t)(end - s);
	/* Most lines are an address and nothing else. */
	if (addr_parse_n(&it->first, s, *len)) {
		it->last = it->first;
		it->is_prefix = true;
		it->len = 128;
		return NULL;
	}
	if (*s == '"' && (field = strchr(s + 1, '"'))) {
		*len = (size_t)(field + 1 - s);
		return parse_field(it, s + 1, field);
	}
	field = field_end(s);
	next = skip_blanks(field);
	/* "a - b": to take a alone would let the rest of a blocked range through. */
	if (next > field && next[0] == '-' && is_blank(next[1]) &&
	    addr_parse_n(&it->first, s, (size_t)(field - s))) {
		next = skip_blanks(next + 1);
		end = field_end(next);
		*len = (size_t)(end - s);
		return parse_range(it, s, (size_t)(field - s), next,
		                   (size_t)(end - next));
	}
	why = parse_field(it, s, field);
	*len = (size_t)(field - s);
	return why;
}

static bool is_usual_name(const char *s, size_t len)
{
	static const char *const names[] = {
		"prefix",  "prefixes", "network", "net",       "cidr",    "subnet",
		"range",   "ip",       "ips",     "ipv4",      "ipv6",    "addr",
		"saddr",   "daddr",    "address", "addresses", "host",    "hosts",
		"start",   "first",    "target",  "ipv6_addr", "ip_addr", "ipaddr",
		"targets", "src",      "dst",
	};

	if (len > 2 && s[0] == '"' && s[len - 1] == '"') {
		s++;
		len -= 2;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == len && !strncasecmp(names[i], s, len))
			return true;
	return false;
}

/* Whether the line that begins with the len bytes at s names columns.  A word alone
 * has to be a usual name, for it may as well be what should have been an address; of
 * several columns the first one may have any name: no digit, and not a host's. */
static bool is_header(const struct reader *r, const char *s, size_t len)
{
	const char *next = s + len;

	if (is_usual_name(s, len))
		return true;
	while (*next == ' ')
		next++;
	if (r->policy.known_header || !*next || !strchr(",;\t", *next))
		return false;
	for (size_t i = 0; i < len; i++)
		if (s[i] >= '0' && s[i] <= '9')
			return false;
	return !looks_like_host_name(s, len);
}

/* The n bytes at s, without blanks and quotes around them. */
static size_t strip(const char **s, size_t n)
{
	while (n && (is_blank(**s) || **s == '"')) {
		++*s;
		n--;
	}
	while (n && (is_blank((*s)[n - 1]) || (*s)[n - 1] == '"'))
		n--;
	return n;
}

static int read_header(struct reader *r, const char *s)
{
	static const char *const names[] = { "port", "sport", "dport" };
	const char *second = strchr(s, ',');
	size_t n;

	r->header = strdup(s);
	if (!r->header)
		return fail_line(r, -ENOMEM, err_str(-ENOMEM));
	if (!second)
		return 0;
	second++;
	n = strcspn(second, ",#");
	n = strip(&second, n);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (n == strlen(names[i]) && !memcmp(second, names[i], n))
			r->port_column = true;
	return 0;
}

/* The port behind a comma, at rest. */
static void find_port(const struct reader *r, struct reader_item *it, const char *rest)
{
	const char *text = rest + 1;
	size_t n;

	if (*rest != ',' || (r->header && !r->port_column))
		return;
	n = strcspn(text, ",#");
	if (!r->header && text[n] == ',')
		return;
	n = strip(&text, n);
	(void)(read_port(&it->port, text, n) || (it->port = 0));
}

static int next_item(struct reader *r, struct reader_item *item)
{
	struct reader_item it;
	int rc;

	while ((rc = next_line(r)) > 0) {
		char *s = skip_blanks(r->line);
		int bad = ERR_PARSE;
		const char *why;
		size_t len;

		if (!*s || *s == '#' || *s == ';')
			continue;
		it.port = 0;
		if (r->policy.ports && *s == '{') {
			why = parse_json(&it, s);
			len = (size_t)(r->line_end - s);
		} else {
			why = parse_item(&it, s, r->line_end, &len);
			if (why && r->policy.ports && parse_pair(&it, s, len))
				why = NULL;
			else if (!why && r->policy.ports && !it.port)
				find_port(r, &it, s + len);
		}
		if (!why && r->policy.v6_only && addr_is_v4(it.first)) {
			why = "is IPv4, in a list of IPv6 addresses";
			bad = ERR_FAMILY;
		}
		if (!why) {
			r->begun = true;
			r->good++;
			*item = it;
			return 1;
		}
		if (r->begun || !is_header(r, s, len))
			rc = reject(r, bad, s, len, why);
		else
			rc = read_header(r, s);
		r->begun = true;
		if (rc < 0)
			return rc;
	}
	return rc < 0 ? rc : at_end(r);
}

/* Read lines that are simply addresses ahead; returns how many. */
static unsigned look_ahead(struct reader *r, struct addr128 *a, size_t cap)
{
	if (r->rc || !r->scan)
		return 0;
	r->ahead = 0;
	r->base = r->pos;
	r->n_ahead = (unsigned)r->scan(a, r->lines, cap < AHEAD ? cap : AHEAD,
	                               r->buf + r->pos, r->len - r->pos);
	return r->n_ahead;
}

/* The next n > 0 lines of those that were found ahead are read now. */
static void advance(struct reader *r, unsigned n)
{
	const struct scanned_line *l = &r->lines[r->ahead + n - 1];

	r->ahead += n;
	r->line = r->buf + (n > 1 ? r->base + l[-1].next : r->pos);
	r->line_end = r->buf + r->base + l->end;
	*r->line_end = '\0';
	r->pos = r->seen = r->base + l->next;
	r->number += n;
	r->good += n;
	r->begun = true;
}

/* The next address of those that were found ahead. */
static bool take_ahead(struct reader *r, struct addr128 *a)
{
	if (r->ahead == r->n_ahead && !look_ahead(r, r->addrs, AHEAD))
		return false;
	/* What that breaks is told in the usual way. */
	if (r->policy.v6_only && addr_is_v4(r->addrs[r->ahead]))
		return false;
	*a = r->addrs[r->ahead];
	advance(r, 1);
	return true;
}

/* The error, if that is what rc is, into the caller's diag. */
static int report(const struct reader *r, int rc, struct diag *d)
{
	return rc < 0 ? diag_set(d, rc, "%s", r->why.text) : rc;
}

int reader_open_input(struct reader **out, struct input *in,
                      const struct reader_policy *policy, struct diag *d)
{
	struct reader *r = malloc(sizeof(*r));
	addr_scan_fn scanners[ADDR_SCANNERS];

	if (!r) {
		input_close(in);
		return diag_set(d, -ENOMEM, "%s", err_str(-ENOMEM));
	}
	memset(r, 0, offsetof(struct reader, addrs));
	memset(r->buf + BUF_SIZE, 0, ADDR_SCAN_ROOM);
	r->line = r->line_end = r->buf;
	r->buf[0] = '\0';
	addr_scanners(scanners);
	r->scan = scanners[0];
	if (policy)
		r->policy = *policy;
	if (!r->policy.reported)
		r->policy.reported = REPORTED;
	r->in = in;
	if (r->policy.digest && !(r->digest = sha256_new())) {
		reader_close(r);
		return diag_set(d, -ENOMEM, "%s", err_str(-ENOMEM));
	}
	input_set_digest(in, r->digest);
	*out = r;
	return 0;
}

int reader_open(struct reader **out, const char *path, const struct reader_policy *policy,
                struct diag *d)
{
	struct input *in;
	int rc = input_open(&in, path, d);

	return rc < 0 ? rc : reader_open_input(out, in, policy, d);
}

void reader_close(struct reader *r)
{
	if (!r)
		return;
	tell_rest(r);
	input_close(r->in);
	sha256_free(r->digest);
	free(r->header);
	free(r);
}

int reader_next(struct reader *r, struct reader_item *item, struct diag *d)
{
	if (take_ahead(r, &item->first)) {
		item->last = item->first;
		item->is_prefix = true;
		item->len = 128;
		item->port = 0;
		return 1;
	}
	return report(r, next_item(r, item), d);
}

int reader_addr(struct reader *r, struct addr128 *a, struct diag *d)
{
	uint16_t port;

	return reader_addr_port(r, a, &port, d);
}

int reader_addr_port(struct reader *r, struct addr128 *a, uint16_t *port, struct diag *d)
{
	struct reader_item it;
	int rc;

	if (take_ahead(r, a)) {
		*port = 0;
		return 1;
	}
	while ((rc = next_item(r, &it)) > 0) {
		if (addr_eq(it.first, it.last)) {
			*a = it.first;
			*port = it.port;
			return 1;
		}
		r->good--;
		rc = reject(r, ERR_PARSE, r->line, (size_t)(r->line_end - r->line),
		            "is not a single address");
		if (rc < 0)
			break;
	}
	return report(r, rc, d);
}

/* Those of the buffer, without a detour. */
static size_t take_many(struct reader *r, struct addr128 *a, size_t cap)
{
	size_t n = 0;

	while (n < cap && r->ahead < r->n_ahead && take_ahead(r, &a[n]))
		n++;
	while (n < cap && r->ahead == r->n_ahead) {
		unsigned k = look_ahead(r, a + n, cap - n), good = 0;

		while (good < k && !(r->policy.v6_only && addr_is_v4(a[n + good])))
			good++;
		if (good)
			advance(r, good);
		/* Those behind one that is refused are looked at again. */
		r->n_ahead = r->ahead;
		n += good;
		if (!k || good < k)
			break;
	}
	return n;
}

ssize_t reader_addrs(struct reader *r, struct addr128 *a, size_t cap, struct diag *d)
{
	size_t n = take_many(r, a, cap);
	int rc;

	if (n)
		return (ssize_t)n;
	/* The reading of further bytes may have to wait, so it comes first. */
	rc = reader_addr(r, a, d);
	return rc <= 0 ? rc : (ssize_t)(1 + take_many(r, a + 1, cap - 1));
}

const char *reader_text(const struct reader *r)
{
	return r->line;
}

const char *reader_header(const struct reader *r)
{
	return r->header;
}

bool reader_next_listed(const struct reader *r, char **pos, struct reader_item *item)
{
	char *s = *pos ? *pos : r->line;
	size_t len;

	while (*(s += strcspn(s, ",#")) == ',') {
		struct reader_item it = { .len = 0 };

		s = skip_blanks(s + 1);
		if (*s != '"' && !parse_item(&it, s, field_end(s), &len)) {
			*item = it;
			*pos = s + len;
			return true;
		}
	}
	return false;
}

int reader_line(struct reader *r, const char **text, struct diag *d)
{
	int rc = next_line(r);

	if (rc > 0) {
		r->good++;
		*text = r->line;
	} else if (rc == 0) {
		rc = at_end(r);
	}
	return report(r, rc, d);
}

void reader_digest(struct reader *r, char hex[static SHA256_HEX])
{
	sha256_take(r->digest, hex);
}

const char *reader_name(const struct reader *r)
{
	return input_name(r->in);
}

uint64_t reader_line_number(const struct reader *r)
{
	return r->number;
}

uint64_t reader_bad(const struct reader *r)
{
	return r->bad;
}

int reader_reject(struct reader *r, int rc, struct diag *d)
{
	struct diag why = { .text = "" };
	char text[sizeof(why.text)];

	/* The caller's own words, when it has any, become part of ours. */
	snprintf(text, sizeof(text), "is refused: %s", diag_str(d, rc));
	if (d)
		*d = why;
	r->good--;
	return report(r, reject(r, rc, r->line, (size_t)(r->line_end - r->line), text),
	              d);
}
