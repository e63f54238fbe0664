/* seeds/cmd_zones.h - what the verbs have in common that ask for zones by name. */
#ifndef SEEDS_CMD_ZONES_H
#define SEEDS_CMD_ZONES_H

#include "common/scope.h"
#include "common/writer.h"
#include "seeds/dns_setup.h"
#include "seeds/dns_sync.h"

struct zones_opts {
	const char *output;
	const struct dns_opts *dns;
	const struct scope_config *scope;
	bool quiet;
};

/* What is open during the run, borrowed; one zone of the arguments at a time. */
struct zones {
	const struct scope *scope;
	struct writer *w;
	struct dns_sync *sync; /* its servers are in there: 0, 1, ... */
	unsigned servers;      /* at least one */
	const char *text;      /* the zone, as the user has it */
	struct dns_name zone;
};

/* 1: the zone is complete; 0: it is not, which was told; negative ends the run. */
typedef int (*zones_one)(void *arg, const struct zones *z, struct diag *d);

/* Call one for each zone of the arguments ("@ADDR" are servers, see
 * dns_find_servers()), but for those that are opted out or have no server, and
 * commit the output, also when a signal ends the run.  CMD_OK, CMD_USAGE,
 * CMD_FAILED: something was not complete. */
int zones_run(const struct zones_opts *o, int argc, char *argv[], zones_one one,
              void *arg);

#endif
