// moments: counts, extremes and exact sums of a numeric column.
//   sum = Σ x,  squares = Σ x²  over finite x, without rounding
// Input   a numeric column or an expression. Missing: null or NaN. Infinities are counted and left out of the sums.
// Output  Moments, a mergeable state: merge(a, b) is the state of the concatenation, bit for bit, in any order.
// Error   0, also of 64-bit integers that float64 would round.
// Source  core/exact_sum.hpp; cutting into digits: Demmel and Nguyen, Parallel reproducible summation (2015).
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/binary.hpp"
#include "core/exact_sum.hpp"
#include "kernels/blocks.hpp"
#include "kernels/wholes.hpp"

namespace mlrt::moments {

// The least or greatest value, exactly: `value + rest`, where float64 rounds an integer to `value`. Rounding is monotone,
// so comparing the values first and the rests then is comparing the integers.
struct Extreme {
  double value;
  std::int16_t rest = 0;

  bool operator<(const Extreme& other) const {
    return value < other.value || (value == other.value && rest < other.rest);
  }
};

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
  Extreme minimum{std::numeric_limits<double>::infinity()};
  Extreme maximum{-std::numeric_limits<double>::infinity()};
  SumOfValues sum;
  SumOfSquares squares;

  void add(const Range& range, std::int64_t rows) {
    count += range.finite;
    missing += rows - range.finite - range.positive_infinite - range.negative_infinite;
    positive_infinite += range.positive_infinite;
    negative_infinite += range.negative_infinite;
    minimum = std::min(minimum, Extreme{range.minimum});
    maximum = std::max(maximum, Extreme{range.maximum});
  }

  // Adds an integer that float64 rounds to `nearest`.
  void add_whole(wholes::Whole exact, double nearest) {
    const Wide magnitude = exact < 0 ? Wide(-exact) : Wide(exact);
    sum.add_whole(magnitude, exact < 0);
    squares.add_whole(magnitude * magnitude, false);
    const Extreme value{nearest, static_cast<std::int16_t>(exact - static_cast<wholes::Whole>(nearest))};
    minimum = std::min(minimum, value);
    maximum = std::max(maximum, value);
    ++count;
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
    out.number(minimum.value);
    out.number(maximum.value);
    out.number(minimum.rest);
    out.number(maximum.rest);
    out.text(sum.bytes());
    out.text(squares.bytes());
  }

  static Moments read(binary::Reader& in) {
    Moments state;
    for (std::int64_t Moments::* rows :
         {&Moments::count, &Moments::missing, &Moments::positive_infinite, &Moments::negative_infinite})
      state.*rows = in.rows();
    Extreme minimum{in.number<double>()};
    Extreme maximum{in.number<double>()};
    minimum.rest = in.number<std::int16_t>();
    maximum.rest = in.number<std::int16_t>();
    const std::string_view sum = in.text(SumOfValues::kBytes);
    const std::string_view squares = in.text(SumOfSquares::kBytes);
    const auto is_zero = [](char byte) { return byte == 0; };
    if (state.count > 0) {
      in.require(std::isfinite(minimum.value) && std::isfinite(maximum.value) && !(maximum < minimum),
                 "finite, ordered extremes");
      for (const Extreme& extreme : {minimum, maximum})
        in.require(extreme.rest == 0 || std::abs(extreme.value) >= wholes::kExact, "integers below 2^53 as they are");
    } else {
      in.require(minimum.value == state.minimum.value && maximum.value == state.maximum.value,
                 "no extremes of no value");
      in.require(minimum.rest == 0 && maximum.rest == 0, "no extremes of no value");
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

// The least E with |x| < 2^E, of a normal x > 0; less than -kMostExponent for a subnormal one.
MLRT_INLINE int exponent_above(double x) {
  return static_cast<int>(std::bit_cast<std::uint64_t>(x) >> 52) - 1022;
}

// 2^e, for e from -1022 to 1023.
MLRT_INLINE double power_of_two(int e) {
  return std::bit_cast<double>(static_cast<std::uint64_t>(e + 1023) << 52);
}

inline void add_value(Moments& into, double x) {
  into.sum.add(x);
  into.squares.add_square(x);
}

// Adds the finite values of a block limb by limb: the meaning of everything below.
inline void add_values(Moments& into, const double* x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i)
    if (std::isfinite(x[i])) add_value(into, x[i]);
}

// A guess, from a few values, at how many digits (1, 2 or 4) below 2^E hold nearly all of a block; scale = 2^-E. It
// decides speed only: what a digit misses is added limb by limb.
MLRT_INLINE int digits_needed(const double* x, std::int64_t n, double scale) {
  constexpr std::int64_t kProbes = 16;
  constexpr double kRound = 0x1.8p52;  // added and subtracted, it rounds to a whole number
  bool more_than_one = false, more_than_two = false;
  for (std::int64_t i = 0; i < n; i += std::max<std::int64_t>(8, n / kProbes)) {
    const double scaled = std::isfinite(x[i]) ? x[i] * scale : 0.0;
    const double one = scaled * 0x1p21, two = scaled * 0x1p42;
    more_than_one |= (one + kRound) - kRound != one;
    more_than_two |= (two + kRound) - kRound != two;
  }
  return more_than_two ? 4 : more_than_one ? 2 : 1;
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

// Adds the integers that float64 may have rounded, and leaves NaN in their places.
inline void take_large(Moments& into, const Block& block, double* x) {
  for (std::int64_t i = 0; i < block.n; ++i) {
    if (!(std::abs(x[i]) >= wholes::kExact)) continue;
    into.add_whole(wholes::at(*block.integers, block.begin + i), x[i]);
    --into.missing;  // run() will count the NaN
    x[i] = decode::kMissing;
  }
}

inline void add_block(Moments& into, Run run, const Block& block) {
  if (block.integers == nullptr) return run(into, block.x, block.n);
  alignas(64) double small[kBlockRows];
  std::copy_n(block.x, block.n, small);
  take_large(into, block, small);
  run(into, small, block.n);
}

inline void update(Moments& into, const Blocks& blocks) {
  const Run run = select(blocks.isa());
  reduce(blocks.table(), into, Moments{}, [&](Moments& state, const Span& span) {
    blocks.for_each(span, [&](const Block& block) { add_block(state, run, block); });
  });
}

}  // namespace mlrt::moments
