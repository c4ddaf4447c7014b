// hash: a specified 64-bit hash of keys, and the ids that follow from it.
//   h(key) = XXH3 of its UTF-8 bytes, or of its 8 little-endian bytes as int64;  h(missing) = 0
//   h(cross of k >= 2 columns) = XXH3 of the k hashes, 8 little-endian bytes each; missing (0) when every part is
//   id = 0 if missing, else 1 + floor((h >> 32) · buckets / 2^32)
// Input   Arrow columns of strings (any layout, dictionaries too), integers or booleans. Missing: null, and "".
// Output  uint64 hashes; int64 ids in [0, buckets].
// Error   0 between ISAs. A uint64 above 2^63 - 1 is refused. Cost: that of hash_tile.hpp.
// Levels  those of hash_tile.hpp.
// Source  xxh3.hpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/errors.hpp"
#include "core/xxh3.hpp"
#include "kernels/encoder.hpp"
#include "kernels/hash_tile.hpp"
#include "kernels/key_block.hpp"

namespace mlrt::hash {

using encoders::kTileRows;
using encoders::TextBlock;
using xxh3::Seeded;
using xxh3::Word;

// The hashes of n rows of a key column, 0 for a missing one.
inline void hash_column(Isa isa, const Seeded& seeded, const Column& column, std::int64_t begin, std::int64_t n,
                        Word* out) {
  const hash_tile::Run run = hash_tile::select(isa);
  if (column.type == Type::utf8) {
    TextBlock block;
    encoders::gather_texts(isa, column, begin, n, block);
    return run.texts(seeded, block, n, out);
  }
  std::int64_t keys[kTileRows];
  encoders::gather_integers(column, begin, n, keys);
  run.integers(seeded, keys, n, out);
  encoders::clear_missing(isa, column, begin, n, out);
}

// Ids by hash in place of a vocabulary.
class HashKeys final : public encoders::KeyIds {
 public:
  HashKeys(std::int64_t buckets, Word seed) : buckets_(static_cast<Word>(buckets)), seeded_(seed) {
    if (buckets < 1 || buckets > std::numeric_limits<std::int32_t>::max())
      throw std::invalid_argument(
          problem("buckets", "1 to 2^31 - 1", std::to_string(buckets), "choose about as many as there are keys"));
  }

  void of_texts(Isa isa, const TextBlock& block, std::int64_t n, std::int64_t* ids) const override {
    const hash_tile::Run run = hash_tile::select(isa);
    Word hashes[kTileRows];
    run.texts(seeded_, block, n, hashes);
    run.ids(hashes, n, buckets_, ids);
  }

  void of_integers(Isa isa, const std::int64_t* keys, std::int64_t n, std::int64_t* ids) const override {
    const hash_tile::Run run = hash_tile::select(isa);
    Word hashes[kTileRows];
    run.integers(seeded_, keys, n, hashes);
    run.ids(hashes, n, buckets_, ids);
  }

  void check(const Field&, vocabulary::Kind) const override {}
  std::int64_t largest() const override { return static_cast<std::int64_t>(buckets_); }

  const Seeded& seeded() const { return seeded_; }

 private:
  Word buckets_;
  Seeded seeded_;
};

// Several key columns as one: the cross of two or more, or a single one.
struct Columns {
  std::vector<std::int64_t> positions;

  void check(const Table& table) const {
    for (const std::int64_t position : positions) {
      table.require_keys(position);
      vocabulary::require_int64(table, position);
    }
  }

  // The hashes of n <= kTileRows rows, 0 for a missing one.
  void hash(Isa isa, const Seeded& seeded, const Batch& batch, std::int64_t begin, std::int64_t n, Word* out) const {
    const std::size_t k = positions.size();
    const auto column = [&](std::size_t j) -> const Column& {
      return batch.columns[static_cast<std::size_t>(positions[j])];
    };
    if (k == 1) return hash_column(isa, seeded, column(0), begin, n, out);
    std::vector<Word> parts(k * kTileRows);
    Word part[kTileRows];
    for (std::size_t j = 0; j < k; ++j) {
      hash_column(isa, seeded, column(j), begin, n, part);
      for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) parts[i * k + j] = part[i];
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      const Word* const row = parts.data() + i * k;
      const bool is_present = std::any_of(row, row + k, [](Word hashed) { return hashed != 0; });
      out[i] = is_present ? xxh3::hash(seeded, reinterpret_cast<const char*>(row), k * sizeof(Word)) : 0;
    }
  }
};

// The ids of a cross.
class CrossIds final : public encoders::Encoder {
 public:
  CrossIds(Columns columns, std::int64_t buckets, Word seed) : columns_(std::move(columns)), keys_(buckets, seed) {}

  void check(const Table& table) const override { columns_.check(table); }
  std::int64_t largest_id() const override { return keys_.largest(); }

  std::unique_ptr<encoders::BoundEncoder> bind(const Table&, Isa isa) const override {
    return std::make_unique<Bound>(*this, isa);
  }

 private:
  class Bound final : public encoders::BoundEncoder {
   public:
    Bound(const CrossIds& encoder, Isa isa) : encoder_(encoder), isa_(isa) {}

    void encode(const Span& span, std::int64_t begin, std::int64_t n, std::int64_t* ids) const override {
      Word hashes[kTileRows];
      encoder_.columns_.hash(isa_, encoder_.keys_.seeded(), *span.batch, begin, n, hashes);
      hash_tile::select(isa_).ids(hashes, n, static_cast<Word>(encoder_.keys_.largest()), ids);
    }

   private:
    const CrossIds& encoder_;
    Isa isa_;
  };

  Columns columns_;
  HashKeys keys_;
};

// out: uint64[table.rows()].
inline void run(const Columns& columns, const Table& table, Word seed, Word* out) {
  columns.check(table);
  const Isa isa = active_isa();
  const Seeded seeded(seed);
  const std::vector<Span> tasks = spans(table);
  parallel_for(tasks.size(), worker_count(tasks.size()), [&](std::size_t, std::size_t task) {
    const Span& span = tasks[task];
    for (std::int64_t done = 0; done < span.rows; done += kTileRows)
      columns.hash(isa, seeded, *span.batch, span.begin + done, std::min(kTileRows, span.rows - done),
                   out + span.first_row + done);
  });
}

}  // namespace mlrt::hash
