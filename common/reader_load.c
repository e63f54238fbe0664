#include "common/reader.h"

enum { CHUNK = 256 };

int reader_load(struct addrvec *v, const char *path, const struct reader_policy *policy,
                struct diag *d)
{
	struct reader *r;
	size_t before = v->n;
	int rc = reader_open(&r, path, policy, d);
	ssize_t n = 0;

	if (rc < 0)
		return rc;
	do {
		v->n += (size_t)n;
		if (addrvec_reserve(v, v->n + CHUNK) < 0)
			n = diag_set(d, -ENOMEM, "%s: %s", path, err_str(-ENOMEM));
		else
			n = reader_addrs(r, v->a + v->n, CHUNK, d);
	} while (n > 0);
	if (n < 0)
		v->n = before;
	reader_close(r);
	return (int)n;
}
