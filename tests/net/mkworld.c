/* tests/net/mkworld.c - makes up an IPv6 Internet for simnet.sh.
 *
 * mkworld DIR [SEED [NETWORKS]] writes DIR/truth (hosts), DIR/aliased (prefixes
 * that answer everywhere) and DIR/seeds (a random fifth of the hosts, and some
 * addresses of the aliased prefixes, as hitlists have them).  The same seed
 * gives the same files.  The addressing habits are those that RFC 7707 section
 * 4 describes: low-byte, service ports, EUI-64, embedded IPv4, DHCPv6 pools in
 * numbered subnets, and random interface identifiers that nobody can guess. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/addrvec.h"
#include "common/rng.h"

struct world {
	struct rng rng;
	struct addrvec hosts, aliased, seeds;
	bool out_of_memory;
};

static void host(struct world *w, uint64_t hi, uint64_t lo)
{
	if (addrvec_push(&w->hosts, (struct addr128){ hi, lo }) < 0)
		w->out_of_memory = true;
}

static uint64_t below(struct world *w, uint64_t n)
{
	return rng_below(&w->rng, n);
}

/* Most of first..first+n-1 in one /64: numbered by hand, with a few gaps. */
static void fill(struct world *w, uint64_t hi, uint64_t first, uint64_t n,
                 unsigned percent)
{
	for (uint64_t i = 0; i < n; i++)
		if (below(w, 100) < percent)
			host(w, hi, first + i);
}

/* Servers: sites in a row, subnets in a row, hosts ::1, ::2, ... */
static void hosting(struct world *w, uint64_t net)
{
	uint64_t sites = 1 + below(w, 4), first = below(w, 64);

	for (uint64_t s = 0; s < sites; s++) {
		uint64_t site = net | (first + s) << 16, subnets = 3 + below(w, 14);

		for (uint64_t i = 0; i < subnets; i++)
			fill(w, site | i, 1, 2 + below(w, 38), 85);
	}
}

/* A provider's routers: ::1 and ::2 on links numbered in some step. */
static void routers(struct world *w, uint64_t net)
{
	uint64_t links = 40 + below(w, 120), shift = 4 * below(w, 7);

	for (uint64_t i = 0; i < links; i++) {
		host(w, net | i << shift, 1);
		if (below(w, 100) < 70)
			host(w, net | i << shift, 2);
	}
}

/* Named after their service's port, in hexadecimal digits that look decimal. */
static void services(struct world *w, uint64_t net)
{
	static const uint64_t iid[] = {
		0x22, 0x25, 0x53, 0x80, 0x110, 0x143, 0x443, 0x993
	};
	uint64_t sites = 10 + below(w, 30);

	for (uint64_t s = 0; s < sites; s++)
		for (size_t i = 0; i < sizeof(iid) / sizeof(iid[0]); i++)
			if (below(w, 100) < 45)
				host(w, net | s << 16, iid[i]);
}

/* Stateless autoconfiguration: machines bought together have near numbers. */
static void eui64(struct world *w, uint64_t net)
{
	static const uint64_t oui[] = { 0x021b21, 0x525400, 0x02163e, 0x045056 };
	uint64_t subnets = 2 + below(w, 6), id = oui[below(w, 4)] << 40 | 0xfffe000000;
	uint64_t serial = below(w, 1 << 23);

	for (uint64_t i = 0; i < subnets; i++)
		for (uint64_t k = 10 + below(w, 30); k; k--)
			host(w, net | i, id | (serial += 1 + below(w, 3)));
}

/* The IPv4 address of a dual-stack host in the low 32 bits. */
static void embedded(struct world *w, uint64_t net)
{
	uint64_t subnets = 1 + below(w, 3);

	for (uint64_t i = 0; i < subnets; i++)
		fill(w, net | i << 8, (below(w, 223) + 1) << 24 | below(w, 1 << 16) << 8,
		     200, 35);
}

/* A DHCPv6 pool, handed out from its start. */
static void pool(struct world *w, uint64_t net)
{
	uint64_t subnets = 1 + below(w, 4);

	for (uint64_t i = 0; i < subnets; i++)
		fill(w, net | i << 4, 0x1000, 60 + below(w, 140), 60);
}

/* Privacy addresses (RFC 8981). */
static void privacy(struct world *w, uint64_t net)
{
	for (uint64_t k = 20 + below(w, 60); k; k--)
		host(w, net | below(w, 4), rng_next(&w->rng));
}

/* Some /64 answers everywhere, and lists are full of its addresses. */
static void aliased(struct world *w, uint64_t net)
{
	for (uint64_t i = 0, n = 1 + below(w, 4); i < n; i++) {
		struct addr128 a = { net | i << 12, 0 };

		if (addrvec_push(&w->aliased, a) < 0)
			w->out_of_memory = true;
		for (uint64_t k = 10 + below(w, 30); k; k--) {
			a.lo = below(w, 2) ? below(w, 256) : rng_next(&w->rng);
			if (addrvec_push(&w->seeds, a) < 0)
				w->out_of_memory = true;
		}
	}
}

/* Hosting and routers twice: they are what most lists consist of. */
static void (*const habits[])(struct world *, uint64_t) = {
	hosting,  routers, services, eui64,   hosting,
	embedded, pool,    routers,  privacy, aliased,
};

/* A /32 of global unicast space that no special-purpose registry names: each
 * number once, so that no two networks share it. */
static uint64_t network(struct world *w, uint64_t i)
{
	static const uint64_t block[] = { 0x2400, 0x2a00, 0x2800, 0x2c00 };

	return (block[i % 4] + below(w, 16)) << 48 | (i << 8 | below(w, 256)) << 32;
}

static int make(struct world *w, uint64_t networks)
{
	const size_t kinds = sizeof(habits) / sizeof(habits[0]);

	for (uint64_t i = 0; i < networks; i++)
		habits[i % kinds](w, network(w, i));
	if (addrvec_sort(&w->hosts) < 0)
		return -1;
	addrvec_unique(&w->hosts);
	for (size_t i = 0; i < w->hosts.n; i++)
		if (below(w, 5) == 0 && addrvec_push(&w->seeds, w->hosts.a[i]) < 0)
			return -1;
	if (w->out_of_memory || addrvec_sort(&w->seeds) < 0)
		return -1;
	addrvec_unique(&w->seeds);
	return 0;
}

static int save(const char *dir, const char *name, const struct addrvec *v,
                const char *suffix)
{
	char path[4096], text[ADDR_STRLEN];
	bool bad;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	for (size_t i = 0; f && i < v->n; i++) {
		addr_format(text, v->a[i]);
		fprintf(f, "%s%s\n", text, suffix);
	}
	bad = !f || ferror(f);
	if ((f && fclose(f) != 0) || bad) {
		perror(path);
		return -1;
	}
	printf("%s: %zu\n", name, v->n);
	return 0;
}

int main(int argc, char *argv[])
{
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	uint64_t networks = argc > 3 ? strtoull(argv[3], NULL, 10) : 60;
	struct world w = { 0 };
	int rc = 1;

	if (argc < 2 || networks < 1 || networks > 256) {
		fputs("usage: mkworld DIR [SEED [NETWORKS 1..256]]\n", stderr);
		return 2;
	}
	rng_init(&w.rng, seed);
	if (make(&w, networks) < 0)
		fputs("mkworld: out of memory\n", stderr);
	else if (save(argv[1], "truth", &w.hosts, "") == 0 &&
	         save(argv[1], "aliased", &w.aliased, "/64") == 0 &&
	         save(argv[1], "seeds", &w.seeds, "") == 0)
		rc = 0;
	addrvec_fini(&w.hosts);
	addrvec_fini(&w.aliased);
	addrvec_fini(&w.seeds);
	return rc;
}
