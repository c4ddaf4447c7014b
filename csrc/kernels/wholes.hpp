// wholes: the exact 64-bit integers behind a block of float64, where float64 rounds them.
//
// Input   an int64 or uint64 column, and its block as decode.hpp gives it: rounded to nearest, NaN where missing.
// Output  the integer of a row; the block rounded up instead, so that for every float64 edge  edge < x  is answered as
//         for the integer itself: no float64 lies between an integer and the next float64 above it.
// Error   0.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "core/arrow.hpp"
#include "core/exact_sum.hpp"

namespace mlrt::wholes {

using Whole = __int128;

constexpr double kExact = 0x1p53;  // below it float64 holds every integer

// The integer in row `row` of a batch's int64 or uint64 column.
inline Whole at(const Column& column, std::int64_t row) {
  const auto raw = load<std::uint64_t>(column.values, column.offset + row);
  return column.type == Type::int64 ? Whole{static_cast<std::int64_t>(raw)} : Whole{raw};
}

inline bool any_large(const double* x, std::int64_t n) {
  std::int64_t large = 0;  // of 64 bits, as the comparison is: so it is vectorised
  for (std::int64_t i = 0; i < n; ++i) large += std::abs(x[i]) >= kExact ? 1 : 0;
  return large != 0;
}

// x[0, n) are the rows from `begin` on.
inline void round_up(const Column& column, std::int64_t begin, double* x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i)
    if (std::abs(x[i]) >= kExact && static_cast<Whole>(x[i]) < at(column, begin + i))
      x[i] = std::nextafter(x[i], std::numeric_limits<double>::infinity());
}

}  // namespace mlrt::wholes
