// binary: a state as bytes that travel between processes, and the way back.
//   "mlrt" · tag (4 letters) · version (u32) · size of the body (u64) · body · CRC-32 (u32) of all before it
// Numbers are little-endian. The reader takes bytes from anybody: a size is compared with what is there before anything
// is allocated, and whatever does not fit throws std::invalid_argument.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace mlrt::binary {

static_assert(std::endian::native == std::endian::little, "numbers are written as they lie in memory");

constexpr std::uint32_t kVersion = 1;
constexpr std::int64_t kMostRows = std::int64_t{1} << 53;  // more than any data set has; sums of counts cannot overflow

// CRC-32 of ISO-HDLC, which zlib and PNG use.
std::uint32_t crc32(std::string_view bytes);

class Writer {
 public:
  // tag: 4 letters that name the kind of state.
  explicit Writer(std::string_view tag);

  template <class T>
  void number(T value) {
    numbers(&value, 1);
  }

  template <class T>
  void numbers(const T* values, std::size_t n) {
    bytes_.append(reinterpret_cast<const char*>(values), n * sizeof(T));
  }

  void text(std::string_view text) { bytes_.append(text); }

  // The whole message; the writer is spent.
  std::string finish() &&;

 private:
  std::string bytes_;
};

class Reader {
 public:
  // who: the class to name in errors. `bytes` must outlive the reader.
  Reader(std::string_view bytes, std::string_view tag, const char* who);

  std::size_t left() const { return left_.size(); }

  template <class T>
  T number() {
    T value;
    std::memcpy(&value, text(sizeof value).data(), sizeof value);
    return value;
  }

  template <class T>
  std::vector<T> numbers(std::uint64_t n) {
    if (n > left() / sizeof(T)) refuse("room for " + std::to_string(n) + " numbers", std::to_string(left()) + " bytes");
    std::vector<T> values(static_cast<std::size_t>(n));
    if (n > 0) std::memcpy(values.data(), text(values.size() * sizeof(T)).data(), values.size() * sizeof(T));
    return values;
  }

  std::string_view text(std::size_t size);

  // A count of rows: 0 to kMostRows.
  std::int64_t rows();

  // Throws unless everything was read.
  void finish() const;

  void require(bool holds, const char* expected) const {
    if (!holds) refuse(expected, "something else");
  }

  [[noreturn]] void refuse(const std::string& expected, const std::string& got) const;

 private:
  std::string_view left_;
  const char* who_;
};

}  // namespace mlrt::binary
