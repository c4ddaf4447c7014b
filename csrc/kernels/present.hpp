// present: what belongs to a null row, set to 0.
//
// Input   validity bits from position `first` on, and the n values of those rows, integers of any width.
// Output  the values in place, those of null rows 0.
// Error   0. Cost: 0.05 to 0.5 ns a row: nulls are hard to predict, so there is no branch.
// Levels  one body: each level vectorises it for itself.
#pragma once

#include <cstdint>

#include "core/arrow.hpp"
#include "core/isa.hpp"

namespace mlrt::present {

// Bits [first, first + 32); reads a byte only if some of them lie in it.
MLRT_INLINE std::uint32_t bits_x32(const std::uint8_t* bits, std::int64_t first) {
  const std::uint8_t* const bytes = bits + (first >> 3);
  const auto shift = static_cast<unsigned>(first & 7);
  std::uint64_t word = load<std::uint32_t>(bytes, 0);
  if (shift != 0) word |= std::uint64_t{bytes[4]} << 32;
  return static_cast<std::uint32_t>(word >> shift);
}

template <class T>
MLRT_INLINE void keep(const std::uint8_t* validity, std::int64_t first, std::int64_t n, T* values) {
  std::int64_t i = 0;
  for (; i + 32 <= n; i += 32) {
    const std::uint32_t bits = bits_x32(validity, first + i);
    for (unsigned k = 0; k < 32; ++k) values[i + k] &= T{0} - static_cast<T>((bits >> k) & 1);
  }
  for (; i < n; ++i) values[i] &= T{0} - static_cast<T>(bit(validity, first + i));
}

namespace scalar {
template <class T>
void run(const std::uint8_t* validity, std::int64_t first, std::int64_t n, T* values) {
  keep(validity, first, n, values);
}
}  // namespace scalar

#if MLRT_X86
MLRT_REGION_AVX2
namespace avx2 {
template <class T>
void run(const std::uint8_t* validity, std::int64_t first, std::int64_t n, T* values) {
  keep(validity, first, n, values);
}
}  // namespace avx2
MLRT_REGION_END

MLRT_REGION_AVX512
namespace avx512 {
template <class T>
void run(const std::uint8_t* validity, std::int64_t first, std::int64_t n, T* values) {
  keep(validity, first, n, values);
}
}  // namespace avx512
MLRT_REGION_END
#endif

template <class T>
using Run = void (*)(const std::uint8_t* validity, std::int64_t first, std::int64_t n, T* values);

template <class T>
Run<T> select(Isa isa) {
  return MLRT_SELECT(isa, run<T>);
}

}  // namespace mlrt::present
