// online_format: how the rows of an online store lie in a segment, which is a file that never changes.
//
//   header   Header, then zeros up to 4096 bytes
//   slots    u64[slots], an open-addressing table: 0 is free, else the lower half of a key's hash, then its row + 1. A
//            key's first slot is its hash (XXH3-64 with the header's seed) as a share of all; a taken one sends it on
//   rows     Row, the key if it fits, the end of each of its texts (u32, counted from the first's start; all of them
//            padded to 8 bytes), its numbers (f64, NaN where missing)
//   heap     of each row: its key if it did not fit, then its texts; an empty one is a missing one
// Sections begin at multiples of 4096 bytes, with zeros before them. Numbers are little-endian.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>

#include "core/errors.hpp"
#include "core/xxh3.hpp"

namespace mlrt::online {

static_assert(std::endian::native == std::endian::little, "numbers are written as they lie in memory");

constexpr std::uint64_t kMagic = 0x676573656e6c6e6f;  // "onlneseg"
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kDigestBlock = std::size_t{4} << 20;
constexpr std::size_t kMostKeyBytes = 1 << 16;
constexpr std::uint32_t kMostColumns = 1 << 16;
constexpr std::uint64_t kMostRows = std::numeric_limits<std::uint32_t>::max() - 1;
constexpr std::int64_t kMissingTime = std::numeric_limits<std::int64_t>::min();

struct Header {
  std::uint64_t magic;
  std::uint32_t format;
  std::uint32_t key_room;
  std::uint32_t numbers;
  std::uint32_t texts;
  std::uint64_t seed;
  std::uint64_t rows;
  std::uint64_t slots;
  std::uint64_t heap_bytes;
};

// The fixed part of a row. Times in microseconds since 1970.
struct Row {
  std::int64_t event;
  std::int64_t known;
  std::uint32_t key_bytes;
  std::uint32_t unused;  // 0
  std::uint64_t heap;    // where in the heap the row's own bytes begin

  std::int64_t available() const { return event > known ? event : known; }

  // Whether it is to be kept where the other has the same key and was written before.
  bool replaces(const Row& other) const {
    return event > other.event || (event == other.event && known >= other.known);
  }
};
static_assert(sizeof(Header) == 56 && sizeof(Row) == 32);

// How the rows of one view are laid out. key_room: bytes of a key that fit in its row, a multiple of 8.
struct Shape {
  std::uint32_t key_room;
  std::uint32_t numbers;
  std::uint32_t texts;

  bool operator==(const Shape&) const = default;

  std::size_t ends_offset() const { return sizeof(Row) + key_room; }
  std::size_t numbers_offset() const { return ends_offset() + (std::size_t{texts} * 4 + 7) / 8 * 8; }
  std::size_t row_bytes() const { return numbers_offset() + std::size_t{numbers} * 8; }
  bool fits(std::uint32_t key_bytes) const { return key_bytes <= key_room; }

  const double* numbers_of(const Row& row) const {
    return reinterpret_cast<const double*>(reinterpret_cast<const std::byte*>(&row) + numbers_offset());
  }
  const std::uint32_t* ends_of(const Row& row) const {
    return reinterpret_cast<const std::uint32_t*>(reinterpret_cast<const std::byte*>(&row) + ends_offset());
  }
  std::uint64_t text_bytes(const Row& row) const { return texts == 0 ? 0 : ends_of(row)[texts - 1]; }
  std::uint64_t long_key_bytes(const Row& row) const { return fits(row.key_bytes) ? 0 : row.key_bytes; }

  // heap: that of the row's segment.
  std::string_view key_of(const Row& row, const char* heap) const {
    const char* const inside = reinterpret_cast<const char*>(&row) + sizeof(Row);
    return {fits(row.key_bytes) ? inside : heap + row.heap, row.key_bytes};
  }
  std::string_view text_of(const Row& row, const char* heap, std::uint32_t text) const {
    const std::uint32_t* const ends = ends_of(row);
    const std::uint32_t begin = text == 0 ? 0 : ends[text - 1];
    return {heap + row.heap + long_key_bytes(row) + begin, ends[text] - begin};
  }
};

// Where the sections of a segment begin.
struct Sections {
  Sections(const Shape& shape, std::uint64_t row_count, std::uint64_t slot_count, std::uint64_t heap_bytes)
      : rows(paged(kPage + slot_count * 8)),
        heap(paged(rows + row_count * shape.row_bytes())),
        end(heap + heap_bytes) {}

  static constexpr std::size_t slots = kPage;
  std::size_t rows, heap, end;

 private:
  static std::size_t paged(std::size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }
};

// Slots for rows, so that at most 5 of 8 are taken and one is always free.
inline std::uint64_t slots_for(std::uint64_t rows) {
  return (rows * 8 / 5 / 8 + 1) * 8;
}

inline std::uint64_t first_slot(std::uint64_t hash, std::uint64_t slots) {
  return static_cast<std::uint64_t>(static_cast<unsigned __int128>(hash) * slots >> 64);
}

inline std::uint64_t slot_value(std::uint64_t hash, std::uint64_t row) {
  return hash << 32 | (row + 1);
}

// The row a slot names, for a slot that is taken.
inline std::uint64_t slot_row(std::uint64_t slot) {
  return (slot & 0xffffffff) - 1;
}

// Throws for more rows than the slots of a segment can name.
inline void require_countable(std::uint64_t rows) {
  if (rows > kMostRows)
    throw std::invalid_argument(problem("online store", "at most " + std::to_string(kMostRows) + " keys in a segment",
                                        "more", "keep the view in several stores"));
}

inline std::uint64_t hash_of(const xxh3::Seeded& seeded, std::string_view key) {
  return xxh3::hash(seeded, key.data(), key.size());
}

}  // namespace mlrt::online
