#include "probe/metrics.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/clock.h"

enum { LOOK_MS = 100, CLIENT_MS = 2000, BACKLOG = 8 };

struct metrics {
	int fd;
	pthread_t thread;
	bool started;
	atomic_bool stop;
	void (*write)(void *ctx, FILE *f);
	void *ctx;
};

static bool parse_port(uint16_t *port, const char *s)
{
	unsigned v = 0;

	if (!*s || strlen(s) > 5 || strspn(s, "0123456789") != strlen(s))
		return false;
	while (*s)
		v = 10 * v + (unsigned)(*s++ - '0');
	*port = (uint16_t)v;
	return v > 0 && v <= UINT16_MAX;
}

static bool parse_where(struct addr128 *a, uint16_t *port, const char *where)
{
	const char *colon = strrchr(where, ':');
	size_t n = colon ? (size_t)(colon - where) : 0;

	if (!parse_port(port, colon ? colon + 1 : where))
		return false;
	if (n == 0)
		return addr_parse(a, "127.0.0.1");
	if (where[0] == '[' && where[n - 1] == ']')
		return addr_parse_n(a, where + 1, n - 2) && !addr_is_v4(*a);
	return addr_parse_n(a, where, n) && addr_is_v4(*a);
}

static void put64(uint8_t *out, uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		out[i] = (uint8_t)v;
}

/* IPv4 as it is mapped into IPv6: one family of sockets does. */
static int listen_at(struct addr128 a, uint16_t port)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
	int v6_only = !addr_is_v4(a), rc;

	if (fd < 0)
		return -errno;
	put64(to.sin6_addr.s6_addr, a.hi);
	put64(to.sin6_addr.s6_addr + 8, a.lo);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) < 0 ||
	    bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0 || listen(fd, BACKLOG) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

int metrics_open(struct metrics **out, const char *where, struct diag *d)
{
	struct metrics *m;
	struct addr128 a;
	uint16_t port;
	int fd;

	if (!parse_where(&a, &port, where))
		return diag_set(d, ERR_PARSE, "--metrics '%s' is not ADDR:PORT or PORT",
		                where);
	fd = listen_at(a, port);
	if (fd < 0)
		return diag_set(d, fd, "--metrics %s: %s", where, strerror(-fd));
	m = calloc(1, sizeof(*m));
	if (!m) {
		close(fd);
		return -ENOMEM;
	}
	m->fd = fd;
	*out = m;
	return 0;
}

int metrics_status(const char *request)
{
	const char *path = strchr(request, ' '), *end;

	if (!strstr(request, "\r\n\r\n") && !strstr(request, "\n\n"))
		return 0;
	if (!path || path > strchr(request, '\n'))
		return 400;
	if (strncmp(request, "GET ", 4) != 0)
		return 405;
	path++;
	end = path + strcspn(path, " ?\r\n");
	if ((end - path == 1 && *path == '/') ||
	    (end - path == 8 && !memcmp(path, "/metrics", 8)))
		return 200;
	return 404;
}

static int wait_for(int fd, short events, uint64_t until)
{
	struct pollfd p = { .fd = fd, .events = events };
	uint64_t now = clock_mono_ns();

	return now < until && poll(&p, 1, (int)((until - now) / NS_PER_MS) + 1) > 0;
}

/* The head of a request, or as much as there may be of it. */
static int read_request(int fd, uint64_t until)
{
	char text[METRICS_REQUEST_MAX + 1];
	size_t n = 0;
	int status = 0;

	while (status == 0 && n < METRICS_REQUEST_MAX && wait_for(fd, POLLIN, until)) {
		ssize_t k = recv(fd, text + n, METRICS_REQUEST_MAX - n, 0);

		if (k <= 0)
			return 0;
		n += (size_t)k;
		text[n] = '\0';
		status = strlen(text) < n ? 400 : metrics_status(text);
	}
	return status == 0 && n == METRICS_REQUEST_MAX ? 400 : status;
}

static void send_all(int fd, const char *p, size_t n, uint64_t until)
{
	while (n && wait_for(fd, POLLOUT, until)) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (k < 0 && errno != EAGAIN && errno != EINTR)
			return;
		if (k > 0) {
			p += k;
			n -= (size_t)k;
		}
	}
}

static void respond(struct metrics *m, int fd)
{
	uint64_t until = clock_mono_ns() + CLIENT_MS * NS_PER_MS;
	int status = read_request(fd, until);
	char *body = NULL, *head;
	size_t size = 0;
	FILE *f;
	int n;

	if (status == 0)
		return;
	f = open_memstream(&body, &size);
	if (!f)
		return;
	if (status == 200)
		m->write(m->ctx, f);
	else
		fprintf(f, "%s\n",
		        status == 404 ? "/metrics is all there is"
		                      : "this is no GET of /metrics");
	if (fclose(f) != 0)
		size = 0;
	n = asprintf(&head,
	             "HTTP/1.0 %d %s\r\nContent-Type: text/plain; version=0.0.4\r\n"
	             "Content-Length: %zu\r\nConnection: close\r\n\r\n",
	             status,
	             status == 200   ? "OK"
	             : status == 404 ? "Not Found"
	             : status == 405 ? "Method Not Allowed"
	                             : "Bad Request",
	             size);
	if (n > 0) {
		send_all(fd, head, (size_t)n, until);
		send_all(fd, body, size, until);
		free(head);
	}
	free(body);
}

static void *answer_thread(void *arg)
{
	struct metrics *m = arg;
	struct pollfd p = { .fd = m->fd, .events = POLLIN };

	while (!atomic_load(&m->stop)) {
		int fd = poll(&p, 1, LOOK_MS) > 0
		                 ? accept4(m->fd, NULL, NULL, SOCK_CLOEXEC)
		                 : -1;

		if (fd < 0)
			continue;
		respond(m, fd);
		shutdown(fd, SHUT_WR);
		close(fd);
	}
	return NULL;
}

int metrics_start(struct metrics *m, void (*write)(void *ctx, FILE *f), void *ctx,
                  struct diag *d)
{
	int rc;

	m->write = write;
	m->ctx = ctx;
	rc = pthread_create(&m->thread, NULL, answer_thread, m);
	if (rc)
		return diag_set(d, -rc, "cannot start a thread: %s", strerror(rc));
	m->started = true;
	return 0;
}

void metrics_close(struct metrics *m)
{
	if (!m)
		return;
	atomic_store(&m->stop, true);
	if (m->started)
		pthread_join(m->thread, NULL);
	close(m->fd);
	free(m);
}
