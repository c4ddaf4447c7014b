// expression: a source followed by steps, one float64 per row, NaN where missing.
// Input   a table that suits the source (source.hpp), and steps (step.hpp).
// Output  blocks of float64 for other kernels (block, for_each_block), or all rows at once (evaluate).
// Error   0 between levels: as the source and the steps (steps.hpp).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/rows.hpp"
#include "kernels/source.hpp"
#include "kernels/steps.hpp"

namespace mlrt::expression {

struct Expression {
  Source source;
  std::vector<Step> steps;
};

// The loops of steps [first, last): an impute is fused with the step behind it where that one takes it.
inline std::vector<Pass> passes(const Step* first, const Step* last) {
  std::vector<Pass> result;
  for (; first != last; ++first) {
    const bool is_impute = first->operation == Operation::impute;
    const Step* const next = is_impute && first + 1 != last && is_fused(first[1].operation) ? first + 1 : nullptr;
    result.push_back(is_impute ? Pass{first, next} : Pass{nullptr, first});
    first += next != nullptr;
  }
  return result;
}

// An expression made ready for one table, which both outlive it; shared by all workers.
class Bound {
 public:
  Bound(const Expression& expression, const Table& table, Isa isa)
      : reader_(expression.source, table, isa),
        passes_(passes(expression.steps.data(), expression.steps.data() + expression.steps.size())),
        loops_(&select(isa)) {}

  // Rows [begin, begin + n) of the span's batch, any n: in `buffer`, or in the producer's own memory.
  const double* block(const Span& span, std::int64_t begin, std::int64_t n, double* buffer) const {
    if (n <= kSourceRows) return part(span, begin, n, buffer);
    for (std::int64_t done = 0; done < n; done += kSourceRows) {
      const std::int64_t rows = std::min(kSourceRows, n - done);
      const double* const values = part(span, begin + done, rows, buffer + done);
      if (values != buffer + done) std::copy_n(values, rows, buffer + done);
    }
    return buffer;
  }

 private:
  const double* part(const Span& span, std::int64_t begin, std::int64_t n, double* buffer) const {
    alignas(64) float float32[kSourceRows];
    const bool takes_float32 = !passes_.empty() && passes_.front().is_fused();
    Block block = reader_.read(span, begin, n, takes_float32 ? float32 : nullptr, buffer);
    for (const Pass& pass : passes_) {
      loops_->pass(pass, block, n, buffer);
      block = {buffer, false};
    }
    return block.doubles();
  }

  Reader reader_;
  std::vector<Pass> passes_;
  const Loops* loops_;
};

// Calls visit(values, n, begin) for each block of the span's rows, as decode::for_each_block does for a column.
template <class Visit>
void for_each_block(const Span& span, const Bound& bound, Visit visit) {
  alignas(64) double buffer[kBlockRows];
  for (std::int64_t done = 0; done < span.rows; done += kBlockRows) {
    const std::int64_t n = std::min(kBlockRows, span.rows - done);
    visit(bound.block(span, span.begin + done, n, buffer), n, span.begin + done);
  }
}

// out: float64[table.rows()].
inline void evaluate(const Expression& expression, const Table& table, double* out) {
  const Bound bound(expression, table, active_isa());
  const std::vector<Span> tasks = spans(table);
  parallel_for(tasks.size(), worker_count(tasks.size()), [&](std::size_t, std::size_t task) {
    const Span& span = tasks[task];
    double* const to = out + span.first_row;
    const double* const values = bound.block(span, span.begin, span.rows, to);
    if (values != to) std::copy_n(values, span.rows, to);
  });
}

}  // namespace mlrt::expression
