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

// Sorts items by key_of(item), a std::uint64_t below 2^bits; equal keys keep their order.
template <class T, class KeyOf>
void radix_sort(Items<T>& items, int bits, KeyOf key_of) {
  constexpr std::size_t kFew = 256;
  constexpr int kDigitBits = 11;
  constexpr std::uint64_t kDigit = (1u << kDigitBits) - 1;
  if (items.size() < kFew) {
    std::stable_sort(items.begin(), items.end(), [&](const T& a, const T& b) { return key_of(a) < key_of(b); });
    return;
  }
  const auto digits = static_cast<std::size_t>((bits + kDigitBits - 1) / kDigitBits);
  std::vector<std::array<std::size_t, kDigit + 1>> starts(digits);
  for (const T& item : items) {
    std::uint64_t key = key_of(item);
    for (auto& counts : starts) {
      ++counts[key & kDigit];
      key >>= kDigitBits;
    }
  }
  Items<T> sorted(items.size());
  for (std::size_t d = 0; d < digits; ++d) {
    const auto digit = [&](const T& item) { return (key_of(item) >> (kDigitBits * d)) & kDigit; };
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

// The numbers 0..n-1 in the order of kWords words each, word_at(i, 0) first; equal ones in ascending order.
template <std::size_t kWords, class WordAt>
Items<std::size_t> order_by(std::size_t n, WordAt word_at) {
  struct Item {
    std::uint64_t key;
    std::size_t number;
  };
  Items<Item> items(n);
  for (std::size_t i = 0; i < n; ++i) items[i].number = i;
  std::vector<Squeeze> squeezes;
  for (std::size_t w = 0; w < kWords; ++w) {
    std::uint64_t varying = 0;
    for (std::size_t i = 0; i < n; ++i) varying |= word_at(i, w) ^ word_at(0, w);
    squeezes.emplace_back(varying);
  }
  for (std::size_t end = kWords; end > 0;) {
    std::size_t begin = end;  // words [begin, end) fit one key
    int bits = 0;
    while (begin > 0 && bits + squeezes[begin - 1].bits() <= 64) bits += squeezes[--begin].bits();
    for (Item& item : items) {
      item.key = 0;
      for (std::size_t w = begin; w < end; ++w)  // before a word of 64 bits the key is 0
        item.key = (item.key << (squeezes[w].bits() & 63)) | squeezes[w](word_at(item.number, w));
    }
    radix_sort(items, bits, [](const Item& item) { return item.key; });
    end = begin;
  }
  Items<std::size_t> order(n);
  std::transform(items.begin(), items.end(), order.begin(), [](const Item& item) { return item.number; });
  return order;
}

}  // namespace mlrt
