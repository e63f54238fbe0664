/* Interface identifier classes as the SI6 toolkit's addr6 v2.2 has them, its
 * quirks included, so that figures can be compared with published ones:
 *
 *  - the subnet-router anycast address (prefix::) and prefix::1:0 are counted
 *    as IPv4 in four words (0.0.0.0, 0.0.1.0);
 *  - any 32-bit value above 0.255.255.255 with a nonzero low half is "IPv4",
 *    ::dead:beef for instance;
 *  - ::53, ::80 and ::443 are ports, not low-byte;
 *  - an EUI-64 identifier without the universal bit is random, and so is one
 *    that repeats a nibble.
 *
 * The first rule that matches decides. */
#include "analysis/analysis.h"
#include "analysis/words.h"

enum iid_class iid_classify(struct addr128 a)
{
	return iid_class_by_rules(a);
}

const char *iid_class_str(enum iid_class c)
{
	static const char *const names[IID_CLASSES] = {
		[IID_EUI64] = "ieee-derived",
		[IID_ISATAP] = "isatap",
		[IID_PORT] = "embedded-port",
		[IID_PORT_REVERSED] = "embedded-port-reversed",
		[IID_IPV4_32] = "embedded-ipv4",
		[IID_LOW_BYTE] = "low-byte",
		[IID_IPV4_64] = "embedded-ipv4-64",
		[IID_PATTERN_BYTES] = "byte-pattern",
		[IID_RANDOM] = "randomized",
	};

	return c < IID_CLASSES ? names[c] : "unknown";
}
