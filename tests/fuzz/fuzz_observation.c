/* Binary observation records: as they are, and with a check value that fits, so
 * that the values behind it are looked at, too. */
#include <stdlib.h>
#include <string.h>

#include "common/checksum.h"
#include "common/observation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The second record: its unused bytes are not kept, the rest is. */
static void decode_more(const uint8_t *rec)
{
	struct observation o = { .proto = OBS_UDP }, again;
	uint8_t back[OBS_RECORD_SIZE], twice[OBS_RECORD_SIZE];

	if (obs_decode_more(&o, rec) < 0)
		return;
	obs_encode_more(back, &o);
	if (!obs_is_more(back) || obs_decode_more(&again, back) < 0)
		abort();
	obs_encode_more(twice, &again);
	if (memcmp(back, twice, sizeof(back)) != 0)
		abort();
}

/* There is one record for each observation: what decodes encodes to the same. */
static void decode(const uint8_t *rec)
{
	struct observation o;
	uint8_t back[OBS_RECORD_SIZE];

	if (obs_decode(&o, rec) < 0)
		return;
	obs_encode(back, &o);
	if (memcmp(back, rec, sizeof(back)) != 0)
		abort();
	if ((unsigned)o.proto >= OBS_PROTOS || (unsigned)o.outcome >= OBS_OUTCOMES)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t rec[OBS_RECORD_SIZE] = { 0 };
	uint32_t check;

	if (size >= OBS_RECORD_SIZE)
		decode(data);
	memcpy(rec, data, size < sizeof(rec) ? size : sizeof(rec));
	check = (uint32_t)checksum64(rec, sizeof(rec) - 4, 0);
	for (int i = 0; i < 4; i++)
		rec[sizeof(rec) - 4 + i] = (uint8_t)(check >> 8 * i);
	decode(rec);
	decode_more(rec);
	return 0;
}
