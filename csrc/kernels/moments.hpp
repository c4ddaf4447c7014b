// moments: counts, extremes and exact sums of a numeric column.
//   sum = Σ x,  squares = Σ x²  over finite x, without rounding
// Input   a numeric Arrow column. Missing: null or NaN. Infinities are counted and left out of the sums.
// Output  Moments, a mergeable state: merge(a, b) is the state of the concatenation, bit for bit, in any order.
// Error   0; integers above 2^53 enter the sums exactly and the extremes rounded to float64.
// Source  core/exact_sum.hpp.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "core/exact_sum.hpp"
#include "kernels/decode.hpp"

namespace mlrt::moments {

struct Moments {
  std::int64_t count = 0;
  std::int64_t missing = 0;
  std::int64_t positive_infinite = 0;
  std::int64_t negative_infinite = 0;
  double minimum = std::numeric_limits<double>::infinity();
  double maximum = -std::numeric_limits<double>::infinity();
  SumOfValues sum;
  SumOfSquares squares;

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
};

namespace scalar {

inline void add(Moments& into, double x) {
  if (std::isfinite(x)) {
    ++into.count;
    into.minimum = std::min(into.minimum, x);
    into.maximum = std::max(into.maximum, x);
    into.sum.add(x);
    into.squares.add_square(x);
  } else if (std::isnan(x)) {
    ++into.missing;
  } else {
    ++(x > 0 ? into.positive_infinite : into.negative_infinite);
  }
}

inline void run(Moments& into, const double* x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) add(into, x[i]);
}

}  // namespace scalar

// A 64-bit integer whose float64 would be rounded.
inline void add_large(Moments& into, std::uint64_t magnitude, bool negative) {
  const double rounded = negative ? -static_cast<double>(magnitude) : static_cast<double>(magnitude);
  ++into.count;
  into.minimum = std::min(into.minimum, rounded);
  into.maximum = std::max(into.maximum, rounded);
  into.sum.add_whole(magnitude, negative);
  into.squares.add_whole(Wide{magnitude} * magnitude, false);
}

inline void update(Moments& into, const Table& table, std::int64_t column) {
  table.require_numeric(column);
  const Type type = table.field(column).type;
  reduce(table, into, Moments{}, [&](Moments& state, const Span& span) {
    const Column& data = span.column(column);
    const bool is_wide = type == Type::int64 || type == Type::uint64;
    decode::for_each_block(span, column, [&](const double* x, std::int64_t n, std::int64_t begin) {
      constexpr double kExact = 0x1p53;
      for (std::int64_t i = 0; i < n; ++i) {
        if (!is_wide || !(std::abs(x[i]) >= kExact)) {
          scalar::add(state, x[i]);
          continue;
        }
        const auto raw = load<std::uint64_t>(data.values, data.offset + begin + i);
        const bool negative = type == Type::int64 && (raw >> 63) != 0;
        add_large(state, negative ? 0 - raw : raw, negative);
      }
    });
  });
}

}  // namespace mlrt::moments
