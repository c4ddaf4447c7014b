// decode: a block of any numeric Arrow column as float64, missing (null) as NaN; of a float32 column also as float32.
//
// Input   rows [begin, begin + n) of a column of booleans, integers, floats or nulls, n <= kBlockRows.
// Output  n float64 (or float32): the value, rounded to nearest even if it is an integer above 2^53; a quiet NaN where null.
// Error   0 between ISAs. Cost: one pass; none for float64 without nulls, which is used in place.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

#include "core/arrow.hpp"
#include "core/isa.hpp"
#include "core/rows.hpp"

namespace mlrt::decode {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
constexpr float kMissingFloat32 = std::numeric_limits<float>::quiet_NaN();

// IEEE binary16 to float64, subnormals, infinities and NaN included.
MLRT_INLINE double from_half(std::uint16_t half) {
  const std::uint64_t sign = static_cast<std::uint64_t>(half & 0x8000u) << 48;
  const std::uint64_t magnitude = static_cast<std::uint64_t>(half & 0x7fffu) << 42;  // exponent and fraction in place
  if (magnitude >= std::uint64_t{0x7c00} << 42)
    return std::bit_cast<double>(sign | magnitude | (std::uint64_t{0x7ff} << 52));
  // Scaling by 2^(1023 - 15) rebiases the exponent, exactly, also of a subnormal.
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(std::bit_cast<double>(magnitude) * 0x1p1008) | sign);
}

template <class T>
MLRT_INLINE void widen(const void* values, std::int64_t first, std::int64_t n, double* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<double>(load<T>(values, first + i));
}

MLRT_INLINE void widen_half(const void* values, std::int64_t first, std::int64_t n, double* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = from_half(load<std::uint16_t>(values, first + i));
}

MLRT_INLINE void widen_bits(const void* values, std::int64_t first, std::int64_t n, double* out) {
  const auto* const bits = static_cast<const std::uint8_t*>(values);
  for (std::int64_t i = 0; i < n; ++i) out[i] = bit(bits, first + i) ? 1.0 : 0.0;
}

// The values of one block without its nulls. One body: each level below inlines it and vectorises it for itself.
MLRT_INLINE void fill(const Column& column, std::int64_t first, std::int64_t n, double* out) {
  switch (column.type) {
    case Type::boolean:
      return widen_bits(column.values, first, n, out);
    case Type::int8:
      return widen<std::int8_t>(column.values, first, n, out);
    case Type::int16:
      return widen<std::int16_t>(column.values, first, n, out);
    case Type::int32:
      return widen<std::int32_t>(column.values, first, n, out);
    case Type::int64:
      return widen<std::int64_t>(column.values, first, n, out);
    case Type::uint8:
      return widen<std::uint8_t>(column.values, first, n, out);
    case Type::uint16:
      return widen<std::uint16_t>(column.values, first, n, out);
    case Type::uint32:
      return widen<std::uint32_t>(column.values, first, n, out);
    case Type::uint64:
      return widen<std::uint64_t>(column.values, first, n, out);
    case Type::float16:
      return widen_half(column.values, first, n, out);
    case Type::float32:
      return widen<float>(column.values, first, n, out);
    case Type::float64:
      return widen<double>(column.values, first, n, out);
    default:
      std::fill_n(out, n, kMissing);
  }
}

namespace scalar {

inline void mask(const std::uint8_t* validity, std::int64_t first, std::int64_t n, double* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = bit(validity, first + i) ? out[i] : kMissing;
}

inline void run(const Column& column, std::int64_t first, std::int64_t n, double* out) {
  fill(column, first, n, out);
  if (column.validity != nullptr) mask(column.validity, first, n, out);
}

inline void run_float32(const Column& column, std::int64_t first, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; ++i)
    out[i] = column.validity == nullptr || bit(column.validity, first + i) ? load<float>(column.values, first + i)
                                                                           : kMissingFloat32;
}

}  // namespace scalar

#if MLRT_X86
// The validity bits of a column from position `first` on, eight at a time; reads a byte only if some of them lie in it.
class Validity {
 public:
  MLRT_INLINE Validity(const Column& column, std::int64_t first)
      : byte_(column.validity + (first >> 3)), shift_(static_cast<unsigned>(first & 7)) {}

  MLRT_INLINE unsigned next_x8() {
    unsigned bits = static_cast<unsigned>(byte_[0]) >> shift_;
    if (shift_ != 0) bits |= (static_cast<unsigned>(byte_[1]) << (8 - shift_)) & 0xff;
    ++byte_;
    return bits;
  }

 private:
  const std::uint8_t* byte_;
  unsigned shift_;
};

MLRT_REGION_AVX2
namespace avx2 {

inline void run(const Column& column, std::int64_t first, std::int64_t n, double* out) {
  fill(column, first, n, out);
  if (column.validity == nullptr) return;
  const __m256i low_x4 = _mm256_set_epi64x(8, 4, 2, 1);
  const __m256i high_x4 = _mm256_set_epi64x(128, 64, 32, 16);
  const __m256d missing_f64x4 = _mm256_set1_pd(kMissing);
  Validity validity(column, first);
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256i bits = _mm256_set1_epi64x(validity.next_x8());
    const __m256d low = _mm256_castsi256_pd(_mm256_cmpeq_epi64(_mm256_and_si256(bits, low_x4), low_x4));
    const __m256d high = _mm256_castsi256_pd(_mm256_cmpeq_epi64(_mm256_and_si256(bits, high_x4), high_x4));
    _mm256_storeu_pd(out + i, _mm256_blendv_pd(missing_f64x4, _mm256_loadu_pd(out + i), low));
    _mm256_storeu_pd(out + i + 4, _mm256_blendv_pd(missing_f64x4, _mm256_loadu_pd(out + i + 4), high));
  }
  scalar::mask(column.validity, first + i, n - i, out + i);
}

inline void run_float32(const Column& column, std::int64_t first, std::int64_t n, float* out) {
  if (column.validity == nullptr) return scalar::run_float32(column, first, n, out);
  const __m256i bits_x8_of = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  const __m256 missing_f32x8 = _mm256_set1_ps(kMissingFloat32);
  const auto* const values = static_cast<const float*>(column.values) + first;
  Validity validity(column, first);
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256i bits = _mm256_set1_epi32(static_cast<int>(validity.next_x8()));
    const __m256i present = _mm256_cmpeq_epi32(_mm256_and_si256(bits, bits_x8_of), bits_x8_of);
    _mm256_storeu_ps(out + i,
                     _mm256_blendv_ps(missing_f32x8, _mm256_loadu_ps(values + i), _mm256_castsi256_ps(present)));
  }
  scalar::run_float32(column, first + i, n - i, out + i);
}

}  // namespace avx2
MLRT_REGION_END

MLRT_REGION_AVX512
namespace avx512 {

inline void run(const Column& column, std::int64_t first, std::int64_t n, double* out) {
  fill(column, first, n, out);
  if (column.validity == nullptr) return;
  const __m512d missing_f64x8 = _mm512_set1_pd(kMissing);
  Validity validity(column, first);
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const auto present_x8 = static_cast<__mmask8>(validity.next_x8());
    _mm512_storeu_pd(out + i, _mm512_mask_loadu_pd(missing_f64x8, present_x8, out + i));
  }
  scalar::mask(column.validity, first + i, n - i, out + i);
}

inline void run_float32(const Column& column, std::int64_t first, std::int64_t n, float* out) {
  if (column.validity == nullptr) return scalar::run_float32(column, first, n, out);
  const __m256 missing_f32x8 = _mm256_set1_ps(kMissingFloat32);
  const auto* const values = static_cast<const float*>(column.values) + first;
  Validity validity(column, first);
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const auto present_x8 = static_cast<__mmask8>(validity.next_x8());
    _mm256_storeu_ps(out + i, _mm256_mask_loadu_ps(missing_f32x8, present_x8, values + i));
  }
  scalar::run_float32(column, first + i, n - i, out + i);
}

}  // namespace avx512
MLRT_REGION_END
#endif

using Run = void (*)(const Column& column, std::int64_t first, std::int64_t n, double* out);

inline Run select(Isa isa) {
  return MLRT_SELECT(isa, run);
}

using RunFloat32 = void (*)(const Column& column, std::int64_t first, std::int64_t n, float* out);

inline RunFloat32 select_float32(Isa isa) {
  return MLRT_SELECT(isa, run_float32);
}

// Whether a block of a column of T can be used where the producer left it.
template <class T>
bool is_in_place(const Column& column) {
  return column.validity == nullptr && std::bit_cast<std::uintptr_t>(column.values) % alignof(T) == 0;
}

// Rows [begin, begin + n): the producer's own memory, or `buffer`, filled.
inline const double* block(Run run, const Column& column, std::int64_t begin, std::int64_t n, double* buffer) {
  const std::int64_t first = column.offset + begin;
  if (column.type == Type::float64 && is_in_place<double>(column))
    return static_cast<const double*>(column.values) + first;
  run(column, first, n, buffer);
  return buffer;
}

// The same of a float32 column, as it is.
inline const float* block_float32(RunFloat32 run, const Column& column, std::int64_t begin, std::int64_t n,
                                  float* buffer) {
  const std::int64_t first = column.offset + begin;
  if (is_in_place<float>(column)) return static_cast<const float*>(column.values) + first;
  run(column, first, n, buffer);
  return buffer;
}

// Calls visit(values, n, begin) for each block of the span's rows in one column.
template <class Visit>
void for_each_block(const Span& span, const Column& column, Isa isa, Visit visit) {
  alignas(64) double buffer[kBlockRows];
  const Run run = select(isa);
  for (std::int64_t done = 0; done < span.rows; done += kBlockRows) {
    const std::int64_t n = std::min(kBlockRows, span.rows - done);
    visit(block(run, column, span.begin + done, n, buffer), n, span.begin + done);
  }
}

}  // namespace mlrt::decode
