/* common/observation.h - what a probe learned: the type that flows from probe
 * to hitlist, tgen and analysis, and its text and binary forms.
 *
 * One table (observation.c) names the fields and makes CSV, JSON lines and the
 * command-line field selection from it.  Names are ZMap's where ZMap has one. */
#ifndef COMMON_OBSERVATION_H
#define COMMON_OBSERVATION_H

#include "common/addr.h"
#include "common/err.h"
#include "common/writer.h"

enum obs_proto { OBS_ICMP, OBS_ICMP6, OBS_TCP, OBS_UDP, OBS_PROTOS };

enum obs_outcome {
	OBS_SILENT,      /* probed, no answer (nothing is received: for records) */
	OBS_OPEN,        /* the service answered: echo reply, SYN-ACK, UDP data */
	OBS_CLOSED,      /* the target itself said no: RST, port unreachable */
	OBS_UNREACHABLE, /* a router, or the target's network, said no */
	OBS_TIME_EXCEEDED,
	OBS_OTHER_ERROR, /* parameter problem, packet too big, ... */
	OBS_OUTCOMES
};

struct observation {
	struct addr128 target; /* the address that was probed */
	struct addr128 from;   /* who answered; differs in ICMP errors */
	uint64_t when_us;      /* wall clock at reception, since 1970 */
	uint32_t rtt_us;       /* 0: not known */
	uint32_t tag;          /* the probe's tag: the generator's region */
	uint16_t port;         /* of the target; 0 for ICMP */
	uint16_t sport;        /* ours, or the ICMP identifier */
	uint16_t vantage;      /* which node saw it */
	uint8_t proto;         /* enum obs_proto */
	uint8_t outcome;       /* enum obs_outcome */
	uint8_t hop_limit;     /* of the reply */
	uint8_t icmp_type, icmp_code;
	uint8_t tcp_flags;
	bool repeat;   /* this answer was seen before */
	bool cooldown; /* came after sending had ended */
};

/* The target is alive: it answered itself, whatever it said. */
static inline bool obs_is_alive(const struct observation *o)
{
	return (o->outcome == OBS_OPEN || o->outcome == OBS_CLOSED) &&
	       addr_eq(o->target, o->from);
}

const char *obs_proto_str(enum obs_proto p);     /* "icmp6", "tcp", ... */
const char *obs_outcome_str(enum obs_outcome o); /* "open", "closed", ... */

/* A choice of fields, in order: "saddr,ttl,rtt_us"; NULL text: the default
 * set.  "*" is every field.  ERR_PARSE names the unknown field in *d. */
enum { OBS_FIELDS_MAX = 32 };
struct obs_fields {
	uint8_t index[OBS_FIELDS_MAX];
	unsigned n;
};
int obs_fields_parse(struct obs_fields *f, const char *text, struct diag *d);

void obs_write_csv_header(struct writer *w, const struct obs_fields *f);
void obs_write_csv(struct writer *w, const struct obs_fields *f,
                   const struct observation *o);
void obs_write_json(struct writer *w, const struct obs_fields *f,
                    const struct observation *o); /* one line */

/* The field table, for --list-output-fields: NULL past the end. */
const char *obs_field_name(unsigned i);
const char *obs_field_help(unsigned i);

/* The value of field i, for those who want to look at it: a text is written to
 * text, addresses too. */
enum { OBS_TEXT_MAX = 64 };
enum obs_kind { OBS_NOTHING, OBS_NUMBER, OBS_TEXT };
enum obs_kind obs_field_value(unsigned i, const struct observation *o, uint64_t *number,
                              char text[static OBS_TEXT_MAX]);

/* Fixed-size little-endian record with its own check value, so that a torn or
 * changed one is noticed.  Decode: 0, ERR_CHECKSUM, ERR_VERSION (a later version
 * of ours) or ERR_FORMAT (the check value fits, but not the rest); *o is left
 * alone on failure.  Encode wants proto and outcome within their enums. */
enum { OBS_RECORD_SIZE = 72 };
void obs_encode(uint8_t out[static OBS_RECORD_SIZE], const struct observation *o);
int obs_decode(struct observation *o, const uint8_t in[static OBS_RECORD_SIZE]);

#endif
