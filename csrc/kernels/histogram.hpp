// histogram: counts of a numeric column over given edges.
//   slot(x) = #{edges < x},  so slot i holds edges[i-1] < x <= edges[i]
// Input   edges: float64[k], finite, strictly increasing, 1 <= k <= 65,535; a numeric Arrow column.
//         Missing: null or NaN. Infinities are counted beside the slots.
// Output  Histogram, a mergeable state of integers. -0.0 and 0.0 are one value.
// Error   0.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <vector>

#include "core/errors.hpp"
#include "kernels/decode.hpp"

namespace mlrt::histogram {

constexpr std::size_t kMostEdges = 65535;

using Edges = std::vector<double>;

// The edges, once they are as the contract says; else throws std::invalid_argument.
inline std::shared_ptr<const Edges> checked(Edges edges) {
  const auto refuse = [](const std::string& got) {
    throw std::invalid_argument(
        problem("edges", "1 to 65,535 finite, strictly increasing numbers", got, "pass sorted, distinct edges"));
  };
  if (edges.empty() || edges.size() > kMostEdges) refuse(std::to_string(edges.size()) + " edges");
  for (std::size_t i = 0; i < edges.size(); ++i) {
    if (!std::isfinite(edges[i])) refuse("edge " + std::to_string(i) + " not finite");
    if (i > 0 && !(edges[i - 1] < edges[i])) refuse("edge " + std::to_string(i) + " not above the one before");
  }
  return std::make_shared<const Edges>(std::move(edges));
}

struct Histogram {
  std::shared_ptr<const Edges> edges;
  std::vector<std::int64_t> counts;
  std::int64_t missing = 0;
  std::int64_t positive_infinite = 0;
  std::int64_t negative_infinite = 0;

  explicit Histogram(std::shared_ptr<const Edges> given) : edges(std::move(given)), counts(edges->size() + 1, 0) {}

  void merge(const Histogram& other) {
    if (*edges != *other.edges)
      throw std::invalid_argument(
          problem("Histogram.merge", "a histogram over the same edges", "other edges", "build both from one baseline"));
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
    missing += other.missing;
    positive_infinite += other.positive_infinite;
    negative_infinite += other.negative_infinite;
  }
};

namespace scalar {

// Branch-free lower bound: every step halves the range by arithmetic, so a random x costs no misprediction.
inline std::size_t slot(const Edges& edges, double x) {
  const double* base = edges.data();
  std::size_t length = edges.size();
  while (length > 1) {
    const std::size_t half = length / 2;
    base += static_cast<std::size_t>(base[half - 1] < x) * half;
    length -= half;
  }
  return static_cast<std::size_t>(base - edges.data()) + static_cast<std::size_t>(*base < x);
}

inline void run(Histogram& into, const double* x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    if (std::isfinite(x[i])) {
      ++into.counts[slot(*into.edges, x[i])];
    } else if (std::isnan(x[i])) {
      ++into.missing;
    } else {
      ++(x[i] > 0 ? into.positive_infinite : into.negative_infinite);
    }
  }
}

}  // namespace scalar

inline void update(Histogram& into, const Table& table, std::int64_t column) {
  table.require_numeric(column);
  reduce(table, into, Histogram(into.edges), [&](Histogram& state, const Span& span) {
    decode::for_each_block(span, column,
                           [&](const double* x, std::int64_t n, std::int64_t) { scalar::run(state, x, n); });
  });
}

}  // namespace mlrt::histogram
