#include "tests/bench/stores/store.h"

enum { CHUNK = 4096 };

static struct diag diag;

static void must(int rc)
{
	store_must(rc >= 0, diag_str(&diag, rc));
}

static void *own_open(const char *dir, bool create)
{
	struct hitlist *h = NULL;

	must(hitlist_open(&h, dir, create ? HITLIST_CREATE : HITLIST_WRITE, &diag));
	return h;
}

static void put(struct hitlist *h, const struct addr128 *a, size_t n, unsigned round)
{
	static struct host_record rec[CHUNK];
	struct hitlist_batch *b = NULL;

	must(hitlist_batch_open(&b, h, &diag));
	for (size_t i = 0, k; i < n; i += k) {
		for (k = 0; k < CHUNK && i + k < n; k++)
			rec[k] = bench_record(a[i + k], round);
		must(hitlist_batch_add(b, rec, k, &diag));
	}
	must(hitlist_batch_commit(b, NULL, &diag));
	hitlist_batch_close(b);
}

static void own_load(void *s, const struct addr128 *a, size_t n)
{
	put(s, a, n, 0);
}

/* It sorts for itself. */
static void own_update(void *s, const struct addr128 *a, size_t n)
{
	put(s, a, n, 1);
}

static bool own_find(void *s, struct addr128 a)
{
	struct host_record r;
	int rc = hitlist_lookup(s, a, &r, &diag);

	must(rc);
	return rc;
}

static uint64_t own_scan(void *s)
{
	struct hitlist_iter *it = NULL;
	struct host_record r;
	uint64_t n = 0;
	int rc;

	must(hitlist_iter_open(&it, s, NULL, &diag));
	while ((rc = hitlist_iter_next(it, &r, &diag)) > 0)
		n++;
	must(rc);
	hitlist_iter_close(it);
	return n;
}

static void own_compact(void *s)
{
	must(hitlist_compact(s, &diag));
}

static void own_close(void *s)
{
	hitlist_close(s);
}

const struct store store_sextant = {
	"sextant",  "",       false,    own_open,  own_load,
	own_update, own_find, own_scan, own_close, own_compact,
};

/* The seen tier: keys only. */
static void seen_put(void *s, const struct addr128 *a, size_t n)
{
	struct hitlist_batch *b = NULL;

	must(hitlist_batch_open(&b, s, &diag));
	must(hitlist_batch_tried(b, a, n, SOURCE_SCAN, 1780000000, &diag));
	must(hitlist_batch_commit(b, NULL, &diag));
	hitlist_batch_close(b);
}

static bool seen_find(void *s, struct addr128 a)
{
	int rc = hitlist_seen(s, a, &diag);

	must(rc);
	return rc;
}

const struct store store_seen = {
	"seen tier", "keys only", false, own_open,  seen_put,
	seen_put,    seen_find,   NULL,  own_close, own_compact,
};
