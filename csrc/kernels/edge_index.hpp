// edge_index: where a value lies among edges that are float64.
//   slot(x) = #{edges < x};  behind the slots of finite values lie one for NaN, one for +inf and one for -inf
// Input   edges: float64[k], finite, strictly increasing, k <= kMostEdges. x: any float64; -0.0 and 0.0 are one value.
// Output  the slot, 0 to k + 3.
// Error   0.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/isa.hpp"

namespace mlrt::histogram {

constexpr std::size_t kMostEdges = 65532;  // so that every slot is a number of 16 bits: the tables stay in the cache

// How a value finds its slot. A table of kBuckets equal steps between the outer edges gives the number of edges in the
// buckets before x's; then x is compared with the edges of its own bucket, at most kRefine. The steps are equal in x,
// or in the bits of x (nearly its logarithm), whichever spreads the edges better: both are monotone, rounding included,
// so no edge lies on the wrong side. Where neither does, a branch-free binary search is used instead. Behind the finite
// slots lie one for NaN, one for +inf and one for -inf: no branch for them either.
class FloatIndex {
 public:
  static constexpr std::int32_t kBuckets = 4096;
  static constexpr std::int32_t kRefine = 4;

  explicit FloatIndex(const std::vector<double>& edges) : FloatIndex(edges, false) {
    if (refine_ > 1) {
      FloatIndex by_bits(edges, true);
      if (by_bits.refine_ < refine_) *this = std::move(by_bits);
    }
  }

  // Buckets of n values of any class. Always inlined: each level vectorises it for itself.
  MLRT_INLINE void fill_buckets(const double* x, std::int64_t n, std::int32_t* buckets) const {
    if (by_bits_) {
      for (std::int64_t i = 0; i < n; ++i) buckets[i] = bucket(x[i], bits_position(x[i]));
    } else {
      for (std::int64_t i = 0; i < n; ++i) buckets[i] = bucket(x[i], x[i]);
    }
  }

  std::int32_t refine() const { return refine_; }

  // The slot of a value in `bucket`, at most kCompared of whose edges are below it.
  template <std::int32_t kCompared>
  MLRT_INLINE std::size_t slot(double x, std::int32_t bucket) const {
    const double* const edges = edges_.data();
    const std::size_t first = first_[static_cast<std::size_t>(bucket)];
    std::size_t slot = first;
    for (std::int32_t i = 0; i < kCompared; ++i) slot += edges[first + static_cast<std::size_t>(i)] < x ? 1 : 0;
    return slot;
  }

  // The same by search: every step halves the range by arithmetic, so a random x costs no misprediction.
  std::size_t search(double x, std::int32_t bucket) const {
    if (bucket >= kBuckets) return first_[static_cast<std::size_t>(bucket)];
    const double* base = edges_.data();
    for (std::size_t length = size_; length > 1;) {
      const std::size_t half = length / 2;
      base += static_cast<std::size_t>(base[half - 1] < x) * half;
      length -= half;
    }
    return static_cast<std::size_t>(base - edges_.data()) + static_cast<std::size_t>(*base < x);
  }

 private:
  FloatIndex(std::vector<double> edges, bool by_bits)
      : edges_(std::move(edges)), size_(edges_.size()), by_bits_(by_bits) {
    low_ = by_bits ? bits_position(edges_.front()) : edges_.front();
    const double range = (by_bits ? bits_position(edges_.back()) : edges_.back()) - low_;
    steps_ = std::isfinite(range) && range > 0 ? kBuckets / range : 0.0;
    std::vector<std::int32_t> buckets(size_);
    fill_buckets(edges_.data(), static_cast<std::int64_t>(size_), buckets.data());
    edges_.resize(size_ + 3 + kRefine, std::numeric_limits<double>::infinity());
    std::size_t edge = 0;
    for (std::int32_t b = 0; b < kBuckets; ++b) {
      first_.push_back(static_cast<std::uint16_t>(edge));
      while (edge < size_ && buckets[edge] == b) ++edge;
      refine_ = std::max(refine_, static_cast<std::int32_t>(edge - first_.back()));
    }
    for (std::size_t special = 1; special <= 3; ++special)
      first_.push_back(static_cast<std::uint16_t>(size_ + special));
  }

  // A monotone map that is linear in the bits of x, sign and magnitude made one order; -0.0 and 0.0 are one.
  MLRT_INLINE static double bits_position(double x) {
    const auto bits = std::bit_cast<std::int64_t>(x + 0.0);
    return static_cast<double>(bits ^ ((bits >> 63) & std::numeric_limits<std::int64_t>::max()));
  }

  // The bucket of x, whose position is x itself or its bits_position.
  MLRT_INLINE std::int32_t bucket(double x, double position) const {
    constexpr double kLast = kBuckets - 1;
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const double step = (position - low_) * steps_;
    const double above = step > 0.0 ? step : 0.0;  // also what NaN becomes
    const auto finite = static_cast<std::int32_t>(above < kLast ? above : kLast);
    const std::int32_t below_infinity = x == kInfinity ? kBuckets + 1 : finite;
    const std::int32_t number = x == -kInfinity ? kBuckets + 2 : below_infinity;
    return x != x ? kBuckets : number;
  }

  std::vector<double> edges_;  // with infinities behind, so that no comparison needs a bound
  std::size_t size_;
  bool by_bits_;
  double low_;
  double steps_;
  std::vector<std::uint16_t> first_;  // by bucket: the edges before it
  std::int32_t refine_ = 1;           // the most edges in one bucket
};

}  // namespace mlrt::histogram
