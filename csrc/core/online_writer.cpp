#include "core/online_writer.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace mlrt::online {
namespace {

// What goes to a file in order, written and hashed block by block.
class Output {
 public:
  explicit Output(int descriptor) : descriptor_(descriptor) {}

  void put(const void* data, std::size_t bytes) {
    const char* from = static_cast<const char*>(data);
    while (bytes > 0) {
      const std::size_t part = std::min(bytes, kDigestBlock - block_.size());
      block_.insert(block_.end(), from, from + part);
      from += part;
      bytes -= part;
      if (block_.size() == kDigestBlock) flush();
    }
  }

  void pad_to(std::size_t offset) {
    static constexpr char kZeros[kPage] = {};
    put(kZeros, offset - bytes());
  }

  std::size_t bytes() const { return hashes_.size() * kDigestBlock + block_.size(); }

  std::uint64_t finish() {
    if (!block_.empty()) flush();
    return xxh3::hash(unseeded_, reinterpret_cast<const char*>(hashes_.data()), hashes_.size() * 8);
  }

 private:
  void flush() {
    hashes_.push_back(xxh3::hash(unseeded_, block_.data(), block_.size()));
    for (std::size_t done = 0; done < block_.size();) {
      const ssize_t written = write(descriptor_, block_.data() + done, block_.size() - done);
      if (written < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "segment");
      done += written < 0 ? 0 : static_cast<std::size_t>(written);
    }
    block_.clear();
  }

  int descriptor_;
  xxh3::Seeded unseeded_{0};
  std::vector<char> block_;
  std::vector<std::uint64_t> hashes_;
};

// visit(row, heap) for each row that is kept.
template <class Visit>
void for_each_row(const std::vector<Piece>& pieces, Visit visit) {
  for (const Piece& piece : pieces)
    for (std::uint64_t i = 0; i < piece.source->rows(); ++i)
      if (piece.dropped.empty() || !piece.dropped[i]) visit(piece.source->row(i), piece.source->heap());
}

Header header_of(const Shape& shape, std::uint64_t seed, const std::vector<Piece>& pieces) {
  Header header{kMagic, kFormat, shape.key_room, shape.numbers, shape.texts, seed, 0, 0, 0};
  for_each_row(pieces, [&](const Row& row, const char*) {
    ++header.rows;
    header.heap_bytes += shape.long_key_bytes(row) + shape.text_bytes(row);
  });
  require_countable(header.rows);
  header.slots = slots_for(header.rows);
  return header;
}

void put_slots(Output& out, const Shape& shape, const Header& header, const std::vector<Piece>& pieces) {
  const xxh3::Seeded seeded(header.seed);
  std::vector<std::uint64_t> slots(header.slots);
  std::uint64_t number = 0;
  for_each_row(pieces, [&](const Row& row, const char* heap) {
    const std::uint64_t hash = hash_of(seeded, shape.key_of(row, heap));
    std::uint64_t slot = first_slot(hash, header.slots);
    while (slots[slot] != 0) slot = slot + 1 == header.slots ? 0 : slot + 1;
    slots[slot] = slot_value(hash, number++);
  });
  out.put(slots.data(), slots.size() * 8);
}

void put_rows(Output& out, const Shape& shape, const std::vector<Piece>& pieces) {
  std::uint64_t heap_end = 0;
  for_each_row(pieces, [&](const Row& row, const char*) {
    Row moved = row;
    moved.heap = heap_end;
    heap_end += shape.long_key_bytes(row) + shape.text_bytes(row);
    out.put(&moved, sizeof moved);
    out.put(&row + 1, shape.row_bytes() - sizeof moved);
  });
}

}  // namespace

Written write_segment(int descriptor, const Shape& shape, std::uint64_t seed, const std::vector<Piece>& pieces) {
  const Header header = header_of(shape, seed, pieces);
  const Sections at(shape, header.rows, header.slots, header.heap_bytes);
  Output out(descriptor);
  out.put(&header, sizeof header);
  out.pad_to(Sections::slots);
  put_slots(out, shape, header, pieces);
  out.pad_to(at.rows);
  put_rows(out, shape, pieces);
  out.pad_to(at.heap);
  for_each_row(pieces, [&](const Row& row, const char* heap) {
    out.put(heap + row.heap, shape.long_key_bytes(row) + shape.text_bytes(row));
  });
  const std::size_t bytes = out.bytes();
  return {header.rows, bytes, out.finish()};
}

std::vector<Piece> newest_rows(const std::vector<const Segment*>& segments, const Shape& shape, std::uint64_t seed) {
  const xxh3::Seeded seeded(seed);
  std::vector<Piece> pieces;
  for (const Segment* const segment : segments) pieces.push_back({segment, std::vector<bool>(segment->rows())});
  for (std::size_t newer = 0; newer < segments.size(); ++newer)
    for (std::uint64_t i = 0; i < segments[newer]->rows(); ++i) {
      const std::string_view key = shape.key_of(segments[newer]->row(i), segments[newer]->heap());
      const std::uint64_t hash = hash_of(seeded, key);
      for (std::size_t older = newer + 1; older < segments.size(); ++older)
        if (const Row* const row = segments[older]->find(hash, key))
          pieces[older].dropped[segments[older]->number(*row)] = true;
    }
  return pieces;
}

Piece rows_without(const Segment& segment, const Keys& keys, std::uint64_t seed) {
  const xxh3::Seeded seeded(seed);
  Piece piece{&segment, std::vector<bool>(segment.rows())};
  for (std::size_t i = 0; i < keys.size(); ++i)
    if (const Row* const row = keys.is_missing(i) ? nullptr : segment.find(hash_of(seeded, keys[i]), keys[i]))
      piece.dropped[segment.number(*row)] = true;
  return piece;
}

}  // namespace mlrt::online
