// elementary: log1p and expm1 in float64, by the same additions and multiplications at every level.
//   log1p  1 + x = 2^k · (1 + f), -1/4 <= f < 1/2:  k · ln 2 + f · R(f),  R minimax with R(0) = 1
//   expm1  x = n · ln 2 + r, |r| <= ln(2)/2:  2^n · (r + r² · Q(r)) + (2^n - 1),  Q minimax
// Input   any float64; log1p takes everything below -1 + 2^-53 for that number.
// Output  float64. NaN gives NaN; +inf gives +inf; expm1(-inf) = -1; a finite x never gives NaN.
// Error   0 between levels. Relative to the true value at most 2^-40.4 (log1p) and 2^-43 (expm1), subnormal results
//         aside: rounded to float32, less than 0.51 ulp (test_expression, against long double).
// Levels  one body without a branch or a division, which every level inlines into its loops.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

#include "core/isa.hpp"

namespace mlrt::elementary {

constexpr double kLeastLog1p = -1.0 + 0x1p-53;
constexpr double kLn2 = 0x1.62e42fefa39efp-1;

// The scale 2^(2 - k) instead of 2^-k keeps it normal for every k; R's coefficients are scaled by powers of 4 in turn.
// They are added in pairs, fours and eights (Estrin): half the latency of Horner's rule, which would be the cost.
MLRT_INLINE double log1p(double x) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr std::uint64_t kHalfStep = std::bit_cast<std::uint64_t>(1.0) - std::bit_cast<std::uint64_t>(0.75);
  constexpr std::uint64_t kWhole = std::uint64_t{0x433} << 52;  // as a double: 2^52 + the low bits
  const double least = x < kLeastLog1p ? kLeastLog1p : x;
  const std::uint64_t exponent = (std::bit_cast<std::uint64_t>(1.0 + least) + kHalfStep) >> 52;  // k + 1023
  const double scale = std::bit_cast<double>((2048 - exponent) << 52);
  const double g = least * scale + (scale - 4.0);  // 4 f
  const double g2 = g * g, g4 = g2 * g2, g8 = g4 * g4;
  const double c0 = (0x1.0p-2 + g * -0x1.00000000062d2p-5) + g2 * (0x1.55555559e03d9p-8 + g * -0x1.ffffffeaee397p-11);
  const double c4 =
      (0x1.99999319cdc4ep-13 + g * -0x1.555551a6f461dp-15) + g2 * (0x1.2493cb70f9e65p-17 + g * -0x1.00035bf8b076ep-19);
  const double c8 =
      (0x1.c6d335a0688dap-22 + g * -0x1.9884c4e7418f3p-24) + g2 * (0x1.768f046b6de9cp-26 + g * -0x1.658a6da8b5559p-28);
  const double c12 = (0x1.49e7f63f0ca08p-30 + g * -0x1.ca6cc67d53debp-33) + g2 * 0x1.3ab97ac9eae9cp-36;
  const double sum = (c0 + g4 * c4) + g8 * (c8 + g4 * c12);
  const double k = std::bit_cast<double>(exponent | kWhole) - (0x1p52 + 1023.0);
  const double result = k * kLn2 + sum * g;
  return x < kInfinity ? result : x;  // NaN too
}

MLRT_INLINE double expm1(double x) {
  constexpr double kCoefficients[] = {0x1.71e949bfccb2ep-19, 0x1.a158741499a4fp-16, 0x1.a01a7d547c0b1p-13,
                                      0x1.6c164fb0ca474p-10, 0x1.111110e12a085p-7,  0x1.555555732f1f2p-5,
                                      0x1.55555555672bdp-3,  0x1.fffffffff7bbcp-2};
  constexpr double kLn2High = 0x1.62e42fee00000p-1, kLn2Low = 0x1.a39ef35793c76p-33;  // n · high is exact
  constexpr double kRound = 0x1.8p52;
  constexpr double kLeast = -64.0, kMost = 0x1.62e42fefa39efp+9;  // beyond: -1 and +inf, to float64
  const double above = x < kLeast ? kLeast : x;
  const double inside = above > kMost ? kMost : above;
  const double rounded = inside * 0x1.71547652b82fep+0 + kRound;  // n in its low bits
  const double n = rounded - kRound;
  const double r = (inside - n * kLn2High) - n * kLn2Low;
  double sum = kCoefficients[0];
  for (int i = 1; i < 8; ++i) sum = sum * r + kCoefficients[i];
  const double half = std::bit_cast<double>((std::bit_cast<std::uint64_t>(rounded) + 1022) << 52);  // 2^(n - 1)
  const double result = ((r + r * r * sum) * half + (half - 0.5)) * 2.0;
  return x > kMost ? std::numeric_limits<double>::infinity() : result;
}

}  // namespace mlrt::elementary
