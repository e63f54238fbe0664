#include "hitlist/manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/checksum.h"
#include "hitlist/fs.h"

#define MAGIC "sextant-hitlist "

/* 1 has no inputs. */
enum { VERSION = 2, VERSION_1 = 1, SUM_LINE = sizeof("checksum 0123456789abcdef\n") - 1 };

static const char *const tier_names[TIERS] = { "hosts", "seen", "history" };

static const char *const side_names[SIDES] = { "aliased", "blocked", "apd", "inputs" };

const char *side_str(enum side s)
{
	return side_names[s];
}

void manifest_fini(struct manifest *m)
{
	free(m->runs);
	free(m->merged);
	*m = (struct manifest){ 0 };
}

int manifest_add_run(struct manifest *m, const struct manifest_run *r)
{
	struct manifest_run *p = realloc(m->runs, (m->nruns + 1) * sizeof(*p));

	if (!p)
		return -ENOMEM;
	m->runs = p;
	p[m->nruns++] = *r;
	return 0;
}

int manifest_add_merged(struct manifest *m, const char *name)
{
	struct manifest_name *p = realloc(m->merged, (m->nmerged + 1) * sizeof(*p));

	if (!p)
		return -ENOMEM;
	m->merged = p;
	snprintf(p[m->nmerged++].s, sizeof(p->s), "%s", name);
	return 0;
}

const struct manifest_run *manifest_find_run(const struct manifest *m, const char *name)
{
	for (size_t i = 0; i < m->nruns; i++)
		if (strcmp(m->runs[i].name, name) == 0)
			return &m->runs[i];
	return NULL;
}

bool manifest_has_merged(const struct manifest *m, const char *name)
{
	for (size_t i = 0; i < m->nmerged; i++)
		if (strcmp(m->merged[i].s, name) == 0)
			return true;
	return false;
}

/* A plain name in its folder, never a path. */
static bool name_ok(const char *s)
{
	return s[0] && s[0] != '.' && !strchr(s, '/');
}

static int parse_run(struct manifest *m, const char *line)
{
	struct manifest_run r = { .tier = TIER_HOSTS };
	char tier[8];
	int end = -1;

	if (sscanf(line,
	           "run %7s %" SCNu64 " %63s %" SCNu64 " %" SCNu64 " %16" SCNx64 "%n",
	           tier, &r.group, r.name, &r.bytes, &r.records, &r.checksum, &end) < 6 ||
	    end < 0 || line[end] || !name_ok(r.name))
		return ERR_PARSE;
	while (r.tier < TIERS && strcmp(tier, tier_names[r.tier]) != 0)
		r.tier++;
	if (r.tier == TIERS)
		return ERR_PARSE;
	if (manifest_find_run(m, r.name))
		return ERR_PARSE;
	return manifest_add_run(m, &r);
}

static bool is_side(const char *line, enum side s)
{
	size_t n = strlen(side_names[s]);

	return strncmp(line, side_names[s], n) == 0 && line[n] == ' ';
}

static int parse_side(struct manifest_side *s, const char *rest)
{
	int end = -1;

	if (sscanf(rest, "%63s %" SCNu64 " %" SCNu64 " %16" SCNx64 "%n", s->name,
	           &s->bytes, &s->entries, &s->checksum, &end) != 4 ||
	    rest[end] || !name_ok(s->name))
		return ERR_PARSE;
	return 0;
}

static int parse_line(struct manifest *m, const char *line)
{
	struct manifest_name merged;
	int end = -1;

	if (strncmp(line, "run ", 4) == 0)
		return parse_run(m, line);
	if (sscanf(line, "generation %" SCNu64 "%n", &m->generation, &end) == 1 ||
	    sscanf(line, "next %" SCNu64 "%n", &m->next, &end) == 1 ||
	    sscanf(line, "hosts %" SCNu64 "%n", &m->hosts, &end) == 1 ||
	    sscanf(line, "seen %" SCNu64 "%n", &m->seen, &end) == 1)
		return line[end] ? ERR_PARSE : 0;
	for (unsigned i = 0; i < SIDES; i++)
		if (is_side(line, (enum side)i))
			return parse_side(&m->side[i], line + strlen(side_names[i]) + 1);
	if (sscanf(line, "merged %63s%n", merged.s, &end) == 1 && !line[end] &&
	    name_ok(merged.s))
		return manifest_add_merged(m, merged.s);
	return ERR_PARSE;
}

/* The bytes are whole and of this version: *body is what the checksum covers. */
static int verify(const char *text, size_t n, size_t *body, const char *name,
                  struct diag *d)
{
	char line[SUM_LINE + 1];
	unsigned version = 0;
	uint64_t sum;

	if (n < SUM_LINE)
		return diag_set(d, ERR_TRUNC, "%s: offset %zu: cut short", name, n);
	*body = n - SUM_LINE;
	sum = checksum64(text, *body, 0);
	snprintf(line, sizeof(line), "checksum %016" PRIx64 "\n", sum);
	if (strncmp(text, MAGIC, strlen(MAGIC)) != 0)
		return diag_set(d, ERR_FORMAT,
		                "%s: offset 0: not the manifest of a hitlist", name);
	if (memcmp(text + *body, "checksum ", 9) != 0 || text[n - 1] != '\n')
		return diag_set(d, ERR_TRUNC,
		                "%s: offset %zu: no checksum line: cut short or damaged",
		                name, *body);
	if (memcmp(text + *body, line, SUM_LINE) != 0)
		return diag_set(d, ERR_CHECKSUM,
		                "%s: offset 0: the first %zu bytes are damaged, or the "
		                "checksum at offset %zu is",
		                name, *body, *body);
	if (sscanf(text, MAGIC "%u\n", &version) != 1 || version < VERSION_1 ||
	    version > VERSION)
		return diag_set(d, ERR_VERSION,
		                "%s: format version %u, this program reads %d to %d",
		                name, version, VERSION_1, VERSION);
	return 0;
}

int manifest_parse(struct manifest *m, char *text, size_t n, const char *name,
                   struct diag *d)
{
	size_t body = 0;
	char *p, *eol;
	int rc;

	*m = (struct manifest){ 0 };
	rc = verify(text, n, &body, name, d);
	if (rc < 0)
		return rc;
	p = memchr(text, '\n', n);
	for (p++; p < text + body; p = eol + 1) {
		eol = memchr(p, '\n', (size_t)(text + body - p));
		if (!eol)
			break;
		*eol = 0;
		rc = memchr(p, 0, (size_t)(eol - p)) ? ERR_PARSE : parse_line(m, p);
		if (rc < 0) {
			diag_set(d, rc, "%s: offset %td: cannot read '%.100s'", name,
			         p - text, p);
			manifest_fini(m);
			return rc;
		}
	}
	return 0;
}

int manifest_format(const struct manifest *m, char **text, size_t *n)
{
	FILE *f;
	uint64_t sum;

	*text = NULL;
	f = open_memstream(text, n);
	if (!f)
		return -ENOMEM;
	fprintf(f,
	        MAGIC "%d\ngeneration %" PRIu64 "\nnext %" PRIu64 "\nhosts %" PRIu64
	              "\nseen %" PRIu64 "\n",
	        m->side[SIDE_INPUTS].name[0] ? VERSION : VERSION_1, m->generation,
	        m->next, m->hosts, m->seen);
	for (unsigned i = 0; i < SIDES; i++) {
		const struct manifest_side *x = &m->side[i];

		if (x->name[0])
			fprintf(f, "%s %s %" PRIu64 " %" PRIu64 " %016" PRIx64 "\n",
			        side_names[i], x->name, x->bytes, x->entries,
			        x->checksum);
	}
	for (size_t i = 0; i < m->nruns; i++) {
		const struct manifest_run *r = &m->runs[i];

		fprintf(f,
		        "run %s %" PRIu64 " %s %" PRIu64 " %" PRIu64 " %016" PRIx64 "\n",
		        tier_names[r->tier], r->group, r->name, r->bytes, r->records,
		        r->checksum);
	}
	for (size_t i = 0; i < m->nmerged; i++)
		fprintf(f, "merged %s\n", m->merged[i].s);
	if (fflush(f) == 0 && *text) {
		sum = checksum64(*text, *n, 0);
		fprintf(f, "checksum %016" PRIx64 "\n", sum);
	}
	if (ferror(f) | fclose(f)) {
		free(*text);
		*text = NULL;
		return -ENOMEM;
	}
	return 0;
}

bool manifest_is_in(const char *dir)
{
	char path[FS_PATH_MAX], head[sizeof(MAGIC)] = "";
	FILE *f = fs_join(path, dir, "MANIFEST", NULL) == 0 ? fopen(path, "re") : NULL;
	bool is = f && fread(head, 1, strlen(MAGIC), f) == strlen(MAGIC) &&
	          strcmp(head, MAGIC) == 0;

	if (f)
		fclose(f);
	return is;
}

int manifest_load(struct manifest *m, const char *dir, struct diag *d)
{
	char path[FS_PATH_MAX];
	uint8_t *text;
	size_t n;
	int rc = fs_join(path, dir, "MANIFEST", d);

	*m = (struct manifest){ 0 };
	if (rc == 0)
		rc = fs_read(&text, &n, path, d);
	if (rc < 0)
		return rc;
	rc = manifest_parse(m, (char *)text, n, path, d);
	free(text);
	return rc;
}

int manifest_save(const struct manifest *m, const char *dir, struct diag *d)
{
	char path[FS_PATH_MAX], *text;
	size_t n;
	int rc = fs_join(path, dir, "MANIFEST", d);

	if (rc == 0)
		rc = manifest_format(m, &text, &n);
	if (rc < 0)
		return rc;
	rc = fs_replace(path, text, n, d);
	free(text);
	return rc;
}
