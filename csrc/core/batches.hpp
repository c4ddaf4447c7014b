// batches: what is left of one shard's epoch, as runs of positions of an order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "core/errors.hpp"
#include "core/order.hpp"

namespace mlrt::order {

struct Run {
  std::int64_t start;
  std::int64_t rows;
};

// `full` runs of as many rows each, their starts `stride` apart, then perhaps one of no more rows.
struct Batches {
  Run first;
  std::int64_t stride;
  std::int64_t full;
  std::optional<Run> tail;

  std::int64_t count() const { return full + (tail ? 1 : 0); }
  Run run(std::int64_t batch) const { return batch < full ? Run{first.start + batch * stride, first.rows} : *tail; }
};

// Throws std::invalid_argument unless a buffer of first.rows rows holds every run and no position overflows.
inline void require(const Batches& batches) {
  const auto is_run = [&](const Run& run) { return run.start >= 0 && run.rows >= 0 && run.rows <= batches.first.rows; };
  constexpr std::int64_t kMost = std::int64_t{1} << 62;
  const bool is_short = batches.first.start < kMost && batches.first.rows < kMost && batches.stride >= 0 &&
                        batches.full >= 0 && (batches.full == 0 || batches.stride <= kMost / batches.full);
  if (!is_short || !is_run(batches.first) || (batches.tail && (!is_run(*batches.tail) || batches.tail->start >= kMost)))
    throw std::invalid_argument(problem("batches", "positions of 0 to 2^62, a tail of no more rows than a batch",
                                        std::to_string(batches.full) + " from " + std::to_string(batches.first.start),
                                        "count again"));
}

// The rows at a run's positions; beyond the order's end it starts over.
inline void rows_of(const Order& order, Run run, std::int64_t* out) {
  if (run.rows == 0) return;
  std::int64_t at = run.start % order.size();
  while (run.rows > 0) {
    const std::int64_t rows = std::min(run.rows, order.size() - at);
    order.rows(at, rows, out);
    out += rows;
    run.rows -= rows;
    at = 0;
  }
}

}  // namespace mlrt::order
