/* probe/scan_foreign.h - options of ZMap, XMap and masscan that `probe scan` does not
 * have: what to do instead, or that they make no difference.  Also for their files. */
#ifndef PROBE_SCAN_FOREIGN_H
#define PROBE_SCAN_FOREIGN_H

#include "common/opt.h"

/* In files these stay unmentioned, where the reason is NULL: masscan --echo writes
 * many of them. */
#define SCAN_FOREIGN_IGNORED                                                             \
	OPT_IGNORED("randomize-hosts", 0, NULL), OPT_IGNORED("nocapture", 1, NULL),      \
		OPT_IGNORED("capture", 1, NULL), OPT_IGNORED("show", 1, NULL),           \
		OPT_IGNORED("noshow", 1, NULL), OPT_IGNORED("min-packet", 1, NULL),      \
		OPT_IGNORED("connection-timeout", 1, NULL),                              \
		OPT_IGNORED("summary", 0, NULL), OPT_IGNORED("disable-syslog", 0, NULL), \
		OPT_IGNORED("rotatesize", 1, NULL),                                      \
		OPT_IGNORED("blackrock-rounds", 1, NULL), OPT_IGNORED("debug", 1, NULL), \
		OPT_IGNORED("output-status", 1, NULL),                                   \
		OPT_IGNORED("interactive", 0, NULL), OPT_IGNORED("pfring", 0, NULL),     \
		OPT_IGNORED("netmap", 0, NULL),                                          \
		OPT_IGNORED("http-user-agent", 1, "--contact says who asks"),            \
		OPT_IGNORED("ignore-blacklist-errors", 0,                                \
	                    "a bad line of a blocklist ends the scan all the same"),     \
		OPT_IGNORED("ignore-blocklist-errors", 0,                                \
	                    "a bad line of a blocklist ends the scan all the same"),     \
		OPT_IGNORED("ignore-blacklist-error", 0,                                 \
	                    "a bad line of a blocklist ends the scan all the same"),     \
		OPT_IGNORED("ignore-filelist-error", 0,                                  \
	                    "bad lines of a list are skipped"),                          \
		OPT_IGNORED("validate-source-port", 1,                                   \
	                    "the source port is always checked"),                        \
		OPT_IGNORED("batch", 1, "a batch is a millisecond's worth of packets"),  \
		OPT_IGNORED(                                                             \
			"pcap-filename", 1,                                              \
			"what is received is not kept: run tcpdump beside the scan"),    \
		OPT_IGNORED("send-eth", 0, NULL), OPT_IGNORED("nobacktrace", 0, NULL),   \
		OPT_IGNORED("stylesheet", 1, NULL)

#define SCAN_FOREIGN_REFUSED                                                             \
	OPT_REFUSED("fast-dryrun", 0,                                                    \
	            "--list-targets prints addresses and ports, --dryrun packets"),      \
		OPT_REFUSED("output-args", 1, "-O names the whole format"),              \
		OPT_REFUSED(                                                             \
			"arpscan", 0,                                                    \
			"--link ip probes targets on the link itself, the kernel finds " \
			"their MAC addresses"),                                          \
		OPT_REFUSED("arp", 0, "see --link ip, for targets on the link itself"),  \
		OPT_REFUSED("infinite", 0, "repeat the command, with --append-output"),  \
		OPT_REFUSED(                                                             \
			"resume-index", 1,                                               \
			"the order of targets is another one; --resume FILE goes on, "   \
			"--shards divides"),                                             \
		OPT_REFUSED("resume-count", 1,                                           \
	                    "--max-targets or --shards divides a scan"),                 \
		OPT_REFUSED("top-ports", 1, "name the ports (-p)"),                      \
		OPT_REFUSED(                                                             \
			"pcap", 1,                                                       \
			"what is received is not kept: run tcpdump beside the scan"),    \
		OPT_REFUSED("iflist", 0, "--check tells the way out"),                   \
		OPT_REFUSED("selftest", 0,                                               \
	                    "the tests come with the sources (./dev test)"),             \
		OPT_REFUSED("regress", 0,                                                \
	                    "the tests come with the sources (./dev test)"),             \
		OPT_REFUSED("hello-file", 1, "--banner says what its ports expect"),     \
		OPT_REFUSED("hello-string", 1, "--banner says what its ports expect"),   \
		OPT_REFUSED("hello-timeout", 1, "'probe grab --banner-wait' sets it"),   \
		OPT_REFUSED("heartbleed", 0, "no vulnerability is tested for"),          \
		OPT_REFUSED("ticketbleed", 0, "no vulnerability is tested for"),         \
		OPT_REFUSED("vuln", 1, "no vulnerability is tested for"),                \
		OPT_REFUSED("script", 1, "--banner says what its ports expect"),         \
		OPT_REFUSED("lan-mode", 0,                                               \
	                    "see --link ip, for targets on the link itself"),            \
		OPT_REFUSED("tcp-mss", 1, "--probe-args mss=N sets it"),                 \
		OPT_REFUSED("tcp-window", 1, "--probe-args window=N sets it"),           \
		OPT_REFUSED("tcp-wscale", 1,                                             \
	                    "tcp-syn has mss, window and no-timestamp"),                 \
		OPT_REFUSED("tcp-sackok", 1,                                             \
	                    "tcp-syn has mss, window and no-timestamp"),                 \
		OPT_REFUSED("nmap-payloads", 1,                                          \
	                    "payloads are built in; --payload file:FILE"),               \
		OPT_REFUSED("pcap-payloads", 1,                                          \
	                    "payloads are built in; --payload file:FILE"),               \
		OPT_REFUSED("list-iid-modules", 0,                                       \
	                    "--iid is one of low, rand, zero, full, "                    \
	                    "low_fill and ::N")

#define SCAN_FOREIGN_OPTS SCAN_FOREIGN_IGNORED, SCAN_FOREIGN_REFUSED

#endif
