// strings: one reader per string layout, so that a loop over strings is compiled once for each.
#pragma once

#include <cstdint>
#include <utility>

#include "core/arrow.hpp"

namespace mlrt {

// A string and how many bytes may be read from its start (>= size): what lies behind it in the same buffer.
struct Text {
  const char* data;
  std::uint32_t size;
  std::int64_t readable;
};

template <class Offset>
class OffsetStrings {
 public:
  static constexpr bool kReadsNulls = true;  // a null row has offsets too

  explicit OffsetStrings(const Column& column)
      : offsets_(column.values),
        bytes_(column.bytes),
        first_(column.offset),
        end_(static_cast<std::int64_t>(load<Offset>(offsets_, first_ + column.rows))) {}

  Text operator()(std::int64_t i) const {
    const auto begin = static_cast<std::int64_t>(load<Offset>(offsets_, first_ + i));
    const auto end = static_cast<std::int64_t>(load<Offset>(offsets_, first_ + i + 1));
    return {bytes_ + begin, static_cast<std::uint32_t>(end - begin), end_ - begin};
  }

 private:
  const void* offsets_;
  const char* bytes_;
  std::int64_t first_;
  std::int64_t end_;
};

class ViewStrings {
 public:
  static constexpr std::uint32_t kInline = 12;
  static constexpr bool kReadsNulls = false;  // the view of a null row may point anywhere

  explicit ViewStrings(const Column& column)
      : views_(static_cast<const char*>(column.values) + column.offset * 16),
        rows_(column.rows),
        buffers_(column.buffers),
        sizes_(column.buffer_sizes) {}

  Text operator()(std::int64_t i) const {
    const char* const view = views_ + i * 16;
    const auto size = load<std::uint32_t>(view, 0);
    if (size <= kInline) return {view + 4, size, (rows_ - i) * 16 - 4};  // the views behind it are readable too
    const auto buffer = load<std::int32_t>(view, 2);
    const auto offset = load<std::int32_t>(view, 3);
    return {static_cast<const char*>(buffers_[buffer]) + offset, size, sizes_[buffer] - offset};
  }

 private:
  const char* views_;
  std::int64_t rows_;
  const void* const* buffers_;
  const std::int64_t* sizes_;
};

// Calls body(reader) with the reader of a plain string column (not a dictionary).
template <class Body>
void with_strings(const Column& column, Body&& body) {
  if (column.rows == 0) return;  // its buffers may be null
  if (column.layout == Layout::offsets32) return std::forward<Body>(body)(OffsetStrings<std::int32_t>(column));
  if (column.layout == Layout::offsets64) return std::forward<Body>(body)(OffsetStrings<std::int64_t>(column));
  std::forward<Body>(body)(ViewStrings(column));
}

// Calls body(T{}) for the C++ type of an integer type.
template <class Body>
void with_integer(Type type, Body&& body) {
  switch (type) {
    case Type::int8:
      return std::forward<Body>(body)(std::int8_t{});
    case Type::int16:
      return std::forward<Body>(body)(std::int16_t{});
    case Type::int32:
      return std::forward<Body>(body)(std::int32_t{});
    case Type::uint8:
      return std::forward<Body>(body)(std::uint8_t{});
    case Type::uint16:
      return std::forward<Body>(body)(std::uint16_t{});
    case Type::uint32:
      return std::forward<Body>(body)(std::uint32_t{});
    case Type::uint64:
      return std::forward<Body>(body)(std::uint64_t{});
    default:
      return std::forward<Body>(body)(std::int64_t{});
  }
}

}  // namespace mlrt
