#include <time.h>

#include "common/clock.h"
#include "hitlist/cmds.h"

bool time_parse_date(uint32_t *out, const char *text)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d" };

	for (unsigned i = 0; i < 2; i++) {
		struct tm tm = { 0 };
		const char *end = strptime(text, forms[i], &tm);
		int mday = tm.tm_mday;
		time_t t = timegm(&tm);

		/* 30 February would become 2 March */
		if (!end || *end || t < 0 || t > UINT32_MAX || tm.tm_mday != mday)
			continue;
		*out = (uint32_t)t;
		return true;
	}
	return false;
}

bool time_parse_since(uint32_t *out, const char *text)
{
	uint64_t ago, now = clock_wall_us() / (NS_PER_S / NS_PER_US);

	if (time_parse_date(out, text))
		return true;
	if (!opt_parse_duration(&ago, text))
		return false;
	ago /= NS_PER_S;
	*out = ago < now ? (uint32_t)(now - ago) : 0;
	return true;
}
