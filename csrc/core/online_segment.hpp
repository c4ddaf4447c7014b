// online_segment: rows of an online store, mapped from a file that was verified before it was believed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/mapped_file.hpp"
#include "core/online_format.hpp"

namespace mlrt::online {

// Rows that can be numbered: those of a segment, or of one that is not written yet.
class RowSource {
 public:
  virtual ~RowSource() = default;
  virtual std::uint64_t rows() const = 0;
  virtual const Row& row(std::uint64_t number) const = 0;
  virtual const char* heap() const = 0;
};

// A segment's file. digest: XXH3-64 of the XXH3-64 of each 4 MiB of it.
struct SegmentFile {
  std::string path;
  std::size_t bytes;
  std::uint64_t digest;
};

class Segment final : public RowSource {
 public:
  // Maps the file and checks every byte of it, in parallel. Throws std::invalid_argument where it is not what its
  // digest, the shape or the format say, std::system_error where it cannot be opened.
  Segment(const SegmentFile& file, const Shape& shape, std::uint64_t seed);

  std::uint64_t rows() const override { return header().rows; }
  const Row& row(std::uint64_t number) const override {
    return *reinterpret_cast<const Row*>(rows_ + number * row_bytes_);
  }
  const char* heap() const override { return heap_; }
  std::size_t bytes() const { return file_.size(); }

  // The number of a row of this segment.
  std::uint64_t number(const Row& row) const {
    return static_cast<std::uint64_t>(reinterpret_cast<const std::byte*>(&row) - rows_) / row_bytes_;
  }

  void prefetch_slot(std::uint64_t hash) const { __builtin_prefetch(slots_ + first_slot(hash, slot_count_)); }

  // The first row from the key's first slot on whose slot has the lower half of the hash: very likely that of the key.
  // Null: the key is not here.
  const Row* candidate(std::uint64_t hash) const {
    std::uint64_t slot = first_slot(hash, slot_count_);
    return next(hash, slot);
  }

  // The row of a key, null where it is not here.
  const Row* find(std::uint64_t hash, std::string_view key) const;

 private:
  void require_sound(const std::string& path) const;
  const Header& header() const { return *reinterpret_cast<const Header*>(file_.data()); }
  const Row* next(std::uint64_t hash, std::uint64_t& slot) const;

  MappedFile file_;
  Shape shape_;
  const std::uint64_t* slots_;
  std::uint64_t slot_count_;
  const std::byte* rows_;
  std::size_t row_bytes_;
  const char* heap_;
};

}  // namespace mlrt::online
