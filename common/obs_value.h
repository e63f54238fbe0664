/* common/obs_value.h - what the fields of an observation are: the inside of
 * observation.c, which writes them, and obs_fields.c, which knows them. */
#ifndef COMMON_OBS_VALUE_H
#define COMMON_OBS_VALUE_H

#include "common/observation.h"

/* What a field is in one observation: an empty CSV field or null where it means
 * nothing (a port of a ping, an RTT that is not known). */
struct obs_value {
	enum { VALUE_NONE, VALUE_UINT, VALUE_TEXT, VALUE_ADDR } kind;
	uint64_t u;
	const char *text; /* shorter than OBS_VALUE_TEXT_MAX; may point to buf */
	struct addr128 addr;
	char buf[OBS_TEXT_MAX];
};

enum { OBS_VALUE_TEXT_MAX = OBS_TEXT_MAX };

struct obs_field {
	const char *name, *help;
	void (*get)(struct obs_value *v, const struct observation *o);
};

/* NULL past the end.  The order is the order of "*". */
const struct obs_field *obs_field_at(unsigned i);

#endif
