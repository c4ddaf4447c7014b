// table_counts: the live counts of all monitored columns; a batch, of whatever size, is one call.
//
// Input   a table, some rows of it, or a matrix of the numeric columns; and for each state the position of its column, -1
//         where the batch has none.
// Output  TableCounts, a mergeable state: of each column its NumericCounts or category_counts::Counts.
// Error   0; the same bits for any order of batches, number of threads and instruction set.
//         Throws std::invalid_argument, before anything is counted, when a column does not suit its state.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

#include "kernels/category_counts.hpp"
#include "kernels/matrix.hpp"
#include "kernels/numeric_counts.hpp"

namespace mlrt::table_counts {

using numeric_counts::NumericCounts;
using numeric_counts::Runs;
using CategoryCounts = category_counts::Counts;
using ColumnCounts = std::variant<NumericCounts, CategoryCounts>;

using Places = std::vector<std::int64_t>;

struct TableCounts {
  std::vector<ColumnCounts> columns;

  // The same columns, nothing counted; edges and categories are shared.
  TableCounts empty() const {
    TableCounts result;
    for (const ColumnCounts& column : columns)
      result.columns.push_back(std::visit([](const auto& counts) -> ColumnCounts { return counts.empty(); }, column));
    return result;
  }

  void merge(const TableCounts& other) {
    if (columns.size() != other.columns.size())
      throw std::invalid_argument(problem("TableCounts.merge", std::to_string(columns.size()) + " columns",
                                          std::to_string(other.columns.size()), "build both from one baseline"));
    for_pairs(other, [](const auto& counts, const auto& more) { counts.require_like(more); });
    for_pairs(other, [](auto& counts, const auto& more) { counts.merge(more); });
  }

  static constexpr const char* kTag = "tabc";

  void write(binary::Writer& out) const {
    out.number(std::uint64_t{columns.size()});
    for (const ColumnCounts& column : columns) {
      out.number(std::uint64_t{column.index()});
      std::visit([&out](const auto& counts) { counts.write(out); }, column);
    }
  }

  static TableCounts read(binary::Reader& in) {
    TableCounts state;
    for (auto left = in.number<std::uint64_t>(); left > 0; --left) {
      const auto kind = in.number<std::uint64_t>();
      in.require(kind < std::variant_size_v<ColumnCounts>, "counts of a known kind");
      if (kind == 0)
        state.columns.emplace_back(NumericCounts::read(in));
      else
        state.columns.emplace_back(CategoryCounts::read(in));
    }
    return state;
  }

 private:
  // use(ours, theirs) for each column; throws when they are of two kinds.
  template <class Use>
  void for_pairs(const TableCounts& other, Use use) {
    for (std::size_t c = 0; c < columns.size(); ++c)
      std::visit(
          [&](auto& counts) {
            const auto* const more = std::get_if<std::decay_t<decltype(counts)>>(&other.columns[c]);
            if (more == nullptr)
              throw std::invalid_argument(problem("TableCounts.merge", "columns of the same kinds",
                                                  "column " + std::to_string(c) + " of another",
                                                  "build both from one baseline"));
            use(counts, *more);
          },
          columns[c]);
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

// Throws unless the columns at their places are what the states count.
inline void require_suited(const TableCounts& counts, const Table& table, const Places& places) {
  require_places(counts, places, static_cast<std::int64_t>(table.fields().size()));
  for (std::size_t c = 0; c < places.size(); ++c) {
    if (places[c] < 0) continue;
    if (const auto* const categories = std::get_if<CategoryCounts>(&counts.columns[c])) {
      table.require_keys(places[c]);
      categories->categories()->check(table.field(places[c]));
    } else {
      table.require_numeric(places[c]);
    }
  }
}

// What `spans` gives, of rows [begin, end) alone.
inline std::vector<Span> spans_within(const Table& table, std::int64_t begin, std::int64_t end) {
  std::vector<Span> result;
  for (const Span& span : spans(table)) {
    const std::int64_t first = std::max(begin, span.first_row);
    const std::int64_t last = std::min(end, span.first_row + span.rows);
    if (first < last) result.push_back({span.batch, span.begin + (first - span.first_row), last - first, first});
  }
  return result;
}

// Counts rows [begin, end).
inline void update(TableCounts& into, const Table& table, const Places& places, std::int64_t begin, std::int64_t end) {
  if (begin < 0 || end < begin || end > table.rows())
    throw std::invalid_argument(problem("rows", "a range of the " + std::to_string(table.rows()) + " rows",
                                        std::to_string(begin) + " to " + std::to_string(end), "leave it out for all"));
  require_suited(into, table, places);
  struct Task {
    Span span;
    std::size_t column;
  };
  std::vector<Task> tasks;
  for (const Span& span : spans_within(table, begin, end))
    for (std::size_t c = 0; c < places.size(); ++c)
      if (places[c] >= 0) tasks.push_back({span, c});
  const Isa isa = active_isa();
  const Runs runs(isa);
  const std::int64_t values = (end - begin) * static_cast<std::int64_t>(places.size());
  spread(into, tasks, values, [&](TableCounts& state, const Task& task) {
    const Column& column = task.span.column(places[task.column]);
    if (auto* const categories = std::get_if<CategoryCounts>(&state.columns[task.column]))
      return categories->count(column, task.span.begin, task.span.rows);
    auto& numbers = std::get<NumericCounts>(state.columns[task.column]);
    for_each_block(task.span, column, isa, [&](const Block& block) { add_block(numbers, runs, block); });
  });
}

inline void update(TableCounts& into, const Matrix& matrix, const Places& places) {
  require_places(into, places, matrix.columns);
  struct Part {
    std::size_t state;
    std::int64_t column;
  };
  std::vector<Part> parts;
  for (std::size_t c = 0; c < places.size(); ++c) {
    if (places[c] < 0) continue;
    if (!std::holds_alternative<NumericCounts>(into.columns[c]))
      throw std::invalid_argument(
          problem("places", "numeric columns of a matrix", "one of categories", "pass -1 for it"));
    parts.push_back({c, places[c]});
  }
  struct Task {
    std::int64_t begin;
    std::int64_t end;
  };
  std::vector<Task> tasks;
  for (std::int64_t begin = 0; begin < matrix.rows; begin += kSpanRows)
    tasks.push_back({begin, std::min(begin + kSpanRows, matrix.rows)});
  const Runs runs(active_isa());
  spread(into, tasks, matrix.rows * matrix.columns, [&](TableCounts& state, const Task& task) {
    alignas(64) double buffer[kBlockRows];
    // Whole blocks, however wide the rows: fetching a column's edges and counts again costs more than its values.
    for (std::int64_t begin = task.begin; begin < task.end; begin += kBlockRows) {
      const std::int64_t n = std::min(kBlockRows, task.end - begin);
      for (const Part& part : parts)
        add_block(std::get<NumericCounts>(state.columns[part.state]), runs,
                  Block{matrix.block(runs.decode, part.column, begin, n, buffer), n});
    }
  });
}

}  // namespace mlrt::table_counts
