// order: which row comes at which position of an epoch, computed from the position alone: nothing is stored per epoch,
// nothing is consumed, so any part of it can be asked for at any time, by any number of threads.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "core/errors.hpp"

namespace mlrt::order {

class Order {
 public:
  virtual ~Order() = default;

  // Positions.
  virtual std::int64_t size() const = 0;

  // Every row it gives is in [0, bound()).
  virtual std::int64_t bound() const = 0;

  // out[i] = the row at position start + i. [start, start + count) must lie within [0, size()): see `require`.
  virtual void rows(std::int64_t start, std::int64_t count, std::int64_t* out) const = 0;
};

// Throws std::invalid_argument unless [start, start + count) are positions of the order.
inline void require(const Order& order, std::int64_t start, std::int64_t count) {
  if (start < 0 || count < 0 || start > order.size() || count > order.size() - start)
    throw std::invalid_argument(problem("rows", "positions of [0, " + std::to_string(order.size()) + ")",
                                        std::to_string(count) + " from " + std::to_string(start),
                                        "stay within the order's size"));
}

}  // namespace mlrt::order
