/* The run reader on any bytes: as they are; with all checksums made right, so
 * that what lies behind them is reached; and as a block. */
#include "hitlist/run.c"

static void read_all(struct run *r)
{
	struct run_cursor *c = malloc(sizeof(*c));
	const struct host_record *rec;
	struct host_record out;

	if (!c)
		abort();
	if (run_seek(c, r, r->sum.min, NULL) == 0)
		while (run_next(c, &rec, NULL) > 0)
			run_find(r, rec->addr, &out, NULL);
	run_seek(c, r, r->sum.max, NULL);
	run_check(r, NULL);
	free(c);
	run_unref(r);
}

static void sign(uint8_t *p, uint64_t at, uint64_t n, uint8_t *sum)
{
	store64(sum, checksum64(p + at, n, at));
}

/* Recompute every checksum that lies inside the file. */
static void sign_all(uint8_t *p, size_t n)
{
	uint64_t foot = n - RUN_FOOTER, index, filter, blocks;
	uint8_t *f = p + foot;

	memcpy(p, RUN_MAGIC, 8);
	memcpy(f, RUN_FOOTER_MAGIC, 8);
	store16(p + RUN_H_VERSION, RUN_VERSION);
	store64(f + RUN_F_SIZE, n);
	index = load64(f + RUN_F_INDEX);
	filter = load64(f + RUN_F_FILTER);
	blocks = load64(f + RUN_F_BLOCKS);
	for (uint64_t i = 0; i < blocks && i < n / RUN_INDEX_ENTRY; i++) {
		uint64_t at = index + i * RUN_INDEX_ENTRY, from, to;

		if (index > n || at + RUN_INDEX_ENTRY > n)
			break;
		from = load64(p + at + RUN_I_OFFSET);
		to = i + 1 < blocks && at + 2 * RUN_INDEX_ENTRY <= n
		             ? load64(p + at + RUN_INDEX_ENTRY + RUN_I_OFFSET)
		             : index;
		if (from <= to && to <= n)
			sign(p, from, to - from, p + at + RUN_I_CHECKSUM);
	}
	if (index <= filter && filter <= foot) {
		sign(p, index, filter - index, f + RUN_F_INDEX_SUM);
		sign(p, filter, foot - filter, f + RUN_F_FILTER_SUM);
	}
	sign(p, 0, RUN_H_CHECKSUM, p + RUN_H_CHECKSUM);
	sign(p, 0, RUN_HEADER, f + RUN_F_HEADER_SUM);
	sign(p, foot, RUN_F_CHECKSUM, f + RUN_F_CHECKSUM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = aligned_alloc(64, (size + 64) / 64 * 64);
	struct host_record *rec = calloc(BLOCK_RECORDS, sizeof(*rec)), out;
	struct run *r;

	if (!copy || !rec)
		abort();
	if (size)
		memcpy(copy, data, size);
	if (run_open_bytes(&r, copy, size, "fuzz", NULL) == 0)
		read_all(r);
	if (size >= RUN_HEADER + RUN_FOOTER) {
		sign_all(copy, size);
		if (run_open_bytes(&r, copy, size, "fuzz", NULL) == 0)
			read_all(r);
	}
	for (int k = BLOCK_KEYS; k <= BLOCK_HOSTS; k++) {
		enum block_kind kind = (enum block_kind)k;
		struct addr128 a = { 0, 0 };
		int n = block_decode(rec, data, size, kind);

		if (n > 0)
			a = rec[n - 1].addr;
		if (block_find(data, size, kind, a, &out) == 0 && n > 0)
			abort(); /* a record that a scan finds and a lookup does not */
	}
	free(rec);
	free(copy);
	return 0;
}
