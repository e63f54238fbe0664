#include "seeds/dns_find.h"

#include <stdlib.h>
#include <string.h>

enum { NS_MAX = 16, HOSTS_KEPT = 4096 };

struct host {
	uint64_t hash[2]; /* of its name */
	uint8_t n;
	struct addr128 a[DNS_HOST_ADDRS];
};

struct dns_hosts {
	struct dns_sync asker; /* of the resolvers */
	struct dns_optout *optout;
	struct host *kept;
	size_t n, cap;
};

int dns_hosts_new(struct dns_hosts **out, const struct dns_opts *o,
                  const atomic_bool *stop, struct diag *d)
{
	struct dns_hosts *h = calloc(1, sizeof(*h));
	struct dns_client_config cfg;
	struct dns_addr *servers = NULL;
	size_t n = 0;
	int rc;

	if (!h)
		return diag_set(d, -ENOMEM, "%s", err_str(-ENOMEM));
	rc = dns_setup(&cfg, o, &h->optout, d);
	if (rc >= 0)
		rc = dns_setup_servers(&servers, &n, o, d);
	if (rc >= 0)
		rc = dns_sync_init(&h->asker, &cfg, stop, d);
	for (size_t i = 0; i < n && rc >= 0; i++)
		rc = dns_client_server(h->asker.client, servers[i], d);
	free(servers);
	if (rc < 0) {
		dns_hosts_free(h);
		return rc;
	}
	*out = h;
	return 0;
}

void dns_hosts_free(struct dns_hosts *h)
{
	if (!h)
		return;
	dns_sync_fini(&h->asker);
	dns_optout_free(h->optout);
	free(h->kept);
	free(h);
}

/* Add the addresses of one family.  What fails, but for a stop, gives none. */
static int ask_host(struct dns_hosts *h, const struct dns_name *name, uint16_t type,
                    struct host *out, struct diag *d)
{
	const struct dns_ask q = { name, type, DNS_ANY_SERVER, true, false, 0 };
	struct diag local = { "" };
	struct dns_msg m;
	struct dns_rr rr;
	int rc = dns_sync_ask(&h->asker, &q, &m, &local);

	if (rc == ERR_STOPPED)
		return diag_set(d, rc, "%s", local.text);
	while (rc > 0 && out->n < DNS_HOST_ADDRS && dns_msg_next(&m, &rr) > 0)
		if (rr.section == 0 && rr.type == type &&
		    dns_rr_addr(&m, &rr, &out->a[out->n]))
			out->n++;
	return 0;
}

static int keep(struct dns_hosts *h, const struct host *x, struct diag *d)
{
	if (h->n == HOSTS_KEPT)
		return 0;
	if (h->n == h->cap) {
		size_t cap = h->cap * 2 + 16;
		void *p = realloc(h->kept, cap * sizeof(*h->kept));

		if (!p)
			return diag_set(d, -ENOMEM, "%s", err_str(-ENOMEM));
		h->kept = p;
		h->cap = cap;
	}
	h->kept[h->n++] = *x;
	return 0;
}

int dns_hosts_find(struct dns_hosts *h, const struct dns_name *host,
                   struct addr128 out[static DNS_HOST_ADDRS], struct diag *d)
{
	struct host x = { .hash = { dns_name_hash(host, 1), dns_name_hash(host, 2) } };
	int rc;

	for (size_t i = 0; i < h->n; i++) {
		const struct host *k = &h->kept[i];

		if (k->hash[0] != x.hash[0] || k->hash[1] != x.hash[1])
			continue;
		memcpy(out, k->a, sizeof(k->a));
		return k->n;
	}
	rc = ask_host(h, host, DNS_AAAA, &x, d);
	if (rc >= 0)
		rc = ask_host(h, host, DNS_A, &x, d);
	if (rc >= 0)
		rc = keep(h, &x, d);
	memcpy(out, x.a, sizeof(x.a));
	return rc < 0 ? rc : x.n;
}

static int add_given(struct dns_sync *c, int argc, char *argv[], struct diag *d)
{
	int n = 0;

	for (int i = 0; i < argc; i++) {
		struct dns_addr a;
		int rc;

		if (argv[i][0] != '@')
			continue;
		if (!dns_addr_parse(&a, argv[i] + 1))
			return diag_set(d, ERR_PARSE, "'%s' is no address", argv[i]);
		rc = dns_client_server(c->client, a, d);
		if (rc < 0)
			return rc;
		n++;
	}
	return n;
}

/* The servers of a zone; as dns_find_servers(). */
static int add_found(struct dns_sync *c, struct dns_hosts *h, const struct dns_name *zone,
                     struct diag *d)
{
	const struct dns_ask q = { zone, DNS_NS, DNS_ANY_SERVER, true, false, 0 };
	struct addr128 addr[DNS_HOST_ADDRS];
	struct dns_name hosts[NS_MAX];
	unsigned n = 0;
	int added = 0;
	struct dns_msg m;
	struct dns_rr rr;
	int rc = dns_sync_ask(&h->asker, &q, &m, d);

	while (rc > 0 && n < NS_MAX && dns_msg_next(&m, &rr) > 0)
		if (rr.section == 0 && rr.type == DNS_NS)
			n += dns_rr_target(&m, &rr, &hosts[n]);
	for (unsigned i = 0; i < n && rc >= 0; i++) {
		rc = dns_hosts_find(h, &hosts[i], addr, d);
		for (int k = 0, found = rc; k < found && rc >= 0; k++) {
			rc = dns_client_found_server(c->client,
			                             (struct dns_addr){ addr[k], 53 }, d);
			added += rc >= 0;
			rc = rc == ERR_POLICY ? 0 : rc;
		}
	}
	return rc < 0 ? rc : added;
}

int dns_find_servers(struct dns_sync *c, const struct dns_name *zone,
                     const struct dns_opts *o, int argc, char *argv[], struct diag *d)
{
	struct dns_hosts *h = NULL;
	int rc = add_given(c, argc, argv, d);

	if (rc)
		return rc;
	rc = dns_hosts_new(&h, o, c->stop, d);
	if (rc >= 0)
		rc = add_found(c, h, zone, d);
	dns_hosts_free(h);
	return rc;
}
