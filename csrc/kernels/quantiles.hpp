// quantiles: a bottom-k sample of a numeric column, the finite values whose rows have the k smallest keys.
//   key(row) = mix(row + mix(seed)),  mix = the finaliser of splitmix64, a bijection of 64 bits: no two rows tie
// Input   a numeric column or an expression, and the ordinal of the first row in the whole data set. Missing and
//         infinite values are left out.
// Output  Sample, a mergeable state: parts of a data set, in any order, give the sample of the whole.
// Error   0 for n <= k; else the rank error of a uniform sample of k, about 1/(2 sqrt(k)) at the median.
// Source  Cohen and Kaplan, Summarizing data using bottom-k sketches (2007); Steele et al., splitmix64 (2014).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

#include "core/binary.hpp"
#include "core/errors.hpp"
#include "core/ranks.hpp"
#include "core/sort_words.hpp"
#include "kernels/blocks.hpp"

namespace mlrt::quantiles {

MLRT_INLINE constexpr std::uint64_t mix(std::uint64_t z) {
  z += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// The keys of n rows from `first` on. One body: each level inlines it and vectorises it for itself.
MLRT_INLINE void fill_keys(std::uint64_t first, std::int64_t n, std::uint64_t* keys) {
  for (std::int64_t i = 0; i < n; ++i) keys[i] = mix(first + static_cast<std::uint64_t>(i));
}

// How many of n values are finite.
MLRT_INLINE std::int64_t count_finite(const double* x, std::int64_t n) {
  std::int64_t finite = 0;
  for (std::int64_t i = 0; i < n; ++i) finite += std::abs(x[i]) <= std::numeric_limits<double>::max() ? 1 : 0;
  return finite;
}

namespace scalar {
inline std::int64_t run(const double* x, std::uint64_t first, std::int64_t n, std::uint64_t* keys) {
  fill_keys(first, n, keys);
  return count_finite(x, n);
}
}  // namespace scalar

#if MLRT_X86
MLRT_REGION_AVX2
namespace avx2 {
inline std::int64_t run(const double* x, std::uint64_t first, std::int64_t n, std::uint64_t* keys) {
  fill_keys(first, n, keys);
  return count_finite(x, n);
}
}  // namespace avx2
MLRT_REGION_END

MLRT_REGION_AVX512
namespace avx512 {
inline std::int64_t run(const double* x, std::uint64_t first, std::int64_t n, std::uint64_t* keys) {
  fill_keys(first, n, keys);
  return count_finite(x, n);
}
}  // namespace avx512
MLRT_REGION_END
#endif

// Fills keys[0, n) and returns how many of x[0, n) are finite.
using Run = std::int64_t (*)(const double* x, std::uint64_t first, std::int64_t n, std::uint64_t* keys);

inline Run select(Isa isa) {
  return MLRT_SELECT(isa, run);
}

// Throws std::invalid_argument outside 1..2^32.
inline std::size_t checked_capacity(std::int64_t capacity) {
  if (capacity >= 1 && capacity <= std::int64_t{1} << 32) return static_cast<std::size_t>(capacity);
  throw std::invalid_argument(
      problem("QuantileSample capacity", "1 to 2^32", std::to_string(capacity), "65,536 is a good choice"));
}

class Sample {
 private:
  struct Entry {
    std::uint64_t key;
    double value;
  };

 public:
  Sample(std::size_t capacity, std::uint64_t seed) : capacity_(capacity), seed_(seed), offset_(mix(seed)) {}

  std::int64_t count() const { return count_; }

  // Offers x[0, n), n <= kBlockRows, whose rows are first_row and on.
  void offer(Run run, const double* x, std::int64_t n, std::int64_t first_row) {
    alignas(64) std::uint64_t keys[kBlockRows];
    count_ += run(x, static_cast<std::uint64_t>(first_row) + offset_, n, keys);
    Entry kept[kBlockRows];
    std::ptrdiff_t held = 0;  // by arithmetic: which keys are small is hard to predict
    for (std::int64_t i = 0; i < n; ++i) {
      kept[held] = {keys[i], x[i] + 0.0};  // -0.0 becomes 0.0: one value, one bit pattern
      held += (keys[i] <= threshold_) & (std::abs(x[i]) <= std::numeric_limits<double>::max()) ? 1 : 0;
    }
    keep(kept, kept + held);
  }

  void merge(const Sample& other) {
    if (capacity_ != other.capacity_ || seed_ != other.seed_)
      throw std::invalid_argument(problem("QuantileSample.merge", "the same capacity and seed", "another",
                                          "give both samples one capacity and seed"));
    count_ += other.count_;
    keep(other.entries_.data(), other.entries_.data() + other.entries_.size());
  }

  // A sample of the same shape that saw nothing, but already knows which keys cannot be among the smallest.
  Sample empty() const {
    Sample result(capacity_, seed_);
    result.threshold_ = threshold_;
    return result;
  }

  static constexpr const char* kTag = "qsam";

  void write(binary::Writer& out) const {
    std::vector<Entry> entries = entries_;
    shrink(entries, capacity_);
    out.number(static_cast<std::int64_t>(capacity_));
    out.number(seed_);
    out.number(count_);
    for (const Entry& entry : entries) {
      out.number(entry.key);
      out.number(entry.value);
    }
  }

  static Sample read(binary::Reader& in) {
    const std::size_t capacity = checked_capacity(in.number<std::int64_t>());
    Sample sample(capacity, in.number<std::uint64_t>());
    sample.count_ = in.rows();
    const std::uint64_t n = std::min<std::uint64_t>(capacity, static_cast<std::uint64_t>(sample.count_));
    in.require(in.left() % sizeof(Entry) == 0 && in.left() / sizeof(Entry) == n, "as many values as were sampled");
    sample.entries_ = in.numbers<Entry>(n);
    std::uint64_t largest = 0;
    for (Entry& entry : sample.entries_) {
      in.require(std::isfinite(entry.value), "finite values");
      entry.value += 0.0;
      largest = std::max(largest, entry.key);
    }
    if (n == capacity) sample.threshold_ = largest;
    return sample;
  }

  std::vector<double> sorted_values() const {
    std::vector<Entry> entries = entries_;
    shrink(entries, capacity_);
    Items<std::uint64_t> ranks(entries.size());
    std::transform(entries.begin(), entries.end(), ranks.begin(),
                   [](const Entry& entry) { return rank_of(entry.value); });
    sort_words(ranks);
    std::vector<double> values(ranks.size());
    std::transform(ranks.begin(), ranks.end(), values.begin(),
                   [](std::uint64_t rank) { return value_of<double>(rank); });
    return values;
  }

 private:
  static constexpr int kBucketBits = 11;

  // Keeps the `capacity` entries of the smallest keys, in any order. The keys are evenly spread: all but the few in the
  // bucket where the boundary falls are told apart by counting.
  static void shrink(std::vector<Entry>& entries, std::size_t capacity) {
    if (entries.size() <= capacity) return;
    std::uint64_t largest = 0;
    for (const Entry& entry : entries) largest = std::max(largest, entry.key);
    const int shift = std::max(0, static_cast<int>(std::bit_width(largest)) - kBucketBits);
    std::array<std::size_t, std::size_t{1} << kBucketBits> counts{};
    for (const Entry& entry : entries) ++counts[entry.key >> shift];
    std::size_t below = 0;
    std::uint64_t boundary = 0;
    while (below + counts[boundary] < capacity) below += counts[boundary++];
    const auto below_end = std::partition(entries.begin(), entries.end(),
                                          [&](const Entry& entry) { return entry.key >> shift < boundary; });
    const auto bucket_end =
        std::partition(below_end, entries.end(), [&](const Entry& entry) { return entry.key >> shift == boundary; });
    std::nth_element(below_end, entries.begin() + static_cast<std::ptrdiff_t>(capacity) - 1, bucket_end,
                     [](const Entry& a, const Entry& b) { return a.key < b.key; });
    entries.resize(capacity);
  }

  // Collects twice the capacity before it drops the larger half: O(1) per entry.
  void keep(const Entry* begin, const Entry* end) {
    entries_.insert(entries_.end(), begin, end);
    if (entries_.size() < 2 * capacity_) return;
    shrink(entries_, capacity_);
    threshold_ = std::min(threshold_, entries_.back().key);
  }

  std::size_t capacity_;
  std::uint64_t seed_;
  std::uint64_t offset_;
  std::uint64_t threshold_ = std::numeric_limits<std::uint64_t>::max();  // no larger key can be among the smallest
  std::int64_t count_ = 0;
  std::vector<Entry> entries_;
};

inline void update(Sample& into, const Blocks& blocks, std::int64_t first_row) {
  const Run run = select(blocks.isa());
  reduce(blocks.table(), into, into.empty(), [&](Sample& state, const Span& span) {
    blocks.for_each(span, [&](const Block& block) {
      state.offer(run, block.x, block.n, first_row + span.first_row + block.begin - span.begin);
    });
  });
}

}  // namespace mlrt::quantiles
