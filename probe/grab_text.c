#include "probe/grab_text.h"

#include <string.h>

/* The length of the UTF-8 sequence at s, 1 to 4 bytes; 0: there is none.  RFC 3629
 * section 4: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
static unsigned utf8_length(const uint8_t *s, size_t n)
{
	unsigned len = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;

	if (len == 1)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4 || len > n)
		return 0;
	for (unsigned i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

/* U+0000 to U+001F, U+007F to U+009F; s is a sequence of len bytes. */
static bool is_control(const uint8_t *s, unsigned len)
{
	return len == 1 ? s[0] < 0x20 || s[0] == 0x7f
	                : len == 2 && s[0] == 0xc2 && s[1] < 0xa0;
}

static void json_control(struct writer *w, unsigned c)
{
	switch (c) {
	case '\n': writer_write(w, "\\n", 2); break;
	case '\r': writer_write(w, "\\r", 2); break;
	case '\t': writer_write(w, "\\t", 2); break;
	default: writer_printf(w, "\\u%04x", c);
	}
}

void text_json(struct writer *w, const uint8_t *s, size_t n)
{
	size_t kept = 0; /* so far written */

	writer_write(w, "\"", 1);
	for (size_t i = 0; i < n;) {
		unsigned len = utf8_length(s + i, n - i);
		bool control = len && is_control(s + i, len);

		if (len && !control && s[i] != '"' && s[i] != '\\') {
			i += len;
			continue;
		}
		writer_write(w, s + kept, i - kept);
		if (!len)
			writer_write(w, "\\ufffd", 6);
		else if (control)
			json_control(w, len == 1 ? s[i] : s[i + 1]);
		else
			writer_printf(w, "\\%c", s[i]);
		i += len ? len : 1;
		kept = i;
	}
	writer_write(w, s + kept, n - kept);
	writer_write(w, "\"", 1);
}

static void csv_escape(struct writer *w, uint8_t c)
{
	switch (c) {
	case '\n': writer_write(w, "\\n", 2); break;
	case '\r': writer_write(w, "\\r", 2); break;
	case '\t': writer_write(w, "\\t", 2); break;
	case '\\': writer_write(w, "\\\\", 2); break;
	case '"': writer_write(w, "\"\"", 2); break;
	default: writer_printf(w, "\\x%02x", c);
	}
}

void text_csv_inner(struct writer *w, const uint8_t *s, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n;) {
		unsigned len = utf8_length(s + i, n - i);

		if (len && !is_control(s + i, len) && s[i] != '"' && s[i] != '\\') {
			i += len;
			continue;
		}
		writer_write(w, s + kept, i - kept);
		for (unsigned k = 0; k < (len ? len : 1); k++)
			csv_escape(w, s[i + k]);
		i += len ? len : 1;
		kept = i;
	}
	writer_write(w, s + kept, n - kept);
}

void text_csv(struct writer *w, const uint8_t *s, size_t n)
{
	bool quoted = memchr(s, ',', n) || memchr(s, '"', n);

	writer_write(w, "\"", quoted ? 1 : 0);
	text_csv_inner(w, s, n);
	writer_write(w, "\"", quoted ? 1 : 0);
}

bool text_is_plain(const uint8_t *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		unsigned len = s[i] ? utf8_length(s + i, n - i) : 0;

		if (!len)
			return false;
		i += len;
	}
	return true;
}

void text_hex(struct writer *w, const uint8_t *s, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		const char pair[2] = { digits[s[i] >> 4], digits[s[i] & 15] };

		writer_write(w, pair, 2);
	}
}

void text_base64(struct writer *w, const uint8_t *s, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i;
		uint32_t v = (uint32_t)s[i] << 16;
		char out[4];

		if (left > 1)
			v |= (uint32_t)s[i + 1] << 8;
		if (left > 2)
			v |= s[i + 2];
		for (unsigned k = 0; k < 4; k++)
			out[k] = digits[v >> (18 - 6 * k) & 63];
		if (left < 3)
			out[3] = '=';
		if (left < 2)
			out[2] = '=';
		writer_write(w, out, 4);
	}
}
