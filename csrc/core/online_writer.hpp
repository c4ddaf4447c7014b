// online_writer: segments as files, from rows in memory or from the rows of older segments.
#pragma once

#include <cstdint>
#include <vector>

#include "core/online_keys.hpp"
#include "core/online_segment.hpp"

namespace mlrt::online {

// Rows of one source that go into a segment: those whose number is not dropped.
struct Piece {
  const RowSource* source;
  std::vector<bool> dropped;  // empty: none is
};

struct Written {
  std::uint64_t rows;
  std::size_t bytes;
  std::uint64_t digest;  // as SegmentFile's
};

// Writes a segment of the pieces' rows, no two of which have the same key, to an empty file. Throws std::system_error
// when it cannot be written. Memory: 13 bytes a row.
Written write_segment(int descriptor, const Shape& shape, std::uint64_t seed, const std::vector<Piece>& pieces);

// The rows of segments, newest first, that no newer one of them replaces.
std::vector<Piece> newest_rows(const std::vector<const Segment*>& segments, const Shape& shape, std::uint64_t seed);

// The rows of a segment but for those of some keys.
Piece rows_without(const Segment& segment, const Keys& keys, std::uint64_t seed);

}  // namespace mlrt::online
