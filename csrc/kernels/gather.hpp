// gather: rows by their ordinals, wherever they lie, as one dense array for each field.
//   out_f[i] = the bytes [offset_f, offset_f + bytes_f) of row rows[i]
// Input   a RowView, ordinals in any order and as often as one likes, fields that lie within a row.
// Output  for each field bytes_f · count bytes, one row behind the other: a C-contiguous [count, width] array.
// Error   0: bytes are moved. Throws std::invalid_argument for an ordinal of no row, before anything is written.
// Cost    the lines that a row touches, read once; misses overlap, so it takes 1.2 times as long as reading them alone.
//         Asking for them row by row while others are moved took twice as long, on Zen 4. Memory in small pages misses
//         the TLB as well.
// Levels  how wide the pieces of a row are moved: 16 bytes or 32.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/aligned.hpp"
#include "core/errors.hpp"
#include "core/isa.hpp"
#include "core/row_view.hpp"
#include "core/threads.hpp"

namespace mlrt::gather {

struct Field {
  std::size_t offset, bytes;  // within a row
  std::byte* out;
};
using Fields = std::span<const Field>;

constexpr std::size_t kTileBytes = std::size_t{64} << 10;  // two tiles stay in an L2 cache, beside the outputs' lines
constexpr std::int64_t kMostTileRows = 64;
constexpr std::int64_t kTaskRows = 1024;  // rows that are worth waking a thread for, and the wait for a first tile

// Asks for every line of some rows, as far as the L2 cache: an L1 cache waits for fewer at a time.
MLRT_INLINE void prefetch(const RowView& view, const std::int64_t* rows, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const std::byte* const row = view.row(rows[i]);
    for (std::size_t byte = 0; byte < view.row_bytes; byte += kCacheLine) __builtin_prefetch(row + byte, 0, 2);
    __builtin_prefetch(row + view.row_bytes - 1, 0, 2);
  }
}

template <class T>
MLRT_INLINE void move(std::byte* to, const std::byte* from) {
  T moved;
  std::memcpy(&moved, from, sizeof moved);
  std::memcpy(to, &moved, sizeof moved);
}

template <std::size_t bytes>
using Piece = char __attribute__((vector_size(bytes)));

// One field of some rows, sizeof(T) bytes or more, in pieces of a T, the last of which may overlap the one before.
template <class T>
MLRT_INLINE void move_by(const RowView& view, const std::int64_t* rows, std::int64_t count, const Field& field,
                         std::byte* to) {
  const std::size_t last = field.bytes - sizeof(T);
  for (std::int64_t i = 0; i < count; ++i, to += field.bytes) {
    const std::byte* const from = view.row(rows[i]) + field.offset;
    for (std::size_t byte = 0; byte < last; byte += sizeof(T)) move<T>(to + byte, from + byte);
    move<T>(to + last, from + last);
  }
}

template <class Widest>
MLRT_INLINE void move_field(const RowView& view, const std::int64_t* rows, std::int64_t count, const Field& field,
                            std::byte* to) {
  if (field.bytes >= sizeof(Widest)) return move_by<Widest>(view, rows, count, field, to);
  if (field.bytes >= 16) return move_by<Piece<16>>(view, rows, count, field, to);
  if (field.bytes >= 8) return move_by<std::uint64_t>(view, rows, count, field, to);
  if (field.bytes >= 4) return move_by<std::uint32_t>(view, rows, count, field, to);
  move_by<std::byte>(view, rows, count, field, to);
}

// While a tile of rows is moved, field by field, the lines of the next are on their way.
template <class Widest>
MLRT_INLINE void run_in(const RowView& view, const std::int64_t* rows, std::int64_t count, Fields fields) {
  const auto fitting = static_cast<std::int64_t>(kTileBytes / view.row_bytes);
  const std::int64_t tile_rows = std::clamp<std::int64_t>(fitting, 1, kMostTileRows);
  prefetch(view, rows, std::min(tile_rows, count));
  for (std::int64_t i = 0; i < count; i += tile_rows) {
    const std::int64_t end = std::min(i + tile_rows, count);
    prefetch(view, rows + end, std::min(tile_rows, count - end));
    for (const Field& field : fields)
      move_field<Widest>(view, rows + i, end - i, field, field.out + static_cast<std::size_t>(i) * field.bytes);
  }
}

// On one thread; every ordinal must be one of a row: see `require`.
using Run = void (*)(const RowView& view, const std::int64_t* rows, std::int64_t count, Fields fields);

namespace scalar {
inline void run(const RowView& view, const std::int64_t* rows, std::int64_t count, Fields fields) {
  run_in<Piece<16>>(view, rows, count, fields);
}
}  // namespace scalar

#if MLRT_X86
MLRT_REGION_AVX2
namespace avx2 {
inline void run(const RowView& view, const std::int64_t* rows, std::int64_t count, Fields fields) {
  run_in<Piece<32>>(view, rows, count, fields);
}
}  // namespace avx2
MLRT_REGION_END

namespace avx512 {
using avx2::run;  // stores of 64 bytes nearly always cross a line: 1.2 times as long on Zen 4
}  // namespace avx512
#endif

inline Run select(Isa isa) {
  return MLRT_SELECT(isa, run);
}

// Throws std::invalid_argument unless every ordinal is one of a row.
inline void require(const RowView& view, const std::int64_t* rows, std::int64_t count) {
  std::uint64_t most = 0;
  for (std::int64_t i = 0; i < count; ++i) most = std::max(most, static_cast<std::uint64_t>(rows[i]));
  if (count > 0 && most >= static_cast<std::uint64_t>(view.rows))
    throw std::invalid_argument(problem("gather", "ordinals of [0, " + std::to_string(view.rows) + ")",
                                        std::to_string(static_cast<std::int64_t>(most)), "take them from an order"));
}

// The whole operation, on all threads.
inline void run(const RowView& view, const std::int64_t* rows, std::int64_t count, Fields fields) {
  require(view, rows, count);
  const Run part = select(active_isa());
  const auto tasks = static_cast<std::size_t>((count + kTaskRows - 1) / kTaskRows);
  const std::size_t workers = worker_count(tasks);
  if (workers == 1) return part(view, rows, count, fields);
  parallel_for(tasks, workers, [&](std::size_t, std::size_t task) {
    const std::int64_t first = static_cast<std::int64_t>(task) * kTaskRows;
    std::vector<Field> its(fields.begin(), fields.end());
    for (Field& field : its) field.out += static_cast<std::size_t>(first) * field.bytes;
    part(view, rows + first, std::min(kTaskRows, count - first), its);
  });
}

}  // namespace mlrt::gather
