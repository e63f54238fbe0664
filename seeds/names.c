#include "seeds/names.h"

#include <string.h>

#include "common/addrset.h"

int names_add(struct names *n, const struct dns_name *name)
{
	char text[DNS_NAME_STRLEN];
	int rc;

	if (n->format != NAMES_NAMES || name->len <= 1)
		return 0;
	rc = addrset_add(n->seen, (struct addr128){ dns_name_hash(name, 1),
	                                            dns_name_hash(name, 2) });
	if (rc <= 0)
		return rc;
	n->names++;
	dns_name_format(text, name);
	writer_write(n->w, text, strlen(text));
	writer_write(n->w, "\n", 1);
	return 0;
}

int names_add_addr(struct names *n, struct addr128 a)
{
	if (n->format != NAMES_ADDRESSES || (addr_is_v4(a) && !n->v4))
		return 0;
	if (scope_check(n->scope, a) != SCOPE_OK) {
		n->out_of_scope++;
		return 0;
	}
	n->addresses++;
	writer_addr(n->w, a);
	return 0;
}
