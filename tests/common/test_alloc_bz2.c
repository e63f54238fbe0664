#include "tests/common/failing.h"

#include "common/bz2block.c"
#include "common/bz2bwt.c"
#include "tests/test.h"

#include <bzlib.h>

static int decode(const uint8_t *in, size_t size, struct bz2out *out)
{
	struct bz2block *d = bz2block_new();
	int rc = -ENOMEM;
	size_t end;

	if (d)
		rc = bz2block_decode(d, in, 32, size * 8, 9, out, &end);
	bz2block_free(d);
	return rc;
}

/* Every allocation in turn: it says so, and loses nothing. */
static void survives_want_of_memory(void **state)
{
	static char data[50000];
	static uint8_t in[60000];
	unsigned size = sizeof(in) - BZ2_BLOCK_PAD;
	struct bz2out out;
	int rc;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * i >> 7);
	assert_int_equal(
		BZ2_bzBuffToBuffCompress((char *)in, &size, data, sizeof(data), 9, 0, 0),
		BZ_OK);
	for (long n = 0; out = (struct bz2out){ .data = NULL }, fail_nth(n),
	          rc = decode(in, size, &out), fail_done();
	     n++) {
		assert_int_equal(rc, -ENOMEM);
		free(out.data);
	}
	assert_int_equal(rc, 0);
	assert_int_equal(out.len, sizeof(data));
	assert_memory_equal(out.data, data, sizeof(data));
	free(out.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(survives_want_of_memory),
	};

	return cmocka_run_group_tests_name("alloc_bz2", tests, NULL, NULL);
}
