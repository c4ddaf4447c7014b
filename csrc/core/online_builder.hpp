// online_builder: of rows that come in any order, the newest of each key, in memory until they are written.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/aligned.hpp"
#include "core/online_version.hpp"

namespace mlrt::online {

class Builder final : public RowSource {
 public:
  Builder(const Shape& shape, std::vector<Part> parts);

  // Takes the rows of a table whose columns are the parts of the key (int64 or utf8) and the texts (utf8). Row-major
  // numbers: [rows, shape.numbers]; event, known: [rows], kMissingTime where there is none. A row that does not replace
  // what `base` has of its key is left out. Throws std::invalid_argument for other columns; some rows may then be in.
  void add(const Table& table, const double* numbers, const std::int64_t* event, const std::int64_t* known,
           const Version& base);

  std::uint64_t rows() const override { return count_; }
  const Row& row(std::uint64_t number) const override { return *reinterpret_cast<const Row*>(place(number)); }
  const char* heap() const override { return heap_.data(); }

  std::uint64_t incomplete() const { return incomplete_; }  // rows without a key or a time, so far
  std::size_t bytes() const;

 private:
  struct Given;

  void take(const Given& given, std::int64_t i, std::string_view key, std::uint64_t hash, const Found& base);
  void fill(Row& row, const Given& given, std::int64_t i, std::string_view key, const Row& times);
  std::uint64_t& slot_of(std::uint64_t hash, std::string_view key);
  Row& append_row();
  void grow();

  std::byte* place(std::uint64_t number) const {
    const std::uint64_t within = number & ((std::uint64_t{1} << shift_) - 1);
    return static_cast<std::byte*>(chunks_[number >> shift_].get()) + within * row_bytes_;
  }

  Shape shape_;
  std::vector<Part> parts_;
  std::size_t row_bytes_;
  int shift_;  // a chunk has 2^shift_ rows, which never move
  std::vector<Memory> chunks_;
  std::string heap_;
  std::vector<std::uint64_t> slots_;   // as in a segment
  std::vector<std::uint64_t> hashes_;  // of the rows
  std::uint64_t count_ = 0;
  std::uint64_t incomplete_ = 0;
};

}  // namespace mlrt::online
