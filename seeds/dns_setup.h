/* seeds/dns_setup.h - the options that all verbs have which ask the DNS. */
#ifndef SEEDS_DNS_SETUP_H
#define SEEDS_DNS_SETUP_H

#include "common/opt.h"
#include "seeds/dns_client.h"

struct dns_opts {
	struct opt_list servers, optouts;
	double rate, server_rate;
	uint64_t window, tries, timeout_ns;
};

#define DNS_OPTS(cfg, f)                                                                 \
	OPT_LIST("resolver", 's', cfg, f.servers, "ADDR",                                \
	         "ask ADDR, with or without :PORT (repeatable; default: the system's)"), \
		OPT_DOUBLE("rate", 'r', cfg, f.rate, "N",                                \
	                   "queries a second in all; 0 (default): no limit"),            \
		OPT_DOUBLE("server-rate", 0, cfg, f.server_rate, "N",                    \
	                   "queries a second to each server; 0: no limit"),              \
		OPT_COUNT("window", 0, cfg, f.window, "N", "queries in flight at most"), \
		OPT_COUNT("tries", 0, cfg, f.tries, "N",                                 \
	                  "times a query is sent at most"),                              \
		OPT_DURATION(                                                            \
			"timeout", 0, cfg, f.timeout_ns, "TIME",                         \
			"wait for the first answer; twice as long for each further"),    \
		OPT_LIST(                                                                \
			"optout-file", 'x', cfg, f.optouts, "FILE",                      \
			"never ask about or at the zones, addresses and prefixes in FILE")

/* Whether the numbers make sense; says what does not. */
bool dns_setup_is_valid(const struct dns_opts *o);

/* Fill a client's configuration, opt-out lists included (the caller frees those). */
int dns_setup(struct dns_client_config *cfg, const struct dns_opts *o,
              struct dns_optout **optout, struct diag *d);

/* The servers of the options, or those of /etc/resolv.conf; the caller frees. */
int dns_setup_servers(struct dns_addr **out, size_t *n, const struct dns_opts *o,
                      struct diag *d);

#endif
