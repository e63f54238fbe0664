/* Replies of any kind: what the codec reads is within its bounds, and names
 * survive a trip through text. */
#include <stdlib.h>
#include <string.h>

#include "seeds/dns_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const struct dns_name *n)
{
	char text[DNS_NAME_STRLEN], again[DNS_NAME_STRLEN];
	struct dns_name back;
	struct addr128 a;

	if (n->len < 1 || n->b[n->len - 1] != 0)
		abort();
	if (dns_name_format(text, n) != strlen(text))
		abort();
	if (!dns_name_parse(&back, text) || !dns_name_eq(n, &back) ||
	    dns_name_cmp(n, &back) || dns_name_hash(n, 1) != dns_name_hash(&back, 1))
		abort();
	dns_name_format(again, &back);
	if (strcmp(text, again))
		abort();
	dns_name_reverse_parse(n, &a);
	while (dns_name_parent(&back, &back))
		if (!dns_name_is_in(n, &back))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_name qname, out;
	struct addr128 a;
	struct dns_msg m;
	struct dns_rr rr;

	if (!dns_msg_open(&m, data, size, &qname))
		return 0;
	if (qname.len)
		check_name(&qname);
	while (dns_msg_next(&m, &rr) > 0) {
		if (rr.at + rr.len > size)
			abort();
		check_name(&rr.name);
		dns_rr_addr(&m, &rr, &a);
		if (dns_rr_target(&m, &rr, &out))
			check_name(&out);
		if (dns_nsec_next(&m, &rr, &out))
			check_name(&out);
		for (unsigned i = 0; i < 4; i++)
			dns_rr_hint(&m, &rr, i, &a);
		for (unsigned t = 0; t < 300; t++)
			dns_nsec_has(&m, &rr, t);
	}
	return 0;
}
