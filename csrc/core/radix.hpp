// radix: sorting by unsigned keys without a comparison, and the order of items by several such keys.
//
// A pass moves every item once by 11 bits of its key, from the lowest bits up; bits that all keys share cost nothing.
// Source  Knuth, The Art of Computer Programming 3, 5.2.5.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/aligned.hpp"

namespace mlrt {

// What is sorted lies in huge pages: faults on fresh memory cost as much as a pass.
template <class T>
using Items = std::vector<T, Allocator<T>>;

constexpr int kDigitBits = 11;

// Sorts items by key_of(item), a std::uint64_t below 2^bits, but for its `low` lowest bits; equal ones keep their order.
template <class T, class KeyOf>
void radix_sort(Items<T>& items, int bits, KeyOf key_of, int low = 0) {
  constexpr std::size_t kFew = 256;
  constexpr std::uint64_t kDigit = (1u << kDigitBits) - 1;
  if (items.size() < kFew) {
    std::stable_sort(items.begin(), items.end(), [&](const T& a, const T& b) { return key_of(a) < key_of(b); });
    return;
  }
  const auto digits = static_cast<std::size_t>((bits - low + kDigitBits - 1) / kDigitBits);
  std::vector<std::array<std::size_t, kDigit + 1>> starts(digits);
  for (const T& item : items) {
    std::uint64_t key = key_of(item) >> low;
    for (auto& counts : starts) {
      ++counts[key & kDigit];
      key >>= kDigitBits;
    }
  }
  Items<T> sorted(items.size());
  for (std::size_t d = 0; d < digits; ++d) {
    const auto shift = static_cast<std::size_t>(low) + kDigitBits * d;
    const auto digit = [&](const T& item) { return (key_of(item) >> shift) & kDigit; };
    if (starts[d][digit(items[0])] == items.size()) continue;
    std::size_t start = 0;
    for (std::size_t& count : starts[d]) start += std::exchange(count, start);
    for (const T& item : items) sorted[starts[d][digit(item)]++] = item;
    items.swap(sorted);
  }
}

// Moves the bits in which some words differ together, so that fewer are left to sort by.
class Squeeze {
 public:
  explicit Squeeze(std::uint64_t varying) {
    while (varying != 0) {
      const int low = std::countr_zero(varying);
      const int length = std::countr_one(varying >> low);
      const std::uint64_t run = (length == 64 ? 0 : std::uint64_t{1} << length) - 1;
      runs_[count_++] = {low - bits_, run << bits_};
      varying &= ~(run << low);
      bits_ += length;
    }
  }

  int bits() const { return bits_; }

  std::uint64_t operator()(std::uint64_t word) const {
    std::uint64_t result = 0;
    for (std::size_t i = 0; i < count_; ++i) result |= (word >> runs_[i].shift) & runs_[i].mask;
    return result;
  }

 private:
  struct Run {
    int shift;
    std::uint64_t mask;  // where the run's bits end up
  };

  std::array<Run, 32> runs_;
  std::size_t count_ = 0;
  int bits_ = 0;
};

// The first 64 of the varying bits of item i's words.
template <std::size_t kWords, class WordAt>
std::uint64_t leading_bits(const std::vector<Squeeze>& squeezes, std::size_t i, WordAt word_at) {
  std::uint64_t key = 0;
  int room = 64;
  for (std::size_t w = 0; w < kWords && room > 0; ++w) {
    const int bits = squeezes[w].bits();
    const std::uint64_t word = squeezes[w](word_at(i, w));
    const int taken = std::min(bits, room);
    key = (taken == 64 ? 0 : key << taken) | (taken == 0 ? 0 : word >> (bits - taken));
    room -= taken;
  }
  return key;
}

// The numbers 0..n-1 in the order of kWords words each, word_at(i, 0) first; equal ones in ascending order. They are
// sorted by so many of their leading bits that few should share them: those are put into order by comparison.
template <std::size_t kWords, class WordAt>
Items<std::size_t> order_by(std::size_t n, WordAt word_at) {
  struct Item {
    std::uint64_t key;  // the leading bits that vary
    std::size_t number;
  };
  std::vector<Squeeze> squeezes;
  for (std::size_t w = 0; w < kWords; ++w) {
    std::uint64_t varying = 0;
    for (std::size_t i = 0; i < n; ++i) varying |= word_at(i, w) ^ word_at(0, w);
    squeezes.emplace_back(varying);
  }
  Items<Item> items(n);
  for (std::size_t i = 0; i < n; ++i) items[i] = {leading_bits<kWords>(squeezes, i, word_at), i};
  int bits = 0;
  for (const Squeeze& squeeze : squeezes) bits = std::min(64, bits + squeeze.bits());
  const int low = std::max(0, bits - static_cast<int>(std::bit_width(n)) - kDigitBits);
  radix_sort(items, bits, [](const Item& item) { return item.key; }, low);
  const auto comes_before = [&](const Item& a, const Item& b) {
    if (a.key != b.key) return a.key < b.key;
    for (std::size_t w = 0; w < kWords; ++w)
      if (word_at(a.number, w) != word_at(b.number, w)) return word_at(a.number, w) < word_at(b.number, w);
    return a.number < b.number;
  };
  for (auto begin = items.begin(); begin != items.end();) {
    const auto is_other = [&](const Item& item) { return (item.key ^ begin->key) >> low != 0; };
    const auto end = std::find_if(begin + 1, items.end(), is_other);
    if (end - begin > 1) std::sort(begin, end, comes_before);
    begin = end;
  }
  Items<std::size_t> order(n);
  std::transform(items.begin(), items.end(), order.begin(), [](const Item& item) { return item.number; });
  return order;
}

}  // namespace mlrt
