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

/* Why an answer may come from somebody on the way and not from the target.  An
 * injected answer says nothing about the target: obs_is_alive() is false. */
enum obs_signal {
	OBS_SIGNAL_TEREDO = 1,  /* an AAAA record within 2001::/32 */
	OBS_SIGNAL_FAMILY = 2,  /* an A record for an AAAA question, or vice versa */
	OBS_SIGNAL_CONTROL = 4, /* addresses for a name that does not exist */
	OBS_SIGNAL_DIFFERS = 8, /* another answer to the same question came before */
	OBS_SIGNALS = 15,
};

/* What else an answer said, by what it was. */
enum obs_detail { OBS_PLAIN, OBS_SEGMENT, OBS_DATAGRAM, OBS_DNS, OBS_QUIC, OBS_NODE };

enum { OBS_MORE_SIZE = 48 };

enum { OBS_TCP_MSS = 1, OBS_TCP_WSCALE = 2, OBS_TCP_SACK = 4, OBS_TCP_TIME = 8 };
struct obs_segment { /* TCP header and options */
	uint32_t seq, ack, ts_val, ts_ecr;
	uint16_t window, mss;
	uint8_t wscale;
	uint8_t options; /* which of them there were */
};

struct obs_datagram {    /* UDP */
	uint16_t length; /* of the payload; bytes[] holds its beginning */
	uint8_t bytes[OBS_MORE_SIZE - 2];
};

struct obs_dns {
	uint16_t flags;         /* the header's second word, with the RCODE */
	uint16_t answers;       /* records in the answer section */
	uint8_t n;              /* addresses among them, 255: or more */
	uint32_t digest;        /* of all of them, whatever their order */
	struct addr128 addr[2]; /* the first ones */
};

struct obs_quic {
	uint8_t n; /* versions offered, 255: or more */
	uint32_t version[11];
};

struct obs_node {  /* RFC 4620 */
	uint8_t n; /* addresses, 255: or more */
	union {
		struct addr128 addr[2];       /* the first ones, when n > 0 */
		char name[OBS_MORE_SIZE - 8]; /* else: NUL-terminated, maybe cut */
	};
};

struct observation {
	struct addr128 target; /* the address that was probed */
	struct addr128 from;   /* who answered; differs in ICMP errors */
	struct addr128 to;     /* our own address; :: when not known */
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
	bool repeat;     /* this answer was seen before */
	bool cooldown;   /* came after sending had ended */
	bool has_quoted; /* ->quoted is known */
	uint8_t hop;     /* hop limit that the probe was sent with; 0: not told */
	uint8_t quoted;  /* what was left of it in the packet that an error quotes */
	uint8_t signals; /* enum obs_signal, or-ed */
	uint8_t detail;  /* enum obs_detail: which of the following */
	union {
		struct obs_segment tcp;
		struct obs_datagram udp;
		struct obs_dns dns;
		struct obs_quic quic;
		struct obs_node node;
		uint8_t bytes[OBS_MORE_SIZE];
	} more;
};

_Static_assert(sizeof(((struct observation *)0)->more) == OBS_MORE_SIZE,
               "the longest of them fills it");

/* Somebody on the way may have made this answer. */
static inline bool obs_is_injected(const struct observation *o)
{
	return o->signals != 0;
}

/* The target is alive: it answered itself, whatever it said. */
static inline bool obs_is_alive(const struct observation *o)
{
	return (o->outcome == OBS_OPEN || o->outcome == OBS_CLOSED) &&
	       addr_eq(o->target, o->from) && !obs_is_injected(o);
}

/* It answers a question to UDP port 53: a forged answer may still come behind it. */
static inline bool obs_is_name_answer(const struct observation *o)
{
	return o->proto == OBS_UDP && o->port == 53 && o->outcome == OBS_OPEN;
}

const char *obs_proto_str(enum obs_proto p);     /* "icmp6", "tcp", ... */
const char *obs_outcome_str(enum obs_outcome o); /* "open", "closed", ... */

/* A choice of fields, in order: "saddr,ttl,rtt_us"; NULL text: the default
 * set.  "*" is every field.  ERR_PARSE names the unknown field in *d. */
enum { OBS_FIELDS_MAX = 64 };
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
enum { OBS_TEXT_MAX = 128 };
enum obs_kind { OBS_NOTHING, OBS_NUMBER, OBS_TEXT };
enum obs_kind obs_field_value(unsigned i, const struct observation *o, uint64_t *number,
                              char text[static OBS_TEXT_MAX]);

/* Fixed-size little-endian record with its own check value, so that a torn or
 * changed one is noticed.  Decode: 0, ERR_CHECKSUM, ERR_VERSION (a later version
 * of ours) or ERR_FORMAT (the check value fits, but not the rest); *o is left
 * alone on failure.  Encode wants proto and outcome within their enums.
 *
 * The record holds all but ->to, ->detail and ->more.  Version 1 is written where
 * hop, quoted and signals say nothing, else version 2; both are read. */
enum { OBS_RECORD_SIZE = 72 };
void obs_encode(uint8_t out[static OBS_RECORD_SIZE], const struct observation *o);
int obs_decode(struct observation *o, const uint8_t in[static OBS_RECORD_SIZE]);

/* The rest, as a record of the same size behind the first; for those who keep it.
 * obs_is_more() tells the two kinds apart.  Decode adds to *o. */
void obs_encode_more(uint8_t out[static OBS_RECORD_SIZE], const struct observation *o);
bool obs_is_more(const uint8_t in[static OBS_RECORD_SIZE]);
int obs_decode_more(struct observation *o, const uint8_t in[static OBS_RECORD_SIZE]);

#endif
