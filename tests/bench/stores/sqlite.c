/* WITHOUT ROWID, WAL, synchronous NORMAL, 100,000 rows a transaction. */
#include <sqlite3.h>

#include "hitlist/bytes.h"
#include "tests/bench/stores/store.h"

struct db {
	sqlite3 *db;
	sqlite3_stmt *put, *get;
};

static void must(struct db *db, int rc)
{
	store_must(rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW,
	           sqlite3_errmsg(db->db));
}

static void run(struct db *db, const char *sql)
{
	must(db, sqlite3_exec(db->db, sql, NULL, NULL, NULL));
}

static void *db_open(const char *dir, bool create)
{
	struct db *db = calloc(1, sizeof(*db));
	char path[4096];

	(void)create;
	store_must(db != NULL, "out of memory");
	snprintf(path, sizeof(path), "%s/db", dir);
	must(db, sqlite3_open(path, &db->db));
	run(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
	        "PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY;"
	        "CREATE TABLE IF NOT EXISTS host(addr BLOB PRIMARY KEY, first INT,"
	        "last INT, services INT, sources INT) WITHOUT ROWID;");
	must(db, sqlite3_prepare_v2(db->db,
	                            "INSERT INTO host VALUES(?,?,?,?,?) ON CONFLICT DO "
	                            "UPDATE SET first=min(first,excluded.first),"
	                            "last=max(last,excluded.last),"
	                            "services=services|excluded.services,"
	                            "sources=sources|excluded.sources",
	                            -1, &db->put, NULL));
	must(db, sqlite3_prepare_v2(db->db, "SELECT last FROM host WHERE addr=?", -1,
	                            &db->get, NULL));
	return db;
}

static void put(struct db *db, const struct addr128 *a, size_t n, unsigned round)
{
	for (size_t i = 0; i < n; i++) {
		struct bench_value x = bench_value(a[i], round);
		uint8_t key[KEY];

		if (i % TXN == 0)
			run(db, "BEGIN");
		store_addr(key, a[i]);
		sqlite3_bind_blob(db->put, 1, key, KEY, SQLITE_STATIC);
		sqlite3_bind_int64(db->put, 2, x.first);
		sqlite3_bind_int64(db->put, 3, x.last);
		sqlite3_bind_int(db->put, 4, x.services);
		sqlite3_bind_int(db->put, 5, x.sources);
		must(db, sqlite3_step(db->put));
		sqlite3_reset(db->put);
		if ((i + 1) % TXN == 0 || i + 1 == n)
			run(db, "COMMIT");
	}
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
	int rc;

	store_addr(key, a);
	sqlite3_bind_blob(db->get, 1, key, KEY, SQLITE_STATIC);
	rc = sqlite3_step(db->get);
	must(db, rc);
	sqlite3_reset(db->get);
	return rc == SQLITE_ROW;
}

static uint64_t db_scan(void *s)
{
	struct db *db = s;
	sqlite3_stmt *all;
	uint64_t n = 0;

	must(db, sqlite3_prepare_v2(db->db, "SELECT * FROM host", -1, &all, NULL));
	while (sqlite3_step(all) == SQLITE_ROW)
		n++;
	sqlite3_finalize(all);
	return n;
}

static void db_close(void *s)
{
	struct db *db = s;

	sqlite3_finalize(db->put);
	sqlite3_finalize(db->get);
	must(db, sqlite3_close(db->db));
	free(db);
}

const struct store store_sqlite = {
	"SQLite", "WITHOUT ROWID, WAL; updates sorted first",
	true,     db_open,
	db_load,  db_update,
	db_find,  db_scan,
	db_close, NULL,
};
