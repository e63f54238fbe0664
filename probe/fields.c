#include "probe/fields.h"

#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/opt.h"
#include "common/rng.h"
#include "probe/wire.h"

enum kind {
	KIND_TEXT,
	KIND_SADDR,
	KIND_DADDR,
	KIND_SADDR_N,
	KIND_DADDR_N,
	KIND_SPORT,
	KIND_DPORT,
	KIND_SPORT_N,
	KIND_DPORT_N,
	KIND_RAND_BYTE,
	KIND_RAND_DIGIT,
	KIND_RAND_ALPHA,
	KIND_RAND_ALPHANUM,
	KIND_COOKIE,
	KIND_COOKIE_HEX,
};

enum { COOKIE_BYTES = 8, COOKIE_DIGITS = 16 };

/* Names and the most bytes that one of them makes. */
static const struct {
	const char *name;
	uint8_t most;
} names[] = {
	[KIND_TEXT] = { "", 1 },
	[KIND_SADDR] = { "SADDR", ADDR_STRLEN - 1 },
	[KIND_DADDR] = { "DADDR", ADDR_STRLEN - 1 },
	[KIND_SADDR_N] = { "SADDR_N", 16 },
	[KIND_DADDR_N] = { "DADDR_N", 16 },
	[KIND_SPORT] = { "SPORT", 5 },
	[KIND_DPORT] = { "DPORT", 5 },
	[KIND_SPORT_N] = { "SPORT_N", 2 },
	[KIND_DPORT_N] = { "DPORT_N", 2 },
	[KIND_RAND_BYTE] = { "RAND_BYTE", 1 },
	[KIND_RAND_DIGIT] = { "RAND_DIGIT", 1 },
	[KIND_RAND_ALPHA] = { "RAND_ALPHA", 1 },
	[KIND_RAND_ALPHANUM] = { "RAND_ALPHANUM", 1 },
	[KIND_COOKIE] = { "COOKIE", COOKIE_BYTES },
	[KIND_COOKIE_HEX] = { "COOKIE_HEX", COOKIE_DIGITS },
};

enum { KINDS = sizeof(names) / sizeof(names[0]) };

static bool is_random(unsigned kind)
{
	return kind >= KIND_RAND_BYTE && kind <= KIND_RAND_ALPHANUM;
}

static bool add_piece(struct payload_fields *f, unsigned kind, size_t at, size_t n)
{
	size_t most = names[kind].most * n;

	if (f->n == FIELDS_PIECES || n > PAYLOAD_MAX || f->most + most > PAYLOAD_MAX)
		return false;
	f->piece[f->n++] =
		(struct fields_piece){ (uint8_t)kind, (uint16_t)at, (uint16_t)n };
	f->most += most;
	f->cookie |= kind == KIND_COOKIE;
	f->cookie_hex |= kind == KIND_COOKIE_HEX;
	return true;
}

static bool add_text(struct payload_fields *f, const char *text, size_t n)
{
	if (n == 0)
		return true;
	if (n > sizeof(f->text) - f->text_n || !add_piece(f, KIND_TEXT, f->text_n, n))
		return false;
	memcpy(f->text + f->text_n, text, n);
	f->text_n += n;
	return true;
}

/* "NAME" or "NAME=N": 0 when it is neither. */
static unsigned read_name(const char *s, size_t n, size_t *count)
{
	const char *eq = memchr(s, '=', n);
	size_t len = eq ? (size_t)(eq - s) : n;
	char digits[8] = "";
	uint64_t v = 1;
	unsigned kind = 1;

	while (kind < KINDS &&
	       (strlen(names[kind].name) != len || memcmp(names[kind].name, s, len) != 0))
		kind++;
	if (kind == KINDS)
		return 0;
	if (eq) {
		if (!is_random(kind) || n - len - 1 >= sizeof(digits))
			return 0;
		memcpy(digits, eq + 1, n - len - 1);
		if (!opt_parse_count(&v, digits) || v < 1 || v > PAYLOAD_MAX)
			return 0;
	}
	*count = (size_t)v;
	return kind;
}

static const char *find(const char *s, const char *end, const char *what)
{
	return memmem(s, (size_t)(end - s), what, strlen(what));
}

int fields_parse(struct payload_fields *f, const char *text, size_t n, struct diag *d)
{
	const char *end = text + n, *s = text, *field;

	while ((field = find(s, end, "${"))) {
		const char *close = find(field, end, "}");
		size_t len = close ? (size_t)(close - field - 2) : 0, count = 0;
		unsigned kind = close ? read_name(field + 2, len, &count) : 0;
		char quoted[40];

		if (!kind)
			return diag_set(d, ERR_PARSE, "payload field '%s' is none",
			                log_quote(quoted, sizeof(quoted), field,
			                          (size_t)(end - field)));
		if (!add_text(f, s, (size_t)(field - s)) || !add_piece(f, kind, 0, count))
			goto too_long;
		s = close + 1;
	}
	if (add_text(f, s, (size_t)(end - s)))
		return 0;
too_long:
	return diag_set(d, ERR_PARSE,
	                "the payload may have more than %d bytes, or has more than %d "
	                "fields",
	                PAYLOAD_MAX, FIELDS_PIECES / 2);
}

static void put_addr(struct wire_out *w, struct addr128 a)
{
	char text[ADDR_STRLEN];

	wire_put(w, text, (size_t)addr_format(text, a));
}

static void put_decimal(struct wire_out *w, unsigned v)
{
	char text[8];

	wire_put(w, text, (size_t)snprintf(text, sizeof(text), "%u", v));
}

static void put_hex(uint8_t out[COOKIE_DIGITS], uint64_t v)
{
	for (unsigned i = 0; i < COOKIE_DIGITS; i++)
		out[i] = (uint8_t) "0123456789abcdef"[v >> (60 - 4 * i) & 15];
}

static void put_random(struct wire_out *w, unsigned kind, unsigned n, uint64_t seed)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789";

	for (unsigned i = 0; i < n; i++) {
		uint64_t r = rng_mix(seed + i) >> 32;

		switch (kind) {
		case KIND_RAND_BYTE: wire_put8(w, (uint8_t)r); break;
		case KIND_RAND_DIGIT: wire_put8(w, (uint8_t)('0' + r % 10)); break;
		case KIND_RAND_ALPHA: wire_put8(w, (uint8_t)letters[r % 52]); break;
		default: wire_put8(w, (uint8_t)letters[r % 62]); break;
		}
	}
}

static void put_piece(struct wire_out *w, const struct payload_fields *f, unsigned i,
                      const struct probe_flow *flow, uint16_t sport, uint64_t cookie)
{
	const struct fields_piece *p = &f->piece[i];
	uint8_t digits[COOKIE_DIGITS];

	switch ((enum kind)p->kind) {
	case KIND_TEXT: wire_put(w, f->text + p->at, p->n); break;
	case KIND_SADDR: put_addr(w, flow->src); break;
	case KIND_DADDR: put_addr(w, flow->dst); break;
	case KIND_SADDR_N: wire_put_addr(w, flow->src); break;
	case KIND_DADDR_N: wire_put_addr(w, flow->dst); break;
	case KIND_SPORT: put_decimal(w, sport); break;
	case KIND_DPORT: put_decimal(w, flow->port); break;
	case KIND_SPORT_N: wire_put16(w, sport); break;
	case KIND_DPORT_N: wire_put16(w, flow->port); break;
	case KIND_RAND_BYTE:
	case KIND_RAND_DIGIT:
	case KIND_RAND_ALPHA:
	case KIND_RAND_ALPHANUM:
		put_random(w, p->kind, p->n, rng_mix(~cookie) + i * UINT64_C(65536));
		break;
	case KIND_COOKIE: wire_put64(w, cookie); break;
	case KIND_COOKIE_HEX:
		put_hex(digits, cookie);
		wire_put(w, digits, sizeof(digits));
		break;
	}
}

size_t fields_expand(uint8_t out[static PAYLOAD_MAX], const struct payload_fields *f,
                     const struct probe_flow *flow, uint16_t sport, uint64_t cookie)
{
	struct wire_out w = { out, out + PAYLOAD_MAX, false };

	for (unsigned i = 0; i < f->n; i++)
		put_piece(&w, f, i, flow, sport, cookie);
	return (size_t)(w.at - out);
}

bool fields_echoed(const struct payload_fields *f, const uint8_t *answer, size_t n,
                   uint64_t cookie)
{
	uint8_t raw[COOKIE_BYTES], digits[COOKIE_DIGITS];
	struct wire_out w = { raw, raw + sizeof(raw), false };

	wire_put64(&w, cookie);
	put_hex(digits, cookie);
	return (!f->cookie || memmem(answer, n, raw, sizeof(raw))) &&
	       (!f->cookie_hex || memmem(answer, n, digits, sizeof(digits)));
}
