/* Any bytes as a table of announced prefixes; the first byte chooses strictness. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/bgp.h"
#include "common/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Sorted, each prefix once, every network known, and found by its own address
 * unless a longer prefix begins there, too. */
static void check(const struct bgp *b)
{
	for (size_t i = 0; i < bgp_count(b); i++) {
		const struct bgp_entry *e = bgp_at(b, i);
		uint32_t found;

		if (i && addr_cmp(bgp_at(b, i - 1)->prefix.addr, e->prefix.addr) > 0)
			abort();
		if (e->as >= bgp_as_count(b) || bgp_asn(b, e->as) != e->asn)
			abort();
		if (!addr_is_v4(e->prefix.addr) &&
		    (!bgp_find(b, e->prefix.addr, &found) ||
		     bgp_at(b, found)->prefix.len < e->prefix.len))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag d = { .text = "" };
	struct bgp *b;
	char path[64];
	bool strict = size && data[0] & 1;
	int fd = memfd_create("pfx2as", 0);

	log_set_level(LOG_QUIET);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (bgp_load(&b, path, strict, &d) == 0) {
		check(b);
		bgp_free(b);
	} else if (!d.text[0]) {
		abort();
	}
	close(fd);
	return 0;
}
