/* probe/packet_text.h - a packet in one line, for --packet-trace. */
#ifndef PROBE_PACKET_TEXT_H
#define PROBE_PACKET_TEXT_H

#include "probe/packet.h"

enum { PACKET_TEXT_MAX = 256 };

/* "udp [2001:db8::1]:40000 > [2001:db8::2]:53, 60 bytes, hop limit 64", or that it
 * cannot be read.  Returns buf. */
const char *packet_text(char buf[PACKET_TEXT_MAX], struct wire w, enum packet_l2 l2);

/* Time, what ("SENT"), and the packet, as a line on stderr. */
void packet_trace(const char *what, struct wire w, enum packet_l2 l2);

#endif
