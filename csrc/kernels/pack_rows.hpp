// pack_rows: fields, each a matrix of its own, as the records of a row store.
//
// Input   fields that do not overlap: row i of a field is its `bytes` bytes at data + i * bytes.
// Output  record i holds row i of each field at its `offset`; its bytes of no field become 0.
// Error   0: bytes are moved. Cost: each byte read once and written once, past the caches where the output is large.
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

// Rows [begin, begin + rows) of the fields into the records at `to`, whose other bytes are 0 already.
using Fn = void (*)(const std::vector<Field>& fields, std::int64_t begin, std::int64_t rows, std::size_t row_bytes,
                    std::byte* to);

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

template <class Wide>
MLRT_INLINE void move_all(const std::vector<Field>& fields, std::int64_t begin, std::int64_t rows,
                          std::size_t row_bytes, std::byte* to) {
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

template <std::size_t bytes>
using Lanes = char __attribute__((vector_size(bytes)));

namespace scalar {
inline void run(const std::vector<Field>& fields, std::int64_t begin, std::int64_t rows, std::size_t row_bytes,
                std::byte* to) {
  move_all<Lanes<16>>(fields, begin, rows, row_bytes, to);
}
}  // namespace scalar

#if MLRT_X86
MLRT_REGION_AVX2
namespace avx2 {
inline void run(const std::vector<Field>& fields, std::int64_t begin, std::int64_t rows, std::size_t row_bytes,
                std::byte* to) {
  move_all<Lanes<32>>(fields, begin, rows, row_bytes, to);
}
}  // namespace avx2
MLRT_REGION_END

MLRT_REGION_AVX512
namespace avx512 {
inline void run(const std::vector<Field>& fields, std::int64_t begin, std::int64_t rows, std::size_t row_bytes,
                std::byte* to) {
  move_all<Lanes<64>>(fields, begin, rows, row_bytes, to);
}
}  // namespace avx512
MLRT_REGION_END
#endif

inline Fn select(Isa isa) {
  return MLRT_SELECT(isa, run);
}

constexpr std::size_t kTileBytes = std::size_t{16}
                                   << 10;  // half of an L1 cache: filled there, then sent past the others
constexpr std::int64_t kTaskRows = 1 << 13;

// The whole operation, on all threads: rows [0, rows) into the records at `to`.
inline void run(Fn fn, const std::vector<Field>& fields, std::int64_t rows, std::size_t row_bytes, std::byte* to) {
  const bool past_caches = static_cast<std::size_t>(rows) * row_bytes >= kStreamBytes && row_bytes <= kTileBytes / 8;
  const std::size_t tile_rows = past_caches ? kTileBytes / row_bytes / 8 * 8 : 0;
  const auto tasks = static_cast<std::size_t>((rows + kTaskRows - 1) / kTaskRows);
  parallel_for(tasks, worker_count(tasks), [&](std::size_t, std::size_t task) {
    const std::int64_t begin = static_cast<std::int64_t>(task) * kTaskRows;
    const std::int64_t end = std::min(begin + kTaskRows, rows);
    if (!past_caches) {
      std::memset(to + static_cast<std::size_t>(begin) * row_bytes, 0,
                  static_cast<std::size_t>(end - begin) * row_bytes);
      return fn(fields, begin, end - begin, row_bytes, to + static_cast<std::size_t>(begin) * row_bytes);
    }
    alignas(kCacheLine) std::byte tile[kTileBytes] = {};
    for (std::int64_t i = begin; i < end; i += static_cast<std::int64_t>(tile_rows)) {
      const std::int64_t n = std::min(static_cast<std::int64_t>(tile_rows), end - i);
      fn(fields, i, n, row_bytes, tile);
      stream_copy(to + static_cast<std::size_t>(i) * row_bytes, tile, static_cast<std::size_t>(n) * row_bytes);
    }
    stream_end();
  });
}

}  // namespace mlrt::pack_rows
