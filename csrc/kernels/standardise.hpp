// standardise: impute and standardise numeric columns into one row-major float32 matrix.
//   value      float32(clamp((x - center) · scale)), x = fill where missing or infinite, clamp to ±max of float32
//   indicator  1 where missing (null or NaN), else 0; an infinity is not missing
// Input   a table; per output a column, a kind, and finite fill, center, scale.
// Output  float32[rows, outputs], C-contiguous. A difference that overflows to NaN is clamped to -max.
// Error   0 between ISAs: float64 subtract, multiply, one rounding to float32, no contraction. Cost: one pass a column.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <vector>

#include "core/errors.hpp"
#include "core/stream.hpp"
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

// One output of n rows. One body: each level inlines it and vectorises it for itself.
MLRT_INLINE void fill_output(const Output& output, const double* x, std::int64_t n, float* out) {
  if (output.kind == Kind::indicator) {
    for (std::int64_t i = 0; i < n; ++i) out[i] = x[i] != x[i] ? 1.0f : 0.0f;
    return;
  }
  const double fill = output.fill, center = output.center, scale = output.scale;
  for (std::int64_t i = 0; i < n; ++i) {
    const double filled = std::abs(x[i]) <= std::numeric_limits<double>::max() ? x[i] : fill;
    const double scaled = (filled - center) * scale;
    const double above = scaled > -kLargest ? scaled : -kLargest;
    out[i] = static_cast<float>(above < kLargest ? above : kLargest);
  }
}

namespace scalar {
inline void run(const Output& output, const double* x, std::int64_t n, float* out) {
  fill_output(output, x, n, out);
}
}  // namespace scalar

#if MLRT_X86
MLRT_REGION_AVX2
namespace avx2 {
inline void run(const Output& output, const double* x, std::int64_t n, float* out) {
  fill_output(output, x, n, out);
}
}  // namespace avx2
MLRT_REGION_END

MLRT_REGION_AVX512
namespace avx512 {
inline void run(const Output& output, const double* x, std::int64_t n, float* out) {
  fill_output(output, x, n, out);
}
}  // namespace avx512
MLRT_REGION_END
#endif

using Run = void (*)(const Output& output, const double* x, std::int64_t n, float* out);

inline Run select(Isa isa) {
  return MLRT_SELECT(isa, run);
}

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

constexpr std::int64_t kTileRows = 256;

// Writes columns[0, width) of kTileRows floats each into the row-major tile, four by four where it can.
inline void interleave(const float* columns, std::int64_t width, std::int64_t n, float* tile) {
  using F32x4 = float __attribute__((vector_size(16)));
  std::int64_t j = 0;
  for (; j + 4 <= width; j += 4) {
    const float* const from = columns + j * kTileRows;
    std::int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
      F32x4 a, b, c, d;
      std::memcpy(&a, from + i, 16);
      std::memcpy(&b, from + kTileRows + i, 16);
      std::memcpy(&c, from + 2 * kTileRows + i, 16);
      std::memcpy(&d, from + 3 * kTileRows + i, 16);
      const F32x4 ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
      const F32x4 ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
      const F32x4 cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
      const F32x4 cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
      const F32x4 rows[4] = {
          __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5), __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
          __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5), __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7)};
      for (std::int64_t row = 0; row < 4; ++row) std::memcpy(tile + (i + row) * width + j, &rows[row], 16);
    }
    for (; i < n; ++i)
      for (std::int64_t k = 0; k < 4; ++k) tile[i * width + j + k] = from[k * kTileRows + i];
  }
  for (; j < width; ++j)
    for (std::int64_t i = 0; i < n; ++i) tile[i * width + j] = columns[j * kTileRows + i];
}

// One worker's scratch: the outputs of a tile column by column, then row by row.
struct Scratch {
  explicit Scratch(std::size_t width) : columns(width * kTileRows), tile(width * kTileRows) {}
  std::vector<float> columns;
  std::vector<float> tile;
};

// Writes the rows of `span` into the matrix that starts at `out`.
inline void run_span(const Plan& plan, const Span& span, Isa isa, bool streams, Scratch& scratch, float* out) {
  const Run run = select(isa);
  const decode::Run decode_run = decode::select(isa);
  const std::size_t width = plan.size();
  const auto stride = static_cast<std::int64_t>(width);
  alignas(64) double buffer[kTileRows];
  for (std::int64_t done = 0; done < span.rows; done += kTileRows) {
    const std::int64_t n = std::min(kTileRows, span.rows - done);
    const double* x = nullptr;
    for (std::size_t j = 0; j < width; ++j) {
      const bool is_decoded = j > 0 && plan[j - 1].column == plan[j].column;
      if (!is_decoded) x = decode::block(decode_run, span.column(plan[j].column), span.begin + done, n, buffer);
      run(plan[j], x, n, scratch.columns.data() + j * kTileRows);
    }
    float* const target = out + (span.first_row + done) * stride;
    interleave(scratch.columns.data(), stride, n, streams ? scratch.tile.data() : target);
    if (streams) stream_copy(target, scratch.tile.data(), static_cast<std::size_t>(n) * width * sizeof(float));
  }
  if (streams) stream_end();
}

// out: float32[table.rows(), plan.size()].
inline void run(const Plan& plan, const Table& table, float* out) {
  for (const Output& output : plan) table.require_numeric(output.column);
  if (plan.empty()) return;
  const Isa isa = active_isa();
  const bool streams = static_cast<std::size_t>(table.rows()) * plan.size() * sizeof(float) >= kStreamBytes;
  const std::vector<Span> tasks = spans(table);
  const std::size_t workers = worker_count(tasks.size());
  std::vector<Scratch> scratch(workers, Scratch(plan.size()));
  parallel_for(tasks.size(), workers, [&](std::size_t worker, std::size_t task) {
    run_span(plan, tasks[task], isa, streams, scratch[worker], out);
  });
}

}  // namespace mlrt::standardise
