// row_store: libFuzzer target. Map a file of rows under a description of it, either of which may lie.
//
// A file and its true description are made here; then some numbers of the description, bytes of the file or its length
// are changed. Nothing may crash, read outside the file, or throw anything but std::invalid_argument. What was not
// changed is believed; what is believed holds: every row is where it was said to be and every hash is that of its bytes.
#include "core/row_store.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/block_hash.hpp"
#include "scratch.hpp"

namespace mlrt::fuzz {
namespace {

using Content = std::vector<std::byte>;

std::uint64_t hash_of(const Content& content) {
  return block_hash::scalar::run(content.data(), content.size());
}

// Bytes that differ, of which the input need not be full.
void append(Content& content, std::size_t n, std::uint32_t& state) {
  for (std::size_t i = 0; i < n; ++i) {
    state = state * 1664525u + 1013904223u;
    content.push_back(static_cast<std::byte>(state >> 24));
  }
}

struct Made {
  Content content;
  RowFile file;
};

Made make(Bytes& bytes) {
  Made made{.content = {},
            .file = {.bytes = 0,
                     .row_bytes = 8 * static_cast<std::size_t>(1 + bytes.number(bytes.rarely(4) ? 200 : 8)),
                     .rows = bytes.number(40),
                     .block_rows = std::int64_t{1} << bytes.number(6),
                     .offsets = {},
                     .hashes = {}}};
  std::uint32_t state = bytes.byte();
  Content frame;
  const auto surround = [&] {
    const std::size_t begin = made.content.size();
    append(made.content, 8 * static_cast<std::size_t>(bytes.number(4)), state);
    frame.insert(frame.end(), made.content.begin() + static_cast<std::ptrdiff_t>(begin), made.content.end());
  };
  surround();
  for (std::int64_t row = 0; row < made.file.rows; row += made.file.block_rows) {
    const std::int64_t rows = std::min(made.file.block_rows, made.file.rows - row);
    Content block;
    append(block, static_cast<std::size_t>(rows) * made.file.row_bytes, state);
    made.file.offsets.push_back(static_cast<std::int64_t>(made.content.size()));
    made.file.hashes.push_back(hash_of(block));
    made.content.insert(made.content.end(), block.begin(), block.end());
    surround();
  }
  made.file.hashes.push_back(hash_of(frame));
  made.file.bytes = made.content.size();
  return made;
}

// A number that may be anything, often near another.
std::int64_t lie(Bytes& bytes, std::int64_t near) {
  if (bytes.rarely(3)) {
    std::uint64_t any = 0;
    for (int i = 0; i < 8; ++i) any = any << 8 | bytes.byte();
    return static_cast<std::int64_t>(any);
  }
  const auto step = static_cast<std::uint64_t>(bytes.number(33)) - 16;
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(near) + (bytes.rarely(2) ? 8 * step : step));
}

void change_file(Bytes& bytes, Content& content) {
  if (bytes.rarely(3)) {
    content.resize(static_cast<std::size_t>(bytes.number(static_cast<std::int64_t>(content.size()) + 64)));
  } else if (!content.empty()) {
    const std::size_t at = (static_cast<std::size_t>(bytes.byte()) << 8 | bytes.byte()) % content.size();
    content[at] ^= static_cast<std::byte>(1 << bytes.number(8));
  }
}

void change_description(Bytes& bytes, RowFile& file) {
  const auto any_of = [&](auto& values) -> auto& {
    return values[static_cast<std::size_t>(bytes.number(static_cast<std::int64_t>(values.size())))];
  };
  switch (bytes.number(9)) {
    case 0:
      file.rows = lie(bytes, file.rows);
      break;
    case 1:
      file.row_bytes = static_cast<std::size_t>(lie(bytes, static_cast<std::int64_t>(file.row_bytes)));
      break;
    case 2:
      file.block_rows = lie(bytes, file.block_rows);
      break;
    case 3:
      file.bytes = static_cast<std::size_t>(lie(bytes, static_cast<std::int64_t>(file.bytes)));
      break;
    case 4:
      if (!file.offsets.empty()) any_of(file.offsets) = lie(bytes, any_of(file.offsets));
      break;
    case 5:
      any_of(file.hashes) ^= std::uint64_t{1} << bytes.number(64);
      break;
    case 6:
      std::swap(any_of(file.hashes), any_of(file.hashes));
      break;
    case 7:
      if (!file.offsets.empty()) std::swap(any_of(file.offsets), any_of(file.offsets));
      break;
    default:
      file.offsets.resize(static_cast<std::size_t>(bytes.number(12)));
      if (bytes.rarely(2)) file.hashes.resize(file.offsets.size() + 1);
  }
}

// The hashes that a description should have, of blocks that were found to lie inside the file.
void check_hashes(const RowFile& file, const RowStore& store, const Content& content) {
  std::size_t end = 0;
  Content frame;
  const auto at = [&](std::size_t place) { return content.begin() + static_cast<std::ptrdiff_t>(place); };
  for (std::size_t block = 0; block < store.block_count(); ++block) {
    const auto begin = static_cast<std::size_t>(file.offsets[block]);
    frame.insert(frame.end(), at(end), at(begin));
    end = begin + static_cast<std::size_t>(store.rows_of_block(block)) * file.row_bytes;
    check(hash_of(Content(at(begin), at(end))) == file.hashes[block]);
  }
  frame.insert(frame.end(), at(end), content.end());
  check(hash_of(frame) == file.hashes.back());
}

void check_rows(const RowFile& file, const RowStore& store, const Content& content) {
  const RowView view = store.view();
  check(view.rows == file.rows && view.row_bytes == file.row_bytes);
  for (std::int64_t row = 0; row < view.rows; ++row) {
    const auto block = static_cast<std::size_t>(row / file.block_rows);
    const auto place = static_cast<std::size_t>(file.offsets[block]) +
                       static_cast<std::size_t>(row % file.block_rows) * file.row_bytes;
    check(std::memcmp(view.row(row), content.data() + place, view.row_bytes) == 0);
  }
}

bool same(const RowFile& a, const RowFile& b) {
  return a.bytes == b.bytes && a.row_bytes == b.row_bytes && a.rows == b.rows && a.block_rows == b.block_rows &&
         a.offsets == b.offsets && a.hashes == b.hashes;
}

void run(Bytes& bytes) {
  static const Scratch kScratch;
  Made made = make(bytes);
  const Made truth = made;
  for (std::int64_t left = bytes.number(3); left > 0; --left) change_description(bytes, made.file);
  if (bytes.rarely(2)) change_file(bytes, made.content);
  kScratch.write(made.content);
  const Isa isa = static_cast<Isa>(bytes.number(static_cast<std::int64_t>(detected_isa()) + 1));
  try {
    const RowStore store = RowStore::map(kScratch.path(), made.file, block_hash::select(isa));
    check_rows(made.file, store, made.content);
    check_hashes(made.file, store, made.content);
  } catch (const std::invalid_argument&) {
    check(!same(made.file, truth.file) || made.content != truth.content);
  }
}

}  // namespace
}  // namespace mlrt::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mlrt::fuzz::Bytes bytes(data, size);
  mlrt::fuzz::run(bytes);
  return 0;
}
