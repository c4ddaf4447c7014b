// table_counts: the live counts of all monitored columns; a batch, of whatever size, is one call.
//
// Input   a table or a matrix, and for each state the position of its column, -1 where the batch has none.
// Output  TableCounts, a mergeable state: one NumericCounts a column.
// Error   0; the same bits for any order of batches, number of threads and instruction set.
//         Throws std::invalid_argument, before anything is counted, when a column does not suit its state.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <vector>

#include "kernels/matrix.hpp"
#include "kernels/numeric_counts.hpp"

namespace mlrt::table_counts {

using numeric_counts::NumericCounts;
using numeric_counts::Runs;

using Places = std::vector<std::int64_t>;

struct TableCounts {
  std::vector<NumericCounts> columns;

  TableCounts empty() const {
    TableCounts result;
    for (const NumericCounts& column : columns) result.columns.push_back(column.empty());
    return result;
  }

  void merge(const TableCounts& other) {
    if (columns.size() != other.columns.size())
      throw std::invalid_argument(problem("TableCounts.merge", std::to_string(columns.size()) + " columns",
                                          std::to_string(other.columns.size()), "build both from one baseline"));
    for (std::size_t c = 0; c < columns.size(); ++c)
      columns[c].histogram.require_same_edges(other.columns[c].histogram);
    for (std::size_t c = 0; c < columns.size(); ++c) columns[c].merge(other.columns[c]);
  }

  static constexpr const char* kTag = "tabc";

  void write(binary::Writer& out) const {
    out.number(std::uint64_t{columns.size()});
    for (const NumericCounts& column : columns) {
      column.histogram.write(out);
      column.moments.write(out);
    }
  }

  static TableCounts read(binary::Reader& in) {
    TableCounts state;
    for (auto left = in.number<std::uint64_t>(); left > 0; --left) {
      auto counts = histogram::Histogram::read(in);
      state.columns.emplace_back(std::move(counts), moments::Moments::read(in));
    }
    return state;
  }
};

// Below it, waking a thread takes longer than counting.
constexpr std::int64_t kSerialValues = 1 << 17;

inline void require_places(const TableCounts& counts, const Places& places, std::int64_t columns) {
  if (places.size() != counts.columns.size())
    throw std::invalid_argument(problem("places", std::to_string(counts.columns.size()) + " of them, one a column",
                                        std::to_string(places.size()), "pass -1 for a column that the batch lacks"));
  for (const std::int64_t place : places)
    if (place < -1 || place >= columns)
      throw std::invalid_argument(problem("places", "positions from -1 to " + std::to_string(columns - 1),
                                          std::to_string(place), "look them up in the batch"));
}

// Calls visit(state, task) for every task: at once if there are few values, else on all threads.
template <class Task, class Visit>
void spread(TableCounts& into, const std::vector<Task>& tasks, std::int64_t values, Visit visit) {
  if (values >= kSerialValues) return reduce(tasks, into, into.empty(), visit);
  for (const Task& task : tasks) visit(into, task);
}

inline void update(TableCounts& into, const Table& table, const Places& places) {
  require_places(into, places, static_cast<std::int64_t>(table.fields().size()));
  for (const std::int64_t place : places)
    if (place >= 0) table.require_numeric(place);
  struct Task {
    Span span;
    std::size_t column;
  };
  std::vector<Task> tasks;
  for (const Span& span : spans(table))
    for (std::size_t c = 0; c < places.size(); ++c)
      if (places[c] >= 0) tasks.push_back({span, c});
  const Isa isa = active_isa();
  const Runs runs(isa);
  spread(into, tasks, table.rows() * static_cast<std::int64_t>(places.size()),
         [&](TableCounts& state, const Task& task) {
           for_each_block(task.span, task.span.column(places[task.column]), isa,
                          [&](const Block& block) { add_block(state.columns[task.column], runs, block); });
         });
}

inline void update(TableCounts& into, const Matrix& matrix, const Places& places) {
  require_places(into, places, matrix.columns);
  struct Task {
    std::int64_t begin;
    std::int64_t end;
  };
  std::vector<Task> tasks;
  for (std::int64_t begin = 0; begin < matrix.rows; begin += kSpanRows)
    tasks.push_back({begin, std::min(begin + kSpanRows, matrix.rows)});
  const Runs runs(active_isa());
  const std::int64_t step = matrix.block_rows();
  spread(into, tasks, matrix.rows * matrix.columns, [&](TableCounts& state, const Task& task) {
    alignas(64) double buffer[kBlockRows];
    for (std::int64_t begin = task.begin; begin < task.end; begin += step) {
      const std::int64_t n = std::min(step, task.end - begin);
      for (std::size_t c = 0; c < places.size(); ++c)
        if (places[c] >= 0)
          add_block(state.columns[c], runs, Block{matrix.block(runs.decode, places[c], begin, n, buffer), n});
    }
  });
}

}  // namespace mlrt::table_counts
