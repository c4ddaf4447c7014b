// matrix: the columns of a float matrix that lies in memory in any strides, as the blocks that statistics read.
//
// Input   rows x columns of float16, float32 or float64 with a stride in bytes, possibly 0 or negative, along each side.
//         Misaligned is fine. The memory outlives the Matrix.
// Output  blocks of float64, as decode.hpp gives them; a missing value is NaN.
// Error   0. Cost: one pass; none for a contiguous float64 column, which is used in place.
#pragma once

#include <cstdint>

#include "kernels/decode.hpp"

namespace mlrt {

struct Matrix {
  const char* data;
  Type type;
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t row_stride;
  std::int64_t column_stride;

  // Rows [begin, begin + n) of a column, n <= kBlockRows: in place, or in `buffer`.
  const double* block(decode::Run run, std::int64_t column, std::int64_t begin, std::int64_t n, double* buffer) const {
    const char* const first = data + column * column_stride + begin * row_stride;
    switch (type) {
      case Type::float16:
        return filled<std::uint16_t>(run, first, n, buffer, [](std::uint16_t half) { return decode::from_half(half); });
      case Type::float32:
        return filled<float>(run, first, n, buffer, [](float x) { return static_cast<double>(x); });
      default:
        return filled<double>(run, first, n, buffer, [](double x) { return x; });
    }
  }

 private:
  template <class T, class Widen>
  const double* filled(decode::Run run, const char* first, std::int64_t n, double* buffer, Widen widen) const {
    if (row_stride == static_cast<std::int64_t>(sizeof(T))) {
      Column column;
      column.type = type;
      column.values = first;
      return decode::block(run, column, 0, n, buffer);
    }
    for (std::int64_t i = 0; i < n; ++i) buffer[i] = widen(load<T>(first + i * row_stride, 0));
    return buffer;
  }
};

}  // namespace mlrt
