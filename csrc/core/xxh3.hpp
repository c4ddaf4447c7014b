// xxh3: XXH3, 64 bits, with a seed and the default secret.
//
// Input   bytes of any number; Seeded holds what a seed makes of the secret.
// Output  the hash; for 1 to 16 bytes also from their first and last word alone, which vectorises.
// Error   0: the specification's value. Cost: two multiplications up to 8 bytes, six up to 16, two a further 16 bytes.
// Source  Y. Collet, xxHash, doc/xxhash_spec.md 0.2.0 (2023).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/arrow.hpp"
#include "core/isa.hpp"
#include "core/key_table.hpp"

namespace mlrt::xxh3 {

static_assert(std::endian::native == std::endian::little, "words are read as they lie in memory");

using Word = std::uint64_t;

constexpr Word kPrime32_1 = 0x9e3779b1, kPrime32_2 = 0x85ebca77, kPrime32_3 = 0xc2b2ae3d;
constexpr Word kPrime64_1 = 0x9e3779b185ebca87, kPrime64_2 = 0xc2b2ae3d27d4eb4f, kPrime64_3 = 0x165667b19e3779f9;
constexpr Word kPrime64_4 = 0x85ebca77c2b2ae63, kPrime64_5 = 0x27d4eb2f165667c5;
constexpr Word kMix1 = 0x165667919e3779f9, kMix2 = 0x9fb21c651e98df25;

constexpr std::array<Word, 24> kSecret = {
    0xbe4ba423396cfeb8, 0x1cad21f72c81017c, 0xdb979083e96dd4de, 0x1f67b3b7a4a44072, 0x78e5c0cc4ee679cb,
    0x2172ffcc7dd05a82, 0x8e2443f7744608b8, 0x4c263a81e69035e0, 0xcb00c391bb52283c, 0xa32e531b8b65d088,
    0x4ef90da297486471, 0xd8acdea946ef1938, 0x3f349ce33f76faa8, 0x1d4f0bc7c7bbdcf9, 0x3159b4cd4be0518a,
    0x647378d9c97e9fc8, 0xc3ebd33483acc5ea, 0xeb6313faffa081c5, 0x49daf0b751dd0d17, 0x9e68d429265516d3,
    0xfca1477d58be162b, 0xce31d07ad1b8f88f, 0x280416958f3acb45, 0x7e404bbbcafbd7af,
};

// Word at byte `offset` of data or of a secret.
inline Word word_at(const void* data, std::size_t offset) {
  Word word;
  std::memcpy(&word, static_cast<const char*>(data) + offset, sizeof word);
  return word;
}

// A seed and what the secret makes of it.
struct Seeded {
  explicit Seeded(Word given)
      : seed(given),
        empty(given ^ kSecret[7] ^ kSecret[8]),
        tiny(((kSecret[0] ^ kSecret[0] >> 32) & 0xffffffff) + given),
        small((kSecret[1] ^ kSecret[2]) - (given ^ Word{__builtin_bswap32(static_cast<std::uint32_t>(given))} << 32)),
        low((kSecret[3] ^ kSecret[4]) + given),
        high((kSecret[5] ^ kSecret[6]) - given),
        secret(kSecret) {
    for (std::size_t i = 0; i < secret.size(); ++i) secret[i] += i % 2 == 0 ? given : 0 - given;
  }

  Word seed, empty, tiny, small, low, high;
  std::array<Word, 24> secret;  // of inputs above 240 bytes
};

MLRT_INLINE Word avalanche(Word x) {
  x = (x ^ x >> 37) * kMix1;
  return x ^ x >> 32;
}

MLRT_INLINE Word avalanche_xxh64(Word x) {
  x = (x ^ x >> 33) * kPrime64_2;
  x = (x ^ x >> 29) * kPrime64_3;
  return x ^ x >> 32;
}

// The hash of 1 to 3 bytes; `head`: they are its lowest ones.
MLRT_INLINE Word hash_tiny(const Seeded& seeded, Word head, Word size) {
  const Word first = head & 0xff;
  const Word middle = head >> ((size >> 1 << 3) & 63) & 0xff;
  const Word last = head >> (((size << 3) - 8) & 63) & 0xff;
  return avalanche_xxh64(seeded.tiny ^ (last | size << 8 | first << 16 | middle << 24));
}

// The hash of 4 to 8 bytes; `head`: they are its lowest ones.
MLRT_INLINE Word hash_small(const Seeded& seeded, Word head, Word size) {
  const Word last = head >> (((size << 3) - 32) & 63) & 0xffffffff;
  Word x = seeded.small ^ (last | head << 32);
  x = (x ^ std::rotl(x, 49) ^ std::rotl(x, 24)) * kMix2;
  x = (x ^ ((x >> 35) + size)) * kMix2;
  return x ^ x >> 28;
}

// The hash of 9 to 16 bytes, `head` the first 8 and `tail` the last 8 of them; fold_product(a, b) is `fold`.
template <class FoldProduct>
MLRT_INLINE Word hash_medium(const Seeded& seeded, Word head, Word tail, Word size, FoldProduct fold_product) {
  const Word low = seeded.low ^ head;
  const Word high = seeded.high ^ tail;
  return avalanche(size + __builtin_bswap64(low) + high + fold_product(low, high));
}

inline Word mix(const char* data, const Word* secret, std::size_t offset, Word seed) {
  return fold(word_at(data, 0) ^ (word_at(secret, offset) + seed),
              word_at(data, 8) ^ (word_at(secret, offset + 8) - seed));
}

// The hash of 17 to 128 bytes.
inline Word hash_128(const Seeded& seeded, const char* data, std::size_t size) {
  Word sum = size * kPrime64_1;
  for (std::size_t i = (size - 1) / 32 + 1; i-- > 0;) {
    sum += mix(data + 16 * i, kSecret.data(), 32 * i, seeded.seed);
    sum += mix(data + size - 16 * i - 16, kSecret.data(), 32 * i + 16, seeded.seed);
  }
  return avalanche(sum);
}

// The hash of 129 to 240 bytes.
inline Word hash_240(const Seeded& seeded, const char* data, std::size_t size) {
  Word sum = size * kPrime64_1;
  for (std::size_t i = 0; i < 8; ++i) sum += mix(data + 16 * i, kSecret.data(), 16 * i, seeded.seed);
  sum = avalanche(sum);
  for (std::size_t i = 8; i < size / 16; ++i) sum += mix(data + 16 * i, kSecret.data(), 16 * (i - 8) + 3, seeded.seed);
  return avalanche(sum + mix(data + size - 16, kSecret.data(), 119, seeded.seed));
}

// The eight sums of an input above 240 bytes.
class Sums {
 public:
  explicit Sums(const Seeded& seeded) : secret_(seeded.secret.data()) {}

  void add(const char* stripe, std::size_t secret_offset) {
    for (std::size_t i = 0; i < sums_.size(); ++i) {
      const Word word = word_at(stripe, 8 * i);
      const Word mixed = word ^ word_at(secret_, secret_offset + 8 * i);
      sums_[i ^ 1] += word;
      sums_[i] += (mixed & 0xffffffff) * (mixed >> 32);
    }
  }

  void scramble() {
    for (std::size_t i = 0; i < sums_.size(); ++i)
      sums_[i] = (sums_[i] ^ sums_[i] >> 47 ^ word_at(secret_, kSecretBytes - kStripe + 8 * i)) * kPrime32_1;
  }

  Word merge(Word start) const {
    for (std::size_t i = 0; i < sums_.size(); i += 2)
      start += fold(sums_[i] ^ word_at(secret_, 11 + 8 * i), sums_[i + 1] ^ word_at(secret_, 19 + 8 * i));
    return avalanche(start);
  }

  static constexpr std::size_t kSecretBytes = sizeof kSecret;
  static constexpr std::size_t kStripe = 64;
  static constexpr std::size_t kStripes = (kSecretBytes - kStripe) / 8;  // of a block

 private:
  std::array<Word, 8> sums_{kPrime32_3, kPrime64_1, kPrime64_2, kPrime64_3,
                            kPrime64_4, kPrime32_2, kPrime64_5, kPrime32_1};
  const Word* secret_;
};

// The hash of more than 240 bytes.
inline Word hash_large(const Seeded& seeded, const char* data, std::size_t size) {
  Sums sums(seeded);
  const std::size_t stripes = (size - 1) / Sums::kStripe;  // before the last, which may overlap the one before
  for (std::size_t i = 0; i < stripes; ++i) {
    sums.add(data + i * Sums::kStripe, i % Sums::kStripes * 8);
    if (i % Sums::kStripes == Sums::kStripes - 1) sums.scramble();
  }
  sums.add(data + size - Sums::kStripe, Sums::kSecretBytes - Sums::kStripe - 7);
  return sums.merge(size * kPrime64_1);
}

// The hash of any bytes. `size` are readable at `data`.
inline Word hash(const Seeded& seeded, const char* data, std::size_t size) {
  if (size > 240) return hash_large(seeded, data, size);
  if (size > 128) return hash_240(seeded, data, size);
  if (size > 16) return hash_128(seeded, data, size);
  if (size > 8) return hash_medium(seeded, word_at(data, 0), word_at(data, size - 8), size, fold);
  if (size == 0) return avalanche_xxh64(seeded.empty);
  Word head = 0;
  std::memcpy(&head, data, size);
  return size > 3 ? hash_small(seeded, head, size) : hash_tiny(seeded, head, size);
}

}  // namespace mlrt::xxh3
