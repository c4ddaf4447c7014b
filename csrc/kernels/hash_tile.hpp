// hash_tile: the hashes of a tile of keys.
//   h(key) = XXH3 of its UTF-8 bytes, or of its 8 little-endian bytes as int64;  h(missing) = 0
// Input   a TextBlock (text_block.hpp), or n <= kTileRows int64.
// Output  uint64 hashes; ids of hashes: 0 if the hash is 0, else 1 + floor((h >> 32) · buckets / 2^32).
// Error   0 between ISAs. Cost: integers 0.3 ns, strings to 8 bytes 1 to 2 ns, to 16 bytes 2 to 3 ns.
// Levels  one body for strings up to 16 bytes, without branches that depend on one of them: each level vectorises it for
//         itself. A step that none of the tile's strings needs is left out. Longer strings follow one by one.
// Source  xxh3.hpp; the range reduction: Lemire, Fast random integer generation in an interval (2019).
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/isa.hpp"
#include "core/xxh3.hpp"
#include "kernels/text_block.hpp"

namespace mlrt::hash_tile {

using encoders::kTileRows;
using encoders::TextBlock;
using xxh3::Seeded;
using xxh3::Word;

// xxh3's product of two words, both halves folded, from four products of halves: lanes have no 128-bit product.
MLRT_INLINE Word fold_lanes(Word a, Word b) {
  constexpr Word kLow = 0xffffffff;
  const Word low = (a & kLow) * (b & kLow), high = (a >> 32) * (b >> 32);
  const Word first = (a >> 32) * (b & kLow), second = (a & kLow) * (b >> 32);
  const Word middle = (low >> 32) + (first & kLow) + second;
  return (high + (first >> 32) + (middle >> 32)) ^ (middle << 32 | (low & kLow));
}

// Those of more than 16 bytes.
[[gnu::noinline]] inline void hash_longer(const Seeded& seeded, const TextBlock& block, std::int64_t n, Word* out) {
  std::int64_t longer[kTileRows];
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    longer[count] = i;
    count += block.sizes[i] > 16;
  }
  for (std::int64_t j = 0; j < count; ++j) {
    const Text text = block[longer[j]];
    out[longer[j]] = xxh3::hash(seeded, text.data, text.size);
  }
}

MLRT_INLINE void hash_texts(const Seeded& seeded, const TextBlock& block, std::int64_t n, Word* out) {
  const std::uint32_t* const sizes = block.sizes;
  std::uint32_t longest = 0;
  std::uint32_t tiny = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    longest = std::max(longest, sizes[i]);
    tiny |= sizes[i] < 4 ? 1 : 0;
  }
  alignas(64) Word heads[kTileRows];  // the first 8 bytes
  for (std::int64_t i = 0; i < n; ++i) heads[i] = xxh3::word_at(block.starts[i], 0);
  for (std::int64_t i = 0; i < n; ++i) out[i] = xxh3::hash_small(seeded, heads[i], sizes[i]);
  for (std::int64_t i = 0; i < (tiny != 0 ? n : 0); ++i) {
    const Word hash = sizes[i] == 0 ? 0 : xxh3::hash_tiny(seeded, heads[i], sizes[i]);
    out[i] = sizes[i] < 4 ? hash : out[i];
  }
  if (longest <= 8) return;
  alignas(64) Word tails[kTileRows];  // the last 8 bytes, where there are as many
  for (std::int64_t i = 0; i < n; ++i)
    tails[i] = xxh3::word_at(block.starts[i], std::max<std::uint32_t>(sizes[i], 8) - 8);
  for (std::int64_t i = 0; i < n; ++i) {
    const Word hash = xxh3::hash_medium(seeded, heads[i], tails[i], sizes[i], fold_lanes);
    out[i] = sizes[i] > 8 ? hash : out[i];
  }
  if (longest > 16) hash_longer(seeded, block, n, out);
}

MLRT_INLINE void hash_integers(const Seeded& seeded, const std::int64_t* keys, std::int64_t n, Word* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = xxh3::hash_small(seeded, static_cast<Word>(keys[i]), 8);
}

MLRT_INLINE void ids_of(const Word* hashes, std::int64_t n, Word buckets, std::int64_t* ids) {
  for (std::int64_t i = 0; i < n; ++i) {
    const Word id = ((hashes[i] >> 32) * buckets >> 32) + 1;
    ids[i] = static_cast<std::int64_t>(hashes[i] == 0 ? 0 : id);
  }
}

namespace scalar {
#include "kernels/hash_level.inc"
}  // namespace scalar

#if MLRT_X86
MLRT_REGION_AVX2
namespace avx2 {
#include "kernels/hash_level.inc"
}  // namespace avx2
MLRT_REGION_END

MLRT_REGION_AVX512
namespace avx512 {
#include "kernels/hash_level.inc"
}  // namespace avx512
MLRT_REGION_END
#endif

// The functions of one level.
struct Run {
  void (*texts)(const Seeded& seeded, const TextBlock& block, std::int64_t n, Word* out);
  void (*integers)(const Seeded& seeded, const std::int64_t* keys, std::int64_t n, Word* out);
  void (*ids)(const Word* hashes, std::int64_t n, Word buckets, std::int64_t* ids);
};

inline Run select(Isa isa) {
  return {MLRT_SELECT(isa, texts), MLRT_SELECT(isa, integers), MLRT_SELECT(isa, ids)};
}

}  // namespace mlrt::hash_tile
