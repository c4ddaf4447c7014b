// interleave: a tile's columns as the rows of a matrix.
// Input   `width` columns, n <= kTileRows rows: row i of column j at columns[j * kTileRows + i].
// Output  tile[i * width + j], row-major without gaps.
// Error   0: values are moved, not touched.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/isa.hpp"
#include "kernels/dense_output.hpp"

namespace mlrt::dense {

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

}  // namespace mlrt::dense
