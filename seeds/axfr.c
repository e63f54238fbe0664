#include "seeds/axfr.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/rng.h"

enum {
	MSG_MAX = 65535,
	PATIENCE = 5, /* time-outs that a transfer may take in any case, and then ... */
	BYTES_MIN = 1000 /* ... a second for so many bytes */
};

struct transfer {
	const struct dns_name *zone;
	const struct axfr_config *cfg;
	struct names *out;
	int fd;
	uint16_t id;
	unsigned soas; /* the zone ends with the second one */
	uint64_t records, bytes, start_ns;
	uint8_t msg[MSG_MAX];
	size_t n;
};

static int open_socket(struct dns_addr a, uint64_t timeout_ns)
{
	struct timeval t = { (time_t)(timeout_ns / NS_PER_S),
		             (suseconds_t)(timeout_ns % NS_PER_S / NS_PER_US) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(a.port) };
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons(a.port) };
	bool v4 = addr_is_v4(a.addr);
	int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

	if (fd < 0)
		return -errno;
	in4.sin_addr.s_addr = htonl((uint32_t)a.addr.lo);
	addr_store(&in6.sin6_addr, a.addr);
	/* connect(2) obeys the time-out for sending. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	rc = v4 ? connect(fd, (struct sockaddr *)&in4, sizeof(in4))
	        : connect(fd, (struct sockaddr *)&in6, sizeof(in6));
	if (rc < 0) {
		rc = errno == EINPROGRESS ? -ETIMEDOUT : -errno;
		close(fd);
		return rc;
	}
	return fd;
}

static int send_query(struct transfer *t)
{
	uint8_t buf[2 + DNS_QUERY_MAX];
	const struct dns_query q = { t->zone, t->id, DNS_AXFR, false, false };
	size_t n = dns_query_build(buf + 2, &q);

	buf[0] = (uint8_t)(n >> 8);
	buf[1] = (uint8_t)n;
	if (send(t->fd, buf, n + 2, MSG_NOSIGNAL) != (ssize_t)n + 2)
		return -EIO;
	return 0;
}

/* Servers that send a byte now and then would take for ever. */
static bool is_too_slow(const struct transfer *t)
{
	uint64_t passed = clock_mono_ns() - t->start_ns;

	return passed > PATIENCE * t->cfg->timeout_ns + t->bytes * (NS_PER_S / BYTES_MIN);
}

static int read_all(struct transfer *t, uint8_t *buf, size_t n)
{
	while (n) {
		ssize_t k = recv(t->fd, buf, n, 0);

		if (t->cfg->stop && *t->cfg->stop)
			return ERR_STOPPED;
		if (is_too_slow(t))
			return -ETIMEDOUT;
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k < 0 && errno != EAGAIN ? -errno
			       : k < 0                  ? -ETIMEDOUT
			                                : ERR_TRUNC;
		t->bytes += (uint64_t)k;
		buf += k;
		n -= (size_t)k;
	}
	return 0;
}

static int read_message(struct transfer *t)
{
	uint8_t size[2];
	int rc = read_all(t, size, 2);

	if (rc < 0)
		return rc;
	t->n = (size_t)size[0] << 8 | size[1];
	return read_all(t, t->msg, t->n);
}

static int take_record(struct transfer *t, const struct dns_msg *m,
                       const struct dns_rr *rr)
{
	struct dns_name target;
	struct addr128 a;
	int rc;

	t->records++;
	if (rr->type == DNS_SOA) {
		t->soas++;
		return 0;
	}
	/* Before the SOA there is nothing, and what is not of the zone was not asked for. */
	if (!t->soas || !dns_name_is_in(&rr->name, t->zone))
		return ERR_FORMAT;
	if (rr->type == DNS_RRSIG || rr->type == DNS_NSEC3)
		return 0; /* the owners of hashes are no names */
	rc = names_add(t->out, &rr->name);
	if (rc >= 0 && dns_rr_target(m, rr, &target))
		rc = names_add(t->out, &target);
	if (rc >= 0 && dns_rr_addr(m, rr, &a))
		rc = names_add_addr(t->out, a);
	return rc;
}

/* 0, or negative; what the server refused is told. */
static int take_message(struct transfer *t, struct diag *d)
{
	uint64_t before = t->records;
	struct dns_msg m;
	struct dns_rr rr;
	int rc = 0;

	if (!dns_msg_open(&m, t->msg, t->n, NULL) || m.id != t->id || !(m.flags & DNS_QR))
		return ERR_FORMAT;
	if (m.rcode != DNS_NOERROR) {
		const char *text = dns_rcode_str(m.rcode);

		return diag_set(d, -EACCES, "%s", text ? text : "refused");
	}
	while (rc >= 0 && t->soas < 2 && (rc = dns_msg_next(&m, &rr)) > 0) {
		if (rr.section)
			break;
		rc = take_record(t, &m, &rr);
	}
	if (rc == -1)
		return ERR_FORMAT;
	if (rc < 0)
		return rc;
	return t->records > before ? 0
	                           : diag_set(d, -EACCES, "a message without records");
}

static int run(struct transfer *t, struct diag *d)
{
	int rc = send_query(t);

	t->start_ns = clock_mono_ns();
	while (rc >= 0 && t->soas < 2) {
		if (t->cfg->max_records && t->records >= t->cfg->max_records)
			return diag_set(d, -EFBIG, "more records than the limit");
		rc = read_message(t);
		if (rc >= 0)
			rc = take_message(t, d);
	}
	return rc;
}

int axfr_zone(const struct dns_name *zone, struct dns_addr server,
              const struct axfr_config *cfg, struct names *out, uint64_t *records,
              struct diag *d)
{
	struct transfer *t = calloc(1, sizeof(*t));
	int rc;

	*records = 0;
	if (!t)
		return diag_set(d, -ENOMEM, "%s", err_str(-ENOMEM));
	t->zone = zone;
	t->cfg = cfg;
	t->out = out;
	rng_secret(&t->id, sizeof(t->id));
	rc = t->fd = open_socket(server, cfg->timeout_ns);
	if (rc >= 0) {
		rc = run(t, d);
		close(t->fd);
	}
	*records = t->records;
	free(t);
	if (rc == -ENOMEM || rc == ERR_STOPPED)
		return diag_set(d, rc, "%s", err_str(rc));
	if (rc < 0)
		diag_set(d, rc, "%s", err_str(rc));
	return rc >= 0;
}
