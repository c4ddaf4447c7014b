// category_codes: how often each of a short range of whole numbers occurs: positions in a dictionary, or integer keys.
//   code(x) = 0 if x is missing, else 1 + min(x - first, range) in 64 bits without sign: range + 1 is outside
// Input   rows of an integer, boolean or dictionary column; first; range <= 2^32 - 3.
// Output  a Tally (category_tally.hpp): counts of the codes 0 .. range + 1, of fewer than 2^32 rows.
// Error   0. Cost: the column read once, and that of the tally.
// Levels  one body for the codes: each level vectorises it for itself.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "core/arrow.hpp"
#include "core/isa.hpp"
#include "core/rows.hpp"
#include "kernels/category_tally.hpp"
#include "kernels/present.hpp"

namespace mlrt::category_codes {

struct Range {
  std::uint64_t first;
  std::uint64_t range;
};

// In the arithmetic of Word.
template <class Word, class T>
MLRT_INLINE std::uint32_t fill_in(const void* values, std::int64_t begin, std::int64_t n, Range of,
                                  std::uint32_t* codes) {
  const auto first = static_cast<Word>(of.first), range = static_cast<Word>(of.range);
  std::uint32_t greatest = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto key = static_cast<Word>(load<T>(values, begin + i));
    const auto code = static_cast<std::uint32_t>(std::min<Word>(key - first, range)) + 1;
    codes[i] = code;
    greatest = std::max(greatest, code);
  }
  return greatest;
}

// 32 bits are enough when every number of the range is a T: no other T is as far from `first`, modulo 2^32.
template <class T>
MLRT_INLINE std::uint32_t fill(const void* values, std::int64_t begin, std::int64_t n, Range of, std::uint32_t* codes) {
  if constexpr (sizeof(T) < sizeof(std::int64_t)) {
    constexpr auto kLeast = static_cast<std::uint64_t>(std::int64_t{std::numeric_limits<T>::min()});
    constexpr auto kGreatest = static_cast<std::uint64_t>(std::int64_t{std::numeric_limits<T>::max()});
    const std::uint64_t skipped = of.first - kLeast;
    if (skipped <= kGreatest - kLeast && of.range <= kGreatest - kLeast + 1 - skipped)
      return fill_in<std::uint32_t, T>(values, begin, n, of, codes);
  }
  return fill_in<std::uint64_t, T>(values, begin, n, of, codes);
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
    if (greatest > of.range) outside(codes, rows, begin);
    into.add(isa, codes, rows);
  }
}

}  // namespace mlrt::category_codes
