// hash: a specified 64-bit hash of keys, and the ids that follow from it.
//   h(key) = XXH3 of its UTF-8 bytes, or of its 8 little-endian bytes as int64;  h(missing) = 0
//   h(cross of k >= 2 columns) = XXH3 of the k hashes, 8 little-endian bytes each; missing (0) when every part is
//   id = 0 if missing, else 1 + floor((h >> 32) · buckets / 2^32)
// Input   Arrow columns of strings (any layout, dictionaries too), integers or booleans. Missing: null, and "".
// Output  uint64 hashes; int64 ids in [0, buckets].
// Error   0 between ISAs. A uint64 above 2^63 - 1 is refused. Cost: integers 1 ns, strings to 16 bytes 2 to 4 ns a key.
// Levels  one body for strings up to 16 bytes, without branches: each level vectorises it for itself.
// Source  xxh3.hpp; the range reduction: Lemire, Fast random integer generation in an interval (2019).
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
#include "kernels/encoder.hpp"
#include "kernels/key_block.hpp"
#include "kernels/xxh3.hpp"

namespace mlrt::hash {

using encoders::kTileRows;
using encoders::TextBlock;
using xxh3::Seeded;
using xxh3::Word;

// What the hash of at most 16 bytes needs of them: the first 8, the last 8 (the first 8 of shorter ones), how many.
struct Ends {
  alignas(64) Word heads[kTileRows];
  alignas(64) Word tails[kTileRows];
  alignas(64) Word sizes[kTileRows];
};

// xxh3's product of two words, both halves folded, from four products of halves: lanes have no 128-bit product.
MLRT_INLINE Word fold_lanes(Word a, Word b) {
  constexpr Word kLow = 0xffffffff;
  const Word low = (a & kLow) * (b & kLow), high = (a >> 32) * (b >> 32);
  const Word first = (a >> 32) * (b & kLow), second = (a & kLow) * (b >> 32);
  const Word middle = (low >> 32) + (first & kLow) + second;
  return (high + (first >> 32) + (middle >> 32)) ^ (middle << 32 | (low & kLow));
}

// The hashes of n texts of 1 to 16 bytes; those of other sizes are any.
MLRT_INLINE void hash_ends(const Seeded& seeded, const Ends& ends, std::int64_t n, Word* out) {
  Word tiny = 0, medium = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    tiny |= ends.sizes[i] - 1 < 3;
    medium |= ends.sizes[i] > 8;
  }
  for (std::int64_t i = 0; i < n; ++i) out[i] = xxh3::hash_small(seeded, ends.heads[i], ends.sizes[i]);
  for (std::int64_t i = 0; i < (tiny != 0 ? n : 0); ++i) {
    const Word hash = xxh3::hash_tiny(seeded, ends.heads[i], ends.sizes[i]);
    out[i] = ends.sizes[i] < 4 ? hash : out[i];
  }
  for (std::int64_t i = 0; i < (medium != 0 ? n : 0); ++i) {
    const Word hash = xxh3::hash_medium(seeded, ends.heads[i], ends.tails[i], ends.sizes[i], fold_lanes);
    out[i] = ends.sizes[i] > 8 ? hash : out[i];
  }
}

MLRT_INLINE void hash_integers(const Seeded& seeded, const std::int64_t* keys, std::int64_t n, Word* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = xxh3::hash_small(seeded, static_cast<Word>(keys[i]), 8);
}

MLRT_INLINE void ids_of(const Word* hashes, std::int64_t n, Word buckets, std::int64_t* ids) {
  for (std::int64_t i = 0; i < n; ++i) ids[i] = static_cast<std::int64_t>(((hashes[i] >> 32) * buckets >> 32) + 1);
}

namespace scalar {
#include "kernels/hash_level.inc"
}  // namespace scalar

#if MLRT_X86
MLRT_REGION_AVX2
namespace avx2 {
#include "kernels/hash_level.inc"
}  // namespace avx2
MLRT_REGION_END

MLRT_REGION_AVX512
namespace avx512 {
#include "kernels/hash_level.inc"
}  // namespace avx512
MLRT_REGION_END
#endif

// The functions of one level.
struct Run {
  void (*ends)(const Seeded& seeded, const Ends& ends, std::int64_t n, Word* out);
  void (*integers)(const Seeded& seeded, const std::int64_t* keys, std::int64_t n, Word* out);
  void (*ids)(const Word* hashes, std::int64_t n, Word buckets, std::int64_t* ids);
};

inline Run select(Isa isa) {
  return {MLRT_SELECT(isa, ends), MLRT_SELECT(isa, integers), MLRT_SELECT(isa, ids)};
}

// Fills `ends`, and `longer` with the positions of texts above 16 bytes, whose number it returns. Not inlined, see
// gather_integers.
[[gnu::noinline]] inline std::int64_t find_ends(const TextBlock& block, std::int64_t n, Ends& ends,
                                                std::int64_t* longer) {
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto [data, size, readable] = block.texts[i];
    ends.heads[i] = xxh3::word_at(data, 0);
    ends.tails[i] = xxh3::word_at(data, size > 8 ? size - 8 : 0);
    ends.sizes[i] = size;
    longer[count] = i;
    count += size > 16;
  }
  return count;
}

// The hashes of n texts, 0 for a missing one.
inline void hash_texts(const Run& run, const Seeded& seeded, const TextBlock& block, std::int64_t n, Word* out) {
  Ends ends;
  std::int64_t longer[kTileRows];
  const std::int64_t count = find_ends(block, n, ends, longer);
  run.ends(seeded, ends, n, out);
  for (std::int64_t i = 0; i < n; ++i) out[i] &= 0 - Word{ends.sizes[i] != 0};
  for (std::int64_t j = 0; j < count; ++j) {
    const Text& text = block.texts[longer[j]];
    out[longer[j]] = xxh3::hash(seeded, text.data, text.size);
  }
}

// The hashes of n rows of a key column, 0 for a missing one.
inline void hash_column(const Run& run, const Seeded& seeded, const Column& column, std::int64_t begin, std::int64_t n,
                        Word* out) {
  if (column.type == Type::utf8) {
    TextBlock block;
    encoders::gather_texts(column, begin, n, block);
    return hash_texts(run, seeded, block, n, out);
  }
  std::int64_t keys[kTileRows];
  encoders::gather_integers(column, begin, n, keys);
  run.integers(seeded, keys, n, out);
  encoders::clear_missing(column, begin, n, out);
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
    const Run run = select(isa);
    Word hashes[kTileRows];
    hash_texts(run, seeded_, block, n, hashes);
    run.ids(hashes, n, buckets_, ids);
    for (std::int64_t i = 0; i < n; ++i) ids[i] &= 0 - std::int64_t{block.texts[i].size != 0};
  }

  void of_integers(Isa isa, const std::int64_t* keys, std::int64_t n, std::int64_t* ids) const override {
    const Run run = select(isa);
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
  void hash(const Run& run, const Seeded& seeded, const Batch& batch, std::int64_t begin, std::int64_t n,
            Word* out) const {
    const std::size_t k = positions.size();
    const auto column = [&](std::size_t j) -> const Column& {
      return batch.columns[static_cast<std::size_t>(positions[j])];
    };
    if (k == 1) return hash_column(run, seeded, column(0), begin, n, out);
    std::vector<Word> parts(k * kTileRows);
    Word part[kTileRows];
    for (std::size_t j = 0; j < k; ++j) {
      hash_column(run, seeded, column(j), begin, n, part);
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
    Bound(const CrossIds& encoder, Isa isa) : encoder_(encoder), run_(select(isa)) {}

    void encode(const Span& span, std::int64_t begin, std::int64_t n, std::int64_t* ids) const override {
      Word hashes[kTileRows];
      encoder_.columns_.hash(run_, encoder_.keys_.seeded(), *span.batch, begin, n, hashes);
      run_.ids(hashes, n, static_cast<Word>(encoder_.keys_.largest()), ids);
      for (std::int64_t i = 0; i < n; ++i) ids[i] &= 0 - std::int64_t{hashes[i] != 0};
    }

   private:
    const CrossIds& encoder_;
    Run run_;
  };

  Columns columns_;
  HashKeys keys_;
};

// out: uint64[table.rows()].
inline void run(const Columns& columns, const Table& table, Word seed, Word* out) {
  columns.check(table);
  const Run level = select(active_isa());
  const Seeded seeded(seed);
  const std::vector<Span> tasks = spans(table);
  parallel_for(tasks.size(), worker_count(tasks.size()), [&](std::size_t, std::size_t task) {
    const Span& span = tasks[task];
    for (std::int64_t done = 0; done < span.rows; done += kTileRows)
      columns.hash(level, seeded, *span.batch, span.begin + done, std::min(kTileRows, span.rows - done),
                   out + span.first_row + done);
  });
}

}  // namespace mlrt::hash
