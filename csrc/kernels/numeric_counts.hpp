// numeric_counts: all that a monitor keeps of one numeric column, taken from each block while it is in the cache.
//
// Input   blocks of a column (blocks.hpp); edges (histogram.hpp).
// Output  NumericCounts: counts over the edges, special values, exact moments and extremes; mergeable, order-free.
// Error   0. State: at most 4 KiB with 260 edges, the edges themselves aside, which states share.
#pragma once

#include <memory>
#include <utility>

#include "kernels/histogram.hpp"
#include "kernels/moments.hpp"

namespace mlrt::numeric_counts {

struct NumericCounts {
  histogram::Histogram histogram;
  moments::Moments moments;

  explicit NumericCounts(std::shared_ptr<const histogram::Index> index) : histogram(std::move(index)) {}
  NumericCounts(histogram::Histogram counts, moments::Moments sums)
      : histogram(std::move(counts)), moments(std::move(sums)) {}

  NumericCounts empty() const { return NumericCounts(histogram.index); }

  // Throws unless other counts can be merged into these.
  void require_like(const NumericCounts& other) const { histogram.require_same_edges(other.histogram); }

  void merge(const NumericCounts& other) {
    histogram.merge(other.histogram);
    moments.merge(other.moments);
  }

  void write(binary::Writer& out) const {
    histogram.write(out);
    moments.write(out);
  }

  static NumericCounts read(binary::Reader& in) {
    auto counts = histogram::Histogram::read(in);
    return NumericCounts(std::move(counts), moments::Moments::read(in));
  }

  std::size_t state_bytes() const { return sizeof *this + histogram.counts.capacity() * sizeof(std::int64_t); }
};

// The kernels of one level.
struct Runs {
  explicit Runs(Isa isa)
      : decode(decode::select(isa)), histogram(histogram::select(isa)), moments(moments::select(isa)) {}

  decode::Run decode;
  histogram::Run histogram;
  moments::Run moments;
};

inline void add_block(NumericCounts& into, const Runs& runs, const Block& block) {
  histogram::add_block(into.histogram, runs.histogram, block);
  moments::add_block(into.moments, runs.moments, block);
}

}  // namespace mlrt::numeric_counts
