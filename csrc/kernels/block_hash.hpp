// block_hash: XXH3-64 of one long run of bytes, seed 0: what a block of a file is recognised by.
//
// Input   bytes of any number, at any alignment.
// Output  the specification's value, which the oracle of `hash` gives as well.
// Error   0. Cost: one read of the bytes; with AVX-512 one multiplication for 64 of them.
// Source  Y. Collet, xxHash, doc/xxhash_spec.md 0.2.0 (2023).
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/isa.hpp"
#include "core/xxh3.hpp"

namespace mlrt::block_hash {

using Fn = std::uint64_t (*)(const std::byte* data, std::size_t bytes);
using xxh3::kSecret;
using xxh3::Sums;
using xxh3::Word;

inline const xxh3::Seeded& seeded() {
  static const xxh3::Seeded kNoSeed(0);
  return kNoSeed;
}

namespace scalar {
inline std::uint64_t run(const std::byte* data, std::size_t bytes) {
  return xxh3::hash(seeded(), reinterpret_cast<const char*>(data), bytes);
}
}  // namespace scalar

#if MLRT_X86
constexpr std::size_t kShort = 240;  // up to here the specification has other formulas
constexpr std::size_t kStripe = Sums::kStripe, kStripes = Sums::kStripes;
constexpr std::size_t kLastSecret = Sums::kSecretBytes - kStripe;

MLRT_INLINE Word merged(const Word* sums, std::size_t bytes) {
  Word hash = bytes * xxh3::kPrime64_1;
  for (std::size_t i = 0; i < 8; i += 2)
    hash += mlrt::fold(sums[i] ^ xxh3::word_at(kSecret.data(), 11 + 8 * i),
                       sums[i + 1] ^ xxh3::word_at(kSecret.data(), 19 + 8 * i));
  return xxh3::avalanche(hash);
}

alignas(kStripe) constexpr Word kStart[8] = {xxh3::kPrime32_3, xxh3::kPrime64_1, xxh3::kPrime64_2, xxh3::kPrime64_3,
                                             xxh3::kPrime64_4, xxh3::kPrime32_2, xxh3::kPrime64_5, xxh3::kPrime32_1};

MLRT_REGION_AVX2
namespace avx2 {

struct Lanes {
  __m256i low, high;

  MLRT_INLINE Lanes()
      : low(at(reinterpret_cast<const std::byte*>(kStart))), high(at(reinterpret_cast<const std::byte*>(kStart + 4))) {}

  static MLRT_INLINE __m256i at(const std::byte* bytes) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes));
  }
  static MLRT_INLINE __m256i added(__m256i sums, __m256i words, __m256i secret) {
    const __m256i mixed = _mm256_xor_si256(words, secret);
    const __m256i product = _mm256_mul_epu32(mixed, _mm256_srli_epi64(mixed, 32));
    return _mm256_add_epi64(product, _mm256_add_epi64(sums, _mm256_shuffle_epi32(words, 0x4e)));
  }
  static MLRT_INLINE __m256i scrambled(__m256i sums, __m256i secret) {
    const __m256i mixed = _mm256_xor_si256(_mm256_xor_si256(sums, _mm256_srli_epi64(sums, 47)), secret);
    const __m256i prime = _mm256_set1_epi64x(static_cast<long long>(xxh3::kPrime32_1));
    const __m256i high_product = _mm256_mul_epu32(_mm256_srli_epi64(mixed, 32), prime);
    return _mm256_add_epi64(_mm256_mul_epu32(mixed, prime), _mm256_slli_epi64(high_product, 32));
  }
  MLRT_INLINE void add(const std::byte* stripe, const std::byte* secret) {
    low = added(low, at(stripe), at(secret));
    high = added(high, at(stripe + 32), at(secret + 32));
  }
  MLRT_INLINE void scramble(const std::byte* secret) {
    low = scrambled(low, at(secret));
    high = scrambled(high, at(secret + 32));
  }
  MLRT_INLINE void store(Word* words) const {
    _mm256_store_si256(reinterpret_cast<__m256i*>(words), low);
    _mm256_store_si256(reinterpret_cast<__m256i*>(words + 4), high);
  }
};

#include "kernels/block_hash_run.inc"

}  // namespace avx2
MLRT_REGION_END

MLRT_REGION_AVX512
namespace avx512 {

// Masked forms with every lane: of the plain ones g++ 12 warns that an operand nobody reads is uninitialised.
struct Lanes {
  static constexpr __mmask8 kAll = 0xff;

  __m512i sums;

  MLRT_INLINE Lanes() : sums(_mm512_load_si512(kStart)) {}

  MLRT_INLINE void add(const std::byte* stripe, const std::byte* secret) {
    const __m512i words = _mm512_loadu_si512(stripe);
    const __m512i mixed = _mm512_xor_si512(words, _mm512_loadu_si512(secret));
    const __m512i product = _mm512_maskz_mul_epu32(kAll, mixed, _mm512_maskz_srli_epi64(kAll, mixed, 32));
    const __m512i swapped = _mm512_maskz_shuffle_epi32(0xffff, words, static_cast<_MM_PERM_ENUM>(0x4e));
    sums = _mm512_add_epi64(product, _mm512_add_epi64(sums, swapped));
  }
  MLRT_INLINE void scramble(const std::byte* secret) {
    const __m512i mixed =
        _mm512_xor_si512(_mm512_xor_si512(sums, _mm512_maskz_srli_epi64(kAll, sums, 47)), _mm512_loadu_si512(secret));
    sums = _mm512_mullo_epi64(mixed, _mm512_set1_epi64(static_cast<long long>(xxh3::kPrime32_1)));
  }
  MLRT_INLINE void store(Word* words) const { _mm512_store_si512(words, sums); }
};

#include "kernels/block_hash_run.inc"

}  // namespace avx512
MLRT_REGION_END
#endif

inline Fn select(Isa isa) {
  return MLRT_SELECT(isa, run);
}

}  // namespace mlrt::block_hash
