// histogram: counts of a numeric column over given edges.
//   slot(x) = #{edges < x},  so slot i holds edges[i-1] < x <= edges[i]
// Input   edges: float64[k], int64[k] or uint64[k], finite, strictly increasing, 1 <= k <= 65,532; a numeric column or an
//         expression. Missing: null or NaN. Infinities are counted beside the slots.
// Output  Histogram, a mergeable state of integers. -0.0 and 0.0 are one value.
// Error   0, also of 64-bit integers that float64 would round, whichever edges they meet.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <variant>
#include <vector>

#include "core/binary.hpp"
#include "core/errors.hpp"
#include "kernels/blocks.hpp"
#include "kernels/edge_index.hpp"
#include "kernels/whole_index.hpp"

namespace mlrt::histogram {

using Edges = std::variant<std::vector<double>, std::vector<std::int64_t>, std::vector<std::uint64_t>>;

// The edges, once they are as the contract says; else throws std::invalid_argument.
inline Edges checked(Edges edges) {
  const auto refuse = [](const std::string& got) {
    throw std::invalid_argument(
        problem("edges", "1 to 65,532 finite, strictly increasing numbers", got, "pass sorted, distinct edges"));
  };
  std::visit(
      [&refuse](const auto& values) {
        if (values.empty() || values.size() > kMostEdges) refuse(std::to_string(values.size()) + " edges");
        for (std::size_t i = 0; i < values.size(); ++i) {
          if (!std::isfinite(static_cast<double>(values[i]))) refuse("edge " + std::to_string(i) + " not finite");
          if (i > 0 && !(values[i - 1] < values[i])) refuse("edge " + std::to_string(i) + " not above the one before");
        }
      },
      edges);
  return edges;
}

// Edges and the way from a value to its slot.
class Index {
 public:
  explicit Index(Edges edges) : edges_(checked(std::move(edges))), places_(placed(edges_)) {}

  const Edges& edges() const { return edges_; }
  std::size_t slots() const { return size() + 1; }
  std::size_t missing() const { return size() + 1; }
  std::size_t positive_infinite() const { return size() + 2; }
  std::size_t negative_infinite() const { return size() + 3; }
  const FloatIndex* floats() const { return std::get_if<FloatIndex>(&places_); }
  const WholeIndex& wholes() const { return std::get<WholeIndex>(places_); }
  bool operator==(const Index& other) const { return edges_ == other.edges_; }

 private:
  using Places = std::variant<FloatIndex, WholeIndex>;

  static Places placed(const Edges& edges) {
    if (const auto* const floats = std::get_if<std::vector<double>>(&edges)) return FloatIndex(*floats);
    return std::visit(
        [](const auto& values) -> Places {
          std::vector<wholes::Whole> numbers;
          for (const auto value : values) numbers.push_back(static_cast<wholes::Whole>(value));
          return WholeIndex(numbers);
        },
        edges);
  }

  std::size_t size() const {
    return std::visit([](const auto& values) { return values.size(); }, edges_);
  }

  Edges edges_;
  Places places_;
};

struct Histogram {
  std::shared_ptr<const Index> index;
  std::vector<std::int64_t> counts;  // the slots, then NaN, +inf, -inf

  explicit Histogram(std::shared_ptr<const Index> given) : index(std::move(given)), counts(index->slots() + 3, 0) {}

  void require_same_edges(const Histogram& other) const {
    if (index != other.index && !(*index == *other.index))
      throw std::invalid_argument(
          problem("Histogram.merge", "a histogram over the same edges", "other edges", "build both from one baseline"));
  }

  void merge(const Histogram& other) {
    require_same_edges(other);
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  }

  static constexpr const char* kTag = "hist";

  void write(binary::Writer& out) const {
    out.number(std::uint64_t{index->edges().index()});
    std::visit(
        [&out](const auto& edges) {
          out.number(std::uint64_t{edges.size()});
          out.numbers(edges.data(), edges.size());
        },
        index->edges());
    out.numbers(counts.data(), counts.size());
  }

  static Histogram read(binary::Reader& in) {
    const auto kind = in.number<std::uint64_t>();
    in.require(kind < std::variant_size_v<Edges>, "edges of a known type");
    const auto size = in.number<std::uint64_t>();
    Edges edges = in.numbers<double>(kind == 0 ? size : 0);
    if (kind == 1) edges = in.numbers<std::int64_t>(size);
    if (kind == 2) edges = in.numbers<std::uint64_t>(size);
    Histogram state(std::make_shared<const Index>(std::move(edges)));
    for (std::int64_t& count : state.counts) count = in.rows();
    return state;
  }
};

namespace scalar {
inline void run(const FloatIndex& index, const double* x, std::int64_t n, std::int32_t* buckets) {
  index.fill_buckets(x, n, buckets);
}
}  // namespace scalar

#if MLRT_X86
MLRT_REGION_AVX2
namespace avx2 {
inline void run(const FloatIndex& index, const double* x, std::int64_t n, std::int32_t* buckets) {
  index.fill_buckets(x, n, buckets);
}
}  // namespace avx2
MLRT_REGION_END

MLRT_REGION_AVX512
namespace avx512 {
inline void run(const FloatIndex& index, const double* x, std::int64_t n, std::int32_t* buckets) {
  index.fill_buckets(x, n, buckets);
}
}  // namespace avx512
MLRT_REGION_END
#endif

using Run = void (*)(const FloatIndex& index, const double* x, std::int64_t n, std::int32_t* buckets);

inline Run select(Isa isa) {
  return MLRT_SELECT(isa, run);
}

// Counts a block with find(x, bucket). The gathers of a SIMD refinement cost more than these loads (measured).
template <class Find>
void count(Histogram& into, const double* x, const std::int32_t* buckets, std::int64_t n, Find find) {
  std::int64_t* const counts = into.counts.data();
  for (std::int64_t i = 0; i < n; ++i) ++counts[find(x[i], buckets[i])];
}

inline void count_floats(Histogram& into, Run run, const FloatIndex& index, const double* x, std::int64_t n) {
  alignas(64) std::int32_t buckets[kBlockRows];
  run(index, x, n, buckets);
  const auto refined = [&index]<std::int32_t kCompared>() {
    return [&index](double value, std::int32_t bucket) { return index.slot<kCompared>(value, bucket); };
  };
  if (index.refine() <= 1) return count(into, x, buckets, n, refined.operator()<1>());
  if (index.refine() <= FloatIndex::kRefine)
    return count(into, x, buckets, n, refined.operator()<FloatIndex::kRefine>());
  count(into, x, buckets, n, [&index](double value, std::int32_t bucket) { return index.search(value, bucket); });
}

// Counts over edges that are integers, one by one: only columns with integers above 2^53 have such edges.
inline void count_wholes(Histogram& into, const Block& block) {
  const Index& index = *into.index;
  const WholeIndex& places = index.wholes();
  for (std::int64_t i = 0; i < block.n; ++i) {
    const double x = block.x[i];
    std::size_t slot = index.missing();
    if (std::isinf(x)) {
      slot = x > 0 ? index.positive_infinite() : index.negative_infinite();
    } else if (x == x) {
      slot = block.integers != nullptr ? places.slot(wholes::at(*block.integers, block.begin + i)) : places.slot(x);
    }
    ++into.counts[slot];
  }
}

inline void add_block(Histogram& into, Run run, const Block& block) {
  const FloatIndex* const floats = into.index->floats();
  if (floats == nullptr) return count_wholes(into, block);
  if (block.integers == nullptr) return count_floats(into, run, *floats, block.x, block.n);
  alignas(64) double rounded_up[kBlockRows]{};  // rare enough to be cleared first
  std::copy_n(block.x, block.n, rounded_up);
  wholes::round_up(*block.integers, block.begin, rounded_up, block.n);
  count_floats(into, run, *floats, rounded_up, block.n);
}

inline void update(Histogram& into, const Blocks& blocks) {
  const Run run = select(blocks.isa());
  reduce(blocks.table(), into, Histogram(into.index), [&](Histogram& state, const Span& span) {
    blocks.for_each(span, [&](const Block& block) { add_block(state, run, block); });
  });
}

}  // namespace mlrt::histogram
