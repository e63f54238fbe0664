/* MDB_APPEND for the load, sorted puts for the update; synchronous commits. */
#include <lmdb.h>

#include "hitlist/bytes.h"
#include "tests/bench/stores/store.h"

struct db {
	MDB_env *env;
	MDB_dbi dbi;
	MDB_txn *read;
};

static void must(int rc)
{
	store_must(rc == 0, mdb_strerror(rc));
}

static void *db_open(const char *dir, bool create)
{
	struct db *db = calloc(1, sizeof(*db));
	MDB_txn *t;

	(void)create;
	store_must(db != NULL, "out of memory");
	must(mdb_env_create(&db->env));
	must(mdb_env_set_mapsize(db->env, (size_t)32 << 30));
	must(mdb_env_open(db->env, dir, MDB_NORDAHEAD, 0644));
	must(mdb_txn_begin(db->env, NULL, 0, &t));
	must(mdb_dbi_open(t, NULL, MDB_CREATE, &db->dbi));
	must(mdb_txn_commit(t));
	return db;
}

static void put(struct db *db, const struct addr128 *a, size_t n, bool append)
{
	MDB_txn *t = NULL;

	for (size_t i = 0; i < n; i++) {
		struct bench_value x = bench_value(a[i], !append);
		uint8_t key[KEY];
		MDB_val k = { KEY, key }, v = { VALUE, &x }, old;

		if (!t)
			must(mdb_txn_begin(db->env, NULL, 0, &t));
		store_addr(key, a[i]);
		if (!append && mdb_get(t, db->dbi, &k, &old) == 0)
			bench_fold(&x, old.mv_data);
		must(mdb_put(t, db->dbi, &k, &v, append ? MDB_APPEND : 0));
		if ((i + 1) % TXN && i + 1 < n)
			continue;
		must(mdb_txn_commit(t));
		t = NULL;
	}
}

static void db_load(void *s, const struct addr128 *a, size_t n)
{
	put(s, a, n, true);
}

static void db_update(void *s, const struct addr128 *a, size_t n)
{
	struct addrvec v;

	bench_sorted(&v, a, n);
	put(s, v.a, v.n, false);
	addrvec_fini(&v);
}

static MDB_txn *reading(struct db *db)
{
	if (!db->read)
		must(mdb_txn_begin(db->env, NULL, MDB_RDONLY, &db->read));
	return db->read;
}

static bool db_find(void *s, struct addr128 a)
{
	struct db *db = s;
	uint8_t key[KEY];
	MDB_val k = { KEY, key }, v;
	int rc;

	store_addr(key, a);
	rc = mdb_get(reading(db), db->dbi, &k, &v);
	if (rc != MDB_NOTFOUND)
		must(rc);
	return rc == 0;
}

static uint64_t db_scan(void *s)
{
	struct db *db = s;
	uint64_t n = 0, sum = 0;
	MDB_cursor *c;
	MDB_val k, v;

	must(mdb_cursor_open(reading(db), db->dbi, &c));
	while (mdb_cursor_get(c, &k, &v, MDB_NEXT) == 0) {
		n++;
		sum += *(const uint8_t *)v.mv_data;
	}
	mdb_cursor_close(c);
	return sum ? n : n;
}

static void db_close(void *s)
{
	struct db *db = s;

	if (db->read)
		mdb_txn_abort(db->read);
	mdb_env_close(db->env);
	free(db);
}

const struct store store_lmdb = {
	"LMDB",   "MDB_APPEND; updates sorted first",
	false,    db_open,
	db_load,  db_update,
	db_find,  db_scan,
	db_close, NULL,
};
