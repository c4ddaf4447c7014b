// arrow_producer: an Arrow stream made of fuzz bytes.
//
// The C data interface does not tell a consumer how large a buffer is, so a producer that lies about that cannot be
// found out. This one lies about everything else: formats, lengths, offsets, null counts, numbers of buffers and
// children, null pointers, string offsets, views, dictionary indices, list offsets. Every buffer is an allocation of
// exactly the size that the specification demands for what the array claims, so AddressSanitizer sees each byte read
// beyond it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bytes.hpp"
#include "core/arrow_abi.hpp"

namespace mlrt::fuzz {

// A buffer of its own heap block, as large as asked and no larger.
using Buffer = std::unique_ptr<std::uint8_t[]>;

// Owns one array or schema with all it points to.
struct Node {
  ArrowSchema schema{};
  ArrowArray array{};
  std::string format, name;
  std::vector<Buffer> owned;
  std::vector<const void*> buffers;
  std::vector<std::unique_ptr<Node>> children;
  std::vector<ArrowSchema*> child_schemas;
  std::vector<ArrowArray*> child_arrays;
  std::unique_ptr<Node> dictionary;
};

constexpr std::int64_t kMostRows = 40;

// What lies between a claim and the truth: most often nothing.
inline std::int64_t distort(Bytes& bytes, std::int64_t truth) {
  static constexpr std::array<std::int64_t, 6> kOdd = {-1,
                                                       0,
                                                       1,
                                                       std::numeric_limits<std::int64_t>::max(),
                                                       std::numeric_limits<std::int64_t>::min(),
                                                       std::int64_t{1} << 48};
  return bytes.rarely(32) ? kOdd[static_cast<std::size_t>(bytes.number(kOdd.size()))] : truth;
}

inline std::uint8_t* add_buffer(Node& node, Bytes& bytes, std::size_t size, bool random) {
  node.owned.push_back(Buffer(new std::uint8_t[size]()));  // one block; not even a byte to spare
  std::uint8_t* const data = node.owned.back().get();
  for (std::size_t i = 0; random && i < size; ++i) data[i] = bytes.byte();
  node.buffers.push_back(bytes.rarely(64) ? nullptr : data);
  return data;
}

// Offsets of `count` elements, mostly rising, by 255 at most. Returns the largest.
template <class Offset>
std::int64_t add_offsets(Node& node, Bytes& bytes, std::int64_t count) {
  auto* const data = add_buffer(node, bytes, (static_cast<std::size_t>(count) + 1) * sizeof(Offset), false);
  std::int64_t largest = 0, at = 0;
  for (std::int64_t i = 0; i <= count; ++i) {
    const std::int64_t size = bytes.rarely(16) ? bytes.byte() : bytes.number(4);
    at = bytes.rarely(64) ? static_cast<std::int8_t>(bytes.byte()) : at + size;
    const auto offset = static_cast<Offset>(at);
    std::memcpy(data + static_cast<std::size_t>(i) * sizeof(Offset), &offset, sizeof offset);
    largest = std::max(largest, at);
  }
  return largest;
}

inline void add_views(Node& node, Bytes& bytes, std::int64_t count) {
  std::uint8_t* const views = add_buffer(node, bytes, static_cast<std::size_t>(count) * 16, false);
  for (std::int64_t i = 0; i < count; ++i) {
    std::array<std::int32_t, 4> view{};
    view[0] = bytes.rarely(8) ? bytes.byte() : static_cast<std::int8_t>(bytes.byte()) % 32;
    view[1] = bytes.byte();
    view[2] = static_cast<std::int8_t>(bytes.byte()) % 4;
    view[3] = static_cast<std::int8_t>(bytes.byte());
    std::memcpy(views + i * 16, view.data(), sizeof view);
  }
  const std::int64_t blocks = bytes.number(3);
  std::vector<std::int64_t> sizes;
  for (std::int64_t b = 0; b < blocks; ++b) {
    sizes.push_back(bytes.byte());
    add_buffer(node, bytes, static_cast<std::size_t>(sizes.back()), true);
  }
  std::uint8_t* const stored = add_buffer(node, bytes, sizes.size() * sizeof(std::int64_t), false);
  for (std::size_t b = 0; b < sizes.size(); ++b) {
    const std::int64_t size = bytes.rarely(32) ? -1 : sizes[b];
    std::memcpy(stored + b * sizeof size, &size, sizeof size);
  }
}

inline std::size_t bytes_of(std::string_view format, std::int64_t count) {
  const auto elements = static_cast<std::size_t>(count);
  if (format == "b") return (elements + 7) / 8;
  const std::string_view narrow = "cC", half = "sSe", word = "iIf";
  if (narrow.find(format[0]) != narrow.npos) return elements;
  if (half.find(format[0]) != half.npos) return elements * 2;
  if (word.find(format[0]) != word.npos) return elements * 4;
  return elements * 8;
}

// A column's schema: a known format, now and then an unknown one, with children and dictionaries as it needs them.
inline std::unique_ptr<Node> make_schema(Bytes& bytes, int depth) {
  static constexpr std::array<const char*, 28> kFormats = {
      "n", "b",  "c",    "C",       "s",   "S",     "i", "I",  "l",  "L",    "e",     "f",    "g",  "u",
      "U", "vu", "tsu:", "tsu:UTC", "tdD", "d:9,2", "z", "+l", "+L", "+w:3", "+w:-1", "+w:x", "+s", ""};
  auto node = std::make_unique<Node>();
  node->format = kFormats[static_cast<std::size_t>(bytes.number(kFormats.size()))];
  node->name = std::string(static_cast<std::size_t>(bytes.number(3)), 'x');
  const bool nests = node->format.substr(0, 1) == "+";
  const std::int64_t children = nests && depth < 3 ? distort(bytes, 1) == 1 ? 1 : bytes.number(3) : 0;
  for (std::int64_t c = 0; c < children; ++c) node->children.push_back(make_schema(bytes, depth + 1));
  if (depth < 3 && bytes.rarely(5)) node->dictionary = make_schema(bytes, depth + 1);
  for (const auto& child : node->children) node->child_schemas.push_back(&child->schema);
  if (bytes.rarely(64) && !node->child_schemas.empty()) node->child_schemas[0] = nullptr;
  node->schema.format = bytes.rarely(128) ? nullptr : node->format.c_str();
  node->schema.name = bytes.rarely(16) ? nullptr : node->name.c_str();
  node->schema.n_children = static_cast<std::int64_t>(node->child_schemas.size());
  node->schema.children = node->child_schemas.empty() ? nullptr : node->child_schemas.data();
  node->schema.dictionary = node->dictionary ? &node->dictionary->schema : nullptr;
  return node;
}

// An array of at least `rows` elements for the column that `shape` describes.
inline std::unique_ptr<Node> make_array(Bytes& bytes, const Node& shape, std::int64_t rows) {
  auto node = std::make_unique<Node>();
  const std::int64_t offset = bytes.number(12), count = offset + rows;
  std::int64_t nested_rows = 0;
  const std::string& format = shape.format;
  if (format != "n" && format.substr(0, 2) != "+s" && !format.empty())
    add_buffer(*node, bytes, (static_cast<std::size_t>(count) + 7) / 8, true);
  const bool is_list32 = format == "+l", is_list64 = format == "+L";
  if (format == "u" || format == "z" || is_list32)
    nested_rows = add_offsets<std::int32_t>(*node, bytes, count);
  else if (format == "U" || is_list64)
    nested_rows = add_offsets<std::int64_t>(*node, bytes, count);
  else if (format == "vu")
    add_views(*node, bytes, count);
  else if (format.substr(0, 2) == "+w")
    nested_rows = count * 3;
  else if (format != "n" && format != "+s" && !format.empty())
    add_buffer(*node, bytes, bytes_of(format, count) * (format.size() > 1 && format[0] == 'd' ? 2 : 1), true);
  if (format == "u" || format == "U" || format == "z")
    add_buffer(*node, bytes, static_cast<std::size_t>(nested_rows), true);
  for (const auto& child : shape.children) {
    const bool is_short = bytes.rarely(16);
    node->children.push_back(make_array(bytes, *child, is_short ? nested_rows / 2 : nested_rows));
  }
  if (shape.dictionary) node->dictionary = make_array(bytes, *shape.dictionary, bytes.number(20));
  for (const auto& child : node->children) node->child_arrays.push_back(&child->array);
  if (bytes.rarely(64) && !node->child_arrays.empty()) node->child_arrays[0] = nullptr;
  ArrowArray& array = node->array;
  array.length = rows;
  array.offset = offset;
  if (bytes.rarely(16)) array.length = std::min(array.length, distort(bytes, bytes.number(kMostRows)));
  if (bytes.rarely(16)) array.offset = std::min(array.offset, distort(bytes, 0));
  array.null_count = bytes.rarely(3) ? distort(bytes, bytes.number(8)) : bytes.number(2) - 1;
  array.n_buffers = static_cast<std::int64_t>(node->buffers.size());
  // Of views, fewer buffers would make characters of the sizes: a lie about sizes.
  if (bytes.rarely(32)) array.n_buffers = bytes.number(format == "vu" ? 3 : array.n_buffers + 1);
  array.buffers = node->buffers.empty() || bytes.rarely(64) ? nullptr : node->buffers.data();
  array.n_children = static_cast<std::int64_t>(node->child_arrays.size());
  array.children = node->child_arrays.empty() || bytes.rarely(64) ? nullptr : node->child_arrays.data();
  array.dictionary = node->dictionary && !bytes.rarely(64) ? &node->dictionary->array : nullptr;
  return node;
}

// A stream of up to three batches of up to four columns. It owns what it hands out, so it must outlive the consumer.
class Producer {
 public:
  explicit Producer(Bytes& bytes) : bytes_(bytes) {
    root_.format = bytes.rarely(64) ? "i" : "+s";
    const std::int64_t columns = bytes.number(4) + 1;
    for (std::int64_t c = 0; c < columns; ++c) root_.children.push_back(make_schema(bytes, 0));
    for (const auto& child : root_.children) root_.child_schemas.push_back(&child->schema);
    root_.schema.format = root_.format.c_str();
    root_.schema.n_children = columns;
    root_.schema.children = root_.child_schemas.data();
    root_.schema.release = [](ArrowSchema* schema) { schema->release = nullptr; };
    left_ = bytes.number(4);
    stream.get_schema = [](ArrowArrayStream* self, ArrowSchema* out) {
      *out = of(self).root_.schema;
      return of(self).bytes_.rarely(128) ? 5 : 0;
    };
    stream.get_next = [](ArrowArrayStream* self, ArrowArray* out) { return of(self).next(*out); };
    stream.get_last_error = [](ArrowArrayStream*) -> const char* { return nullptr; };
    stream.release = [](ArrowArrayStream*) {};
    stream.private_data = this;
  }

  ArrowArrayStream stream{};

 private:
  static Producer& of(ArrowArrayStream* stream) { return *static_cast<Producer*>(stream->private_data); }

  int next(ArrowArray& out) {
    if (left_ == 0) return bytes_.rarely(64) ? 22 : 0;
    --left_;
    const std::int64_t rows = bytes_.number(kMostRows), skipped = bytes_.rarely(4) ? bytes_.number(8) : 0;
    auto batch = std::make_unique<Node>();
    for (const auto& column : root_.children) batch->children.push_back(make_array(bytes_, *column, rows + skipped));
    for (const auto& child : batch->children) batch->child_arrays.push_back(&child->array);
    if (bytes_.rarely(64)) batch->child_arrays.pop_back();
    const auto bitmap = static_cast<std::size_t>(rows + skipped + 7) / 8;
    std::memset(add_buffer(*batch, bytes_, bitmap, false), bytes_.rarely(8) ? bytes_.byte() : 0xff, bitmap);
    ArrowArray& array = batch->array;
    array.length = bytes_.rarely(32) ? distort(bytes_, rows) : rows;
    array.offset = skipped;
    if (array.length > rows) array.offset = 0;  // rows beyond every column's end: to be found out
    array.null_count = bytes_.number(2) - 1 + (bytes_.rarely(16) ? 1 : 0);
    array.n_buffers = 1;
    array.buffers = batch->buffers.data();
    array.n_children = static_cast<std::int64_t>(batch->child_arrays.size());
    array.children = batch->child_arrays.data();
    array.release = [](ArrowArray* released) { released->release = nullptr; };
    out = array;
    batches_.push_back(std::move(batch));
    return 0;
  }

  Bytes& bytes_;
  Node root_;
  std::int64_t left_ = 0;
  std::vector<std::unique_ptr<Node>> batches_;
};

}  // namespace mlrt::fuzz
