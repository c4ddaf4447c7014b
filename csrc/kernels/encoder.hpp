// encoder: what fills one column of a sparse matrix with ids.
//
// Input   a table whose columns suit the encoder, else check() throws std::invalid_argument.
// Output  int64 ids of n <= kTileRows rows, 0 where missing.
// Error   0. Cost: a dictionary smaller than its column is encoded once per entry, and each row is then one load.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "core/rows.hpp"
#include "kernels/key_block.hpp"

namespace mlrt::encoders {

// An encoder made ready for one table, shared by all workers. Both outlive it.
class BoundEncoder {
 public:
  virtual ~BoundEncoder() = default;

  // Rows [begin, begin + n) of the span's batch.
  virtual void encode(const Span& span, std::int64_t begin, std::int64_t n, std::int64_t* ids) const = 0;
};

class Encoder {
 public:
  virtual ~Encoder() = default;

  // Throws std::invalid_argument, naming the column, when the table's columns do not fit.
  virtual void check(const Table& table) const = 0;

  // After check(): prepares, once, what all workers share.
  virtual std::unique_ptr<BoundEncoder> bind(const Table& table, Isa isa) const = 0;

  virtual std::int64_t largest_id() const = 0;
};

// The ids of a dictionary's entries, then kMissingId for a null row; none where it is longer than its column.
inline std::vector<std::int64_t> entry_ids(Isa isa, const KeyIds& keys, const Column& column) {
  if (column.entries == nullptr || column.entries->rows > column.rows) return {};
  const Column& entries = *column.entries;
  std::vector<std::int64_t> ids(static_cast<std::size_t>(entries.rows) + 1, kMissingId);
  for (std::int64_t begin = 0; begin < entries.rows; begin += kTileRows)
    ids_of_rows(isa, keys, entries, begin, std::min(kTileRows, entries.rows - begin), ids.data() + begin);
  return ids;
}

// The ids of rows of a dictionary column from those of its entries.
inline void ids_by_entry(const Column& column, const std::vector<std::int64_t>& entries, std::int64_t begin,
                         std::int64_t n, std::int64_t* ids) {
  with_integer(column.field->index, [&](auto sample) {
    const auto entry_at = [&](std::int64_t i) {
      return static_cast<std::int64_t>(load<decltype(sample)>(column.values, column.offset + begin + i));
    };
    const std::int64_t* const by_entry = entries.data();
    if (column.validity == nullptr) {
      for (std::int64_t i = 0; i < n; ++i) ids[i] = by_entry[entry_at(i)];
      return;
    }
    const std::int64_t missing = column.entries->rows;
    for (std::int64_t i = 0; i < n; ++i) ids[i] = by_entry[column.is_null(begin + i) ? missing : entry_at(i)];
  });
}

// The keys of one column.
class ColumnIds final : public Encoder {
 public:
  ColumnIds(std::int64_t column, std::shared_ptr<const KeyIds> keys) : column_(column), keys_(std::move(keys)) {}

  void check(const Table& table) const override {
    table.require_keys(column_);
    vocabulary::require_int64(table, column_);
    keys_->check(table.field(column_), vocabulary::kind_of(table.field(column_).type));
  }

  std::unique_ptr<BoundEncoder> bind(const Table& table, Isa isa) const override {
    return std::make_unique<Bound>(*this, table, isa);
  }

  std::int64_t largest_id() const override { return keys_->largest(); }

 private:
  class Bound final : public BoundEncoder {
   public:
    Bound(const ColumnIds& encoder, const Table& table, Isa isa)
        : column_(encoder.column_), keys_(*encoder.keys_), isa_(isa), batches_(table.batches().data()) {
      for (const Batch& batch : table.batches())
        entries_.push_back(entry_ids(isa, keys_, batch.columns[static_cast<std::size_t>(column_)]));
    }

    void encode(const Span& span, std::int64_t begin, std::int64_t n, std::int64_t* ids) const override {
      const Column& column = span.column(column_);
      const std::vector<std::int64_t>& entries = entries_[static_cast<std::size_t>(span.batch - batches_)];
      if (entries.empty()) return ids_of_rows(isa_, keys_, column, begin, n, ids);
      ids_by_entry(column, entries, begin, n, ids);
    }

   private:
    std::int64_t column_;
    const KeyIds& keys_;
    Isa isa_;
    const Batch* batches_;
    std::vector<std::vector<std::int64_t>> entries_;  // by batch
  };

  std::int64_t column_;
  std::shared_ptr<const KeyIds> keys_;
};

}  // namespace mlrt::encoders
