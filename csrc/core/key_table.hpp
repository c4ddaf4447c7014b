// key_table: open-addressing tables from strings or integers to a non-zero int64 (an id or a count).
//
// Linear probing at a load of at most one half, over a keyed hash seeded once per process: a hostile file cannot choose
// keys that collide. Results never depend on the seed, because nothing reads the tables in slot order unsorted.
// The highest bits of a hash are its slot, so a table grows, and takes another in, from front to back: both read and
// write memory in order. `reserve` before such a merge: a table that grew meanwhile would crowd its front.
// `count` fetches the slots of a block of keys before it reads the first: a table beyond the caches answers a key in
// 8 ns instead of 40 to 90 (measured, 1M keys).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "core/aligned.hpp"
#include "core/strings.hpp"

namespace mlrt {

struct HashSeed {
  std::uint64_t first;
  std::uint64_t second;
};

// Random, the same for the whole process.
const HashSeed& hash_seed();

// The two halves of a 128-bit product, folded: every bit of the result depends on every bit of both factors.
inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Brings what a product left in the lower bits up to the highest.
inline std::uint64_t spread(std::uint64_t hash) {
  return (hash ^ (hash >> 32)) * 0x9e3779b97f4a7c15u;
}

constexpr std::size_t kKeyBlock = 64;  // keys whose slots are fetched together: their lines fit the L1 cache

// What the tables share. A Slot with value 0 is free. The slots of a cache line are filled in order, and a key that finds
// its line full goes to the next.
template <class Slot>
class Slots {
 public:
  std::size_t size() const { return size_; }

  // The slot for which same(slot) holds, else the free one where such a key belongs.
  template <class Same>
  Slot& find(std::uint64_t hash, Same same) {
    std::size_t i = (hash >> shift_) * kPerLine;
    while (slots_[i].value != 0 && !same(slots_[i])) i = (i + 1) & (slots_.size() - 1);
    return slots_[i];
  }

  // Says that a free slot that `find` gave was taken.
  void took() { ++size_; }

  // Adds one to the values of n <= kKeyBlock keys, for which there is room: hash_of(i) and same(slot, i) are of key i,
  // take(slot, i) puts it into a free slot. All keys look at their first line before one looks at a second: the few that
  // found it full have the next one fetched too.
  template <class HashOf, class Same, class Take>
  void count(std::size_t n, HashOf hash_of, Same same, Take take) {
    std::uint32_t waiting[kKeyBlock];
    for (std::size_t i = 0; i < n; ++i) __builtin_prefetch(line(hash_of(i), 0), 0, 2);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < n; ++i) {
      waiting[kept] = static_cast<std::uint32_t>(i);
      kept += count_in(line(hash_of(i), 0), i, same, take) ? 0 : 1;
    }
    for (std::size_t step = 1; kept > 0; ++step) {
      n = std::exchange(kept, 0);
      for (std::size_t k = 0; k < n; ++k) __builtin_prefetch(line(hash_of(waiting[k]), step), 0, 2);
      for (std::size_t k = 0; k < n; ++k) {
        const std::uint32_t i = waiting[k];
        waiting[kept] = i;
        kept += count_in(line(hash_of(i), step), i, same, take) ? 0 : 1;
      }
    }
  }

  // Makes room for n more; hash_of(slot) is the hash of a slot's key.
  template <class HashOf>
  void reserve(std::size_t n, HashOf hash_of) {
    if (2 * (size_ + n) <= slots_.size()) return;
    std::vector<Slot, Allocator<Slot>> old(std::bit_ceil(2 * (size_ + n)));
    old.swap(slots_);
    shift_ = 64 - std::countr_zero(slots_.size() / kPerLine);
    for (const Slot& slot : old)
      if (slot.value != 0) find(hash_of(slot), [](const Slot&) { return false; }) = slot;
  }

  template <class Visit>
  void for_each(Visit visit) const {
    for (const Slot& slot : slots_)
      if (slot.value != 0) visit(slot);
  }

 private:
  static constexpr std::size_t kPerLine = kCacheLine / sizeof(Slot);
  static constexpr std::size_t kFewest = 16;

  // The line that a key looks at in its step'th try.
  Slot* line(std::uint64_t hash, std::size_t step) {
    return slots_.data() + (((hash >> shift_) + step) * kPerLine & (slots_.size() - 1));
  }

  // Counts key i in a line, in a free slot of it if need be; false when the line is full of other keys. Comparing with
  // all of the line costs less than a branch that nobody can predict.
  template <class Same, class Take>
  bool count_in(Slot* line, std::size_t i, Same same, Take take) {
    std::size_t found = 0;
    std::size_t position = 0;
    for (std::size_t k = 0; k < kPerLine; ++k) {
      const std::size_t is_same = same(line[k], i) ? 1 : 0;
      found |= is_same;
      position += is_same * k;
    }
    line[position].value += static_cast<std::int64_t>(found);
    if (found != 0 || line[kPerLine - 1].value != 0) return found != 0;
    while (line[position].value != 0) ++position;
    take(line[position], i);
    line[position].value = 1;
    took();
    return true;
  }

  std::vector<Slot, Allocator<Slot>> slots_ = std::vector<Slot, Allocator<Slot>>(kFewest);
  int shift_ = 64 - std::countr_zero(kFewest / kPerLine);
  std::size_t size_ = 0;
};

class IntegerTable {
 public:
  std::size_t size() const { return slots_.size(); }

  void reserve(std::size_t n) {
    slots_.reserve(n, [this](const Slot& slot) { return hash(slot.key); });
  }

  // The value of `key`, 0 when it is new: the caller then sets it.
  std::int64_t& at(std::int64_t key) {
    reserve(1);
    return at_hash(key, hash(key));
  }

  // Adds one to the values of n keys.
  void count(const std::int64_t* keys, std::size_t n) {
    std::uint64_t hashes[kKeyBlock];
    for (std::size_t begin = 0; begin < n; begin += kKeyBlock) {
      const std::size_t block = std::min(kKeyBlock, n - begin);
      reserve(block);
      for (std::size_t i = 0; i < block; ++i) hashes[i] = hash(keys[begin + i]);
      slots_.count(
          block, [&](std::size_t i) { return hashes[i]; },
          [&](const Slot& slot, std::size_t i) { return (slot.key == keys[begin + i]) & (slot.value != 0); },
          [&](Slot& slot, std::size_t i) { slot.key = keys[begin + i]; });
    }
  }

  // visit(key, value) for each entry, in no order.
  template <class Visit>
  void for_each(Visit visit) const {
    slots_.for_each([&](const Slot& slot) { visit(slot.key, slot.value); });
  }

 private:
  struct Slot {
    std::int64_t key;
    std::int64_t value;
  };

  std::uint64_t hash(std::int64_t key) const {
    return spread(fold(static_cast<std::uint64_t>(key) ^ seed_.first, seed_.second));
  }

  std::int64_t& at_hash(std::int64_t key, std::uint64_t hash) {
    Slot& slot = slots_.find(hash, [key](const Slot& each) { return each.key == key; });
    if (slot.value == 0) {
      slot.key = key;
      slots_.took();
    }
    return slot.value;
  }

  HashSeed seed_ = hash_seed();
  Slots<Slot> slots_;
};

// The first 16 bytes of a string, zero behind its end: with the size they are the whole of a short string.
struct Prefix {
  std::uint64_t low;
  std::uint64_t high;
};

Prefix prefix_at_end(const Text& text);

// Of a string of at most 16 bytes.
inline Prefix prefix_of(const Text& text) {
  // 16 bytes from kMask + 16 - size on keep the first `size` bytes.
  static constexpr auto kMask = [] {
    std::array<std::uint8_t, 32> bytes{};
    for (std::size_t i = 0; i < 16; ++i) bytes[i] = 0xff;
    return bytes;
  }();
  if (text.readable < 16) return prefix_at_end(text);
  const std::uint8_t* const mask = kMask.data() + 16 - text.size;
  return {load<std::uint64_t>(text.data, 0) & load<std::uint64_t>(mask, 0),
          load<std::uint64_t>(text.data, 1) & load<std::uint64_t>(mask, 1)};
}

class StringTable {
 public:
  static constexpr std::uint32_t kShort = 16;

  // A probe: what a slot is compared with.
  struct Probe {
    std::uint64_t low;   // short: the first 8 bytes; long: the hash
    std::uint64_t high;  // short: the next 8 bytes
    std::uint32_t size;
    std::uint64_t hash;
    const char* data;
  };

  std::size_t size() const { return slots_.size(); }

  void reserve(std::size_t n) {
    slots_.reserve(n, [this](const Slot& slot) {
      return slot.size <= kShort ? hash_short(slot.low, slot.high, slot.size) : slot.low;
    });
  }

  Probe probe(const Text& text) const {
    if (text.size <= kShort) {
      const Prefix prefix = prefix_of(text);
      return {prefix.low, prefix.high, text.size, hash_short(prefix.low, prefix.high, text.size), text.data};
    }
    const std::uint64_t hash = hash_long(text.data, text.size);
    return {hash, 0, text.size, hash, text.data};
  }

  // The value of the probe's string, 0 when it is new: the caller then sets it.
  std::int64_t& at(const Probe& probe) {
    reserve(1);
    return at_reserved(probe);
  }

  // Adds one to the values of n <= kKeyBlock strings.
  void count(const Probe* probes, std::size_t n) {
    reserve(n);
    slots_.count(
        n, [&](std::size_t i) { return probes[i].hash; },
        [&](const Slot& slot, std::size_t i) { return same(slot, probes[i]); },
        [&](Slot& slot, std::size_t i) { take(slot, probes[i]); });
  }

  // visit(text, value) for each entry, in no order.
  template <class Visit>
  void for_each(Visit visit) const {
    slots_.for_each([&](const Slot& slot) {
      char bytes[kShort];
      std::memcpy(bytes, &slot.low, 8);
      std::memcpy(bytes + 8, &slot.high, 8);
      const char* const data = slot.size <= kShort ? bytes : arena_.data() + slot.high;
      visit(Text{data, slot.size, std::max(slot.size, kShort)}, slot.value);
    });
  }

 private:
  struct Slot {
    std::uint64_t low;
    std::uint64_t high;  // long: where the string starts in the arena
    std::uint32_t size;  // a free slot has 0, and no string has
    std::int64_t value;
  };

  bool same(const Slot& slot, const Probe& probe) const {
    if (probe.size <= kShort)
      return ((slot.low ^ probe.low) | (slot.high ^ probe.high) | (slot.size ^ probe.size)) == 0;
    return slot.low == probe.low && slot.size == probe.size &&
           std::memcmp(arena_.data() + slot.high, probe.data, probe.size) == 0;
  }

  std::int64_t& at_reserved(const Probe& probe) {
    Slot& slot = slots_.find(probe.hash, [&](const Slot& each) { return same(each, probe); });
    if (slot.value == 0) {
      take(slot, probe);
      slots_.took();
    }
    return slot.value;
  }

  void take(Slot& slot, const Probe& probe) {
    slot = {probe.low, probe.high, probe.size, 0};
    if (probe.size <= kShort) return;
    slot.high = arena_.size();
    arena_.append(probe.data, probe.size);
  }

  std::uint64_t hash_short(std::uint64_t low, std::uint64_t high, std::uint32_t size) const {
    return spread(fold(low ^ seed_.first, high ^ (seed_.second + size)));
  }

  std::uint64_t hash_long(const char* data, std::uint32_t size) const {
    std::uint64_t hash = size;
    const auto mix_in = [&](const char* part) {
      hash = fold(load<std::uint64_t>(part, 0) ^ seed_.first ^ hash, load<std::uint64_t>(part, 1) ^ seed_.second);
    };
    for (std::uint32_t i = 0; i + 16 < size; i += 16) mix_in(data + i);
    mix_in(data + size - 16);  // overlaps the last full part
    return spread(hash);
  }

  HashSeed seed_ = hash_seed();
  Slots<Slot> slots_;
  std::string arena_;  // the strings longer than kShort
};

}  // namespace mlrt
