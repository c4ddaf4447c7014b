// key_table: open-addressing tables from strings or integers to a non-zero int64 (an id or a count).
//
// Linear probing at a load of at most one half, over a keyed hash seeded once per process: a hostile file cannot choose
// keys that collide. Results never depend on the seed, because nothing reads the tables in slot order unsorted.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

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

class IntegerTable {
 public:
  struct Slot {
    std::int64_t key;
    std::int64_t value;  // 0: free
  };

  std::size_t size() const { return size_; }

  // The value of `key`, 0 when it is absent.
  std::int64_t find(std::int64_t key) const {
    for (std::size_t i = home(key);; i = (i + 1) & mask_) {
      const Slot& slot = slots_[i];
      if (slot.value == 0 || slot.key == key) return slot.value;
    }
  }

  // The value of `key`, 0 when it is new: the caller then sets it.
  std::int64_t& at(std::int64_t key) {
    if (2 * (size_ + 1) > slots_.size()) grow();
    Slot& slot = free_or_same(key);
    if (slot.value == 0) {
      slot.key = key;
      ++size_;
    }
    return slot.value;
  }

  template <class Visit>
  void for_each(Visit visit) const {
    for (const Slot& slot : slots_)
      if (slot.value != 0) visit(slot.key, slot.value);
  }

 private:
  std::size_t home(std::int64_t key) const {
    return fold(static_cast<std::uint64_t>(key) ^ seed_.first, seed_.second) & mask_;
  }

  Slot& free_or_same(std::int64_t key) {
    std::size_t i = home(key);
    while (slots_[i].value != 0 && slots_[i].key != key) i = (i + 1) & mask_;
    return slots_[i];
  }

  void grow() {
    std::vector<Slot> old(2 * slots_.size());
    old.swap(slots_);
    mask_ = slots_.size() - 1;
    for (const Slot& slot : old)
      if (slot.value != 0) free_or_same(slot.key) = slot;
  }

  HashSeed seed_ = hash_seed();
  std::vector<Slot> slots_ = std::vector<Slot>(16);
  std::size_t mask_ = 15;
  std::size_t size_ = 0;
};

// The first 16 bytes of a string, zero behind its end: with the size they are the whole of a short string.
struct Prefix {
  std::uint64_t low;
  std::uint64_t high;
};

Prefix prefix_at_end(const Text& text);

inline Prefix prefix_of(const Text& text) {
  static constexpr auto kMask = [](std::uint32_t size) {
    return size >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * size)) - 1;
  };
  const std::uint32_t behind = text.size > 8 ? text.size - 8 : 0;
  if (text.readable >= 16)
    return {load<std::uint64_t>(text.data, 0) & kMask(text.size), load<std::uint64_t>(text.data, 1) & kMask(behind)};
  return prefix_at_end(text);
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

  std::size_t size() const { return size_; }

  Probe probe(const Text& text) const {
    if (text.size <= kShort) {
      const Prefix prefix = prefix_of(text);
      return {prefix.low, prefix.high, text.size, hash_short(prefix.low, prefix.high, text.size), text.data};
    }
    const std::uint64_t hash = hash_long(text.data, text.size);
    return {hash, 0, text.size, hash, text.data};
  }

  std::int64_t find(const Probe& probe) const {
    for (std::size_t i = probe.hash & mask_;; i = (i + 1) & mask_) {
      const Slot& slot = slots_[i];
      if (slot.value == 0 || same(slot, probe)) return slot.value;
    }
  }

  std::int64_t& at(const Probe& probe) {
    if (2 * (size_ + 1) > slots_.size()) grow();
    std::size_t i = probe.hash & mask_;
    while (slots_[i].value != 0 && !same(slots_[i], probe)) i = (i + 1) & mask_;
    Slot& slot = slots_[i];
    if (slot.value == 0) {
      slot = {probe.low, probe.high, probe.size, 0};
      if (probe.size > kShort) {
        slot.high = arena_.size();
        arena_.append(probe.data, probe.size);
      }
      ++size_;
    }
    return slot.value;
  }

  // visit(text, value) for each entry, in no order.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const Slot& slot : slots_) {
      if (slot.value == 0) continue;
      char bytes[kShort];
      std::memcpy(bytes, &slot.low, 8);
      std::memcpy(bytes + 8, &slot.high, 8);
      const char* const data = slot.size <= kShort ? bytes : arena_.data() + slot.high;
      visit(Text{data, slot.size, slot.size}, slot.value);
    }
  }

 private:
  struct Slot {
    std::uint64_t low;
    std::uint64_t high;  // long: where the string starts in the arena
    std::uint32_t size;
    std::int64_t value;  // 0: free
  };

  bool same(const Slot& slot, const Probe& probe) const {
    if (slot.low != probe.low || slot.size != probe.size) return false;
    if (probe.size <= kShort) return slot.high == probe.high;
    return std::memcmp(arena_.data() + slot.high, probe.data, probe.size) == 0;
  }

  std::uint64_t hash_short(std::uint64_t low, std::uint64_t high, std::uint32_t size) const {
    return fold(low ^ seed_.first, high ^ (seed_.second + size));
  }

  std::uint64_t hash_long(const char* data, std::uint32_t size) const {
    std::uint64_t hash = size;
    const auto mix_in = [&](const char* part) {
      hash = fold(load<std::uint64_t>(part, 0) ^ seed_.first ^ hash, load<std::uint64_t>(part, 1) ^ seed_.second);
    };
    for (std::uint32_t i = 0; i + 16 < size; i += 16) mix_in(data + i);
    mix_in(data + size - 16);  // overlaps the last full part
    return hash;
  }

  void grow() {
    std::vector<Slot> old(2 * slots_.size());
    old.swap(slots_);
    mask_ = slots_.size() - 1;
    for (const Slot& slot : old) {
      if (slot.value == 0) continue;
      std::size_t i = (slot.size <= kShort ? hash_short(slot.low, slot.high, slot.size) : slot.low) & mask_;
      while (slots_[i].value != 0) i = (i + 1) & mask_;
      slots_[i] = slot;
    }
  }

  HashSeed seed_ = hash_seed();
  std::vector<Slot> slots_ = std::vector<Slot>(16);
  std::size_t mask_ = 15;
  std::size_t size_ = 0;
  std::string arena_;  // the strings longer than kShort
};

}  // namespace mlrt
