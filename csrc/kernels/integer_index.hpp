// integer_index: the ids of integers, by one hash and one slot each.
//   hash = (high 32 bits of a·x, high 32 bits of b·x),  a, b: odd, 64 bits, secret
// Input   int64 keys.
// Output  int64 ids: the key's for a key, else kUnseenId.
// Error   0 at every level. Cost: two multiplications, one slot.
// Levels  one body: on Zen 4, AVX-512 gathers of eight slots took 1.3 to 1.5 times as long as eight loads of them.
// Source  multiply-shift: Dietzfelbinger, Hagerup, Katajainen, Penttonen (1997).
#pragma once

#include <cstdint>
#include <vector>

#include "core/aligned.hpp"
#include "core/isa.hpp"
#include "core/key_table.hpp"
#include "core/perfect_hash.hpp"
#include "kernels/keys.hpp"

namespace mlrt::integer_index {

using vocabulary::kUnseenId;

class Index {
 public:
  struct Slot {
    std::int64_t key = 0;
    std::int64_t id = kUnseenId;
  };

  Index() = default;

  // Every entry of `table` with its id.
  explicit Index(const IntegerTable& table) {
    places_ = separate([&](std::uint64_t attempt) {
      first_ = random_word(4 * attempt) | 1;
      second_ = random_word(4 * attempt + 1) | 1;
      std::vector<std::uint64_t> hashes;
      table.for_each([&](std::int64_t key, std::int64_t) { hashes.push_back(hash(key)); });
      return hashes;
    });
    slots_.assign(places_.slots(), Slot{});
    table.for_each([&](std::int64_t key, std::int64_t id) { slots_[places_.slot(hash(key))] = {key, id}; });
  }

  // Whether the slots outgrow a level-1 cache: a larger index may have been driven out of any by those of other columns.
  bool is_large() const { return slots_.size() * sizeof(Slot) > (std::size_t{1} << 15); }

  // The one slot where a key can be.
  MLRT_INLINE const Slot& slot(std::int64_t key) const { return slots_[places_.slot(hash(key))]; }

 private:
  MLRT_INLINE std::uint64_t hash(std::int64_t key) const {
    const auto x = static_cast<std::uint64_t>(key);
    constexpr std::uint64_t kHigh = ~std::uint64_t{0} << 32;
    return ((x * first_) & kHigh) | ((x * second_) >> 32);
  }

  std::uint64_t first_ = 1;
  std::uint64_t second_ = 1;
  PerfectHash places_;
  std::vector<Slot, Allocator<Slot>> slots_ = std::vector<Slot, Allocator<Slot>>(places_.slots());
};

MLRT_INLINE std::int64_t id_in(const Index::Slot& slot, std::int64_t key) {
  return slot.key == key ? slot.id : kUnseenId;
}

// The ids of n keys. The slots of a large index are fetched a group at a time, before the first is read: into the
// second-level cache, since the first drops what it has no room to wait for (see key_slots.hpp).
MLRT_INLINE void find_all(const Index& index, const std::int64_t* keys, std::int64_t n, std::int64_t* out) {
  std::int64_t i = 0;
  if (index.is_large()) {
    constexpr std::int64_t kGroup = 128;
    const Index::Slot* slots[kGroup];
    for (; i + kGroup <= n; i += kGroup) {
      for (std::int64_t k = 0; k < kGroup; ++k) {
        slots[k] = &index.slot(keys[i + k]);
        __builtin_prefetch(slots[k], 0, 2);
      }
      for (std::int64_t k = 0; k < kGroup; ++k) out[i + k] = id_in(*slots[k], keys[i + k]);
    }
  }
  for (; i < n; ++i) out[i] = id_in(index.slot(keys[i]), keys[i]);
}

namespace scalar {
inline void run(const Index& index, const std::int64_t* keys, std::int64_t n, std::int64_t* out) {
  find_all(index, keys, n, out);
}
}  // namespace scalar

#if MLRT_X86
MLRT_REGION_AVX2
namespace avx2 {
inline void run(const Index& index, const std::int64_t* keys, std::int64_t n, std::int64_t* out) {
  find_all(index, keys, n, out);
}
}  // namespace avx2
MLRT_REGION_END

MLRT_REGION_AVX512
namespace avx512 {
inline void run(const Index& index, const std::int64_t* keys, std::int64_t n, std::int64_t* out) {
  find_all(index, keys, n, out);
}
}  // namespace avx512
MLRT_REGION_END
#endif

using Run = void (*)(const Index& index, const std::int64_t* keys, std::int64_t n, std::int64_t* out);

inline Run select(Isa isa) {
  return MLRT_SELECT(isa, run);
}

}  // namespace mlrt::integer_index
