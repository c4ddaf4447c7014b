// key_slots: the slots of an open-addressing table, and how a block of keys is counted and looked up in them.
//
// A slot with value 0 is free. A line of the cache holds a few slots, filled in order; a key that finds its line full
// goes to the next. The load is at most 3/5 after growth by half: doubling at a load of one half takes a third more
// memory, for 8 % less time in tables beyond the caches. A key's line is its hash as a share of all lines, so a table
// grows, and takes another in, from front to back: both read and write memory in order, and the pages that a table grew
// out of are given back as new ones are touched. `reserve` before such a merge: a table that grew meanwhile would crowd
// its front, and one that finds no place throws.
// A large table consists of Parts::kAll parts that no key leaves: workers that own some count at the same time.
// Fetching goes to the second-level cache: of 64 lines prefetched into the first, about half never arrived (measured on
// Zen 4: 17 ns a key instead of 35 in a table of 64 MB).
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>

#include "core/pages.hpp"

namespace mlrt {

constexpr std::size_t kKeyBlock = 64;  // keys whose lines are fetched together

// Which hashes a worker counts: those of the parts [first, first + count).
struct Parts {
  static constexpr int kBits = 4;
  static constexpr std::uint64_t kAll = 1u << kBits;

  std::uint64_t first = 0;
  std::uint64_t count = kAll;

  static std::uint64_t part_of(std::uint64_t hash) { return hash >> (64 - kBits); }
  bool are_all() const { return count == kAll; }
  bool hold(std::uint64_t hash) const { return part_of(hash) - first < count; }
};

// How often each of some keys is counted: once.
struct Once {
  std::int64_t operator()(std::size_t) const { return 1; }
};

template <class Slot>
class Slots {
 public:
  std::size_t size() const { return size_; }

  // Whether the table is divided into parts, each of which has room for whatever half of the table holds.
  bool is_parted() const { return slots_.size() >= kFewestParted; }

  // The slot for which same(slot) holds, else the free one where such a key belongs.
  template <class Same>
  Slot& find(std::uint64_t hash, Same same) {
    for (std::size_t step = 0;; ++step)
      for (Slot *slot = line(hash, step), *const end = slot + kPerLine; slot != end; ++slot)
        if (slot->value == 0 || same(*slot)) return *slot;
  }

  // Says that n free slots were taken.
  void took(std::size_t n) { size_ += n; }

  // Adds times(i) > 0 to the values of n <= kKeyBlock keys, for which there is room, and returns how many are new: the
  // caller says so to `took`. hash_of(i) and same(slot, i) are of key i, take(slot, i) puts it into a free slot. All keys
  // look at their first line before one looks at a second: the few that found it full have the next one fetched too.
  template <class HashOf, class Same, class Take, class Times>
  std::size_t count(std::size_t n, HashOf hash_of, Same same, Take take, Times times) {
    Slot* lines[kKeyBlock];
    std::uint32_t waiting[kKeyBlock];
    std::size_t taken = 0;
    for (std::size_t i = 0; i < n; ++i) {
      lines[i] = line(hash_of(i), 0);
      __builtin_prefetch(lines[i], 0, 2);
    }
    std::size_t left = 0;
    for (std::size_t i = 0; i < n; ++i) {
      waiting[left] = static_cast<std::uint32_t>(i);
      left += count_in(lines[i], i, taken, same, take, times) ? 0 : 1;
    }
    for (std::size_t step = 1; left > 0; ++step) {
      for (std::size_t k = 0; k < left; ++k) {
        lines[k] = line(hash_of(waiting[k]), step);
        __builtin_prefetch(lines[k], 0, 2);
      }
      std::size_t kept = 0;
      for (std::size_t k = 0; k < left; ++k) {
        const std::uint32_t i = waiting[k];
        waiting[kept] = i;
        kept += count_in(lines[k], i, taken, same, take, times) ? 0 : 1;
      }
      left = kept;
    }
    return taken;
  }

  // Calls found(i, value) for each of n <= kKeyBlock keys, with 0 for one that has no slot. Whatever a line holds, all of
  // it is compared: the few keys that find a full line without theirs look on alone.
  template <class HashOf, class Same, class Found>
  void look_up(std::size_t n, HashOf hash_of, Same same, Found found) const {
    for (std::size_t i = 0; i < n; ++i) __builtin_prefetch(line(hash_of(i), 0), 0, 2);
    for (std::size_t i = 0; i < n; ++i) {
      std::int64_t value = 0;
      for (std::size_t step = 0; value == 0; ++step) {
        const Slot* const slots = line(hash_of(i), step);
        for (std::size_t k = 0; k < kPerLine; ++k) value |= same(slots[k], i) ? slots[k].value : 0;
        if (slots[kPerLine - 1].value == 0) break;
      }
      found(i, value);
    }
  }

  // Makes room for n more; hash_of(slot) is the hash of a slot's key.
  template <class HashOf>
  void reserve(std::size_t n, HashOf hash_of) {
    const std::size_t needed = (size_ + n) * 5 / 3;
    if (needed < slots_.size()) return;
    Pages<Slot> old(std::max(needed, slots_.size() * 3 / 2) / kStride * kStride + kStride);
    old.swap(slots_);
    lines_ = slots_.size() / kPerLine;
    part_lines_ = lines_ / (is_parted() ? Parts::kAll : 1);
    constexpr std::size_t kPage = kHugePage / sizeof(Slot);
    for (std::size_t begin = 0; begin < old.size(); begin += kPage) {
      const std::size_t end = std::min(begin + kPage, old.size());
      move(old.begin() + begin, old.begin() + end, hash_of);
      if (end - begin == kPage) old.give_back(begin, end);
    }
  }

  template <class Visit>
  void for_each(Visit visit) const {
    for (const Slot& slot : slots_)
      if (slot.value != 0) visit(slot);
  }

  // The same for whoever changes values: into anything but 0.
  template <class Visit>
  void for_each(Visit visit) {
    for (Slot& slot : slots_)
      if (slot.value != 0) visit(slot);
  }

 private:
  // Puts what [begin, end) hold into free slots. By arithmetic: which slots are free is hard to predict.
  template <class HashOf>
  void move(const Slot* begin, const Slot* end, HashOf hash_of) {
    while (begin != end) {
      const Slot* taken[kKeyBlock];
      std::size_t n = 0;
      for (const Slot* const block_end = begin + std::min<std::ptrdiff_t>(kKeyBlock, end - begin); begin != block_end;
           ++begin) {
        taken[n] = begin;
        n += begin->value != 0 ? 1 : 0;
      }
      for (std::size_t i = 0; i < n; ++i) {
        const std::uint64_t hash = hash_of(*taken[i]);
        Slot* const home = line(hash, 0);
        std::size_t used = 0;
        for (std::size_t k = 0; k < kPerLine; ++k) used += home[k].value != 0 ? 1 : 0;
        Slot& free = used < kPerLine ? home[used] : find(hash, [](const Slot&) { return false; });
        free = *taken[i];
      }
    }
  }

  static constexpr std::size_t kPerLine = kCacheLine / sizeof(Slot);
  static constexpr std::size_t kStride = Parts::kAll * kPerLine;  // so that all parts have the same number of lines
  static constexpr std::size_t kFewestParted = std::size_t{1} << 15;

  // The line that a key looks at in its step'th try; all are in its part.
  Slot* line(std::uint64_t hash, std::size_t step) { return slots_.data() + place(hash, step); }
  const Slot* line(std::uint64_t hash, std::size_t step) const { return slots_.begin() + place(hash, step); }

  std::size_t place(std::uint64_t hash, std::size_t step) const {
    const auto home = static_cast<std::size_t>((static_cast<unsigned __int128>(hash) * lines_) >> 64);
    if (step == 0) return home * kPerLine;
    if (step >= part_lines_)
      throw std::length_error("keys arrive in the order of their hashes, without room for all of them");
    const std::size_t end = is_parted() ? (Parts::part_of(hash) + 1) * part_lines_ : lines_;
    return (home + step < end ? home + step : home + step - part_lines_) * kPerLine;
  }

  // Counts key i in a line, in a free slot of it if need be; false when the line is full of other keys. Comparing with
  // all of the line costs less than a branch that nobody can predict.
  template <class Same, class Take, class Times>
  [[gnu::always_inline]] static bool count_in(Slot* line, std::size_t i, std::size_t& taken, Same same, Take take,
                                              Times times) {
    std::size_t found = 0;
    std::size_t position = 0;
    for (std::size_t k = 0; k < kPerLine; ++k) {
      const std::size_t is_same = same(line[k], i) ? 1 : 0;
      found |= is_same;
      position += is_same * k;
    }
    line[position].value += static_cast<std::int64_t>(found) * times(i);
    if (found != 0 || line[kPerLine - 1].value != 0) return found != 0;
    while (line[position].value != 0) ++position;
    take(line[position], i);
    line[position].value = times(i);
    ++taken;
    return true;
  }

  Pages<Slot> slots_ = Pages<Slot>(kStride);
  std::size_t lines_ = Parts::kAll;
  std::size_t part_lines_ = lines_;
  std::size_t size_ = 0;
};

}  // namespace mlrt
