#include "tests/test.h"

#include <unistd.h>

#include "probe/cmd_scan.h"
#include "probe/scan_config.h"

static int read_text(struct scan_config *c, struct scan_options *o, const char *text,
                     struct diag *d)
{
	char path[] = "/tmp/sextant-test-XXXXXX";
	int fd = mkstemp(path), rc;
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	memset(c, 0, sizeof(*c));
	*o = scan_defaults;
	rc = scan_config_read(c, o, path, d);
	unlink(path);
	return rc;
}

/* What masscan --echo prints, more or less. */
static void masscan_files_are_understood(void **state)
{
	struct scan_config *c = malloc(sizeof(*c));
	struct scan_options o;
	struct diag d = { "" };

	(void)state;
	assert_non_null(c);
	assert_int_equal(read_text(c, &o,
	                           "# comment\n"
	                           "rate =     100000.50\n"
	                           "randomize-hosts = true\n"
	                           "seed = 17\nshard = 2/7\n"
	                           "adapter = eth0 # here\n"
	                           "adapter-ip = 192.0.2.7\n"
	                           "router-mac = 00-00-00-00-00-00\n"
	                           "source_ip = 0.0.0.0\n"
	                           "output-format = list\n"
	                           "show = open,,\n"
	                           "output-filename = /tmp/scan.txt\n"
	                           "ports = 80,U:53\nports = 0-10\n"
	                           "range = 10.0.0.0/8,192.168.0.1-192.168.0.9\n"
	                           "range = 2001:db8::/120\n"
	                           "excludefile = exclude.txt\n"
	                           "exclude = 10.1.0.0/16\n"
	                           "retries = 2\nping = true\nbanners = false\n"
	                           "wait = 5\nttl = 55\nnocapture = cert\n",
	                           &d),
	                 0);
	assert_string_equal(d.text, "");
	assert_true(o.rate_pps == 100000.5);
	assert_string_equal(o.seed, "17");
	assert_string_equal(o.shard, "2/7");
	assert_string_equal(o.interface, "eth0");
	assert_int_equal(o.source_ips.n, 1);
	assert_null(o.gateway_mac);
	assert_int_equal(o.format, FORMAT_LIST);
	assert_string_equal(o.output, "/tmp/scan.txt");
	assert_int_equal(o.ports.n, 3);
	assert_string_equal(o.ports.v[1], "1-10");
	assert_string_equal(o.ports.v[2], "icmp");
	assert_int_equal(c->n_targets, 3);
	assert_string_equal(c->targets[1], "192.168.0.1-192.168.0.9");
	assert_string_equal(c->excludes[0], "10.1.0.0/16");
	assert_string_equal(o.scope.blocklists.v[0], "exclude.txt");
	assert_int_equal(o.probes, 3);
	assert_string_equal(o.cooldown, "5");
	assert_int_equal(o.hop_limit, 55);
	scan_config_fini(c);

	assert_int_equal(read_text(c, &o,
	                           "#interface \"eth0\"\nrate 5000\n"
	                           "blacklist-file \"/etc/zmap/blacklist.conf\"\n"
	                           "target-port 443\nquiet\nprobe-module tcp_synscan\n",
	                           &d),
	                 0);
	assert_null(o.interface);
	assert_true(o.rate_pps == 5000 && o.quiet);
	assert_string_equal(o.scope.blocklists.v[0], "/etc/zmap/blacklist.conf");
	scan_config_fini(c);
	free(c);
}

static void bad_files_are_told(void **state)
{
	static const char *const bad[] = {
		"rate = 5\nno-such-thing = 1\n",
		"\nrate = fast\n",
		"\narp = true\n",
		"\nquiet = perhaps\n",
		"\nretries = many\n",
		"\noutput-format = pdf\n",
	};
	struct scan_config *c = malloc(sizeof(*c));
	struct scan_options o;

	(void)state;
	assert_non_null(c);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct diag d = { "" };

		if (read_text(c, &o, bad[i], &d) != ERR_PARSE)
			fail_msg("'%s' was taken", bad[i]);
		assert_non_null(strstr(d.text, ":2: "));
		scan_config_fini(c);
	}
	free(c);
}

/* The command line goes before the file; what is printed is read back. */
static void options_round_trip(void **state)
{
	struct scan_config *c = calloc(1, sizeof(*c));
	struct scan_options o = scan_defaults, again;
	char path[] = "/tmp/sextant-test-XXXXXX", text[8192] = "";
	char *targets[] = { (char *)"2001:db8::/32" };
	struct writer *w;
	FILE *f;

	(void)state;
	assert_non_null(c);
	o.rate_pps = 77;
	assert_int_equal(scan_config_set(c, &o, "rate", "5", NULL), 0);
	assert_true(o.rate_pps == 77);
	o.ports = (struct opt_list){ (const char *[]){ "80", "udp/53" }, 2 };
	o.probe_interval_ns = 1500000;
	o.filter = "success = 1";
	o.quiet = true;
	close(mkstemp(path));
	assert_int_equal(writer_open(&w, path, NULL), 0);
	scan_config_echo(w, &o, 1, targets);
	assert_int_equal(writer_commit(w, NULL), 0);
	writer_close(w);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
	fclose(f);
	unlink(path);
	assert_int_equal(read_text(c, &again, text, NULL), 0);
	assert_true(again.rate_pps == 77 && again.quiet);
	assert_int_equal(again.ports.n, 2);
	assert_string_equal(again.ports.v[1], "udp/53");
	assert_int_equal(again.probe_interval_ns, 1500000);
	assert_string_equal(again.filter, "success = 1");
	assert_string_equal(c->targets[0], "2001:db8::/32");
	scan_config_fini(c);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(masscan_files_are_understood),
		cmocka_unit_test(bad_files_are_told),
		cmocka_unit_test(options_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
