// dense_output: what fills neighbouring columns of a dense matrix; dense.hpp runs a list of them.
// Input   a table that suits the output, else bind() throws std::invalid_argument.
// Output  for n <= kTileRows rows, `width` columns of float32: row i of column j at columns[j * kTileRows + i].
// Error   as the output says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/arrow.hpp"
#include "core/rows.hpp"

namespace mlrt::dense {

constexpr std::int64_t kTileRows = 256;  // a column of doubles is 2 KiB: a few of them live in the L1 cache

// An output made ready for one table; used by one worker at a time, so it may hold scratch memory.
class Filler {
 public:
  virtual ~Filler() = default;

  // Rows [begin, begin + n) of the span's batch.
  virtual void fill(const Span& span, std::int64_t begin, std::int64_t n, float* columns) = 0;
};

// An output made ready for one table, shared by all workers. Both it and its fillers may refer to table and output.
class Bound {
 public:
  virtual ~Bound() = default;
  virtual std::unique_ptr<Filler> filler() const = 0;
};

class Output {
 public:
  virtual ~Output() = default;
  virtual std::size_t width() const = 0;

  // Checks the table and prepares, once, what all workers share. The table outlives the result.
  virtual std::unique_ptr<Bound> bind(const Table& table) const = 0;
};

}  // namespace mlrt::dense
