// key_groups: numbers for the distinct keys of a column, so that rows of other columns find those with the same key.
//   id(x) = 0 if x is missing, 3 + its group if x is one of the keys, else 2
// Input   an Arrow column of strings (any layout, dictionaries too), integers or booleans. Missing: null, and "".
// Output  groups from 0 on without a gap, in no order that anybody may rely on; int32 ids of whole columns.
// Error   0. A uint64 above 2^63 - 1 is refused. Cost: one hash and one line of a table a row, of keys and of others.
//         Unlike a Vocabulary it is made for one use: no search for a perfect hash, which takes longer than a join.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>

#include "core/key_table.hpp"
#include "kernels/key_block.hpp"
#include "kernels/sparse.hpp"

namespace mlrt::key_groups {

using encoders::kTileRows;
using encoders::TextBlock;
using vocabulary::Kind;
using vocabulary::kUnseenId;

constexpr std::int64_t kFirstId = kUnseenId + 1;  // of group 0

class Groups final : public encoders::KeyIds {
 public:
  Groups(const Table& table, std::int64_t column) {
    table.require_keys(column);
    vocabulary::require_int64(table, column);
    kind_ = vocabulary::kind_of(table.field(column).type);
    for (const Batch& batch : table.batches()) {
      const Column& keys = batch.columns[static_cast<std::size_t>(column)];
      for (std::int64_t begin = 0; begin < batch.rows; begin += kTileRows) {
        const std::int64_t rows = std::min(kTileRows, batch.rows - begin);
        kind_ == Kind::utf8 ? add_texts(keys, begin, rows) : add_integers(keys, begin, rows);
      }
    }
    constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max() - kFirstId;
    if (size() > kMost)
      throw std::invalid_argument(problem("KeyGroups", "at most " + std::to_string(kMost) + " distinct keys",
                                          std::to_string(size()), "pass fewer rows at a time"));
    integers_.number(kFirstId);
    texts_.number(kFirstId);
  }

  std::int64_t size() const { return static_cast<std::int64_t>(integers_.size() + texts_.size()); }

  void of_texts(Isa, const TextBlock& block, std::int64_t n, std::int64_t* ids) const override {
    StringTable::Probe probes[kKeyBlock];
    for (std::int64_t begin = 0; begin < n; begin += kBlock) {
      const std::int64_t count = std::min(kBlock, n - begin);
      for (std::int64_t i = 0; i < count; ++i) probes[i] = texts_.probe(block[begin + i]);
      texts_.look_up(probes, static_cast<std::size_t>(count), ids + begin);
    }
    for (std::int64_t i = 0; i < n; ++i) ids[i] = block.sizes[i] == 0 ? vocabulary::kMissingId : or_unseen(ids[i]);
  }

  void of_integers(Isa, const std::int64_t* keys, std::int64_t n, std::int64_t* ids) const override {
    for (std::int64_t begin = 0; begin < n; begin += kBlock)
      integers_.look_up(keys + begin, static_cast<std::size_t>(std::min(kBlock, n - begin)), ids + begin);
    for (std::int64_t i = 0; i < n; ++i) ids[i] = or_unseen(ids[i]);
  }

  void check(const Field& field, Kind kind) const override {
    vocabulary::require_kind(field, kind_, kind, "other side");
  }

  std::int64_t largest() const override { return kFirstId + size(); }

 private:
  static constexpr auto kBlock = static_cast<std::int64_t>(kKeyBlock);

  static std::int64_t or_unseen(std::int64_t id) { return id == 0 ? kUnseenId : id; }

  void add_texts(const Column& column, std::int64_t begin, std::int64_t rows) {
    TextBlock block;
    encoders::gather_texts(active_isa(), column, begin, rows, block);
    StringTable::Probe probes[kKeyBlock];
    Added added;
    for (std::int64_t first = 0; first < rows; first += kBlock) {
      std::size_t present = 0;
      for (std::int64_t i = first; i < std::min(rows, first + kBlock); ++i) {
        probes[present] = texts_.probe(block[i]);
        present += block.sizes[i] != 0 ? 1 : 0;
      }
      texts_.count(probes, present, Parts{}, added, Once{});
    }
  }

  void add_integers(const Column& column, std::int64_t begin, std::int64_t rows) {
    std::int64_t keys[kTileRows];
    std::int64_t present = 0;
    vocabulary::for_each_integer(
        column, begin, rows, [&](std::int64_t, std::int64_t key) { keys[present++] = key; }, [](std::int64_t) {});
    Added added;
    for (std::int64_t first = 0; first < present; first += kBlock)
      integers_.count(keys + first, static_cast<std::size_t>(std::min(kBlock, present - first)), Parts{}, added);
  }

  Kind kind_ = Kind::empty;
  StringTable texts_;
  IntegerTable integers_;
};

// ids: int32[table.rows()]. Throws std::invalid_argument, naming the column, for keys of another kind.
inline void run(const std::shared_ptr<const Groups>& groups, const Table& table, std::int64_t column,
                std::int32_t* ids) {
  encoders::run(encoders::Plan{std::make_shared<encoders::ColumnIds>(column, groups)}, table, ids);
}

}  // namespace mlrt::key_groups
