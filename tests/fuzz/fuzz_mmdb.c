/* Any bytes as a MaxMind DB: opened or refused, and asked for some addresses. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analysis/mmdb.h"
#include "common/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag d = { .text = "" };
	struct mmdb *m;
	char path[64];
	int fd = memfd_create("mmdb", 0);

	log_set_level(LOG_QUIET);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (mmdb_open(&m, path, &d) == 0) {
		for (unsigned i = 0; i < 32; i++) {
			struct addr128 a = { 0x20010db800000000 ^ UINT64_C(1) << 2 * i,
				             i };
			unsigned len;
			char cc[3];

			mmdb_country(m, a, cc, &len);
			if (len > 128 || (cc[0] && strlen(cc) != 2))
				abort();
		}
		mmdb_close(m);
	} else if (!d.text[0]) {
		abort();
	}
	close(fd);
	return 0;
}
