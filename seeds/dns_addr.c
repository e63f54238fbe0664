#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seeds/dns_client.h"

static bool parse_port(uint16_t *out, const char *text)
{
	unsigned long v;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	v = strtoul(text, &end, 10);
	*out = (uint16_t)v;
	return !*end && v > 0 && v < 65536;
}

bool dns_addr_parse(struct dns_addr *out, const char *text)
{
	struct dns_addr a = { .port = 53 };
	const char *end;

	if (*text == '[') {
		end = strchr(text, ']');
		if (!end || !addr_parse_n(&a.addr, text + 1, (size_t)(end - text - 1)))
			return false;
		if (end[1] && (end[1] != ':' || !parse_port(&a.port, end + 2)))
			return false;
	} else if (!addr_parse(&a.addr, text)) {
		end = strchr(text, ':');
		if (!end || !addr_parse_n(&a.addr, text, (size_t)(end - text)) ||
		    !parse_port(&a.port, end + 1))
			return false;
	}
	*out = a;
	return true;
}

size_t dns_addr_format(char buf[static DNS_ADDR_STRLEN], struct dns_addr a)
{
	char text[ADDR_STRLEN];

	addr_format(text, a.addr);
	if (a.port == 53)
		return (size_t)snprintf(buf, DNS_ADDR_STRLEN, "%s", text);
	return (size_t)snprintf(buf, DNS_ADDR_STRLEN,
	                        addr_is_v4(a.addr) ? "%s:%u" : "[%s]:%u", text, a.port);
}
