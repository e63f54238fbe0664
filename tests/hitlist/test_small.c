/* test_store.c once more, with limits so small that batches spill, groups are
 * chains of runs, and journals arrive in many pieces. */
#define RUN_MAX_RECORDS   64
#define BATCH_RECORDS_MAX 32
#define BATCH_KEYS_MAX    48
#define RUN_CUT_BITS      6
#define MERGE_THREADED    200
#define MERGE_PROCESSORS  3
#define BATCH_WINDOW      8

#include "hitlist/batch.c"
#include "hitlist/merge.c"
#include "hitlist/run.c"
#include "hitlist/run_writer.c"
#include "hitlist/txn.c"

int unused_main(void);
#define main unused_main
#include "tests/hitlist/test_store.c"
#undef main

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_histories),
		cmocka_unit_test(iterator_outlives_commits),
		cmocka_unit_test(merged_journals_are_gone),
		cmocka_unit_test(damaged_journals_are_refused),
		cmocka_unit_test(seen_tier_keeps_its_bits),
	};

	(void)unused_main;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
