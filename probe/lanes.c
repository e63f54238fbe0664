/* Which modules a scan has, and which ports are whose. */
#include "probe/lanes.h"

#include <stdlib.h>
#include <string.h>

#include "probe/ports.h"

static const char *const default_modules[] = { "icmp6-echo", "icmp-echo" };

static int add_lane(struct probe_scan *s, const struct probe_module *m, const void *state,
                    unsigned family, struct diag *d)
{
	if (s->n_lanes == REPLY_LANES)
		return diag_set(d, -EINVAL, "more than %d modules, by family",
		                REPLY_LANES);
	s->lanes[s->n_lanes++].reply = (struct reply_lane){ m, state, family, NULL };
	return 0;
}

static int set_ports(struct reply_lane *l, uint8_t *bits)
{
	free((void *)l->ports);
	l->ports = bits;
	return bits ? 0 : -ENOMEM;
}

/* The ports of "module=PORTS". */
static int name_ports(struct scan_lane *lane, const char *name, struct diag *d)
{
	struct reply_lane *l = &lane->reply;
	const char *text = module_ports(name);
	struct ports ports = { 0 };
	uint8_t *bits;
	int rc;

	if (!text)
		return 0;
	if (!l->module->has_port)
		return diag_set(d, ERR_PARSE, "%s: the module has no ports", name);
	rc = ports_add(&ports, text, d);
	if (rc < 0)
		return rc;
	if (ports_have(&ports, 0) || ports_have(&ports, PROBE_TCP) ||
	    ports_have(&ports, PROBE_UDP)) {
		ports_fini(&ports);
		return diag_set(d, ERR_PARSE, "%s: bare ports go there, as in 53,5353",
		                name);
	}
	bits = calloc(1, REPLY_PORT_BYTES);
	for (size_t i = 0; bits && i < ports.n; i++)
		bits[ports.v[i] / 8] |= (uint8_t)(1 << ports.v[i] % 8);
	ports_fini(&ports);
	lane->named_ports = bits != NULL;
	return set_ports(l, bits);
}

static bool are_rivals(const struct reply_lane *a, const struct reply_lane *b)
{
	return a != b && a->family == b->family && a->module->proto == b->module->proto;
}

/* Who goes first: whose ports were named, who is for one, who takes what is left. */
static unsigned rank(const struct scan_lane *l)
{
	return l->named_ports ? 2 : l->reply.module->usual_port ? 1 : 0;
}

/* Whether a port is a lane's by its own right. */
static bool claims(const struct scan_lane *l, unsigned port)
{
	switch (rank(l)) {
	case 2: return reply_lane_has(&l->reply, (uint16_t)port);
	case 1: return port == l->reply.module->usual_port;
	}
	return true;
}

static int refuse_rivals(const struct reply_lane *a, const struct reply_lane *b,
                         struct diag *d)
{
	const char *x = a->module->name, *y = b->module->name;

	if (!a->module->has_port)
		return diag_set(d, -EINVAL,
		                "%s and %s cannot share a scan: both have the same "
		                "protocol",
		                x, y);
	return diag_set(d, -EINVAL,
	                "%s and %s cannot share a scan: both have the same protocol "
	                "and ports (-M %s=PORTS says which)",
	                x, y, y);
}

/* A reply says by itself whose it is, and a target which module is meant, by family,
 * protocol and port.  So modules of one protocol have ports of their own: those that were
 * named, else the one that they are for, else, for one of them, what is left. */
static int share_ports(const struct probe_scan *s, const struct scan_lane *l,
                       uint8_t **out, struct diag *d)
{
	uint8_t *bits = calloc(1, REPLY_PORT_BYTES);

	if (!bits)
		return -ENOMEM;
	for (unsigned port = 0; port < 65536; port++)
		bits[port / 8] |= (uint8_t)(claims(l, port) << port % 8);
	for (unsigned i = 0; i < s->n_lanes; i++) {
		const struct scan_lane *other = &s->lanes[i];

		if (!are_rivals(&l->reply, &other->reply) || rank(other) < rank(l))
			continue;
		for (unsigned port = 0; port < 65536; port++) {
			uint8_t bit = (uint8_t)(1 << port % 8);

			if (!(bits[port / 8] & bit) || !claims(other, port))
				continue;
			if (rank(other) == rank(l)) {
				free(bits);
				return refuse_rivals(&l->reply, &other->reply, d);
			}
			bits[port / 8] &= (uint8_t)~bit;
		}
	}
	*out = bits;
	return 0;
}

/* All are asked before the first one's ports are changed: claims() looks at them. */
static int share_all(struct probe_scan *s, struct diag *d)
{
	uint8_t *bits[REPLY_LANES] = { NULL };
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < s->n_lanes; i++)
		for (unsigned k = 0; rc == 0 && !bits[i] && k < s->n_lanes; k++)
			if (are_rivals(&s->lanes[i].reply, &s->lanes[k].reply))
				rc = share_ports(s, &s->lanes[i], &bits[i], d);
	for (unsigned i = 0; i < s->n_lanes; i++) {
		if (rc == 0 && bits[i])
			set_ports(&s->lanes[i].reply, bits[i]);
		else
			free(bits[i]);
	}
	return rc;
}

/* What a module is without raw sockets. */
static int fit_privileges(const struct probe_scan *s, const struct probe_module **m,
                          struct diag *d)
{
	if (!s->cfg.unprivileged && (*m)->sockets == MODULE_CONNECT)
		return diag_set(d, -EINVAL, "%s is for --unprivileged", (*m)->name);
	if (!s->cfg.unprivileged)
		return 0;
	if (s->cfg.trace)
		return diag_set(d, -EPERM, "hop limits take raw sockets (CAP_NET_RAW)");
	if (*m == &probe_tcp_syn)
		*m = &probe_tcp_connect;
	if ((*m)->sockets == MODULE_RAW)
		return diag_set(d, -EPERM, "%s takes raw sockets (CAP_NET_RAW)",
		                (*m)->name);
	return 0;
}

static int add_module(struct probe_scan *s, const char *name, bool *args_used,
                      struct diag *d)
{
	const struct probe_module *m = module_find(name);
	int rc;

	if (!m)
		return module_unknown(name, d);
	rc = fit_privileges(s, &m, d);
	if (rc < 0)
		return rc;
	for (unsigned family = PROBE_V4; family <= PROBE_V6; family <<= 1) {
		void *state;

		if (!(m->families & family))
			continue;
		rc = module_state_new(&state, m, &s->cfg.module_args, args_used, d);
		if (rc < 0)
			return rc;
		rc = add_lane(s, m, state, family, d);
		if (rc < 0) {
			free(state);
			return rc;
		}
		rc = name_ports(&s->lanes[s->n_lanes - 1], name, d);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int lanes_open(struct probe_scan *s, struct diag *d)
{
	const struct probe_config *cfg = &s->cfg;
	size_t n = cfg->modules.n ? cfg->modules.n : 2;
	bool *used = calloc(cfg->module_args.n + 1, sizeof(*used));
	int rc = used ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = add_module(s,
		                cfg->modules.n ? cfg->modules.v[i] : default_modules[i],
		                used, d);
	for (size_t i = 0; rc == 0 && i < cfg->module_args.n; i++)
		if (!used[i])
			rc = diag_set(d, -EINVAL, "no module has the probe argument '%s'",
			              cfg->module_args.v[i]);
	free(used);
	return rc < 0 ? rc : share_all(s, d);
}

bool probe_takes_port(const struct probe_scan *s, uint32_t port)
{
	for (unsigned i = 0; i < s->n_lanes; i++)
		if (lane_fits(&s->lanes[i].reply, port))
			return true;
	return false;
}

void lane_fini(struct scan_lane *l)
{
	free((void *)l->reply.state);
	free((void *)l->reply.ports);
	free(l->templates);
	*l = (struct scan_lane){ 0 };
}
