// key_table: tables from strings or integers to a non-zero int64 (an id or a count).
//
// Open addressing (key_slots.hpp) over a keyed hash seeded once per process: a hostile file cannot choose keys that
// collide. Results never depend on the seed, because nothing reads the tables in slot order unsorted.
// Counting is for one worker, or for several that own different Parts: those need room and say afterwards what they saw.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "core/key_slots.hpp"
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

// What a worker counted for the first time.
struct Added {
  std::size_t keys = 0;
  std::int64_t zeros = 0;
};

class IntegerTable {
 public:
  std::size_t size() const { return slots_.size() + (zeros_ != 0 ? 1 : 0); }
  bool is_parted() const { return slots_.is_parted(); }

  void reserve(std::size_t n) {
    slots_.reserve(n, [this](const Slot& slot) { return hash(slot.key); });
  }

  // The value of `key`, 0 when it is new: the caller then sets it.
  std::int64_t& at(std::int64_t key) {
    if (key == 0) return zeros_;
    reserve(1);
    Slot& slot = slots_.find(hash(key), [key](const Slot& each) { return each.key == key; });
    if (slot.value == 0) {
      slot.key = key;
      slots_.took(1);
    }
    return slot.value;
  }

  // Adds one to the values of those of n <= kKeyBlock keys that `parts` hold.
  void count(const std::int64_t* keys, std::size_t n, const Parts& parts, Added& added) {
    std::int64_t held[kKeyBlock];
    std::uint64_t hashes[kKeyBlock];
    std::size_t count = 0;
    std::int64_t zeros = 0;
    for (std::size_t i = 0; i < n; ++i) {
      held[count] = keys[i];
      hashes[count] = hash(keys[i]);
      const bool is_held = parts.hold(hashes[count]);
      zeros += (keys[i] == 0) & is_held ? 1 : 0;
      count += (keys[i] != 0) & is_held ? 1 : 0;
    }
    if (parts.are_all()) reserve(count);
    const std::size_t taken = slots_.count(
        count, [&](std::size_t i) { return hashes[i]; },
        [&](const Slot& slot, std::size_t i) { return slot.key == held[i]; },
        [&](Slot& slot, std::size_t i) { slot.key = held[i]; }, Once{});
    if (parts.are_all()) return add({taken, zeros});
    added.keys += taken;
    added.zeros += zeros;
  }

  void add(const Added& added) {
    slots_.took(added.keys);
    zeros_ += added.zeros;
  }

  // values[i] is that of keys[i], 0 for one that is not here; n <= kKeyBlock.
  void look_up(const std::int64_t* keys, std::size_t n, std::int64_t* values) const {
    std::uint64_t hashes[kKeyBlock];
    for (std::size_t i = 0; i < n; ++i) hashes[i] = hash(keys[i]);
    slots_.look_up(
        n, [&](std::size_t i) { return hashes[i]; },
        [&](const Slot& slot, std::size_t i) { return slot.key == keys[i]; },
        [&](std::size_t i, std::int64_t value) { values[i] = keys[i] == 0 ? zeros_ : value; });
  }

  // Gives the entries the values first, first + 1 and so on, in no order; first is above 0.
  void number(std::int64_t first) {
    if (zeros_ != 0) zeros_ = first++;
    slots_.for_each([&](Slot& slot) { slot.value = first++; });
  }

  // visit(key, value) for each entry, in no order.
  template <class Visit>
  void for_each(Visit visit) const {
    if (zeros_ != 0) visit(std::int64_t{0}, zeros_);
    slots_.for_each([&](const Slot& slot) { visit(slot.key, slot.value); });
  }

 private:
  struct Slot {
    std::int64_t key;  // a free slot has 0, and no other
    std::int64_t value;
  };

  std::uint64_t hash(std::int64_t key) const {
    return spread(fold(static_cast<std::uint64_t>(key) ^ seed_.first, seed_.second));
  }

  HashSeed seed_ = hash_seed();
  Slots<Slot> slots_;
  std::int64_t zeros_ = 0;  // the value of key 0
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
  bool is_parted() const { return slots_.is_parted(); }

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
    Slot& slot = slots_.find(probe.hash, [&](const Slot& each) { return same(each, probe); });
    if (slot.value == 0) {
      take(slot, probe);
      slots_.took(1);
    }
    return slot.value;
  }

  // Adds times(i) > 0 to the values of n <= kKeyBlock strings, all held by `parts`. Inlined into the loop that makes the
  // probes it takes twice the time: too few registers are left.
  template <class Times>
  [[gnu::noinline]] void count(const Probe* probes, std::size_t n, const Parts& parts, Added& added, Times times) {
    if (parts.are_all()) reserve(n);
    const std::size_t taken = slots_.count(
        n, [&](std::size_t i) { return probes[i].hash; },
        [&](const Slot& slot, std::size_t i) { return same(slot, probes[i]); },
        [&](Slot& slot, std::size_t i) { take(slot, probes[i]); }, times);
    if (parts.are_all()) return slots_.took(taken);
    added.keys += taken;
  }

  void add(const Added& added) { slots_.took(added.keys); }

  // values[i] is that of probes[i], 0 for one that is not here; n <= kKeyBlock.
  [[gnu::noinline]] void look_up(const Probe* probes, std::size_t n, std::int64_t* values) const {
    slots_.look_up(
        n, [&](std::size_t i) { return probes[i].hash; },
        [&](const Slot& slot, std::size_t i) { return same(slot, probes[i]); },
        [&](std::size_t i, std::int64_t value) { values[i] = value; });
  }

  // Gives the entries the values first, first + 1 and so on, in no order; first is above 0.
  void number(std::int64_t first) {
    slots_.for_each([&](Slot& slot) { slot.value = first++; });
  }

  // visit(text, value) for each entry, in no order; the text stays where it is until the table grows.
  template <class Visit>
  void for_each(Visit visit) const {
    slots_.for_each([&](const Slot& slot) {
      const char* const data = slot.size <= kShort ? slot.bytes() : arena(slot.low).data() + slot.high;
      visit(Text{data, slot.size, std::max(slot.size, kShort)}, slot.value);
    });
  }

 private:
  struct Slot {
    std::uint64_t low;
    std::uint64_t high;  // long: where the string starts in its part's arena
    std::uint32_t size;  // a free slot has 0, and no string has
    std::int64_t value;

    const char* bytes() const { return reinterpret_cast<const char*>(this); }
  };
  static_assert(offsetof(Slot, low) == 0 && offsetof(Slot, high) == 8);

  bool same(const Slot& slot, const Probe& probe) const {
    if (probe.size <= kShort)
      return ((slot.low ^ probe.low) | (slot.high ^ probe.high) | (slot.size ^ probe.size)) == 0;
    return slot.low == probe.low && slot.size == probe.size &&
           std::memcmp(arena(slot.low).data() + slot.high, probe.data, probe.size) == 0;
  }

  void take(Slot& slot, const Probe& probe) {
    slot = {probe.low, probe.high, probe.size, 0};
    if (probe.size <= kShort) return;
    std::string& strings = arenas_[Parts::part_of(probe.hash)];
    slot.high = strings.size();
    strings.append(probe.data, probe.size);
  }

  const std::string& arena(std::uint64_t hash) const { return arenas_[Parts::part_of(hash)]; }

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
  std::array<std::string, Parts::kAll> arenas_;  // by part: the strings longer than kShort
};

}  // namespace mlrt
