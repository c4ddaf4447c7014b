// orders: the orders in which an epoch may take its rows, beside the permutation: as they come, and some of them.
//   Sequential    row = position
//   Subset        row = rows[the row that the inner order gives]
//   Draws         weighted.hpp: with replacement, in proportion to weights
//   Stratified    stratified.hpp: every stratum in its proportion all the way
// Input   each its own: sizes, rows, weights, strata, keys.
// Output  int64 rows of [0, bound()) for any positions.
// Error   0. Cost: a read of the position's row for Subset; else that of the header.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/errors.hpp"
#include "core/order.hpp"
#include "kernels/permutation.hpp"
#include "kernels/stratified.hpp"
#include "kernels/weighted.hpp"

namespace mlrt::order {

class Sequential final : public Order {
 public:
  explicit Sequential(std::int64_t size) : size_(size) {
    if (size < 0) throw std::invalid_argument(problem("size", "0 rows or more", std::to_string(size), "count again"));
  }

  std::int64_t size() const override { return size_; }
  std::int64_t bound() const override { return size_; }
  void rows(std::int64_t start, std::int64_t count, std::int64_t* out) const override {
    std::iota(out, out + count, start);
  }

 private:
  std::int64_t size_;
};

// An order over some rows: of a split, of a filter.
class Subset final : public Order {
 public:
  Subset(std::vector<std::int64_t> rows, std::shared_ptr<const Order> inner)
      : rows_(std::move(rows)), inner_(std::move(inner)) {
    if (inner_->bound() > static_cast<std::int64_t>(rows_.size()))
      throw std::invalid_argument(problem("inner", "an order over " + std::to_string(rows_.size()) + " rows or fewer",
                                          "one over " + std::to_string(inner_->bound()), "make it for the subset"));
    for (const std::int64_t row : rows_) {
      if (row < 0)
        throw std::invalid_argument(problem("rows", "ordinals of 0 or more", std::to_string(row), "count from 0"));
      bound_ = std::max(bound_, row + 1);
    }
  }

  std::int64_t size() const override { return inner_->size(); }
  std::int64_t bound() const override { return bound_; }
  void rows(std::int64_t start, std::int64_t count, std::int64_t* out) const override {
    inner_->rows(start, count, out);
    for (std::int64_t i = 0; i < count; ++i) out[i] = rows_[static_cast<std::size_t>(out[i])];
  }

 private:
  std::vector<std::int64_t> rows_;
  std::shared_ptr<const Order> inner_;
  std::int64_t bound_ = 0;
};

}  // namespace mlrt::order
