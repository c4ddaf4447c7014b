// moments: counts, extremes and exact sums of a numeric column.
//   sum = Σ x,  squares = Σ x²  over finite x, without rounding
// Input   a numeric column or an expression. Missing: null or NaN. Infinities are counted and left out of the sums.
// Output  Moments, a mergeable state: merge(a, b) is the state of the concatenation, bit for bit, in any order.
// Error   0; integers above 2^53 enter the sums exactly and the extremes rounded to float64.
// Source  core/exact_sum.hpp; cutting into digits: Demmel and Nguyen, Parallel reproducible summation (2015).
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "core/binary.hpp"
#include "core/exact_sum.hpp"
#include "kernels/blocks.hpp"

namespace mlrt::moments {

// What one block holds.
struct Range {
  std::int64_t finite = 0;
  std::int64_t positive_infinite = 0;
  std::int64_t negative_infinite = 0;
  double minimum = std::numeric_limits<double>::infinity();
  double maximum = -std::numeric_limits<double>::infinity();
};

struct Moments {
  std::int64_t count = 0;
  std::int64_t missing = 0;
  std::int64_t positive_infinite = 0;
  std::int64_t negative_infinite = 0;
  double minimum = std::numeric_limits<double>::infinity();
  double maximum = -std::numeric_limits<double>::infinity();
  SumOfValues sum;
  SumOfSquares squares;

  void add(const Range& range, std::int64_t rows) {
    count += range.finite;
    missing += rows - range.finite - range.positive_infinite - range.negative_infinite;
    positive_infinite += range.positive_infinite;
    negative_infinite += range.negative_infinite;
    minimum = std::min(minimum, range.minimum);
    maximum = std::max(maximum, range.maximum);
  }

  void merge(const Moments& other) {
    count += other.count;
    missing += other.missing;
    positive_infinite += other.positive_infinite;
    negative_infinite += other.negative_infinite;
    minimum = std::min(minimum, other.minimum);
    maximum = std::max(maximum, other.maximum);
    sum.merge(other.sum);
    squares.merge(other.squares);
  }

  static constexpr const char* kTag = "mom ";

  void write(binary::Writer& out) const {
    for (const std::int64_t rows : {count, missing, positive_infinite, negative_infinite}) out.number(rows);
    out.number(minimum);
    out.number(maximum);
    out.text(sum.bytes());
    out.text(squares.bytes());
  }

  static Moments read(binary::Reader& in) {
    Moments state;
    for (std::int64_t Moments::* rows :
         {&Moments::count, &Moments::missing, &Moments::positive_infinite, &Moments::negative_infinite})
      state.*rows = in.rows();
    const auto minimum = in.number<double>();
    const auto maximum = in.number<double>();
    const std::string_view sum = in.text(SumOfValues::kBytes);
    const std::string_view squares = in.text(SumOfSquares::kBytes);
    const auto is_zero = [](char byte) { return byte == 0; };
    if (state.count > 0) {
      in.require(std::isfinite(minimum) && std::isfinite(maximum) && minimum <= maximum, "finite, ordered extremes");
    } else {
      in.require(minimum == state.minimum && maximum == state.maximum, "no extremes of no value");
      in.require(std::all_of(sum.begin(), sum.end(), is_zero), "no sum of no value");
      in.require(std::all_of(squares.begin(), squares.end(), is_zero), "no sum of no value");
    }
    state.minimum = minimum;
    state.maximum = maximum;
    in.require(state.sum.assign(sum), "a sum in range");
    in.require(state.squares.assign(squares) && squares.back() == 0, "a sum of squares in range");
    return state;
  }
};

constexpr int kDigitBits = 21;
constexpr int kMostExponent = 400;  // beyond it the square of the least digit could leave the range of float64

inline void add_value(Moments& into, double x) {
  into.sum.add(x);
  into.squares.add_square(x);
}

// Adds the finite values of a block limb by limb: the meaning of everything below.
inline void add_values(Moments& into, const double* x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i)
    if (std::isfinite(x[i])) add_value(into, x[i]);
}

// A guess, from a few values, at how many digits (1, 2 or 4) below `bound` hold nearly all of a block. It decides speed
// only: what a digit misses is added limb by limb.
inline int digits_needed(const double* x, std::int64_t n, double bound) {
  constexpr std::int64_t kProbes = 16;
  int digits = 1;
  for (std::int64_t i = 0; i < n; i += std::max<std::int64_t>(1, n / kProbes)) {
    if (!std::isfinite(x[i])) continue;
    const double scaled = x[i] / bound;
    if (scaled * 0x1p42 != std::nearbyint(scaled * 0x1p42)) return 4;
    if (scaled * 0x1p21 != std::nearbyint(scaled * 0x1p21)) digits = 2;
  }
  return digits;
}

namespace scalar {
constexpr int kLanes = 2;  // the baseline's vectors: SSE2, NEON
#include "kernels/moments_lanes.inc"
}  // namespace scalar

#if MLRT_X86
MLRT_REGION_AVX2
namespace avx2 {
constexpr int kLanes = 4;
#include "kernels/moments_lanes.inc"
}  // namespace avx2
MLRT_REGION_END

MLRT_REGION_AVX512
namespace avx512 {
constexpr int kLanes = 8;
#include "kernels/moments_lanes.inc"
}  // namespace avx512
MLRT_REGION_END
#endif

using Run = void (*)(Moments& into, const double* x, std::int64_t n);

inline Run select(Isa isa) {
  return MLRT_SELECT(isa, run);
}

// Takes the integers that float64 would round out of a block: adds them from the column and leaves NaN behind.
inline void take_large(Moments& into, const Column& column, std::int64_t begin, double* x, std::int64_t n) {
  constexpr double kExact = 0x1p53;
  for (std::int64_t i = 0; i < n; ++i) {
    if (!(std::abs(x[i]) >= kExact)) continue;
    const auto raw = load<std::uint64_t>(column.values, column.offset + begin + i);
    const bool negative = column.type == Type::int64 && (raw >> 63) != 0;
    const std::uint64_t magnitude = negative ? 0 - raw : raw;
    into.sum.add_whole(magnitude, negative);
    into.squares.add_whole(Wide{magnitude} * magnitude, false);
    ++into.count;
    into.minimum = std::min(into.minimum, x[i]);
    into.maximum = std::max(into.maximum, x[i]);
    --into.missing;  // run() will count the NaN
    x[i] = decode::kMissing;
  }
}

inline void update(Moments& into, const Blocks& blocks) {
  const Run run = select(blocks.isa());
  reduce(blocks.table(), into, Moments{}, [&](Moments& state, const Span& span) {
    const Column* const integers = blocks.wide_integers(span);
    blocks.for_each(span, [&](const double* x, std::int64_t n, std::int64_t begin) {
      if (integers == nullptr) return run(state, x, n);
      alignas(64) double small[kBlockRows];
      std::copy_n(x, n, small);
      take_large(state, *integers, begin, small, n);
      run(state, small, n);
    });
  });
}

}  // namespace mlrt::moments
