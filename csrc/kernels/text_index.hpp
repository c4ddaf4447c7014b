// text_index: the ids of strings, by one hash and one slot each.
//   hash = fold(size + Σ_j (w_2j + k_2j)·(w_2j+1 + k_2j+1), m),  w: the first 32 bytes as 32-bit words, zero behind the
//   end; k, m: secret. Longer strings mix their rest in before the last step.
// Input   Text: strings of 1 to 2^32 - 1 bytes, or "" for a missing one; of any string up to 32 bytes, 32 are readable.
// Output  int64 ids: kMissingId for "", the key's for a key, else kUnseenId.
// Error   0 at every level. Cost: a slot holds the first 32 bytes, so a hit on a short key reads one cache line.
// Levels  differ in how the 32 bytes are loaded, summed and compared: as four words; as one vector; as one vector whose
//         masked load reads no byte behind the string.
// Source  the sum is NH of UMAC: Black, Halevi, Krawczyk, Krovetz, Rogaway (1999), 2^-32 almost universal.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "core/aligned.hpp"
#include "core/isa.hpp"
#include "core/key_table.hpp"
#include "core/perfect_hash.hpp"
#include "kernels/keys.hpp"
#include "kernels/text_block.hpp"

namespace mlrt::text_index {

using encoders::TextBlock;
using vocabulary::kMissingId;
using vocabulary::kUnseenId;

class Index {
 public:
  static constexpr std::uint32_t kShort = 32;
  static constexpr std::size_t kWords = kShort / sizeof(std::uint64_t);

  struct alignas(64) Slot {
    std::array<std::uint64_t, kWords> key{};  // the first 32 bytes
    std::uint64_t place = 0;                  // longer strings: where the rest starts in the arena
    std::uint32_t size = 0;
    std::int64_t id = kUnseenId;  // a free slot looks like "", which has a slot of its own
  };

  struct Seed {
    alignas(32) std::array<std::uint64_t, kWords> words;  // of the sum, two k each
    std::uint64_t factor;                                 // m
    std::uint64_t rest;
  };

  Index() : Index(StringTable{}) {}

  // Every entry of `table` with its id, and "" with kMissingId.
  explicit Index(const StringTable& table);

  // Whether the slots outgrow a level-1 cache: a larger index may have been driven out of any by those of other columns.
  bool is_large() const { return slots_.size() * sizeof(Slot) > (std::size_t{1} << 15); }

  const Seed& seed() const { return seed_; }
  MLRT_INLINE const Slot& slot(std::uint64_t hash) const { return slots_[places_.slot(hash)]; }

  // The sum of a longer string with its rest mixed in.
  std::uint64_t mix_rest(const Text& text, std::uint64_t sum) const {
    const auto mix_in = [&](const char* part) {
      sum = fold(load<std::uint64_t>(part, 0) ^ seed_.rest ^ sum, load<std::uint64_t>(part, 1) ^ seed_.factor);
    };
    for (std::uint32_t i = kShort; i + 16 < text.size; i += 16) mix_in(text.data + i);
    mix_in(text.data + text.size - 16);  // overlaps the part before
    return sum;
  }

  bool same_rest(const Text& text, const Slot& slot) const {
    return std::memcmp(arena_.data() + slot.place, text.data + kShort, text.size - kShort) == 0;
  }

 private:
  void draw_seed(std::uint64_t attempt);
  static std::array<std::uint64_t, kWords> key_of(const Text& text);
  std::uint64_t hash_of(const Text& text) const;
  void add(const Text& text, std::int64_t id);

  Seed seed_{};
  PerfectHash places_;
  std::vector<Slot, Allocator<Slot>> slots_;
  std::string arena_;  // what longer strings have beyond 32 bytes
};

namespace scalar {

using Key = std::array<std::uint64_t, Index::kWords>;

MLRT_INLINE Key load_key(const char* data, std::uint32_t size) {
  // 32 bytes from kMask + 32 - size on keep the first `size` bytes.
  static constexpr auto kMask = [] {
    std::array<std::uint8_t, 2 * Index::kShort> bytes{};
    for (std::size_t i = 0; i < Index::kShort; ++i) bytes[i] = 0xff;
    return bytes;
  }();
  const std::uint8_t* const mask = kMask.data() + Index::kShort - size;
  Key key;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const auto position = static_cast<std::int64_t>(i);
    key[i] = load<std::uint64_t>(data, position) & load<std::uint64_t>(mask, position);
  }
  return key;
}

MLRT_INLINE std::uint64_t sum_of(const Key& key, const Index::Seed& seed) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const auto low = static_cast<std::uint32_t>(key[i]) + static_cast<std::uint32_t>(seed.words[i]);
    const auto high = static_cast<std::uint32_t>(key[i] >> 32) + static_cast<std::uint32_t>(seed.words[i] >> 32);
    sum += std::uint64_t{low} * high;
  }
  return sum;
}

MLRT_INLINE bool equal(const Key& key, const Key& slot) {
  std::uint64_t difference = 0;
  for (std::size_t i = 0; i < key.size(); ++i) difference |= key[i] ^ slot[i];
  return difference == 0;
}

#include "kernels/text_index_run.inc"

}  // namespace scalar

#if MLRT_X86
MLRT_REGION_AVX2
namespace avx2 {

using Key = __m256i;

MLRT_INLINE Key load_key(const char* data, std::uint32_t size) {
  const __m256i ramp_u8x32 = _mm256_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
                                              21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
  const __m256i kept_u8x32 = _mm256_cmpgt_epi8(_mm256_set1_epi8(static_cast<char>(size)), ramp_u8x32);
  return _mm256_and_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(data)), kept_u8x32);
}

MLRT_INLINE std::uint64_t sum_of(Key key, const Index::Seed& seed) {
  const __m256i words_u32x8 =
      _mm256_add_epi32(key, _mm256_load_si256(reinterpret_cast<const __m256i*>(seed.words.data())));
  const __m256i products_u64x4 = _mm256_mul_epu32(words_u32x8, _mm256_srli_epi64(words_u32x8, 32));
  const __m128i halves_u64x2 =
      _mm_add_epi64(_mm256_castsi256_si128(products_u64x4), _mm256_extracti128_si256(products_u64x4, 1));
  return static_cast<std::uint64_t>(
      _mm_cvtsi128_si64(_mm_add_epi64(halves_u64x2, _mm_unpackhi_epi64(halves_u64x2, halves_u64x2))));
}

MLRT_INLINE bool equal(Key key, const std::array<std::uint64_t, Index::kWords>& slot) {
  const __m256i difference = _mm256_xor_si256(key, _mm256_load_si256(reinterpret_cast<const __m256i*>(slot.data())));
  return _mm256_testz_si256(difference, difference) != 0;
}

#include "kernels/text_index_run.inc"

}  // namespace avx2
MLRT_REGION_END

MLRT_REGION_AVX512
namespace avx512 {

using Key = __m256i;

MLRT_INLINE Key load_key(const char* data, std::uint32_t size) {
  return _mm256_maskz_loadu_epi8(_bzhi_u32(~0u, size), data);
}

MLRT_INLINE std::uint64_t sum_of(Key key, const Index::Seed& seed) {
  return avx2::sum_of(key, seed);
}

MLRT_INLINE bool equal(Key key, const std::array<std::uint64_t, Index::kWords>& slot) {
  return avx2::equal(key, slot);
}

#include "kernels/text_index_run.inc"

}  // namespace avx512
MLRT_REGION_END
#endif

using Run = void (*)(const Index& index, const TextBlock& texts, std::int64_t n, std::int64_t* out);

inline Run select(Isa isa) {
  return MLRT_SELECT(isa, run);
}

inline void Index::draw_seed(std::uint64_t attempt) {
  std::uint64_t next = attempt * (kWords + 2);
  for (std::uint64_t& word : seed_.words) word = random_word(next++);
  seed_.factor = random_word(next++) | 1;
  seed_.rest = random_word(next);
}

// `text` may end at the end of its buffer.
inline scalar::Key Index::key_of(const Text& text) {
  scalar::Key key{};
  std::memcpy(key.data(), text.data, std::min(text.size, kShort));
  return key;
}

inline std::uint64_t Index::hash_of(const Text& text) const {
  const std::uint64_t sum = scalar::sum_of(key_of(text), seed_) + text.size;
  return fold(text.size > kShort ? mix_rest(text, sum) : sum, seed_.factor);
}

inline void Index::add(const Text& text, std::int64_t id) {
  Slot& slot = slots_[places_.slot(hash_of(text))];
  slot = {key_of(text), arena_.size(), text.size, id};
  if (text.size > kShort) arena_.append(text.data + kShort, text.size - kShort);
}

inline Index::Index(const StringTable& table) {
  const Text missing{"", 0, 0};
  places_ = separate([&](std::uint64_t attempt) {
    draw_seed(attempt);
    std::vector<std::uint64_t> hashes{hash_of(missing)};
    table.for_each([&](const Text& text, std::int64_t) { hashes.push_back(hash_of(text)); });
    return hashes;
  });
  slots_.resize(places_.slots());
  add(missing, kMissingId);
  table.for_each([&](const Text& text, std::int64_t id) { add(text, id); });
}

}  // namespace mlrt::text_index
