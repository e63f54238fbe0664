#include "probe/grab_output.h"

#include <inttypes.h>
#include <string.h>

#include <openssl/err.h>

#include "common/clock.h"
#include "probe/grab_text.h"
#include "probe/tls_cert.h"

/* What a line is made of. */
struct record {
	const struct grab_result *r;
	bool has_cert;
	struct cert_fields cert; /* the server's own */
};

struct value {
	enum {
		VALUE_NONE,
		VALUE_UINT,
		VALUE_BOOL,
		VALUE_TEXT,
		VALUE_HEX,
		VALUE_BASE64,
		VALUE_NAMES,
		VALUE_CHAIN,
		VALUE_CHAIN_DER,
	} kind;
	uint64_t u;
	const uint8_t *bytes;
	size_t n;
	char buf[64];
};

static void set_uint(struct value *v, uint64_t u)
{
	v->kind = VALUE_UINT;
	v->u = u;
}

static void set_bool(struct value *v, bool b)
{
	v->kind = VALUE_BOOL;
	v->u = b;
}

static void set_bytes(struct value *v, const uint8_t *bytes, size_t n)
{
	v->kind = n ? VALUE_TEXT : VALUE_NONE;
	v->bytes = bytes;
	v->n = n;
}

static void set_text(struct value *v, const char *text)
{
	if (text)
		set_bytes(v, (const uint8_t *)text, strlen(text));
}

static void set_time(struct value *v, int64_t seconds)
{
	/* Before 1970 and after 9999 there is no use for a certificate. */
	if (seconds < 0 || seconds > INT64_C(253402300799))
		return;
	set_text(v, clock_format_utc(v->buf, (uint64_t)seconds * 1000000));
}

static void set_slice(struct value *v, const uint8_t *base, struct service_slice s)
{
	if (s.len)
		set_bytes(v, base + s.at, s.len);
}

/* --- the fields -------------------------------------------------------------- */

static void get_target(struct value *v, const struct record *x)
{
	size_t n = addr_format(v->buf, x->r->addr);

	set_bytes(v, (const uint8_t *)v->buf, n);
}

static void get_port(struct value *v, const struct record *x)
{
	set_uint(v, x->r->port);
}

static void get_proto(struct value *v, const struct record *x)
{
	(void)x;
	set_text(v, "tcp");
}

static void get_timestamp(struct value *v, const struct record *x)
{
	set_uint(v, x->r->when_us / 1000000);
}

static void get_status(struct value *v, const struct record *x)
{
	set_text(v, grab_status_str((enum grab_status)x->r->status));
}

static void get_service(struct value *v, const struct record *x)
{
	set_text(v, x->r->service);
}

static void get_service_by(struct value *v, const struct record *x)
{
	if (x->r->service)
		set_text(v, x->r->by_banner ? "answer" : "port");
}

static void get_product(struct value *v, const struct record *x)
{
	set_slice(v, x->r->banner, x->r->answer.product);
}

static void get_connect_us(struct value *v, const struct record *x)
{
	if (x->r->connect_us)
		set_uint(v, x->r->connect_us);
}

static void get_total_us(struct value *v, const struct record *x)
{
	if (x->r->total_us)
		set_uint(v, x->r->total_us);
}

static void get_banner(struct value *v, const struct record *x)
{
	set_bytes(v, x->r->banner, x->r->n_banner);
}

static void get_base64(struct value *v, const struct record *x)
{
	set_bytes(v, x->r->banner, x->r->n_banner);
	if (v->kind != VALUE_NONE)
		v->kind = VALUE_BASE64;
}

static void get_truncated(struct value *v, const struct record *x)
{
	if (x->r->truncated)
		set_bool(v, true);
}

static void get_http_status(struct value *v, const struct record *x)
{
	if (x->r->answer.http_status)
		set_uint(v, x->r->answer.http_status);
}

static void get_http_title(struct value *v, const struct record *x)
{
	set_slice(v, x->r->banner, x->r->answer.http_title);
}

static void get_http_location(struct value *v, const struct record *x)
{
	set_slice(v, x->r->banner, x->r->answer.http_location);
}

static void get_tls_version(struct value *v, const struct record *x)
{
	if (x->r->tls)
		set_text(v, x->r->info.version);
}

static void get_tls_cipher(struct value *v, const struct record *x)
{
	if (x->r->tls)
		set_text(v, x->r->info.cipher);
}

static void get_tls_alpn(struct value *v, const struct record *x)
{
	if (x->r->tls && x->r->info.alpn[0])
		set_text(v, x->r->info.alpn);
}

static void get_tls_alert(struct value *v, const struct record *x)
{
	if (x->r->tls && x->r->info.alert >= 0)
		set_uint(v, (uint64_t)x->r->info.alert);
}

static void get_tls_error(struct value *v, const struct record *x)
{
	if (x->r->tls)
		set_text(v, x->r->info.error);
}

static void get_verify(struct value *v, const struct record *x)
{
	if (x->r->tls)
		set_text(v, x->r->info.verify);
}

static void get_cert_subject(struct value *v, const struct record *x)
{
	set_slice(v, x->cert.text, x->cert.subject);
}

static void get_cert_issuer(struct value *v, const struct record *x)
{
	set_slice(v, x->cert.text, x->cert.issuer);
}

static void get_cert_san(struct value *v, const struct record *x)
{
	if (x->cert.n_names)
		v->kind = VALUE_NAMES;
}

static void get_not_before(struct value *v, const struct record *x)
{
	if (x->cert.has_times)
		set_time(v, x->cert.not_before);
}

static void get_not_after(struct value *v, const struct record *x)
{
	if (x->cert.has_times)
		set_time(v, x->cert.not_after);
}

static void get_expired(struct value *v, const struct record *x)
{
	if (x->cert.has_times)
		set_bool(v, x->cert.not_after < (int64_t)(x->r->when_us / 1000000));
}

static void get_serial(struct value *v, const struct record *x)
{
	set_slice(v, x->cert.text, x->cert.serial);
}

static void get_sha256(struct value *v, const struct record *x)
{
	if (!x->has_cert)
		return;
	v->kind = VALUE_HEX;
	v->bytes = x->cert.sha256;
	v->n = CERT_SHA256;
}

static void get_key_type(struct value *v, const struct record *x)
{
	set_text(v, x->cert.key_type);
}

static void get_key_bits(struct value *v, const struct record *x)
{
	if (x->cert.key_bits)
		set_uint(v, x->cert.key_bits);
}

static void get_curve(struct value *v, const struct record *x)
{
	set_text(v, x->cert.curve);
}

static void get_signature(struct value *v, const struct record *x)
{
	set_text(v, x->cert.signature);
}

static void get_self_signed(struct value *v, const struct record *x)
{
	if (x->has_cert)
		set_bool(v, x->cert.self_signed);
}

static void get_chain_length(struct value *v, const struct record *x)
{
	if (x->has_cert)
		set_uint(v, (uint64_t)sk_X509_num(x->r->info.chain));
}

static void get_chain_ordered(struct value *v, const struct record *x)
{
	if (x->has_cert)
		set_bool(v, cert_chain_is_ordered(x->r->info.chain));
}

static void get_chain(struct value *v, const struct record *x)
{
	if (x->has_cert)
		v->kind = VALUE_CHAIN;
}

static void get_chain_der(struct value *v, const struct record *x)
{
	if (x->has_cert)
		v->kind = VALUE_CHAIN_DER;
}

enum { IN_CSV = 1, IN_JSON = 2, IN_BOTH = 3, IF_BINARY = 4 };

static const struct field {
	const char *name, *help;
	unsigned in;
	void (*get)(struct value *v, const struct record *x);
} fields[] = {
	{ "target", "address that was connected to", IN_BOTH, get_target },
	{ "port", "its port", IN_BOTH, get_port },
	{ "proto", "tcp", IN_JSON, get_proto },
	{ "timestamp_ts", "beginning, seconds since 1970", IN_JSON, get_timestamp },
	{ "status",
	  "ok, timeout, refused, unreachable, reset, closed, silent, not-tls, "
	  "tls-alert, tls-error, too-large or local-error",
	  IN_BOTH, get_status },
	{ "service", "name of the service", IN_BOTH, get_service },
	{ "service_by", "whether that is known by its answer, or by its port", IN_JSON,
	  get_service_by },
	{ "product", "software, as it calls itself", IN_BOTH, get_product },
	{ "connect_us", "time until connected, microseconds", IN_JSON, get_connect_us },
	{ "total_us", "time until the end, microseconds", 0, get_total_us },
	{ "banner", "what the server said", IN_BOTH, get_banner },
	{ "banner_base64", "the same, exactly; by default where it is no text",
	  IN_JSON | IF_BINARY, get_base64 },
	{ "truncated", "true where --max-bytes were reached", IN_JSON, get_truncated },
	{ "http_status", "status of an HTTP answer", IN_BOTH, get_http_status },
	{ "http_title", "title of an HTML page", IN_BOTH, get_http_title },
	{ "http_location", "where an HTTP answer redirects to", IN_JSON,
	  get_http_location },
	{ "tls_version", "version that was agreed on", IN_BOTH, get_tls_version },
	{ "tls_cipher", "cipher suite", IN_JSON, get_tls_cipher },
	{ "tls_alpn", "protocol inside, of those in --alpn", IN_JSON, get_tls_alpn },
	{ "tls_alert", "number of the alert that the server sent", IN_JSON,
	  get_tls_alert },
	{ "tls_error", "why the handshake failed", IN_JSON, get_tls_error },
	{ "verify", "ok, or what is wrong with the certificate", IN_BOTH, get_verify },
	{ "cert_subject", "its subject, as in RFC 2253", IN_BOTH, get_cert_subject },
	{ "cert_issuer", "its issuer", IN_JSON, get_cert_issuer },
	{ "cert_san", "its alternative names", IN_BOTH, get_cert_san },
	{ "cert_not_before", "valid from, ISO 8601 in UTC", IN_JSON, get_not_before },
	{ "cert_not_after", "valid until", IN_BOTH, get_not_after },
	{ "cert_expired", "whether that is over", IN_JSON, get_expired },
	{ "cert_serial", "serial number, hexadecimal", IN_JSON, get_serial },
	{ "cert_sha256", "SHA-256 of the certificate", IN_BOTH, get_sha256 },
	{ "cert_key_type", "rsa, ec, ed25519, ...", IN_BOTH, get_key_type },
	{ "cert_key_bits", "size of the key", IN_JSON, get_key_bits },
	{ "cert_curve", "curve of an ec key", IN_JSON, get_curve },
	{ "cert_sig_alg", "signature algorithm", IN_JSON, get_signature },
	{ "cert_self_signed", "whether its own key signed it", IN_JSON, get_self_signed },
	{ "chain_length", "how many certificates were sent", IN_JSON, get_chain_length },
	{ "chain_ordered", "whether each is followed by its issuer's", IN_JSON,
	  get_chain_ordered },
	{ "chain", "all of them, as they were sent", IN_JSON, get_chain },
	{ "chain_der", "their bytes, in base64", 0, get_chain_der },
};

enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

_Static_assert((int)FIELDS <= (int)GRAB_FIELDS_MAX, "struct grab_fields holds them all");

const char *grab_field_name(unsigned i)
{
	return i < FIELDS ? fields[i].name : NULL;
}

const char *grab_field_help(unsigned i)
{
	return i < FIELDS ? fields[i].help : NULL;
}

static int field_find(const char *name, size_t n)
{
	for (int i = 0; i < (int)FIELDS; i++)
		if (strlen(fields[i].name) == n && !memcmp(fields[i].name, name, n))
			return i;
	return -1;
}

/* A field that was asked for is there, whatever its bytes are. */
enum { ASKED_FOR = 0x80 };

int grab_fields_parse(struct grab_fields *f, const char *text, bool csv, struct diag *d)
{
	bool all = text && !strcmp(text, "*");
	struct grab_fields x = { .n = 0 };

	if (!text || all) {
		for (unsigned i = 0; i < FIELDS; i++)
			if (all || fields[i].in & (csv ? IN_CSV : IN_JSON))
				x.index[x.n++] = (uint8_t)(i | (all ? ASKED_FOR : 0));
		*f = x;
		return 0;
	}
	for (;;) {
		size_t len = strcspn(text, ",");
		int i = field_find(text, len);

		if (i < 0)
			return diag_set(d, ERR_PARSE, "unknown output field '%.*s'",
			                len < 64 ? (int)len : 64, text);
		if (x.n == GRAB_FIELDS_MAX)
			return diag_set(d, ERR_PARSE, "more than %d output fields",
			                GRAB_FIELDS_MAX);
		x.index[x.n++] = (uint8_t)(i | ASKED_FOR);
		if (!text[len])
			break;
		text += len + 1;
	}
	*f = x;
	return 0;
}

/* --- writing ----------------------------------------------------------------- */

static void put_text(struct writer *w, bool csv, const uint8_t *s, size_t n)
{
	if (csv)
		text_csv(w, s, n);
	else
		text_json(w, s, n);
}

/* Names stand in one field with blanks between them, so none may hold one. */
static void put_csv_name(struct writer *w, const uint8_t *s, size_t n)
{
	for (size_t i = 0, end; i < n; i = end + 1) {
		for (end = i; end < n && s[end] != ' '; end++)
			;
		text_csv_inner(w, s + i, end - i);
		if (end < n)
			writer_write(w, "\\x20", 4);
	}
}

static void put_names(struct writer *w, bool csv, const struct cert_fields *c)
{
	static const char *const kinds[] = {
		[CERT_DNS] = "DNS:", [CERT_IP] = "IP:",       [CERT_EMAIL] = "email:",
		[CERT_URI] = "URI:", [CERT_OTHER] = "other:",
	};
	uint8_t text[16 + 4096];

	writer_write(w, csv ? "\"" : "[", 1);
	for (size_t i = 0; i < c->n_names; i++) {
		const struct cert_name *name = &c->names[i];
		size_t at = strlen(kinds[name->kind]), n = name->text.len;

		n = n < sizeof(text) - 16 ? n : sizeof(text) - 16;
		memcpy(text, kinds[name->kind], at);
		if (n)
			memcpy(text + at, c->text + name->text.at, n);
		if (i)
			writer_write(w, csv ? " " : ",", 1);
		if (csv)
			put_csv_name(w, text, at + n);
		else
			text_json(w, text, at + n);
	}
	writer_write(w, csv ? "\"" : "]", 1);
}

static void put_hex(struct writer *w, bool csv, const uint8_t *s, size_t n)
{
	if (!csv)
		writer_write(w, "\"", 1);
	text_hex(w, s, n);
	if (!csv)
		writer_write(w, "\"", 1);
}

static void put_chain_member(struct writer *w, const struct cert_fields *c)
{
	struct value until = { .kind = VALUE_NONE };

	writer_printf(w, "{\"sha256\":");
	put_hex(w, false, c->sha256, CERT_SHA256);
	writer_printf(w, ",\"subject\":");
	text_json(w, c->text + c->subject.at, c->subject.len);
	writer_printf(w, ",\"issuer\":");
	text_json(w, c->text + c->issuer.at, c->issuer.len);
	if (c->has_times)
		set_time(&until, c->not_after);
	if (until.kind != VALUE_NONE)
		writer_printf(w, ",\"not_after\":\"%s\"", until.buf);
	writer_write(w, "}", 1);
}

static int put_chain(struct writer *w, bool csv, const struct record *x)
{
	int rc = 0;

	if (!csv)
		writer_write(w, "[", 1);
	for (int i = 0; rc == 0 && i < sk_X509_num(x->r->info.chain); i++) {
		struct cert_fields mine = { .text = NULL };
		const struct cert_fields *c = i ? &mine : &x->cert;

		if (i)
			writer_write(w, csv ? " " : ",", 1);
		if (i)
			rc = cert_fields(&mine, sk_X509_value(x->r->info.chain, i));
		if (csv)
			text_hex(w, c->sha256, CERT_SHA256);
		else
			put_chain_member(w, c);
		cert_fields_fini(&mine);
	}
	if (!csv)
		writer_write(w, "]", 1);
	return rc;
}

static void put_chain_der(struct writer *w, bool csv, const struct record *x)
{
	if (!csv)
		writer_write(w, "[", 1);
	for (int i = 0; i < sk_X509_num(x->r->info.chain); i++) {
		uint8_t *der = NULL;
		int n = i2d_X509(sk_X509_value(x->r->info.chain, i), &der);

		if (i)
			writer_write(w, csv ? " " : ",", 1);
		if (!csv)
			writer_write(w, "\"", 1);
		if (n > 0)
			text_base64(w, der, (size_t)n);
		if (!csv)
			writer_write(w, "\"", 1);
		OPENSSL_free(der);
	}
	if (!csv)
		writer_write(w, "]", 1);
}

static int put_value(struct writer *w, bool csv, const struct value *v,
                     const struct record *x)
{
	switch (v->kind) {
	case VALUE_NONE: break;
	case VALUE_UINT: writer_printf(w, "%" PRIu64, v->u); break;
	case VALUE_BOOL: writer_printf(w, v->u ? "true" : "false"); break;
	case VALUE_TEXT: put_text(w, csv, v->bytes, v->n); break;
	case VALUE_HEX: put_hex(w, csv, v->bytes, v->n); break;
	case VALUE_BASE64:
		writer_write(w, "\"", csv ? 0 : 1);
		text_base64(w, v->bytes, v->n);
		writer_write(w, "\"", csv ? 0 : 1);
		break;
	case VALUE_NAMES: put_names(w, csv, &x->cert); break;
	case VALUE_CHAIN: return put_chain(w, csv, x);
	case VALUE_CHAIN_DER: put_chain_der(w, csv, x); break;
	}
	return 0;
}

void grab_write_csv_header(struct writer *w, const struct grab_fields *f)
{
	for (unsigned i = 0; i < f->n; i++)
		writer_printf(w, "%s%s", i ? "," : "",
		              fields[f->index[i] & ~ASKED_FOR].name);
	writer_write(w, "\n", 1);
}

/* By default, the exact bytes are for what the text does not tell. */
static bool is_wanted(const struct field *field, bool asked, const struct grab_result *r)
{
	return asked || !(field->in & IF_BINARY) ||
	       !text_is_plain(r->banner, r->n_banner);
}

int grab_write(struct writer *w, const struct grab_fields *f, bool csv,
               const struct grab_result *r)
{
	struct record x = { .r = r };
	bool first = true;
	int rc = 0;

	if (r->tls && r->info.chain && sk_X509_num(r->info.chain) > 0) {
		x.has_cert = true;
		rc = cert_fields(&x.cert, sk_X509_value(r->info.chain, 0));
	}
	writer_write(w, "{", csv ? 0 : 1);
	for (unsigned i = 0; rc == 0 && i < f->n; i++) {
		const struct field *field = &fields[f->index[i] & ~ASKED_FOR];
		struct value v = { .kind = VALUE_NONE };

		if (is_wanted(field, f->index[i] & ASKED_FOR, r))
			field->get(&v, &x);
		if (!csv && v.kind == VALUE_NONE)
			continue;
		if (!first)
			writer_write(w, ",", 1);
		if (!csv)
			writer_printf(w, "\"%s\":", field->name);
		rc = put_value(w, csv, &v, &x);
		first = false;
	}
	writer_write(w, "}", csv ? 0 : 1);
	cert_fields_fini(&x.cert);
	return writer_write(w, "\n", 1) < 0 ? -EIO : rc;
}
