// interleave: a tile's columns as the rows of a matrix.
// Input   `width` columns, n <= kTileRows rows: row i of column j at columns[j * kTileRows + i].
// Output  tile[i * width + j], row-major without gaps.
// Error   0: values are moved, not touched.
// Levels  scalar moves four columns at a time, the others eight: the stores of a row are what it costs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/isa.hpp"
#include "kernels/dense_output.hpp"

namespace mlrt::dense {

namespace scalar {

// Four by four where it can.
inline void interleave(const float* columns, std::int64_t width, std::int64_t n, float* tile) {
  using F32x4 = float __attribute__((vector_size(16)));
  std::int64_t j = 0;
  for (; j + 4 <= width; j += 4) {
    const float* const from = columns + j * kTileRows;
    std::int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
      F32x4 a, b, c, d;
      std::memcpy(&a, from + i, 16);
      std::memcpy(&b, from + kTileRows + i, 16);
      std::memcpy(&c, from + 2 * kTileRows + i, 16);
      std::memcpy(&d, from + 3 * kTileRows + i, 16);
      const F32x4 ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
      const F32x4 ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
      const F32x4 cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
      const F32x4 cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
      const F32x4 rows[4] = {
          __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5), __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
          __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5), __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7)};
      for (std::int64_t row = 0; row < 4; ++row) std::memcpy(tile + (i + row) * width + j, &rows[row], 16);
    }
    for (; i < n; ++i)
      for (std::int64_t k = 0; k < 4; ++k) tile[i * width + j + k] = from[k * kTileRows + i];
  }
  for (; j < width; ++j)
    for (std::int64_t i = 0; i < n; ++i) tile[i * width + j] = columns[j * kTileRows + i];
}

}  // namespace scalar

#if MLRT_X86
MLRT_REGION_AVX2
namespace avx2 {

// Eight columns from `from` on. Four rows at a time: two transpositions of four by four, side by side in a register.
inline void interleave_x8(const float* from, std::int64_t width, std::int64_t n, float* tile) {
  std::int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    const auto columns_of = [&](std::int64_t k) MLRT_INLINE_LAMBDA {
      const float* const at = from + k * kTileRows + i;
      return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(at)), _mm_loadu_ps(at + 4 * kTileRows), 1);
    };
    const __m256 a = columns_of(0), b = columns_of(1), c = columns_of(2), d = columns_of(3);
    const __m256d ab_low = _mm256_castps_pd(_mm256_unpacklo_ps(a, b));
    const __m256d ab_high = _mm256_castps_pd(_mm256_unpackhi_ps(a, b));
    const __m256d cd_low = _mm256_castps_pd(_mm256_unpacklo_ps(c, d));
    const __m256d cd_high = _mm256_castps_pd(_mm256_unpackhi_ps(c, d));
    const __m256d rows[4] = {_mm256_unpacklo_pd(ab_low, cd_low), _mm256_unpackhi_pd(ab_low, cd_low),
                             _mm256_unpacklo_pd(ab_high, cd_high), _mm256_unpackhi_pd(ab_high, cd_high)};
    for (std::int64_t row = 0; row < 4; ++row) _mm256_storeu_ps(tile + (i + row) * width, _mm256_castpd_ps(rows[row]));
  }
  for (; i < n; ++i)
    for (std::int64_t k = 0; k < 8; ++k) tile[i * width + k] = from[k * kTileRows + i];
}

// The last eight columns overlap those before them where the width is no multiple of eight.
inline void interleave(const float* columns, std::int64_t width, std::int64_t n, float* tile) {
  if (width < 8) return scalar::interleave(columns, width, n, tile);
  for (std::int64_t j = 0; j < width; j += 8) {
    const std::int64_t first = std::min(j, width - 8);
    interleave_x8(columns + first * kTileRows, width, n, tile + first);
  }
}

}  // namespace avx2
MLRT_REGION_END

namespace avx512 {
using avx2::interleave;
}
#endif

using Interleave = void (*)(const float* columns, std::int64_t width, std::int64_t n, float* tile);

inline Interleave select_interleave(Isa isa) {
  return MLRT_SELECT(isa, interleave);
}

}  // namespace mlrt::dense
