/* Text of any kind as a list of addresses, prefixes and ranges.  The first byte
 * chooses the policy and the function. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/log.h"
#include "common/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_item(const struct reader_item *it, bool v6_only)
{
	struct prefix p = prefix_make(it->first, it->len);

	if (addr_cmp(it->first, it->last) > 0)
		abort();
	/* A prefix may have IPv4 inside it; a range may not cross over. */
	if (addr_is_v4(it->first) && !addr_is_v4(it->last))
		abort();
	if (v6_only && addr_is_v4(it->first))
		abort();
	if (it->is_prefix &&
	    (!addr_eq(p.addr, it->first) || !addr_eq(prefix_last(p), it->last)))
		abort();
}

static void read_all(struct reader *r, unsigned mode, bool v6_only)
{
	struct diag d = { .text = "" };
	struct reader_item it;
	struct addr128 a;
	const char *line;
	uint64_t number = 0;
	int rc;

	for (;;) {
		rc = mode == 0   ? reader_next(r, &it, &d)
		     : mode == 1 ? reader_addr(r, &a, &d)
		                 : reader_line(r, &line, &d);
		if (rc <= 0)
			break;
		if (reader_line_number(r) <= number)
			abort();
		number = reader_line_number(r);
		if (mode == 0)
			check_item(&it, v6_only);
		if (strlen(reader_text(r)) > READER_LINE_MAX)
			abort();
		if (mode == 3 && reader_reject(r, ERR_PARSE, NULL) < 0)
			break;
	}
	if (rc < 0 && mode < 3 && !d.text[0])
		abort();
}

/* One at a time and many at once must be the same. */
static void compare_many(struct reader *one, struct reader *many, size_t cap)
{
	struct addr128 a[300], b;
	ssize_t n;

	while ((n = reader_addrs(many, a, cap, NULL)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if (reader_addr(one, &b, NULL) != 1 || !addr_eq(a[i], b))
				abort();
		if (reader_line_number(one) != reader_line_number(many) ||
		    strcmp(reader_text(one), reader_text(many)))
			abort();
	}
	if (reader_addr(one, &b, NULL) != (int)n || reader_bad(one) != reader_bad(many))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader_policy policy = { .strict = false };
	struct diag d = { .text = "" };
	struct reader *r;
	char path[64];
	int fd;

	log_set_level(LOG_QUIET);
	if (size < 1)
		return 0;
	policy.strict = data[0] & 1;
	policy.v6_only = data[0] & 2;
	policy.ports = data[0] & 16;
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data + 1, size - 1) != (ssize_t)(size - 1))
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (reader_open(&r, path, &policy, &d) < 0)
		abort();
	if (data[0] & 0x10) {
		struct reader *many;

		if (reader_open(&many, path, &policy, &d) < 0)
			abort();
		compare_many(r, many, 1 + (data[0] >> 2 & 3) * 99);
		reader_close(many);
	} else {
		read_all(r, data[0] >> 2 & 3, policy.v6_only);
	}
	reader_close(r);
	close(fd);
	return 0;
}
