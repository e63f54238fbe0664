/* The store against a model that is a plain array: random additions, journals,
 * aliased prefixes, reopenings, and readers that were there before. */
#include "tests/hitlist/hl.h"

#include "common/clock.h"

enum { UNIVERSE = 1500, STEPS = 70 };

struct model {
	struct addr128 addr[UNIVERSE];
	struct host_record host[UNIVERSE];
	bool is_host[UNIVERSE], is_seen[UNIVERSE];
	struct prefix aliased[64];
	size_t naliased;
	struct hitlist_merge_stats st; /* of the step under way */
	bool touched[UNIVERSE];        /* by this step: came in a record */
	bool left_out[UNIVERSE];
};

static int cmp_addr(const void *a, const void *b)
{
	return addr_cmp(*(const struct addr128 *)a, *(const struct addr128 *)b);
}

static void model_init(struct model *m, struct rng *r)
{
	*m = (struct model){ 0 };
	for (size_t i = 0; i < UNIVERSE; i++) {
		bool again = true;

		while (again) {
			m->addr[i] = hl_addr(r);
			again = false;
			for (size_t k = 0; k < i; k++)
				again |= addr_eq(m->addr[k], m->addr[i]);
		}
	}
	qsort(m->addr, UNIVERSE, sizeof(*m->addr), cmp_addr);
}

static bool model_aliased(const struct model *m, struct addr128 a)
{
	for (size_t i = 0; i < m->naliased; i++)
		if (prefix_covers(m->aliased[i], a))
			return true;
	return false;
}

static void model_see(struct model *m, size_t i)
{
	m->st.tried += !m->is_seen[i];
	m->is_seen[i] = true;
}

static void model_alias(struct model *m, struct prefix p)
{
	m->aliased[m->naliased++] = p;
}

/* A commit: what the aliased prefixes take out, then the records. */
static void model_purge(struct model *m)
{
	for (size_t i = 0; i < UNIVERSE; i++) {
		if (!m->is_host[i] || !model_aliased(m, m->addr[i]))
			continue;
		m->is_host[i] = false;
		m->left_out[i] = true;
		m->st.aliased++;
		model_see(m, i);
	}
}

static void model_add(struct model *m, size_t i, const struct host_record *h)
{
	if (model_aliased(m, m->addr[i])) {
		m->st.aliased += !m->left_out[i];
		m->left_out[i] = true;
		model_see(m, i);
		return;
	}
	if (m->is_host[i]) {
		m->st.updated += !m->touched[i];
		host_record_merge(&m->host[i], h);
	} else {
		m->st.added++;
		m->is_host[i] = true;
		m->host[i] = *h;
	}
	m->touched[i] = true;
}

static void model_step(struct model *m)
{
	m->st = (struct hitlist_merge_stats){ 0 };
	memset(m->touched, 0, sizeof(m->touched));
	memset(m->left_out, 0, sizeof(m->left_out));
}

static void compare(const struct hitlist *h, const struct model *m, struct rng *r)
{
	struct hitlist_info info;
	struct hitlist_iter *it;
	struct host_record rec;
	struct diag d = { "" };
	uint64_t hosts = 0, seen = 0;
	int rc;

	hl_ok(hitlist_iter_open(&it, h, NULL, &d), &d);
	for (size_t i = 0; i < UNIVERSE; i++) {
		hosts += m->is_host[i];
		seen += m->is_seen[i];
		if (!m->is_host[i])
			continue;
		assert_int_equal(hitlist_iter_next(it, &rec, &d), 1);
		assert_true(hl_same(&rec, &m->host[i]));
	}
	assert_int_equal(hitlist_iter_next(it, &rec, &d), 0);
	hitlist_iter_close(it);
	hitlist_info(h, &info);
	assert_int_equal(info.hosts, hosts);
	assert_int_equal(info.seen, seen);
	for (unsigned k = 0; k < 400; k++) {
		size_t i = rng_below(r, UNIVERSE);
		struct addr128 absent = hl_addr(r);

		rc = hitlist_lookup(h, m->addr[i], &rec, &d);
		hl_ok(rc, &d);
		assert_int_equal(rc, m->is_host[i]);
		assert_true(!rc || hl_same(&rec, &m->host[i]));
		assert_int_equal(hitlist_seen(h, m->addr[i], &d),
		                 m->is_host[i] || m->is_seen[i]);
		if (!bsearch(&absent, m->addr, UNIVERSE, sizeof(absent), cmp_addr))
			assert_int_equal(hitlist_seen(h, absent, &d), 0);
		assert_int_equal(ivtab_covers(hitlist_aliased(h), absent),
		                 model_aliased(m, absent));
	}
}

/* Prefix bounds. */
static void compare_prefix(const struct hitlist *h, const struct model *m, struct rng *r)
{
	struct prefix p =
		prefix_make(m->addr[rng_below(r, UNIVERSE)], (unsigned)rng_below(r, 129));
	struct hitlist_iter *it;
	struct host_record rec;
	struct diag d = { "" };

	hl_ok(hitlist_iter_open(&it, h, &p, &d), &d);
	for (size_t i = 0; i < UNIVERSE; i++) {
		if (!m->is_host[i] || !prefix_covers(p, m->addr[i]))
			continue;
		assert_int_equal(hitlist_iter_next(it, &rec, &d), 1);
		assert_true(addr_eq(rec.addr, m->addr[i]));
	}
	assert_int_equal(hitlist_iter_next(it, &rec, &d), 0);
	hitlist_iter_close(it);
}

static void same_stats(const struct hitlist_merge_stats *a,
                       const struct hitlist_merge_stats *b)
{
	assert_int_equal(a->read, b->read);
	assert_int_equal(a->answers, b->answers);
	assert_int_equal(a->added, b->added);
	assert_int_equal(a->updated, b->updated);
	assert_int_equal(a->aliased, b->aliased);
	assert_int_equal(a->tried, b->tried);
}

static size_t batch_size(struct rng *r)
{
	return rng_below(r, rng_below(r, 5) ? 40 : 900);
}

static void step_add(struct hitlist *h, struct model *m, struct rng *r)
{
	size_t n = batch_size(r), *index = calloc(n + 1, sizeof(*index));
	struct host_record *rec = calloc(n + 1, sizeof(*rec));
	struct hitlist_merge_stats st = { 0 };
	struct diag d = { "" };

	model_step(m);
	for (size_t i = 0; i < n; i++) {
		index[i] = rng_below(r, UNIVERSE);
		rec[i] = hl_record(r, m->addr[index[i]]);
		model_add(m, index[i], &rec[i]);
	}
	m->st.read = n;
	hl_ok(hitlist_add(h, rec, n, &st, &d), &d);
	same_stats(&st, &m->st);
	free(rec);
	free(index);
}

static struct observation random_answer(struct rng *r, struct addr128 a)
{
	static const uint16_t ports[] = { 0, 22, 53, 80, 443 };
	struct observation o = {
		.target = a,
		.from = a,
		.when_us = (UINT64_C(1780000000) + rng_below(r, 5)) * 1000000,
		.proto = (uint8_t)rng_below(r, OBS_PROTOS),
		.port = ports[rng_below(r, ARRAY_LEN(ports))],
		.outcome = (uint8_t)rng_below(r, OBS_OUTCOMES),
	};

	if (rng_below(r, 4) == 0)
		o.from = hl_addr(r);
	return o;
}

struct written {
	struct host_record rec[1024];
	size_t index[1024], n;
};

/* One journal; what it means for the model is applied at the merge. */
static void write_journal(struct hitlist *h, struct model *m, struct rng *r,
                          struct written *w)
{
	enum hitlist_source source = (enum hitlist_source)rng_below(r, SOURCES);
	struct diag d = { "" };
	struct journal *j;

	hl_ok(journal_open(&j, h, source, &d), &d);
	for (size_t n = rng_below(r, 30); n; n--) {
		size_t i = rng_below(r, UNIVERSE), k = 1 + rng_below(r, 20);
		struct observation o = random_answer(r, m->addr[i]);

		hl_ok(journal_append(j, &o, 1), NULL);
		m->st.read++;
		if (host_record_from_observation(&w->rec[w->n], &o, source)) {
			m->st.answers++;
			w->index[w->n++] = i;
		}
		if (i + k > UNIVERSE)
			continue;
		hl_ok(journal_tried(j, &m->addr[i], k), NULL);
		while (k--)
			model_see(m, i + k);
	}
	if (rng_below(r, 4) == 0 && m->naliased < 40) {
		struct prefix p = prefix_make(m->addr[rng_below(r, UNIVERSE)],
		                              112 + (unsigned)rng_below(r, 17));

		hl_ok(journal_aliased(j, p), NULL);
		model_alias(m, p);
	}
	hl_ok(journal_sync(j), NULL);
	journal_close(j);
}

static void step_merge(struct hitlist *h, struct model *m, struct rng *r)
{
	struct hitlist_merge_stats st = { 0 };
	struct written *w = calloc(1, sizeof(*w));
	struct hitlist_info info;
	size_t journals = 1 + rng_below(r, 3);
	struct diag d = { "" };

	model_step(m);
	for (size_t i = 0; i < journals; i++)
		write_journal(h, m, r, w);
	hitlist_info(h, &info);
	assert_int_equal(info.journals, journals);
	model_purge(m);
	for (size_t i = 0; i < w->n; i++)
		model_add(m, w->index[i], &w->rec[i]);
	hl_ok(hitlist_merge(h, &st, &d), &d);
	same_stats(&st, &m->st);
	hitlist_info(h, &info);
	assert_int_equal(info.journals, 0);
	free(w);
}

static void step_alias(struct hitlist *h, struct model *m, struct rng *r)
{
	struct prefix p[3];
	struct diag d = { "" };

	if (m->naliased > 40)
		return;
	model_step(m);
	for (unsigned i = 0; i < 3; i++) {
		p[i] = prefix_make(m->addr[rng_below(r, UNIVERSE)],
		                   104 + (unsigned)rng_below(r, 25));
		model_alias(m, p[i]);
	}
	model_purge(m);
	hl_ok(hitlist_add_aliased(h, p, 3, &d), &d);
}

static void random_histories(void **state)
{
	char dir[HL_PATH];
	struct model *m = calloc(1, sizeof(*m)), *before = calloc(1, sizeof(*m));
	struct hitlist *h, *reader;
	struct diag d = { "" };
	struct rng r;

	(void)state;
	rng_init(&r, 7);
	hl_mkdir(dir);
	model_init(m, &r);
	hl_ok(hitlist_open(&h, dir, HITLIST_CREATE, &d), &d);
	for (unsigned step = 0; step < STEPS; step++) {
		*before = *m;
		hl_ok(hitlist_open(&reader, dir, HITLIST_READ, &d), &d);
		switch (rng_below(&r, 8)) {
		case 0: step_alias(h, m, &r); break;
		case 1:
		case 2:
		case 3: step_merge(h, m, &r); break;
		default: step_add(h, m, &r); break;
		}
		compare(reader, before, &r);
		hitlist_close(reader);
		compare(h, m, &r);
		compare_prefix(h, m, &r);
		if (step % 8 == 0) {
			hl_ok(hitlist_check(h, &d), &d);
			hitlist_close(h);
			hl_ok(hitlist_open(&h, dir, HITLIST_WRITE, &d), &d);
			compare(h, m, &r);
		}
	}
	hl_ok(hitlist_check(h, &d), &d);
	hitlist_close(h);
	hl_rmdir(dir);
	free(m);
	free(before);
}

/* An iterator that is open while the hitlist changes sees the old state. */
static void iterator_outlives_commits(void **state)
{
	char dir[HL_PATH];
	struct host_record *old, *new, rec;
	size_t n = 1000, k = 1000;
	struct hitlist_iter *it;
	struct diag d = { "" };
	struct hitlist *h;
	struct rng r;

	(void)state;
	rng_init(&r, 3);
	old = hl_records(&r, &n);
	new = hl_records(&r, &k);
	hl_mkdir(dir);
	hl_ok(hitlist_open(&h, dir, HITLIST_CREATE, &d), &d);
	hl_ok(hitlist_add(h, old, n, NULL, &d), &d);
	hl_ok(hitlist_iter_open(&it, h, NULL, &d), &d);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(hitlist_iter_next(it, &rec, &d), 1);
		assert_true(hl_same(&rec, &old[i]));
		if (i % 100 == 0)
			hl_ok(hitlist_add(h, new + i, 100 < k - i ? 100 : k - i, NULL,
			                  &d),
			      &d);
	}
	assert_int_equal(hitlist_iter_next(it, &rec, &d), 0);
	hitlist_iter_close(it);
	hitlist_close(h);
	hl_rmdir(dir);
	free(old);
	free(new);
}

/* Small additions must not rewrite everything: the groups grow geometrically. */
static void groups_stay_few(void **state)
{
	char dir[HL_PATH];
	struct hitlist_info info;
	struct diag d = { "" };
	uint64_t hosts = 0;
	struct hitlist *h;
	struct rng r;

	(void)state;
	rng_init(&r, 5);
	hl_mkdir(dir);
	hl_ok(hitlist_open(&h, dir, HITLIST_CREATE, &d), &d);
	for (unsigned i = 0; i < 200; i++) {
		struct hitlist_merge_stats st;
		size_t n = 20;
		struct host_record *rec = hl_records(&r, &n);

		hl_ok(hitlist_add(h, rec, n, &st, &d), &d);
		hosts += st.added;
		free(rec);
	}
	hitlist_info(h, &info);
	assert_int_equal(info.hosts, hosts);
	assert_in_range(info.runs, 1, 6);
	hitlist_close(h);
	hl_rmdir(dir);
}

static void one_writer(void **state)
{
	char dir[HL_PATH];
	struct hitlist *h, *other = NULL;
	struct diag d = { "" };

	(void)state;
	hl_mkdir(dir);
	hl_ok(hitlist_open(&h, dir, HITLIST_CREATE, &d), &d);
	assert_int_equal(hitlist_open(&other, dir, HITLIST_WRITE, &d), ERR_BUSY);
	assert_non_null(strstr(d.text, dir));
	assert_null(other);
	d.text[0] = 0;
	assert_int_equal(hitlist_open(&other, dir, HITLIST_CREATE, &d), ERR_BUSY);
	hl_ok(hitlist_open(&other, dir, HITLIST_READ, &d), &d);
	hitlist_close(other);
	hitlist_close(h);
	hl_ok(hitlist_open(&h, dir, HITLIST_WRITE, &d), &d);
	hitlist_close(h);
	hl_rmdir(dir);
}

/* A reader writes nothing, and may not. */
static void readers_only_read(void **state)
{
	char dir[HL_PATH], path[HL_PATH + 32];
	struct hitlist_batch *b;
	struct hitlist *h;
	struct journal *j;
	struct diag d = { "" };

	(void)state;
	hl_mkdir(dir);
	hl_ok(hitlist_open(&h, dir, HITLIST_CREATE, &d), &d);
	hitlist_close(h);
	snprintf(path, sizeof(path), "%s/runs/0000000099.run", dir);
	hl_write(path, "x", 1);
	hl_ok(hitlist_open(&h, dir, HITLIST_READ, &d), &d);
	assert_int_equal(access(path, F_OK), 0); /* an orphan, left alone */
	assert_int_equal(hitlist_batch_open(&b, h, &d), -EBADF);
	assert_int_equal(journal_open(&j, h, SOURCE_SCAN, &d), -EBADF);
	hitlist_close(h);
	hl_ok(hitlist_open(&h, dir, HITLIST_WRITE, &d), &d);
	assert_int_equal(access(path, F_OK), -1);
	hitlist_close(h);
	hl_rmdir(dir);
}

/* What is no hitlist is refused, and a lost MANIFEST destroys nothing. */
static void only_hitlists_are_opened(void **state)
{
	char dir[HL_PATH], path[HL_PATH + 64], run[HL_PATH + 64];
	struct host_record rec = { .addr = { UINT64_C(0x20010db8) << 32, 1 } };
	struct hitlist *h;
	struct diag d = { "" };

	(void)state;
	hl_mkdir(dir);
	assert_int_equal(hitlist_open(&h, dir, HITLIST_READ, &d), -ENOENT);
	assert_int_equal(hitlist_open(&h, dir, HITLIST_WRITE, &d), -ENOENT);
	snprintf(path, sizeof(path), "%s/somebody's", dir);
	hl_write(path, "x", 1);
	assert_int_equal(hitlist_open(&h, dir, HITLIST_CREATE, &d), ERR_FORMAT);
	assert_int_equal(hitlist_open(&h, path, HITLIST_CREATE, &d), -ENOTDIR);
	unlink(path);
	d.text[0] = 0;
	hl_ok(hitlist_open(&h, dir, HITLIST_CREATE, &d), &d);
	hl_ok(hitlist_add(h, &rec, 1, NULL, &d), &d);
	hitlist_close(h);
	snprintf(path, sizeof(path), "%s/MANIFEST", dir);
	unlink(path);
	assert_int_equal(hitlist_open(&h, dir, HITLIST_CREATE, &d), ERR_FORMAT);
	snprintf(run, sizeof(run), "%s/runs/0000000001.run", dir);
	assert_int_equal(access(run, F_OK), 0);
	hl_rmdir(dir);
}

/* A journal that a MANIFEST contains is not merged again, though it is there. */
static void merged_journals_are_gone(void **state)
{
	char dir[HL_PATH], path[HL_PATH];
	struct addr128 a = { UINT64_C(0x20010db8) << 32, 1 };
	struct hitlist_merge_stats st;
	struct hitlist_info info;
	struct hitlist *h;
	struct journal *j;
	struct diag d = { "" };
	uint8_t *bytes;
	size_t n;

	(void)state;
	hl_mkdir(dir);
	hl_ok(hitlist_open(&h, dir, HITLIST_CREATE, &d), &d);
	hl_ok(journal_open(&j, h, SOURCE_SCAN, &d), &d);
	hl_ok(journal_tried(j, &a, 1), NULL);
	assert_int_equal(hitlist_merge(h, &st, &d), ERR_BUSY);
	d.text[0] = 0;
	snprintf(path, sizeof(path), "%s", journal_path(j));
	journal_close(j);
	bytes = hl_read(path, &n);
	hl_ok(hitlist_merge(h, &st, &d), &d);
	assert_int_equal(st.tried, 1);
	hl_write(path, bytes, n); /* as after a crash before the removal */
	hitlist_info(h, &info);
	assert_int_equal(info.journals, 0);
	hl_ok(hitlist_merge(h, &st, &d), &d);
	assert_int_equal(st.tried, 0);
	hitlist_close(h);
	hl_ok(hitlist_open(&h, dir, HITLIST_WRITE, &d), &d);
	assert_int_equal(access(path, F_OK), -1);
	hitlist_close(h);
	hl_rmdir(dir);
	free(bytes);
}

/* Damage in a journal: named, nothing merged, nothing removed; a torn tail: cut,
 * and the rest merged. */
static void damaged_journals_are_refused(void **state)
{
	char dir[HL_PATH], path[HL_PATH];
	struct addr128 a[4] = { { UINT64_C(0x20010db8) << 32, 1 } };
	struct hitlist_merge_stats st;
	struct hitlist_info info;
	struct hitlist *h;
	struct journal *j;
	struct diag d = { "" };
	uint8_t *bytes;
	size_t n;

	(void)state;
	hl_mkdir(dir);
	hl_ok(hitlist_open(&h, dir, HITLIST_CREATE, &d), &d);
	hl_ok(journal_open(&j, h, SOURCE_SCAN, &d), &d);
	hl_ok(journal_tried(j, a, 1), NULL);
	hl_ok(journal_tried(j, a, 4), NULL);
	snprintf(path, sizeof(path), "%s", journal_path(j));
	journal_close(j);
	bytes = hl_read(path, &n);
	bytes[32 + 24 + 3] ^= 4; /* in the first payload */
	hl_write(path, bytes, n);
	assert_int_equal(hitlist_check(h, &d), ERR_CHECKSUM);
	assert_non_null(strstr(d.text, path));
	assert_non_null(strstr(d.text, ": offset 56: "));
	d.text[0] = 0;
	assert_int_equal(hitlist_merge(h, &st, &d), ERR_CHECKSUM);
	assert_non_null(strstr(d.text, path));
	hitlist_info(h, &info);
	assert_int_equal(info.journals, 1);
	assert_int_equal(info.generation, 0);
	bytes[32 + 24 + 3] ^= 4;
	hl_write(path, bytes, n - 24 - 10); /* the end, and part of the last frame */
	d.text[0] = 0;
	hl_ok(hitlist_merge(h, &st, &d), &d);
	assert_int_equal(st.tried, 1);
	hitlist_close(h);
	hl_rmdir(dir);
	free(bytes);
}

enum { TRIED = 700, TRIES = 25 };

static void seen_is(struct hitlist *h, const struct host_record *want, bool all)
{
	struct hitlist_iter *it;
	struct hitlist_info info;
	struct host_record r;
	struct diag d = { "" };
	size_t n = 0;

	hl_ok(hitlist_iter_open_seen(&it, h, NULL, &d), &d);
	for (size_t i = 0; i < TRIED; i++) {
		if (!want[i].sources) {
			assert_int_equal(hitlist_lookup_seen(h, want[i].addr, &r, &d), 0);
			continue;
		}
		n++;
		assert_int_equal(hitlist_iter_next(it, &r, &d), 1);
		assert_true(hl_same(&r, &want[i]));
		if (!all && i % 7)
			continue;
		assert_int_equal(hitlist_lookup_seen(h, want[i].addr, &r, &d), 1);
		assert_true(hl_same(&r, &want[i]));
		assert_int_equal(hitlist_seen(h, want[i].addr, &d), 1);
	}
	assert_int_equal(hitlist_iter_next(it, &r, &d), 0);
	hitlist_iter_close(it);
	hitlist_info(h, &info);
	assert_int_equal(info.seen, n);
	hl_ok(hitlist_check(h, &d), &d);
}

/* Of each address tried: every source that ever named it, and the last period. */
static void seen_tier_keeps_its_bits(void **state)
{
	struct host_record want[TRIED];
	char dir[HL_PATH];
	struct hitlist *h;
	struct diag d = { "" };
	struct rng r;

	(void)state;
	rng_init(&r, 77);
	hl_mkdir(dir);
	hl_ok(hitlist_open(&h, dir, HITLIST_CREATE, &d), &d);
	for (size_t i = 0; i < TRIED; i++)
		want[i] = (struct host_record){ .addr = { UINT64_C(0x20010db8) << 32,
			                                  i * i } };
	for (unsigned t = 0; t < TRIES; t++) {
		enum hitlist_source source = (enum hitlist_source)rng_below(&r, SOURCES);
		uint32_t when = (uint32_t)rng_below(&r, 40) * SEEN_PERIOD;
		size_t n = 1 + rng_below(&r, t % 3 ? 40 : TRIED);
		struct hitlist_merge_stats st;
		struct hitlist_batch *b = NULL;
		uint64_t fresh = 0;

		hl_ok(hitlist_batch_open(&b, h, &d), &d);
		for (size_t k = 0; k < n; k++) {
			struct host_record *w = &want[rng_below(&r, TRIED)];
			uint32_t at = when + (uint32_t)rng_below(&r, SEEN_PERIOD);

			hl_ok(hitlist_batch_tried(b, &w->addr, 1, source, at, &d), &d);
			fresh += !w->sources;
			w->sources |= (uint16_t)(1U << source);
			if (when > w->last_probed)
				w->last_probed = when;
		}
		hl_ok(hitlist_batch_commit(b, &st, &d), &d);
		assert_int_equal(st.tried, fresh);
		hitlist_batch_close(b);
		seen_is(h, want, false);
	}
	hl_ok(hitlist_compact(h, &d), &d);
	seen_is(h, want, true);
	hitlist_close(h);
	hl_ok(hitlist_open(&h, dir, HITLIST_READ, &d), &d);
	seen_is(h, want, true);
	hitlist_close(h);
	hl_rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_histories),
		cmocka_unit_test(iterator_outlives_commits),
		cmocka_unit_test(groups_stay_few),
		cmocka_unit_test(one_writer),
		cmocka_unit_test(readers_only_read),
		cmocka_unit_test(only_hitlists_are_opened),
		cmocka_unit_test(merged_journals_are_gone),
		cmocka_unit_test(damaged_journals_are_refused),
		cmocka_unit_test(seen_tier_keeps_its_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
