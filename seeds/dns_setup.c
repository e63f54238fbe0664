#include "seeds/dns_setup.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/reader.h"

enum { WINDOW_MAX = 32768, TRIES_MAX = 20, SYSTEM_SERVERS = 8, PORTS = 4 };

bool dns_setup_is_valid(const struct dns_opts *o)
{
	if (o->window < 1 || o->window > WINDOW_MAX) {
		log_error("--window: must be 1 to %d", WINDOW_MAX);
		return false;
	}
	if (o->tries < 1 || o->tries > TRIES_MAX) {
		log_error("--tries: must be 1 to %d", TRIES_MAX);
		return false;
	}
	if (o->timeout_ns < 1000000 || o->timeout_ns > UINT64_C(60000000000)) {
		log_error("--timeout: must be 1ms to 1m");
		return false;
	}
	if (o->rate < 0 || o->server_rate < 0) {
		log_error("--rate, --server-rate: must not be negative");
		return false;
	}
	return true;
}

int dns_setup(struct dns_client_config *cfg, const struct dns_opts *o,
              struct dns_optout **optout, struct diag *d)
{
	int rc = dns_optout_load(optout, &o->optouts, d);

	if (rc < 0)
		return rc;
	*cfg = (struct dns_client_config){
		.rate = o->rate,
		.server_rate = o->server_rate,
		.window = (unsigned)o->window,
		.tries = (unsigned)o->tries,
		.timeout_ns = o->timeout_ns,
		.ports = PORTS,
		.optout = *optout,
	};
	return 0;
}

static int read_system(struct dns_addr *out, size_t *n, struct diag *d)
{
	struct reader *r;
	const char *line;
	int rc = reader_open(&r, "/etc/resolv.conf", NULL, d);

	if (rc < 0)
		return rc;
	while ((rc = reader_line(r, &line, d)) > 0 && *n < SYSTEM_SERVERS) {
		char text[64];
		size_t len;

		line += strspn(line, " \t");
		if (strncmp(line, "nameserver", 10) || !strchr(" \t", line[10]))
			continue;
		line += 10 + strspn(line + 10, " \t");
		len = strcspn(line, " \t#;");
		if (len == 0 || len >= sizeof(text))
			continue;
		memcpy(text, line, len);
		text[len] = '\0';
		/* An address with a zone (fe80::1%eth0) is skipped. */
		*n += dns_addr_parse(&out[*n], text);
	}
	reader_close(r);
	return rc < 0 ? rc : 0;
}

int dns_setup_servers(struct dns_addr **out, size_t *n, const struct dns_opts *o,
                      struct diag *d)
{
	size_t cap = o->servers.n ? o->servers.n : SYSTEM_SERVERS;
	struct dns_addr *a = calloc(cap, sizeof(*a));
	int rc = 0;

	*n = 0;
	*out = a;
	if (!a)
		return diag_set(d, -ENOMEM, "%s", err_str(-ENOMEM));
	for (size_t i = 0; i < o->servers.n; i++)
		if (!dns_addr_parse(&a[(*n)++], o->servers.v[i]))
			return diag_set(d, ERR_PARSE, "--resolver: '%s' is no address",
			                o->servers.v[i]);
	if (!o->servers.n)
		rc = read_system(a, n, d);
	if (rc >= 0 && !*n)
		rc = diag_set(d, ERR_EMPTY, "no resolver: give one with --resolver");
	return rc;
}
