/* probe/tls_cert.h - what is in a certificate, as text and numbers.
 *
 * Names are RFC 2253's form as openssl(1) prints it with "-nameopt
 * RFC2253,-esc_msb,utf8"; a NUL or another control character in them is escaped.
 * Alternative names are the bytes of the certificate, whatever they are. */
#ifndef PROBE_TLS_CERT_H
#define PROBE_TLS_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "probe/services.h"

enum {
	CERT_NAMES = 512,       /* alternative names that are kept */
	CERT_TEXT_MAX = 131072, /* of all texts of one certificate */
	CERT_SHA256 = 32,
};

enum cert_name_kind { CERT_DNS, CERT_IP, CERT_EMAIL, CERT_URI, CERT_OTHER };

struct cert_name {
	uint8_t kind; /* enum cert_name_kind */
	struct service_slice text;
};

struct cert_fields {
	uint8_t *text; /* what the slices are in; owned */
	size_t n_text, cap_text;
	struct service_slice subject, issuer, serial;
	const char *signature, *key_type, *curve; /* static; NULL: not known */
	unsigned key_bits, version;
	int64_t not_before, not_after; /* seconds since 1970 */
	bool has_times, self_signed, truncated;
	uint8_t sha256[CERT_SHA256];
	struct cert_name *names; /* owned */
	size_t n_names;
};

/* Always fills *f as far as it goes; -ENOMEM. */
int cert_fields(struct cert_fields *f, X509 *x);
void cert_fields_fini(struct cert_fields *f);

/* Whether each certificate is followed by that of its issuer. */
bool cert_chain_is_ordered(STACK_OF(X509) * chain);

#endif
