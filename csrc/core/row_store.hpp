// row_store: rows of one width, in memory of their own or in a file that was verified before it was believed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/mapped_file.hpp"
#include "core/pages.hpp"
#include "core/row_view.hpp"

namespace mlrt {

// A hash of bytes: what a file's blocks are recognised by.
using BlockHash = std::uint64_t (*)(const std::byte* data, std::size_t bytes);

// Where the rows of a file lie, and what its bytes hash to.
struct RowFile {
  std::size_t bytes;      // of the whole file
  std::size_t row_bytes;  // a multiple of 8
  std::int64_t rows;
  std::int64_t block_rows;            // a power of two; the last block may have fewer
  std::vector<std::int64_t> offsets;  // of each block, ascending, multiples of 8
  std::vector<std::uint64_t> hashes;  // of each block; last, of all bytes of the file that are of no block, joined
};

class RowStore {
 public:
  // Zeros, in huge pages where the system likes. Throws std::invalid_argument for impossible sizes.
  static RowStore allocate(std::int64_t rows, std::size_t row_bytes);

  // Maps a file after checking every byte of it, in parallel. Throws std::invalid_argument where the description is
  // impossible or the file is not what it says, std::system_error where it cannot be opened.
  static RowStore map(const std::string& path, const RowFile& file, BlockHash hash);

  RowView view() const { return {blocks_.data(), shift_, rows_, row_bytes_}; }
  std::size_t block_count() const { return blocks_.size(); }
  std::int64_t rows_of_block(std::size_t block) const;

  // The rows, if they may be written: they are in memory and lie one behind the other. Null otherwise.
  std::byte* writable() { return memory_ ? memory_->data() : nullptr; }

 private:
  RowStore(std::int64_t rows, std::size_t row_bytes, int shift) : rows_(rows), row_bytes_(row_bytes), shift_(shift) {}

  std::int64_t rows_;
  std::size_t row_bytes_;
  int shift_;
  std::vector<const std::byte*> blocks_;
  std::optional<Pages<std::byte>> memory_;
  std::optional<MappedFile> file_;
};

}  // namespace mlrt
