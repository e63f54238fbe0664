#include "tests/test.h"

#include "probe/services.h"

static void names_of_ports(void **state)
{
	static const struct {
		enum obs_proto proto;
		uint16_t port;
		const char *name;
	} cases[] = {
		{ OBS_TCP, 22, "ssh" },    { OBS_TCP, 443, "https" },
		{ OBS_UDP, 443, "quic" },  { OBS_TCP, 53, "domain" },
		{ OBS_UDP, 53, "domain" }, { OBS_TCP, 5432, "postgresql" },
		{ OBS_TCP, 1, "tcpmux" },  { OBS_UDP, 22, "ssh" },
		{ OBS_TCP, 65535, NULL },  { OBS_TCP, 0, NULL },
		{ OBS_ICMP, 22, NULL },    { OBS_TCP, 8443, "https-alt" },
	};
	struct services *s;

	(void)state;
	assert_int_equal(services_load(&s, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *name = services_name(s, cases[i].proto, cases[i].port);

		if (cases[i].name)
			assert_string_equal(name, cases[i].name);
		else
			assert_null(name);
	}
	services_free(s);
}

static void bad_tables_are_refused(void **state)
{
	static const char *const names[] = {
		"http",       "http 80 sctp", "http 0",
		"http 65536", "http 80-",     "http 80,,81",
		"http 90-80", "a_b 80",       "a-name-of-16-let 80",
		"http 80,",   "http x",       "http 80 tcp more",
	};
	static const char *const probes[] = {
		"",
		"x 80 wait",
		"any *",
		"any * jump",
		"any * send",
		"any * send \"",
		"any * send \"\\q\"",
		"any * send \"\\x0\"",
		"any * send \"\"",
		"any * wait\nx 0 wait",
		"any * wait\ny * wait",
		"any * wait\nx 80-79 wait",
		"any * wait wait wait wait wait wait wait wait wait wait wait wait wait",
		"any *wait",
	};
	struct service_probes *t;
	struct services *s;
	struct diag d;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		d.text[0] = '\0';
		assert_true(services_parse(&s, names[i], &d) < 0);
		assert_non_null(strstr(d.text, "line 1"));
	}
	for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
		t = calloc(1, sizeof(*t));
		d.text[0] = '\0';
		assert_true(service_probes_parse(t, probes[i], &d) < 0);
		assert_true(d.text[0] != '\0');
		free(t);
	}
}

/* What the shipped table says to whom. */
static void the_probes_that_are_shipped(void **state)
{
	struct service_probes *t = calloc(1, sizeof(*t));
	const struct service_words words = { "[2001:db8::1]", "us", "me" };
	uint8_t out[2048];
	size_t n;

	(void)state;
	assert_int_equal(service_probes_load(t, NULL), 0);
	assert_int_equal(t->of_port[12345], 0);
	assert_string_equal(t->probe[t->of_port[443]].name, "https");
	assert_int_equal(t->probe[t->of_port[443]].steps[0].kind, SERVICE_TLS);
	/* Who prints what it is sent is sent nothing. */
	for (uint16_t port = 9100; port <= 9107; port++)
		for (unsigned i = 0; t->probe[t->of_port[port]].steps[i].kind; i++)
			assert_int_equal(t->probe[t->of_port[port]].steps[i].kind,
			                 SERVICE_WAIT);
	n = service_send_bytes(out, sizeof(out), t, &t->probe[t->of_port[80]].steps[0],
	                       &words);
	out[n] = '\0';
	assert_non_null(strstr((char *)out, "\r\nHost: [2001:db8::1]\r\n"));
	assert_non_null(strstr((char *)out, "\r\nUser-Agent: us\r\n"));
	/* Cut, not overrun. */
	assert_int_equal(service_send_bytes(out, 50, t,
	                                    &t->probe[t->of_port[80]].steps[0], &words),
	                 50);
	free(t);
}

#define ANSWER(bytes) (const uint8_t *)(bytes), sizeof(bytes) - 1

static void answers_are_classified(void **state)
{
	static const struct {
		const uint8_t *bytes;
		size_t n;
		const char *probe, *service, *product;
	} cases[] = {
		{ ANSWER("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), NULL, "ssh",
		  "OpenSSH_9.2p1 Debian-2" },
		{ ANSWER("SSH-2.0"), NULL, "ssh", "" },
		{ ANSWER("HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\nServer: no"), NULL,
		  "http", "nginx" },
		{ ANSWER("HTTP/1.1 200 OK\r\n\r\nServer: no"), NULL, "http", "" },
		{ ANSWER("220 mx ESMTP Exim"), NULL, "smtp", "mx ESMTP Exim" },
		{ ANSWER("220 FTP ready"), NULL, "ftp", "FTP ready" },
		{ ANSWER("220 hello"), NULL, NULL, "" },
		{ ANSWER("220 hello"), "smtp", "smtp", "hello" },
		{ ANSWER("220 hello"), "ftp", "ftp", "hello" },
		{ ANSWER("+OK"), NULL, "pop3", "" },
		{ ANSWER("* OK IMAP4rev1 ready\r\n"), NULL, "imap", "IMAP4rev1 ready" },
		{ ANSWER("RFB 003.008\n"), NULL, "rfb", "" },
		{ ANSWER("+PONG\r\n"), "redis", "redis", "" },
		{ ANSWER("-ERR unknown"), "redis", "redis", "" },
		{ ANSWER("-ERR unknown"), NULL, NULL, "" },
		{ ANSWER("\x15\x03\x01\x00\x02\x02\x28"), NULL, "tls", "" },
		{ ANSWER("\xff\xfd\x18\xff\xfd\x20"), NULL, "telnet", "" },
		{ ANSWER("\x10\x00\x00\x00\x0a"
		         "8.0.30\x00 123"),
		  NULL, "mysql", "8.0.30" },
		{ ANSWER("S"), "postgresql", "postgresql", "" },
		{ ANSWER("S"), NULL, NULL, "" },
		{ ANSWER("\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00"), "rdp", "rdp",
		  "" },
		{ ANSWER("\x20\x02\x00\x05"), "mqtt", "mqtt", "" },
		{ ANSWER("\x00\x3e\x5e\x78\x85\x80\x00\x01\x00\x01\x00\x00\x00\x00\x07version"
		         "\x04"
		         "bind\x00\x00\x10\x00\x03\xc0\x0c\x00\x10\x00\x03\x00\x00\x00\x00\x00"
		         "\x05\x04"
		         "9.18"),
		  "dns", "dns", "9.18" },
		{ ANSWER(""), "dns", NULL, "" },
		{ ANSWER("what?"), NULL, NULL, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct service_answer a;

		service_classify(&a, cases[i].bytes, cases[i].n, cases[i].probe);
		if (cases[i].service)
			assert_string_equal(a.service, cases[i].service);
		else
			assert_null(a.service);
		assert_int_equal(a.product.len, strlen(cases[i].product));
		assert_memory_equal(cases[i].bytes + a.product.at, cases[i].product,
		                    a.product.len);
	}
}

static void http_tells_more(void **state)
{
	static const char page[] = "HTTP/1.1 302 Found\r\nlocation:  /there \r\n\r\n"
				   "<html><TITLE lang=en> A title\n</TITLE>";
	struct service_answer a;

	(void)state;
	service_classify(&a, (const uint8_t *)page, sizeof(page) - 1, NULL);
	assert_int_equal(a.http_status, 302);
	assert_int_equal(a.http_location.len, 6);
	assert_memory_equal(page + a.http_location.at, "/there", 6);
	assert_int_equal(a.http_title.len, 7);
	assert_memory_equal(page + a.http_title.at, "A title", 7);
	service_classify(&a, ANSWER("HTTP/1.1 x\r\n\r\n<title"), NULL);
	assert_int_equal(a.http_status, 0);
	assert_int_equal(a.http_title.len, 0);
}

static void what_is_complete(void **state)
{
	static const struct {
		const char *text;
		bool complete;
	} cases[] = {
		{ "", false },
		{ "SSH-2.0-x", false },
		{ "SSH-2.0-x\r\n", true },
		{ "220-more\r\n", false },
		{ "220-more\r\n220 done\r\n", true },
		{ "250-a\r\n250-STARTTLS\r\n", false },
		{ "HTTP/1.1 200 OK\r\n\r\n", false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", true },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
		  false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", false },
		{ "unknown\r\n", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(service_is_complete((const uint8_t *)cases[i].text,
		                                     strlen(cases[i].text)),
		                 cases[i].complete);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_ports),
		cmocka_unit_test(bad_tables_are_refused),
		cmocka_unit_test(the_probes_that_are_shipped),
		cmocka_unit_test(answers_are_classified),
		cmocka_unit_test(http_tells_more),
		cmocka_unit_test(what_is_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
