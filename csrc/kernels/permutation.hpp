// permutation: the numbers of [0, n) in an order that a key chooses, each computed from its position, nothing stored.
//   b = ceil(sqrt n), a = the least even number with a·b >= n;  position = l·b + r;  then, for i = 0, 1, .. in turn,
//     l = (l + F(r, k_i, a)) mod a   (i even)      r = (r + F(l, k_i, b)) mod b   (i odd)
//   row = l·b + r, and the same again of it while it is n or more: of a share of at most 2 b / n.
//   F(x, k, m) = floor(h · m / 2^32),  h = fold(C2 · (high(k) ^ fold(C1 · (low(k) ^ x)))),  fold(w) = low(w) ^ high(w)
//   C1 = 0x9e3779b1, C2 = 0x85ebca77, low and high the halves of 64 bits;  8 rounds, of 24 where n < 2^16
//   k_i = mix(mix(key_low + (i + 1)·0x9e3779b97f4a7c15) ^ key_high), mix the last steps of SplitMix64
// Input   n in [0, 2^62], a key of 128 bits, positions of [0, n).
// Output  int64 rows; over all positions each number of [0, n) once.
// Error   0 between ISAs. a is even because shifts of an odd number of things are even permutations, and all others
//         would be left out. Not for secrets.
// Cost    3 products a round: 3 ns a position with AVX-512, 5 with AVX2, 25 without.
// Levels  the rounds of 4 or 8 positions at a time; those that are n or more follow one by one.
// Source  Black, Rogaway: Ciphers with arbitrary finite domains (2002), Feistel networks over Z_a x Z_b and cycle
//         walking; Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014), mix.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

#include "core/errors.hpp"
#include "core/isa.hpp"
#include "core/order.hpp"

namespace mlrt::permutation {

using Word = std::uint64_t;

constexpr Word kStep = 0x9e3779b97f4a7c15;
constexpr Word kFirst = 0x9e3779b1, kSecond = 0x85ebca77;
constexpr Word kLow = 0xffffffff;
constexpr std::int64_t kLargest = std::int64_t{1} << 62;
constexpr std::int64_t kManyRows = 1 << 16;  // from here on 8 rounds leave no trace that a test finds
constexpr int kRounds = 8, kMostRounds = 24;

inline Word mix(Word x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// The i-th word that a key of 128 bits stands for.
inline Word keyed_word(Word key_low, Word key_high, Word i) {
  return mix(mix(key_low + (i + 1) * kStep) ^ key_high);
}

struct Network {
  Word size, left, right;  // n, a, b
  int rounds;
  std::array<Word, kMostRounds> keys;
};

// Throws std::invalid_argument for an impossible size.
inline Network network(std::int64_t size, Word key_low, Word key_high) {
  if (size < 0 || size > kLargest)
    throw std::invalid_argument(problem("size", "0 to 2^62", std::to_string(size), "count the rows"));
  Network made{static_cast<Word>(size), 2, 1, size < kManyRows ? kMostRounds : kRounds, {}};
  made.right = std::max<Word>(1, static_cast<Word>(std::sqrt(static_cast<double>(size))));
  while (made.right * made.right < made.size) ++made.right;
  while (made.right > 1 && (made.right - 1) * (made.right - 1) >= made.size) --made.right;
  made.left = (made.size + made.right - 1) / made.right;
  made.left += made.left % 2;
  for (int i = 0; i < made.rounds; ++i)
    made.keys[static_cast<std::size_t>(i)] = keyed_word(key_low, key_high, static_cast<Word>(i));
  return made;
}

inline Word shift_of(Word x, Word key, Word modulus) {
  Word h = (x ^ (key & kLow)) * kFirst;
  h = (h & kLow) ^ (h >> 32);
  h = (h ^ (key >> 32)) * kSecond;
  h = (h & kLow) ^ (h >> 32);
  return h * modulus >> 32;
}

// The row at one position.
inline Word row(const Network& network, Word position) {
  Word x = position;
  do {
    Word left = x / network.right, right = x % network.right;
    for (std::size_t i = 0; i < static_cast<std::size_t>(network.rounds); i += 2) {
      left += shift_of(right, network.keys[i], network.left);
      left -= left >= network.left ? network.left : 0;
      right += shift_of(left, network.keys[i + 1], network.right);
      right -= right >= network.right ? network.right : 0;
    }
    x = left * network.right + right;
  } while (x >= network.size);
  return x;
}

using Run = void (*)(const Network& network, std::int64_t start, std::int64_t count, std::int64_t* out);

namespace scalar {
inline void run(const Network& network, std::int64_t start, std::int64_t count, std::int64_t* out) {
  for (std::int64_t i = 0; i < count; ++i)
    out[i] = static_cast<std::int64_t>(row(network, static_cast<Word>(start + i)));
}
}  // namespace scalar

#if MLRT_X86
constexpr std::int64_t kTileRows = 256;
constexpr std::int64_t kMostGroup = 32;  // what a level takes at a time

// The digits of `count` positions from `start` on, and zeros up to the end of the last group.
inline void split(const Network& network, Word start, std::int64_t count, Word* lefts, Word* rights) {
  Word left = start / network.right, right = start % network.right;
  for (std::int64_t i = 0; i < count;) {
    const auto same = static_cast<std::int64_t>(std::min(network.right - right, static_cast<Word>(count - i)));
    for (const std::int64_t end = i + same; i < end; ++i) {
      lefts[i] = left;
      rights[i] = right++;
    }
    ++left;
    right = 0;
  }
  const std::int64_t end = (count + kMostGroup - 1) / kMostGroup * kMostGroup;
  std::fill(lefts + count, lefts + end, 0);
  std::fill(rights + count, rights + end, 0);
}

MLRT_REGION_AVX2
namespace avx2 {
constexpr int kLanes = 4, kVectors = 4;
using V = Word __attribute__((vector_size(32)));
inline V product(V a, V b) {
  return reinterpret_cast<V>(_mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
}
inline V wrap(V x, V modulus) {
  const __m256i is_below = _mm256_cmpgt_epi64(reinterpret_cast<__m256i>(modulus), reinterpret_cast<__m256i>(x));
  return x - (~reinterpret_cast<V>(is_below) & modulus);
}
#include "kernels/permutation_lanes.inc"
}  // namespace avx2
MLRT_REGION_END

MLRT_REGION_AVX512
namespace avx512 {
constexpr int kLanes = 8, kVectors = 4;
using V = Word __attribute__((vector_size(64)));
inline V product(V a, V b) {
  return reinterpret_cast<V>(_mm512_maskz_mul_epu32(0xff, reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
}
inline V wrap(V x, V modulus) {
  return reinterpret_cast<V>(
      _mm512_maskz_min_epu64(0xff, reinterpret_cast<__m512i>(x), reinterpret_cast<__m512i>(x - modulus)));
}
#include "kernels/permutation_lanes.inc"
}  // namespace avx512
MLRT_REGION_END
#endif

inline Run select(Isa isa) {
  return MLRT_SELECT(isa, run);
}

class Permutation final : public order::Order {
 public:
  Permutation(std::int64_t size, Word key_low, Word key_high) : network_(network(size, key_low, key_high)) {}

  std::int64_t size() const override { return static_cast<std::int64_t>(network_.size); }
  std::int64_t bound() const override { return size(); }
  void rows(std::int64_t start, std::int64_t count, std::int64_t* out) const override {
    select(active_isa())(network_, start, count, out);
  }

 private:
  Network network_;
};

}  // namespace mlrt::permutation
