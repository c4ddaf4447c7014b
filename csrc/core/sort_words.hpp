// sort_words: unsigned words in ascending order, by several threads; the result does not depend on how many.
//
// Only as many leading bits as tell n words apart are sorted by, from the highest one in which any two differ: a pass
// moves every word by 8 bits, whose 256 destinations stay in the L1 cache. Words that still share those bits lie side
// by side then and are put into order among themselves, many of them by the same method, few by comparison.
// Source  Knuth, The Art of Computer Programming 3, 5.2.5; per-thread counts: Zagha and Blelloch (1991).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/radix.hpp"
#include "core/threads.hpp"

namespace mlrt {
namespace words {

constexpr int kBits = 8;
constexpr int kSpareBits = 11;  // beyond log2 n: about one word in 2^11 shares its leading bits with another
constexpr std::size_t kFew = 128;
constexpr std::size_t kChunkWords = std::size_t{1} << 17;

using Counts = std::array<std::size_t, std::size_t{1} << kBits>;

template <class Word>
struct Range {
  Word* begin;
  std::size_t size;
};

// One pass from `from` to `to`, in one chunk for each worker.
template <class Word>
void move_by_digit(Range<Word> from, Word* to, int shift, std::size_t workers) {
  const std::size_t chunk = (from.size + workers - 1) / workers;
  const auto digit = [shift](Word word) { return static_cast<std::uint8_t>(word >> shift); };
  const auto each = [&](std::size_t task, auto visit) {
    const std::size_t end = std::min(from.size, (task + 1) * chunk);
    for (std::size_t i = task * chunk; i < end; ++i) visit(from.begin[i]);
  };
  std::vector<Counts> places(workers);
  parallel_for(workers, workers, [&](std::size_t, std::size_t task) {
    Counts counts{};
    each(task, [&](Word word) { ++counts[digit(word)]; });
    places[task] = counts;
  });
  std::size_t start = 0;
  for (std::size_t d = 0; d < Counts{}.size(); ++d)
    for (Counts& counts : places) start += std::exchange(counts[d], start);
  parallel_for(workers, workers, [&](std::size_t, std::size_t task) {
    Counts next = places[task];
    each(task, [&](Word word) { to[next[digit(word)]++] = word; });
  });
}

template <class Word>
Word varying_bits(Range<Word> words) {
  Word varying = 0;
  for (std::size_t i = 0; i < words.size; ++i) varying |= words.begin[i] ^ words.begin[0];
  return varying;
}

template <class Word>
void sort(Range<Word> words, Word* scratch, std::size_t workers);

// Orders words that are in order but for their `low` lowest bits.
template <class Word>
void finish(Range<Word> words, Word* scratch, int low) {
  const auto prefix = [&](std::size_t i) { return words.begin[i] >> low; };
  for (std::size_t i = 1; i < words.size; ++i) {
    if (words.begin[i - 1] <= words.begin[i]) continue;
    std::size_t begin = i - 1;
    std::size_t end = i + 1;
    while (begin > 0 && prefix(begin - 1) == prefix(i)) --begin;
    while (end < words.size && prefix(end) == prefix(i)) ++end;
    sort<Word>({words.begin + begin, end - begin}, scratch + begin, 1);
    i = end;
  }
}

// The first place at or after `place` where the leading bits change.
template <class Word>
std::size_t boundary(Range<Word> words, std::size_t place, int low) {
  while (place > 0 && place < words.size && words.begin[place] >> low == words.begin[place - 1] >> low) ++place;
  return place;
}

template <class Word>
void sort(Range<Word> words, Word* scratch, std::size_t workers) {
  if (words.size <= kFew) return std::sort(words.begin, words.begin + words.size);
  const Word varying = varying_bits(words);
  if (varying == 0) return;
  const int high = static_cast<int>(std::bit_width(varying));
  const int needed =
      std::min(high - std::countr_zero(varying), static_cast<int>(std::bit_width(words.size)) + kSpareBits);
  const int passes = (needed + kBits - 1) / kBits;
  const int low = std::max(0, high - passes * kBits);
  Range<Word> from = words;
  Word* to = scratch;
  for (int shift = low; shift < high; shift += kBits) {
    if (((varying >> shift) & ((1u << kBits) - 1)) == 0) continue;
    move_by_digit(from, to, shift, workers);
    to = std::exchange(from.begin, to);
  }
  if (from.begin != words.begin) std::copy_n(from.begin, words.size, words.begin);
  if (low <= std::countr_zero(varying)) return;
  const std::size_t chunk = (words.size + workers - 1) / workers;
  std::vector<std::size_t> ends;
  for (std::size_t task = 0; task <= workers; ++task)
    ends.push_back(boundary(words, std::min(words.size, task * chunk), low));
  parallel_for(workers, workers, [&](std::size_t, std::size_t task) {
    finish<Word>({words.begin + ends[task], ends[task + 1] - ends[task]}, scratch + ends[task], low);
  });
}

}  // namespace words

// Sorts in place.
template <class Word>
void sort_words(Items<Word>& values) {
  Items<Word> scratch(values.size());
  const std::size_t workers = worker_count(values.size() / words::kChunkWords + 1);
  words::sort<Word>({values.data(), values.size()}, scratch.data(), workers);
}

}  // namespace mlrt
