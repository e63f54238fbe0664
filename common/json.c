#include "common/json.h"

#include <string.h>

enum { DEPTH = 64 };

static const char *blanks(const char *s)
{
	return s + strspn(s, " \t\r\n");
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Behind the string that begins at s, or NULL. */
static const char *skip_string(const char *s)
{
	if (*s++ != '"')
		return NULL;
	for (; *s != '"'; s++) {
		if ((unsigned char)*s < 0x20)
			return NULL;
		if (*s != '\\')
			continue;
		s++;
		if (*s == 'u') {
			for (int i = 0; i < 4; i++)
				if (!is_hex(*++s))
					return NULL;
		} else if (!*s || !strchr("\"\\/bfnrt", *s)) {
			return NULL;
		}
	}
	return s + 1;
}

static const char *skip_digits(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n ? s + n : NULL;
}

static const char *skip_number(const char *s)
{
	if (*s == '-')
		s++;
	s = *s == '0' ? s + 1 : skip_digits(s);
	if (s && *s == '.')
		s = skip_digits(s + 1);
	if (s && (*s == 'e' || *s == 'E')) {
		s++;
		s = skip_digits(s + (*s == '+' || *s == '-'));
	}
	return s;
}

static const char *skip_word(const char *s)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strncmp(s, words[i], strlen(words[i])))
			return s + strlen(words[i]);
	return NULL;
}

static const char *skip_value(const char *s, int depth);

/* "key": and blanks. */
static const char *skip_key(const char *s)
{
	s = skip_string(s);
	s = s ? blanks(s) : NULL;
	return s && *s == ':' ? blanks(s + 1) : NULL;
}

/* An array or an object, which close with end. */
static const char *skip_nested(const char *s, char end, int depth)
{
	if (depth == DEPTH)
		return NULL;
	s = blanks(s + 1);
	if (*s == end)
		return s + 1;
	for (;; s = blanks(s + 1)) {
		if (end == '}')
			s = skip_key(s);
		s = s ? skip_value(s, depth + 1) : NULL;
		if (!s)
			return NULL;
		s = blanks(s);
		if (*s == end)
			return s + 1;
		if (*s != ',')
			return NULL;
	}
}

static const char *skip_value(const char *s, int depth)
{
	switch (*s) {
	case '"': return skip_string(s);
	case '{': return skip_nested(s, '}', depth);
	case '[': return skip_nested(s, ']', depth);
	case 't':
	case 'f':
	case 'n': return skip_word(s);
	}
	return skip_number(s);
}

bool json_valid(const char *text)
{
	const char *end = skip_value(blanks(text), 0);

	return end && !*blanks(end);
}

static enum json_kind copy_string(const char *s, char *buf, size_t cap)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	size_t n = 0;

	for (s++; *s != '"'; s++) {
		if (n + 1 >= cap)
			return JSON_OTHER;
		if (*s == '\\') {
			const char *at = strchr(from, *++s);

			if (!at)
				return JSON_OTHER;
			buf[n++] = to[at - from];
		} else {
			buf[n++] = *s;
		}
	}
	buf[n] = '\0';
	return JSON_STRING;
}

static enum json_kind copy_value(const char *s, const char *end, char *buf, size_t cap)
{
	size_t n = (size_t)(end - s);

	if (*s == '"')
		return copy_string(s, buf, cap);
	if ((*s != '-' && (*s < '0' || *s > '9')) || n >= cap)
		return JSON_OTHER;
	memcpy(buf, s, n);
	buf[n] = '\0';
	return JSON_NUMBER;
}

enum json_kind json_get(const char *text, const char *key, char *buf, size_t cap)
{
	const char *s = blanks(text), *name, *end;
	size_t n = strlen(key);

	if (*s != '{')
		return JSON_NONE;
	for (s = blanks(s + 1);; s = blanks(s + 1)) {
		name = s;
		s = skip_key(s);
		end = s ? skip_value(s, 1) : NULL;
		if (!end)
			return JSON_NONE;
		if (!strncmp(name + 1, key, n) && name[n + 1] == '"')
			return copy_value(s, end, buf, cap);
		s = blanks(end);
		if (*s != ',')
			return JSON_NONE;
	}
}
