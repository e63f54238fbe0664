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

#include <stdbool.h>

/* Service ports, as addr6 lists them. */
static const uint16_t ports[] = {
	21,  22,  23,  25,  49,   53,   80,   110,  123,  179,  220,  389,
	443, 547, 993, 995, 1194, 3306, 5060, 5061, 5432, 6446, 8080,
};

/* The hex digits of v read as a decimal number; UINT32_MAX: they are not one. */
static uint32_t digits_as_decimal(uint16_t v)
{
	uint32_t n = 0;

	for (int shift = 12; shift >= 0; shift -= 4) {
		unsigned digit = v >> shift & 15;

		if (digit > 9)
			return UINT32_MAX;
		n = 10 * n + digit;
	}
	return n;
}

/* ::80 means port 80 to those who type it; ::50 is the same port in hex. */
static bool is_port(uint16_t word)
{
	uint32_t typed = digits_as_decimal(word);

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		if (word == ports[i] || typed == ports[i])
			return true;
	return false;
}

static unsigned zero_bytes(uint64_t iid)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 8; i++)
		n += (iid >> 8 * i & 0xff) == 0;
	return n;
}

/* With the upper half zero. */
static enum iid_class classify_low_half(uint32_t low)
{
	uint16_t w2 = (uint16_t)(low >> 16), w3 = (uint16_t)low;

	if (w2 <= 16 && is_port(w3))
		return IID_PORT;
	if (w3 <= 16 && is_port(w2))
		return IID_PORT_REVERSED;
	if (low >> 24 && w3)
		return IID_IPV4_32;
	if (low >> 24 == 0 && w3)
		return IID_LOW_BYTE;
	return IID_CLASSES;
}

enum iid_class iid_classify(struct addr128 a)
{
	uint32_t high = (uint32_t)(a.lo >> 32), low = (uint32_t)a.lo;
	uint16_t w0 = (uint16_t)(high >> 16), w1 = (uint16_t)high;
	uint16_t w2 = (uint16_t)(low >> 16), w3 = (uint16_t)low;

	/* RFC 4291, appendix A: ...ff:fe..., universal bit set. */
	if ((high & 0x020000ff) == 0x020000ff && low >> 24 == 0xfe)
		return IID_EUI64;
	/* RFC 5214, section 6.1; the universal bit may be either. */
	if ((high & 0xfdffffff) == 0x00005efe)
		return IID_ISATAP;
	if (high == 0) {
		enum iid_class c = classify_low_half(low);

		if (c != IID_CLASSES)
			return c;
	}
	/* 192.0.2.1 as 192:0:2:1: each word at most 255 when read as typed. */
	if (w0 <= 0x255 && w1 <= 0x255 && w2 <= 0x255 && w3 <= 0x255)
		return IID_IPV4_64;
	return zero_bytes(a.lo) > 2 ? IID_PATTERN_BYTES : IID_RANDOM;
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
