#include "seeds/dns_find.h"

#include <stdlib.h>

enum { HOSTS_MAX = 16 };

struct find {
	struct dns_sync *to;   /* where the servers are added */
	struct dns_sync asker; /* of the resolvers */
	int n;
};

/* -1: an error; opted-out servers are not there for us. */
static int add(struct find *f, struct dns_addr a, struct diag *d)
{
	struct diag local = { "" };
	int rc = dns_client_server(f->to->client, a, &local);

	if (rc >= 0)
		f->n++;
	else if (rc != ERR_POLICY)
		return diag_set(d, rc, "%s", local.text);
	return 0;
}

static int add_given(struct find *f, int argc, char *argv[], struct diag *d)
{
	for (int i = 0; i < argc; i++) {
		struct dns_addr a;
		int rc;

		if (argv[i][0] != '@')
			continue;
		if (!dns_addr_parse(&a, argv[i] + 1))
			return diag_set(d, ERR_PARSE, "'%s' is no address", argv[i]);
		rc = dns_client_server(f->to->client, a, d);
		if (rc < 0)
			return rc;
		f->n++;
	}
	return 0;
}

/* The addresses of a host, of one family. */
static int add_host(struct find *f, const struct dns_name *host, uint16_t type,
                    struct diag *d)
{
	const struct dns_ask q = { host, type, DNS_ANY_SERVER, true, false, 0 };
	struct diag local = { "" };
	struct dns_addr a = { .port = 53 };
	struct dns_msg m;
	struct dns_rr rr;
	int rc = dns_sync_ask(&f->asker, &q, &m, &local);

	if (rc == ERR_STOPPED)
		return diag_set(d, rc, "%s", local.text);
	while (rc > 0 && dns_msg_next(&m, &rr) > 0)
		if (rr.section == 0 && dns_rr_addr(&m, &rr, &a.addr) && add(f, a, d) < 0)
			return -EIO;
	return 0;
}

static int add_found(struct find *f, const struct dns_name *zone, struct diag *d)
{
	const struct dns_ask q = { zone, DNS_NS, DNS_ANY_SERVER, true, false, 0 };
	struct dns_name hosts[HOSTS_MAX];
	unsigned n = 0;
	struct dns_msg m;
	struct dns_rr rr;
	int rc = dns_sync_ask(&f->asker, &q, &m, d);

	while (rc > 0 && n < HOSTS_MAX && dns_msg_next(&m, &rr) > 0)
		if (rr.section == 0 && rr.type == DNS_NS)
			n += dns_rr_target(&m, &rr, &hosts[n]);
	for (unsigned i = 0; i < n && rc >= 0; i++) {
		rc = add_host(f, &hosts[i], DNS_AAAA, d);
		if (rc >= 0)
			rc = add_host(f, &hosts[i], DNS_A, d);
	}
	return rc < 0 ? rc : 0;
}

int dns_find_servers(struct dns_sync *c, const struct dns_name *zone,
                     const struct dns_opts *o, int argc, char *argv[], struct diag *d)
{
	struct dns_client_config cfg;
	struct dns_optout *optout = NULL;
	struct dns_addr *servers = NULL;
	struct find f = { .to = c };
	size_t n = 0;
	int rc = add_given(&f, argc, argv, d);

	if (rc < 0 || f.n)
		return rc < 0 ? rc : f.n;
	rc = dns_setup(&cfg, o, &optout, d);
	if (rc >= 0)
		rc = dns_setup_servers(&servers, &n, o, d);
	if (rc >= 0)
		rc = dns_sync_init(&f.asker, &cfg, c->stop, d);
	for (size_t i = 0; i < n && rc >= 0; i++)
		rc = dns_client_server(f.asker.client, servers[i], d);
	if (rc >= 0)
		rc = add_found(&f, zone, d);
	dns_sync_fini(&f.asker);
	free(servers);
	dns_optout_free(optout);
	return rc < 0 ? rc : f.n;
}
