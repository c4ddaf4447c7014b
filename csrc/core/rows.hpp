// rows: how a loop over a table's rows is split into tasks, and how the partial states of its workers are joined.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/arrow.hpp"
#include "core/threads.hpp"

namespace mlrt {

constexpr std::int64_t kSpanRows = 1 << 16;  // one task: long enough to hide the pool, short enough to balance it
constexpr std::int64_t kBlockRows = 2048;    // one step inside a task: 16 KiB of doubles, half of the L1 cache

// Rows [begin, begin + rows) of one batch; `first_row` is the ordinal of the first in the table.
struct Span {
  const Batch* batch;
  std::int64_t begin;
  std::int64_t rows;
  std::int64_t first_row;

  const Column& column(std::int64_t position) const { return batch->columns[static_cast<std::size_t>(position)]; }
};

inline std::vector<Span> spans(const Table& table, std::int64_t most_rows = kSpanRows) {
  std::vector<Span> result;
  std::int64_t first_row = 0;
  for (const Batch& batch : table.batches()) {
    for (std::int64_t begin = 0; begin < batch.rows; begin += most_rows)
      result.push_back({&batch, begin, std::min(most_rows, batch.rows - begin), first_row + begin});
    first_row += batch.rows;
  }
  return result;
}

// Runs visit(state, task) for every task, with one state per worker, and merges them all into `total`.
// The result does not depend on the number of workers because merging commutes. `empty` is a state that saw nothing.
template <class Task, class State, class Visit>
void reduce(const std::vector<Task>& tasks, State& total, const State& empty, Visit visit) {
  const std::size_t workers = worker_count(tasks.size());
  std::vector<State> partial(workers - 1, empty);
  parallel_for(tasks.size(), workers, [&](std::size_t worker, std::size_t task) {
    visit(worker == 0 ? total : partial[worker - 1], tasks[task]);
  });
  for (const State& part : partial) total.merge(part);
}

// The same for every span of a table.
template <class State, class Visit>
void reduce(const Table& table, State& total, const State& empty, Visit visit) {
  reduce(spans(table), total, empty, visit);
}

}  // namespace mlrt
