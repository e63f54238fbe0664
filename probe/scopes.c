#include "probe/scopes.h"

#include "common/log.h"

int scopes_read(struct scopes *s, const struct scope_config *cfg, struct diag *d)
{
	struct scope *fresh, **old = &s->retired[s->n_retired % SCOPES_KEPT];
	int rc = scope_new(&fresh, cfg, d);

	if (rc < 0)
		return rc;
	if (s->now) {
		scope_free(*old);
		*old = s->now;
		s->n_retired++;
	}
	s->now = fresh;
	return 0;
}

const struct scope *scopes_reload(struct scopes *s, const struct scope_config *cfg)
{
	struct diag d = { "" };
	int rc = scopes_read(s, cfg, &d);

	if (rc < 0) {
		log_warn("%s: the lists stay as they were", diag_str(&d, rc));
		return NULL;
	}
	log_info("blocklists and allowlists were read again");
	return s->now;
}

void scopes_fini(struct scopes *s)
{
	scope_free(s->now);
	for (unsigned i = 0; i < SCOPES_KEPT; i++)
		scope_free(s->retired[i]);
	*s = (struct scopes){ 0 };
}
