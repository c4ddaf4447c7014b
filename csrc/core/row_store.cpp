#include "core/row_store.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string>
#include <utility>

#include "core/errors.hpp"
#include "core/threads.hpp"

namespace mlrt {
namespace {

constexpr std::size_t kWord = 8;
constexpr std::size_t kMostRowBytes = std::size_t{1} << 30;
constexpr std::int64_t kMostRows = std::int64_t{1} << 53;
constexpr int kOneBlock = 62;  // the shift of rows that are one block, however many

[[noreturn]] void refuse(const std::string& where, const std::string& expected, const std::string& got,
                         const char* next_step = "the bytes changed, or are another file's; write it anew") {
  throw std::invalid_argument(problem(where, expected, got, next_step));
}

void require_shape(const std::string& where, std::int64_t rows, std::size_t row_bytes) {
  if (row_bytes == 0 || row_bytes % kWord != 0 || row_bytes > kMostRowBytes)
    refuse(where, "rows of a multiple of 8 bytes, at most 2^30", std::to_string(row_bytes), "count again");
  const auto most = std::min(kMostRows, static_cast<std::int64_t>(static_cast<std::size_t>(PTRDIFF_MAX) / row_bytes));
  if (rows < 0 || rows > most)
    refuse(where, "0 to " + std::to_string(most) + " rows", std::to_string(rows), "count again");
}

std::int64_t rows_in_block(const RowFile& file, std::size_t block) {
  return std::min(file.block_rows, file.rows - static_cast<std::int64_t>(block) * file.block_rows);
}

std::size_t bytes_in_block(const RowFile& file, std::size_t block) {
  return static_cast<std::size_t>(rows_in_block(file, block)) * file.row_bytes;
}

// Throws unless the blocks are as many as the rows need and lie inside the file, apart, in their order.
void require_blocks(const std::string& path, const RowFile& file) {
  require_shape(path, file.rows, file.row_bytes);
  if (file.block_rows < 1 || file.block_rows > kMostRows ||
      !std::has_single_bit(static_cast<std::uint64_t>(file.block_rows)))
    refuse(path, "a power of two of rows in a block", std::to_string(file.block_rows));
  const std::int64_t blocks = file.rows / file.block_rows + (file.rows % file.block_rows != 0 ? 1 : 0);
  if (std::cmp_not_equal(file.offsets.size(), blocks) || std::cmp_not_equal(file.hashes.size(), blocks + 1))
    refuse(path, std::to_string(blocks) + " offsets and one hash more",
           std::to_string(file.offsets.size()) + " and " + std::to_string(file.hashes.size()));
  std::size_t end = 0;
  for (std::size_t block = 0; block < file.offsets.size(); ++block) {
    const std::int64_t offset = file.offsets[block];
    const std::size_t bytes = bytes_in_block(file, block);
    if (std::cmp_less(offset, end) || std::cmp_greater(offset, file.bytes) || offset % kWord != 0 ||
        bytes > file.bytes - static_cast<std::size_t>(offset))
      refuse(path,
             "block " + std::to_string(block) + " at a multiple of 8 within [" + std::to_string(end) + ", " +
                 std::to_string(file.bytes) + ")",
             std::to_string(bytes) + " bytes at " + std::to_string(offset));
    end = static_cast<std::size_t>(offset) + bytes;
  }
}

// What lies before, between and behind the blocks.
std::vector<std::byte> frame_of(const RowFile& file, const std::byte* data) {
  std::vector<std::byte> frame;
  std::size_t end = 0;
  for (std::size_t block = 0; block < file.offsets.size(); ++block) {
    const auto offset = static_cast<std::size_t>(file.offsets[block]);
    frame.insert(frame.end(), data + end, data + offset);
    end = offset + bytes_in_block(file, block);
  }
  frame.insert(frame.end(), data + end, data + file.bytes);
  return frame;
}

// Throws unless every byte hashes to what the description says.
void require_hashes(const std::string& path, const RowFile& file, const MappedFile& mapped, BlockHash hash) {
  const std::size_t blocks = file.offsets.size();
  parallel_for(blocks, worker_count(blocks), [&](std::size_t, std::size_t block) {
    const auto offset = static_cast<std::size_t>(file.offsets[block]);
    const std::size_t bytes = bytes_in_block(file, block);
    mapped.populate(offset, bytes);
    if (hash(mapped.data() + offset, bytes) != file.hashes[block])
      refuse(path, "block " + std::to_string(block) + " as it was written", "other bytes");
  });
  const std::vector<std::byte> frame = frame_of(file, mapped.data());
  if (hash(frame.data(), frame.size()) != file.hashes[blocks])
    refuse(path, "the bytes around the blocks as they were written", "others");
}

}  // namespace

RowStore RowStore::allocate(std::int64_t rows, std::size_t row_bytes) {
  require_shape("Rows.allocate", rows, row_bytes);
  RowStore store(rows, row_bytes, kOneBlock);
  const std::size_t bytes = static_cast<std::size_t>(rows) * row_bytes;
  store.memory_.emplace((bytes / kCacheLine + 1) * kCacheLine);
  if (rows > 0) store.blocks_.push_back(store.memory_->data());
  return store;
}

RowStore RowStore::map(const std::string& path, const RowFile& file, BlockHash hash) {
  require_blocks(path, file);
  MappedFile mapped(path, file.bytes);
  require_hashes(path, file, mapped, hash);
  mapped.expect_random_reads();
  RowStore store(file.rows, file.row_bytes, std::countr_zero(static_cast<std::uint64_t>(file.block_rows)));
  for (const std::int64_t offset : file.offsets) store.blocks_.push_back(mapped.data() + offset);
  store.file_.emplace(std::move(mapped));
  return store;
}

std::int64_t RowStore::rows_of_block(std::size_t block) const {
  const std::int64_t before = static_cast<std::int64_t>(block) << shift_;
  return std::min(rows_ - before, std::int64_t{1} << shift_);
}

}  // namespace mlrt
