// row_view: rows of one width, lying one after another in blocks of a power of two: what a gather reads.
//
// The view owns nothing: whoever made it keeps the blocks alive.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mlrt {

struct RowView {
  const std::byte* const* blocks;  // the first byte of each block
  int shift;                       // a block has 2^shift rows; the last may have fewer
  std::int64_t rows;
  std::size_t row_bytes;

  // The first byte of a row of [0, rows).
  const std::byte* row(std::int64_t ordinal) const {
    const std::int64_t within = ordinal & ((std::int64_t{1} << shift) - 1);
    return blocks[ordinal >> shift] + static_cast<std::size_t>(within) * row_bytes;
  }
};

}  // namespace mlrt
