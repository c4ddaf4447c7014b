// histogram: counts of a numeric column over given edges.
//   slot(x) = #{edges < x},  so slot i holds edges[i-1] < x <= edges[i]
// Input   edges: float64[k], finite, strictly increasing, 1 <= k <= 65,535; a numeric column or an expression.
//         Missing: null or NaN. Infinities are counted beside the slots.
// Output  Histogram, a mergeable state of integers. -0.0 and 0.0 are one value.
// Error   0.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <vector>

#include "core/binary.hpp"
#include "core/errors.hpp"
#include "kernels/blocks.hpp"

namespace mlrt::histogram {

constexpr std::size_t kMostEdges = 65535;

using Edges = std::vector<double>;

// The edges, once they are as the contract says; else throws std::invalid_argument.
inline Edges checked(Edges edges) {
  const auto refuse = [](const std::string& got) {
    throw std::invalid_argument(
        problem("edges", "1 to 65,535 finite, strictly increasing numbers", got, "pass sorted, distinct edges"));
  };
  if (edges.empty() || edges.size() > kMostEdges) refuse(std::to_string(edges.size()) + " edges");
  for (std::size_t i = 0; i < edges.size(); ++i) {
    if (!std::isfinite(edges[i])) refuse("edge " + std::to_string(i) + " not finite");
    if (i > 0 && !(edges[i - 1] < edges[i])) refuse("edge " + std::to_string(i) + " not above the one before");
  }
  return edges;
}

// How a value finds its slot. A table of kBuckets equal steps between the outer edges gives the number of edges in the
// buckets before x's; then x is compared with the edges of its own bucket, at most kRefine. The steps are equal in x,
// or in the bits of x (nearly its logarithm), whichever spreads the edges better: both are monotone, rounding included,
// so no edge lies on the wrong side. Where neither does, a branch-free binary search is used instead. Behind the finite
// slots lie one for NaN, one for +inf and one for -inf: no branch for them either.
class Index {
 public:
  static constexpr std::int32_t kBuckets = 4096;
  static constexpr std::int32_t kRefine = 4;

  explicit Index(const Edges& edges) : Index(edges, false) {
    if (refine_ > 1) {
      Index by_bits(edges, true);
      if (by_bits.refine_ < refine_) *this = std::move(by_bits);
    }
  }

  const double* edges() const { return edges_.data(); }  // slots() - 1 of them
  std::size_t slots() const { return size_ + 1; }
  std::size_t missing() const { return size_ + 1; }
  std::size_t positive_infinite() const { return size_ + 2; }
  std::size_t negative_infinite() const { return size_ + 3; }
  bool operator==(const Index& other) const { return edges_ == other.edges_; }

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
  Index(Edges edges, bool by_bits) : edges_(std::move(edges)), size_(edges_.size()), by_bits_(by_bits) {
    low_ = by_bits ? bits_position(edges_.front()) : edges_.front();
    const double range = (by_bits ? bits_position(edges_.back()) : edges_.back()) - low_;
    steps_ = std::isfinite(range) && range > 0 ? kBuckets / range : 0.0;
    std::vector<std::int32_t> buckets(size_);
    fill_buckets(edges_.data(), static_cast<std::int64_t>(size_), buckets.data());
    edges_.resize(size_ + 3 + kRefine, std::numeric_limits<double>::infinity());
    std::size_t edge = 0;
    for (std::int32_t b = 0; b < kBuckets; ++b) {
      first_.push_back(static_cast<std::uint32_t>(edge));
      while (edge < size_ && buckets[edge] == b) ++edge;
      refine_ = std::max(refine_, static_cast<std::int32_t>(edge - first_.back()));
    }
    for (const std::size_t slot : {missing(), positive_infinite(), negative_infinite()})
      first_.push_back(static_cast<std::uint32_t>(slot));
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

  Edges edges_;  // with infinities behind, so that no comparison needs a bound
  std::size_t size_;
  bool by_bits_;
  double low_;
  double steps_;
  std::vector<std::uint32_t> first_;  // by bucket: the edges before it
  std::int32_t refine_ = 1;           // the most edges in one bucket
};

struct Histogram {
  std::shared_ptr<const Index> index;
  std::vector<std::int64_t> counts;  // the slots, then NaN, +inf, -inf

  explicit Histogram(std::shared_ptr<const Index> given) : index(std::move(given)), counts(index->slots() + 3, 0) {}

  void merge(const Histogram& other) {
    if (index != other.index && !(*index == *other.index))
      throw std::invalid_argument(
          problem("Histogram.merge", "a histogram over the same edges", "other edges", "build both from one baseline"));
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  }

  static constexpr const char* kTag = "hist";

  void write(binary::Writer& out) const {
    out.number(std::uint64_t{index->slots() - 1});
    out.numbers(index->edges(), index->slots() - 1);
    out.numbers(counts.data(), counts.size());
  }

  static Histogram read(binary::Reader& in) {
    Histogram state(std::make_shared<const Index>(checked(in.numbers<double>(in.number<std::uint64_t>()))));
    for (std::int64_t& count : state.counts) count = in.rows();
    return state;
  }
};

namespace scalar {
inline void run(const Index& index, const double* x, std::int64_t n, std::int32_t* buckets) {
  index.fill_buckets(x, n, buckets);
}
}  // namespace scalar

#if MLRT_X86
MLRT_REGION_AVX2
namespace avx2 {
inline void run(const Index& index, const double* x, std::int64_t n, std::int32_t* buckets) {
  index.fill_buckets(x, n, buckets);
}
}  // namespace avx2
MLRT_REGION_END

MLRT_REGION_AVX512
namespace avx512 {
inline void run(const Index& index, const double* x, std::int64_t n, std::int32_t* buckets) {
  index.fill_buckets(x, n, buckets);
}
}  // namespace avx512
MLRT_REGION_END
#endif

using Run = void (*)(const Index& index, const double* x, std::int64_t n, std::int32_t* buckets);

inline Run select(Isa isa) {
  return MLRT_SELECT(isa, run);
}

// Counts a block with find(x, bucket). The gathers of a SIMD refinement cost more than these loads (measured).
template <class Find>
void count(Histogram& into, const double* x, const std::int32_t* buckets, std::int64_t n, Find find) {
  std::int64_t* const counts = into.counts.data();
  for (std::int64_t i = 0; i < n; ++i) ++counts[find(x[i], buckets[i])];
}

inline void add_block(Histogram& into, Run run, const double* x, std::int64_t n) {
  alignas(64) std::int32_t buckets[kBlockRows];
  const Index& index = *into.index;
  run(index, x, n, buckets);
  const auto refined = [&index]<std::int32_t kCompared>() {
    return [&index](double value, std::int32_t bucket) { return index.slot<kCompared>(value, bucket); };
  };
  if (index.refine() <= 1) return count(into, x, buckets, n, refined.operator()<1>());
  if (index.refine() <= Index::kRefine) return count(into, x, buckets, n, refined.operator()<Index::kRefine>());
  count(into, x, buckets, n, [&index](double value, std::int32_t bucket) { return index.search(value, bucket); });
}

inline void update(Histogram& into, const Blocks& blocks) {
  const Run run = select(blocks.isa());
  reduce(blocks.table(), into, Histogram(into.index), [&](Histogram& state, const Span& span) {
    blocks.for_each(span, [&](const double* x, std::int64_t n, std::int64_t) { add_block(state, run, x, n); });
  });
}

}  // namespace mlrt::histogram
