// elementary: log1p and expm1 in float64, by the same operations at every level.
//   log1p  1 + x = 2^k · (1 + f), √½ <= 1 + f < √2, s = f / (2 + f):  k · ln 2 + s · Q(s²),  Q minimax with Q(0) = 2
//   expm1  x = n · ln 2 + r, |r| <= ln(2)/2:  2^n · (r + r² · R(r)) + (2^n - 1),  R minimax
// Input   any float64; log1p takes everything below -1 + 2^-53 for that number.
// Output  float64. NaN gives NaN; +inf gives +inf; expm1(-inf) = -1; a finite x never gives NaN.
// Error   0 between levels. Relative to the true value at most 2^-37.5 (log1p) and 2^-43 (expm1), subnormal results
//         aside: rounded to float32, at most 0.5001 ulp (test_elementary, against long double).
// Levels  one body without a branch, which every level inlines into its loops.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

#include "core/isa.hpp"

namespace mlrt::elementary {

constexpr double kLeastLog1p = -1.0 + 0x1p-53;
constexpr double kLn2 = 0x1.62e42fefa39efp-1;
constexpr double kSqrtHalf = 0x1.6a09e667f3bcdp-1;

// log(1 + x) = base + s · Q(s²). Loops over many x take both halves one after the other: see fused_steps.hpp.
struct Log1pHalves {
  double base;  // k · ln 2
  double s;
};

// x below +inf. The scale is 2^(2 - k) instead of 2^-k, which keeps it normal for every k; the fours cancel in s.
MLRT_INLINE Log1pHalves log1p_first(double x) {
  constexpr std::uint64_t kHalfStep = std::bit_cast<std::uint64_t>(1.0) - std::bit_cast<std::uint64_t>(kSqrtHalf);
  constexpr std::uint64_t kWhole = std::uint64_t{0x433} << 52;  // as a double: 2^52 + the low bits
  constexpr std::uint64_t kExponent = std::uint64_t{0xfff} << 52;
  const double least = x < kLeastLog1p ? kLeastLog1p : x;
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(1.0 + least) + kHalfStep;  // exponent: k + 1023
  const double scale = std::bit_cast<double>((std::uint64_t{2048} << 52) - (bits & kExponent));
  const double g = least * scale + (scale - 4.0);  // 4 f
  const double k = std::bit_cast<double>((bits >> 52) | kWhole) - (0x1p52 + 1023.0);
  return {k * kLn2, g / (g + 8.0)};
}

MLRT_INLINE double log1p_second(Log1pHalves halves) {
  const double z = halves.s * halves.s;
  const double tail = z * 0x1.e2f6648b51b98p-3 + 0x1.2438d78eb3aeep-2;
  const double q = z * (z * (z * tail + 0x1.999a7a8b08454p-2) + 0x1.555554fd9ca51p-1) + 2.0;
  return halves.base + halves.s * q;
}

MLRT_INLINE double log1p(double x) {
  return x < std::numeric_limits<double>::infinity() ? log1p_second(log1p_first(x)) : x;  // NaN too
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
