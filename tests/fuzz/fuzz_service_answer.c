/* Any bytes as what a server said: classified within their bounds, and written as a
 * line of JSON and of CSV that is one. */
#include "tests/fuzz/grab_output.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct service_slice s, size_t n)
{
	if (s.len && (size_t)s.at + s.len > n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const probes[] = { NULL,    "any",       "dns",  "smtp",
		                              "redis", "mqtt",      "ldap", "mysql",
		                              "rdp",   "postgresql" };

	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		struct grab_result r = { .port = 25, .when_us = 1 };

		service_classify(&r.answer, data, size, probes[i]);
		check(r.answer.product, size);
		check(r.answer.http_title, size);
		check(r.answer.http_location, size);
		(void)service_is_complete(data, size);
		r.banner = data;
		r.n_banner = (uint32_t)size;
		r.service = r.answer.service;
		if (i == 0 || (r.answer.service && size < 64))
			fuzz_check_output(&r);
	}
	return 0;
}
