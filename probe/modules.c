#include "probe/module.h"

#include <stdlib.h>
#include <string.h>

#include "probe/probe.h"

static const struct probe_module *const modules[] = {
	&probe_icmp6_echo, &probe_icmp_echo,  &probe_tcp_syn,     &probe_udp,
	&probe_tcp_ack,    &probe_tcp_synack, &probe_icmp_time,   &probe_dns,
	&probe_quic,       &probe_icmp6_ni,   &probe_tcp_connect,
};

enum { MODULES = sizeof(modules) / sizeof(modules[0]) };

const struct probe_module *module_at(unsigned i)
{
	return i < MODULES ? modules[i] : NULL;
}

/* People's other names for them: ZMap's, ZMapv6's and XMap's. */
static const struct {
	const char *alias, *name;
} aliases[] = {
	{ "icmp6_echoscan", "icmp6-echo" },
	{ "icmp_echoscan", "icmp-echo" },
	{ "icmp_echo", "icmp-echo" },
	{ "tcp_synscan", "tcp-syn" },
	{ "ipv6_tcp_synscan", "tcp-syn" },
	{ "tcp_syn", "tcp-syn" },
	{ "ipv6_udp", "udp" },
	{ "tcp_synackscan", "tcp-synack" },
	{ "icmp_echo_time", "icmp-time" },
	{ "ipv6_dns", "dns" },
	{ "quic_initial", "quic" },
	{ "ipv6_quic_initial", "quic" },
};

static bool is_called(const char *spec, const char *name)
{
	size_t n = strcspn(spec, "=");

	return strlen(name) == n && !memcmp(spec, name, n);
}

const struct probe_module *module_find(const char *name)
{
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (is_called(name, aliases[i].alias)) {
			name = aliases[i].name;
			break;
		}
	for (unsigned i = 0; i < MODULES; i++)
		if (is_called(name, modules[i]->name))
			return modules[i];
	return NULL;
}

const char *module_ports(const char *name)
{
	const char *eq = strchr(name, '=');

	return eq ? eq + 1 : NULL;
}

/* What others have as modules and we in another way. */
static const struct {
	const char *begins, *instead;
} hints[] = {
	{ "ntp", "-M udp -p 123 asks for the time" },
	{ "upnp", "-M udp -p 1900 sends M-SEARCH" },
	{ "bacnet", "-M udp -p 47808 asks for the device" },
	{ "traceroute", "--hop-limit A-B traces, with any of the modules" },
	{ "icmp6_echo_time", "icmp6-echo has the time in rtt_us" },
	{ "icmp_echo_gw", "icmp-echo reports who sends errors" },
	{ "icmp_echo_tmxd", "--hop-limit A-B finds loops" },
	{ "tcp_synopt", "tcp-syn has mss, window and no-timestamp; other options of TCP "
	                "are not offered" },
	{ "ipv6_tcp_synopt", "tcp-syn has mss, window and no-timestamp; other options of "
	                     "TCP are not offered" },
	{ "tcp_scan", "tcp-syn, tcp-ack or tcp-synack" },
	{ "dns", "dns has name, type and label (--probe-args)" },
	{ "ipip", "packets in tunnels are not offered" },
};

int module_unknown(const char *name, struct diag *d)
{
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (!strncmp(name, hints[i].begins, strlen(hints[i].begins)))
			return diag_set(d, ERR_PARSE,
			                "there is no probe module '%.40s': %s", name,
			                hints[i].instead);
	return diag_set(d, ERR_PARSE,
	                "there is no probe module '%.40s' (--list-probe-modules lists "
	                "them)",
	                name);
}

const char *probe_module_name(unsigned i)
{
	return i < MODULES ? modules[i]->name : NULL;
}

bool probe_module_has_port(const char *name)
{
	const struct probe_module *m = module_find(name);

	return m && m->has_port;
}

const char *probe_module_summary(unsigned i)
{
	return i < MODULES ? modules[i]->summary : NULL;
}

static bool set_value(void *state, const struct opt *o, const char *value)
{
	char *field = (char *)state + o->offset;

	switch (o->type) {
	case OPT_TYPE_FLAG: *(bool *)field = true; return !value;
	case OPT_TYPE_STR: *(const char **)field = value; return value;
	case OPT_TYPE_COUNT: return value && opt_parse_count((uint64_t *)field, value);
	case OPT_TYPE_DOUBLE: return value && opt_parse_double((double *)field, value);
	case OPT_TYPE_DURATION:
		return value && opt_parse_duration((uint64_t *)field, value);
	case OPT_TYPE_ENUM:
		for (unsigned i = 0; value && o->choices[i]; i++)
			if (!strcmp(o->choices[i], value)) {
				*(unsigned *)field = i;
				return true;
			}
		return false;
	case OPT_TYPE_LIST:
	case OPT_TYPE_REFUSED:
	case OPT_TYPE_IGNORED: break;
	}
	return false;
}

static const struct opt *find_opt(const struct probe_module *m, const char *arg, size_t n)
{
	for (const struct opt *o = m->opts; o && o->name; o++)
		if (strlen(o->name) == n && !memcmp(o->name, arg, n))
			return o;
	return NULL;
}

int module_state_new(void **out, const struct probe_module *m,
                     const struct opt_list *args, bool used[], struct diag *d)
{
	void *state = calloc(1, m->state_size ? m->state_size : 1);
	int rc;

	if (!state)
		return -ENOMEM;
	if (m->state_size)
		memcpy(state, m->defaults,
		       m->defaults_size ? m->defaults_size : m->state_size);
	for (size_t i = 0; i < args->n; i++) {
		const char *arg = args->v[i], *eq = strchr(arg, '=');
		const struct opt *o =
			find_opt(m, arg, eq ? (size_t)(eq - arg) : strlen(arg));

		if (!o)
			continue;
		used[i] = true;
		if (!set_value(state, o, eq ? eq + 1 : NULL)) {
			rc = diag_set(d, ERR_PARSE, "%s: bad probe argument '%s' (%s)",
			              m->name, arg, o->help);
			goto fail;
		}
	}
	rc = m->prepare ? m->prepare(state, d) : 0;
	if (rc == 0 && m->check)
		rc = m->check(state, d);
	if (rc < 0)
		goto fail;
	*out = state;
	return 0;
fail:
	free(state);
	return rc;
}
