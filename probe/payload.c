#include "probe/payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "probe/packet.h"
#include "probe/ports.h"

extern const char embed_udp_payloads[];

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_hex(struct payload *p, const char *s, size_t n)
{
	if (n % 2 || n / 2 > PAYLOAD_MAX)
		return false;
	for (size_t i = 0; i < n; i += 2) {
		int hi = hex_digit(s[i]), lo = hex_digit(s[i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		p->bytes[i / 2] = (uint8_t)(hi << 4 | lo);
	}
	p->len = (uint16_t)(n / 2);
	return true;
}

/* "OFFSET:LENGTH@WHERE", "OFFSET:xLENGTH@WHERE" or "-", within a payload that has been
 * read. */
static bool read_fill(struct payload *p, const char *s)
{
	const char *colon = strchr(s, ':');
	unsigned at, len, where;
	char word[8] = "", rest;

	if (!strcmp(s, "-"))
		return true;
	if (!colon || sscanf(s, "%4u%c", &at, &rest) != 2 || rest != ':')
		return false;
	s = colon + 1;
	p->digits = *s == 'x';
	s += p->digits;
	if (sscanf(s, "%2u@%4u%c", &len, &where, &rest) == 2)
		p->echo_at = (uint16_t)where;
	else if (sscanf(s, "%2u@%3s%c", &len, word, &rest) == 2 && !strcmp(word, "any"))
		p->echo_at = PAYLOAD_ANYWHERE;
	else
		return false;
	if (at % 2 || len % 2 || len < 2 || len > (p->digits ? 16 : 8) ||
	    at + len > p->len)
		return false;
	p->fill_at = (uint16_t)at;
	p->fill_len = (uint16_t)len;
	memset(p->bytes + at, 0, len);
	return true;
}

/* The checksum of the fixed part; bytes that are filled are zeros. */
static void finish(struct payload *p)
{
	p->sum = inet_sum(0, p->bytes, p->len);
}

struct fields {
	char name[24], ports[64], fill[24];
	int hex; /* where it begins */
};

static int add_line(struct payload_table *t, const char *line, size_t n, struct diag *d)
{
	char text[2 * PAYLOAD_MAX + 160];
	struct fields f = { "", "", "", 0 };
	struct payload *p = &t->payload[t->n];
	struct ports ports = { 0 };
	int rc;

	if (n >= sizeof(text) || t->n == PAYLOADS)
		return diag_set(d, ERR_PARSE, "too long, or too many");
	memcpy(text, line, n);
	text[n] = '\0';
	if (sscanf(text, "%23s %63s %23s %n", f.name, f.ports, f.fill, &f.hex) < 3 ||
	    !f.hex || !read_hex(p, text + f.hex, n - (size_t)f.hex) ||
	    !read_fill(p, f.fill))
		return diag_set(d, ERR_PARSE, "is not 'name ports fill hex'");
	finish(p);
	rc = ports_add(&ports, f.ports, d);
	for (size_t i = 0; rc == 0 && i < ports.n; i++)
		if (ports.v[i] <= UINT16_MAX)
			t->of_port[ports.v[i]] = (uint8_t)t->n;
	ports_fini(&ports);
	t->n++;
	return rc;
}

int payload_parse(struct payload_table *t, const char *text, struct diag *d)
{
	unsigned number = 1;

	t->n = 1;
	for (; *text; number++) {
		size_t n = strcspn(text, "\n");
		struct diag why = { "" };
		int rc = 0;

		if (n && text[0] != '#')
			rc = add_line(t, text, n, &why);
		if (rc < 0)
			return diag_set(d, rc, "UDP payloads, line %u: %s", number,
			                diag_str(&why, rc));
		text += n + (text[n] != '\0');
	}
	return 0;
}

int payload_load(struct payload_table *t, struct diag *d)
{
	return payload_parse(t, embed_udp_payloads, d);
}

static int read_file(struct payload *p, const char *name, struct diag *d)
{
	FILE *f = fopen(name, "rb");
	size_t n;
	int rc = 0;

	if (!f)
		return diag_set(d, -errno, "%s: %s", name, strerror(errno));
	n = fread(p->bytes, 1, sizeof(p->bytes), f);
	if (ferror(f))
		rc = diag_set(d, -EIO, "%s: cannot be read", name);
	else if (fgetc(f) != EOF)
		rc = diag_set(d, -EMSGSIZE, "%s: more than %d bytes", name, PAYLOAD_MAX);
	p->len = (uint16_t)n;
	fclose(f);
	return rc;
}

int payload_load_own(struct payload_table *t, const char *spec, struct diag *d)
{
	struct payload *p = &t->payload[0];
	char quoted[60];
	int rc = 0;

	t->n = 1;
	if (!strncmp(spec, "file:", 5)) {
		rc = read_file(p, spec + 5, d);
	} else if (!strncmp(spec, "template:", 9)) {
		rc = read_file(p, spec + 9, d);
	} else if (!strncmp(spec, "text:", 5) && strlen(spec + 5) <= PAYLOAD_MAX) {
		p->len = (uint16_t)strlen(spec + 5);
		memcpy(p->bytes, spec + 5, p->len);
	} else if (strncmp(spec, "hex:", 4) != 0 ||
	           !read_hex(p, spec + 4, strlen(spec + 4))) {
		rc = diag_set(d, ERR_PARSE,
		              "payload '%s' is not hex:, text:, file: or template: with "
		              "at most %d "
		              "bytes",
		              log_quote(quoted, sizeof(quoted), spec, strlen(spec)),
		              PAYLOAD_MAX);
	}
	finish(p);
	return rc;
}

int payload_load_uri(struct payload_table *t, const char *uri, struct diag *d)
{
	struct payload *p = &t->payload[0];
	size_t n = strlen(uri);

	if (n + 1 > PAYLOAD_MAX)
		return diag_set(d, ERR_PARSE, "contact of more than %d bytes",
		                PAYLOAD_MAX);
	t->n = 1;
	p->len = (uint16_t)(n ? n + 1 : 0);
	memcpy(p->bytes, uri, p->len);
	finish(p);
	return 0;
}
