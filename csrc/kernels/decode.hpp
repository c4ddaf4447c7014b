// decode: a block of any numeric Arrow column as float64, missing (null) as NaN.
//
// Input   rows [begin, begin + n) of a column of booleans, integers, floats or nulls, n <= kBlockRows.
// Output  n float64: the value, rounded to nearest even if it is an integer above 2^53; a quiet NaN where null.
// Error   0 between ISAs. Cost: one pass; none for float64 without nulls, which is used in place.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

#include "core/arrow.hpp"
#include "core/isa.hpp"
#include "core/rows.hpp"

namespace mlrt::decode {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// IEEE binary16 to float64, subnormals, infinities and NaN included.
inline double from_half(std::uint16_t half) {
  const std::uint64_t sign = static_cast<std::uint64_t>(half & 0x8000u) << 48;
  const std::uint64_t magnitude = static_cast<std::uint64_t>(half & 0x7fffu) << 42;  // exponent and fraction in place
  if (magnitude >= std::uint64_t{0x7c00} << 42)
    return std::bit_cast<double>(sign | magnitude | (std::uint64_t{0x7ff} << 52));
  // Scaling by 2^(1023 - 15) rebiases the exponent, exactly, also of a subnormal.
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(std::bit_cast<double>(magnitude) * 0x1p1008) | sign);
}

namespace scalar {

template <class T>
void widen(const void* values, std::int64_t first, std::int64_t n, double* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<double>(load<T>(values, first + i));
}

inline void widen_half(const void* values, std::int64_t first, std::int64_t n, double* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = from_half(load<std::uint16_t>(values, first + i));
}

inline void mask(const std::uint8_t* validity, std::int64_t first, std::int64_t n, double* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = bit(validity, first + i) ? out[i] : kMissing;
}

}  // namespace scalar

// Fills out[0, n) from rows [begin, begin + n).
inline void fill(const Column& column, std::int64_t begin, std::int64_t n, double* out) {
  const std::int64_t first = column.offset + begin;
  switch (column.type) {
    case Type::boolean:
      for (std::int64_t i = 0; i < n; ++i)
        out[i] = bit(static_cast<const std::uint8_t*>(column.values), first + i) ? 1.0 : 0.0;
      break;
    case Type::int8:
      scalar::widen<std::int8_t>(column.values, first, n, out);
      break;
    case Type::int16:
      scalar::widen<std::int16_t>(column.values, first, n, out);
      break;
    case Type::int32:
      scalar::widen<std::int32_t>(column.values, first, n, out);
      break;
    case Type::int64:
      scalar::widen<std::int64_t>(column.values, first, n, out);
      break;
    case Type::uint8:
      scalar::widen<std::uint8_t>(column.values, first, n, out);
      break;
    case Type::uint16:
      scalar::widen<std::uint16_t>(column.values, first, n, out);
      break;
    case Type::uint32:
      scalar::widen<std::uint32_t>(column.values, first, n, out);
      break;
    case Type::uint64:
      scalar::widen<std::uint64_t>(column.values, first, n, out);
      break;
    case Type::float16:
      scalar::widen_half(column.values, first, n, out);
      break;
    case Type::float32:
      scalar::widen<float>(column.values, first, n, out);
      break;
    case Type::float64:
      scalar::widen<double>(column.values, first, n, out);
      break;
    default:
      for (std::int64_t i = 0; i < n; ++i) out[i] = kMissing;
      return;
  }
  if (column.validity != nullptr) scalar::mask(column.validity, first, n, out);
}

// The block itself when it can be read in place, else `buffer`, filled.
inline const double* block(const Column& column, std::int64_t begin, std::int64_t n, double* buffer) {
  const bool in_place = column.type == Type::float64 && column.validity == nullptr &&
                        std::bit_cast<std::uintptr_t>(column.values) % alignof(double) == 0;
  if (in_place) return static_cast<const double*>(column.values) + column.offset + begin;
  fill(column, begin, n, buffer);
  return buffer;
}

// Calls visit(values, n, begin) for each block of the span's rows in one column.
template <class Visit>
void for_each_block(const Span& span, std::int64_t column, Visit visit) {
  alignas(64) double buffer[kBlockRows];
  for (std::int64_t done = 0; done < span.rows; done += kBlockRows) {
    const std::int64_t n = std::min(kBlockRows, span.rows - done);
    visit(block(span.column(column), span.begin + done, n, buffer), n, span.begin + done);
  }
}

}  // namespace mlrt::decode
