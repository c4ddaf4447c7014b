// short_texts: the ids of strings of at most 15 bytes, by one slot each, where that is enough.
//   slot = top bits of a·low + b·high,  low, high: 16 bytes, the string, zeros, its size;  a, b: odd, secret
// Input   a TextBlock of n <= kTileRows strings; "" is a missing one.
// Output  ids of 32 bits, kElsewhereId for a string that is not here: longer, no key, or a key whose slot another has
//         taken; and the positions of those.
// Error   0. Cost: 2 ns a string where no key is longer than 8 bytes, else 2.6, where text_index.hpp takes 4.1 (measured
//         together on Zen 4, under load).
// Levels  none: the passes that vector instructions need cost more than they save (measured).
// Source  multiply-shift: Dietzfelbinger, Hagerup, Katajainen, Penttonen (1997).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "core/aligned.hpp"
#include "core/key_table.hpp"
#include "core/perfect_hash.hpp"
#include "kernels/keys.hpp"
#include "kernels/text_block.hpp"

namespace mlrt::short_texts {

using encoders::TextBlock;

constexpr std::uint32_t kElsewhereId = 1;

class Index {
 public:
  static constexpr std::size_t kMostKeys = 512;

  Index() = default;

  // Of a table with ids. Empty unless there are few keys, most of which find a slot of their own.
  explicit Index(const StringTable& table) {
    if (table.size() > kMostKeys) return;
    std::size_t most = table.size() / 2;
    for (std::uint64_t attempt = 0; attempt < 8 && most < table.size(); ++attempt) {
      Index index;
      index.fill(table, attempt);
      if (index.keys_ <= most) continue;
      most = index.keys_;
      *this = std::move(index);
    }
  }

  bool is_empty() const { return keys_ == 0; }

  // Not empty: writes the ids of n strings, and returns how many positions of others it wrote.
  std::int64_t find(const TextBlock& block, std::int64_t n, std::uint32_t* ids, std::int64_t* elsewhere) const {
    const bool are_here = has_high_ ? find<true>(block, n, ids) : find<false>(block, n, ids);
    std::int64_t left = 0;
    for (std::int64_t i = 0; i < (are_here ? 0 : n); ++i) {
      elsewhere[left] = i;
      left += ids[i] == kElsewhereId ? 1 : 0;
    }
    return left;
  }

 private:
  static constexpr int kBits = 12;

  static constexpr std::uint32_t kLongest = 15;

  // A string with its size in the last byte.
  struct Key {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
  };

  struct alignas(32) Slot {
    Key key;
    std::uint32_t id = vocabulary::kMissingId;  // a free slot looks like "", whose own is the first
  };

  // By size, at most 16: which bits of the first and of the next 8 bytes belong to the key.
  static constexpr auto kLow = [] {
    std::array<std::uint64_t, kLongest + 2> kept{};
    for (std::size_t size = 0; size < kept.size(); ++size)
      kept[size] = size >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * size)) - 1;
    return kept;
  }();
  static constexpr auto kHigh = [] {
    std::array<std::uint64_t, kLongest + 2> kept{};
    for (std::size_t size = 8; size < kept.size(); ++size)
      kept[size] = (std::uint64_t{1} << (8 * (std::min<std::size_t>(size, kLongest) - 8))) - 1;
    return kept;
  }();

  template <bool kHasHigh>
  static MLRT_INLINE Key key_of(const char* text, std::uint64_t size) {
    const std::uint64_t shown = std::min<std::uint64_t>(size, kLongest + 1);  // that of a longer one is of no key
    const std::uint64_t high = kHasHigh ? load<std::uint64_t>(text, 1) & kHigh[shown] : 0;
    return {load<std::uint64_t>(text, 0) & kLow[shown], high | shown << 56};
  }

  // Writes the ids of n strings, and returns whether all of them are here.
  template <bool kHasHigh>
  [[gnu::noinline]] bool find(const TextBlock& block, std::int64_t n, std::uint32_t* ids) const {
    const Slot* const slots = slots_.data();
    std::uint32_t elsewhere = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const Key key = key_of<kHasHigh>(block.starts[i], block.sizes[i]);
      const Slot& slot = slots[place<kHasHigh>(key)];
      const bool is_here = ((slot.key.low ^ key.low) | (slot.key.high ^ key.high)) == 0;
      const std::uint32_t id = is_here ? slot.id : kElsewhereId;
      ids[i] = id;
      elsewhere |= id == kElsewhereId ? 1 : 0;
    }
    return elsewhere == 0;
  }

  // Without a high part both factors are the same.
  template <bool kHasHigh>
  MLRT_INLINE std::size_t place(const Key& key) const {
    const std::uint64_t sum =
        kHasHigh ? low_factor_ * key.low + high_factor_ * key.high : low_factor_ * (key.low + key.high);
    return sum >> (64 - kBits);
  }

  void fill(const StringTable& table, std::uint64_t attempt) {
    low_factor_ = random_word(2 * attempt) | 1;
    table.for_each([&](const Text& text, std::int64_t) { has_high_ |= text.size > 8 && text.size <= kLongest; });
    high_factor_ = has_high_ ? random_word(2 * attempt + 1) | 1 : low_factor_;
    slots_.assign(std::size_t{1} << kBits, Slot{});
    table.for_each([&](const Text& text, std::int64_t id) {
      if (text.size > kLongest) return;
      const Prefix prefix = prefix_of(text);
      const Key key{prefix.low, prefix.high | std::uint64_t{text.size} << 56};
      Slot& slot = slots_[place<true>(key)];
      if (&slot == slots_.data() || slot.key.high != 0) return;
      slot = {key, static_cast<std::uint32_t>(id)};
      ++keys_;
    });
  }

  std::uint64_t low_factor_ = 1;
  std::uint64_t high_factor_ = 1;
  std::vector<Slot, Allocator<Slot>> slots_;
  std::size_t keys_ = 0;
  bool has_high_ = false;  // some key is longer than 8 bytes
};

}  // namespace mlrt::short_texts
