#include "common/scope.h"

#include <stdlib.h>
#include <string.h>

#include "common/ivtab.h"

/* data/iana-special-*.txt, compiled in. */
extern const char embed_special_v6[];
extern const char embed_special_v4[];

struct scope {
	struct ivtab *blocked;
	struct ivtab *special; /* empty when special-purpose ones are accepted */
	struct ivtab *allowed; /* NULL: no allowlist */
	/* Everything that is not SCOPE_OK.  One lookup settles the common case,
	 * and it is what makes scope_excludes_all() exact. */
	struct ivtab *refused;
	bool global_only;
};

/* The families, as their lowest and highest addresses. */
static const struct addr128 v6_first = { 0, 0 }, v6_last = { UINT64_MAX, UINT64_MAX };
static const struct addr128 v4_first = { 0, UINT64_C(0xffff00000000) };
static const struct addr128 v4_last = { 0, UINT64_C(0xffffffffffff) };

/* Global unicast, RFC 4291 section 2.4 and IANA's assignments: 2000::/3. */
static bool is_global_v6(struct addr128 a)
{
	return a.hi >> 61 == 1;
}

/* The first field of every line of an embedded table. */
static int add_special(struct ivtab_builder *b, const char *text)
{
	while (*text) {
		size_t line = strcspn(text, "\n"), field = strcspn(text, " \t\n");
		char buf[PREFIX_STRLEN];
		struct prefix p;

		if (*text != '#' && field > 0) {
			int rc;

			if (field >= sizeof(buf))
				return ERR_FORMAT;
			memcpy(buf, text, field);
			buf[field] = '\0';
			if (!prefix_parse(&p, buf))
				return ERR_FORMAT;
			rc = ivtab_add(b, p, SCOPE_SPECIAL);
			if (rc < 0)
				return rc;
		}
		text += line + (text[line] == '\n');
	}
	return 0;
}

static int add_not_global(struct ivtab_builder *b)
{
	static const struct addr128 first = { UINT64_C(1) << 61, 0 };
	static const struct addr128 after = { UINT64_C(1) << 62, 0 };
	int rc = ivtab_add_range(b, v6_first, addr_prev(first), SCOPE_NOT_GLOBAL);

	return rc < 0 ? rc : ivtab_add_range(b, after, v6_last, SCOPE_NOT_GLOBAL);
}

/* The addresses from first to last; v4 says of which family.  An IPv6 range may
 * end in, or next to, the block where IPv4 is held, which is none of its own. */
static int add_span(struct ivtab_builder *b, bool v4, struct addr128 first,
                    struct addr128 last, uint32_t value)
{
	if (!v4 && addr_is_v4(first))
		first = addr_next(v4_last);
	if (!v4 && addr_is_v4(last))
		last = addr_prev(v4_first);
	return addr_cmp(first, last) > 0 ? 0 : ivtab_add_range(b, first, last, value);
}

/* What lies between the allowed intervals of one family, which are numbers
 * i .. end - 1. */
static int add_gaps(struct ivtab_builder *b, const struct ivtab *allowed, bool v4,
                    size_t i, size_t end)
{
	struct addr128 from = v4 ? v4_first : v6_first, last = v4 ? v4_last : v6_last;

	for (; i < end; i++) {
		struct ivtab_interval iv = ivtab_at(allowed, i);
		int rc;

		if (addr_cmp(iv.first, from) > 0) {
			rc = add_span(b, v4, from, addr_prev(iv.first),
			              SCOPE_NOT_ALLOWED);
			if (rc < 0)
				return rc;
		}
		if (addr_eq(iv.last, last))
			return 0;
		from = addr_next(iv.last);
	}
	return add_span(b, v4, from, last, SCOPE_NOT_ALLOWED);
}

/* Intervals of IPv6 come first, and none of them starts where IPv4 is held. */
static int add_not_allowed(struct ivtab_builder *b, const struct ivtab *allowed)
{
	size_t n = ivtab_count(allowed), v6 = 0;
	int rc;

	while (v6 < n && !addr_is_v4(ivtab_at(allowed, v6).first))
		v6++;
	rc = add_gaps(b, allowed, false, 0, v6);
	return rc < 0 ? rc : add_gaps(b, allowed, true, v6, n);
}

static int add_table(struct ivtab_builder *b, const struct ivtab *t)
{
	int rc = 0;

	for (size_t i = 0; i < ivtab_count(t) && rc == 0; i++) {
		struct ivtab_interval iv = ivtab_at(t, i);

		rc = add_span(b, addr_is_v4(iv.first), iv.first, iv.last, iv.value);
	}
	return rc;
}

/* A file is read once, into one table: it may be a pipe. */
static int load_lists(struct ivtab **out, const struct opt_list *files,
                      const struct ivtab *more, uint32_t value, struct diag *d)
{
	struct ivtab_builder *b = ivtab_builder_new();
	int rc = b ? 0 : -ENOMEM;

	for (size_t i = 0; i < files->n && rc == 0; i++)
		rc = ivtab_add_file(b, files->v[i], value, d);
	for (size_t i = 0; more && i < ivtab_count(more) && rc == 0; i++) {
		struct ivtab_interval iv = ivtab_at(more, i);

		rc = ivtab_add_range(b, iv.first, iv.last, value);
	}
	if (rc == 0)
		rc = ivtab_build(out, b);
	ivtab_builder_free(b);
	return rc;
}

static int build_special(struct ivtab **out, bool wanted)
{
	struct ivtab_builder *b = ivtab_builder_new();
	int rc = b ? 0 : -ENOMEM;

	if (rc == 0 && wanted)
		rc = add_special(b, embed_special_v6);
	if (rc == 0 && wanted)
		rc = add_special(b, embed_special_v4);
	if (rc == 0)
		rc = ivtab_build(out, b);
	ivtab_builder_free(b);
	return rc;
}

static int build_refused(struct scope *s)
{
	struct ivtab_builder *b = ivtab_builder_new();
	int rc = b ? add_table(b, s->blocked) : -ENOMEM;

	if (rc == 0)
		rc = add_table(b, s->special);
	if (rc == 0 && s->global_only)
		rc = add_not_global(b);
	if (rc == 0 && s->allowed)
		rc = add_not_allowed(b, s->allowed);
	if (rc == 0)
		rc = ivtab_build(&s->refused, b);
	ivtab_builder_free(b);
	return rc;
}

int scope_new(struct scope **out, const struct scope_config *cfg, struct diag *d)
{
	struct scope *s = calloc(1, sizeof(*s));
	int rc = -ENOMEM;

	if (!s)
		goto out;
	s->global_only = !cfg->allow_special;
	rc = load_lists(&s->blocked, &cfg->blocklists, cfg->blocked, SCOPE_BLOCKED, d);
	if (rc == 0 && cfg->allowlists.n)
		rc = load_lists(&s->allowed, &cfg->allowlists, NULL, SCOPE_OK, d);
	if (rc == 0)
		rc = build_special(&s->special, !cfg->allow_special);
	if (rc == 0)
		rc = build_refused(s);
	if (rc == 0) {
		*out = s;
		return 0;
	}
out:
	scope_free(s);
	return diag_set(d, rc, "scan scope: %s", err_str(rc));
}

void scope_free(struct scope *s)
{
	if (!s)
		return;
	ivtab_free(s->blocked);
	ivtab_free(s->special);
	ivtab_free(s->allowed);
	ivtab_free(s->refused);
	free(s);
}

enum scope_verdict scope_check(const struct scope *s, struct addr128 a)
{
	if (!ivtab_covers(s->refused, a))
		return SCOPE_OK;
	if (ivtab_covers(s->blocked, a))
		return SCOPE_BLOCKED;
	if (ivtab_covers(s->special, a))
		return SCOPE_SPECIAL;
	if (s->global_only && !addr_is_v4(a) && !is_global_v6(a))
		return SCOPE_NOT_GLOBAL;
	return SCOPE_NOT_ALLOWED;
}

bool scope_excludes_all(const struct scope *s, struct prefix p)
{
	/* An IPv6 prefix may be blocked across the block where IPv4 is held, of
	 * which the table of all refusals knows nothing. */
	return ivtab_covers_all(s->refused, p) || ivtab_covers_all(s->blocked, p);
}

const char *scope_verdict_str(enum scope_verdict v)
{
	static const char *const text[SCOPE_VERDICTS] = {
		[SCOPE_OK] = "in scope",
		[SCOPE_NOT_GLOBAL] = "not global unicast",
		[SCOPE_SPECIAL] = "special-purpose",
		[SCOPE_BLOCKED] = "on a blocklist",
		[SCOPE_NOT_ALLOWED] = "not on the allowlist",
	};

	return (unsigned)v < SCOPE_VERDICTS ? text[v] : "unknown";
}
