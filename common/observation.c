#include "common/observation.h"

#include <stdio.h>
#include <string.h>

#include "common/obs_value.h"

enum { FIELDS_DEFAULT = 9 };

const char *obs_proto_str(enum obs_proto p)
{
	static const char *const names[OBS_PROTOS] = {
		[OBS_ICMP] = "icmp",
		[OBS_ICMP6] = "icmp6",
		[OBS_TCP] = "tcp",
		[OBS_UDP] = "udp",
	};

	return (unsigned)p < OBS_PROTOS ? names[p] : "unknown";
}

const char *obs_outcome_str(enum obs_outcome o)
{
	static const char *const names[OBS_OUTCOMES] = {
		[OBS_SILENT] = "silent",
		[OBS_OPEN] = "open",
		[OBS_CLOSED] = "closed",
		[OBS_UNREACHABLE] = "unreachable",
		[OBS_TIME_EXCEEDED] = "time_exceeded",
		[OBS_OTHER_ERROR] = "other_error",
	};

	return (unsigned)o < OBS_OUTCOMES ? names[o] : "unknown";
}
const char *obs_field_name(unsigned i)
{
	const struct obs_field *f = obs_field_at(i);

	return f ? f->name : NULL;
}

const char *obs_field_help(unsigned i)
{
	const struct obs_field *f = obs_field_at(i);

	return f ? f->help : NULL;
}

enum obs_kind obs_field_value(unsigned i, const struct observation *o, uint64_t *number,
                              char text[static OBS_TEXT_MAX])
{
	const struct obs_field *f = obs_field_at(i);
	struct obs_value v;

	v.kind = VALUE_NONE;
	if (f)
		f->get(&v, o);
	switch (v.kind) {
	case VALUE_NONE: break;
	case VALUE_UINT: *number = v.u; return OBS_NUMBER;
	case VALUE_TEXT: snprintf(text, OBS_TEXT_MAX, "%s", v.text); return OBS_TEXT;
	case VALUE_ADDR: addr_format(text, v.addr); return OBS_TEXT;
	}
	return OBS_NOTHING;
}

static int field_find(const char *name, size_t len)
{
	const struct obs_field *f;

	for (unsigned i = 0; (f = obs_field_at(i)); i++)
		if (strlen(f->name) == len && !memcmp(f->name, name, len))
			return (int)i;
	return -1;
}

int obs_fields_parse(struct obs_fields *f, const char *text, struct diag *d)
{
	struct obs_fields x = { .n = 0 };

	if (!text || strcmp(text, "*") == 0) {
		while (obs_field_at(x.n) && (text || x.n < FIELDS_DEFAULT)) {
			x.index[x.n] = (uint8_t)x.n;
			x.n++;
		}
		*f = x;
		return 0;
	}
	for (;;) {
		size_t len = strcspn(text, ",");
		int i = field_find(text, len);

		if (i < 0)
			return diag_set(d, ERR_PARSE, "unknown output field '%.*s'",
			                len < 64 ? (int)len : 64, text);
		if (x.n == OBS_FIELDS_MAX)
			return diag_set(d, ERR_PARSE, "more than %d output fields",
			                OBS_FIELDS_MAX);
		x.index[x.n++] = (uint8_t)i;
		if (!text[len])
			break;
		text += len + 1;
	}
	*f = x;
	return 0;
}

static char *put_uint(char *p, uint64_t u)
{
	char digits[20];
	unsigned n = 0;

	do
		digits[n++] = (char)('0' + u % 10);
	while (u /= 10);
	while (n)
		*p++ = digits[--n];
	return p;
}

/* RFC 4180 section 2: quotes around a comma, a quote or a line end. */
static char *put_csv_text(char *p, const char *s)
{
	if (!s[strcspn(s, ",\"\r\n")])
		return stpcpy(p, s);
	*p++ = '"';
	for (; *s; s++) {
		if (*s == '"')
			*p++ = '"';
		*p++ = *s;
	}
	*p++ = '"';
	return p;
}

/* RFC 8259 section 7. */
static char *put_json_text(char *p, const char *s)
{
	static const char hex[] = "0123456789abcdef";

	*p++ = '"';
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x20) {
			p = stpcpy(p, "\\u00");
			*p++ = hex[c >> 4];
			*p++ = hex[c & 15];
			continue;
		}
		if (c == '"' || c == '\\')
			*p++ = '\\';
		*p++ = *s;
	}
	*p++ = '"';
	return p;
}

/* A line fits: no text is longer than OBS_VALUE_TEXT_MAX, and escaping makes at most
 * six bytes of one. */
enum { LINE_SIZE = OBS_FIELDS_MAX * (OBS_VALUE_TEXT_MAX * 6 + 32) };

void obs_write_csv_header(struct writer *w, const struct obs_fields *f)
{
	char line[LINE_SIZE], *p = line;

	for (unsigned i = 0; i < f->n; i++) {
		if (i)
			*p++ = ',';
		p = put_csv_text(p, obs_field_at(f->index[i])->name);
	}
	*p++ = '\n';
	writer_write(w, line, (size_t)(p - line));
}

void obs_write_csv(struct writer *w, const struct obs_fields *f,
                   const struct observation *o)
{
	char line[LINE_SIZE], *p = line;

	for (unsigned i = 0; i < f->n; i++) {
		struct obs_value v;

		if (i)
			*p++ = ',';
		v.kind = VALUE_NONE;
		obs_field_at(f->index[i])->get(&v, o);
		switch (v.kind) {
		case VALUE_NONE: break;
		case VALUE_UINT: p = put_uint(p, v.u); break;
		case VALUE_TEXT: p = put_csv_text(p, v.text); break;
		case VALUE_ADDR: p += addr_format(p, v.addr); break;
		}
	}
	*p++ = '\n';
	writer_write(w, line, (size_t)(p - line));
}

void obs_write_json(struct writer *w, const struct obs_fields *f,
                    const struct observation *o)
{
	char line[LINE_SIZE], *p = line;

	*p++ = '{';
	for (unsigned i = 0; i < f->n; i++) {
		const struct obs_field *field = obs_field_at(f->index[i]);
		struct obs_value v;

		if (i)
			*p++ = ',';
		p = put_json_text(p, field->name);
		*p++ = ':';
		v.kind = VALUE_NONE;
		field->get(&v, o);
		switch (v.kind) {
		case VALUE_NONE: p = stpcpy(p, "null"); break;
		case VALUE_UINT: p = put_uint(p, v.u); break;
		case VALUE_TEXT: p = put_json_text(p, v.text); break;
		case VALUE_ADDR:
			*p++ = '"';
			p += addr_format(p, v.addr);
			*p++ = '"';
			break;
		}
	}
	*p++ = '}';
	*p++ = '\n';
	writer_write(w, line, (size_t)(p - line));
}
