// key_block: the keys of a tile of rows, as lookups and hashes read them.
//
// Input   rows [begin, begin + n) of a key column, n <= kTileRows; strings of any layout, dictionaries too.
// Output  a TextBlock, or int64 keys. KeyIds is what makes ids of either.
// Error   0. Cost: one pass without branches that depend on the values, but for views and dictionaries with nulls.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/isa.hpp"
#include "kernels/keys.hpp"

namespace mlrt::encoders {

using vocabulary::kMissingId;

constexpr std::int64_t kTileRows = 256;

// n texts, of each of which kReadable bytes may be read; a missing one has size 0.
struct TextBlock {
  static constexpr std::int64_t kReadable = 32;

  // A text near the end of its buffer is copied.
  MLRT_INLINE void set(std::int64_t i, Text text) {
    if (text.readable < kReadable) {
      if (text.size > 0) std::memcpy(copies[i], text.data, text.size);
      text.data = copies[i];
    }
    texts[i] = text;
  }

  Text texts[kTileRows];
  char copies[kTileRows][kReadable];
};

// How keys become ids: by a vocabulary, or by their hash. Missing texts get kMissingId; of integers the caller knows.
class KeyIds {
 public:
  virtual ~KeyIds() = default;
  virtual void of_texts(Isa isa, const TextBlock& block, std::int64_t n, std::int64_t* ids) const = 0;
  virtual void of_integers(Isa isa, const std::int64_t* keys, std::int64_t n, std::int64_t* ids) const = 0;

  // Throws std::invalid_argument when a column of this kind has no ids.
  virtual void check(const Field& field, vocabulary::Kind kind) const = 0;

  virtual std::int64_t largest() const = 0;
};

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

inline void gather_texts(const Column& column, std::int64_t begin, std::int64_t n, TextBlock& block) {
  if (column.layout == Layout::dictionary) return gather_dictionary(column, begin, n, block);
  with_strings(column, [&](const auto& reader) {
    for (std::int64_t i = 0; i < n; ++i) block.set(i, vocabulary::present_text(column, reader, begin + i));
  });
}

// The keys of an integer or boolean column; those of missing rows are any. Not inlined, or g++ 12 warns at the callers
// that the keys may be uninitialised, which they are for n = 0.
[[gnu::noinline]] inline void gather_integers(const Column& column, std::int64_t begin, std::int64_t n,
                                              std::int64_t* keys) {
  const std::int64_t first = column.offset + begin;
  if (column.layout == Layout::none) {
    for (std::int64_t i = 0; i < n; ++i) keys[i] = 0;
  } else if (column.layout == Layout::bits) {
    const auto* const bits = static_cast<const std::uint8_t*>(column.values);
    for (std::int64_t i = 0; i < n; ++i) keys[i] = bit(bits, first + i);
  } else {
    with_integer(column.type, [&](auto sample) {
      for (std::int64_t i = 0; i < n; ++i)
        keys[i] = static_cast<std::int64_t>(load<decltype(sample)>(column.values, first + i));
    });
  }
}

// Sets what belongs to a missing row to 0, by arithmetic: nulls are hard to predict.
template <class T>
void clear_missing(const Column& column, std::int64_t begin, std::int64_t n, T* values) {
  if (column.layout == Layout::none) {
    for (std::int64_t i = 0; i < n; ++i) values[i] = 0;
  } else if (column.validity != nullptr) {
    for (std::int64_t i = 0; i < n; ++i) values[i] &= T{0} - static_cast<T>(!column.is_null(begin + i));
  }
}

// The ids of the rows of a column that is no dictionary, or whose rows are looked up one by one.
inline void ids_of_rows(Isa isa, const KeyIds& keys, const Column& column, std::int64_t begin, std::int64_t n,
                        std::int64_t* ids) {
  if (column.type == Type::utf8) {
    TextBlock block;
    gather_texts(column, begin, n, block);
    return keys.of_texts(isa, block, n, ids);
  }
  std::int64_t values[kTileRows];
  gather_integers(column, begin, n, values);
  keys.of_integers(isa, values, n, ids);
  clear_missing(column, begin, n, ids);
}

}  // namespace mlrt::encoders
