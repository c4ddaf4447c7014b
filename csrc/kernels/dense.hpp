// dense: expressions and other dense outputs into one row-major float32 matrix, in one pass over each input column.
//   value  float32(clamp(x, ±max of float32)), x the expression's float64; NaN stays NaN (quiet, 0x7fc00000)
// Input   outputs (expressions: expression.hpp; others: dense_output.hpp) and a table that suits them.
// Output  float32[rows, width], C-contiguous.
// Error   0 between ISAs: each float64 operation alone, one rounding to float32. Cost: a tile of 256 rows goes through
//         the L1 cache column by column and leaves as whole rows, past the caches where the matrix outgrows them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "core/stream.hpp"
#include "kernels/dense_output.hpp"
#include "kernels/interleave.hpp"
#include "kernels/shared_steps.hpp"

namespace mlrt::dense {

class Plan {
 public:
  using Item = std::variant<Expression, std::shared_ptr<const Output>>;

  // Expressions that stand side by side become one output, so that they can share steps.
  explicit Plan(const std::vector<Item>& items) {
    std::vector<Expression> run;
    const auto end_run = [&] {
      if (!run.empty()) outputs_.push_back(std::make_shared<Expressions>(std::exchange(run, {})));
    };
    for (const Item& item : items) {
      if (const auto* const expression = std::get_if<Expression>(&item)) {
        run.push_back(*expression);
      } else {
        end_run();
        outputs_.push_back(std::get<std::shared_ptr<const Output>>(item));
      }
    }
    end_run();
    for (const auto& output : outputs_) width_ += output->width();
  }

  const std::vector<std::shared_ptr<const Output>>& outputs() const { return outputs_; }
  std::size_t width() const { return width_; }

 private:
  std::vector<std::shared_ptr<const Output>> outputs_;
  std::size_t width_ = 0;
};

// What one worker needs: the outputs' fillers, a tile column by column, then row by row.
struct Worker {
  Worker(const std::vector<std::unique_ptr<Bound>>& bound, std::size_t width)
      : columns(width * static_cast<std::size_t>(kTileRows)), tile(columns.size()) {
    for (const auto& each : bound) fillers.push_back(each->filler());
  }

  std::vector<std::unique_ptr<Filler>> fillers;
  Interleave interleave = select_interleave(active_isa());
  std::vector<float, Allocator<float>> columns;
  std::vector<float, Allocator<float>> tile;
};

// Writes the rows of `span` into the matrix that starts at `out`.
inline void run_span(const Plan& plan, const Span& span, bool streams, Worker& worker, float* out) {
  const auto width = static_cast<std::int64_t>(plan.width());
  for (std::int64_t done = 0; done < span.rows; done += kTileRows) {
    const std::int64_t n = std::min(kTileRows, span.rows - done);
    float* columns = worker.columns.data();
    for (std::size_t k = 0; k < worker.fillers.size(); ++k) {
      worker.fillers[k]->fill(span, span.begin + done, n, columns);
      columns += plan.outputs()[k]->width() * static_cast<std::size_t>(kTileRows);
    }
    float* const target = out + (span.first_row + done) * width;
    worker.interleave(worker.columns.data(), width, n, streams ? worker.tile.data() : target);
    if (streams) stream_copy(target, worker.tile.data(), static_cast<std::size_t>(n * width) * sizeof(float));
  }
  if (streams) stream_end();
}

// out: float32[table.rows(), plan.width()].
inline void run(const Plan& plan, const Table& table, float* out) {
  std::vector<std::unique_ptr<Bound>> bound;
  for (const auto& output : plan.outputs()) bound.push_back(output->bind(table));
  if (plan.width() == 0) return;
  const bool streams = static_cast<std::size_t>(table.rows()) * plan.width() * sizeof(float) >= kStreamBytes;
  const std::vector<Span> tasks = spans(table);
  std::vector<std::unique_ptr<Worker>> workers(worker_count(tasks.size()));
  parallel_for(tasks.size(), workers.size(), [&](std::size_t worker, std::size_t task) {
    if (workers[worker] == nullptr) workers[worker] = std::make_unique<Worker>(bound, plan.width());
    run_span(plan, tasks[task], streams, *workers[worker], out);
  });
}

}  // namespace mlrt::dense
