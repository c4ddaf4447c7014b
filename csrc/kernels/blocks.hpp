// blocks: the values that a statistic reads, whatever they come from: a numeric column, or an expression of columns.
//
// Input   a table, and the position of a numeric column or an Expression; both outlive the Blocks.
// Output  blocks of at most kBlockRows float64, NaN where missing, for the rows of a span, and where they are rounded
//         integers the column that holds these.
// Error   that of decode.hpp and expression.hpp. Throws std::invalid_argument when the table does not suit.
#pragma once

#include <cstdint>
#include <variant>

#include "kernels/decode.hpp"
#include "kernels/expression.hpp"
#include "kernels/wholes.hpp"

namespace mlrt {

// x[0, n) are the rows from `begin` on. integers: the column, if x holds integers of it that float64 may have rounded.
struct Block {
  const double* x;
  std::int64_t n;
  std::int64_t begin = 0;
  const Column* integers = nullptr;
};

// Calls visit(Block) for each block of the span's rows in one column.
template <class Visit>
void for_each_block(const Span& span, const Column& column, Isa isa, Visit visit) {
  const bool is_wide = column.type == Type::int64 || column.type == Type::uint64;
  decode::for_each_block(span, column, isa, [&](const double* x, std::int64_t n, std::int64_t begin) {
    visit(Block{x, n, begin, is_wide && wholes::any_large(x, n) ? &column : nullptr});
  });
}

class Blocks {
 public:
  Blocks(const Table& table, std::int64_t column) : table_(table), isa_(active_isa()), source_(column) {
    table.require_numeric(column);
  }

  Blocks(const Table& table, const expression::Expression& expression)
      : table_(table), isa_(active_isa()), source_(expression::Bound(expression, table, isa_)) {}

  const Table& table() const { return table_; }
  Isa isa() const { return isa_; }

  // Calls visit(Block) for each block of the span's rows.
  template <class Visit>
  void for_each(const Span& span, Visit visit) const {
    if (const auto* const column = std::get_if<std::int64_t>(&source_))
      return for_each_block(span, span.column(*column), isa_, visit);
    expression::for_each_block(span, std::get<expression::Bound>(source_),
                               [&](const double* x, std::int64_t n, std::int64_t begin) { visit(Block{x, n, begin}); });
  }

 private:
  const Table& table_;
  Isa isa_;
  std::variant<std::int64_t, expression::Bound> source_;
};

}  // namespace mlrt
