#include "seeds/resolve.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/addrset.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/reader.h"

enum {
	CHAIN_MAX = 8, /* CNAMEs in one answer, and queries to follow them */
	LINE_MAX_LEN = 4096,
	WAIT_MS = 200, /* between looks at the stop flag */
	STATUS_S = 5,
};

/* A name that turned up in an answer and waits to be asked. */
struct target {
	struct dns_name name;
	uint16_t type;
	uint8_t depth;
};

struct resolver {
	struct resolve_config cfg;
	struct dns_client *client;
	struct writer *w;
	struct resolve_counts counts;
	struct addrset *seen; /* targets; two hashes of name and type each */
	struct target *todo;
	size_t todo_n, todo_cap;
	int rc;       /* an error inside a callback */
	char now[32]; /* the time, as text */
	uint64_t now_s, status_ns;
	char (*server_text)[DNS_ADDR_STRLEN];
};

bool resolve_extra_parse(unsigned *out, const char *text)
{
	static const char *const words[] = { "ns", "mx", "srv", "svcb", "https" };

	*out = 0;
	while (*text) {
		size_t n = strcspn(text, ","), i = 0;

		while (i < 5 && (strlen(words[i]) != n || strncmp(words[i], text, n)))
			i++;
		if (i == 5)
			return false;
		*out |= 1u << i;
		text += n + (text[n] == ',');
	}
	return *out;
}

/* ---- output ------------------------------------------------------------------------ */

struct line {
	char b[LINE_MAX_LEN];
	size_t n;
};

static void add_text(struct line *l, const char *text)
{
	size_t n = strlen(text);

	memcpy(l->b + l->n, text, n);
	l->n += n;
}

static void add_number(struct line *l, uint64_t v)
{
	char digits[20];
	unsigned k = 0;

	do
		digits[k++] = (char)('0' + v % 10);
	while (v /= 10);
	while (k)
		l->b[l->n++] = digits[--k];
}

/* Escapes have a backslash, which JSON escapes again. */
static void add_name(struct line *l, const struct dns_name *n, bool json)
{
	char text[DNS_NAME_STRLEN];

	dns_name_format(text, n);
	for (const char *p = text; *p; p++) {
		l->b[l->n++] = *p;
		if (*p == '\\' && json)
			l->b[l->n++] = '\\';
	}
}

struct outcome {
	const struct dns_name *name;
	unsigned type;
	const struct addr128 *addr; /* NULL: none */
	uint32_t ttl;
	const char *rcode;
	unsigned server;
	const struct dns_name *cname; /* where the aliases lead; NULL: there are none */
};

static void write_json(struct resolver *r, const struct outcome *o)
{
	struct line l = { .n = 0 };
	char text[ADDR_STRLEN];

	add_text(&l, "{\"name\":\"");
	add_name(&l, o->name, true);
	add_text(&l, "\",\"type\":\"");
	add_text(&l, dns_type_str(o->type));
	if (o->cname) {
		add_text(&l, "\",\"cname\":\"");
		add_name(&l, o->cname, true);
	}
	if (o->addr) {
		add_text(&l, "\",\"address\":\"");
		addr_format(text, *o->addr);
		add_text(&l, text);
		add_text(&l, "\",\"ttl\":");
		add_number(&l, o->ttl);
		add_text(&l, ",\"rcode\":\"");
	} else {
		add_text(&l, "\",\"rcode\":\"");
	}
	add_text(&l, o->rcode);
	add_text(&l, "\",\"server\":\"");
	add_text(&l, r->server_text[o->server]);
	add_text(&l, "\",\"time\":\"");
	add_text(&l, r->now);
	add_text(&l, "\"}\n");
	writer_write(r->w, l.b, l.n);
}

static void write_csv(struct resolver *r, const struct outcome *o)
{
	struct line l = { .n = 0 };
	char text[ADDR_STRLEN];

	add_name(&l, o->name, false);
	add_text(&l, ",");
	add_text(&l, dns_type_str(o->type));
	add_text(&l, ",");
	if (o->addr) {
		addr_format(text, *o->addr);
		add_text(&l, text);
		add_text(&l, ",");
		add_number(&l, o->ttl);
	} else {
		add_text(&l, ",");
	}
	add_text(&l, ",");
	add_text(&l, o->rcode);
	add_text(&l, ",");
	add_text(&l, r->server_text[o->server]);
	add_text(&l, ",");
	add_text(&l, r->now);
	add_text(&l, ",");
	if (o->cname)
		add_name(&l, o->cname, false);
	add_text(&l, "\n");
	writer_write(r->w, l.b, l.n);
}

static void emit(struct resolver *r, const struct outcome *o)
{
	enum scope_verdict v;

	if (o->addr) {
		v = scope_check(r->cfg.scope, *o->addr);
		r->counts.scope[v]++;
		if (v != SCOPE_OK)
			return;
		r->counts.addresses++;
	}
	switch (r->cfg.format) {
	case RESOLVE_JSONL: write_json(r, o); break;
	case RESOLVE_CSV: write_csv(r, o); break;
	default:
		if (o->addr)
			writer_addr(r->w, *o->addr);
	}
}

static void tick(struct resolver *r)
{
	uint64_t us = clock_wall_us();

	if (us / 1000000 == r->now_s)
		return;
	r->now_s = us / 1000000;
	clock_format_utc(r->now, us);
}

/* ---- following ------------------------------------------------------------------------ */

static void add_target(struct resolver *r, const struct dns_name *n, uint16_t type,
                       unsigned depth)
{
	struct addr128 key = { dns_name_hash(n, type), dns_name_hash(n, 65536 + type) };
	int rc = addrset_add(r->seen, key);

	if (rc < 0)
		r->rc = rc;
	if (rc <= 0)
		return;
	if (r->todo_n == r->todo_cap) {
		size_t cap = r->todo_cap * 2 + 64;
		void *p = realloc(r->todo, cap * sizeof(*r->todo));

		if (!p) {
			r->rc = -ENOMEM;
			return;
		}
		r->todo = p;
		r->todo_cap = cap;
	}
	r->todo[r->todo_n++] = (struct target){ *n, type, (uint8_t)depth };
	r->counts.targets++;
}

static void add_host(struct resolver *r, const struct dns_name *n, unsigned depth)
{
	add_target(r, n, DNS_AAAA, depth);
	if (r->cfg.v4)
		add_target(r, n, DNS_A, depth);
}

/* Addresses at the end of the chain of CNAMEs that begins at the name asked for.
 * Records may come in any order, so the chain is walked in rounds. */
static unsigned take_addresses(struct resolver *r, const struct dns_result *res,
                               struct dns_name *end, bool *loop)
{
	unsigned found = 0;

	*end = *res->name;
	*loop = true;
	for (unsigned round = 0; round <= CHAIN_MAX; round++) {
		bool moved = false;
		struct dns_msg m;
		struct dns_rr rr;

		if (!dns_msg_open(&m, res->msg, res->n, NULL))
			break;
		while (dns_msg_next(&m, &rr) > 0 && rr.section == 0) {
			struct outcome o = { res->name, res->type,   NULL, rr.ttl,
				             "NOERROR", res->server, NULL };
			struct addr128 a;

			if (!dns_name_eq(&rr.name, end))
				continue;
			if (rr.type == DNS_CNAME && dns_rr_target(&m, &rr, end)) {
				moved = true;
			} else if (rr.type == res->type && dns_rr_addr(&m, &rr, &a)) {
				o.addr = &a;
				o.cname = dns_name_eq(end, res->name) ? NULL : end;
				emit(r, &o);
				found++;
			}
		}
		if (found || !moved) {
			*loop = false;
			break;
		}
	}
	return found;
}

/* Other types lead to hosts, and have hints. */
static unsigned take_targets(struct resolver *r, const struct dns_result *res)
{
	unsigned found = 0;
	struct dns_name to;
	struct dns_msg m;
	struct dns_rr rr;

	if (!dns_msg_open(&m, res->msg, res->n, NULL))
		return 0;
	while (dns_msg_next(&m, &rr) > 0 && rr.section == 0) {
		struct outcome o = { res->name, res->type,   NULL, rr.ttl,
			             "NOERROR", res->server, NULL };
		struct addr128 a;

		if (rr.type != res->type)
			continue;
		if (dns_rr_target(&m, &rr, &to)) {
			add_host(r, &to, 0);
			found++;
		}
		for (unsigned i = 0; dns_rr_hint(&m, &rr, i, &a); i++) {
			if (addr_is_v4(a) && !r->cfg.v4)
				continue;
			o.addr = &a;
			emit(r, &o);
		}
	}
	return found;
}

/* What to call an answer without addresses. */
static const char *failure(const struct dns_result *res)
{
	unsigned rcode = res->msg[3] & 15;
	const char *text = dns_rcode_str(rcode);
	struct dns_msg m;
	struct dns_rr rr;
	int rc = 1;

	if (!dns_msg_open(&m, res->msg, res->n, NULL))
		return "MALFORMED";
	if (m.flags & DNS_TC)
		return "TRUNCATED";
	while (rc > 0)
		rc = dns_msg_next(&m, &rr);
	if (rc < 0)
		return "MALFORMED";
	return !text ? "OTHER" : rcode == DNS_NOERROR ? "NODATA" : text;
}

/* An AAAA or A: addresses, or where to go on. */
static void take_host(struct resolver *r, const struct dns_result *res)
{
	struct outcome o = { res->name, res->type, NULL, 0, NULL, res->server, NULL };
	unsigned found, rcode = res->msg[3] & 15;
	struct dns_name end;
	bool loop;

	found = take_addresses(r, res, &end, &loop);
	r->counts.with_address += found != 0;
	r->counts.without_address += !found;
	if (found)
		return;
	o.rcode = failure(res);
	if (!dns_name_eq(&end, res->name)) {
		o.cname = &end;
		loop = loop || res->user >= CHAIN_MAX;
		/* The chain leaves what the server knows: its end is asked for. */
		if (rcode == DNS_NOERROR && !loop) {
			o.rcode = "CNAME";
			add_target(r, &end, res->type, (unsigned)res->user + 1);
		}
	}
	if (loop)
		o.rcode = "LOOP";
	emit(r, &o);
}

static void on_result(void *arg, const struct dns_result *res)
{
	struct outcome o = {
		res->name, res->type, NULL, 0, "TIMEOUT", res->server, NULL
	};
	struct resolver *r = arg;

	if (res->status == DNS_NO_ANSWER) {
		r->counts.no_answer++;
		emit(r, &o);
		return;
	}
	r->counts.rcode[res->msg[3] & 15]++;
	if (res->type == DNS_AAAA || res->type == DNS_A) {
		take_host(r, res);
	} else if (!take_targets(r, res)) {
		o.rcode = failure(res);
		emit(r, &o);
	}
}

/* ---- asking --------------------------------------------------------------------------- */

static int ask(struct resolver *r, const struct dns_name *n, uint16_t type,
               uint64_t depth)
{
	const struct dns_ask q = { n, type, DNS_ANY_SERVER, true, false, depth };
	int rc = dns_client_ask(r->client, &q);

	if (rc == ERR_POLICY) {
		r->counts.opted_out++;
		return 0;
	}
	return rc;
}

/* The types that are asked of each name; the last one is 0. */
static void make_types(const struct resolver *r, uint16_t types[static 8])
{
	static const uint16_t extra[] = { DNS_NS, DNS_MX, DNS_SRV, DNS_SVCB, DNS_HTTPS };
	unsigned n = 0;

	types[n++] = DNS_AAAA;
	if (r->cfg.v4)
		types[n++] = DNS_A;
	for (unsigned i = 0; i < 5; i++)
		if (r->cfg.extra >> i & 1)
			types[n++] = extra[i];
	types[n] = 0;
}

/* The field that has the name: the first, or, in lists of popular names ("1,name"),
 * the one after the rank. */
static const char *name_field(const char *line, size_t *len)
{
	static const char end[] = " \t,;#\r";
	size_t digits;

	line += strspn(line, " \t");
	digits = strspn(line, "0123456789");
	if (digits && line[digits] == ',' && !strchr(end, line[digits + 1]))
		line += digits + 1;
	*len = strcspn(line, end);
	return line;
}

/* The next name of the list: 1, 0 at the end, or negative. */
static int next_name(struct resolver *r, struct reader *in, struct dns_name *n,
                     struct diag *d)
{
	const char *line;
	int rc;

	while ((rc = reader_line(in, &line, d)) > 0) {
		size_t len;

		line = name_field(line, &len);
		if (len == 0)
			continue;
		if (dns_name_parse_n(n, line, len)) {
			r->counts.names++;
			return 1;
		}
		r->counts.bad_names++;
		rc = reader_reject(in, ERR_PARSE, d);
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* Fill the window: what turned up first, then names of the list.  *end: the list
 * has ended. */
static int fill(struct resolver *r, struct reader *in, bool *end, struct diag *d)
{
	uint16_t types[8];
	int rc = 0;

	make_types(r, types);
	while (r->todo_n && dns_client_room(r->client)) {
		struct target t = r->todo[--r->todo_n];

		rc = ask(r, &t.name, t.type, t.depth);
		if (rc < 0)
			return rc;
	}
	while (!*end && dns_client_room(r->client) >= 8) {
		struct dns_name n;

		rc = next_name(r, in, &n, d);
		if (rc <= 0) {
			*end = true;
			return rc;
		}
		for (unsigned i = 0; types[i] && rc >= 0; i++)
			rc = ask(r, &n, types[i], 0);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void status(struct resolver *r)
{
	uint64_t now = clock_mono_ns();

	if (now - r->status_ns < STATUS_S * NS_PER_S)
		return;
	r->status_ns = now;
	log_status("%" PRIu64 " names, %" PRIu64 " addresses, %" PRIu64
	           " queries sent, %" PRIu64 " without answer",
	           r->counts.names, r->counts.addresses,
	           dns_client_stats(r->client)->sent, r->counts.no_answer);
}

int resolver_run(struct resolver *r, const char *path, struct diag *d)
{
	struct reader *in;
	bool end = false;
	int rc = reader_open(&in, path, NULL, d);

	if (rc < 0)
		return rc;
	while (rc >= 0) {
		tick(r);
		if (r->cfg.stop && *r->cfg.stop) {
			rc = diag_set(d, ERR_STOPPED,
			              "stopped; the list is not finished");
			break;
		}
		rc = fill(r, in, &end, d);
		if (rc < 0 || (end && !r->todo_n && !dns_client_pending(r->client)))
			break;
		rc = dns_client_step(r->client, WAIT_MS * NS_PER_MS, d);
		if (rc >= 0 && r->rc < 0)
			rc = diag_set(d, r->rc, "%s", err_str(r->rc));
		status(r);
	}
	reader_close(in);
	return rc;
}

const struct resolve_counts *resolver_counts(struct resolver *r)
{
	r->counts.client = *dns_client_stats(r->client);
	return &r->counts;
}

int resolver_new(struct resolver **out, const struct resolve_config *cfg,
                 struct writer *w, struct diag *d)
{
	struct resolver *r = calloc(1, sizeof(*r));
	int rc = -ENOMEM;

	if (!r)
		return diag_set(d, rc, "%s", err_str(rc));
	r->cfg = *cfg;
	r->w = w;
	r->status_ns = clock_mono_ns();
	r->seen = addrset_new(0);
	r->server_text = calloc(cfg->n_servers + 1, sizeof(*r->server_text));
	if (!r->seen || !r->server_text) {
		diag_set(d, rc, "%s", err_str(rc));
		goto out;
	}
	rc = dns_client_new(&r->client, &cfg->client, on_result, r, d);
	for (size_t i = 0; i < cfg->n_servers && rc >= 0; i++) {
		rc = dns_client_server(r->client, cfg->servers[i], d);
		if (rc >= 0)
			dns_addr_format(r->server_text[rc], cfg->servers[i]);
	}
	if (rc >= 0 && cfg->format == RESOLVE_CSV)
		writer_printf(w, "name,type,address,ttl,rcode,server,time,cname\n");
out:
	if (rc < 0) {
		resolver_free(r);
		return rc;
	}
	*out = r;
	return 0;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	dns_client_free(r->client);
	addrset_free(r->seen);
	free(r->todo);
	free(r->server_text);
	free(r);
}
