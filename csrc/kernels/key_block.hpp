// key_block: the keys of a tile of rows, and what makes ids of them.
//
// Input   rows [begin, begin + n) of a key column, n <= kTileRows; strings of any layout, dictionaries too.
// Output  a TextBlock (text_block.hpp) or int64 keys, and by KeyIds the ids of either.
// Error   0. Cost: one pass without branches that depend on the values, but for views and dictionaries with nulls.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/isa.hpp"
#include "kernels/keys.hpp"
#include "kernels/present.hpp"
#include "kernels/text_block.hpp"

namespace mlrt::encoders {

using vocabulary::kMissingId;

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

// The keys of an integer or boolean column; those of missing rows are any. Not inlined, or g++ 12 warns at the callers
// that the keys may be uninitialised, which they are for n = 0.
[[gnu::noinline]] inline void gather_integers(const Column& column, std::int64_t begin, std::int64_t n,
                                              std::int64_t* keys) {
  const std::int64_t first = column.offset + begin;
  if (column.layout == Layout::none) {
    std::fill_n(keys, n, 0);
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

// Sets what belongs to a missing row to 0.
template <class T>
void clear_missing(Isa isa, const Column& column, std::int64_t begin, std::int64_t n, T* values) {
  if (column.layout == Layout::none)
    std::fill_n(values, n, T{0});
  else if (column.validity != nullptr)
    present::select<T>(isa)(column.validity, column.offset + begin, n, values);
}

// The ids of the rows of a column that is no dictionary, or whose rows are looked up one by one.
inline void ids_of_rows(Isa isa, const KeyIds& keys, const Column& column, std::int64_t begin, std::int64_t n,
                        std::int64_t* ids) {
  if (column.type == Type::utf8) {
    TextBlock block;
    gather_texts(isa, column, begin, n, block);
    return keys.of_texts(isa, block, n, ids);
  }
  std::int64_t values[kTileRows];
  gather_integers(column, begin, n, values);
  keys.of_integers(isa, values, n, ids);
  clear_missing(isa, column, begin, n, ids);
}

}  // namespace mlrt::encoders
