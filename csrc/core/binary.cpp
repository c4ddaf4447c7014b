#include "core/binary.hpp"

#include <array>
#include <stdexcept>

#include "core/errors.hpp"

namespace mlrt::binary {
namespace {

constexpr std::string_view kMagic = "mlrt";
constexpr std::size_t kSizeAt = 12;  // behind magic, tag and version
constexpr std::size_t kHeader = kSizeAt + sizeof(std::uint64_t);
constexpr std::size_t kCheck = sizeof(std::uint32_t);

// Row k: what a byte does to the remainder when k more bytes follow it in its group of eight.
constexpr auto kTables = [] {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t remainder = byte;
    for (int i = 0; i < 8; ++i) remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? 0xedb88320u : 0u);
    tables[0][byte] = remainder;
  }
  for (std::size_t row = 1; row < tables.size(); ++row)
    for (std::size_t byte = 0; byte < 256; ++byte)
      tables[row][byte] = (tables[row - 1][byte] >> 8) ^ tables[0][tables[row - 1][byte] & 0xff];
  return tables;
}();

}  // namespace

std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t remainder = 0xffffffff;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t group = 0;
    std::memcpy(&group, bytes.data() + i, sizeof group);
    group ^= remainder;
    remainder = 0;
    for (std::size_t byte = 0; byte < 8; ++byte) remainder ^= kTables[7 - byte][(group >> (8 * byte)) & 0xff];
  }
  for (; i < bytes.size(); ++i)
    remainder = (remainder >> 8) ^ kTables[0][(remainder ^ static_cast<std::uint8_t>(bytes[i])) & 0xff];
  return ~remainder;
}

Writer::Writer(std::string_view tag) {
  text(kMagic);
  text(tag);
  number(kVersion);
  number(std::uint64_t{0});  // the size, filled in at the end
}

std::string Writer::finish() && {
  const std::uint64_t size = bytes_.size() - kHeader;
  std::memcpy(bytes_.data() + kSizeAt, &size, sizeof size);
  number(crc32(bytes_));
  return std::move(bytes_);
}

Reader::Reader(std::string_view bytes, std::string_view tag, const char* who) : left_(bytes), who_(who) {
  require(bytes.size() >= kHeader + kCheck && text(kMagic.size()) == kMagic, "bytes from to_bytes()");
  const std::string_view found = text(tag.size());
  if (found != tag) refuse("the tag `" + std::string(tag) + "`", "the bytes of another class");
  const auto version = number<std::uint32_t>();
  if (version != kVersion) refuse("format version " + std::to_string(kVersion), std::to_string(version));
  const std::size_t size = bytes.size() - kHeader - kCheck;
  const auto stated = number<std::uint64_t>();
  if (stated != size) refuse("a body of " + std::to_string(stated) + " bytes", std::to_string(size));
  std::uint32_t check = 0;
  std::memcpy(&check, bytes.data() + kHeader + size, sizeof check);
  require(check == crc32(bytes.substr(0, kHeader + size)), "the CRC-32 of the bytes before the last four");
  left_ = bytes.substr(kHeader, size);
}

std::string_view Reader::text(std::size_t size) {
  if (size > left()) refuse(std::to_string(size) + " more bytes", std::to_string(left()));
  const std::string_view result = left_.substr(0, size);
  left_.remove_prefix(size);
  return result;
}

std::int64_t Reader::rows() {
  const auto rows = number<std::int64_t>();
  require(rows >= 0 && rows <= kMostRows, "counts from 0 to 2^53");
  return rows;
}

void Reader::finish() const {
  if (left() > 0) refuse("the end of the state", std::to_string(left()) + " more bytes");
}

void Reader::refuse(const std::string& expected, const std::string& got) const {
  throw std::invalid_argument(
      problem(std::string(who_) + ".from_bytes", expected, got, "pass what to_bytes() returned, unchanged"));
}

}  // namespace mlrt::binary
