/* Routing tables of any kind, as MRT and as text: the first byte chooses.  All
 * of the input must be accounted for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/log.h"
#include "common/routed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_routes(struct rib *r)
{
	struct rib_route route;

	if (rib_sort(r) < 0)
		abort();
	for (size_t i = 0; i < rib_count(r); i++) {
		if (rib_route(r, i, 1, &route) < 0)
			abort();
		if (!addr_eq(prefix_make(route.prefix.addr, route.prefix.len).addr,
		             route.prefix.addr))
			abort();
		for (size_t k = 0; k < route.n; k++)
			if (!route.origins[k].as == !route.origins[k].set_n &&
			    !route.listed)
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum rib_format formats[] = { RIB_AUTO,      RIB_MRT,    RIB_PFX2AS,
		                                   RIB_DELEGATED, RIB_RANGES, RIB_MRT };
	struct routed_config cfg = { .threads = 1 };
	struct routed_counts c = { .lines = 0 };
	struct mrt_peers *peers = mrt_peers_new();
	struct rib *r = rib_new();
	struct diag d = { .text = "" };
	char path[64];
	int fd = memfd_create("fuzz", MFD_CLOEXEC), rc;

	log_set_level(LOG_QUIET);
	if (!r || !peers || fd < 0)
		abort();
	if (size) {
		cfg.format = formats[data[0] % 6];
		data++;
		size--;
	}
	if (write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	rc = routed_read(r, peers, path, &cfg, &c, &d);
	if (rc < 0 && !d.text[0])
		abort();
	check_routes(r);
	rib_free(r);
	mrt_peers_free(peers);
	close(fd);
	return 0;
}
