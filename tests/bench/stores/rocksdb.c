/* Sorted SST files, ingested; LZ4, Bloom filters of 10 bits a key.  Updates are
 * ingested without reading what they replace, which favours it. */
#include <rocksdb/c.h>
#include <unistd.h>

#include "hitlist/bytes.h"
#include "tests/bench/stores/store.h"

struct db {
	rocksdb_options_t *o;
	rocksdb_readoptions_t *ro;
	rocksdb_t *db;
	char sst[4096];
};

static void must(char *err)
{
	store_must(err == NULL, err);
}

static void *db_open(const char *dir, bool create)
{
	struct db *db = calloc(1, sizeof(*db));
	rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();
	char *err = NULL;

	store_must(db != NULL, "out of memory");
	db->o = rocksdb_options_create();
	db->ro = rocksdb_readoptions_create();
	rocksdb_options_set_create_if_missing(db->o, create);
	rocksdb_options_set_compression(db->o, rocksdb_lz4_compression);
	rocksdb_block_based_options_set_filter_policy(
		t, rocksdb_filterpolicy_create_bloom_full(10));
	rocksdb_block_based_options_set_block_cache(t,
	                                            rocksdb_cache_create_lru(32 << 20));
	rocksdb_options_set_block_based_table_factory(db->o, t);
	rocksdb_options_set_write_buffer_size(db->o, 16 << 20);
	snprintf(db->sst, sizeof(db->sst), "%s.sst", dir);
	db->db = rocksdb_open(db->o, dir, &err);
	must(err);
	return db;
}

static void put(struct db *db, const struct addr128 *a, size_t n, unsigned round)
{
	rocksdb_envoptions_t *eo = rocksdb_envoptions_create();
	rocksdb_ingestexternalfileoptions_t *io =
		rocksdb_ingestexternalfileoptions_create();
	rocksdb_sstfilewriter_t *w = rocksdb_sstfilewriter_create(eo, db->o);
	const char *file = db->sst;
	char *err = NULL;

	rocksdb_sstfilewriter_open(w, file, &err);
	must(err);
	for (size_t i = 0; i < n; i++) {
		struct bench_value x = bench_value(a[i], round);
		uint8_t key[KEY];

		store_addr(key, a[i]);
		rocksdb_sstfilewriter_put(w, (const char *)key, KEY, (const char *)&x,
		                          VALUE, &err);
		must(err);
	}
	rocksdb_sstfilewriter_finish(w, &err);
	must(err);
	rocksdb_ingestexternalfileoptions_set_move_files(io, 1);
	rocksdb_ingest_external_file(db->db, &file, 1, io, &err);
	must(err);
	rocksdb_sstfilewriter_destroy(w);
	rocksdb_ingestexternalfileoptions_destroy(io);
	rocksdb_envoptions_destroy(eo);
	unlink(file);
}

static void db_load(void *s, const struct addr128 *a, size_t n)
{
	put(s, a, n, 0);
}

static void db_update(void *s, const struct addr128 *a, size_t n)
{
	struct addrvec v;

	bench_sorted(&v, a, n);
	put(s, v.a, v.n, 1);
	addrvec_fini(&v);
}

static bool db_find(void *s, struct addr128 a)
{
	struct db *db = s;
	uint8_t key[KEY];
	char *err = NULL, *v;
	size_t n;

	store_addr(key, a);
	v = rocksdb_get(db->db, db->ro, (const char *)key, KEY, &n, &err);
	must(err);
	rocksdb_free(v);
	return v != NULL;
}

static uint64_t db_scan(void *s)
{
	struct db *db = s;
	rocksdb_iterator_t *it = rocksdb_create_iterator(db->db, db->ro);
	uint64_t n = 0;

	for (rocksdb_iter_seek_to_first(it); rocksdb_iter_valid(it);
	     rocksdb_iter_next(it))
		n++;
	rocksdb_iter_destroy(it);
	return n;
}

static void db_close(void *s)
{
	struct db *db = s;

	rocksdb_close(db->db);
	rocksdb_readoptions_destroy(db->ro);
	rocksdb_options_destroy(db->o);
	free(db);
}

const struct store store_rocksdb = {
	"RocksDB", "sorted SST ingest, LZ4; updates do not read",
	false,     db_open,
	db_load,   db_update,
	db_find,   db_scan,
	db_close,  NULL,
};
