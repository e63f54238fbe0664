#include "tests/test.h"

#include <dirent.h>
#include <sys/stat.h>

#include "common/json.h"
#include "common/rng.h"
#include "probe/hosts.h"
#include "probe/results.h"
#include "probe/services.h"
#include "tests/common/files.h"

#define US UINT64_C(1000000)

static struct observation answer(uint64_t i)
{
	struct observation o = { .target = { UINT64_C(0x2a00000100000000), i },
		                 .when_us = (1700000000 + i) * US,
		                 .port = 443,
		                 .proto = OBS_TCP,
		                 .outcome = OBS_OPEN,
		                 .tcp_flags = 18,
		                 .hop_limit = 57 };

	o.from = o.target;
	return o;
}

static struct results *open_results(struct files *f, const char *name, unsigned format,
                                    struct results_config *cfg)
{
	static char path[4096];
	struct results *r;
	struct diag d = { "" };

	snprintf(path, sizeof(path), "%s", files_path(f, name));
	cfg->path = path;
	cfg->format = format;
	assert_int_equal(obs_fields_parse(&cfg->fields, "target,port,ttl", &d), 0);
	if (results_open(&r, cfg, US, &d) < 0)
		fail_msg("%s", d.text);
	return r;
}

static void put(struct results *r, uint64_t first, uint64_t n)
{
	for (uint64_t i = first; i < first + n; i++) {
		struct observation o = answer(i);

		results_put(r, &o);
	}
}

/* After each flush, as if the process had been killed there. */
static void json_is_whole_after_each_flush(void **state)
{
	struct results_config cfg = { .no_header = false };
	struct files *f = *state;
	struct results *r;
	size_t n, before = 0;
	char *text;

	free(files_get(files_put(f, "json", "{\"longer than what follows\": 1}\n", 32),
	               &n));
	r = open_results(f, "json", FORMAT_JSON, &cfg);
	for (unsigned i = 0; i < 6; i++) {
		text = files_get(files_path(f, "json"), &n);
		assert_true(n > before || i == 1);
		if (!json_valid(text))
			fail_msg("%u: %s", i, text);
		free(text);
		before = n;
		put(r, i * 1000,
		    i * 700); /* the last ones fill the buffer more than once */
		assert_int_equal(results_flush(r, US, NULL), 0);
	}
	assert_int_equal(results_commit(r, US, NULL), 0);
	results_close(r);
	text = files_get(files_path(f, "json"), &n);
	assert_true(json_valid(text));
	assert_true(n >= before);
	free(text);
}

/* A full buffer is written without a flush, and not amid an answer. */
static void json_is_whole_between_flushes(void **state)
{
	struct results_config cfg = { .no_header = false };
	struct files *f = *state;
	struct results *r = open_results(f, "json", FORMAT_JSON, &cfg);
	size_t n, before = 0;
	unsigned grown = 0;

	for (unsigned i = 0; i < 50; i++) {
		char *text = files_get(files_path(f, "json"), &n);

		if (!json_valid(text))
			fail_msg("%u: ... %s", i, text + (n > 300 ? n - 300 : 0));
		free(text);
		grown += n > before;
		before = n;
		put(r, i * 100, 100);
	}
	assert_in_range(grown, 4, 40);
	assert_int_equal(results_commit(r, US, NULL), 0);
	results_close(r);
}

static void xml_is_whole_after_each_flush(void **state)
{
	struct results_config cfg = { .no_header = false };
	struct files *f = *state;
	struct results *r = open_results(f, "xml", FORMAT_XML, &cfg);
	size_t n;

	for (unsigned i = 0; i < 3; i++) {
		char *text = files_get(files_path(f, "xml"), &n);

		assert_non_null(strstr(text, "</nmaprun>\n"));
		assert_string_equal(strstr(text, "</nmaprun>\n"), "</nmaprun>\n");
		free(text);
		put(r, i, 1);
		assert_int_equal(results_flush(r, US, NULL), 0);
	}
	assert_int_equal(results_commit(r, US, NULL), 0);
	results_close(r);
}

static void an_empty_array_is_one(void **state)
{
	struct results_config cfg = { .no_header = false };
	struct files *f = *state;
	struct results *r = open_results(f, "json", FORMAT_JSON, &cfg);
	size_t n;
	char *text;

	assert_int_equal(results_commit(r, US, NULL), 0);
	results_close(r);
	text = files_get(files_path(f, "json"), &n);
	assert_string_equal(text, "[\n]\n");
	free(text);
}

static unsigned count_files(const char *dir, const char *suffix)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d)))
		n += strlen(e->d_name) > strlen(suffix) &&
		     !strcmp(e->d_name + strlen(e->d_name) - strlen(suffix), suffix);
	closedir(d);
	return n;
}

static void files_are_turned_over(void **state)
{
	struct results_config cfg = { .rotate_us = 60 * US, .rotate_offset_us = 5 * US };
	struct files *f = *state;
	char dir[4096];
	struct results *r;
	size_t n;
	char *text;

	snprintf(dir, sizeof(dir), "%s", files_path(f, "."));
	r = open_results(f, "turn.csv", FORMAT_CSV, &cfg); /* at 1 s: until 5 s */
	put(r, 0, 3);
	assert_int_equal(results_flush(r, 5 * US - 1, NULL), 0);
	assert_int_equal(count_files(dir, "-turn.csv"), 0);
	assert_int_equal(results_flush(r, 5 * US, NULL), 0);
	text = files_get(files_path(f, "700101-000005-turn.csv"), &n);
	assert_string_equal(text, "target,port,ttl\n2a00:1::,443,57\n2a00:1::1,443,57\n"
	                          "2a00:1::2,443,57\n");
	free(text);
	put(r, 3, 1);
	assert_int_equal(results_flush(r, 64 * US, NULL), 0);
	assert_int_equal(results_flush(r, 65 * US, NULL), 0);
	/* At the same second again, by size: another name. */
	results_commit(r, 65 * US, NULL);
	results_close(r);
	cfg = (struct results_config){ .rotate_bytes = 100 };
	r = open_results(f, "turn.csv", FORMAT_CSV, &cfg);
	for (unsigned i = 0; i < 4; i++) {
		put(r, 10 * i, 8);
		assert_int_equal(results_flush(r, 65 * US, NULL), 0);
	}
	assert_int_equal(results_commit(r, 65 * US, NULL), 0);
	results_close(r);
	text = files_get(files_path(f, "700101-000105-turn.csv"), &n);
	assert_string_equal(text, "target,port,ttl\n2a00:1::3,443,57\n");
	free(text);
	text = files_get(files_path(f, "700101-000105-turn.csv.4"), &n);
	assert_non_null(strstr(text, "2a00:1::25,443,57\n"));
	free(text);
}

static void rotation_needs_a_place(void **state)
{
	struct results_config cfg = { .path = "-", .rotate_us = US };
	struct results *r;
	struct diag d = { "" };

	assert_int_equal(results_open(&r, &cfg, US, &d), -EINVAL);
	cfg.path = files_path(*state, "x");
	cfg.rotate_dir = "/no/such/folder";
	d = (struct diag){ "" };
	assert_true(results_open(&r, &cfg, US, &d) < 0);
	assert_non_null(strstr(d.text, "/no/such/folder"));
}

static void times_as_masscan_has_them(void **state)
{
	static const struct {
		const char *text;
		uint64_t seconds; /* 0: none */
	} cases[] = { { "3600", 3600 },
		      { "hourly", 3600 },
		      { "daily", 86400 },
		      { "6hours", 21600 },
		      { "10min", 600 },
		      { "90s", 90 },
		      { "1.5h", 5400 },
		      { "2days", 2 * 86400 },
		      { "hours", 0 },
		      { "", 0 },
		      { "5 min", 0 },
		      { "-5", 0 },
		      { "99999999999999weeks", 0 } };
	uint64_t us;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool ok = results_parse_rotate(&us, cases[i].text);

		if (ok != (cases[i].seconds > 0) || (ok && us != cases[i].seconds * US))
			fail_msg("%s", cases[i].text);
	}
}

/* More than fit into memory, in random order: each host once, with its ports in
 * order. */
static void hosts_are_gathered(void **state, unsigned hosts, unsigned ports)
{
	struct hosts *h = hosts_new(files_path(*state, "."));
	struct obs_fields fields;
	struct diag d = { "" };
	struct writer *w;
	unsigned total = hosts * ports, n = 0;
	struct services *services;
	char *text, *line;
	size_t size;

	assert_non_null(h);
	assert_int_equal(services_load(&services, NULL), 0);
	assert_int_equal(obs_fields_parse(&fields, "target,port,outcome", &d), 0);
	for (unsigned i = 0; i < total; i++) {
		unsigned k = (unsigned)((i * UINT64_C(7919) + 13) % total);
		struct observation o = answer(k / ports);

		o.port = (uint16_t)(1 + k % ports);
		assert_int_equal(hosts_put(h, &o), 0);
	}
	assert_int_equal(writer_open(&w, files_path(*state, "hosts"), &d), 0);
	assert_int_equal(hosts_write(h, &fields, w, &d), 0);
	assert_int_equal(writer_commit(w, &d), 0);
	writer_close(w);
	hosts_free(h);
	text = files_get(files_path(*state, "hosts"), &size);
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), n++) {
		char want[128], ip[64];
		struct addr128 a = answer(n).target;
		int k;

		assert_true(json_valid(line));
		addr_format(want, a);
		assert_int_equal(json_get(line, "ip", ip, sizeof(ip)), JSON_STRING);
		assert_string_equal(ip, want);
		line = strchr(line, '[') + 1;
		for (unsigned p = 1; p <= ports; p++) {
			const char *name = services_name(services, OBS_TCP, (uint16_t)p);

			k = snprintf(want, sizeof(want),
			             "%s{\"port\": %u, \"outcome\": \"open\"%s%s%s}",
			             p > 1 ? ", " : "", p,
			             name ? ", \"service\": \"" : "", name ? name : "",
			             name ? "\"" : "");
			assert_in_range(k, 1, sizeof(want) - 1);
			assert_int_equal(strncmp(line, want, (size_t)k), 0);
			line += k;
		}
		assert_string_equal(line, "]}");
	}
	assert_int_equal(n, hosts);
	services_free(services);
	free(text);
}

static void few_hosts(void **state)
{
	hosts_are_gathered(state, 7, 3);
}

static void many_hosts(void **state)
{
	hosts_are_gathered(state, 40003, 3);
}

static void no_hosts(void **state)
{
	hosts_are_gathered(state, 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_whole_after_each_flush),
		cmocka_unit_test(json_is_whole_between_flushes),
		cmocka_unit_test(xml_is_whole_after_each_flush),
		cmocka_unit_test(an_empty_array_is_one),
		cmocka_unit_test(files_are_turned_over),
		cmocka_unit_test(rotation_needs_a_place),
		cmocka_unit_test(times_as_masscan_has_them),
		cmocka_unit_test(few_hosts),
		cmocka_unit_test(many_hosts),
		cmocka_unit_test(no_hosts),
	};

	return cmocka_run_group_tests_name("results", tests, files_setup, files_teardown);
}
