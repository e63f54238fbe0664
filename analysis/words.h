/* analysis/words.h - what the words and bytes of interface identifiers spell. */
#ifndef ANALYSIS_WORDS_H
#define ANALYSIS_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/analysis.h"

/* Both tables are perfect hashes, with multipliers found by trial: each entry is in
 * the row that its slot function gives. */

/* A service port, as addr6 lists them: as the number itself, or as people type it,
 * for whom ::80 means port 80. */
struct port_word {
	uint16_t word, port;
};
extern const struct port_word port_words[128];

#define PORT_HASH UINT32_C(0xe8414d8d)

static inline unsigned port_slot(uint16_t word)
{
	return word * PORT_HASH >> 25;
}

/* The port that the word stands for in either way; 0: none. */
static inline uint16_t port_of_word(uint16_t word)
{
	const struct port_word *p = &port_words[port_slot(word)];

	return p->word == word ? p->port : 0;
}

/* The port whose digits the word has: 0x443 is 443.  0: none. */
static inline uint16_t port_typed(uint16_t word)
{
	uint16_t port = port_of_word(word);

	return port != word ? port : 0;
}

/* English, or what passes for it, in hex digits: 0xcafe. */
extern const uint16_t hex_words[128];

static inline bool is_hex_word(uint16_t w)
{
	return hex_words[w * UINT32_C(0xd8f16adf) >> 25] == w && w;
}

static inline unsigned zero_bytes(uint64_t iid)
{
	const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);
	uint64_t nonzero = ((iid & low) + low) | iid;

	/* The sum of eight bits, one in each byte. */
	return 8 - (unsigned)((nonzero >> 7 & UINT64_C(0x0101010101010101)) *
	                              UINT64_C(0x0101010101010101) >>
	                      56);
}

/* Whether all hex digits are decimal ones. */
static inline bool is_decimal(uint64_t iid)
{
	return !(iid & (iid << 1 | iid << 2) & UINT64_C(0x8888888888888888));
}

/* 192.0.2.1 as 192:0:2:1: each word at most 255 when read as typed. */
static inline bool is_typed_v4(uint64_t iid)
{
	uint64_t rest = iid & UINT64_C(0x03ff03ff03ff03ff);

	/* 0x3ff + 0x1aa needs the eleventh bit, 0x255 + 0x1aa does not. */
	return rest == iid &&
	       !((rest + UINT64_C(0x01aa01aa01aa01aa)) & UINT64_C(0x0400040004000400));
}

/* The rules of iid.c.  All are tried, without a branch, and the first that holds counts: what
 * comes next in a list is hard to foretell, and a wrong guess costs more. */
static inline enum iid_class iid_class_by_rules(struct addr128 a)
{
	uint32_t high = (uint32_t)(a.lo >> 32), low = (uint32_t)a.lo;
	uint16_t w2 = (uint16_t)(low >> 16), w3 = (uint16_t)low;
	uint32_t short_iid = high == 0, rules = 1u << IID_RANDOM;
	/* Ports are above 16, so that only one of both words can be one. */
	uint32_t reversed = w2 > 16, port = port_of_word(reversed ? w2 : w3) != 0;

	/* RFC 4291, appendix A: ...ff:fe..., universal bit set. */
	rules |= (uint32_t)((a.lo & UINT64_C(0x020000ffff000000)) ==
	                    UINT64_C(0x020000fffe000000))
	         << IID_EUI64;
	/* RFC 5214, section 6.1; the universal bit may be either. */
	rules |= (uint32_t)((high & 0xfdffffff) == 0x00005efe) << IID_ISATAP;
	_Static_assert(IID_PORT_REVERSED == IID_PORT + 1, "shifted by one");
	rules |= (short_iid & port & ((w2 <= 16) | (w3 <= 16))) << (IID_PORT + reversed);
	_Static_assert(IID_LOW_BYTE == IID_IPV4_32 + 1, "shifted by one");
	rules |= (short_iid & (w3 != 0)) << (IID_IPV4_32 + (low >> 24 == 0));
	rules |= (uint32_t)is_typed_v4(a.lo) << IID_IPV4_64;
	rules |= (uint32_t)(zero_bytes(a.lo) > 2) << IID_PATTERN_BYTES;
	return (enum iid_class)__builtin_ctz(rules);
}

#endif
