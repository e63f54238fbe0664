#include "common/addr_scan.h"

#ifdef __x86_64__

#include <immintrin.h>
#include <stdbool.h>

/* A line is taken as a whole, without a loop or a branch for what it says: lines of
 * a list differ in form, and one wrong guess costs as much as all of this.
 *
 * Bit i of every mask is byte i of the text.  Hex digits become nibbles, what is
 * between them is dropped, and each digit goes to the place, out of 32, that the
 * length of its group and the "::" give it. */

#define BMI  __attribute__((target("bmi,bmi2,popcnt")))
#define AVX2 __attribute__((target("bmi,bmi2,popcnt,avx2")))
#define AVX512                 \
	__attribute__((target( \
		"bmi,bmi2,popcnt,avx2,avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2")))

struct line {
	uint64_t hex, colon; /* is_addr() cuts both at the first byte that is neither */
	unsigned len;
	/* The last digits of groups: of all, of those with two digits or more, ... */
	uint64_t ends, two, three, four;
	uint64_t gap;        /* the first colon of the "::" */
	unsigned group_bits; /* four for each group */
};

/* Whether it is an address: one gap (":::" are two) and up to seven groups, or no
 * gap and eight; no five digits; any other colon has a digit on both sides. */
BMI static inline bool is_addr(struct line *l)
{
	uint64_t hex, colon, single, wrong, whole;

	l->len = (unsigned)_tzcnt_u64(~(l->hex | l->colon));
	l->hex = hex = _bzhi_u64(l->hex, l->len);
	colon = _bzhi_u64(l->colon, l->len);
	l->gap = colon & colon >> 1;
	l->ends = hex & ~(hex >> 1);
	l->two = l->ends & hex << 1;
	l->three = l->two & hex << 2;
	l->four = l->three & hex << 3;
	single = colon & ~(l->gap | l->gap << 1);
	wrong = _blsr_u64(l->gap) | (l->four & hex << 4);
	wrong |= single & ~(hex << 1 & hex >> 1);
	/* 1: no gap, and so eight groups; 0: fewer, whatever the low bits are. */
	whole = (l->gap - 1) >> 63;
	l->group_bits = 4 * (unsigned)__builtin_popcountll(l->ends);
	wrong |= (l->group_bits ^ whole << 5) & ~((whole - 1) & 31);
	return !wrong;
}

/* Which of the 32 nibbles of the address are written, the first one lowest. */
BMI static inline uint32_t places(const struct line *l)
{
	uint64_t at = _bzhi_u64(0x88888888, l->group_bits) |
	              _pdep_u64(_pext_u64(l->two, l->ends), 0x44444444) |
	              _pdep_u64(_pext_u64(l->three, l->ends), 0x22222222) |
	              _pdep_u64(_pext_u64(l->four, l->ends), 0x11111111);
	/* Without a gap, all of them are before it, and there are eight. */
	uint64_t head =
		_bzhi_u64(at, 4 * (unsigned)__builtin_popcountll(l->ends & (l->gap - 1)));

	return (uint32_t)(head | (at ^ head) << (32 - l->group_bits));
}

/* Whether the line of so many bytes has an end of either kind behind its text. */
static inline bool ends_well(const char *text, unsigned len, unsigned newline)
{
	return newline == len || (newline == len + 1 && text[len] == '\r');
}

/* ---- AVX2 and BMI2 ---------------------------------------------------------- */

#define EACH_NIBBLE UINT64_C(0x1111111111111111)
#define EVEN_NIBBLE UINT64_C(0x0f0f0f0f0f0f0f0f)

struct digits {
	__m256i low;  /* of the first 32 bytes of the text; no address has over 39 */
	__m128i high; /* of the 16 behind them */
};

AVX2 static inline uint64_t mask(__m256i low, __m128i high)
{
	return (uint32_t)_mm256_movemask_epi8(low) |
	       (uint64_t)(uint32_t)_mm_movemask_epi8(high) << 32;
}

/* Returns where the line ends; 64: not here. */
AVX2 static inline unsigned classify(struct digits *g, struct line *l, const char *text)
{
	const __m256i v = _mm256_loadu_si256((const __m256i *)text);
	const __m128i w = _mm_loadu_si128((const __m128i *)(text + 32));
	__m256i d = _mm256_sub_epi8(v, _mm256_set1_epi8('0'));
	__m128i e = _mm_sub_epi8(w, _mm_set1_epi8('0'));
	__m256i c = _mm256_sub_epi8(_mm256_or_si256(v, _mm256_set1_epi8(0x20)),
	                            _mm256_set1_epi8('a'));
	__m128i k =
		_mm_sub_epi8(_mm_or_si128(w, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
	d = _mm256_cmpeq_epi8(_mm256_min_epu8(d, _mm256_set1_epi8(9)), d);
	c = _mm256_cmpeq_epi8(_mm256_min_epu8(c, _mm256_set1_epi8(5)), c);
	e = _mm_cmpeq_epi8(_mm_min_epu8(e, _mm_set1_epi8(9)), e);
	k = _mm_cmpeq_epi8(_mm_min_epu8(k, _mm_set1_epi8(5)), k);
	/* 'a' & 15 is 1. */
	g->low = _mm256_add_epi8(_mm256_and_si256(v, _mm256_set1_epi8(15)),
	                         _mm256_and_si256(c, _mm256_set1_epi8(9)));
	g->high = _mm_add_epi8(_mm_and_si128(w, _mm_set1_epi8(15)),
	                       _mm_and_si128(k, _mm_set1_epi8(9)));
	l->hex = mask(_mm256_or_si256(d, c), _mm_or_si128(e, k));
	l->colon = mask(_mm256_cmpeq_epi8(v, _mm256_set1_epi8(':')),
	                _mm_cmpeq_epi8(w, _mm_set1_epi8(':')));
	return (unsigned)_tzcnt_u64(mask(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('\n')),
	                                 _mm_cmpeq_epi8(w, _mm_set1_epi8('\n'))));
}

/* Nibbles for the low 16 bits of m. */
BMI static inline uint64_t nibble_mask(uint64_t m)
{
	return _pdep_u64(m, EACH_NIBBLE) * 15;
}

BMI static inline uint64_t first_nibble_highest(uint64_t x)
{
	x = __builtin_bswap64(x);
	return (x >> 4 & EVEN_NIBBLE) | (x & EVEN_NIBBLE) << 4;
}

/* The digits to their places, by pext and pdep.  128-bit numbers are in two halves
 * here, the first digit lowest. */
AVX2 static inline struct addr128 arrange(const struct digits *g, const struct line *l)
{
	/* Two bytes, a digit in each, become one; the first one is the low half. */
	const __m256i pairs = _mm256_maddubs_epi16(g->low, _mm256_set1_epi16(0x1001));
	const __m128i rest = _mm_maddubs_epi16(g->high, _mm_set1_epi16(0x1001));
	const __m128i ends = _mm_packus_epi16(_mm256_castsi256_si128(pairs), rest);
	const __m128i middle = _mm_packus_epi16(_mm256_extracti128_si256(pairs, 1), rest);
	/* At most 13 of 16 bytes are digits, so a < 64. */
	unsigned a = 4 * (unsigned)__builtin_popcountll(l->hex & 0xffff);
	unsigned b = 4 * (unsigned)__builtin_popcountll(l->hex & 0xffffffff);
	uint64_t x = _pext_u64((uint64_t)_mm_cvtsi128_si64(ends), nibble_mask(l->hex));
	uint64_t y =
		_pext_u64((uint64_t)_mm_cvtsi128_si64(middle), nibble_mask(l->hex >> 16));
	uint64_t z = _pext_u64((uint64_t)_mm_extract_epi64(ends, 1),
	                       nibble_mask(l->hex >> 32));
	uint64_t zl = z << (b & 63), zh = z >> 1 >> (63 - (b & 63));
	uint64_t far = -(uint64_t)(b >> 6);
	uint64_t lo = x | y << a | (zl & ~far);
	uint64_t hi = y >> 1 >> (63 - a) | (zh & ~far) | (zl & far);
	uint32_t at = places(l);
	/* Half the bits of the digits in the upper 64, of which there are up to 16:
	 * two shifts can be by 64. */
	unsigned half = 2 * (unsigned)__builtin_popcount(at & 0xffff);
	struct addr128 out;

	out.hi = first_nibble_highest(_pdep_u64(lo, nibble_mask(at)));
	lo = lo >> half >> half | hi << (32 - half) << (32 - half);
	out.lo = first_nibble_highest(_pdep_u64(lo, nibble_mask(at >> 16)));
	return out;
}

AVX2 static size_t scan_avx2(struct addr128 *out, struct scanned_line *lines, size_t cap,
                             const char *text, size_t n)
{
	size_t pos = 0, k = 0;

	while (k < cap) {
		struct digits g;
		struct line l;
		unsigned newline = classify(&g, &l, text + pos);

		if (!is_addr(&l) || !ends_well(text + pos, l.len, newline) ||
		    pos + newline >= n)
			break;
		out[k] = arrange(&g, &l);
		lines[k].end = (uint32_t)pos + l.len;
		pos += newline + 1;
		lines[k++].next = (uint32_t)pos;
	}
	return k;
}

/* ---- AVX-512 with VBMI and VBMI2 ---------------------------------------------- */

/* What a byte is: the value of a hex digit, a colon, or neither. */
enum { COLON = 0x10, OTHER = 0x80 };

#define EIGHT OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER
#define AF(v) OTHER, 10, 11, 12, 13, 14, 15, OTHER, EIGHT, EIGHT, EIGHT

static const uint8_t meanings[128] = {
	EIGHT, EIGHT, EIGHT, EIGHT, EIGHT, EIGHT, 0,        1,
	2,     3,     4,     5,     6,     7,     8,        9,
	COLON, OTHER, OTHER, OTHER, OTHER, OTHER, AF(0x40), AF(0x60),
};

AVX512 static size_t scan_avx512(struct addr128 *out, struct scanned_line *lines,
                                 size_t cap, const char *text, size_t n)
{
	const __m512i low = _mm512_loadu_si512(meanings);
	const __m512i high = _mm512_loadu_si512(meanings + 64);
	size_t pos = 0, k = 0;

	while (k < cap) {
		const __m512i v = _mm512_loadu_si512(text + pos);
		const unsigned newline = (unsigned)_tzcnt_u64(
			_mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\n')));
		/* The table is for 7 bits; the eighth means OTHER. */
		const __m512i m =
			_mm512_ternarylogic_epi32(_mm512_permutex2var_epi8(low, v, high),
		                                  v, _mm512_set1_epi8((char)OTHER), 0xf8);
		__m256i nibbles;
		__m128i bytes;
		struct line l;

		l.hex = _mm512_cmplt_epu8_mask(m, _mm512_set1_epi8(COLON));
		l.colon = _mm512_cmpeq_epi8_mask(m, _mm512_set1_epi8(COLON));
		if (!is_addr(&l) || !ends_well(text + pos, l.len, newline) ||
		    pos + newline >= n)
			break;
		nibbles = _mm256_maskz_expand_epi8(
			places(&l),
			_mm512_castsi512_si256(_mm512_maskz_compress_epi8(l.hex, m)));
		bytes = _mm256_cvtepi16_epi8(
			_mm256_maddubs_epi16(nibbles, _mm256_set1_epi16(0x0110)));
		out[k].hi = __builtin_bswap64((uint64_t)_mm_cvtsi128_si64(bytes));
		out[k].lo = __builtin_bswap64((uint64_t)_mm_extract_epi64(bytes, 1));
		lines[k].end = (uint32_t)pos + l.len;
		pos += newline + 1;
		lines[k++].next = (uint32_t)pos;
	}
	return k;
}

void addr_scanners(addr_scan_fn out[static ADDR_SCANNERS])
{
	bool bmi = __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
	           __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("avx2");
	size_t n = 0;

	if (bmi && __builtin_cpu_supports("avx512bw") &&
	    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
	    __builtin_cpu_supports("avx512vbmi2"))
		out[n++] = scan_avx512;
	/* The first two generations of Zen have pdep and pext in microcode only. */
	if (bmi && !__builtin_cpu_is("znver1") && !__builtin_cpu_is("znver2"))
		out[n++] = scan_avx2;
	out[n] = NULL;
}

#else

void addr_scanners(addr_scan_fn out[static ADDR_SCANNERS])
{
	out[0] = NULL;
}

#endif
