#include <algorithm>
#include <limits>

#include "core/arrow.hpp"
#include "core/errors.hpp"
#include "core/strings.hpp"

namespace mlrt {
namespace {

constexpr std::int64_t kMostElements = std::int64_t{1} << 48;  // keeps every byte offset within int64

[[noreturn]] void refuse(const std::string& where, const std::string& expected, const std::string& got) {
  throw std::invalid_argument(problem(where, expected, got, "the producer breaks the Arrow C data interface"));
}

std::string place(const Field& field) {
  return "column `" + field.name + "`";
}

void require(bool holds, const Field& field, const char* expected, const char* got) {
  if (!holds) refuse(place(field), expected, got);
}

Type fixed_type(std::string_view format) {
  if (format.substr(0, 4) == "tsu:") return Type::int64;  // microseconds since 1970
  if (format.size() != 1) return Type::other;
  switch (format[0]) {
    case 'c':
      return Type::int8;
    case 's':
      return Type::int16;
    case 'i':
      return Type::int32;
    case 'l':
      return Type::int64;
    case 'C':
      return Type::uint8;
    case 'S':
      return Type::uint16;
    case 'I':
      return Type::uint32;
    case 'L':
      return Type::uint64;
    case 'e':
      return Type::float16;
    case 'f':
      return Type::float32;
    case 'g':
      return Type::float64;
    default:
      return Type::other;
  }
}

Layout string_layout(std::string_view format) {
  if (format == "u") return Layout::offsets32;
  if (format == "U") return Layout::offsets64;
  if (format == "vu") return Layout::views;
  return Layout::none;
}

// The number in "+w:N", -1 for anything else.
std::int64_t fixed_list_size(std::string_view format) {
  if (format.substr(0, 3) != "+w:" || format.size() == 3 || format.size() > 13) return -1;
  std::int64_t size = 0;
  for (const char digit : format.substr(3)) {
    if (digit < '0' || digit > '9') return -1;
    size = 10 * size + (digit - '0');
  }
  return size <= std::numeric_limits<std::int32_t>::max() ? size : -1;
}

Layout list_layout(std::string_view format) {
  if (format == "+l") return Layout::lists32;
  if (format == "+L") return Layout::lists64;
  return fixed_list_size(format) >= 0 ? Layout::lists_fixed : Layout::none;
}

Field read_field(const ArrowSchema* schema, std::int64_t position);

// A list of strings, integers, booleans or nulls; lists of anything else stay Type::other.
void read_list_field(const ArrowSchema& schema, std::int64_t position, Layout layout, Field& field) {
  require(schema.n_children == 1 && schema.children != nullptr && schema.children[0] != nullptr, field,
          "a list with one field of elements", "another number, or a null pointer");
  const ArrowSchema& child = *schema.children[0];
  if (child.format == nullptr || child.format[0] == '+') return;  // nested further
  Field elements = read_field(&child, position);
  elements.name = field.name;
  if (elements.type != Type::utf8 && (elements.type < Type::null || elements.type > Type::uint64)) return;
  field.type = Type::list;
  field.layout = layout;
  field.list_size = std::max<std::int64_t>(0, fixed_list_size(field.format));
  field.elements.push_back(std::move(elements));
}

Field read_field(const ArrowSchema* schema, std::int64_t position) {
  Field field;
  field.name =
      schema != nullptr && schema->name != nullptr ? schema->name : std::string("#").append(std::to_string(position));
  require(schema != nullptr && schema->format != nullptr, field, "a schema with a format", "a null pointer");
  field.format = schema->format;
  if (schema->dictionary != nullptr) {
    const ArrowSchema& entries = *schema->dictionary;
    require(entries.format != nullptr, field, "a dictionary with a format", "a null pointer");
    field.index = fixed_type(field.format);
    field.entries = string_layout(entries.format);
    field.format = "dictionary of " + std::string(entries.format);
    if (!is_integer(field.index) || field.entries == Layout::none) return field;
    field.type = Type::utf8;
    field.layout = Layout::dictionary;
    return field;
  }
  field.layout = string_layout(field.format);
  if (field.layout != Layout::none) {
    field.type = Type::utf8;
  } else if (const Layout lists = list_layout(field.format); lists != Layout::none) {
    read_list_field(*schema, position, lists, field);
  } else if (field.format == "n") {
    field.type = Type::null;
  } else if (field.format == "b") {
    field.type = Type::boolean;
    field.layout = Layout::bits;
  } else {
    field.type = fixed_type(field.format);
    field.layout = field.type == Type::other ? Layout::none : Layout::fixed;
  }
  return field;
}

template <class Offset>
void check_offsets(const Column& column) {
  const Field& field = *column.field;
  Offset before = load<Offset>(column.values, column.offset);
  require(before >= 0, field, "string offsets from 0 on", "a negative one");
  bool falls = false;
  for (std::int64_t i = 1; i <= column.rows; ++i) {
    const Offset next = load<Offset>(column.values, column.offset + i);
    falls |= next < before || next - before > std::numeric_limits<std::int32_t>::max();
    before = next;
  }
  require(!falls, field, "string offsets that never fall, strings below 2 GiB", "others");
  require(before <= kMostElements, field, "string offsets below 2^48", "a larger one");
  require(column.bytes != nullptr || before == 0, field, "a buffer of characters", "a null pointer");
}

void check_views(const Column& column, std::int64_t buffer_count) {
  const Field& field = *column.field;
  for (std::int64_t b = 0; b < buffer_count; ++b)
    require(column.buffer_sizes[b] >= 0 && (column.buffers[b] != nullptr || column.buffer_sizes[b] == 0), field,
            "character buffers with sizes", "a null pointer or a negative size");
  for (std::int64_t i = 0; i < column.rows; ++i) {
    if (column.is_null(i)) continue;
    const char* const view = static_cast<const char*>(column.values) + (column.offset + i) * 16;
    const auto size = load<std::int32_t>(view, 0);
    require(size >= 0, field, "string views of size 0 or more", "a negative size");
    if (size <= static_cast<std::int32_t>(ViewStrings::kInline)) continue;
    const auto buffer = load<std::int32_t>(view, 2);
    const auto offset = load<std::int32_t>(view, 3);
    require(buffer >= 0 && buffer < buffer_count, field, "string views into known buffers", "an unknown buffer");
    require(offset >= 0 && offset <= column.buffer_sizes[buffer] - size, field, "string views inside their buffer",
            "one that ends behind it");
  }
}

void check_indices(const Column& column) {
  const auto entries = static_cast<std::uint64_t>(column.entries->rows);
  bool outside = false;
  with_integer(column.field->index, [&](auto sample) {
    using Index = decltype(sample);
    for (std::int64_t i = 0; i < column.rows; ++i) {
      // A negative index becomes a huge unsigned one.
      const auto index = static_cast<std::uint64_t>(load<Index>(column.values, column.offset + i));
      outside |= index >= entries && !column.is_null(i);
    }
  });
  require(!outside, *column.field, "dictionary indices below the dictionary's length", "one outside");
}

void check_extent(const ArrowArray& array, const Field& field) {
  require(array.length >= 0 && array.length <= kMostElements, field, "a length from 0 to 2^48", "another");
  require(array.offset >= 0 && array.offset <= kMostElements, field, "an offset from 0 to 2^48", "another");
  require(array.null_count >= -1 && array.null_count <= array.length, field, "a null count from -1 to the length",
          "another");
}

std::int64_t buffers_of(Layout layout) {
  switch (layout) {
    case Layout::offsets32:
    case Layout::offsets64:
    case Layout::views:
      return 3;
    case Layout::none:
      return 0;
    case Layout::lists_fixed:
      return 1;
    default:
      return 2;
  }
}

// Elements [skip, skip + rows) of `array`, which has the given layout. Buffers of an empty column are never read.
Column read_column(const ArrowArray& array, const Field& field, Type type, Layout layout, std::int64_t skip,
                   std::int64_t rows) {
  check_extent(array, field);
  require(array.length - skip >= rows, field, "as many elements as the batch has rows", "fewer");
  Column column;
  column.field = &field;
  column.type = type;
  column.layout = layout;
  column.rows = rows;
  column.offset = array.offset + skip;
  if (layout == Layout::none || rows == 0) return column;
  const bool is_views = layout == Layout::views;
  require(is_views ? array.n_buffers >= 3 : array.n_buffers == buffers_of(layout), field, "the buffers of its type",
          "another number of them");
  require(array.buffers != nullptr, field, "buffers", "a null pointer");
  if (layout != Layout::lists_fixed) {
    require(array.buffers[1] != nullptr, field, "a buffer of values", "a null pointer");
    column.values = array.buffers[1];
  }
  if (array.null_count != 0) column.validity = static_cast<const std::uint8_t*>(array.buffers[0]);
  require(array.null_count <= 0 || column.validity != nullptr, field, "a validity bitmap", "a null pointer");
  if (is_views) {
    const std::int64_t buffer_count = array.n_buffers - 3;
    column.buffers = array.buffers + 2;
    column.buffer_sizes = static_cast<const std::int64_t*>(array.buffers[array.n_buffers - 1]);
    require(column.buffer_sizes != nullptr || buffer_count == 0, field, "the sizes of its buffers", "a null pointer");
    check_views(column, buffer_count);
  } else if (layout == Layout::offsets32) {
    column.bytes = static_cast<const char*>(array.buffers[2]);
    check_offsets<std::int32_t>(column);
  } else if (layout == Layout::offsets64) {
    column.bytes = static_cast<const char*>(array.buffers[2]);
    check_offsets<std::int64_t>(column);
  }
  return column;
}

// Where the elements of the list column start in its child, and how many there are.
template <class Offset>
std::pair<std::int64_t, std::int64_t> list_extent(const Column& column) {
  const auto first = load<Offset>(column.values, column.offset);
  Offset before = first;
  bool falls = first < 0;
  for (std::int64_t i = 1; i <= column.rows; ++i) {
    const Offset next = load<Offset>(column.values, column.offset + i);
    falls |= next < before;
    before = next;
  }
  require(!falls, *column.field, "list offsets from 0 on that never fall", "others");
  require(before <= kMostElements, *column.field, "list offsets below 2^48", "a larger one");
  return {first, before - first};
}

std::pair<std::int64_t, std::int64_t> fixed_extent(const Column& column) {
  const std::int64_t size = column.field->list_size;
  require(column.offset + column.rows <= kMostElements / std::max<std::int64_t>(1, size), *column.field,
          "at most 2^48 elements", "more");
  return {column.offset * size, column.rows * size};
}

Column read_child(const ArrowArray& array, const Field& field, std::int64_t skip, std::int64_t rows);

void read_elements(const ArrowArray& array, Column& column) {
  const Field& field = *column.field;
  require(array.n_children == 1 && array.children != nullptr && array.children[0] != nullptr, field,
          "a list with one array of elements", "another number, or a null pointer");
  if (column.rows == 0) return;
  const auto [first, count] = column.layout == Layout::lists32   ? list_extent<std::int32_t>(column)
                              : column.layout == Layout::lists64 ? list_extent<std::int64_t>(column)
                                                                 : fixed_extent(column);
  column.elements = std::make_shared<const Column>(read_child(*array.children[0], field.elements[0], first, count));
}

Column read_child(const ArrowArray& array, const Field& field, std::int64_t skip, std::int64_t rows) {
  Column column = read_column(array, field, field.type, field.layout, skip, rows);
  if (field.type == Type::list) read_elements(array, column);
  if (field.layout != Layout::dictionary) return column;
  require(array.dictionary != nullptr, field, "a dictionary", "a null pointer");
  const ArrowArray& entries = *array.dictionary;
  column.entries =
      std::make_shared<const Column>(read_column(entries, field, Type::utf8, field.entries, 0, entries.length));
  check_indices(column);
  return column;
}

void check_batch(const ArrowArray& array, const std::vector<Field>& fields) {
  static const Field rows_field{.name = "(rows)", .format = "+s", .elements = {}};
  check_extent(array, rows_field);
  if (array.n_children != static_cast<std::int64_t>(fields.size()))
    refuse("Arrow batch", std::to_string(fields.size()) + " columns", std::to_string(array.n_children));
  require(fields.empty() || array.children != nullptr, rows_field, "columns", "a null pointer");
}

// After the columns were found to be as long as the batch claims: until then its length is not to be trusted.
void check_rows_present(const ArrowArray& array) {
  if (array.null_count == 0 || array.n_buffers < 1 || array.buffers == nullptr || array.buffers[0] == nullptr) return;
  const auto* const validity = static_cast<const std::uint8_t*>(array.buffers[0]);
  for (std::int64_t i = 0; i < array.length; ++i)
    if (!bit(validity, array.offset + i)) refuse("Arrow batch", "rows that are all present", "a null row");
}

Batch read_batch(Released<ArrowArray> array, const std::vector<Field>& fields) {
  check_batch(array.abi, fields);
  Batch batch;
  batch.owner = std::move(array);
  const ArrowArray& root = batch.owner.abi;
  batch.rows = root.length;
  batch.columns.reserve(fields.size());
  for (std::size_t c = 0; c < fields.size(); ++c) {
    const ArrowArray* const child = root.children[c];
    require(child != nullptr, fields[c], "an array", "a null pointer");
    batch.columns.push_back(read_child(*child, fields[c], root.offset, batch.rows));
  }
  check_rows_present(root);
  return batch;
}

void check_status(int status, ArrowArrayStream& stream, const char* step) {
  if (status == 0) return;
  const char* const reason = stream.get_last_error != nullptr ? stream.get_last_error(&stream) : nullptr;
  throw std::invalid_argument(
      problem("Arrow stream", step, "error " + std::to_string(status) + ": " + (reason != nullptr ? reason : "unknown"),
              "mend the producer"));
}

std::vector<Field> read_fields(ArrowArrayStream& stream) {
  Released<ArrowSchema> schema;
  check_status(stream.get_schema(&stream, &schema.abi), stream, "a schema");
  const ArrowSchema& root = schema.abi;
  if (root.release == nullptr || root.format == nullptr || std::string_view(root.format) != "+s")
    throw std::invalid_argument(
        problem("Arrow stream", "a table (a struct of columns)",
                root.format != nullptr ? "format '" + std::string(root.format) + "'" : "nothing",
                "pass a table or a record batch, not a single column"));
  if (root.n_children < 0 || (root.n_children > 0 && root.children == nullptr))
    refuse("Arrow schema", "columns", "a negative number or a null pointer");
  std::vector<Field> fields;
  fields.reserve(static_cast<std::size_t>(root.n_children));
  for (std::int64_t c = 0; c < root.n_children; ++c) fields.push_back(read_field(root.children[c], c));
  return fields;
}

}  // namespace

std::string_view name_of(Type type) {
  static constexpr std::string_view kNames[] = {"other",   "null",    "bool",   "int8",   "int16",  "int32",
                                                "int64",   "uint8",   "uint16", "uint32", "uint64", "float16",
                                                "float32", "float64", "utf8",   "list"};
  return kNames[static_cast<std::size_t>(type)];
}

Table Table::import(ArrowArrayStream& stream) {
  Table table;
  table.fields_ = read_fields(stream);
  while (true) {
    Released<ArrowArray> array;
    check_status(stream.get_next(&stream, &array.abi), stream, "a batch");
    if (array.abi.release == nullptr) return table;
    table.batches_.push_back(read_batch(std::move(array), table.fields_));
    table.rows_ += table.batches_.back().rows;
  }
}

const Field& Table::field(std::int64_t column) const {
  const auto columns = static_cast<std::int64_t>(fields_.size());
  if (column < 0 || column >= columns)
    throw std::invalid_argument(problem("column " + std::to_string(column),
                                        "a position below " + std::to_string(columns), std::to_string(column),
                                        "look it up in `names`"));
  return fields_[static_cast<std::size_t>(column)];
}

void Table::require_numeric(std::int64_t column) const {
  const Field& found = field(column);
  if (is_numeric(found.type)) return;
  throw std::invalid_argument(
      problem(place(found), "a column of numbers", "Arrow format '" + found.format + "'", "cast it, or leave it out"));
}

void Table::require_keys(std::int64_t column) const {
  const Field& found = field(column);
  if (found.type == Type::utf8 || (found.type >= Type::null && found.type <= Type::uint64)) return;
  throw std::invalid_argument(problem(place(found), "a column of strings or integers",
                                      "Arrow format '" + found.format + "'", "cast it, or leave it out"));
}

}  // namespace mlrt
