#include "analysis/kind.h"

#include <string.h>

#include "analysis/words.h"

/* ---- parts ------------------------------------------------------------- */

static bool is_unicast_v4(uint32_t v4)
{
	uint32_t first = v4 >> 24;

	return first >= 1 && first <= 223 && first != 127;
}

/* The digits of a word, all decimal, read as decimal: 0x443 is 443. */
static unsigned typed(unsigned word)
{
	return (word >> 12) * 1000 + (word >> 8 & 15) * 100 + (word >> 4 & 15) * 10 +
	       (word & 15);
}

/* Four typed decimal bytes: *v4 is what they spell. */
static bool typed_v4(uint64_t iid, uint32_t *v4)
{
	uint32_t out = 0;

	if (!is_decimal(iid))
		return false;
	for (int shift = 48; shift >= 0; shift -= 16) {
		unsigned byte = typed((uint16_t)(iid >> shift));

		if (byte > 255)
			return false;
		out = out << 8 | byte;
	}
	*v4 = out;
	return is_unicast_v4(out);
}

/* Two words, or one and nothing but small numbers beside it. */
static bool is_wordy(uint64_t iid)
{
	unsigned words = 0, small = 0;

	for (int shift = 48; shift >= 0; shift -= 16) {
		uint16_t w = (uint16_t)(iid >> shift);

		words += is_hex_word(w);
		small += w <= 0xff;
	}
	return words >= 2 || (words == 1 && small == 3);
}

static bool is_repeated(uint64_t iid)
{
	uint32_t digits = 0;

	if (iid == (iid >> 48) * UINT64_C(0x0001000100010001))
		return true;
	for (unsigned i = 0; i < 16; i++) {
		digits |= 1u << (iid >> 4 * i & 15);
		/* Two bits at most: without the lowest and the next, none. */
		if ((digits & (digits - 1)) & ((digits & (digits - 1)) - 1))
			return false;
	}
	return true;
}

static bool is_anycast(uint64_t iid)
{
	return iid == 0 || iid >> 7 == UINT64_C(0xfdffffffffffff80) >> 7;
}

/* ---- kinds ------------------------------------------------------------- */

static bool is_nat64(struct addr128 a)
{
	return a.hi == UINT64_C(0x0064ff9b00000000) && a.lo >> 32 == 0;
}

/* With the upper half of the identifier zero. */
static enum iid_kind kind_of_low_half(uint32_t low)
{
	if (low >> 16 <= 9 && port_typed((uint16_t)low))
		return KIND_PORT;
	if (is_wordy(low))
		return KIND_WORDY;
	if (low >> 24 == 0)
		return KIND_LOW;
	if (is_unicast_v4(low) && (low & 0xffff))
		return KIND_IPV4;
	return IID_KINDS;
}

enum iid_kind iid_kind_of(struct addr128 a)
{
	uint32_t high = (uint32_t)(a.lo >> 32), v4;

	if (is_nat64(a))
		return KIND_NAT64;
	if (a.hi >> 32 == 0x20010000)
		return KIND_TEREDO;
	if (is_anycast(a.lo))
		return KIND_ANYCAST;
	/* RFC 4291, appendix A: the group bit of a host's address is 0. */
	if ((a.lo >> 24 & 0xffff) == 0xfffe && !(a.lo >> 56 & 1))
		return a.lo >> 57 & 1 ? KIND_EUI64 : KIND_EUI64_LOCAL;
	if ((high & 0xfdffffff) == 0x00005efe)
		return KIND_ISATAP;
	if (high == 0) {
		enum iid_kind k = kind_of_low_half((uint32_t)a.lo);

		if (k != IID_KINDS)
			return k;
	}
	if (is_wordy(a.lo))
		return KIND_WORDY;
	if (typed_v4(a.lo, &v4))
		return KIND_IPV4_TYPED;
	if (is_repeated(a.lo))
		return KIND_REPEATED;
	return zero_bytes(a.lo) > 2 ? KIND_PATTERN : KIND_RANDOM;
}

const char *iid_kind_str(enum iid_kind k)
{
	static const char *const names[IID_KINDS] = {
		[KIND_NAT64] = "nat64",
		[KIND_TEREDO] = "teredo",
		[KIND_ANYCAST] = "anycast",
		[KIND_EUI64] = "eui64",
		[KIND_EUI64_LOCAL] = "eui64-local",
		[KIND_ISATAP] = "isatap",
		[KIND_PORT] = "port",
		[KIND_WORDY] = "wordy",
		[KIND_IPV4] = "ipv4",
		[KIND_IPV4_TYPED] = "ipv4-typed",
		[KIND_LOW] = "low",
		[KIND_REPEATED] = "repeated",
		[KIND_PATTERN] = "pattern",
		[KIND_RANDOM] = "random",
	};

	return k < IID_KINDS ? names[k] : "unknown";
}

bool addr_embedded_v4(struct addr128 a, uint32_t *v4)
{
	uint32_t out;

	switch (iid_kind_of(a)) {
	case KIND_NAT64:
	case KIND_ISATAP:
	case KIND_IPV4: out = (uint32_t)a.lo; break;
	case KIND_IPV4_TYPED:
		if (!typed_v4(a.lo, &out))
			return false;
		break;
	default:
		if (a.hi >> 48 != 0x2002)
			return false;
		out = (uint32_t)(a.hi >> 16);
	}
	if (!is_unicast_v4(out))
		return false;
	*v4 = out;
	return true;
}

bool addr_v4_verified(struct addr128 a)
{
	uint32_t v4 = (uint32_t)(a.hi >> 16), spelt;

	if (a.hi >> 48 != 0x2002 || !is_unicast_v4(v4))
		return false;
	return (uint32_t)a.lo == v4 || (typed_v4(a.lo, &spelt) && spelt == v4);
}

uint16_t addr_embedded_port(struct addr128 a)
{
	uint16_t low = (uint16_t)a.lo, above = (uint16_t)(a.lo >> 16);

	if (iid_kind_of(a) == KIND_PORT)
		return port_typed(low);
	switch (iid_classify(a)) {
	case IID_PORT: break;
	case IID_PORT_REVERSED: low = above; break;
	default: return 0;
	}
	return port_of_word(low);
}
