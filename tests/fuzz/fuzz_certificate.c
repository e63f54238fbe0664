/* Any bytes as a certificate: no X.509, or fields within their bounds that come out
 * as a line of JSON and of CSV. */
#include "tests/fuzz/grab_output.h"

#include "probe/tls_cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct cert_fields *f, struct service_slice s)
{
	if ((size_t)s.at + s.len > f->n_text)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct grab_result r = { .port = 443, .when_us = 1, .tls = true, .n_banner = 0 };
	const uint8_t *at = data;
	struct cert_fields f;
	X509 *x = d2i_X509(NULL, &at, (long)size);

	if (!x)
		return 0;
	if (cert_fields(&f, x) < 0)
		abort();
	check(&f, f.subject);
	check(&f, f.issuer);
	check(&f, f.serial);
	for (size_t i = 0; i < f.n_names; i++)
		check(&f, f.names[i].text);
	cert_fields_fini(&f);
	r.info.chain = sk_X509_new_null();
	if (!r.info.chain || !sk_X509_push(r.info.chain, x))
		abort();
	r.info.alert = -1;
	r.info.verify = "ok";
	fuzz_check_output(&r);
	sk_X509_pop_free(r.info.chain, X509_free);
	return 0;
}
