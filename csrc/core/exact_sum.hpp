// exact_sum: a sum of doubles kept without rounding, as one wide fixed-point integer in units of 2^-kUnit.
//
// Limb i counts 2^(32 i) units and holds 32 bits of the sum plus a signed carry that `normalise` moves on, so an
// addition touches three to five limbs and never ripples. Integers commute: any order of additions and merges gives
// the same sum, and 2^62 additions of the largest double fit.
// Source: R. M. Neal, Fast exact summation using small and large superaccumulators (2015), arXiv:1505.05571.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace mlrt {

using Wide = unsigned __int128;

template <int kUnit, int kLimbs>
class ExactSum {
 public:
  // x is finite.
  void add(double x) {
    const Parts parts(x);
    add_bits(parts.mantissa, parts.negative, parts.exponent + kUnit - kLeast);
  }

  // x is finite; adds x times x.
  void add_square(double x) {
    const Parts parts(x);
    add_bits(Wide{parts.mantissa} * parts.mantissa, false, 2 * parts.exponent + kUnit - 2 * kLeast);
  }

  // Adds magnitude times 2^exponent.
  void add_units(Wide magnitude, int exponent) { add_bits(magnitude, false, exponent + kUnit); }

  // Adds magnitude (or its negative), a whole number.
  void add_whole(Wide magnitude, bool negative) { add_bits(magnitude, negative, kUnit); }

  void merge(ExactSum other) {
    other.normalise();
    normalise();
    for (std::size_t i = 0; i < kLimbs; ++i) limbs_[i] += other.limbs_[i];
    pending_ = 2;
  }

  static constexpr std::size_t kBytes = kLimbs * 4 + 4;

  // The sum in units of 2^-kUnit as a little-endian two's complement integer of kBytes.
  std::string bytes() const {
    ExactSum copy = *this;
    copy.normalise();
    std::string text;
    text.reserve(kBytes);
    for (std::size_t i = 0; i < kLimbs; ++i) {
      const int width = i + 1 < kLimbs ? 32 : 64;  // the last limb carries the sign
      for (int shift = 0; shift < width; shift += 8) text.push_back(static_cast<char>(copy.limbs_[i] >> shift));
    }
    return text;
  }

  // The sum whose bytes() are given, kBytes of them. False when they are of no sum: the headroom is not free.
  bool assign(std::string_view bytes) {
    for (std::size_t i = 0; i + 1 < kLimbs; ++i) {
      std::uint32_t digit = 0;
      std::memcpy(&digit, bytes.data() + 4 * i, sizeof digit);
      limbs_[i] = digit;
    }
    std::int64_t last = 0;
    std::memcpy(&last, bytes.data() + 4 * (kLimbs - 1), sizeof last);
    limbs_[kLimbs - 1] = last;
    pending_ = 1;
    return last == 0 || last == -1;
  }

 private:
  static constexpr int kLeast = 1074;                      // the least double is 2^-1074
  static constexpr std::uint32_t kMostPending = 1u << 29;  // additions before a carry could overflow its limb
  static constexpr std::int64_t kDigit = 0xffffffff;

  // |x| = mantissa * 2^(exponent - 1074)
  struct Parts {
    explicit Parts(double x) {
      const auto bits = std::bit_cast<std::uint64_t>(x);
      const int biased = static_cast<int>((bits >> 52) & 0x7ff);
      const std::uint64_t fraction = bits & ((std::uint64_t{1} << 52) - 1);
      negative = (bits >> 63) != 0;
      mantissa = biased == 0 ? fraction : fraction | (std::uint64_t{1} << 52);
      exponent = biased == 0 ? 0 : biased - 1;
    }
    std::uint64_t mantissa;
    int exponent;
    bool negative;
  };

  void add_bits(Wide magnitude, bool negative, int position) {
    const auto first = static_cast<std::size_t>(position >> 5);
    const int shift = position & 31;
    const Wide low = magnitude << shift;
    const Wide high = shift == 0 ? 0 : magnitude >> (128 - shift);
    const std::int64_t sign = negative ? -1 : 1;
    for (std::size_t i = 0; i < 4; ++i)
      limbs_[first + i] += sign * static_cast<std::int64_t>((low >> (32 * i)) & kDigit);
    limbs_[first + 4] += sign * static_cast<std::int64_t>(high);
    if (++pending_ == kMostPending) normalise();
  }

  void normalise() {
    for (std::size_t i = 0; i + 1 < kLimbs; ++i) {
      limbs_[i + 1] += limbs_[i] >> 32;
      limbs_[i] &= kDigit;
    }
    pending_ = 1;
  }

  std::array<std::int64_t, kLimbs> limbs_{};
  std::uint32_t pending_ = 0;
};

using SumOfValues = ExactSum<1074, 71>;    // 2^-1074 .. 2^1024, 5 limbs to write into, 62 bits of headroom
using SumOfSquares = ExactSum<2148, 137>;  // 2^-2148 .. 2^2048

}  // namespace mlrt
