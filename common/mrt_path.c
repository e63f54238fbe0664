#include "common/mrt_path.h"

#include "common/mrt.h"

enum { ATTR_AS_PATH = 2, ATTR_AS4_PATH = 17, ATTR_EXTENDED = 0x10 };
enum { SEG_SET = 1, SEG_SEQUENCE = 2, SEG_CONFED_SEQUENCE = 3, SEG_CONFED_SET = 4 };
enum { AS_TRANS = 23456 };

struct segment {
	const uint8_t *as;
	unsigned type, n;
};

bool mrt_as_is_reserved(uint32_t as)
{
	return as == 0 || as == AS_TRANS || (as >= 64496 && as <= 65551) ||
	       as >= 4200000000;
}

static uint32_t get_as(const uint8_t *p, unsigned size)
{
	uint32_t high = (uint32_t)p[0] << 8 | p[1];

	return size == 2 ? high : high << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The value of the first attribute of a type.  1 found, 0 not there, -1 the
 * attributes before it are malformed. */
static int find_attr(const uint8_t *p, size_t n, unsigned type, const uint8_t **value,
                     size_t *len)
{
	while (n) {
		unsigned head = n >= 1 && p[0] & ATTR_EXTENDED ? 4 : 3;
		size_t size;

		if (n < head)
			return -1;
		size = head == 4 ? (size_t)p[2] << 8 | p[3] : p[2];
		if (size > n - head)
			return -1;
		if (p[1] == type) {
			*value = p + head;
			*len = size;
			return 1;
		}
		p += head + size;
		n -= head + size;
	}
	return 0;
}

/* The last segment that is no confederation's; n 0: there is none. */
static bool last_segment(struct segment *s, const uint8_t *p, size_t n, unsigned as_size)
{
	*s = (struct segment){ 0 };
	while (n) {
		size_t size;

		if (n < 2)
			return false;
		size = (size_t)p[1] * as_size;
		if (p[0] < SEG_SET || p[0] > SEG_CONFED_SET || size > n - 2)
			return false;
		if (p[1] && (p[0] == SEG_SEQUENCE || p[0] == SEG_SET))
			*s = (struct segment){ p + 2, p[0], p[1] };
		p += 2 + size;
		n -= 2 + size;
	}
	return true;
}

/* Insertion into a sorted array: sets have a handful of members. */
static void set_add(struct path_origin *o, uint32_t as)
{
	unsigned i = o->set_n, j;

	while (i && o->set[i - 1] > as)
		i--;
	if (i && o->set[i - 1] == as)
		return;
	for (j = o->set_n++; j > i; j--)
		o->set[j] = o->set[j - 1];
	o->set[i] = as;
}

static void from_set(struct path_origin *o, const struct segment *s, unsigned as_size)
{
	for (unsigned i = 0; i < s->n; i++) {
		uint32_t as = get_as(s->as + i * as_size, as_size);

		if (!mrt_as_is_reserved(as))
			set_add(o, as);
	}
	if (o->set_n == 1) {
		o->as = o->set[0];
		o->set_n = 0;
	}
}

/* A reserved number at the end is a customer or a confederation that leaked:
 * the AS before it is the one that announces the route to the public. */
static void from_sequence(struct path_origin *o, const struct segment *s,
                          unsigned as_size)
{
	for (unsigned i = s->n; i--;) {
		uint32_t as = get_as(s->as + i * as_size, as_size);

		if (!mrt_as_is_reserved(as)) {
			o->as = as;
			return;
		}
	}
}

static bool is_trans(const struct segment *s)
{
	return s->n && s->type == SEG_SEQUENCE &&
	       get_as(s->as + (s->n - 1) * 2, 2) == AS_TRANS;
}

bool path_origin_find(struct path_origin *o, const uint8_t *attrs, size_t n,
                      unsigned as_size)
{
	const uint8_t *value;
	struct segment s, s4;
	size_t len;
	int rc = find_attr(attrs, n, ATTR_AS_PATH, &value, &len);

	o->as = 0;
	o->set_n = 0;
	if (rc <= 0)
		return rc == 0;
	if (!last_segment(&s, value, len, as_size))
		return false;
	/* Where the end of a 2-byte path says "see AS4_PATH" (RFC 6793 4.2.3). */
	if (as_size == 2 && is_trans(&s) &&
	    find_attr(attrs, n, ATTR_AS4_PATH, &value, &len) == 1 &&
	    last_segment(&s4, value, len, 4) && s4.n) {
		s = s4;
		as_size = 4;
	}
	if (s.type == SEG_SET)
		from_set(o, &s, as_size);
	else if (s.n)
		from_sequence(o, &s, as_size);
	return true;
}
