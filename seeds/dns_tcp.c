#include "seeds/dns_tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int dns_tcp_open(struct dns_tcp *t, const struct sockaddr *to, socklen_t len,
                 const struct dns_query *q)
{
	size_t n = dns_query_build(t->query + 2, q);
	int rc;

	t->query[0] = (uint8_t)(n >> 8);
	t->query[1] = (uint8_t)n;
	t->query_n = n + 2;
	t->sent = t->got = 0;
	t->want = 2;
	t->buf = malloc(2);
	t->fd = t->buf ? socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	                        0)
	               : -1;
	if (t->fd < 0) {
		rc = t->buf ? -errno : -ENOMEM;
		free(t->buf);
		t->buf = NULL;
		return rc;
	}
	if (connect(t->fd, to, len) < 0 && errno != EINPROGRESS) {
		rc = -errno;
		dns_tcp_close(t);
		return rc;
	}
	return 0;
}

static int send_more(struct dns_tcp *t)
{
	while (t->sent < t->query_n) {
		ssize_t n = send(t->fd, t->query + t->sent, t->query_n - t->sent,
		                 MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		t->sent += (size_t)n;
	}
	return 1;
}

int dns_tcp_step(struct dns_tcp *t)
{
	int rc = send_more(t);

	if (rc <= 0)
		return rc;
	for (;;) {
		ssize_t n;

		if (t->got == t->want && t->want == 2) {
			uint8_t *p;

			t->want += (size_t)t->buf[0] << 8 | t->buf[1];
			p = realloc(t->buf, t->want);
			if (!p)
				return -ENOMEM;
			t->buf = p;
		}
		if (t->got == t->want)
			return t->want > 2 ? 1 : -EPROTO;
		n = recv(t->fd, t->buf + t->got, t->want - t->got, 0);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		if (n == 0)
			return -ECONNRESET;
		t->got += (size_t)n;
	}
}

const uint8_t *dns_tcp_reply(const struct dns_tcp *t, size_t *n)
{
	*n = t->want - 2;
	return t->buf + 2;
}

void dns_tcp_close(struct dns_tcp *t)
{
	if (t->fd >= 0)
		close(t->fd);
	free(t->buf);
	t->fd = -1;
	t->buf = NULL;
}
