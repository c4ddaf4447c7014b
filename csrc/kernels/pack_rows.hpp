// pack_rows: fields, each a matrix of its own, as the records of a row store.
//
// Input   fields that do not overlap: row i of a field is its `bytes` bytes at data + i * bytes.
// Output  record i holds row i of each field at its `offset`; its bytes of no field become 0.
// Error   0: bytes are moved. Cost: each byte read once and written once, past the caches where the output is large.
// Levels  one: moves are bound by memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/isa.hpp"
#include "core/stream.hpp"
#include "core/threads.hpp"

namespace mlrt::pack_rows {

struct Field {
  const std::byte* data;
  std::size_t bytes;
  std::size_t offset;
};

template <class Word>
MLRT_INLINE void move_word(std::byte* to, const std::byte* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  std::memcpy(to, &word, sizeof word);
}

// n >= sizeof(Word) bytes by words, of which the last overlaps the one before.
template <class Word>
MLRT_INLINE void move_words(std::byte* to, const std::byte* from, std::size_t n) {
  for (std::size_t i = 0; i + sizeof(Word) <= n; i += sizeof(Word)) move_word<Word>(to + i, from + i);
  move_word<Word>(to + n - sizeof(Word), from + n - sizeof(Word));
}

template <class Word>
MLRT_INLINE void move_field(const Field& field, std::int64_t begin, std::int64_t rows, std::size_t row_bytes,
                            std::byte* to) {
  const std::byte* from = field.data + static_cast<std::size_t>(begin) * field.bytes;
  for (std::int64_t i = 0; i < rows; ++i, from += field.bytes, to += row_bytes) move_words<Word>(to, from, field.bytes);
}

using Wide = char __attribute__((vector_size(16)));  // 32 bytes are as fast, and 64 slower, for they cross lines

// Rows [begin, begin + rows) of the fields into the records at `to`, whose other bytes are 0 already.
inline void move_rows(const std::vector<Field>& fields, std::int64_t begin, std::int64_t rows, std::size_t row_bytes,
                      std::byte* to) {
  for (const Field& field : fields) {
    std::byte* const target = to + field.offset;
    if (field.bytes >= sizeof(Wide))
      move_field<Wide>(field, begin, rows, row_bytes, target);
    else if (field.bytes >= 8)
      move_field<std::uint64_t>(field, begin, rows, row_bytes, target);
    else if (field.bytes >= 4)
      move_field<std::uint32_t>(field, begin, rows, row_bytes, target);
    else
      move_field<std::uint8_t>(field, begin, rows, row_bytes, target);
  }
}

constexpr std::size_t kTileBytes = std::size_t{8} << 10;  // beside what is read, in the L1 cache
constexpr std::int64_t kTaskRows = 1 << 13;

inline std::byte* at(std::byte* rows, std::int64_t row, std::size_t row_bytes) {
  return rows + static_cast<std::size_t>(row) * row_bytes;
}

// Rows [begin, end), into memory that will be read soon.
inline void run_near(const std::vector<Field>& fields, std::int64_t begin, std::int64_t end, std::size_t row_bytes,
                     std::byte* to) {
  std::size_t filled = 0;
  for (const Field& field : fields) filled += field.bytes;
  std::byte* const first = at(to, begin, row_bytes);
  if (filled < row_bytes) std::memset(first, 0, static_cast<std::size_t>(end - begin) * row_bytes);
  move_rows(fields, begin, end - begin, row_bytes, first);
}

// The same a tile at a time, each sent past the caches.
inline void run_far(const std::vector<Field>& fields, std::int64_t begin, std::int64_t end, std::size_t row_bytes,
                    std::byte* to) {
  alignas(kCacheLine) std::byte tile[kTileBytes] = {};
  const auto tile_rows = static_cast<std::int64_t>(kTileBytes / row_bytes / 8 * 8);  // whole lines
  for (std::int64_t row = begin; row < end; row += tile_rows) {
    const std::int64_t rows = std::min(tile_rows, end - row);
    move_rows(fields, row, rows, row_bytes, tile);
    stream_copy(at(to, row, row_bytes), tile, static_cast<std::size_t>(rows) * row_bytes);
  }
  stream_end();
}

// The whole operation, on all threads: rows [0, rows) into the records at `to`.
inline void run(const std::vector<Field>& fields, std::int64_t rows, std::size_t row_bytes, std::byte* to) {
  const bool is_far = static_cast<std::size_t>(rows) * row_bytes >= kStreamBytes && row_bytes <= kTileBytes / 8;
  const auto tasks = static_cast<std::size_t>((rows + kTaskRows - 1) / kTaskRows);
  parallel_for(tasks, worker_count(tasks), [&](std::size_t, std::size_t task) {
    const std::int64_t begin = static_cast<std::int64_t>(task) * kTaskRows;
    (is_far ? run_far : run_near)(fields, begin, std::min(begin + kTaskRows, rows), row_bytes, to);
  });
}

}  // namespace mlrt::pack_rows
