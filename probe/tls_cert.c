#include "probe/tls_cert.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

/* --- texts ------------------------------------------------------------------- */

static bool reserve(struct cert_fields *f, size_t n)
{
	size_t cap = f->cap_text ? f->cap_text : 1024;
	uint8_t *grown;

	while (cap < f->n_text + n)
		cap *= 2;
	if (cap == f->cap_text)
		return true;
	grown = realloc(f->text, cap);
	if (!grown)
		return false;
	f->text = grown;
	f->cap_text = cap;
	return true;
}

/* What does not fit is left out, and said to be. */
static int add_text(struct cert_fields *f, struct service_slice *out, const void *s,
                    size_t n)
{
	*out = (struct service_slice){ (uint32_t)f->n_text, 0 };
	if (n > CERT_TEXT_MAX - f->n_text) {
		f->truncated = true;
		return 0;
	}
	if (!reserve(f, n))
		return -ENOMEM;
	if (n)
		memcpy(f->text + f->n_text, s, n);
	f->n_text += n;
	out->len = (uint32_t)n;
	return 0;
}

static int add_name(struct cert_fields *f, struct service_slice *out,
                    const X509_NAME *name)
{
	unsigned long flags = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
	BIO *bio = BIO_new(BIO_s_mem());
	char *s = NULL;
	long n;
	int rc;

	if (!bio)
		return -ENOMEM;
	/* Strings that claim an encoding that they do not have end it early. */
	if (X509_NAME_print_ex(bio, name, 0, flags | ASN1_STRFLGS_UTF8_CONVERT) < 0) {
		(void)BIO_reset(bio);
		(void)X509_NAME_print_ex(bio, name, 0,
		                         XN_FLAG_RFC2253 | ASN1_STRFLGS_IGNORE_TYPE);
	}
	n = BIO_get_mem_data(bio, &s);
	rc = add_text(f, out, s, n > 0 ? (size_t)n : 0);
	BIO_free(bio);
	return rc;
}

static int add_serial(struct cert_fields *f, X509 *x)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *s = NULL;
	long n;
	int rc;

	if (!bio)
		return -ENOMEM;
	(void)i2a_ASN1_INTEGER(bio, X509_get0_serialNumber(x));
	n = BIO_get_mem_data(bio, &s);
	rc = add_text(f, &f->serial, s, n > 0 ? (size_t)n : 0);
	BIO_free(bio);
	return rc;
}

/* --- alternative names ------------------------------------------------------- */

static int add_address(struct cert_fields *f, struct cert_name *out,
                       const ASN1_OCTET_STRING *ip)
{
	const uint8_t *bytes = ASN1_STRING_get0_data(ip);
	int n = ASN1_STRING_length(ip);
	char text[INET6_ADDRSTRLEN] = "";

	out->kind = CERT_IP;
	if (n == 4 || n == 16)
		inet_ntop(n == 4 ? AF_INET : AF_INET6, bytes, text, sizeof(text));
	else
		out->kind = CERT_OTHER;
	return add_text(f, &out->text, text, strlen(text));
}

static int add_string(struct cert_fields *f, struct cert_name *out,
                      enum cert_name_kind kind, const ASN1_STRING *s)
{
	int n = ASN1_STRING_length(s);

	out->kind = (uint8_t)kind;
	return add_text(f, &out->text, ASN1_STRING_get0_data(s), n > 0 ? (size_t)n : 0);
}

static int add_general(struct cert_fields *f, struct cert_name *out,
                       const GENERAL_NAME *g)
{
	switch (g->type) {
	case GEN_DNS: return add_string(f, out, CERT_DNS, g->d.dNSName);
	case GEN_EMAIL: return add_string(f, out, CERT_EMAIL, g->d.rfc822Name);
	case GEN_URI: return add_string(f, out, CERT_URI, g->d.uniformResourceIdentifier);
	case GEN_IPADD: return add_address(f, out, g->d.iPAddress);
	default: out->kind = CERT_OTHER; return add_text(f, &out->text, "", 0);
	}
}

static int add_names(struct cert_fields *f, X509 *x)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	int n = all ? sk_GENERAL_NAME_num(all) : 0, rc = 0;

	if (n > CERT_NAMES) {
		n = CERT_NAMES;
		f->truncated = true;
	}
	if (n > 0) {
		f->names = calloc((size_t)n, sizeof(*f->names));
		rc = f->names ? 0 : -ENOMEM;
	}
	for (int i = 0; rc == 0 && i < n; i++)
		rc = add_general(f, &f->names[f->n_names++],
		                 sk_GENERAL_NAME_value(all, i));
	GENERAL_NAMES_free(all);
	return rc;
}

/* --- the rest ---------------------------------------------------------------- */

static bool to_seconds(int64_t *out, const ASN1_TIME *t)
{
	struct tm tm;

	if (!t || !ASN1_TIME_to_tm(t, &tm))
		return false;
	*out = timegm(&tm);
	return true;
}

static void get_key(struct cert_fields *f, X509 *x)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	char group[64] = "";
	int nid;

	if (!key)
		return;
	f->key_bits = (unsigned)EVP_PKEY_get_bits(key);
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA: f->key_type = "rsa"; break;
	case EVP_PKEY_RSA_PSS: f->key_type = "rsa-pss"; break;
	case EVP_PKEY_DSA: f->key_type = "dsa"; break;
	case EVP_PKEY_ED25519: f->key_type = "ed25519"; break;
	case EVP_PKEY_ED448: f->key_type = "ed448"; break;
	case EVP_PKEY_EC:
		f->key_type = "ec";
		if (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL)) {
			nid = OBJ_txt2nid(group);
			f->curve = nid != NID_undef ? OBJ_nid2sn(nid) : NULL;
		}
		break;
	default: f->key_type = "other";
	}
}

static void get_signature(struct cert_fields *f, X509 *x)
{
	int nid = X509_get_signature_nid(x);

	f->signature = nid != NID_undef ? OBJ_nid2ln(nid) : NULL;
}

int cert_fields(struct cert_fields *f, X509 *x)
{
	unsigned n = CERT_SHA256;
	int rc;

	*f = (struct cert_fields){ .version = (unsigned)X509_get_version(x) + 1 };
	(void)X509_digest(x, EVP_sha256(), f->sha256, &n);
	f->has_times = to_seconds(&f->not_before, X509_get0_notBefore(x)) &&
	               to_seconds(&f->not_after, X509_get0_notAfter(x));
	get_key(f, x);
	get_signature(f, x);
	f->self_signed = X509_self_signed(x, 1) == 1;
	rc = add_name(f, &f->subject, X509_get_subject_name(x));
	if (rc == 0)
		rc = add_name(f, &f->issuer, X509_get_issuer_name(x));
	if (rc == 0)
		rc = add_serial(f, x);
	if (rc == 0)
		rc = add_names(f, x);
	ERR_clear_error();
	return rc;
}

void cert_fields_fini(struct cert_fields *f)
{
	free(f->text);
	free(f->names);
	*f = (struct cert_fields){ .text = NULL };
}

bool cert_chain_is_ordered(STACK_OF(X509) * chain)
{
	for (int i = 0; i + 1 < sk_X509_num(chain); i++)
		if (X509_NAME_cmp(X509_get_issuer_name(sk_X509_value(chain, i)),
		                  X509_get_subject_name(sk_X509_value(chain, i + 1))))
			return false;
	return true;
}
