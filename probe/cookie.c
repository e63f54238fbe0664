#include "probe/cookie.h"

#include <endian.h>
#include <string.h>

/* SipHash-2-4 of whole 64-bit words, as mac64() of their little-endian bytes.  It is
 * here because it is a third of the work for a packet: inlined, it takes half the
 * time of a call with a buffer.
 *
 * A round is a chain of a dozen dependent instructions, so that one hash leaves most
 * of the processor idle; nor is there anything else to be done at the same time.
 * The same steps on vectors do eight flows in little more than the time of one.  They
 * are written once, for a type W that is a word or a vector of words (GCC's and
 * clang's vector extensions), and compiled for each set of instructions. */
#define ROTATE(x, n) ((x) << (n) | (x) >> (64 - (n)))

#define SIP_ROUND(v)                                  \
	do {                                          \
		(v)[0] += (v)[1];                     \
		(v)[2] += (v)[3];                     \
		(v)[1] = ROTATE((v)[1], 13) ^ (v)[0]; \
		(v)[3] = ROTATE((v)[3], 16) ^ (v)[2]; \
		(v)[0] = ROTATE((v)[0], 32) + (v)[3]; \
		(v)[2] += (v)[1];                     \
		(v)[3] = ROTATE((v)[3], 21) ^ (v)[0]; \
		(v)[1] = ROTATE((v)[1], 17) ^ (v)[2]; \
		(v)[2] = ROTATE((v)[2], 32);          \
	} while (0)

#define SIP_WORD(v, m)         \
	do {                   \
		(v)[3] ^= (m); \
		SIP_ROUND(v);  \
		SIP_ROUND(v);  \
		(v)[0] ^= (m); \
	} while (0)

/* The state before the first word, and the last word of a message of n words. */
struct start {
	uint64_t v[4], end;
};

static struct start start(const struct mac_key *key, unsigned n)
{
	uint64_t k[2];

	memcpy(k, key->k, sizeof(k));
	k[0] = le64toh(k[0]);
	k[1] = le64toh(k[1]);
	return (struct start){ { k[0] ^ UINT64_C(0x736f6d6570736575),
		                 k[1] ^ UINT64_C(0x646f72616e646f6d),
		                 k[0] ^ UINT64_C(0x6c7967656e657261),
		                 k[1] ^ UINT64_C(0x7465646279746573) },
		               (uint64_t)(8 * n) << 56 };
}

static inline uint64_t sip(const struct mac_key *key, const uint64_t *words, unsigned n)
{
	struct start s = start(key, n);
	uint64_t *v = s.v;

	for (unsigned i = 0; i < n; i++)
		SIP_WORD(v, words[i]);
	SIP_WORD(v, s.end);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		SIP_ROUND(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Always 16 bytes an address: an IPv4 flow is never taken for another. */
uint64_t cookie_flow(const struct mac_key *key, const struct probe_flow *f)
{
	const uint64_t words[COOKIE_FLOW_WORDS] = {
		f->src.hi,
		f->src.lo,
		f->dst.hi,
		f->dst.lo,
		(uint64_t)f->port << 16 | (uint64_t)f->proto << 8,
	};

	return sip(key, words, COOKIE_FLOW_WORDS);
}

/* The messages of the two kinds differ in length, so no input of one is an input of
 * the other.  That two flows have the same cookie, and with it the same second ones,
 * happens once in 2^64 pairs, and nobody can tell which: no more than half of a
 * flow's cookie is ever seen. */
uint64_t cookie_data_of(const struct mac_key *key, uint64_t flow_cookie, uint32_t tag,
                        uint64_t time_us)
{
	const uint64_t words[COOKIE_DATA_WORDS] = { flow_cookie, tag, time_us };

	return sip(key, words, COOKIE_DATA_WORDS);
}

uint64_t cookie_data(const struct mac_key *key, const struct probe_flow *f, uint32_t tag,
                     uint64_t time_us)
{
	return cookie_data_of(key, cookie_flow(key, f), tag, time_us);
}

/* Eight messages of N words, of which word w lies at WORD(w)[0..7]. */
#define SIP_LANES(W, key, N, WORD, out)                            \
	do {                                                       \
		struct start s_ = start(key, N);                   \
		W v[4], *out_ = (W *)(void *)(out);                \
                                                                   \
		for (int i_ = 0; i_ < 4; i_++)                     \
			v[i_] = (W){ 0 } + s_.v[i_];               \
		for (unsigned i_ = 0; i_ < (N); i_++) {            \
			W m_ = *(const W *)(const void *)WORD(i_); \
                                                                   \
			SIP_WORD(v, m_);                           \
		}                                                  \
		SIP_WORD(v, s_.end);                               \
		v[2] ^= 0xff;                                      \
		for (int i_ = 0; i_ < 4; i_++)                     \
			SIP_ROUND(v);                              \
		*out_ = v[0] ^ v[1] ^ v[2] ^ v[3];                 \
	} while (0)

#define FLOW_WORD(w) (&b->word[w][i])
#define DATA_WORD(w) ((w) ? &b->data[(w)-1][i] : &b->flow_cookie[i])

/* flows_NAME() and data_NAME(), for processors that have what ATTRIBUTE says. */
#define DEFINE(NAME, W, LANES, ATTRIBUTE)                                         \
	ATTRIBUTE static void flows_##NAME(struct cookie_batch *b,                \
	                                   const struct mac_key *key, unsigned n) \
	{                                                                         \
		for (unsigned i = 0; i < n; i += (LANES))                         \
			SIP_LANES(W, key, COOKIE_FLOW_WORDS, FLOW_WORD,           \
			          &b->flow_cookie[i]);                            \
	}                                                                         \
	ATTRIBUTE static void data_##NAME(struct cookie_batch *b,                 \
	                                  const struct mac_key *key, unsigned n)  \
	{                                                                         \
		for (unsigned i = 0; i < n; i += (LANES))                         \
			SIP_LANES(W, key, COOKIE_DATA_WORDS, DATA_WORD,           \
			          &b->data_cookie[i]);                            \
	}

typedef uint64_t word1 __attribute__((may_alias));
DEFINE(plain, word1, 1, )

#ifdef __x86_64__
typedef uint64_t word4 __attribute__((vector_size(32), aligned(8), may_alias));
typedef uint64_t word8 __attribute__((vector_size(64), aligned(8), may_alias));
DEFINE(avx2, word4, 4, __attribute__((target("avx2"))))
DEFINE(avx512, word8, 8, __attribute__((target("avx512f"))))
#endif

void cookie_batch_flows(struct cookie_batch *b, const struct mac_key *key, unsigned n)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx512f"))
		return flows_avx512(b, key, n);
	if (__builtin_cpu_supports("avx2"))
		return flows_avx2(b, key, n);
#endif
	flows_plain(b, key, n);
}

void cookie_batch_data(struct cookie_batch *b, const struct mac_key *key, unsigned n)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx512f"))
		return data_avx512(b, key, n);
	if (__builtin_cpu_supports("avx2"))
		return data_avx2(b, key, n);
#endif
	data_plain(b, key, n);
}
