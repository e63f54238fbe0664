/* probe/tls.h - the client's side of TLS, without a socket.
 *
 * Bytes from the network are fed in, bytes for it are taken out; nothing blocks.
 * The purpose is to see what a server shows, so nothing that it shows is refused:
 * old versions and weak keys are accepted, and whether its certificate is any good
 * is a result and not a condition.  Nothing secret should be sent through it. */
#ifndef PROBE_TLS_H
#define PROBE_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "common/err.h"

struct tls_config {
	const char *alpn;    /* "h2,http/1.1"; NULL: not offered */
	const char *ca_file; /* whom to trust; NULL: the system's authorities */
	unsigned min, max;   /* 0x0301 to 0x0304; 0: what the library can do */
	bool early_abort;    /* stop when the certificates are there */
	unsigned max_bytes;  /* of a server's certificate message */
};

struct tls_client; /* shared by the sessions of one thread */
struct tls_session;

int tls_client_new(struct tls_client **out, const struct tls_config *cfg, struct diag *d);
void tls_client_free(struct tls_client *c);

/* "1.2" is 0x0303; 0: there is no such version. */
unsigned tls_version_parse(const char *text);

/* name: for SNI; NULL: none.  NULL: out of memory. */
struct tls_session *tls_session_new(struct tls_client *c, const char *name);
void tls_session_free(struct tls_session *s);

enum tls_state {
	TLS_HANDSHAKE, /* needs more bytes from the server */
	TLS_READY,     /* data can be exchanged */
	TLS_ABORTED,   /* ended by us, the certificates are there */
	TLS_FAILED,
};

/* Take in what came from the network, and go on.  n 0: just begin. */
enum tls_state tls_feed(struct tls_session *s, const uint8_t *bytes, size_t n);

/* What is to be sent, at most cap bytes; 0: nothing. */
size_t tls_take(struct tls_session *s, uint8_t *out, size_t cap);

/* Data, once TLS_READY.  Read: at most cap bytes, 0: none now, -1: the server has
 * ended the session, or broken it. */
int tls_read(struct tls_session *s, uint8_t *out, size_t cap);
bool tls_write(struct tls_session *s, const uint8_t *bytes, size_t n);
void tls_end(struct tls_session *s); /* our close_notify, for tls_take() */

/* What was learnt so far.  Texts are static or live as long as s. */
struct tls_info {
	const char *version, *cipher; /* NULL: not agreed on */
	char alpn[32];                /* empty: none */
	STACK_OF(X509) * chain;       /* as sent; NULL: no certificate came; borrowed */
	const char *verify;           /* "ok", or why not; NULL: no certificate */
	int alert;                    /* that the server sent; -1: none */
	const char *error;            /* of TLS_FAILED: in the library's words */
	bool not_tls;                 /* what came is no TLS at all */
	bool too_large;               /* more certificates than anybody needs */
};
void tls_info(const struct tls_session *s, struct tls_info *info);

#endif
