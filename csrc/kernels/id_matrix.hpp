// id_matrix: the ids of several encoders as one row-major matrix.
//
// Input   encoders and a table whose columns they accept.
// Output  Id[rows, encoders], Id int64 or int32.
// Error   0. An id beyond int32 is refused beforehand. Cost: an encoder writes a cached tile, which is then streamed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/rows.hpp"
#include "core/stream.hpp"
#include "kernels/key_block.hpp"

namespace mlrt::encoders {

// One output column. What a batch needs only once (the ids of a dictionary's entries) is made by `prepare`.
class Encoder {
 public:
  using Prepared = std::vector<std::int64_t>;

  virtual ~Encoder() = default;

  // Throws std::invalid_argument, naming the column, when the table's columns do not fit.
  virtual void check(const Table& table) const = 0;

  virtual std::int64_t largest_id() const = 0;
  virtual Prepared prepare(Isa, const Batch&) const { return {}; }

  // The ids of n <= kTileRows rows.
  virtual void encode(Isa isa, const Batch& batch, const Prepared& prepared, std::int64_t begin, std::int64_t n,
                      std::int64_t* ids) const = 0;
};

// The keys of one column.
class ColumnIds final : public Encoder {
 public:
  ColumnIds(std::int64_t column, std::shared_ptr<const KeyIds> keys) : column_(column), keys_(std::move(keys)) {}

  void check(const Table& table) const override {
    table.require_keys(column_);
    vocabulary::require_int64(table, column_);
    keys_->check(table.field(column_), vocabulary::kind_of(table.field(column_).type));
  }

  std::int64_t largest_id() const override { return keys_->largest(); }

  // The ids of a dictionary's entries, then kMissingId for a null row; none where it is longer than its column.
  Prepared prepare(Isa isa, const Batch& batch) const override {
    const Column& column = in(batch);
    if (column.entries == nullptr || column.entries->rows > column.rows) return {};
    const Column& entries = *column.entries;
    Prepared ids(static_cast<std::size_t>(entries.rows) + 1, kMissingId);
    for (std::int64_t begin = 0; begin < entries.rows; begin += kTileRows)
      ids_of_rows(isa, *keys_, entries, begin, std::min(kTileRows, entries.rows - begin), ids.data() + begin);
    return ids;
  }

  void encode(Isa isa, const Batch& batch, const Prepared& prepared, std::int64_t begin, std::int64_t n,
              std::int64_t* ids) const override {
    const Column& column = in(batch);
    if (prepared.empty()) return ids_of_rows(isa, *keys_, column, begin, n, ids);
    with_integer(column.field->index, [&](auto sample) {
      const auto entry_at = [&](std::int64_t i) {
        return static_cast<std::int64_t>(load<decltype(sample)>(column.values, column.offset + begin + i));
      };
      const std::int64_t* const by_entry = prepared.data();
      if (column.validity == nullptr) {
        for (std::int64_t i = 0; i < n; ++i) ids[i] = by_entry[entry_at(i)];
        return;
      }
      const std::int64_t missing = column.entries->rows;
      for (std::int64_t i = 0; i < n; ++i) ids[i] = by_entry[column.is_null(begin + i) ? missing : entry_at(i)];
    });
  }

 private:
  const Column& in(const Batch& batch) const { return batch.columns[static_cast<std::size_t>(column_)]; }

  std::int64_t column_;
  std::shared_ptr<const KeyIds> keys_;
};

using Plan = std::vector<std::shared_ptr<const Encoder>>;

// What the encoders prepared: by batch, then by encoder.
inline std::vector<Encoder::Prepared> prepare_all(Isa isa, const Plan& plan, const Table& table) {
  std::vector<Encoder::Prepared> all(table.batches().size() * plan.size());
  parallel_for(all.size(), worker_count(all.size()), [&](std::size_t, std::size_t task) {
    all[task] = plan[task % plan.size()]->prepare(isa, table.batches()[task / plan.size()]);
  });
  return all;
}

// Writes the rows of `span` into the matrix that starts at `out`.
template <class Id>
void run_span(Isa isa, const Plan& plan, const Span& span, const Encoder::Prepared* prepared, bool streams, Id* out) {
  const std::size_t width = plan.size();
  std::vector<Id> scratch(streams ? width * kTileRows : 0);
  std::int64_t ids[kTileRows];
  for (std::int64_t done = 0; done < span.rows; done += kTileRows) {
    const std::int64_t n = std::min(kTileRows, span.rows - done);
    Id* const target = out + (span.first_row + done) * static_cast<std::int64_t>(width);
    Id* const tile = streams ? scratch.data() : target;
    for (std::size_t j = 0; j < width; ++j) {
      plan[j]->encode(isa, *span.batch, prepared[j], span.begin + done, n, ids);
      for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) tile[i * width + j] = static_cast<Id>(ids[i]);
    }
    if (streams) stream_copy(target, tile, static_cast<std::size_t>(n) * width * sizeof(Id));
  }
  if (streams) stream_end();
}

template <class Id>
void check(const Plan& plan, const Table& table) {
  for (std::size_t j = 0; j < plan.size(); ++j) {
    plan[j]->check(table);
    if (plan[j]->largest_id() > std::numeric_limits<Id>::max())
      throw std::invalid_argument(problem("encoder " + std::to_string(j), "ids below 2^31 for int32",
                                          std::to_string(plan[j]->largest_id()), "ask for int64"));
  }
}

// out: Id[table.rows(), plan.size()].
template <class Id>
void run(const Plan& plan, const Table& table, Id* out) {
  check<Id>(plan, table);
  const std::size_t width = plan.size();
  if (width == 0) return;
  const Isa isa = active_isa();
  const std::vector<Encoder::Prepared> prepared = prepare_all(isa, plan, table);
  const bool streams = static_cast<std::size_t>(table.rows()) * width * sizeof(Id) >= kStreamBytes;
  const std::vector<Span> tasks = spans(table);
  parallel_for(tasks.size(), worker_count(tasks.size()), [&](std::size_t, std::size_t task) {
    const auto batch = static_cast<std::size_t>(tasks[task].batch - table.batches().data());
    run_span(isa, plan, tasks[task], prepared.data() + batch * width, streams, out);
  });
}

}  // namespace mlrt::encoders
