#include <string.h>

#include "common/err.h"
#include "seeds/names.h"

enum { NEST_MAX = 64, KEY_MAX = 32, TEXT_MAX = 16384 };

/* One line of JSON, from left to right.  Which key a string is under, is all that
 * matters; numbers and words are skipped. */
struct json {
	const char *p, *end;
	struct names *out;
	char key[NEST_MAX][KEY_MAX]; /* the key that each level is under */
	bool object[NEST_MAX];
	unsigned depth;
	char text[TEXT_MAX + 1];
};

/* Keys that hold names: crt.sh, certstream, ct dumps of zgrab, zcertificate, gungnir. */
static bool is_name_key(const char *key)
{
	static const char *const keys[] = { "name_value", "common_name",    "all_domains",
		                            "dns_names",  "domains",        "domain",
		                            "names",      "subjectaltname", "san",
		                            "cn",         "dnsnames" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(keys[i], key))
			return true;
	return false;
}

/* "*.example.org" stands for its zone; what has no dot is no name of the DNS. */
static int add_text(struct json *j, const char *text, size_t len)
{
	struct dns_name n;

	if (len > 4 && !strncmp(text, "DNS:", 4)) {
		text += 4;
		len -= 4;
	}
	while (len > 2 && text[0] == '*' && text[1] == '.') {
		text += 2;
		len -= 2;
	}
	if (!memchr(text, '.', len) || len > 253)
		return 0;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		/* Addresses, mail addresses and organisations stand there too. */
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
			return 0;
	}
	if (strspn(text, "0123456789.") >= len || !dns_name_parse_n(&n, text, len))
		return 0;
	return names_add(j->out, &n);
}

static int add_names(struct json *j, size_t len)
{
	const char *p = j->text, *end = p + len;
	int rc = 0;

	while (p < end && rc >= 0) {
		size_t n = 0;

		while (p + n < end && !memchr("\n\r\t ,;", p[n], 6))
			n++;
		if (n)
			rc = add_text(j, p, n);
		p += n + 1;
	}
	return rc;
}

/* The string that begins at p, unescaped into .text (cut at its size); \u escapes
 * become one byte that no name has.  Its length, or ERR_PARSE. */
static int get_string(struct json *j)
{
	size_t n = 0;

	for (j->p++; j->p < j->end && *j->p != '"'; j->p++) {
		char c = *j->p;

		if (c == '\\') {
			if (++j->p == j->end)
				return ERR_PARSE;
			c = *j->p == 'n'   ? '\n'
			    : *j->p == 't' ? '\t'
			    : *j->p == 'r' ? '\r'
			    : *j->p == 'u' ? '?'
			                   : *j->p;
			if (*j->p == 'u' && j->end - j->p > 4)
				j->p += 4;
		}
		if (n < TEXT_MAX)
			j->text[n++] = c;
	}
	if (j->p == j->end)
		return ERR_PARSE;
	j->p++;
	j->text[n] = '\0';
	return (int)n;
}

static void set_key(struct json *j, int len)
{
	char *key = j->key[j->depth - 1];
	int n = len < KEY_MAX ? len : KEY_MAX - 1;

	for (int i = 0; i < n; i++)
		key[i] = j->text[i] >= 'A' && j->text[i] <= 'Z' ? j->text[i] | 0x20
		                                                : j->text[i];
	key[n] = '\0';
}

static int take_string(struct json *j)
{
	int len = get_string(j);

	if (len < 0)
		return len;
	while (j->p < j->end && strchr(" \t", *j->p))
		j->p++;
	if (j->object[j->depth - 1] && j->p < j->end && *j->p == ':') {
		set_key(j, len);
		return 0;
	}
	return is_name_key(j->key[j->depth - 1]) ? add_names(j, (size_t)len) : 0;
}

/* A list is under the key of the object around it. */
static int open_level(struct json *j)
{
	if (j->depth == NEST_MAX)
		return ERR_PARSE;
	j->object[j->depth] = *j->p == '{';
	if (*j->p == '[' && j->depth)
		memcpy(j->key[j->depth], j->key[j->depth - 1], KEY_MAX);
	else
		j->key[j->depth][0] = '\0';
	j->depth++;
	j->p++;
	return 0;
}

int ct_line(struct names *n, const char *line, size_t len)
{
	struct json j = { .p = line, .end = line + len, .out = n };
	int rc = 0;

	while (j.p < j.end && rc >= 0) {
		char c = *j.p;

		if (c == '{' || c == '[') {
			rc = open_level(&j);
		} else if (c == '}' || c == ']') {
			rc = j.depth && j.object[j.depth - 1] == (c == '}') ? 0
			                                                    : ERR_PARSE;
			j.depth -= j.depth > 0;
			j.p++;
		} else if (c == '"') {
			rc = j.depth ? take_string(&j) : ERR_PARSE;
		} else if (!j.depth && c != ' ' && c != '\t' && c != ',') {
			rc = ERR_PARSE;
		} else {
			j.p++;
		}
	}
	return rc < 0 ? rc : j.depth ? ERR_PARSE : 0;
}
