// category_codes: how often each of a short range of whole numbers occurs: positions in a dictionary, or integer keys.
//   code(x) = 0 if x is missing, else 1 + min(x - first, range) in 64 bits without sign: range + 1 is outside
// Input   rows of an integer, boolean or dictionary column; first; range <= 2^32 - 3.
// Output  a Tally: counts of the codes 0 .. range + 1, of fewer than 2^32 rows.
// Error   0. Cost: about a cycle a row.
// Levels  one body for the codes: each level vectorises it for itself. They are counted in eight tables while those fit
//         the level-1 cache: in one, rows of the same code wait for each other's store.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/arrow.hpp"
#include "core/isa.hpp"
#include "core/rows.hpp"
#include "kernels/present.hpp"

namespace mlrt::category_codes {

struct Range {
  std::uint64_t first;
  std::uint64_t range;
};

template <class T>
MLRT_INLINE std::uint32_t fill(const void* values, std::int64_t begin, std::int64_t n, Range of, std::uint32_t* codes) {
  std::uint32_t greatest = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto key = static_cast<std::uint64_t>(static_cast<std::int64_t>(load<T>(values, begin + i)));
    const auto code = static_cast<std::uint32_t>(std::min(key - of.first, of.range)) + 1;
    codes[i] = code;
    greatest = std::max(greatest, code);
  }
  return greatest;
}

MLRT_INLINE std::uint32_t fill_bits(const void* values, std::int64_t begin, std::int64_t n, Range of,
                                    std::uint32_t* codes) {
  const auto* const bits = static_cast<const std::uint8_t*>(values);
  for (std::int64_t i = 0; i < n; ++i)
    codes[i] = static_cast<std::uint32_t>(std::min(std::uint64_t{bit(bits, begin + i)} - of.first, of.range)) + 1;
  return static_cast<std::uint32_t>(of.range) + 1;
}

// The codes of n rows of integers of `type`, null ones too; returns a bound of them.
MLRT_INLINE std::uint32_t fill_codes(Type type, const void* values, std::int64_t begin, std::int64_t n, Range of,
                                     std::uint32_t* codes) {
  switch (type) {
    case Type::boolean:
      return fill_bits(values, begin, n, of, codes);
    case Type::int8:
      return fill<std::int8_t>(values, begin, n, of, codes);
    case Type::int16:
      return fill<std::int16_t>(values, begin, n, of, codes);
    case Type::int32:
      return fill<std::int32_t>(values, begin, n, of, codes);
    case Type::uint8:
      return fill<std::uint8_t>(values, begin, n, of, codes);
    case Type::uint16:
      return fill<std::uint16_t>(values, begin, n, of, codes);
    case Type::uint32:
      return fill<std::uint32_t>(values, begin, n, of, codes);
    default:
      return fill<std::int64_t>(values, begin, n, of, codes);
  }
}

namespace scalar {
inline std::uint32_t run(Type type, const void* values, std::int64_t begin, std::int64_t n, Range of,
                         std::uint32_t* codes) {
  return fill_codes(type, values, begin, n, of, codes);
}
}  // namespace scalar

#if MLRT_X86
MLRT_REGION_AVX2
namespace avx2 {
inline std::uint32_t run(Type type, const void* values, std::int64_t begin, std::int64_t n, Range of,
                         std::uint32_t* codes) {
  return fill_codes(type, values, begin, n, of, codes);
}
}  // namespace avx2
MLRT_REGION_END

MLRT_REGION_AVX512
namespace avx512 {
inline std::uint32_t run(Type type, const void* values, std::int64_t begin, std::int64_t n, Range of,
                         std::uint32_t* codes) {
  return fill_codes(type, values, begin, n, of, codes);
}
}  // namespace avx512
MLRT_REGION_END
#endif

using Run = std::uint32_t (*)(Type type, const void* values, std::int64_t begin, std::int64_t n, Range of,
                              std::uint32_t* codes);

inline Run select(Isa isa) {
  return MLRT_SELECT(isa, run);
}

class Tally {
 public:
  explicit Tally(std::uint64_t range)
      : width_(static_cast<std::size_t>(range) + 2),
        lanes_(width_ <= kMostWidth ? kLanes : 1),
        counts_(width_ * lanes_, 0) {}

  void add(const std::uint32_t* codes, std::int64_t n) { lanes_ == 1 ? add_to_one(codes, n) : add_to_lanes(codes, n); }

  // visit(code, count) for each code that came.
  template <class Visit>
  void for_each(Visit visit) const {
    for (std::size_t code = 0; code < width_; ++code) {
      std::int64_t count = 0;
      for (std::size_t lane = 0; lane < lanes_; ++lane) count += counts_[lane * width_ + code];
      if (count != 0) visit(code, count);
    }
  }

 private:
  static constexpr std::size_t kLanes = 8;
  static constexpr std::size_t kMostWidth = 1024;  // 32 KiB in all

  void add_to_one(const std::uint32_t* codes, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) ++counts_[codes[i]];
  }

  void add_to_lanes(const std::uint32_t* codes, std::int64_t n) {
    std::uint32_t* const counts = counts_.data();
    const std::size_t width = width_;
    constexpr auto kStep = static_cast<std::int64_t>(kLanes);
    std::int64_t i = 0;
    for (; i + kStep <= n; i += kStep)
      for (std::size_t lane = 0; lane < kLanes; ++lane)
        ++counts[lane * width + codes[i + static_cast<std::int64_t>(lane)]];
    for (; i < n; ++i) ++counts[codes[i]];
  }

  std::size_t width_;
  std::size_t lanes_;
  std::vector<std::uint32_t> counts_;
};

// Tallies rows [begin, begin + n) of a column; outside(codes, n, begin) is called for each block that may hold rows
// outside the range.
template <class Outside>
void count(Isa isa, const Column& column, std::int64_t begin, std::int64_t n, Range of, Tally& into, Outside outside) {
  const Type type = column.layout == Layout::dictionary ? column.field->index : column.type;
  const Run run = select(isa);
  alignas(64) std::uint32_t codes[kBlockRows];
  for (const std::int64_t end = begin + n; begin < end; begin += kBlockRows) {
    const std::int64_t rows = std::min(kBlockRows, end - begin);
    const std::uint32_t greatest = run(type, column.values, column.offset + begin, rows, of, codes);
    if (column.validity != nullptr)
      present::select<std::uint32_t>(isa)(column.validity, column.offset + begin, rows, codes);
    into.add(codes, rows);
    if (greatest > of.range) outside(codes, rows, begin);
  }
}

}  // namespace mlrt::category_codes
