// whole_index: where a value lies among edges that are integers of 64 bits, without rounding any of them.
//   slot(x) = #{edges < x}
// Input   edges: int64[k] or uint64[k], strictly increasing. x: any integer of either type, or a float64.
// Output  the slot, 0 to k.
// Error   0: an edge is below a float64 exactly if it is below the next integer.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/wholes.hpp"

namespace mlrt::histogram {

// A table of equal steps from the first edge to the last, as in edge_index.hpp; a step is a power of two, so that
// finding it is a shift. Inside a step the edges are searched.
class WholeIndex {
 public:
  using Whole = wholes::Whole;

  explicit WholeIndex(const std::vector<Whole>& edges) : low_(edges.front()) {
    for (const Whole edge : edges) above_.push_back(static_cast<std::uint64_t>(edge - low_));
    shift_ = std::max(0, static_cast<int>(std::bit_width(above_.back())) - kBucketBits);
    std::size_t edge = 0;
    for (std::uint64_t bucket = 0; bucket <= std::uint64_t{1} << kBucketBits; ++bucket) {
      while (edge < above_.size() && above_[edge] >> shift_ < bucket) ++edge;
      first_.push_back(static_cast<std::uint32_t>(edge));
    }
  }

  std::size_t size() const { return above_.size(); }
  Whole edge(std::size_t i) const { return low_ + Whole{above_[i]}; }

  std::size_t slot(Whole x) const {
    if (x <= low_) return 0;
    if (x - low_ > Whole{above_.back()}) return above_.size();
    const auto above = static_cast<std::uint64_t>(x - low_);
    const std::uint64_t bucket = above >> shift_;
    const auto begin = above_.begin() + first_[bucket];
    return static_cast<std::size_t>(std::lower_bound(begin, above_.begin() + first_[bucket + 1], above) -
                                    above_.begin());
  }

  // x is finite.
  std::size_t slot(double x) const { return slot(static_cast<Whole>(std::clamp(std::ceil(x), -0x1p65, 0x1p65))); }

 private:
  static constexpr int kBucketBits = 12;

  Whole low_;
  int shift_;
  std::vector<std::uint64_t> above_;  // the edges, less the first one
  std::vector<std::uint32_t> first_;  // by bucket: the edges before it
};

}  // namespace mlrt::histogram
