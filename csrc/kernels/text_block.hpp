// text_block: the strings of a tile of rows, as lookups and hashes read them: where each starts, and how long it is.
//
// Input   rows [begin, begin + n) of a string column of any layout, dictionaries too, n <= kTileRows.
// Output  a TextBlock; a missing string has size 0.
// Error   0. Cost: 0.1 to 0.5 ns a row of a column with offsets; views and entries of dictionaries one by one.
// Levels  one body for offsets: each level vectorises it for itself.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/isa.hpp"
#include "kernels/keys.hpp"
#include "kernels/present.hpp"

namespace mlrt::encoders {

constexpr std::int64_t kTileRows = 256;

// Strings of each of which kReadable bytes may be read.
struct TextBlock {
  static constexpr std::int64_t kReadable = 32;

  Text operator[](std::int64_t i) const { return {starts[i], sizes[i], kReadable}; }

  // A string near the end of its buffer is copied.
  MLRT_INLINE void set(std::int64_t i, const Text& text) {
    starts[i] = text.data;
    sizes[i] = text.size;
    if (text.readable >= kReadable) return;
    if (text.size > 0) std::memcpy(copies[i], text.data, text.size);
    starts[i] = copies[i];
  }

  // Moves n strings, at ascending positions, to the front.
  void keep(const std::int64_t* positions, std::int64_t n) {
    for (std::int64_t k = 0; k < n; ++k) {
      starts[k] = starts[positions[k]];
      sizes[k] = sizes[positions[k]];
    }
  }

  alignas(64) const char* starts[kTileRows];
  alignas(64) std::uint32_t sizes[kTileRows];
  char copies[kTileRows][kReadable];
};

template <class Offset>
MLRT_INLINE void read_offsets(const Column& column, std::int64_t begin, std::int64_t n, TextBlock& block) {
  const char* const bytes = column.bytes;
  const void* const offsets = column.values;
  const std::int64_t first = column.offset + begin;
  for (std::int64_t i = 0; i < n; ++i) {
    const Offset start = load<Offset>(offsets, first + i), end = load<Offset>(offsets, first + i + 1);
    block.starts[i] = bytes + start;
    block.sizes[i] = static_cast<std::uint32_t>(end - start);
  }
}

namespace scalar {
template <class Offset>
void offsets(const Column& column, std::int64_t begin, std::int64_t n, TextBlock& block) {
  read_offsets<Offset>(column, begin, n, block);
}
}  // namespace scalar

#if MLRT_X86
MLRT_REGION_AVX2
namespace avx2 {
template <class Offset>
void offsets(const Column& column, std::int64_t begin, std::int64_t n, TextBlock& block) {
  read_offsets<Offset>(column, begin, n, block);
}
}  // namespace avx2
MLRT_REGION_END

MLRT_REGION_AVX512
namespace avx512 {
template <class Offset>
void offsets(const Column& column, std::int64_t begin, std::int64_t n, TextBlock& block) {
  read_offsets<Offset>(column, begin, n, block);
}
}  // namespace avx512
MLRT_REGION_END
#endif

template <class Offset>
void gather_offsets(Isa isa, const Column& column, std::int64_t begin, std::int64_t n, TextBlock& block) {
  MLRT_SELECT(isa, offsets<Offset>)(column, begin, n, block);
  if (column.validity != nullptr)
    present::select<std::uint32_t>(isa)(column.validity, column.offset + begin, n, block.sizes);
  const OffsetStrings<Offset> reader(column);
  for (std::int64_t i = n; i > 0;) {  // strings near the end of the buffer are the last ones
    Text text = reader(begin + --i);
    if (text.readable >= TextBlock::kReadable) return;
    text.size = block.sizes[i];
    block.set(i, text);
  }
}

inline void gather_views(const Column& column, std::int64_t begin, std::int64_t n, TextBlock& block) {
  const ViewStrings reader(column);
  for (std::int64_t i = 0; i < n; ++i) block.set(i, vocabulary::present_text(column, reader, begin + i));
}

inline void gather_dictionary(const Column& column, std::int64_t begin, std::int64_t n, TextBlock& block) {
  const Column& entries = *column.entries;
  if (entries.rows == 0) {  // then every row is null
    for (std::int64_t i = 0; i < n; ++i) block.set(i, {nullptr, 0, 0});
    return;
  }
  with_strings(entries, [&](const auto& reader) {
    with_integer(column.field->index, [&](auto sample) {
      for (std::int64_t i = 0; i < n; ++i) {
        const auto entry = static_cast<std::int64_t>(load<decltype(sample)>(column.values, column.offset + begin + i));
        block.set(i,
                  column.is_null(begin + i) ? Text{nullptr, 0, 0} : vocabulary::present_text(entries, reader, entry));
      }
    });
  });
}

inline void gather_texts(Isa isa, const Column& column, std::int64_t begin, std::int64_t n, TextBlock& block) {
  if (n == 0) return;  // the column's buffers may be null
  if (column.layout == Layout::dictionary) return gather_dictionary(column, begin, n, block);
  if (column.layout == Layout::offsets32) return gather_offsets<std::int32_t>(isa, column, begin, n, block);
  if (column.layout == Layout::offsets64) return gather_offsets<std::int64_t>(isa, column, begin, n, block);
  gather_views(column, begin, n, block);
}

}  // namespace mlrt::encoders
