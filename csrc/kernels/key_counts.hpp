// key_counts: exact counts of the distinct keys of a column.
//
// Input   an Arrow column of strings (any layout, dictionaries too), integers or booleans.
// Output  Counter, a mergeable state, whose entries come in the order of key_entries.hpp.
// Error   0. Cost: one hash and one line of a table a row; a dictionary shorter than the rows is hashed once per entry.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/rows.hpp"
#include "core/threads.hpp"
#include "kernels/key_counter.hpp"
#include "kernels/keys.hpp"

namespace mlrt::vocabulary {

// Counts rows with one table for all workers, each of which reads every row and counts the keys of its parts: tables
// that hold most of the keys each would have to be merged.
inline void count_by_parts(Counter& into, const Span& span, std::int64_t column, std::size_t workers) {
  constexpr std::int64_t kRound = 1 << 14;  // so few that room for as many new keys seldom doubles the table
  for (std::int64_t done = 0; done < span.rows; done += kRound) {
    const std::int64_t n = std::min(kRound, span.rows - done);
    into.reserve(static_cast<std::size_t>(n));
    std::vector<Counter::Seen> seen(workers);
    parallel_for(workers, workers, [&](std::size_t, std::size_t task) {
      const std::uint64_t first = Parts::kAll * task / workers;
      const Parts parts{first, Parts::kAll * (task + 1) / workers - first};
      into.count_parts(span.column(column), span.begin + done, n, parts, seen[task]);
    });
    for (const Counter::Seen& each : seen) into.add(each);
  }
}

constexpr std::int64_t kCountedRows = 4 * kSpanRows;  // one task: long enough to repay a front

inline void update(Counter& into, const Table& table, std::int64_t column) {
  table.require_keys(column);
  require_kind(table.field(column), into.kind(), kind_of(table.field(column).type), "counter");
  require_int64(table, column);
  std::vector<Span> tasks = spans(table, kCountedRows);
  const std::size_t workers = std::min<std::size_t>(worker_count(tasks.size()), Parts::kAll);
  while (!tasks.empty()) {
    if (workers > 1 && into.is_parted() && table.field(column).layout != Layout::dictionary) {
      count_by_parts(into, tasks.back(), column, workers);
      tasks.pop_back();
      continue;
    }
    const std::size_t group = into.kind() == Kind::empty ? std::min(workers, tasks.size()) : tasks.size();
    reduce(std::vector(tasks.end() - static_cast<std::ptrdiff_t>(group), tasks.end()), into, Counter{},
           [&](Counter& state, const Span& span) { state.count(span.column(column), span.begin, span.rows); });
    tasks.resize(tasks.size() - group);
  }
}

}  // namespace mlrt::vocabulary
