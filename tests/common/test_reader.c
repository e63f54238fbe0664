#include "tests/test.h"

#include <stdbool.h>

#include "common/reader.h"
#include "common/rng.h"
#include "common/writer.h"
#include "tests/common/files.h"

static struct addr128 addr(const char *text)
{
	struct addr128 a;

	if (!addr_parse(&a, text))
		fail_msg("'%s' is no address", text);
	return a;
}

/* A reader of the given bytes. */
static struct reader *open_bytes(struct files *f, const void *data, size_t n,
                                 const struct reader_policy *policy)
{
	struct diag d = { .text = "" };
	struct reader *r;

	assert_int_equal(reader_open(&r, files_put(f, "in.txt", data, n), policy, &d), 0);
	assert_string_equal(reader_name(r), f->path);
	return r;
}

static struct reader *open_text(struct files *f, const char *text,
                                const struct reader_policy *policy)
{
	return open_bytes(f, text, strlen(text), policy);
}

/* What goes to stderr between the two calls. */
static int log_begin(struct files *f)
{
	int old = dup(STDERR_FILENO);
	int fd = open(files_path(f, "log"), O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	dup2(fd, STDERR_FILENO);
	close(fd);
	return old;
}

static char *log_end(struct files *f, int old)
{
	size_t n;

	dup2(old, STDERR_FILENO);
	close(old);
	return files_get(files_path(f, "log"), &n);
}

static const struct {
	const char *line;
	const char *first, *last; /* NULL: bad */
	int len;                  /* -1: no prefix */
} items[] = {
	{ "2001:db8::1", "2001:db8::1", "2001:db8::1", 128 },
	{ "192.0.2.1", "192.0.2.1", "192.0.2.1", 128 },
	{ "20010db8000000000000000000000001", "2001:db8::1", "2001:db8::1", 128 },
	{ " \t 2001:db8::1 \t", "2001:db8::1", "2001:db8::1", 128 },
	{ "2001:db8::1\r", "2001:db8::1", "2001:db8::1", 128 },
	{ "2001:db8::1,64,x", "2001:db8::1", "2001:db8::1", 128 },
	{ "2001:db8::1;x", "2001:db8::1", "2001:db8::1", 128 },
	{ "2001:db8::1#x", "2001:db8::1", "2001:db8::1", 128 },
	{ "2001:db8::1 # x\r", "2001:db8::1", "2001:db8::1", 128 },
	{ "\"2001:db8::1\",64", "2001:db8::1", "2001:db8::1", 128 },
	{ "2001:db8::/32\t64496", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
	  32 },
	{ "2001:db8::1/128", "2001:db8::1", "2001:db8::1", 128 },
	{ "192.0.2.9/24", "192.0.2.0", "192.0.2.255", 120 },
	{ "10.0.0.0-10.0.0.255", "10.0.0.0", "10.0.0.255", 120 },
	{ "10.0.0.1-10.0.0.255", "10.0.0.1", "10.0.0.255", -1 },
	{ "10.0.0.1-10.0.0.1", "10.0.0.1", "10.0.0.1", 128 },
	{ "10.0.0.1 - 10.0.0.4", "10.0.0.1", "10.0.0.4", -1 },
	{ "10.0.0.1\t-  10.0.0.4,x", "10.0.0.1", "10.0.0.4", -1 },
	{ "2001:db8::1-2001:db8::5", "2001:db8::1", "2001:db8::5", -1 },
	{ "2001:db8::/32 - some network",
	  "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 32 },
	{ "dead::beef", "dead::beef", "dead::beef", 128 },
	{ "10.0.0.1 - my host", NULL, NULL, 0 },
	{ "10.0.0.4-10.0.0.1", NULL, NULL, 0 },
	{ "10.0.0.1-2001:db8::1", NULL, NULL, 0 },
	{ "10.0.0.1-5", NULL, NULL, 0 },
	{ "10.0.0.0/8-11.0.0.0/8", NULL, NULL, 0 },
	{ "-10.0.0.1", NULL, NULL, 0 },
	{ "10.0.0.1-", NULL, NULL, 0 },
	{ "2001:db8::/129", NULL, NULL, 0 },
	{ "10.0.0.0/33", NULL, NULL, 0 },
	{ "2001:db8::1%eth0", NULL, NULL, 0 },
	{ "[2001:db8::1]", NULL, NULL, 0 },
	{ "[2001:db8::1]:80", NULL, NULL, 0 },
	{ "192.0.2.1:80", NULL, NULL, 0 },
	{ "www.example.com", NULL, NULL, 0 },
	{ "2001:db8::1\r2001:db8::2", NULL, NULL, 0 },
	{ "\"2001:db8::1", NULL, NULL, 0 },
	{ ",2001:db8::1", NULL, NULL, 0 },
	{ "hello", NULL, NULL, 0 },
	{ "\xc3\xa9t\xc3\xa9", NULL, NULL, 0 },
};

static void understands_items(void **state)
{
	static const struct reader_policy strict = { .strict = true };
	struct diag d = { .text = "" };

	for (size_t i = 0; i < ARRAY_LEN(items); i++) {
		char text[128];
		struct reader *r;
		struct reader_item it;
		int rc;

		/* A good line comes first: no header, and not "no good line". */
		snprintf(text, sizeof(text), "::1\n%s\n", items[i].line);
		r = open_text(*state, text, &strict);
		assert_int_equal(reader_next(r, &it, &d), 1);
		d.text[0] = '\0';
		rc = reader_next(r, &it, &d);
		if (rc != (items[i].first ? 1 : ERR_PARSE))
			fail_msg("'%s': rc %d '%s'", items[i].line, rc, d.text);
		if (rc == 1 && (!addr_eq(it.first, addr(items[i].first)) ||
		                !addr_eq(it.last, addr(items[i].last)) ||
		                it.is_prefix != (items[i].len >= 0) ||
		                (it.is_prefix && it.len != items[i].len)))
			fail_msg("'%s': wrong item, len %d", items[i].line, it.len);
		if (rc < 0 && !strstr(d.text, "in.txt:2: '"))
			fail_msg("'%s': '%s'", items[i].line, d.text);
		assert_int_equal(reader_line_number(r), 2);
		reader_close(r);
	}
}

static void skips_what_is_no_item(void **state)
{
	static const struct {
		const char *text;
		unsigned line; /* where the only item is; 0: there is none */
	} cases[] = {
		{ "", 0 },
		{ "\n\n\r\n \t\n", 0 },
		{ "# only\n;comments\n", 0 },
		{ "saddr,ttl\n", 0 },
		{ "::1", 1 },
		{ "::1\n", 1 },
		{ "::1\r\n", 1 },
		{ "\xef\xbb\xbf::1\n", 1 },
		{ "\xef\xbb\xbf# c\n::1\n", 2 },
		{ "saddr,ttl\n::1,64\n", 2 },
		{ "\"saddr\",\"ttl\"\n\"::1\",64\n", 2 },
		{ "# c\n\nip address\n  ; c\n::1", 5 },
		{ "prefix\r\n::1\r\n\r\n#", 2 },
		{ "IPv6\n::1\n", 2 },
		{ "when;saddr\n::1\n", 2 },
		{ "what\twhy\n::1\n", 2 },
	};
	struct diag d = { .text = "" };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct reader *r = open_text(*state, cases[i].text, NULL);
		struct reader_item it;
		int rc = reader_next(r, &it, &d);

		if (rc != (cases[i].line != 0))
			fail_msg("case %zu: rc %d '%s'", i, rc, d.text);
		if (rc) {
			assert_true(addr_eq(it.first, addr("::1")));
			assert_int_equal(reader_line_number(r), cases[i].line);
			assert_int_equal(reader_next(r, &it, &d), 0);
		}
		assert_int_equal(reader_next(r, &it, &d), 0);
		assert_int_equal(reader_bad(r), 0);
		reader_close(r);
	}
}

/* A header is only a header where a header can be. */
static void counts_words_after_the_first_line_as_bad(void **state)
{
	static const char *const texts[] = { "::1\nsaddr\n",
		                             "saddr\nsaddr\n::1\n",
		                             "example.com\n::1\n",
		                             "1x\n::1\n",
		                             "deadbeef\n::1\n",
		                             "localhost\n::1\n",
		                             "localhost # comment\n::1\n",
		                             "ff02,ttl\n::1\n" };
	struct diag d = { .text = "" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct reader *r = open_text(*state, texts[i], NULL);
		int old = log_begin(*state);
		struct reader_item it;
		unsigned n = 0;

		while (reader_next(r, &it, &d) > 0)
			n++;
		free(log_end(*state, old));
		if (n != 1 || reader_bad(r) != 1)
			fail_msg("case %zu: %u good, %u bad", i, n,
			         (unsigned)reader_bad(r));
		reader_close(r);
	}
}

static void reports_the_first_few(void **state)
{
	static const struct reader_policy two = { .reported = 2 };
	static const char text[] = "::1\nbad\x7f one\nwww.example.com\n::2\nb3\nb4\nb5\n";
	struct files *f = *state;
	char want[4096];

	for (int p = 0; p < 2; p++) {
		struct reader *r = open_text(f, text, p ? &two : NULL);
		struct diag d = { .text = "" };
		int old = log_begin(f), rc;
		struct reader_item it;
		char *log, in[512];

		while ((rc = reader_next(r, &it, &d)) > 0)
			;
		assert_int_equal(rc, 0);
		assert_int_equal(reader_bad(r), 5);
		reader_close(r);
		log = log_end(f, old);
		strcpy(in, files_path(f, "in.txt"));
		if (p)
			snprintf(want, sizeof(want),
			         "warning: %s:2: 'bad?' is not an address\n"
			         "warning: %s:3: 'www.example.com' is a host name: only "
			         "addresses are accepted\n"
			         "warning: %s: 3 more bad lines\n",
			         in, in, in);
		else
			snprintf(want, sizeof(want),
			         "warning: %s:2: 'bad?' is not an address\n"
			         "warning: %s:3: 'www.example.com' is a host name: only "
			         "addresses are accepted\n"
			         "warning: %s:5: 'b3' is not an address\n"
			         "warning: %s: 2 more bad lines\n",
			         in, in, in, in);
		assert_string_equal(log, want);
		free(log);
	}
}

/* Closed early, it still says how many more there were. */
static void reports_the_rest_when_closed(void **state)
{
	struct reader *r = open_text(*state, "b1\nb2\nb3\nb4\nb5\n::1\n::2\n", NULL);
	struct diag d = { .text = "" };
	int old = log_begin(*state);
	struct reader_item it;
	char *log;

	assert_int_equal(reader_next(r, &it, &d), 1);
	reader_close(r);
	log = log_end(*state, old);
	assert_non_null(strstr(log, "in.txt: 2 more bad lines\n"));
	free(log);
}

static void strict_ends_at_the_first(void **state)
{
	static const struct reader_policy strict = { .strict = true };
	struct reader *r = open_text(*state,
	                             "::1\n\nb\xff"
	                             "d\n::2\n",
	                             &strict);
	struct diag d = { .text = "" };
	struct reader_item it;

	assert_int_equal(reader_next(r, &it, &d), 1);
	for (int i = 0; i < 3; i++) {
		d.text[0] = '\0';
		assert_int_equal(reader_next(r, &it, &d), ERR_PARSE);
		assert_non_null(strstr(d.text, "in.txt:3: 'b?d' is not an address"));
	}
	reader_close(r);
}

static void v6_only_refuses_ipv4(void **state)
{
	static const struct reader_policy lax = { .v6_only = true };
	static const struct reader_policy strict = { .v6_only = true, .strict = true };
	static const char text[] = "::1\n192.0.2.1\n10.0.0.0/8\n::ffff:1.2.3.4\n::2\n";
	struct diag d = { .text = "" };
	struct reader_item it;
	struct reader *r = open_text(*state, text, &lax);
	int old = log_begin(*state);
	char *log;

	assert_int_equal(reader_next(r, &it, &d), 1);
	assert_int_equal(reader_next(r, &it, &d), 1);
	assert_true(addr_eq(it.first, addr("::2")));
	assert_int_equal(reader_bad(r), 3);
	reader_close(r);
	log = log_end(*state, old);
	assert_non_null(strstr(log, "in.txt:2: '192.0.2.1' is IPv4"));
	free(log);

	r = open_text(*state, text, &strict);
	assert_int_equal(reader_next(r, &it, &d), 1);
	assert_int_equal(reader_next(r, &it, &d), ERR_FAMILY);
	assert_non_null(strstr(d.text, "in.txt:2: '192.0.2.1' is IPv4"));
	reader_close(r);
}

static void must_be_no_text(struct files *f, const char *data, size_t n, const char *why)
{
	struct reader *r = open_bytes(f, data, n, NULL);
	struct diag d = { .text = "" };
	struct reader_item it;
	int rc;

	do
		rc = reader_next(r, &it, &d);
	while (rc > 0);
	if (rc != ERR_NOT_TEXT || !strstr(d.text, why))
		fail_msg("wanted '%s', got %d '%s'", why, rc, d.text);
	assert_int_equal(reader_next(r, &it, &d), ERR_NOT_TEXT);
	reader_close(r);
}

static void refuses_binary_data(void **state)
{
	char text[] = "::1\n::2 # x\n::3\n";

	for (int c = 0; c < 0x20; c++) {
		if (c == '\t' || c == '\n' || c == '\r')
			continue;
		text[10] = (char)c; /* in the comment: nobody would parse it */
		must_be_no_text(*state, text, sizeof(text) - 1, "in.txt:2: binary data");
	}
}

/* With skip_binary a line that is no text costs that line alone, wherever it stands and
 * however long it is. */
static void skips_lines_that_are_no_text(void **state)
{
	static const struct reader_policy lax = { .skip_binary = true, .reported = 1 };
	static const size_t sizes[] = { 1,
		                        READER_LINE_MAX - 1,
		                        READER_LINE_MAX,
		                        READER_LINE_MAX + 1,
		                        256 * 1024,
		                        3 << 20 };
	char *data = malloc((3 << 20) + 64);
	struct diag d = { .text = "" };

	assert_non_null(data);
	for (unsigned i = 0; i < 4 * ARRAY_LEN(sizes); i++) {
		size_t n = sizes[i / 4], at = 4;
		bool text = i & 1, last = i & 2;
		struct reader *r;
		struct addr128 a;
		unsigned good = 0;
		int rc, old;
		char *log;

		memcpy(data, "::1\n", 4);
		memset(data + at, text ? 'x' : 1, n);
		at += n;
		data[at++] = '\n';
		if (!last)
			memcpy(data + at, "::2\n::3", 7);
		r = open_bytes(*state, data, at + (last ? 0 : 7), &lax);
		old = log_begin(*state);
		while ((rc = reader_addr(r, &a, &d)) > 0)
			good++;
		log = log_end(*state, old);
		if (rc < 0 || good != (last ? 1 : 3) || reader_bad(r) != 1)
			fail_msg("%zu bytes: rc %d, %u good, %u bad", n, rc, good,
			         (unsigned)reader_bad(r));
		assert_non_null(strstr(log, "in.txt:2: '"));
		assert_int_equal(reader_line_number(r), last ? 2 : 4);
		free(log);
		reader_close(r);
	}
	free(data);
}

/* The good lines before it are given out first. */
static void gives_out_lines_before_binary_data(void **state)
{
	static const char text[] = "::1\n::2\n\0\n";
	struct reader *r = open_bytes(*state, text, sizeof(text) - 1, NULL);
	struct diag d = { .text = "" };
	struct reader_item it;

	assert_int_equal(reader_next(r, &it, &d), 1);
	assert_int_equal(reader_next(r, &it, &d), 1);
	assert_int_equal(reader_next(r, &it, &d), ERR_NOT_TEXT);
	reader_close(r);
}

static void bounds_the_line(void **state)
{
	size_t size = 10 << 20;
	char *data = malloc(size + 8);
	struct diag d = { .text = "" };
	const char *line;
	struct reader *r;

	assert_non_null(data);
	memset(data, 'x', size + 8);
	memcpy(data, "::1\n", 4);
	must_be_no_text(*state, data, size, "in.txt:2: line longer than 65536 bytes");
	/* One too many, with and without a line end behind it. */
	must_be_no_text(*state, data, 4 + READER_LINE_MAX + 1, "in.txt:2: line longer");
	data[4 + READER_LINE_MAX + 1] = '\n';
	must_be_no_text(*state, data, 4 + READER_LINE_MAX + 2, "in.txt:2: line longer");
	/* As many as may be. */
	data[4 + READER_LINE_MAX] = '\n';
	for (size_t more = 0; more < 2; more++) {
		r = open_bytes(*state, data, 4 + READER_LINE_MAX + more, NULL);
		assert_int_equal(reader_line(r, &line, &d), 1);
		assert_int_equal(reader_line(r, &line, &d), 1);
		assert_int_equal(strlen(line), READER_LINE_MAX);
		assert_int_equal(reader_line(r, &line, &d), 0);
		reader_close(r);
	}
	free(data);
}

static void needs_one_good_line(void **state)
{
	static const struct reader_policy v6 = { .v6_only = true };
	struct diag d = { .text = "" };
	struct reader_item it;
	struct reader *r = open_text(*state, "1.2.3.4\n# c\n5.6.7.8\n", &v6);
	int old = log_begin(*state), rc;

	rc = reader_next(r, &it, &d);
	free(log_end(*state, old));
	assert_int_equal(rc, ERR_PARSE);
	assert_non_null(strstr(d.text, "in.txt: not one good line (2 bad)"));
	assert_int_equal(reader_next(r, &it, &d), ERR_PARSE);
	reader_close(r);
}

static void addresses_only(void **state)
{
	struct reader *r = open_text(
		*state, "saddr\n::1\n2001:db8::/64\n::2/128\n::1-::2\n1.2.3.4,x\n", NULL);
	static const char *const want[] = { "::1", "::2", "1.2.3.4" };
	struct diag d = { .text = "" };
	int old = log_begin(*state);
	struct addr128 a;
	char *log;

	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		assert_int_equal(reader_addr(r, &a, &d), 1);
		assert_true(addr_eq(a, addr(want[i])));
	}
	assert_string_equal(reader_text(r), "1.2.3.4,x");
	assert_int_equal(reader_addr(r, &a, &d), 0);
	log = log_end(*state, old);
	assert_non_null(strstr(log, "in.txt:3: '2001:db8::/64' is not a single address"));
	assert_non_null(strstr(log, "in.txt:5: '::1-::2' is not a single address"));
	assert_int_equal(reader_bad(r), 2);
	reader_close(r);
	free(log);
}

/* Only prefixes: nothing good for a reader of addresses. */
static void prefixes_are_not_good_addresses(void **state)
{
	struct reader *r = open_text(*state, "::/64\n", NULL);
	struct diag d = { .text = "" };
	int old = log_begin(*state), rc;
	struct addr128 a;

	rc = reader_addr(r, &a, &d);
	free(log_end(*state, old));
	assert_int_equal(rc, ERR_PARSE);
	reader_close(r);
}

static void callers_can_reject(void **state)
{
	static const struct reader_policy strict = { .strict = true };
	struct diag d = { .text = "" };
	struct reader *r = open_text(*state, "::1 x\n::2 y\n", NULL);
	int old = log_begin(*state), rc;
	struct addr128 a;
	char *log;

	assert_int_equal(reader_addr(r, &a, &d), 1);
	diag_set(&d, ERR_PARSE, "x is not a number");
	assert_int_equal(reader_reject(r, ERR_PARSE, &d), 0);
	assert_string_equal(d.text, "");
	assert_int_equal(reader_addr(r, &a, &d), 1);
	assert_int_equal(reader_reject(r, ERR_FAMILY, NULL), 0);
	assert_int_equal(reader_bad(r), 2);
	rc = reader_addr(r, &a, &d); /* nothing good is left */
	log = log_end(*state, old);
	assert_int_equal(rc, ERR_PARSE);
	assert_non_null(strstr(log, "in.txt:1: '::1 x' is refused: x is not a number\n"));
	assert_non_null(
		strstr(log, "in.txt:2: '::2 y' is refused: wrong address family\n"));
	free(log);
	reader_close(r);

	d.text[0] = '\0';
	r = open_text(*state, "::1 x\n", &strict);
	assert_int_equal(reader_addr(r, &a, &d), 1);
	diag_set(&d, ERR_PARSE, "x is not a number");
	assert_int_equal(reader_reject(r, ERR_PARSE, &d), ERR_PARSE);
	assert_non_null(strstr(d.text, "in.txt:1: '::1 x' is refused: x is not a"));
	reader_close(r);
}

static void gives_out_raw_lines(void **state)
{
	static const char *const want[] = { "# a", "", " b ", "c\td", "e" };
	struct reader *r = open_text(*state, "\xef\xbb\xbf# a\n\r\n b \r\nc\td\ne", NULL);
	struct diag d = { .text = "" };
	const char *line;

	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		assert_int_equal(reader_line(r, &line, &d), 1);
		assert_string_equal(line, want[i]);
		assert_string_equal(reader_text(r), want[i]);
		assert_int_equal(reader_line_number(r), i + 1);
	}
	assert_int_equal(reader_line(r, &line, &d), 0);
	reader_close(r);
}

/* Many buffers full, with line ends at every place of them. */
static void reads_what_was_written(void **state)
{
	enum { N = 60000 };
	struct addr128 *want = malloc(N * sizeof(*want)), a;
	FILE *o = fopen(files_path(*state, "big.txt"), "wb");
	struct diag d = { .text = "" };
	struct reader *r;
	struct rng g;

	assert_true(want && o);
	rng_init(&g, 7);
	for (int i = 0; i < N; i++) {
		char s[ADDR_STRLEN];
		size_t pad = rng_below(&g, 500) ? rng_below(&g, 8) : rng_below(&g, 65000);

		want[i] = (struct addr128){ rng_next(&g), rng_next(&g) & 0xffff };
		addr_format(s, want[i]);
		fprintf(o, "%*s%s%s%s\n", (int)pad, "", s, rng_below(&g, 2) ? ",x" : "",
		        rng_below(&g, 2) ? "\r" : "");
	}
	fclose(o);
	assert_int_equal(reader_open(&r, files_path(*state, "big.txt"), NULL, &d), 0);
	for (int i = 0; i < N; i++)
		if (reader_addr(r, &a, &d) != 1 || !addr_eq(a, want[i]))
			fail_msg("line %d: '%s' %s", i + 1, reader_text(r), d.text);
	assert_int_equal(reader_addr(r, &a, &d), 0);
	assert_int_equal(reader_line_number(r), N);
	reader_close(r);
	free(want);
}

static void reads_small_pieces(void **state)
{
	static const char text[] = "\xef\xbb\xbf"
				   "2001:db8::1\r\n192.0.2.1\n::2";

	(void)state;
	for (size_t step = 1; step < 4; step++) {
		int old = files_feed(STDIN_FILENO, text, sizeof(text) - 1, step);
		struct diag d = { .text = "" };
		struct addrvec v = { 0 };

		assert_int_equal(reader_load(&v, "-", NULL, &d), 0);
		assert_int_equal(v.n, 3);
		assert_true(addr_eq(v.a[0], addr("2001:db8::1")));
		assert_true(addr_eq(v.a[2], addr("::2")));
		addrvec_fini(&v);
		files_unfeed(STDIN_FILENO, old);
	}
}

static void load_appends_all_or_nothing(void **state)
{
	static const struct reader_policy strict = { .strict = true };
	struct files *f = *state;
	struct diag d = { .text = "" };
	struct addrvec v = { 0 };
	struct writer *w;
	char *bytes;
	size_t n;

	assert_int_equal(reader_load(&v, files_put(f, "a", "::1\n::2\n", 8), NULL, &d),
	                 0);
	assert_int_equal(reader_load(&v, files_put(f, "b", "::3\n", 4), NULL, &d), 0);
	assert_int_equal(v.n, 3);
	assert_int_equal(reader_load(&v, files_put(f, "c", "::4\nbad\n", 8), &strict, &d),
	                 ERR_PARSE);
	assert_non_null(strstr(d.text, "/c:2: 'bad'"));
	assert_int_equal(v.n, 3);

	/* A compressed list that is cut short. */
	assert_int_equal(writer_open(&w, files_path(f, "l.gz"), &d), 0);
	for (unsigned i = 0; i < 3000; i++)
		writer_addr(w, addr_from_v4(i * 2654435761u));
	d.text[0] = '\0';
	assert_int_equal(writer_commit(w, &d), 0);
	writer_close(w);
	bytes = files_get(files_path(f, "l.gz"), &n);
	assert_int_equal(reader_load(&v, files_put(f, "l.gz", bytes, n - 100), NULL, &d),
	                 ERR_TRUNC);
	assert_non_null(strstr(d.text, "l.gz: cut short"));
	assert_int_equal(v.n, 3);
	assert_int_equal(reader_load(&v, files_put(f, "l.gz", bytes, n), NULL, &d), 0);
	assert_int_equal(v.n, 3003);
	free(bytes);

	d.text[0] = '\0';
	assert_int_equal(reader_load(&v, f->dir, NULL, &d), -EISDIR);
	assert_non_null(strstr(d.text, f->dir));
	addrvec_fini(&v);
	reader_close(NULL);
}

/* Real lists: as many addresses as lines, and their texts come back. */
static void reads_a_real_list(void **state)
{
	const char *shared = getenv("SEXTANT_SHARED");
	struct diag d = { .text = "" };
	struct reader *r;
	struct addr128 a;
	char path[512];
	unsigned n = 0;
	int rc;

	(void)state;
	snprintf(path, sizeof(path), "%s/data/lists/tum_responsive_first10000.txt",
	         shared ? shared : "");
	if (!shared || access(path, R_OK) != 0)
		skip();
	assert_int_equal(reader_open(&r, path, NULL, &d), 0);
	while ((rc = reader_addr(r, &a, &d)) > 0) {
		char text[ADDR_STRLEN];

		addr_format(text, a);
		assert_string_equal(text, reader_text(r));
		n++;
	}
	assert_int_equal(rc, 0);
	assert_int_equal(n, 10000);
	assert_int_equal(reader_bad(r), 0);
	reader_close(r);
}

/* Lines of one file each: "addr port", or what is bad. */
static void ports_beside_addresses(void **state)
{
	static const struct {
		const char *text;
		const char *addr; /* NULL: not one good line */
		unsigned port;
	} cases[] = {
		{ "192.0.2.1:80\n", "192.0.2.1", 80 },
		{ "[2001:db8::1]:443\n", "2001:db8::1", 443 },
		{ "2001:db8::1,443\n", "2001:db8::1", 443 },
		{ "192.0.2.1, 80 # web\n", "192.0.2.1", 80 },
		{ "\"192.0.2.1\",\"80\"\n", "192.0.2.1", 80 },
		{ "192.0.2.1,80,57\n", "192.0.2.1", 0 }, /* columns of what? */
		{ "192.0.2.1,\n", "192.0.2.1", 0 },
		{ "192.0.2.1,65536\n", "192.0.2.1", 0 },
		{ "192.0.2.1,http\n", "192.0.2.1", 0 },
		{ "saddr,sport,ttl\n192.0.2.1,80,57\n", "192.0.2.1", 80 },
		{ "saddr,ttl\n192.0.2.1,57\n", "192.0.2.1", 0 },
		{ "saddr\n192.0.2.1,57\n", "192.0.2.1", 0 },
		{ "{\"ip\": \"2001:db8::2\", \"port\": 8080}\n", "2001:db8::2", 8080 },
		{ "{\"ttl\":3,\"saddr\":\"192.0.2.7\",\"sport\":\"22\"}", "192.0.2.7",
		  22 },
		{ "{\"ip\": \"2001:db8::2\", \"port\": null}\n", "2001:db8::2", 0 },
		{ "{\"ip\": \"2001:db8::2\", \"port\": 0}\n", "2001:db8::2", 0 },
		{ "{\"ip\": \"2001:db8::2\", \"port\": 70000}\n", NULL, 0 },
		{ "{\"ip\": 5}\n", NULL, 0 },
		{ "{\"port\": 5}\n", NULL, 0 },
		{ "{\"ip\": \"2001:db8::2\"", "2001:db8::2", 0 },
	};
	struct reader_policy policy = { .ports = true };
	struct files *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct reader *r = open_text(f, cases[i].text, &policy);
		struct diag d = { .text = "" };
		uint16_t port = 9;
		struct addr128 a;
		int old = log_begin(f), rc = reader_addr_port(r, &a, &port, &d);

		reader_close(r);
		free(log_end(f, old));
		if (cases[i].addr ? rc != 1 || !addr_eq(a, addr(cases[i].addr)) ||
		                            port != cases[i].port
		                  : rc != ERR_PARSE)
			fail_msg("%s: %d, port %u", cases[i].text, rc, port);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(understands_items),
		cmocka_unit_test(skips_what_is_no_item),
		cmocka_unit_test(counts_words_after_the_first_line_as_bad),
		cmocka_unit_test(reports_the_first_few),
		cmocka_unit_test(reports_the_rest_when_closed),
		cmocka_unit_test(strict_ends_at_the_first),
		cmocka_unit_test(v6_only_refuses_ipv4),
		cmocka_unit_test(refuses_binary_data),
		cmocka_unit_test(gives_out_lines_before_binary_data),
		cmocka_unit_test(bounds_the_line),
		cmocka_unit_test(needs_one_good_line),
		cmocka_unit_test(addresses_only),
		cmocka_unit_test(prefixes_are_not_good_addresses),
		cmocka_unit_test(callers_can_reject),
		cmocka_unit_test(gives_out_raw_lines),
		cmocka_unit_test(reads_what_was_written),
		cmocka_unit_test(reads_small_pieces),
		cmocka_unit_test(skips_lines_that_are_no_text),
		cmocka_unit_test(ports_beside_addresses),
		cmocka_unit_test(load_appends_all_or_nothing),
		cmocka_unit_test(reads_a_real_list),
	};

	return cmocka_run_group_tests_name("reader", tests, files_setup, files_teardown);
}
