// category_tally: how often each of few codes comes, from blocks of codes.
//   counts[c] = #{i: codes[i] = c}
// Input   codes below `width`, in blocks of at most kBlockRows; fewer than 2^32 rows in all.
// Output  the codes that came, each with its count.
// Error   0. Cost: a table takes one increment a cycle, 0.27 ns on Zen 4. So codes of a narrow range are counted two, four
//         or eight at once, as digits of one greater code, while the table of those fits the level-1 cache: 0.15 ns a code
//         (measured).
// Levels  one body for the digits: each level vectorises it for itself. A narrow table is there several times, and blocks
//         in which one code prevails are not folded: rows of the same cell wait for each other's store, 1.5 ns a code.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/isa.hpp"

namespace mlrt::category_codes {

// codes[i] becomes codes[i] · width + codes[i + half], i < half.
MLRT_INLINE void pair_up(std::uint32_t* __restrict codes, std::int64_t half, std::uint32_t width) {
  const std::uint32_t* const __restrict others = codes + half;
  for (std::int64_t i = 0; i < half; ++i) codes[i] = codes[i] * width + others[i];
}

namespace scalar {
inline void fold(std::uint32_t* codes, std::int64_t half, std::uint32_t width) {
  pair_up(codes, half, width);
}
}  // namespace scalar

#if MLRT_X86
MLRT_REGION_AVX2
namespace avx2 {
inline void fold(std::uint32_t* codes, std::int64_t half, std::uint32_t width) {
  pair_up(codes, half, width);
}
}  // namespace avx2
MLRT_REGION_END

MLRT_REGION_AVX512
namespace avx512 {
inline void fold(std::uint32_t* codes, std::int64_t half, std::uint32_t width) {
  pair_up(codes, half, width);
}
}  // namespace avx512
MLRT_REGION_END
#endif

// Counts of codes below a width, in as many lanes as fit half a level-1 cache together.
class SingleCodes {
 public:
  explicit SingleCodes(std::size_t width) : width_(width) {
    while (lanes_ < kMostLanes && 2 * lanes_ * width_ <= kCells) lanes_ *= 2;
    cells_.assign(width_ * lanes_, 0);
  }

  void add(const std::uint32_t* codes, std::int64_t n) {
    if (lanes_ == 8) return add_to<8>(codes, n);
    if (lanes_ == 4) return add_to<4>(codes, n);
    return lanes_ == 2 ? add_to<2>(codes, n) : add_to<1>(codes, n);
  }

  // Adds what all lanes counted to counts[width].
  void add_to(std::vector<std::uint32_t>& counts) const {
    for (std::size_t lane = 0; lane < lanes_; ++lane)
      for (std::size_t code = 0; code < width_; ++code) counts[code] += cells_[lane * width_ + code];
  }

 private:
  static constexpr std::size_t kMostLanes = 8;
  static constexpr std::size_t kCells = 4096;  // 16 KiB

  template <std::size_t kLanes>
  void add_to(const std::uint32_t* codes, std::int64_t n) {
    constexpr std::int64_t kStep = 8;
    std::uint32_t* lanes[kLanes];
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] = cells_.data() + lane * width_;
    for (; n >= kStep; n -= kStep, codes += kStep)
#pragma GCC unroll 8
      for (std::size_t k = 0; k < kStep; ++k) ++lanes[k % kLanes][codes[k]];
    for (; n > 0; --n, ++codes) ++lanes[0][*codes];
  }

  std::size_t width_;
  std::size_t lanes_ = 1;
  std::vector<std::uint32_t> cells_;
};

// Counts of codes of two digits below a width.
class PairedCodes {
 public:
  explicit PairedCodes(std::size_t width) : width_(width), cells_(width * width, 0), digits_(width, 0) {}

  // n < 2^16.
  void add(const std::uint32_t* codes, std::int64_t n) {
    if (held_ + n > kMostHeld) flush();
    held_ += n;
    std::uint16_t* const cells = cells_.data();
#pragma GCC unroll 8
    for (std::int64_t i = 0; i < n; ++i) ++cells[codes[i]];
  }

  // How often each digit came, in either place.
  const std::vector<std::uint32_t>& digits() {
    flush();
    return digits_;
  }

 private:
  static constexpr std::int64_t kMostHeld = 0xffff;  // what a cell holds

  void flush() {
    for (std::size_t high = 0; high < width_; ++high) {
      const std::uint16_t* const row = cells_.data() + high * width_;
      std::uint32_t sum = 0;
      for (std::size_t low = 0; low < width_; ++low) sum += row[low];
      for (std::size_t low = 0; low < width_; ++low) digits_[low] += row[low];
      digits_[high] += sum;
    }
    std::fill(cells_.begin(), cells_.end(), std::uint16_t{0});
    held_ = 0;
  }

  std::size_t width_;
  std::vector<std::uint16_t> cells_;
  std::vector<std::uint32_t> digits_;
  std::int64_t held_ = 0;
};

class Tally {
 public:
  // Of codes below `width`, of which about `rows` will come.
  Tally(std::uint64_t width, std::int64_t rows)
      : width_(static_cast<std::size_t>(width)), single_(width_), paired_(paired_width(rows)) {}

  // Counts n codes, and overwrites them.
  void add(Isa isa, std::uint32_t* codes, std::int64_t n) {
    if (folds_ == 0 || prevails(codes, n)) return single_.add(codes, n);
    const std::int64_t rest = n % (std::int64_t{1} << folds_);
    n -= rest;
    single_.add(codes + n, rest);
    for (std::size_t fold = 0, width = width_; fold < folds_; ++fold, width *= width)
      MLRT_SELECT(isa, fold)(codes, n /= 2, static_cast<std::uint32_t>(width));
    paired_.add(codes, n);
  }

  // visit(code, count) for each code that came.
  template <class Visit>
  void for_each(Visit visit) {
    std::vector<std::uint32_t> counts(width_, 0);
    single_.add_to(counts);
    if (folds_ > 0) add_digits(paired_.digits(), counts);
    for (std::size_t code = 0; code < width_; ++code)
      if (counts[code] != 0) visit(code, std::int64_t{counts[code]});
  }

 private:
  static constexpr std::size_t kMostPaired = 112;  // whose square takes 24.5 KiB

  // How many values a digit of the widest code has whose table pays; 0 if only single codes do.
  std::size_t paired_width(std::int64_t rows) {
    std::size_t width = width_, paired = 0;
    for (; width <= kMostPaired && static_cast<std::int64_t>(width * width) <= rows / 4; width *= width, ++folds_)
      paired = width;
    return paired;
  }

  // Whether so many of the first codes are like the one before that codes of two digits would often be alike, too.
  static bool prevails(const std::uint32_t* codes, std::int64_t n) {
    const std::int64_t looked = std::min<std::int64_t>(n - 1, 64);
    std::int32_t alike = 0;
    for (std::int64_t i = 0; i < looked; ++i) alike += codes[i] == codes[i + 1] ? 1 : 0;
    return 8 * alike > 3 * looked;
  }

  // Adds up the digits of codes: those of one digit are themselves, each other is of two digits of half its length.
  void add_digits(const std::vector<std::uint32_t>& codes, std::vector<std::uint32_t>& counts) const {
    for (std::size_t code = 0; code < codes.size(); ++code) {
      std::size_t rest = code;
      for (std::size_t left = codes.size(); left > 1; left /= width_, rest /= width_)
        counts[rest % width_] += codes[code];
    }
  }

  std::size_t width_;
  std::size_t folds_ = 0;  // a code that is counted has 2^folds_ digits
  SingleCodes single_;
  PairedCodes paired_;
};

}  // namespace mlrt::category_codes
