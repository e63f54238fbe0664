/* tests/net/tlsworld.c - many TLS servers in one program, for the tests of grab.
 *
 * tlsworld DIR N SET [THREADS]
 *
 * listens on port 443 of every address and is server i of N at
 * 2001:db8:99:i::1 (i in hexadecimal), or, where i % 4 is 3, at 10.99.H.L, H and L
 * being the bytes of i.  The caller makes these addresses local.  SET is "mixed":
 * RSA, EC and Ed25519 keys, self-signed, expired, chains in and out of order, strange
 * names, and, i % 20 from 12 on, servers that are broken in one way each; or "rsa" or
 * "ec", which are chains of two with such keys.
 *
 * DIR gets the certificate that server i shows as i.pem, the rest of its chain
 * behind it, and "truth": "i address port kind status" a line.  It says "listening"
 * when all is there, and dies with the shell that started it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

enum { SERVERS = 65536, RSA_KEYS = 4, DAY = 86400, PORT = 443 };

enum kind {
	RSA_CHAIN,
	EC_CHAIN,
	RSA_SELF,
	EC_SELF,
	ED25519_SELF,
	EXPIRED,
	NOT_YET,
	LONG_CHAIN,
	UNORDERED,
	MANY_NAMES,
	STRANGE_NAMES,
	TLS12_ONLY,
	GARBAGE, /* broken from here on */
	CLOSES,
	CLOSES_LATER,
	SILENT,
	PLAIN_HTTP,
	BAD_CERTIFICATE,
	OVERSIZED,
	ALERT,
	KINDS
};

static const struct {
	const char *name, *status;
} kinds[KINDS] = {
	{ "rsa-chain", "ok" },        { "ec-chain", "ok" },
	{ "rsa-self", "ok" },         { "ec-self", "ok" },
	{ "ed25519-self", "ok" },     { "expired", "ok" },
	{ "not-yet", "ok" },          { "long-chain", "ok" },
	{ "unordered", "ok" },        { "many-names", "ok" },
	{ "strange-names", "ok" },    { "tls12-only", "ok" },
	{ "garbage", "not-tls" },     { "closes", "closed" },
	{ "closes-later", "closed" }, { "silent", "silent" },
	{ "plain-http", "not-tls" },  { "bad-certificate", "tls-error" },
	{ "oversized", "too-large" }, { "alert", "tls-alert" },
};

struct authority {
	X509 *cert;
	EVP_PKEY *key;
};

struct world {
	const char *dir, *set;
	unsigned n;
	int fd;
	EVP_PKEY *rsa[RSA_KEYS];
	struct authority root, intermediate, second;
	SSL_CTX *ctx[SERVERS];
	enum kind kind[SERVERS];
};

static void die(const char *what)
{
	fprintf(stderr, "tlsworld: %s\n", what);
	exit(1);
}

/* --- certificates ------------------------------------------------------------ */

static void add_entry(X509_NAME *name, const char *field, int type, const void *s, int n)
{
	if (!X509_NAME_add_entry_by_txt(name, field, type, s, n, -1, 0))
		die("a name");
}

static void strange_name(X509_NAME *name)
{
	add_entry(name, "C", MBSTRING_ASC, "DE", -1);
	add_entry(name, "O", MBSTRING_UTF8,
	          "Gr\xc3\xbc\xc3\x9f \"Gott\", \xe4\xb8\xad\xe6\x96\x87", -1);
	add_entry(name, "OU", V_ASN1_T61STRING, "latin \xe9\xe8, +plus; <angle>", -1);
	add_entry(name, "OU", V_ASN1_UTF8STRING, "line\nbreak\ttab\x01\x7f", -1);
	add_entry(name, "CN", V_ASN1_UTF8STRING, "good.example\0.evil.example", 26);
}

static void add_names(X509 *x, enum kind kind, unsigned i)
{
	GENERAL_NAMES *all = sk_GENERAL_NAME_new_null();
	unsigned n = kind == MANY_NAMES ? 120 : 2;
	char text[64];

	for (unsigned k = 0; k < n; k++) {
		GENERAL_NAME *g = GENERAL_NAME_new();
		ASN1_IA5STRING *s = ASN1_IA5STRING_new();

		snprintf(text, sizeof(text), "h%u.s%u.example.org", k, i);
		if (kind == STRANGE_NAMES && k == 1)
			ASN1_STRING_set(s, "good.example\0.evil", 18);
		else
			ASN1_STRING_set(s, text, -1);
		GENERAL_NAME_set0_value(g, GEN_DNS, s);
		sk_GENERAL_NAME_push(all, g);
	}
	for (unsigned v6 = 0; v6 < 2; v6++) {
		GENERAL_NAME *g = GENERAL_NAME_new();

		GENERAL_NAME_set0_value(g, GEN_IPADD,
		                        a2i_IPADDRESS(v6 ? "2001:db8::7" : "192.0.2.7"));
		sk_GENERAL_NAME_push(all, g);
	}
	if (!X509_add1_ext_i2d(x, NID_subject_alt_name, all, 0, 0))
		die("alternative names");
	GENERAL_NAMES_free(all);
}

static void set_serial(X509 *x, unsigned i)
{
	uint8_t bytes[16] = { 0x7a, 0, 1 };
	BIGNUM *bn;

	/* Zeros in front, high bits, one byte: what there is. */
	bytes[0] = (uint8_t)(i % 3 == 0 ? 0x00 : i % 3 == 1 ? 0xff : 0x0a);
	memcpy(bytes + 12, &i, 4);
	bn = BN_bin2bn(bytes, i % 5 == 0 ? 1 : 16, NULL);
	BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x));
	BN_free(bn);
}

static void set_ca(X509 *x)
{
	BASIC_CONSTRAINTS *bc = BASIC_CONSTRAINTS_new();

	bc->ca = 1;
	X509_add1_ext_i2d(x, NID_basic_constraints, bc, 1, 0);
	BASIC_CONSTRAINTS_free(bc);
}

/* by NULL: self-signed. */
static X509 *make_cert(const char *cn, EVP_PKEY *key, const struct authority *by,
                       enum kind kind, unsigned i, bool ca)
{
	X509 *x = X509_new();
	X509_NAME *name = X509_NAME_new();
	EVP_PKEY *signer = by ? by->key : key;
	int type = EVP_PKEY_get_base_id(signer);
	long from = kind == NOT_YET ? 30L * DAY : kind == EXPIRED ? -400L * DAY : -DAY;

	X509_set_version(x, X509_VERSION_3);
	set_serial(x, i);
	X509_gmtime_adj(X509_getm_notBefore(x), from);
	X509_gmtime_adj(X509_getm_notAfter(x), kind == EXPIRED ? -3L * DAY : 90L * DAY);
	if (kind == STRANGE_NAMES)
		strange_name(name);
	else
		add_entry(name, "CN", MBSTRING_UTF8, cn, -1);
	X509_set_subject_name(x, name);
	X509_set_issuer_name(x, by ? X509_get_subject_name(by->cert) : name);
	X509_set_pubkey(x, key);
	if (ca)
		set_ca(x);
	else
		add_names(x, kind, i);
	if (!X509_sign(x, signer,
	               type == EVP_PKEY_ED25519 ? NULL
	               : i % 2                  ? EVP_sha256()
	                                        : EVP_sha384()))
		die("a signature");
	X509_NAME_free(name);
	return x;
}

static EVP_PKEY *key_for(struct world *w, enum kind kind, unsigned i)
{
	static const char *const curves[] = { "P-256", "P-384", "P-256", "P-521" };

	switch (kind) {
	case RSA_CHAIN:
	case RSA_SELF:
	case NOT_YET:
	case MANY_NAMES:
	case TLS12_ONLY:
		EVP_PKEY_up_ref(w->rsa[i % RSA_KEYS]);
		return w->rsa[i % RSA_KEYS];
	case ED25519_SELF: return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	default:
		return EVP_EC_gen(!strcmp(w->set, "ec") ? "P-256"
		                                        : curves[i / KINDS % 4]);
	}
}

static const struct authority *issuer_for(const struct world *w, enum kind kind)
{
	switch (kind) {
	case RSA_SELF:
	case EC_SELF:
	case ED25519_SELF:
	case STRANGE_NAMES: return NULL;
	default: return &w->intermediate;
	}
}

static void add_chain(const struct world *w, SSL_CTX *ctx, enum kind kind, FILE *f)
{
	X509 *chain[3] = { NULL, NULL, NULL };

	if (kind == LONG_CHAIN) {
		chain[0] = w->intermediate.cert;
		chain[1] = w->root.cert;
	} else if (kind == UNORDERED) {
		chain[0] = w->root.cert;
		chain[1] = w->second.cert;
		chain[2] = w->intermediate.cert;
	} else if (issuer_for(w, kind)) {
		chain[0] = w->intermediate.cert;
	}
	for (unsigned k = 0; k < 3 && chain[k]; k++) {
		SSL_CTX_add1_chain_cert(ctx, chain[k]);
		PEM_write_X509(f, chain[k]);
	}
}

static void make_server(struct world *w, unsigned i)
{
	enum kind kind = w->kind[i];
	EVP_PKEY *key = key_for(w, kind, i);
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	char cn[64], path[512];
	X509 *x;
	FILE *f;

	snprintf(cn, sizeof(cn), "server %u", i);
	x = make_cert(cn, key, issuer_for(w, kind), kind, i, false);
	snprintf(path, sizeof(path), "%s/%u.pem", w->dir, i);
	f = fopen(path, "w");
	if (!f)
		die(path);
	PEM_write_X509(f, x);
	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
	if (SSL_CTX_use_certificate(ctx, x) != 1 || SSL_CTX_use_PrivateKey(ctx, key) != 1)
		die("a server");
	add_chain(w, ctx, kind, f);
	if (kind == TLS12_ONLY)
		SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	if (kind == ALERT)
		SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
	if (kind == ALERT && !SSL_CTX_set1_groups_list(ctx, "brainpoolP512r1"))
		die("a group that nobody offers");
	fclose(f);
	X509_free(x);
	EVP_PKEY_free(key);
	w->ctx[i] = ctx;
}

static void server_address(char out[INET6_ADDRSTRLEN], unsigned i)
{
	uint8_t a[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 0x99, [15] = 1 };

	a[6] = (uint8_t)(i >> 8);
	a[7] = (uint8_t)i;
	if (i % 4 == 3)
		snprintf(out, INET6_ADDRSTRLEN, "10.99.%u.%u", i >> 8, i & 255);
	else
		inet_ntop(AF_INET6, a, out, INET6_ADDRSTRLEN);
}

static void make_authority(struct authority *a, const char *cn, EVP_PKEY *key,
                           const struct authority *by)
{
	a->key = key;
	a->cert = make_cert(cn, key, by, RSA_CHAIN, 1, true);
}

static void make_world(struct world *w)
{
	char path[512], addr[INET6_ADDRSTRLEN];
	bool ec = !strcmp(w->set, "ec"), rsa = !strcmp(w->set, "rsa");
	FILE *f;

	for (unsigned i = 0; i < RSA_KEYS; i++)
		w->rsa[i] = EVP_RSA_gen(2048);
	make_authority(&w->root, "root", ec ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048),
	               NULL);
	make_authority(&w->intermediate, "intermediate",
	               rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"), &w->root);
	make_authority(&w->second, "somebody else", EVP_EC_gen("P-256"), NULL);
	snprintf(path, sizeof(path), "%s/root.pem", w->dir);
	f = fopen(path, "w");
	if (!f)
		die(path);
	PEM_write_X509(f, w->root.cert);
	fclose(f);
	snprintf(path, sizeof(path), "%s/truth", w->dir);
	f = fopen(path, "w");
	if (!f)
		die(path);
	for (unsigned i = 0; i < w->n; i++) {
		w->kind[i] = ec ? EC_CHAIN : rsa ? RSA_CHAIN : (enum kind)(i % KINDS);
		make_server(w, i);
		server_address(addr, i);
		fprintf(f, "%u %s %d %s %s\n", i, addr, PORT, kinds[w->kind[i]].name,
		        kinds[w->kind[i]].status);
	}
	fclose(f);
}

/* --- serving ----------------------------------------------------------------- */

static int server_of(int fd)
{
	struct sockaddr_in6 sa;
	socklen_t n = sizeof(sa);
	const uint8_t *a = sa.sin6_addr.s6_addr;

	if (getsockname(fd, (struct sockaddr *)&sa, &n) < 0)
		return -1;
	return IN6_IS_ADDR_V4MAPPED(&sa.sin6_addr) ? a[14] << 8 | a[15]
	                                           : a[6] << 8 | a[7];
}

/* Until the other side has had enough. */
static void wait_for_end(int fd)
{
	char buf[4096];

	while (recv(fd, buf, sizeof(buf), 0) > 0)
		;
}

static void send_all(int fd, const void *bytes, size_t n)
{
	(void)!send(fd, bytes, n, MSG_NOSIGNAL);
}

/* A ServerHello of TLS 1.2 and a Certificate message that claims `claimed` bytes
 * of certificates, the first of which is junk. */
static void send_junk_certificate(int fd, unsigned claimed)
{
	uint8_t hello[5 + 4 + 38] = { 0x16, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3 };
	uint8_t cert[5 + 4 + 3 + 3 + 100] = { 0x16, 3, 3, 0, 110, 0x0b };
	uint8_t more[5 + 16384] = { 0x16, 3, 3, 0x40, 0 };

	hello[44] = 0xc0;
	hello[45] = 0x2f;
	cert[6] = (uint8_t)(claimed >> 16);
	cert[7] = (uint8_t)(claimed >> 8);
	cert[8] = (uint8_t)claimed;
	cert[9] = (uint8_t)((claimed - 3) >> 16);
	cert[10] = (uint8_t)((claimed - 3) >> 8);
	cert[11] = (uint8_t)(claimed - 3);
	cert[14] = 100;
	send_all(fd, hello, sizeof(hello));
	send_all(fd, cert, sizeof(cert));
	for (unsigned sent = 0; sent + 106 < claimed; sent += 16384)
		send_all(fd, more, sizeof(more));
}

static void serve_broken(int fd, enum kind kind)
{
	static const char garbage[] =
		"\x80\x00\xff\xfe\"\\ garbage \x01\x02\x03 and more";
	static const char http[] = "HTTP/1.1 400 Bad Request\r\nServer: plain\r\n"
				   "Content-Length: 0\r\n\r\n";
	char buf[4096];

	if (kind == CLOSES)
		return;
	if (kind == GARBAGE)
		send_all(fd, garbage, sizeof(garbage) - 1);
	if (kind == SILENT || kind == GARBAGE) {
		wait_for_end(fd);
		return;
	}
	if (recv(fd, buf, sizeof(buf), 0) <= 0 || kind == CLOSES_LATER)
		return;
	if (kind == PLAIN_HTTP)
		send_all(fd, http, sizeof(http) - 1);
	if (kind == BAD_CERTIFICATE)
		send_junk_certificate(fd, 106);
	if (kind == OVERSIZED)
		send_junk_certificate(fd, 1 << 20);
	wait_for_end(fd);
}

static void serve(const struct world *w, int fd)
{
	int i = server_of(fd);
	char buf[2048];
	SSL *ssl;

	if (i < 0 || (unsigned)i >= w->n)
		return;
	if (w->kind[i] >= GARBAGE && w->kind[i] != ALERT) {
		serve_broken(fd, w->kind[i]);
		return;
	}
	ssl = SSL_new(w->ctx[i]);
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1 && SSL_read(ssl, buf, sizeof(buf)) > 0) {
		static const char page[] = "HTTP/1.0 200 OK\r\nServer: tlsworld\r\n\r\n"
					   "<html><title>Server</title></html>\n";

		SSL_write(ssl, page, sizeof(page) - 1);
		SSL_shutdown(ssl);
	}
	SSL_free(ssl);
}

static void *work(void *arg)
{
	const struct world *w = arg;
	struct timeval patience = { .tv_sec = 5 };

	for (;;) {
		int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		serve(w, fd);
		close(fd);
	}
	return NULL;
}

static void listen_all(struct world *w)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	int one = 1, off = 0;

	w->fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(w->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(w->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (w->fd < 0 || bind(w->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    listen(w->fd, 4096) < 0)
		die("cannot listen on port 443");
}

int main(int argc, char *argv[])
{
	unsigned threads = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 48;
	struct world *w = calloc(1, sizeof(*w));
	pthread_t t;

	if (!w || argc < 4)
		die("usage: tlsworld DIR N mixed|rsa|ec [THREADS]");
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	w->dir = argv[1];
	w->n = (unsigned)strtoul(argv[2], NULL, 10);
	w->set = argv[3];
	if (w->n < 1 || w->n > SERVERS)
		die("1 to 65536 servers");
	make_world(w);
	listen_all(w);
	for (unsigned i = 0; i < threads; i++)
		if (pthread_create(&t, NULL, work, w))
			die("a thread");
	puts("listening");
	fflush(stdout);
	pause();
	return 0;
}
