// short_texts: the ids of strings of at most 16 bytes, by one slot each, where that is enough.
//   slot = top bits of a·(low + size) + b·high,  low, high: the 16 bytes, zero behind the end;  a, b: odd, secret
// Input   a TextBlock of n <= kTileRows strings; "" is a missing one.
// Output  int64 ids, kElsewhereId for a string that is not here: longer, no key, or a key whose slot another has taken; and
//         the positions of those.
// Error   0. Cost: 1.8 ns a string of a tile without one above 8 bytes, else 2.7, where text_index.hpp takes 4.1 (measured
//         together on Zen 4).
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

constexpr std::int64_t kElsewhereId = 1;

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

  // Writes the ids of n strings, and returns how many positions of others it wrote.
  std::int64_t find(const TextBlock& block, std::int64_t n, std::int64_t* ids, std::int64_t* elsewhere) const {
    std::uint32_t longest = 0;
    for (std::int64_t i = 0; i < n; ++i) longest = std::max(longest, block.sizes[i]);
    return longest <= 8 ? find<false>(block, n, ids, elsewhere) : find<true>(block, n, ids, elsewhere);
  }

 private:
  static constexpr int kBits = 12;
  static constexpr std::uint32_t kShort = StringTable::kShort;

  struct Slot {
    Prefix key{};
    std::uint64_t size = 0;
    std::int64_t id = vocabulary::kMissingId;  // a free slot looks like "", whose own is the first
  };

  // By size, at most 17: which bits of 16 bytes belong to the string.
  static constexpr auto kKept = [] {
    std::array<Prefix, kShort + 2> kept{};
    for (std::size_t size = 0; size < kept.size(); ++size) {
      kept[size].low = size >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * size)) - 1;
      kept[size].high = size >= 16 ? ~std::uint64_t{0} : size <= 8 ? 0 : (std::uint64_t{1} << (8 * (size - 8))) - 1;
    }
    return kept;
  }();

  template <bool kHasHigh>
  [[gnu::noinline]] std::int64_t find(const TextBlock& block, std::int64_t n, std::int64_t* ids,
                                      std::int64_t* elsewhere) const {
    const Slot* const slots = slots_.data();
    std::int64_t left = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const std::uint32_t size = block.sizes[i];
      const Prefix& kept = kKept[std::min(size, kShort + 1)];
      const std::uint64_t low = load<std::uint64_t>(block.starts[i], 0) & kept.low;
      const std::uint64_t high = kHasHigh ? load<std::uint64_t>(block.starts[i], 1) & kept.high : 0;
      const Slot& slot = slots[place({low, high}, size)];
      const bool is_here = ((slot.key.low ^ low) | (slot.key.high ^ high) | (slot.size ^ size)) == 0;
      ids[i] = is_here ? slot.id : kElsewhereId;
      elsewhere[left] = i;
      left += is_here ? 0 : 1;
    }
    return left;
  }

  std::size_t place(const Prefix& key, std::uint64_t size) const {
    return (low_factor_ * (key.low + size) + high_factor_ * key.high) >> (64 - kBits);
  }

  void fill(const StringTable& table, std::uint64_t attempt) {
    low_factor_ = random_word(2 * attempt) | 1;
    high_factor_ = random_word(2 * attempt + 1) | 1;
    slots_.assign(std::size_t{1} << kBits, Slot{});
    table.for_each([&](const Text& text, std::int64_t id) {
      if (text.size > kShort) return;
      const Prefix key = prefix_of(text);
      Slot& slot = slots_[place(key, text.size)];
      if (&slot == slots_.data() || slot.size != 0) return;
      slot = {key, text.size, id};
      ++keys_;
    });
  }

  std::uint64_t low_factor_ = 1;
  std::uint64_t high_factor_ = 1;
  std::vector<Slot, Allocator<Slot>> slots_;
  std::size_t keys_ = 0;
};

}  // namespace mlrt::short_texts
