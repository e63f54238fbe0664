#include "probe/answers.h"

#include <inttypes.h>
#include <string.h>

#include "common/log.h"
#include "probe/formats.h"

enum { TWO = 2 * OBS_RECORD_SIZE, MAGIC = 12 };

/* Byte by byte: of a pipe no more may have come than the first line, and may for long. */
bool answers_peek(struct input *in)
{
	uint8_t want[FORMAT_BINARY_HEADER], have[FORMAT_BINARY_HEADER];

	format_binary_header(want);
	for (size_t n = 1; n <= MAGIC; n++)
		if (input_peek(in, have, n, NULL) != (ssize_t)n ||
		    have[n - 1] != want[n - 1])
			return false;
	return true;
}

/* n bytes, fewer only at the end. */
static int read_whole(struct input *in, uint8_t *buf, size_t n, size_t *got,
                      struct diag *d)
{
	*got = 0;
	while (*got < n) {
		ssize_t k = input_read(in, buf + *got, n - *got, d);

		if (k < 0)
			return (int)k;
		if (k == 0)
			break;
		*got += (size_t)k;
	}
	return 0;
}

int answers_next(struct input *in, struct observation *o, uint64_t number, struct diag *d)
{
	uint8_t records[TWO];
	size_t got;
	int rc = read_whole(in, records, sizeof(records), &got, d);

	if (rc < 0 || got == 0)
		return rc;
	if (got < sizeof(records)) {
		log_warn("%s: ends within answer %" PRIu64 ", which is left out",
		         input_name(in), number);
		return 0;
	}
	memset(o, 0, sizeof(*o));
	rc = obs_decode(o, records);
	if (rc == 0)
		rc = obs_decode_more(o, records + OBS_RECORD_SIZE);
	return rc < 0 ? diag_set(d, rc, "%s: answer %" PRIu64 ": %s", input_name(in),
	                         number, err_str(rc))
	              : 1;
}

int answers_begin(struct input *in, struct diag *d)
{
	uint8_t want[FORMAT_BINARY_HEADER], have[FORMAT_BINARY_HEADER];
	size_t got;
	int rc = read_whole(in, have, sizeof(have), &got, d);

	format_binary_header(want);
	if (rc == 0 && (got < sizeof(have) || memcmp(want, have, MAGIC) != 0))
		return diag_set(d, ERR_FORMAT, "%s: is no file of -O binary",
		                input_name(in));
	if (rc == 0 && memcmp(want, have, sizeof(have)) != 0)
		return diag_set(d, ERR_VERSION, "%s: of another version", input_name(in));
	return rc;
}
