// arrow: a checked, zero-copy view of an Arrow stream. After `Table::import` every access below stays inside the
// producer's buffers, as far as the C data interface lets a consumer know (it does not tell the size of a buffer).
//
// Missing is decided here for layout reasons only (null); kernels add NaN and the empty string.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/arrow_abi.hpp"

namespace mlrt {

enum class Type : std::uint8_t {
  other,
  null,
  boolean,
  int8,
  int16,
  int32,
  int64,
  uint8,
  uint16,
  uint32,
  uint64,
  float16,
  float32,
  float64,
  utf8,
  list,  // of strings or integers
};

std::string_view name_of(Type type);

constexpr bool is_integer(Type type) {
  return type >= Type::int8 && type <= Type::uint64;
}
constexpr bool is_numeric(Type type) {
  return type >= Type::null && type <= Type::float64;
}

enum class Layout : std::uint8_t {
  none,
  bits,
  fixed,
  offsets32,
  offsets64,
  views,
  dictionary,
  lists32,
  lists64,
  lists_fixed
};

// What a schema says of one column.
struct Field {
  std::string name;
  std::string format;  // as the producer wrote it, for messages
  Type type = Type::other;
  Layout layout = Layout::none;
  Type index = Type::other;       // dictionary: the type of the indices
  Layout entries = Layout::none;  // dictionary: the layout of the entries
  std::int64_t list_size = 0;     // lists_fixed
  std::vector<Field> elements;    // lists: the one field of their elements
};

// Loads element i of an array that may be misaligned: Arrow recommends alignment and does not demand it.
template <class T>
T load(const void* values, std::int64_t i) {
  T value;
  std::memcpy(&value, static_cast<const char*>(values) + i * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
  return value;
}

inline bool bit(const std::uint8_t* bits, std::int64_t i) {
  return ((bits[i >> 3] >> (i & 7)) & 1) != 0;
}

// One column of one batch. Element i of the batch is element `offset + i` of every buffer.
struct Column {
  const Field* field = nullptr;
  Type type = Type::other;
  Layout layout = Layout::none;
  std::int64_t rows = 0;
  std::int64_t offset = 0;
  const std::uint8_t* validity = nullptr;      // null: no element is missing
  const void* values = nullptr;                // bits, numbers, string offsets, string views or dictionary indices
  const char* bytes = nullptr;                 // offsets32, offsets64: the characters
  const void* const* buffers = nullptr;        // views: the character buffers and,
  const std::int64_t* buffer_sizes = nullptr;  // in the producer's last buffer, their sizes
  std::shared_ptr<const Column> entries;       // dictionary
  std::shared_ptr<const Column> elements;      // lists: those of all rows, null rows included

  bool is_null(std::int64_t i) const { return validity != nullptr && !bit(validity, offset + i); }

  // Lists, i <= rows: where the elements of row i start, and those of row i - 1 end. Null rows may have some.
  std::int64_t first_element(std::int64_t i) const {
    if (layout == Layout::lists_fixed) return i * field->list_size;
    const auto at = [this](std::int64_t k) {
      return layout == Layout::lists32 ? std::int64_t{load<std::int32_t>(values, offset + k)}
                                       : load<std::int64_t>(values, offset + k);
    };
    return rows == 0 ? 0 : at(i) - at(0);
  }
};

struct Batch {
  std::int64_t rows = 0;
  std::vector<Column> columns;
  Released<ArrowArray> owner;
};

class Table {
 public:
  // Reads the stream to its end. Throws std::invalid_argument, naming the column, when the producer breaks the
  // specification or reports an error.
  static Table import(ArrowArrayStream& stream);

  std::int64_t rows() const { return rows_; }
  const std::vector<Batch>& batches() const { return batches_; }
  const std::vector<Field>& fields() const { return fields_; }

  // Throws std::invalid_argument outside [0, columns).
  const Field& field(std::int64_t column) const;

  // Throws std::invalid_argument, naming column and type, unless the column holds numbers (or only nulls).
  void require_numeric(std::int64_t column) const;

  // The same for keys: strings, integers and booleans.
  void require_keys(std::int64_t column) const;

 private:
  std::vector<Field> fields_;  // never resized after import: columns point into it
  std::vector<Batch> batches_;
  std::int64_t rows_ = 0;
};

}  // namespace mlrt
