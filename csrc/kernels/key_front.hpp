// key_front: a small table in front of a large one, for the keys that most rows of most columns have.
//
// Input   the keys of a tile of rows: int64, or strings in a TextBlock.
// Output  their counts in slots of its own, for at most one key each, until `flush`; the keys that find their slot taken
//         by another are handed back, to be counted in the large table.
// Error   0: a key is counted here or there, and both counts are added. Cost: one slot in the second-level cache a row:
//         of 631 keys 2.8 ns an integer and 5 a string, where the large table takes 6 and 12 (measured on Zen 4).
// Source  the slot of a key: multiply-shift, Dietzfelbinger, Hagerup, Katajainen, Penttonen (1997).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/key_table.hpp"
#include "kernels/text_block.hpp"

namespace mlrt::key_front {

// Whether a front pays: one that missed most of the rows it was tried on is left out for the others.
class Trial {
 public:
  explicit Trial(std::int64_t rows) : pays_(rows >= kFewest) {}

  bool pays() const { return pays_; }

  void saw(std::int64_t rows, std::int64_t missed) {
    rows_ += rows;
    missed_ += missed;
    pays_ = rows_ < kFewest / 2 || 2 * missed_ <= rows_;
  }

 private:
  static constexpr std::int64_t kFewest = 4096;  // fewer rows do not repay the zeros of the slots

  bool pays_;
  std::int64_t rows_ = 0;
  std::int64_t missed_ = 0;
};

// Slots that fill half of a second-level cache at most.
template <class Slot>
class Slots {
 public:
  explicit Slots(bool in_use) : slots_(in_use ? std::size_t{1} << kBits : 0) {}

  Slot& operator[](std::uint64_t hash) { return slots_[hash >> (64 - kBits)]; }
  auto begin() const { return slots_.begin(); }
  auto end() const { return slots_.end(); }

 private:
  static constexpr int kBits = sizeof(Slot) == 16 ? 13 : 12;  // 128 KiB

  std::vector<Slot> slots_;
};

class Integers {
 public:
  // For `rows` rows in all.
  explicit Integers(std::int64_t rows) : trial_(rows), slots_(trial_.pays()) {}

  // Counts n keys but for those that it moves to the front of `keys`; returns their number.
  std::int64_t count(std::int64_t* keys, std::int64_t n) {
    if (!trial_.pays()) return n;
    std::int64_t missed = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t key = keys[i];
      Slot& slot = slots_[static_cast<std::uint64_t>(key) * factor_];
      const bool is_here = (slot.key == key) | (slot.count == 0);
      slot.key = is_here ? key : slot.key;
      slot.count += is_here ? 1 : 0;
      keys[missed] = key;
      missed += is_here ? 0 : 1;
    }
    trial_.saw(n, missed);
    return missed;
  }

  // add(key, count) for each key that was counted.
  template <class Add>
  void flush(Add add) const {
    for (const Slot& slot : slots_)
      if (slot.count != 0) add(slot.key, slot.count);
  }

 private:
  struct Slot {
    std::int64_t key;
    std::int64_t count;  // 0: free
  };

  std::uint64_t factor_ = hash_seed().first | 1;
  Trial trial_;
  Slots<Slot> slots_;
};

class Texts {
 public:
  explicit Texts(std::int64_t rows) : trial_(rows), slots_(trial_.pays()) {}

  // Counts the first n strings of a block, missing ones too, but for those whose positions it lists; returns their
  // number.
  std::int64_t count(const encoders::TextBlock& block, std::int64_t n, std::int64_t* positions) {
    std::int64_t missed = 0;
    if (!trial_.pays()) {
      for (; missed < n; ++missed) positions[missed] = missed;
      return n;
    }
    for (std::int64_t i = 0; i < n; ++i) {
      const std::uint32_t size = block.sizes[i];
      const bool is_short = size <= StringTable::kShort;
      const Prefix prefix = prefix_of({block.starts[i], is_short ? size : 0, encoders::TextBlock::kReadable});
      Slot& slot = slots_[prefix.low * first_ + (prefix.high + size) * second_];
      const bool is_same = ((slot.low ^ prefix.low) | (slot.high ^ prefix.high) | (slot.size ^ size)) == 0;
      const bool is_here = is_short & (is_same | (slot.count == 0));
      slot.low = is_here ? prefix.low : slot.low;
      slot.high = is_here ? prefix.high : slot.high;
      slot.size = is_here ? size : slot.size;
      slot.count += is_here ? 1 : 0;
      positions[missed] = i;
      missed += is_here ? 0 : 1;
    }
    trial_.saw(n, missed);
    return missed;
  }

  // add(text, count) for each string that was counted; a missing one has size 0.
  template <class Add>
  void flush(Add add) const {
    for (const Slot& slot : slots_) {
      const auto size = static_cast<std::uint32_t>(slot.size);
      if (slot.count != 0) add(Text{reinterpret_cast<const char*>(&slot), size, StringTable::kShort}, slot.count);
    }
  }

 private:
  struct Slot {
    std::uint64_t low;  // the string, zero behind its end
    std::uint64_t high;
    std::uint64_t size;
    std::int64_t count;  // 0: free
  };

  std::uint64_t first_ = hash_seed().first | 1;
  std::uint64_t second_ = hash_seed().second | 1;
  Trial trial_;
  Slots<Slot> slots_;
};

}  // namespace mlrt::key_front
