// sparse: the ids of several encoders as one row-major matrix.
//   ExpressionIds  id = 0 where x is NaN, else 1 + x, clamped to [1, size - 1]; x ends in whole numbers from 0 on
// Input   encoders (encoder.hpp), and a table that suits them.
// Output  Id[rows, encoders], Id int64 or int32. An id beyond int32 is refused beforehand.
// Error   0. Cost: each encoder writes its column of a panel that stays in the cache; whole rows leave it past the caches.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/aligned.hpp"
#include "core/rows.hpp"
#include "core/stream.hpp"
#include "kernels/encoder.hpp"
#include "kernels/expression.hpp"

namespace mlrt::encoders {

using expression::Expression;

class ExpressionIds final : public Encoder {
 public:
  // Throws std::invalid_argument unless the expression ends in whole numbers.
  ExpressionIds(Expression expression, std::int64_t size) : expression_(std::move(expression)), size_(size) {
    using expression::Operation;
    const auto& steps = expression_.steps;
    if (steps.empty() || (steps.back().operation != Operation::bucket && steps.back().operation != Operation::table))
      refuse("an expression whose last step is bucket or table", steps.empty() ? "no step" : "another step");
    if (size < 2 || size > std::numeric_limits<std::int32_t>::max())
      refuse("a size from 2 to 2^31 - 1", std::to_string(size));
  }

  void check(const Table& table) const override { expression::Bound(expression_, table, Isa::scalar); }

  std::unique_ptr<BoundEncoder> bind(const Table& table, Isa isa) const override {
    return std::make_unique<Bound>(*this, table, isa);
  }

  std::int64_t largest_id() const override { return size_ - 1; }

 private:
  [[noreturn]] static void refuse(const char* expected, const std::string& got) {
    throw std::invalid_argument(problem("ExpressionIds", expected, got, "see `ExpressionIds` in _native.pyi"));
  }

  class Bound final : public BoundEncoder {
   public:
    Bound(const ExpressionIds& encoder, const Table& table, Isa isa)
        : values_(encoder.expression_, table, isa), last_(static_cast<double>(encoder.size_ - 1)) {}

    void encode(const Span& span, std::int64_t begin, std::int64_t n, std::int64_t* ids) const override {
      double buffer[kTileRows];
      const double* const values = values_.block(span, begin, n, buffer);
      for (std::int64_t i = 0; i < n; ++i) {
        const bool is_missing = values[i] != values[i];
        ids[i] = static_cast<std::int64_t>(is_missing ? 0.0 : std::min(std::max(values[i] + 1, 1.0), last_));
      }
    }

   private:
    expression::Bound values_;
    double last_;
  };

  Expression expression_;
  std::int64_t size_;
};

using Plan = std::vector<std::shared_ptr<const Encoder>>;

// Throws std::invalid_argument when the table does not suit an encoder, or Id its ids.
template <class Id>
void check(const Plan& plan, const Table& table) {
  for (std::size_t j = 0; j < plan.size(); ++j) {
    plan[j]->check(table);
    if (plan[j]->largest_id() > std::numeric_limits<Id>::max())
      throw std::invalid_argument(problem("encoder " + std::to_string(j), "ids below 2^31 for int32",
                                          std::to_string(plan[j]->largest_id()), "ask for int64"));
  }
}

using BoundPlan = std::vector<std::unique_ptr<BoundEncoder>>;

inline BoundPlan bind_all(const Plan& plan, const Table& table, Isa isa) {
  BoundPlan bound(plan.size());
  parallel_for(bound.size(), worker_count(bound.size()),
               [&](std::size_t, std::size_t j) { bound[j] = plan[j]->bind(table, isa); });
  return bound;
}

// The columns of some rows of the matrix, before they become rows: an encoder that fills thousands of rows at a time
// reads its column as one stream and finds its vocabulary in the cache, which the next encoder's drives out.
template <class Id>
class Panel {
 public:
  // most_rows: no span has more.
  Panel(const BoundPlan& plan, std::int64_t most_rows)
      : plan_(plan),
        rows_(std::min(most_rows, std::max(kTileRows, kPanelIds / static_cast<std::int64_t>(plan.size())))),
        columns_(plan.size() * static_cast<std::size_t>(rows_)),
        output_(plan.size() * static_cast<std::size_t>(std::min(rows_, kOutputRows))) {}

  std::int64_t rows() const { return rows_; }

  // Rows [begin, begin + n), n <= rows().
  void fill(const Span& span, std::int64_t begin, std::int64_t n) {
    std::int64_t* column = columns_.data();
    for (const auto& encoder : plan_) {
      for (std::int64_t done = 0; done < n; done += kTileRows)
        encoder->encode(span, begin + done, std::min(kTileRows, n - done), column + done);
      column += rows_;
    }
  }

  // Row i of the panel as row i of the matrix that starts at `out`, for i < n.
  void write(std::int64_t n, bool streams, Id* out) {
    const auto width = static_cast<std::int64_t>(plan_.size());
    for (std::int64_t first = 0; first < n; first += kOutputRows) {
      const std::int64_t count = std::min(kOutputRows, n - first);
      Id* const target = out + first * width;
      Id* const tile = streams ? output_.data() : target;
      const std::int64_t* column = columns_.data() + first;
      for (std::int64_t j = 0; j < width; ++j, column += rows_)
        for (std::int64_t i = 0; i < count; ++i) tile[i * width + j] = static_cast<Id>(column[i]);
      if (streams) stream_copy(target, tile, static_cast<std::size_t>(count * width) * sizeof(Id));
    }
  }

 private:
  static constexpr std::int64_t kPanelIds = 1 << 19;  // 4 MiB, part of a third-level cache
  static constexpr std::int64_t kOutputRows = 64;

  const BoundPlan& plan_;
  std::int64_t rows_;
  std::vector<std::int64_t, Allocator<std::int64_t>> columns_;
  std::vector<Id> output_;
};

// Writes the rows of `span` into the matrix of `width` columns that starts at `out`.
template <class Id>
void run_span(Panel<Id>& panel, std::int64_t width, const Span& span, bool streams, Id* out) {
  for (std::int64_t done = 0; done < span.rows; done += panel.rows()) {
    const std::int64_t n = std::min(panel.rows(), span.rows - done);
    panel.fill(span, span.begin + done, n);
    panel.write(n, streams, out + (span.first_row + done) * width);
  }
  if (streams) stream_end();
}

// out: Id[table.rows(), plan.size()].
template <class Id>
void run(const Plan& plan, const Table& table, Id* out) {
  check<Id>(plan, table);
  const std::size_t width = plan.size();
  if (width == 0) return;
  const BoundPlan bound = bind_all(plan, table, active_isa());
  const bool streams = static_cast<std::size_t>(table.rows()) * width * sizeof(Id) >= kStreamBytes;
  const std::vector<Span> tasks = spans(table);
  const std::size_t workers = worker_count(tasks.size());
  const std::int64_t most_rows = std::min(table.rows(), kSpanRows);
  std::vector<std::unique_ptr<Panel<Id>>> panels(workers);
  parallel_for(tasks.size(), workers, [&](std::size_t worker, std::size_t task) {
    if (panels[worker] == nullptr) panels[worker] = std::make_unique<Panel<Id>>(bound, most_rows);
    run_span(*panels[worker], static_cast<std::int64_t>(width), tasks[task], streams, out);
  });
}

}  // namespace mlrt::encoders
