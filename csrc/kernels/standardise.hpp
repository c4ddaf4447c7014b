// standardise: impute and standardise numeric columns into one row-major float32 matrix.
//   value      float32(clamp((x - center) · scale)), x = fill where missing or infinite, clamp to ±max of float32
//   indicator  1 where missing (null or NaN), else 0; an infinity is not missing
// Input   a table; per output a column, a kind, and finite fill, center, scale.
// Output  float32[rows, outputs], C-contiguous. A difference that overflows to NaN is clamped to -max.
// Error   0 between ISAs: float64 subtract, multiply, one rounding to float32, no contraction. Cost: one pass a column.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

#include "core/errors.hpp"
#include "kernels/decode.hpp"

namespace mlrt::standardise {

enum class Kind : std::uint8_t { value = 0, indicator = 1 };

struct Output {
  std::int32_t column;
  Kind kind;
  double fill;
  double center;
  double scale;
};

using Plan = std::vector<Output>;

constexpr double kLargest = std::numeric_limits<float>::max();

namespace scalar {

inline float value(double x, const Output& output) {
  const double filled = std::isfinite(x) ? x : output.fill;
  const double scaled = (filled - output.center) * output.scale;
  const double above = scaled > -kLargest ? scaled : -kLargest;
  return static_cast<float>(above < kLargest ? above : kLargest);
}

inline float indicator(double x) {
  return std::isnan(x) ? 1.0f : 0.0f;
}

inline void run(const Output& output, const double* x, std::int64_t n, float* out, std::int64_t stride) {
  if (output.kind == Kind::indicator) {
    for (std::int64_t i = 0; i < n; ++i) out[i * stride] = indicator(x[i]);
  } else {
    for (std::int64_t i = 0; i < n; ++i) out[i * stride] = value(x[i], output);
  }
}

}  // namespace scalar

// Throws std::invalid_argument, naming the output, unless the plan is as the contract says.
inline void check(const Plan& plan) {
  for (std::size_t j = 0; j < plan.size(); ++j) {
    const Output& output = plan[j];
    const std::string where = "DensePlan output " + std::to_string(j);
    if (output.kind > Kind::indicator)
      throw std::invalid_argument(problem(where, "kind 0 (value) or 1 (indicator)",
                                          std::to_string(static_cast<int>(output.kind)), "correct `kind`"));
    if (!std::isfinite(output.fill) || !std::isfinite(output.center) || !std::isfinite(output.scale))
      throw std::invalid_argument(
          problem(where, "finite fill, center and scale", "NaN or an infinity", "fit on a column with finite values"));
  }
}

// Writes rows [span] of the matrix that starts at `out`.
inline void run_span(const Plan& plan, const Span& span, float* out) {
  constexpr std::int64_t kTileBytes = 1 << 16;  // what the columns of one block write stays in the cache
  const auto width = static_cast<std::int64_t>(plan.size());
  const std::int64_t most = std::clamp<std::int64_t>(kTileBytes / (width * 4), 16, kBlockRows);
  alignas(64) double buffer[kBlockRows];
  for (std::int64_t done = 0; done < span.rows; done += most) {
    const std::int64_t n = std::min(most, span.rows - done);
    float* const tile = out + (span.first_row + done) * width;
    const double* x = nullptr;
    for (std::int64_t j = 0; j < width; ++j) {
      const Output& output = plan[static_cast<std::size_t>(j)];
      const bool is_decoded = j > 0 && plan[static_cast<std::size_t>(j - 1)].column == output.column;
      if (!is_decoded) x = decode::block(span.column(output.column), span.begin + done, n, buffer);
      scalar::run(output, x, n, tile + j, width);
    }
  }
}

// out: float32[table.rows(), plan.size()].
inline void run(const Plan& plan, const Table& table, float* out) {
  for (const Output& output : plan) table.require_numeric(output.column);
  if (plan.empty()) return;
  const std::vector<Span> tasks = spans(table);
  parallel_for(tasks.size(), worker_count(tasks.size()),
               [&](std::size_t, std::size_t task) { run_span(plan, tasks[task], out); });
}

}  // namespace mlrt::standardise
