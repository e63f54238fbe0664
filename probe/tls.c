#include "probe/tls.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

struct tls_client {
	SSL_CTX *ctx;
	struct tls_config cfg;
};

struct tls_session {
	SSL *ssl;
	BIO *in, *out; /* owned by ssl */
	STACK_OF(X509) * chain;
	int verify; /* X509_V_... */
	bool early_abort, aborted, begun;
	enum tls_state state;
	int alert;
	unsigned long error;
};

/* The library's way to hand its certificates over.  They are judged, and whatever
 * the verdict, the handshake goes on. */
static int on_certificates(X509_STORE_CTX *store, void *arg)
{
	SSL *ssl =
		X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_session *s = SSL_get_app_data(ssl);

	(void)arg;
	if (!s->chain) {
		s->chain = X509_chain_up_ref(X509_STORE_CTX_get0_untrusted(store));
		ERR_set_mark();
		(void)X509_verify_cert(store);
		ERR_pop_to_mark();
		s->verify = X509_STORE_CTX_get_error(store);
	}
	if (!s->early_abort)
		return 1;
	s->aborted = true;
	return 0;
}

/* Alerts that the server sends; ret is the level and the description. */
static void on_info(const SSL *ssl, int where, int ret)
{
	struct tls_session *s = SSL_get_app_data(ssl);

	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && s)
		s->alert = ret & 0xff;
}

/* "h2,http/1.1" as the protocol has it: a length before each name. */
static int set_alpn(SSL_CTX *ctx, const char *text, struct diag *d)
{
	uint8_t wire[256];
	size_t n = 0;

	for (const char *s = text; *s;) {
		size_t len = strcspn(s, ",");

		if (len == 0 || n + 1 + len > sizeof(wire))
			return diag_set(d, ERR_PARSE, "ALPN '%.60s' is no list of names",
			                text);
		wire[n++] = (uint8_t)len;
		memcpy(wire + n, s, len);
		n += len;
		s += len + (s[len] == ',' && s[len + 1]);
		if (*s == ',')
			return diag_set(d, ERR_PARSE, "ALPN '%.60s' is no list of names",
			                text);
	}
	if (n == 0 || SSL_CTX_set_alpn_protos(ctx, wire, (unsigned)n))
		return diag_set(d, ERR_PARSE, "ALPN '%.60s' is no list of names", text);
	return 0;
}

static int set_trust(SSL_CTX *ctx, const char *ca_file, struct diag *d)
{
	int ok = ca_file ? SSL_CTX_load_verify_locations(ctx, ca_file, NULL)
	                 : SSL_CTX_set_default_verify_paths(ctx);

	ERR_clear_error();
	if (ok != 1 && ca_file)
		return diag_set(d, ERR_FORMAT, "%s: no certificates can be read there",
		                ca_file);
	return 0;
}

static int set_up(struct tls_client *c, struct diag *d)
{
	SSL_CTX *ctx = c->ctx;

	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_LEGACY_SERVER_CONNECT |
	                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, on_certificates, NULL);
	SSL_CTX_set_info_callback(ctx, on_info);
	if (c->cfg.max_bytes)
		SSL_CTX_set_max_cert_list(ctx, c->cfg.max_bytes);
	if (!SSL_CTX_set_cipher_list(ctx, "DEFAULT:@SECLEVEL=0") ||
	    !SSL_CTX_set_min_proto_version(ctx, (int)c->cfg.min) ||
	    !SSL_CTX_set_max_proto_version(ctx, (int)c->cfg.max))
		return diag_set(d, -ENOTSUP, "the TLS library cannot do that");
	if (c->cfg.alpn) {
		int rc = set_alpn(ctx, c->cfg.alpn, d);

		if (rc < 0)
			return rc;
	}
	return set_trust(ctx, c->cfg.ca_file, d);
}

int tls_client_new(struct tls_client **out, const struct tls_config *cfg, struct diag *d)
{
	struct tls_client *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return -ENOMEM;
	/* The system's policy for its own connections is not ours. */
	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	c->cfg = *cfg;
	c->ctx = SSL_CTX_new(TLS_client_method());
	rc = c->ctx ? set_up(c, d) : -ENOMEM;
	if (rc < 0) {
		tls_client_free(c);
		return rc;
	}
	*out = c;
	return 0;
}

void tls_client_free(struct tls_client *c)
{
	if (!c)
		return;
	SSL_CTX_free(c->ctx);
	free(c);
}

unsigned tls_version_parse(const char *text)
{
	static const char *const names[] = { "1.0", "1.1", "1.2", "1.3" };

	for (unsigned i = 0; i < 4; i++)
		if (!strcmp(text, names[i]))
			return 0x0301 + i;
	return 0;
}

struct tls_session *tls_session_new(struct tls_client *c, const char *name)
{
	struct tls_session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->alert = -1;
	s->early_abort = c->cfg.early_abort;
	s->ssl = SSL_new(c->ctx);
	s->in = BIO_new(BIO_s_mem());
	s->out = BIO_new(BIO_s_mem());
	if (!s->ssl || !s->in || !s->out || !SSL_set_app_data(s->ssl, s) ||
	    (name && !SSL_set_tlsext_host_name(s->ssl, name))) {
		BIO_free(s->in);
		BIO_free(s->out);
		SSL_free(s->ssl);
		free(s);
		return NULL;
	}
	/* An empty one means "later", not the end. */
	BIO_set_mem_eof_return(s->in, -1);
	SSL_set_bio(s->ssl, s->in, s->out);
	SSL_set_connect_state(s->ssl);
	return s;
}

void tls_session_free(struct tls_session *s)
{
	if (!s)
		return;
	SSL_free(s->ssl);
	sk_X509_pop_free(s->chain, X509_free);
	free(s);
}

enum tls_state tls_feed(struct tls_session *s, const uint8_t *bytes, size_t n)
{
	int rc;

	if (n && BIO_write(s->in, bytes, (int)n) != (int)n)
		s->state = TLS_FAILED;
	if (s->state != TLS_HANDSHAKE || (n == 0 && s->begun))
		return s->state;
	s->begun = true;
	ERR_clear_error();
	rc = SSL_do_handshake(s->ssl);
	if (rc == 1)
		return s->state = TLS_READY;
	if (SSL_get_error(s->ssl, rc) == SSL_ERROR_WANT_READ)
		return TLS_HANDSHAKE;
	s->error = ERR_peek_error();
	ERR_clear_error();
	return s->state = s->aborted ? TLS_ABORTED : TLS_FAILED;
}

size_t tls_take(struct tls_session *s, uint8_t *out, size_t cap)
{
	int n = BIO_read(s->out, out, (int)cap);

	return n > 0 ? (size_t)n : 0;
}

int tls_read(struct tls_session *s, uint8_t *out, size_t cap)
{
	int n, rc;

	ERR_clear_error();
	n = SSL_read(s->ssl, out, (int)cap);
	if (n > 0)
		return n;
	rc = SSL_get_error(s->ssl, n);
	ERR_clear_error();
	return rc == SSL_ERROR_WANT_READ || rc == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

bool tls_write(struct tls_session *s, const uint8_t *bytes, size_t n)
{
	bool ok;

	ERR_clear_error();
	ok = SSL_write(s->ssl, bytes, (int)n) == (int)n;
	ERR_clear_error();
	return ok;
}

void tls_end(struct tls_session *s)
{
	ERR_clear_error();
	if (s->state == TLS_READY)
		(void)SSL_shutdown(s->ssl);
	ERR_clear_error();
}

void tls_info(const struct tls_session *s, struct tls_info *info)
{
	int reason = s->error ? ERR_GET_REASON(s->error) : 0;
	const unsigned char *alpn = NULL;
	unsigned n = 0;

	*info = (struct tls_info){ .alert = s->alert, .chain = s->chain };
	/* Before that, the library says what it would like. */
	if (SSL_get_current_cipher(s->ssl)) {
		info->version = SSL_get_version(s->ssl);
		info->cipher = SSL_get_cipher_name(s->ssl);
	}
	SSL_get0_alpn_selected(s->ssl, &alpn, &n);
	if (n && n < sizeof(info->alpn))
		memcpy(info->alpn, alpn, n);
	if (s->chain)
		info->verify = X509_verify_cert_error_string(s->verify);
	if (s->state != TLS_FAILED)
		return;
	info->error = s->error ? ERR_reason_error_string(s->error) : "connection closed";
	info->not_tls = reason == SSL_R_WRONG_VERSION_NUMBER ||
	                reason == SSL_R_HTTP_REQUEST ||
	                reason == SSL_R_UNSUPPORTED_PROTOCOL;
	info->too_large = reason == SSL_R_EXCESSIVE_MESSAGE_SIZE ||
	                  reason == SSL_R_ENCRYPTED_LENGTH_TOO_LONG;
}
