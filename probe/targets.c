#include "probe/targets.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/addrset.h"
#include "common/checksum.h"
#include "common/clock.h"
#include "common/queue.h"
#include "common/rng.h"

#define LINE_MAX_ADDRS ((u128)1 << 32) /* of a prefix or range in a list */

enum { CHUNK = 256, RUN = 64, JOIN_MS = 200 };

struct space {
	struct ivtab *table;
	u128 *before; /* before[i]: addresses in the intervals 0..i-1 */
	u128 *first;  /* address of each interval */
	size_t n;
	unsigned shift; /* bits of an IPv6 sub-prefix's interface identifiers */
	struct targets_iid iid;
	uint64_t seed;
	struct perm perm;
	struct shard shard;
	u128 next, end; /* positions within the shard */
};

struct stream {
	struct reader *reader;
	struct queue *queue;
	pthread_t thread;
	bool started;
	struct shard shard;
	uint64_t limit, left; /* targets of all shards that may still be taken */
	uint64_t seen;
	int rc; /* of the thread, once the queue is closed */
	struct diag why;
	struct rng rng;
	struct probe_target *window;
	size_t n;
	bool repeatable;
	struct probe_target ahead[CHUNK]; /* of the window, when repeatable */
	size_t ahead_at, ahead_n;
	u128 skip;
	uint32_t pairs;
	unsigned hops[2];
	struct reader_item item; /* what is left of the line last read */
	bool within;             /* anything is */
};

struct targets {
	struct ports ports;
	bool is_stream;
	struct space space;
	struct stream stream;
};

static u128 to_int(struct addr128 a)
{
	return (u128)a.hi << 64 | a.lo;
}

bool targets_parse(struct addr128 *first, struct addr128 *last, const char *text)
{
	const char *dash = strchr(text, '-');
	struct addr128 a, b;
	struct prefix p;

	if (!dash) {
		if (!prefix_parse(&p, text))
			return false;
		*first = p.addr;
		*last = prefix_last(p);
		return true;
	}
	if (!addr_parse_n(&a, text, (size_t)(dash - text)) || !addr_parse(&b, dash + 1) ||
	    addr_is_v4(a) != addr_is_v4(b) || addr_cmp(a, b) > 0)
		return false;
	*first = a;
	*last = b;
	return true;
}

bool targets_parse_limit(struct targets_limit *l, const char *text)
{
	size_t n = strlen(text);
	char number[32];
	uint64_t count;
	double percent;

	if (n && text[n - 1] == '%') {
		if (n > sizeof(number))
			return false;
		memcpy(number, text, n - 1);
		number[n - 1] = 0;
		if (!opt_parse_double(&percent, number) || !(percent > 0) ||
		    percent > 100)
			return false;
		*l = (struct targets_limit){ .fraction = percent / 100 };
		return true;
	}
	if (!opt_parse_count(&count, text) || count == 0)
		return false;
	*l = (struct targets_limit){ .count = count };
	return true;
}

static struct targets *targets_new(const struct ports *ports)
{
	struct targets *t = calloc(1, sizeof(*t));
	size_t bytes = ports->n * sizeof(*ports->v);

	if (!t)
		return NULL;
	t->ports.v = malloc(bytes ? bytes : 1);
	if (!t->ports.v) {
		free(t);
		return NULL;
	}
	if (bytes)
		memcpy(t->ports.v, ports->v, bytes);
	t->ports.n = ports->n;
	return t;
}

/* --- space --------------------------------------------------------------- */

/* How many targets an interval holds, less one. */
static int count_interval(const struct space *s, const struct ivtab_interval *iv,
                          u128 *less_one, struct diag *d)
{
	u128 first = to_int(iv->first), last = to_int(iv->last);
	u128 within = ((u128)1 << s->shift) - 1;
	char a[ADDR_STRLEN], b[ADDR_STRLEN];

	*less_one = last - first;
	if (!s->shift || addr_is_v4(iv->first))
		return 0;
	if ((first & within) != 0 || (last & within) != within) {
		addr_format(a, iv->first);
		addr_format(b, iv->last);
		return diag_set(d, -EINVAL, "%s-%s is not made of whole /%u prefixes", a,
		                b, 128 - s->shift);
	}
	*less_one >>= s->shift;
	if (__builtin_add_overflow(*less_one, (u128)1, less_one) ||
	    __builtin_mul_overflow(*less_one, (u128)s->iid.number, less_one))
		return -EOVERFLOW;
	--*less_one;
	return 0;
}

static int count_addresses(struct space *s, u128 *total, struct diag *d)
{
	u128 sum = 0, less_one;
	int rc;

	s->n = ivtab_count(s->table);
	s->before = calloc(s->n + 1, sizeof(*s->before));
	s->first = calloc(s->n + 1, sizeof(*s->first));
	if (!s->before || !s->first)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++) {
		struct ivtab_interval iv = ivtab_at(s->table, i);

		s->before[i] = sum;
		s->first[i] = to_int(iv.first);
		rc = count_interval(s, &iv, &less_one, d);
		if (rc < 0)
			return rc;
		if (__builtin_add_overflow(sum, less_one, &sum) ||
		    __builtin_add_overflow(sum, (u128)1, &sum))
			return -EOVERFLOW;
	}
	s->before[s->n] = sum;
	*total = sum;
	return 0;
}

bool targets_parse_iid(struct targets_iid *iid, const char *text)
{
	static const char *const names[] = { "low", "rand", "zero" };
	static const int modes[] = { IID_LOW, IID_RANDOM, IID_ZERO };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(text, names[i])) {
			iid->mode = modes[i];
			return true;
		}
	iid->mode = IID_SET;
	/* XMap's names of two that are set. */
	if (!strcmp(text, "full"))
		text = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
	else if (!strcmp(text, "low_fill"))
		text = "::ffff";
	return addr_parse(&iid->set, text) && !addr_is_v4(iid->set);
}

static int read_space_config(struct space *s, const struct targets_config *cfg,
                             struct diag *d)
{
	u128 room;

	s->iid = cfg->iid;
	s->seed = cfg->seed;
	s->shift = cfg->probe_length ? 128 - cfg->probe_length : 0;
	if (!s->iid.number)
		s->iid.number = 1;
	room = s->shift < 64 ? (u128)1 << s->shift : (u128)UINT64_MAX;
	if (s->shift && s->iid.number > room - (s->iid.mode == IID_LOW))
		return diag_set(d, -EINVAL, "a /%u has no room for that many addresses",
		                cfg->probe_length);
	return 0;
}

/* The j-th address of a sub-prefix, without its prefix.  The random ones of one
 * sub-prefix are a walk from a random start with an odd step: no two are equal. */
static u128 make_iid(const struct space *s, u128 prefix, uint64_t j)
{
	struct addr128 a = { (uint64_t)(prefix >> 64), (uint64_t)prefix };
	u128 within = ((u128)1 << s->shift) - 1, set = to_int(s->iid.set);
	uint64_t h;

	switch (s->iid.mode) {
	case IID_LOW: return 1 + (u128)j;
	case IID_ZERO: return j;
	case IID_SET: return (set + j) & within;
	case IID_RANDOM: break;
	}
	h = addr_hash(a, s->seed);
	set = (u128)addr_hash(a, ~s->seed) << 64 | h;
	return (set + (u128)j * (UINT64_C(0x9e3779b97f4a7c15) | 1)) & within;
}

static u128 apply_limit(const struct targets_limit *l, u128 n)
{
	u128 part = n;

	if (l->fraction > 0 && l->fraction < 1)
		part = (u128)ceil((double)n * l->fraction);
	if (l->count && l->count < part)
		part = l->count;
	return part < n ? part : n;
}

int targets_open_space(struct targets **out, const struct ivtab_builder *b,
                       const struct targets_config *cfg, struct diag *d)
{
	struct targets *t = targets_new(cfg->ports);
	struct space *s = t ? &t->space : NULL;
	u128 n = 0;
	int rc = -ENOMEM;

	if (!t)
		return -ENOMEM;
	rc = read_space_config(s, cfg, d);
	if (rc == 0)
		rc = ivtab_build(&s->table, b);
	if (rc == 0)
		rc = count_addresses(s, &n, d);
	if (rc == 0 && n == 0)
		rc = diag_set(d, ERR_EMPTY, "there are no targets");
	if (rc == 0 && __builtin_mul_overflow(n, (u128)t->ports.n, &n))
		rc = -EOVERFLOW;
	if (rc == -EOVERFLOW)
		diag_set(d, rc, "the targets times ports are more than 2^128 - 1");
	if (rc < 0) {
		targets_close(t);
		return rc;
	}
	perm_init(&s->perm, n, cfg->seed);
	s->shard = cfg->shard;
	s->end = shard_size(cfg->shard, apply_limit(&cfg->limit, n));
	s->next = cfg->skip < s->end ? cfg->skip : s->end;
	*out = t;
	return 0;
}

/* The interval that holds the i-th address: the last one that begins at or
 * before it. */
static size_t find_interval(const struct space *s, u128 i)
{
	size_t lo = 0, hi = s->n;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->before[mid] <= i)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* The i-th address of the interval that begins at first. */
static inline u128 address_at(const struct space *s, u128 first, u128 i)
{
	uint64_t j = 0;

	if (!s->shift || first >> 32 == 0xffff)
		return first + i;
	if (s->iid.number > 1) {
		j = (uint64_t)(i % s->iid.number);
		i /= s->iid.number;
	}
	i = first + (i << s->shift);
	return i | make_iid(s, i, j);
}

/* Ports are inside the permutation: no host gets all of its probes at once. */
static inline void space_at(const struct targets *t, u128 x, struct probe_target *out)
{
	const struct space *s = &t->space;
	u128 address = x;
	size_t port = 0, k;

	if (t->ports.n > 1) {
		if (x <= UINT64_MAX) { /* much the faster division */
			port = (uint64_t)x % t->ports.n;
			address = (uint64_t)x / t->ports.n;
		} else {
			port = (size_t)(x % t->ports.n);
			address = x / t->ports.n;
		}
	}
	k = s->n > 1 ? find_interval(s, address) : 0;
	address = address_at(s, s->first[k], address - s->before[k]);
	/* Not as a struct: see place() in send.c. */
	out->addr.hi = (uint64_t)(address >> 64);
	out->addr.lo = (uint64_t)address;
	out->port = t->ports.v[port];
	out->tag = 0;
}

static int space_next(struct targets *t, struct probe_target *out, size_t max)
{
	struct space *s = &t->space;
	u128 left = s->end - s->next, x[RUN];
	size_t n = max < left ? max : (size_t)left;

	for (size_t at = 0, m; at < n; at += m) {
		m = n - at < RUN ? n - at : RUN;
		perm_run(&s->perm, shard_at(s->shard, s->next), s->shard.count, x, m);
		for (size_t i = 0; i < m; i++)
			space_at(t, x[i], &out[at + i]);
		s->next += m;
	}
	return n ? (int)n : PROBE_SOURCE_END;
}

/* --- stream -------------------------------------------------------------- */

/* All ports of one address, or the one that its line names, into the queue, as
 * far as shard and limit go. */
static bool push_address(struct targets *t, struct addr128 a, uint16_t port)
{
	struct stream *s = &t->stream;
	struct probe_target chunk[CHUNK];
	size_t n = 0, n_ports = port ? s->hops[1] - s->hops[0] + 1 : t->ports.n;

	for (size_t i = 0; i < n_ports && s->left > 0; i++, s->left--) {
		uint32_t own = port | s->pairs | PROBE_HOP(s->hops[0] + i);

		if (s->seen++ % s->shard.count != s->shard.index)
			continue;
		chunk[n++] = (struct probe_target){ .addr = a,
			                            .port = port ? own : t->ports.v[i] };
		if (n < CHUNK)
			continue;
		if (queue_push(s->queue, chunk, n, UINT64_MAX) < n)
			return false;
		n = 0;
	}
	return (n == 0 || queue_push(s->queue, chunk, n, UINT64_MAX) == n) && s->left > 0;
}

/* The next address of the line last read. */
static bool next_of_line(struct stream *s, struct addr128 *a, uint16_t *port)
{
	if (!s->within)
		return false;
	*a = s->item.first;
	*port = s->item.port;
	s->within = !addr_eq(s->item.first, s->item.last);
	s->item.first = addr_next(s->item.first);
	return true;
}

/* 1: the next address that has a port, of its own or from the list; 0: end. */
static int read_address(struct targets *t, struct addr128 *a, uint16_t *port,
                        struct diag *d)
{
	struct stream *s = &t->stream;
	int rc;

	if (next_of_line(s, a, port))
		return 1;
	while ((rc = reader_next(s->reader, &s->item, d)) > 0) {
		u128 more = to_int(s->item.last) - to_int(s->item.first);
		struct diag why = { "" };

		s->within = (s->item.port || t->ports.n) && more < LINE_MAX_ADDRS;
		if (next_of_line(s, a, port))
			return 1;
		diag_set(&why, ERR_PARSE, "%s",
		         more < LINE_MAX_ADDRS
		                 ? "has no port, and there is no -p"
		                 : "has more than 2^32 addresses (as a target, not in a "
		                   "list, it can be sampled)");
		rc = reader_reject(s->reader, ERR_PARSE, &why);
		if (rc < 0)
			return diag_set(d, rc, "%s", diag_str(&why, rc));
	}
	return rc;
}

static void *read_thread(void *arg)
{
	struct targets *t = arg;
	struct stream *s = &t->stream;
	struct addr128 a;
	uint16_t port;
	int rc;

	while ((rc = read_address(t, &a, &port, &s->why)) > 0)
		if (!push_address(t, a, port))
			break;
	s->rc = rc < 0 ? rc : 0;
	queue_close(s->queue);
	return NULL;
}

int targets_open_stream(struct targets **out, const char *path,
                        const struct reader_policy *policy,
                        const struct targets_config *cfg, struct diag *d)
{
	struct targets *t = targets_new(cfg->ports);
	struct stream *s = t ? &t->stream : NULL;
	struct reader_policy with_ports = policy ? *policy : (struct reader_policy){ 0 };
	struct addr128 first;
	uint16_t port;
	int rc;

	if (!t)
		return -ENOMEM;
	with_ports.ports = true;
	t->is_stream = true;
	s->repeatable = cfg->repeatable;
	s->skip = cfg->skip;
	s->pairs = cfg->pairs;
	s->hops[0] = cfg->hops[0];
	s->hops[1] = cfg->hops[1];
	s->shard = cfg->shard;
	s->left = cfg->limit.count ? (uint64_t)cfg->limit.count : UINT64_MAX;
	s->limit = s->left;
	rng_init(&s->rng, cfg->seed);
	s->window = calloc(TARGETS_WINDOW, sizeof(*s->window));
	/* Room for all ports of the first address, which no thread takes out yet. */
	s->queue = queue_new(sizeof(struct probe_target), TARGETS_WINDOW + 65536);
	rc = s->window && s->queue ? reader_open(&s->reader, path, &with_ports, d)
	                           : -ENOMEM;
	if (rc == 0)
		rc = read_address(t, &first, &port, d);
	if (rc == 0)
		rc = diag_set(d, ERR_EMPTY, "%s: there are no targets in it",
		              reader_name(s->reader));
	if (rc > 0 && !push_address(t, first, port)) {
		queue_close(s->queue); /* the limit was one address */
		rc = 0;
	} else if (rc > 0) {
		rc = -pthread_create(&s->thread, NULL, read_thread, t);
		s->started = rc == 0;
	}
	if (rc < 0) {
		targets_close(t);
		return rc;
	}
	*out = t;
	return 0;
}

/* Whether the window is as full as it can ever be. */
static bool fill_repeatably(struct stream *s)
{
	while (s->n < TARGETS_WINDOW) {
		bool closed = queue_is_closed(s->queue);

		if (s->ahead_at == s->ahead_n) {
			s->ahead_at = 0;
			s->ahead_n = queue_pop(s->queue, s->ahead, CHUNK, 0);
		}
		if (s->ahead_n == 0)
			return closed;
		s->window[s->n++] = s->ahead[s->ahead_at++];
	}
	return true;
}

static struct probe_target draw(struct stream *s)
{
	size_t i = rng_below(&s->rng, s->n);
	struct probe_target t = s->window[i];

	s->window[i] = s->window[--s->n];
	return t;
}

static int next_repeatably(struct stream *s, struct probe_target *out, size_t max)
{
	size_t n = 0;

	while (n < max) {
		if (!fill_repeatably(s))
			return (int)n;
		if (s->n == 0)
			return n ? (int)n : PROBE_SOURCE_END;
		out[n] = draw(s);
		if (s->skip)
			s->skip--;
		else
			n++;
	}
	return (int)n;
}

static int stream_next(struct targets *t, struct probe_target *out, size_t max)
{
	struct stream *s = &t->stream;
	bool closed = queue_is_closed(s->queue);
	size_t n = 0;

	if (s->repeatable)
		return next_repeatably(s, out, max);
	if (s->n < TARGETS_WINDOW)
		s->n += queue_pop(s->queue, s->window + s->n, TARGETS_WINDOW - s->n, 0);
	while (n < max && s->n > 0)
		out[n++] = draw(s);
	return n || !closed ? (int)n : PROBE_SOURCE_END;
}

/* --- both ---------------------------------------------------------------- */

int targets_next(void *ctx, struct probe_target *out, size_t max)
{
	struct targets *t = ctx;

	return t->is_stream ? stream_next(t, out, max) : space_next(t, out, max);
}

u128 targets_total(const struct targets *t)
{
	return t->is_stream ? 0 : t->space.end;
}

uint64_t targets_digest(const struct targets *t, uint64_t seed)
{
	const struct space *s = &t->space;
	uint64_t h = checksum64(t->ports.v, t->ports.n * sizeof(*t->ports.v), seed);
	uint64_t more[] = { t->is_stream ? t->stream.shard.index : s->shard.index,
		            t->is_stream ? t->stream.shard.count : s->shard.count,
		            t->is_stream ? t->stream.limit : (uint64_t)s->end,
		            t->is_stream ? 0 : (uint64_t)(s->end >> 64),
		            s->shift,
		            s->iid.mode,
		            s->iid.set.hi,
		            s->iid.set.lo,
		            s->iid.number };

	h = checksum64(more, sizeof(more), h);
	for (size_t i = 0; i < s->n; i++) {
		struct ivtab_interval iv = ivtab_at(s->table, i);
		uint64_t ends[] = { iv.first.hi, iv.first.lo, iv.last.hi, iv.last.lo };

		h = checksum64(ends, sizeof(ends), h);
	}
	return h;
}

static bool join_reader(struct stream *s)
{
	struct timespec until;

	if (!s->started)
		return true;
	queue_close(s->queue);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += JOIN_MS * (long)NS_PER_MS;
	until.tv_sec += until.tv_nsec / (long)NS_PER_S;
	until.tv_nsec %= (long)NS_PER_S;
	if (pthread_timedjoin_np(s->thread, NULL, &until) != 0)
		return false;
	s->started = false;
	return true;
}

int targets_result(struct targets *t, uint64_t *bad_lines, struct diag *d)
{
	struct stream *s = &t->stream;

	*bad_lines = 0;
	if (!t->is_stream || !join_reader(s))
		return 0;
	*bad_lines = reader_bad(s->reader);
	return s->rc < 0 ? diag_set(d, s->rc, "%s", diag_str(&s->why, s->rc)) : 0;
}

void targets_close(struct targets *t)
{
	if (!t)
		return;
	if (t->is_stream && !join_reader(&t->stream)) {
		pthread_detach(t->stream.thread);
		return;
	}
	ports_fini(&t->ports);
	ivtab_free(t->space.table);
	free(t->space.before);
	free(t->space.first);
	reader_close(t->stream.reader);
	queue_free(t->stream.queue);
	free(t->stream.window);
	free(t);
}
