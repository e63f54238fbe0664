/* Writes the fuzz corpora of the hitlist's files: make_corpus tests/fuzz/corpus
 * (not part of the build; the output is committed). */
#include "tests/hitlist/hl.h"

#include "hitlist/aliased.h"
#include "hitlist/journal.h"
#include "hitlist/manifest.h"
#include "hitlist/run.h"

static void run(const char *path, size_t n, enum run_schema schema)
{
	struct host_record *h;
	struct run_writer *w;
	struct rng r;

	rng_init(&r, n);
	h = hl_records(&r, &n);
	hl_ok(run_writer_open(&w, path, schema, 1, RUN_LASTING, NULL), NULL);
	for (size_t i = 0; i < n; i++)
		hl_ok(run_writer_add(w, &h[i]), NULL);
	hl_ok(run_writer_finish(w, NULL), NULL);
	run_writer_close(w);
	free(h);
}

static void journal(const char *path)
{
	struct observation o[3] = { 0 };
	struct journal *j;
	unsigned count = 0;
	struct rng r;

	rng_init(&r, 1);
	unlink(path);
	hl_ok(journal_create(&j, path, SOURCE_SCAN, &count, NULL), NULL);
	for (unsigned k = 0; k < 3; k++) {
		struct addr128 a[5];

		for (unsigned i = 0; i < 5; i++)
			a[i] = hl_addr(&r);
		for (unsigned i = 0; i < 3; i++)
			o[i].target = o[i].from = a[i];
		hl_ok(journal_tried(j, a, 5), NULL);
		hl_ok(journal_append(j, o, 3), NULL);
		hl_ok(journal_aliased(j, prefix_make(a[0], 64)), NULL);
	}
	journal_close(j);
}

static void manifest(const char *path)
{
	struct manifest m = { .generation = 3,
		              .next = 9,
		              .hosts = 5,
		              .side = { { .name = "aliased-3" } } };
	struct manifest_run r = { .bytes = 352, .records = 2, .name = "0000000001.run" };
	char *text;
	size_t n;

	hl_ok(manifest_add_run(&m, &r), NULL);
	hl_ok(manifest_add_merged(&m, "1780000000000000-0000012-000.obs"), NULL);
	hl_ok(manifest_format(&m, &text, &n), NULL);
	hl_write(path, text, n);
	free(text);
	manifest_fini(&m);
}

static void aliased(const char *path)
{
	struct aliased none, a;
	struct prefix p[8];
	uint64_t bytes, sum;
	struct rng r;
	bool grew;

	rng_init(&r, 2);
	for (unsigned i = 0; i < 8; i++)
		p[i] = prefix_make(hl_addr(&r), 56 + 8 * i);
	hl_ok(aliased_init(&none), NULL);
	hl_ok(aliased_union(&a, &none, p, 8, &grew), NULL);
	hl_ok(aliased_save(&a, path, &bytes, &sum, NULL), NULL);
	aliased_fini(&none);
	aliased_fini(&a);
}

int main(int argc, char *argv[])
{
	if (argc != 2 || chdir(argv[1]) < 0)
		return 2;
	run("run/hosts-1", 1, RUN_HOSTS);
	run("run/hosts-40", 40, RUN_HOSTS);
	run("run/hosts-300", 300, RUN_HOSTS);
	run("run/seen-60", 60, RUN_SEEN);
	journal("journal/closed");
	manifest("manifest/full");
	aliased("manifest/aliased");
	return 0;
}
