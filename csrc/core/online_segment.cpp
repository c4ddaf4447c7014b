#include "core/online_segment.hpp"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <vector>

#include "core/errors.hpp"
#include "core/threads.hpp"

namespace mlrt::online {
namespace {

constexpr std::uint64_t kBlockRows = 1 << 14;  // checked by one task

[[noreturn]] void refuse(const std::string& path, const std::string& expected, const std::string& got) {
  throw std::invalid_argument(
      problem(path, expected, got, "the bytes changed, or belong to another store; materialise it anew"));
}

// Throws unless all bytes are those that were written.
void require_digest(const SegmentFile& file, const MappedFile& mapped) {
  const xxh3::Seeded unseeded(0);
  std::vector<std::uint64_t> hashes((file.bytes + kDigestBlock - 1) / kDigestBlock);
  parallel_for(hashes.size(), worker_count(hashes.size()), [&](std::size_t, std::size_t block) {
    const std::size_t begin = block * kDigestBlock;
    const std::size_t bytes = std::min(kDigestBlock, file.bytes - begin);
    mapped.populate(begin, bytes);
    hashes[block] = xxh3::hash(unseeded, reinterpret_cast<const char*>(mapped.data()) + begin, bytes);
  });
  const std::uint64_t all = xxh3::hash(unseeded, reinterpret_cast<const char*>(hashes.data()), hashes.size() * 8);
  if (all != file.digest) refuse(file.path, "the bytes that were written", "others");
}

// Throws unless the header describes a segment of this size and shape; every product below stays far from 2^64.
const Header& require_header(const SegmentFile& file, const MappedFile& mapped, const Shape& shape,
                             std::uint64_t seed) {
  if (file.bytes < kPage) refuse(file.path, "a segment", std::to_string(file.bytes) + " bytes");
  const Header& header = *reinterpret_cast<const Header*>(mapped.data());
  if (header.magic != kMagic || header.format != kFormat)
    refuse(file.path, "a segment of format " + std::to_string(kFormat), "another file, or one of another format");
  if (Shape{header.key_room, header.numbers, header.texts} != shape || header.seed != seed)
    refuse(file.path, "rows of the store's view", "those of another");
  if (header.rows > kMostRows || header.slots <= header.rows || header.slots > slots_for(kMostRows) ||
      header.heap_bytes > file.bytes || Sections(shape, header.rows, header.slots, header.heap_bytes).end != file.bytes)
    refuse(file.path, "sections that fill the file", "others");
  return header;
}

bool is_sound(const Shape& shape, const Row& row, std::uint64_t heap_bytes) {
  const std::uint32_t* const ends = shape.ends_of(row);
  const bool ascending = std::is_sorted(ends, ends + shape.texts);
  const std::uint64_t own = shape.long_key_bytes(row) + shape.text_bytes(row);
  return ascending && row.key_bytes <= kMostKeyBytes && own <= heap_bytes && row.heap <= heap_bytes - own;
}

}  // namespace

Segment::Segment(const SegmentFile& file, const Shape& shape, std::uint64_t seed)
    : file_(file.path, file.bytes), shape_(shape), row_bytes_(shape.row_bytes()) {
  require_digest(file, file_);
  const Header& header = require_header(file, file_, shape, seed);
  const Sections at(shape, header.rows, header.slots, header.heap_bytes);
  slots_ = reinterpret_cast<const std::uint64_t*>(file_.data() + Sections::slots);
  slot_count_ = header.slots;
  rows_ = file_.data() + at.rows;
  heap_ = reinterpret_cast<const char*>(file_.data()) + at.heap;
  require_sound(file.path);
  file_.expect_random_reads();
}

// Throws unless each slot names a row, one is free, and all that a row points at lies in the heap.
void Segment::require_sound(const std::string& path) const {
  const std::uint64_t tasks = (std::max(slot_count_, rows()) + kBlockRows - 1) / kBlockRows;
  std::atomic<std::uint64_t> taken{0};
  parallel_for(tasks, worker_count(tasks), [&](std::size_t, std::size_t task) {
    const std::uint64_t begin = task * kBlockRows, end = begin + kBlockRows;
    std::uint64_t used = 0;
    for (std::uint64_t i = begin; i < std::min(end, slot_count_); ++i) {
      used += slots_[i] != 0 ? 1 : 0;
      if (slots_[i] != 0 && slot_row(slots_[i]) >= rows()) refuse(path, "slots that name a row", "another");
    }
    taken += used;
    for (std::uint64_t i = begin; i < std::min(end, rows()); ++i)
      if (!is_sound(shape_, row(i), header().heap_bytes))
        refuse(path, "rows whose keys and texts lie in the segment", "row " + std::to_string(i));
  });
  if (taken != rows()) refuse(path, "a slot for each row", std::to_string(taken));
}

const Row* Segment::next(std::uint64_t hash, std::uint64_t& slot) const {
  while (slots_[slot] != 0) {
    const std::uint64_t found = slots_[slot];
    slot = slot + 1 == slot_count_ ? 0 : slot + 1;
    if (found >> 32 == (hash & 0xffffffff)) return &row(slot_row(found));
  }
  return nullptr;
}

const Row* Segment::find(std::uint64_t hash, std::string_view key) const {
  std::uint64_t slot = first_slot(hash, slot_count_);
  const Row* found = next(hash, slot);
  while (found != nullptr && shape_.key_of(*found, heap_) != key) found = next(hash, slot);
  return found;
}

}  // namespace mlrt::online
