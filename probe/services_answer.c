/* What a server's first bytes say it is. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "probe/services.h"

struct text {
	const uint8_t *s;
	size_t n;
};

static bool begins(struct text t, const char *prefix)
{
	size_t n = strlen(prefix);

	return t.n >= n && !memcmp(t.s, prefix, n);
}

/* Where a word is, letters of either case; SIZE_MAX: nowhere. */
static size_t find(struct text t, size_t from, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = from; i + n <= t.n; i++)
		if (!strncasecmp((const char *)t.s + i, word, n))
			return i;
	return SIZE_MAX;
}

static bool has(struct text t, const char *word)
{
	return find(t, 0, word) != SIZE_MAX;
}

/* From at to the next of the given bytes, without blanks at both ends. */
static struct service_slice cut(struct text t, size_t at, const char *stop)
{
	size_t end = at;

	while (end < t.n && t.s[end] && !strchr(stop, t.s[end]))
		end++;
	while (at < end && isspace(t.s[at]))
		at++;
	while (end > at && isspace(t.s[end - 1]))
		end--;
	return (struct service_slice){ (uint32_t)at, (uint32_t)(end - at) };
}

/* --- protocols of lines ------------------------------------------------------ */

/* "SSH-2.0-software comments" */
static void ssh(struct service_answer *a, struct text t)
{
	size_t at = 4;

	while (at < t.n && t.s[at] != '-' && t.s[at] != '\n')
		at++;
	a->product = cut(t, at + 1, "\r\n");
}

static void after_code(struct service_answer *a, struct text t)
{
	a->product = cut(t, 4, "\r\n");
}

static struct service_slice header(struct text t, const char *name)
{
	size_t end = find(t, 0, "\r\n\r\n"), at = find(t, 0, name);
	struct service_slice none = { 0, 0 };

	if (at == SIZE_MAX || (end != SIZE_MAX && at > end))
		return none;
	return cut(t, at + strlen(name), "\r\n");
}

static void http(struct service_answer *a, struct text t)
{
	size_t at = 5, body = find(t, 0, "\r\n\r\n"), end;

	while (at < t.n && t.s[at] != ' ' && t.s[at] != '\n')
		at++;
	for (unsigned i = 1; i <= 3 && at + i < t.n && isdigit(t.s[at + i]); i++)
		a->http_status = 10 * a->http_status + (unsigned)(t.s[at + i] - '0');
	if (a->http_status < 100)
		a->http_status = 0;
	a->product = header(t, "\nserver:");
	a->http_location = header(t, "\nlocation:");
	at = body == SIZE_MAX ? SIZE_MAX : find(t, body, "<title");
	if (at == SIZE_MAX)
		return;
	for (end = at; end < t.n && t.s[end] != '>'; end++)
		;
	a->http_title = cut(t, end + 1, "<");
	if (end + 1 >= t.n)
		a->http_title.len = 0;
}

static void server_line(struct service_answer *a, struct text t)
{
	a->product = header(t, "\nserver:");
}

/* 220 is the greeting of FTP and of SMTP. */
static bool is_smtp(struct text t)
{
	return begins(t, "220") &&
	       (has(t, "smtp") || has(t, "mail") || has(t, "postfix") || has(t, "exim"));
}

static bool is_ftp(struct text t)
{
	return begins(t, "220") && has(t, "ftp");
}

static bool is_nntp(struct text t)
{
	return (begins(t, "200 ") || begins(t, "201 ")) &&
	       (has(t, "nntp") || has(t, "news") || has(t, "innd"));
}

static bool is_irc(struct text t)
{
	return begins(t, "NOTICE ") ||
	       (begins(t, ":") && (has(t, " NOTICE ") || has(t, " 020 ")));
}

/* --- binary protocols -------------------------------------------------------- */

static bool is_tls(struct text t)
{
	return t.n >= 5 && (t.s[0] == 0x15 || t.s[0] == 0x16) && t.s[1] == 3 &&
	       t.s[2] <= 4;
}

static bool is_telnet(struct text t)
{
	return t.n >= 3 && t.s[0] == 0xff && t.s[1] >= 0xfa && t.s[1] <= 0xfe;
}

/* A greeting (10) or an error (255) in the first packet of a connection. */
static bool is_mysql(struct text t)
{
	return t.n >= 8 && t.s[3] <= 1 && t.s[2] == 0 &&
	       ((t.s[4] == 10 && isdigit(t.s[5])) || (t.s[4] == 255 && t.s[6] >= 4));
}

static void mysql(struct service_answer *a, struct text t)
{
	size_t end = 5;

	if (t.s[4] != 10)
		return;
	while (end < t.n && t.s[end])
		end++;
	a->product = (struct service_slice){ 5, (uint32_t)(end - 5) };
}

static bool is_rdp(struct text t)
{
	return t.n >= 11 && t.s[0] == 3 && t.s[1] == 0 && t.s[5] == 0xd0;
}

static bool is_mqtt(struct text t)
{
	return t.n >= 4 && t.s[0] == 0x20 && t.s[1] == 2 && t.s[2] <= 1 && t.s[3] <= 5;
}

static bool is_ldap(struct text t)
{
	return t.n >= 7 && t.s[0] == 0x30 &&
	       memchr(t.s + 2, 0x61, t.n < 12 ? t.n - 2 : 10);
}

static bool is_bgp(struct text t)
{
	for (unsigned i = 0; i < 16; i++)
		if (i >= t.n || t.s[i] != 0xff)
			return false;
	return true;
}

static bool is_dns(struct text t)
{
	return t.n >= 14 && t.s[2] == 0x5e && t.s[3] == 0x78 && t.s[4] & 0x80;
}

/* The first character string of the first answer to data/service-probes.txt's
 * question, behind its 12 + 18 bytes and a length: version.bind. */
static void dns(struct service_answer *a, struct text t)
{
	size_t at = 2 + 12 + 18;

	if (t.n <= at || (t.s[8] | t.s[9]) == 0)
		return;
	if (t.s[at] < 0xc0) {
		while (at < t.n && t.s[at])
			at += (size_t)t.s[at] + 1;
		at--;
	}
	at += 2 + 10; /* name; type, class, TTL, length */
	if (at < t.n && at + 1 + t.s[at] <= t.n)
		a->product = (struct service_slice){ (uint32_t)at + 1, t.s[at] };
}

static bool is_postgresql(struct text t)
{
	return (t.n == 1 && (t.s[0] == 'S' || t.s[0] == 'N')) ||
	       (t.n > 5 && t.s[0] == 'E' && (has(t, "SFATAL") || has(t, "FATAL")));
}

/* The first row that fits is what it is.  A row with a probe fits only what has
 * been asked for by that. */
static const struct signature {
	const char *service, *prefix, *probe;
	bool (*test)(struct text t);
	void (*more)(struct service_answer *a, struct text t);
} signatures[] = {
	{ "ssh", "SSH-", NULL, NULL, ssh },
	{ "http", "HTTP/", NULL, NULL, http },
	{ "rtsp", "RTSP/", NULL, NULL, server_line },
	{ "sip", "SIP/2.0", NULL, NULL, server_line },
	{ "smtp", NULL, NULL, is_smtp, after_code },
	{ "ftp", NULL, NULL, is_ftp, after_code },
	{ "smtp", "220", "smtp", NULL, after_code },
	{ "ftp", "220", "ftp", NULL, after_code },
	{ "nntp", NULL, NULL, is_nntp, after_code },
	{ "pop3", "+OK", NULL, NULL, after_code },
	{ "imap", "* OK", NULL, NULL, after_code },
	{ "imap", "* PREAUTH", NULL, NULL, NULL },
	{ "imap", "* BYE", NULL, NULL, NULL },
	{ "rfb", "RFB 0", NULL, NULL, NULL },
	{ "rsync", "@RSYNCD:", NULL, NULL, NULL },
	{ "redis", "+PONG", NULL, NULL, NULL },
	{ "redis", "-NOAUTH", NULL, NULL, NULL },
	{ "redis", "-DENIED", NULL, NULL, NULL },
	{ "redis", "-ERR", "redis", NULL, NULL },
	{ "memcached", "VERSION ", NULL, NULL, NULL },
	{ "memcached", "ERROR\r\n", "memcached", NULL, NULL },
	{ "amqp", "AMQP", NULL, NULL, NULL },
	{ "amqp", "\x01", "amqp", NULL, NULL },
	{ "nats", "INFO {", NULL, NULL, NULL },
	{ "mpd", "OK MPD ", NULL, NULL, NULL },
	{ "svn", "( success (", NULL, NULL, NULL },
	{ "irc", NULL, NULL, is_irc, NULL },
	{ "bgp", NULL, NULL, is_bgp, NULL },
	{ "telnet", NULL, NULL, is_telnet, NULL },
	{ "tls", NULL, NULL, is_tls, NULL },
	{ "mysql", NULL, NULL, is_mysql, mysql },
	{ "postgresql", NULL, "postgresql", is_postgresql, NULL },
	{ "rdp", NULL, NULL, is_rdp, NULL },
	{ "mqtt", NULL, "mqtt", is_mqtt, NULL },
	{ "ldap", NULL, "ldap", is_ldap, NULL },
	{ "dns", NULL, "dns", is_dns, dns },
	{ "http", "<html", NULL, NULL, NULL },
	{ "http", "<!DOCTYPE", NULL, NULL, NULL },
};

static bool fits(const struct signature *s, struct text t, const char *probe)
{
	if (s->probe && (!probe || strcmp(s->probe, probe) != 0))
		return false;
	if (s->prefix && !begins(t, s->prefix))
		return false;
	return !s->test || s->test(t);
}

void service_classify(struct service_answer *a, const uint8_t *bytes, size_t n,
                      const char *probe)
{
	struct text t = { bytes, n < UINT32_MAX ? n : UINT32_MAX };

	*a = (struct service_answer){ .service = NULL };
	for (size_t i = 0; n && i < sizeof(signatures) / sizeof(signatures[0]); i++) {
		if (!fits(&signatures[i], t, probe))
			continue;
		a->service = signatures[i].service;
		if (signatures[i].more)
			signatures[i].more(a, t);
		return;
	}
}

/* --- whether more will come -------------------------------------------------- */

static bool http_is_complete(struct text t)
{
	size_t body = find(t, 0, "\r\n\r\n"), want = 0;
	struct service_slice length;

	if (body == SIZE_MAX)
		return false;
	length = header(t, "\ncontent-length:");
	if (!length.len)
		return false;
	for (size_t i = 0; i < length.len; i++) {
		if (!isdigit(t.s[length.at + i]) || want > (1 << 28))
			return false;
		want = 10 * want + (size_t)(t.s[length.at + i] - '0');
	}
	return t.n - body - 4 >= want;
}

/* A reply of FTP, SMTP and NNTP: its last line is "NNN text", not "NNN-text". */
static bool reply_is_complete(struct text t)
{
	size_t line = t.n - 1;

	if (t.s[t.n - 1] != '\n')
		return false;
	while (line && t.s[line - 1] != '\n')
		line--;
	return t.n - line >= 5 && isdigit(t.s[line]) && isdigit(t.s[line + 1]) &&
	       isdigit(t.s[line + 2]) && t.s[line + 3] != '-';
}

bool service_is_complete(const uint8_t *bytes, size_t n)
{
	static const char *const one_line[] = { "SSH-", "+OK",      "* OK",
		                                "-ERR", "+PONG",    "RFB 0",
		                                "a1 ",  "VERSION ", "-NOAUTH" };
	struct text t = { bytes, n };

	if (n == 0)
		return false;
	if (begins(t, "HTTP/"))
		return http_is_complete(t);
	for (size_t i = 0; i < sizeof(one_line) / sizeof(one_line[0]); i++)
		if (begins(t, one_line[i]))
			return bytes[n - 1] == '\n';
	if (isdigit(bytes[0]))
		return reply_is_complete(t);
	return is_mysql(t) && (size_t)(t.s[0] | t.s[1] << 8) + 4 <= n;
}
