// keys: the rows of a key column, one by one, whatever its layout.
//
// Input   an Arrow column of strings (any layout, dictionaries too), integers or booleans.
// Output  for each row a call with its key (text, int64, or position in the dictionary), or one that says it is
// missing:
//         null, or the empty string.
// Error   0. A uint64 above 2^63 - 1 is refused beforehand.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "core/errors.hpp"
#include "core/strings.hpp"

namespace mlrt::vocabulary {

constexpr std::int64_t kMissingId = 0;
constexpr std::int64_t kUnseenId = 2;

enum class Kind : std::uint8_t { empty, utf8, int64 };

inline Kind kind_of(Type type) {
  if (type == Type::null) return Kind::empty;
  return type == Type::utf8 ? Kind::utf8 : Kind::int64;
}

inline std::string_view name_of(Kind kind) {
  return kind == Kind::utf8 ? "utf8" : kind == Kind::int64 ? "int64" : "empty";
}

// Throws std::invalid_argument when a uint64 column holds a value that int64 cannot.
inline void require_int64(const Column& column) {
  if (column.type != Type::uint64) return;
  for (std::int64_t i = 0; i < column.rows; ++i) {
    if (column.is_null(i) || load<std::int64_t>(column.values, column.offset + i) >= 0) continue;
    throw std::invalid_argument(problem("column `" + column.field->name + "`", "integers up to 2^63 - 1",
                                        std::to_string(load<std::uint64_t>(column.values, column.offset + i)),
                                        "cast the column to strings"));
  }
}

// The same for a column of a table, or for the elements of its lists.
inline void require_int64(const Table& table, std::int64_t position) {
  for (const Batch& batch : table.batches()) {
    const Column& column = batch.columns[static_cast<std::size_t>(position)];
    require_int64(column.elements != nullptr ? *column.elements : column);
  }
}

inline void require_kind(const Field& field, Kind have, Kind got, const char* who) {
  if (have == got || have == Kind::empty || got == Kind::empty) return;
  throw std::invalid_argument(problem("column `" + field.name + "`",
                                      std::string(name_of(have)) + " keys, as the " + who + " has",
                                      std::string(name_of(got)), "cast the column"));
}

// Calls visit(i, key) for each present row of an integer or boolean column, absent(i) for the others.
template <class Visit, class Absent>
void for_each_integer(const Column& column, std::int64_t begin, std::int64_t n, Visit visit, Absent absent) {
  const auto loop = [&](auto key_at) {
    for (std::int64_t i = 0; i < n; ++i) {
      if (column.is_null(begin + i))
        absent(i);
      else
        visit(i, key_at(column.offset + begin + i));
    }
  };
  if (column.layout == Layout::none) {
    for (std::int64_t i = 0; i < n; ++i) absent(i);
  } else if (column.layout == Layout::bits) {
    loop([&](std::int64_t i) { return std::int64_t{bit(static_cast<const std::uint8_t*>(column.values), i)}; });
  } else {
    with_integer(column.type, [&](auto sample) {
      loop([&](std::int64_t i) { return static_cast<std::int64_t>(load<decltype(sample)>(column.values, i)); });
    });
  }
}

// Row i of a string column; a null has size 0. By arithmetic where the layout allows: nulls are hard to predict.
template <class Reader>
Text present_text(const Column& column, const Reader& reader, std::int64_t i) {
  if constexpr (Reader::kReadsNulls) {
    Text text = reader(i);
    text.size &= 0 - static_cast<std::uint32_t>(!column.is_null(i));
    return text;
  }
  return column.is_null(i) ? Text{nullptr, 0, 0} : reader(i);
}

// Calls visit(i, text) for each present, non-empty row of a string column, absent(i) for the others.
template <class Visit, class Absent>
void for_each_text(const Column& column, std::int64_t begin, std::int64_t n, Visit visit, Absent absent) {
  with_strings(column, [&](const auto& reader) {
    for (std::int64_t i = 0; i < n; ++i) {
      if (column.is_null(begin + i)) {
        absent(i);
        continue;
      }
      const Text text = reader(begin + i);
      if (text.size == 0)
        absent(i);
      else
        visit(i, text);
    }
  });
}

// Calls visit(i, entry) with the dictionary position of each present row, absent(i) for the others.
template <class Visit, class Absent>
void for_each_index(const Column& column, std::int64_t begin, std::int64_t n, Visit visit, Absent absent) {
  with_integer(column.field->index, [&](auto sample) {
    for (std::int64_t i = 0; i < n; ++i) {
      if (column.is_null(begin + i))
        absent(i);
      else
        visit(i, static_cast<std::int64_t>(load<decltype(sample)>(column.values, column.offset + begin + i)));
    }
  });
}

}  // namespace mlrt::vocabulary
