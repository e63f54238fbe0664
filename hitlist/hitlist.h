/* hitlist/hitlist.h - the hitlist store: what is alive, since when, until when.
 *
 * A hitlist is a directory of immutable sorted runs, a manifest that names the
 * live ones, and journals of work in progress (design: hitlist/store.c).  There
 * are two tiers: hosts (full records) and seen (addresses ever tried or
 * imported: keys, where they came from, and roughly when they were tried last).  Every change is atomic: a reader, or the next open
 * after a crash, sees the state before or after it.
 *
 * One process may write at a time (a lock; ERR_BUSY), any number may read. */
#ifndef HITLIST_HITLIST_H
#define HITLIST_HITLIST_H

#include <stdbool.h>

#include "common/addr.h"
#include "common/addrvec.h"
#include "common/err.h"
#include "common/ivtab.h"
#include "common/mac.h"
#include "common/observation.h"
#include "common/opt.h"
#include "common/rng.h"
#include "common/scope.h"
#include "common/sha256.h"

struct hitlist;

/* Services that a host can answer on: bits of host_record.services. */
enum hitlist_service {
	SERVICE_ICMP,
	SERVICE_TCP80,
	SERVICE_TCP443,
	SERVICE_UDP53,
	SERVICE_UDP443,
	SERVICE_TCP_OTHER,
	SERVICE_UDP_OTHER,
	SERVICES
};
const char *hitlist_service_str(enum hitlist_service s); /* "icmp", "tcp80", ... */

/* Where an address came from: bits of host_record.sources. */
enum hitlist_source {
	SOURCE_IMPORT,
	SOURCE_DISCOVER,
	SOURCE_SCAN,
	SOURCE_DNS,
	SOURCE_BGP,
	SOURCES
};
const char *hitlist_source_str(enum hitlist_source s); /* "import", "discover", ... */

enum hitlist_policy { /* bits of host_record.policy */
	              POLICY_NO_SCAN = 1 << 0,
	              POLICY_NO_PUBLISH = 1 << 1,
	              POLICY_PUBLISH_48 = 1 << 2,
};

/* Times are seconds since 1970-01-01 UTC; 0: never. */
struct host_record {
	struct addr128 addr;
	uint32_t first_seen; /* first answer, or import */
	uint32_t last_seen;  /* last answer; 0: never answered */
	uint32_t last_probed;
	uint32_t service_seen[SERVICES]; /* last answer of each */
	uint32_t injected;    /* last forged answer to a DNS question; 0: none */
	uint8_t services;     /* bit s: service_seen[s] != 0 */
	uint16_t fail_streak; /* probed without an answer, in a row */
	uint16_t sources;
	uint8_t policy;
};

/* Bring a record into the normal form, the only one that the store holds:
 * no SERVICE_UDP53 that is not later than `injected` (somebody on the way answers
 * in its place, so it is not known to), services as service_seen says, last_seen no
 * earlier than any service_seen, fail_streak 0 when last_seen >= last_probed. */
void host_record_normalise(struct host_record *r);

/* Fold src into dst (same address): min first (0 is later than any time), max
 * last and injected, OR of bitmaps, fail_streak: that of the later last_probed (the larger
 * one when equal), 0 when last_seen >= last_probed.  Commutative, associative,
 * and, for records in normal form, idempotent: a merge in any order, or done
 * twice, is the same.  The result is in normal form. */
void host_record_merge(struct host_record *dst, const struct host_record *src);

/* It answered when it was last probed. */
static inline bool host_is_up(const struct host_record *r)
{
	return r->last_seen && !r->fail_streak;
}

/* The record that one observation amounts to; false: it tells nothing of the
 * target.  An injected answer makes a record that tells of that alone: it is news
 * of known hosts, and makes none. */
bool host_record_from_observation(struct host_record *out, const struct observation *o,
                                  enum hitlist_source source);

enum hitlist_mode {
	HITLIST_READ,
	HITLIST_WRITE,  /* must exist */
	HITLIST_CREATE, /* made when absent */
};

int hitlist_open(struct hitlist **out, const char *dir, enum hitlist_mode mode,
                 struct diag *d);
void hitlist_close(struct hitlist *h);

struct hitlist_info {
	uint64_t generation, runs, seen_runs, bytes;
	uint64_t hosts, seen; /* records (seen: those not in hosts may overlap) */
	uint64_t aliased;     /* prefixes */
	uint64_t optouts;     /* in force */
	uint64_t journals;    /* waiting to be merged */
};
void hitlist_info(const struct hitlist *h, struct hitlist_info *info);

/* 1 and *out, 0: not there, negative. */
int hitlist_lookup(const struct hitlist *h, struct addr128 a, struct host_record *out,
                   struct diag *d);

/* Was a ever tried or imported?  1, 0, negative.  What waits in journals is
 * not known here: see hitlist_visit_journals().  Like all that only reads,
 * thread-safe between two commits. */
int hitlist_seen(const struct hitlist *h, struct addr128 a, struct diag *d);

/* What the seen tier alone knows of a: .sources, and .last_probed to SEEN_PERIOD (0
 * when older versions of this program have noted it).  1, 0, negative. */
enum { SEEN_PERIOD = 28 * 86400 };
int hitlist_lookup_seen(const struct hitlist *h, struct addr128 a,
                        struct host_record *out, struct diag *d);

/* All hosts inside p (NULL: all) in numeric order, each once, merged over runs.
 * An iterator sees the hitlist as it was when opened, whatever is committed. */
struct hitlist_iter;
int hitlist_iter_open(struct hitlist_iter **out, const struct hitlist *h,
                      const struct prefix *p, struct diag *d);
/* The same of the seen tier. */
int hitlist_iter_open_seen(struct hitlist_iter **out, const struct hitlist *h,
                           const struct prefix *p, struct diag *d);
int hitlist_iter_next(struct hitlist_iter *it, struct host_record *out, struct diag *d);
void hitlist_iter_close(struct hitlist_iter *it);

/* Add records (any order, repeats merged) in one atomic step; those inside
 * aliased prefixes are left out, and only remembered in the seen tier.  Records
 * are sorted in place.  st may be NULL. */
struct hitlist_merge_stats {
	uint64_t read;    /* records or observations taken in */
	uint64_t answers; /* of these, answers of a target itself */
	uint64_t added;   /* addresses that were not in the hitlist, and are now */
	uint64_t updated; /* addresses that were, and have come again */
	uint64_t aliased; /* addresses left out, or removed, as aliased */
	uint64_t blocked; /* hosts left out, or removed, as opted out */
	uint64_t tried;   /* addresses added to the seen tier */
};
int hitlist_add(struct hitlist *h, struct host_record *records, size_t n,
                struct hitlist_merge_stats *st, struct diag *d);

/* The same for more than fits in memory, and for all kinds of content in one
 * atomic step: collect, then commit once.  At most about 200 MB of memory are
 * used, whatever the amount.  Records are taken in faster when they ascend.
 * Close it in any case, and before the hitlist; without a commit before, or
 * after one that failed, the hitlist is as it was. */
struct hitlist_batch;
int hitlist_batch_open(struct hitlist_batch **out, struct hitlist *h, struct diag *d);
int hitlist_batch_add(struct hitlist_batch *b, const struct host_record *records,
                      size_t n, struct diag *d);
int hitlist_batch_tried(struct hitlist_batch *b, const struct addr128 *a, size_t n,
                        enum hitlist_source source, uint32_t when, struct diag *d);
int hitlist_batch_aliased(struct hitlist_batch *b, const struct prefix *p, size_t n);

/* What was imported: kept with the hitlist, and told where it is published. */
struct hitlist_input {
	uint32_t when;
	enum hitlist_source source;
	bool tried;              /* keys for the seen tier, not hosts */
	const char *name;        /* of the file, without its folder */
	char sha256[SHA256_HEX]; /* of the file as it was; "": not known */
	uint64_t read, bad;      /* addresses and bad lines */
	uint64_t refused;        /* of the addresses: out of scope, or not routed */
};
/* One more that goes into this batch; the name is copied. */
int hitlist_batch_input(struct hitlist_batch *b, const struct hitlist_input *i);

/* All, in the order they came; borrowed until the next commit. */
size_t hitlist_inputs(const struct hitlist *h, const struct hitlist_input **out);

int hitlist_batch_commit(struct hitlist_batch *b, struct hitlist_merge_stats *st,
                         struct diag *d);
void hitlist_batch_close(struct hitlist_batch *b);

/* Opt-outs: prefixes whose holders asked to be left alone.  What is known of the
 * addresses inside is forgotten, nothing of them is taken in, and whoever probes
 * or publishes has to ask hitlist_blocked(). */
struct hitlist_optout {
	struct prefix prefix;
	uint32_t added, expires, removed; /* expires, removed: 0 is never */
	const char *requester, *reason, *evidence;
};
bool hitlist_optout_in_force(const struct hitlist_optout *o, uint32_t now);

/* Add opt-outs and purge what they cover, in one atomic step. */
int hitlist_block(struct hitlist *h, const struct hitlist_optout *o, size_t n,
                  struct hitlist_merge_stats *st, struct diag *d);

/* Mark the opt-outs of exactly these prefixes as removed at `now`; *found: how
 * many were in force.  What was purged does not come back by itself. */
int hitlist_unblock(struct hitlist *h, const struct prefix *p, size_t n, uint32_t now,
                    size_t *found, struct diag *d);

/* Those in force when the hitlist was opened; value 1.  Borrowed until the next
 * commit, as are all opt-outs ever, in the order they came. */
const struct ivtab *hitlist_blocked(const struct hitlist *h);
size_t hitlist_optouts(const struct hitlist *h, const struct hitlist_optout **out);

/* The same table for a hitlist that need not be opened, or exist (then it is
 * empty); the caller frees it. */
int hitlist_load_blocked(struct ivtab **out, const char *dir, struct diag *d);

/* Journals.  What journal_append() or journal_tried() has returned 0 for
 * survives the death of the process; after journal_sync() it survives that of
 * the machine.  Observations become hosts, tried addresses the seen tier, when
 * hitlist_merge() runs.  One thread at a time may use a journal, and it must
 * be closed before its hitlist and before a merge (ERR_BUSY). */
struct journal;
int journal_open(struct journal **out, struct hitlist *h, enum hitlist_source source,
                 struct diag *d);
int journal_append(struct journal *j, const struct observation *o, size_t n);
int journal_tried(struct journal *j, const struct addr128 *a, size_t n);
int journal_aliased(struct journal *j, struct prefix p); /* verdict of the guard */
int journal_sync(struct journal *j);
const char *journal_path(const struct journal *j);
void journal_close(struct journal *j); /* leaves it for hitlist_merge() */

/* Fold every journal into runs, apply the aliased prefixes, and remove the
 * journals, in one atomic step.  A torn tail (a crash inside a write) is cut;
 * damage elsewhere is an error that names file and offset. */
int hitlist_merge(struct hitlist *h, struct hitlist_merge_stats *st, struct diag *d);

/* Visit the journals that wait (for --resume): tried addresses, observations
 * and aliased prefixes, in the order written.  Callbacks may be NULL; a
 * negative return ends the visit and is returned. */
struct journal_visitor {
	int (*observed)(void *ctx, const struct observation *o);
	int (*tried)(void *ctx, struct addr128 a);
	int (*aliased)(void *ctx, struct prefix p);
	void *ctx;
};
int hitlist_visit_journals(const struct hitlist *h, const struct journal_visitor *v,
                           struct diag *d);

/* How hosts came and went: the latest transitions of each that is or was in the
 * hitlist, as the commits saw them (method: hitlist/history.h).  That it was new
 * is told by its first_seen. */
enum { HISTORY_MAX = SERVICES };
struct host_history {
	struct addr128 addr;
	unsigned n;
	struct {
		uint32_t when;
		bool up;  /* answers again, or for the first time; else: no longer */
	} e[HISTORY_MAX]; /* the latest first */
};
/* Those of addresses inside p, in numeric order, until fn returns nonzero, which
 * is then returned. */
int hitlist_history(const struct hitlist *h, struct prefix p,
                    int (*fn)(void *ctx, const struct host_history *x), void *ctx,
                    struct diag *d);

/* Who is to be probed now (method: hitlist/due.c). */
enum due_class {
	DUE_NEW,        /* never probed */
	DUE_RESPONSIVE, /* answered last time */
	DUE_FAILING,    /* did not, for less than drop_after */
	DUE_DROPPED,    /* for longer: a few of them, whether they have come back */
	DUE_CLASSES,
	DUE_LATER = DUE_CLASSES,
	DUE_NEVER, /* its policy says so */
};
const char *due_class_str(enum due_class c);

struct due_config { /* all times in seconds */
	uint32_t now;
	uint32_t interval;          /* between two probes of a responsive host */
	uint32_t backoff_max;       /* longest time between two probes of a failing one */
	uint32_t drop_after;        /* without an answer for so long: dropped */
	uint32_t retest_after;      /* time between two probes of a dropped one */
	uint64_t retest_max;        /* so many dropped ones a plan, the oldest first */
	uint64_t max;               /* hosts in all; 0: no limit */
	uint64_t seed;              /* of the order within a class */
	const struct scope *scope;  /* NULL: any address */
	const struct ivtab *routed; /* only what this covers; NULL: any address */
};

struct due_plan {
	struct addrvec hosts;      /* by class, each class in random order */
	size_t count[DUE_CLASSES]; /* of hosts, from each class */
	/* What became of all others, in the order of the questions. */
	uint64_t known, out_of_scope, not_routed, blocked, aliased, no_scan;
	uint64_t unresponsive; /* dropped, and not in the plan */
	uint64_t later, beyond_max;
};

/* The same as options: rows for a command whose config holds a due_cfg as f. */
struct due_cfg {
	uint64_t interval_ns, backoff_ns, drop_ns, retest_ns, retest_max, max, seed;
	const char *routed;
	struct scope_config scope;
};
#define DUE_OPTS(cfg, f)                                                               \
	OPT_DURATION("interval", 0, cfg, f.interval_ns, "TIME",                        \
	             "probe a responsive host every TIME (default 1d)"),               \
		OPT_DURATION("backoff-max", 0, cfg, f.backoff_ns, "TIME",              \
	                     "probe a failing host at least every TIME (default 8d)"), \
		OPT_DURATION("drop-after", 0, cfg, f.drop_ns, "TIME",                  \
	                     "drop hosts that are silent for TIME (default 30d)"),     \
		OPT_DURATION("retest-after", 0, cfg, f.retest_ns, "TIME",              \
	                     "test a dropped host again after TIME (default 90d)"),    \
		OPT_COUNT("retest-max", 0, cfg, f.retest_max, "N",                     \
	                  "of the dropped ones test N at most (default 10k)"),         \
		OPT_COUNT("max-hosts", 'n', cfg, f.max, "N",                           \
	                  "N hosts at most, new ones first (default: all)"),           \
		OPT_COUNT("seed", 'e', cfg, f.seed, "N",                               \
	                  "random seed of the order (default 1)"),                     \
		OPT_STR("routed-file", 0, cfg, f.routed, "FILE",                       \
	                "leave out what no prefix in FILE covers"),                    \
		SCOPE_OPTS(cfg, f.scope)
#define DUE_DEFAULTS                                    \
	.interval_ns = 86400 * UINT64_C(1000000000),    \
	.backoff_ns = 8 * 86400 * UINT64_C(1000000000), \
	.drop_ns = 30 * 86400 * UINT64_C(1000000000),   \
	.retest_ns = 90 * 86400 * UINT64_C(1000000000), .retest_max = 10000, .seed = 1

/* As of the wall clock; scope and routed are left to the caller. */
void due_config_make(struct due_config *c, const struct due_cfg *cfg);
/* What a routing table covers; *out is NULL when path is.  A list of prefixes, or a dump
 * (MRT), of which the routes count that two peers tell, if there are two. */
int due_load_routed(struct ivtab **out, const char *path, struct diag *d);
void due_report(const struct due_plan *p); /* to the log */

enum due_class due_classify(const struct host_record *r, const struct due_config *c);
int hitlist_due(struct due_plan *out, const struct hitlist *h, const struct due_config *c,
                struct diag *d);
void due_plan_fini(struct due_plan *p);

/* The observation that tells of a known host's silence at when_us: r is its
 * record.  Merged, it is probed then, and has failed once more in a row. */
void observation_of_silence(struct observation *o, const struct host_record *r,
                            uint64_t when_us);

/* Known aliased prefixes; value 1.  Borrowed, valid until the next merge. */
const struct ivtab *hitlist_aliased(const struct hitlist *h);
int hitlist_add_aliased(struct hitlist *h, const struct prefix *p, size_t n,
                        struct diag *d); /* also removes the hosts inside */

/* Aliased-prefix detection over rounds (method: hitlist/alias.c). */
enum { ALIAS_ROUNDS = 3, ALIAS_CHILDREN = 16 };
enum alias_verdict { ALIAS_UNKNOWN, ALIAS_NOT, ALIAS_IS, ALIAS_VERDICTS };
const char *alias_verdict_str(enum alias_verdict v); /* "unknown", ... */

struct alias_state {
	struct prefix prefix;
	uint32_t since;      /* when it got this verdict */
	uint32_t last_round; /* 0: none yet */
	/* Which children answered, bit by bit, to ICMPv6 and on TCP port 80; the
	 * latest round first. */
	uint16_t icmp[ALIAS_ROUNDS], tcp[ALIAS_ROUNDS];
	uint8_t rounds;  /* of these that there are */
	uint8_t misses;  /* rounds in a row that spoke against "aliased" */
	uint8_t verdict; /* enum alias_verdict */
};

/* Take in a round. */
void alias_judge(struct alias_state *s, uint16_t icmp, uint16_t tcp, uint32_t now);

/* An address of the child, another one for every attempt and key. */
struct addr128 alias_target(struct prefix p, unsigned child, unsigned attempt,
                            const struct mac_key *key);

struct alias_plan_config {
	uint32_t now, retest_after;     /* seconds; a settled prefix is due again then */
	uint64_t min_members;           /* below /64: test what has more of them */
	uint64_t max;                   /* prefixes, longest untested first; 0: all */
	const struct prefix *announced; /* test these too */
	size_t n_announced;
	const struct scope *scope; /* prefixes wholly outside are left out; or NULL */
};
/* The states of the prefixes to be tested now, sorted; free() it.  *beyond: how many
 * more there were than c->max. */
int hitlist_alias_plan(struct alias_state **out, size_t *n, size_t *beyond,
                       const struct hitlist *h, const struct alias_plan_config *c,
                       struct diag *d);

/* The same as options: rows for a command whose config holds this as f. */
struct alias_plan_cfg {
	uint64_t retest_ns, min_members, max;
	const char *announced;
	struct scope_config scope;
};
#define ALIAS_PLAN_OPTS(cfg, f)                                                        \
	OPT_DURATION(                                                                  \
		"retest-after", 0, cfg, f.retest_ns, "TIME",                           \
		"test a prefix with a settled verdict again after TIME (default 7d)"), \
		OPT_COUNT("min-members", 0, cfg, f.min_members, "N",                   \
	                  "below /64, test what has more than N known hosts "          \
	                  "(default 100)"),                                            \
		OPT_COUNT("max-prefixes", 'n', cfg, f.max, "N",                        \
	                  "N prefixes at most, longest untested first "                \
	                  "(default 100k)"),                                           \
		OPT_STR("announced-file", 0, cfg, f.announced, "FILE",                 \
	                "test the prefixes in FILE too: a routing table"),             \
		SCOPE_OPTS(cfg, f.scope)
#define ALIAS_PLAN_DEFAULTS \
	.retest_ns = 7 * 86400 * UINT64_C(1000000000), .min_members = 100, .max = 100000

/* *scope: what may be probed, opt-outs left out; the caller frees it, also after an
 * error. */
int alias_plan_make(struct alias_state **out, size_t *n, struct scope **scope,
                    const struct hitlist *h, const struct alias_plan_cfg *cfg,
                    struct diag *d);

/* alias_target() of every child: inside the scope, and no known host as far as
 * there are others.  False: a child has none that may be probed, so that p cannot
 * be tested. */
bool alias_fresh_targets(struct addr128 out[ALIAS_CHILDREN], const struct hitlist *h,
                         const struct scope *scope, struct prefix p,
                         const struct mac_key *key);
void alias_report(const struct alias_state *s, size_t n); /* to the log */

/* Store what was judged, and derive the aliased prefixes from it, in one atomic
 * step: the longest prefix decides, siblings are merged. */
int hitlist_alias_commit(struct hitlist *h, const struct alias_state *s, size_t n,
                         struct hitlist_merge_stats *st, struct diag *d);

/* All states, sorted; borrowed until the next commit. */
size_t hitlist_alias_states(const struct hitlist *h, const struct alias_state **out);

/* Rewrite each tier as one group of runs. */
int hitlist_compact(struct hitlist *h, struct diag *d);

/* Read every file whole and verify checksums, order, counts and that nothing
 * aliased is left: 0, or the first fault in *d, with file and offset. */
int hitlist_check(const struct hitlist *h, struct diag *d);

/* Answers that wait for the alias test of their prefix (the file untested): not
 * hosts yet, and no journal either, so that no merge takes them for hosts.  What
 * waiting_add() has returned 0 for survives the death of the process.  The
 * hitlist is open for writing; one thread at a time. */
struct waiting;
int waiting_open(struct waiting **out, const struct hitlist *h, struct diag *d);
int waiting_add(struct waiting *w, const struct observation *o);
int waiting_sync(struct waiting *w);

/* From now on these are all that wait, in one atomic step; nothing may be added
 * after that. */
int waiting_replace(struct waiting *w, const struct observation *o, size_t n,
                    struct diag *d);
void waiting_close(struct waiting *w);

/* Those that wait, in the order added; a negative return of fn ends the visit.
 * A changed byte is an error that names file and offset. */
int hitlist_visit_waiting(const struct hitlist *h,
                          int (*fn)(void *ctx, const struct observation *o), void *ctx,
                          struct diag *d);

/* The aliased-prefix guard: watches hits as they come, asks for test probes,
 * and gives verdicts.  Pure: no clock, no I/O; the caller probes.
 * Method: hitlist/guard.c. */
struct guard;
struct guard_config {
	uint64_t seed;
	unsigned rounds;             /* tries of each missing child; 0: 3 */
	uint64_t timeout_ns;         /* wait for answers of a round; 0: 2 s */
	const struct ivtab *aliased; /* known already: not tested again; may be NULL */
};
struct guard_probe {
	struct addr128 addr;
	uint32_t test; /* give it back in guard_answer(), or look it up by address */
};
struct guard_verdict {
	struct prefix prefix;
	bool aliased; /* false: tested and not aliased */
};

struct guard *guard_new(const struct guard_config *cfg); /* NULL: out of memory */
void guard_free(struct guard *g);
int guard_probed(struct guard *g, struct addr128 candidate); /* a candidate goes out */
int guard_hit(struct guard *g, struct addr128 found);        /* and answered */

/* Is a test probe of ours?  true: it was, and its answer has been noted: it is
 * no hit for guard_hit(), whatever else the caller does with it. */
bool guard_answer(struct guard *g, struct addr128 from);

/* Test probes that should go out now, at most max.  The caller checks scope and
 * rate; one that is not sent counts as silent. */
size_t guard_next(struct guard *g, uint64_t now_ns, struct guard_probe *out, size_t max);

/* Verdicts that have become final, at most max.  Aliased prefixes may nest: the
 * first one found is told at once, the shortest one that holds it later. */
size_t guard_verdicts(struct guard *g, uint64_t now_ns, struct guard_verdict *out,
                      size_t max);

/* Tests under way or due (so: do not end the run yet). */
size_t guard_pending(const struct guard *g);

extern const struct cmd hitlist_cmds[];

#endif
