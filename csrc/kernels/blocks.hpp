// blocks: the values that a statistic reads, whatever they come from: a numeric column, or an expression of columns.
//
// Input   a table, and the position of a numeric column or an Expression; both outlive the Blocks.
// Output  blocks of at most kBlockRows float64, NaN where missing, for the rows of a span.
// Error   that of decode.hpp and expression.hpp. Throws std::invalid_argument when the table does not suit.
#pragma once

#include <cstdint>
#include <variant>

#include "kernels/decode.hpp"
#include "kernels/expression.hpp"

namespace mlrt {

class Blocks {
 public:
  Blocks(const Table& table, std::int64_t column) : table_(table), isa_(active_isa()), source_(column) {
    table.require_numeric(column);
  }

  Blocks(const Table& table, const expression::Expression& expression)
      : table_(table), isa_(active_isa()), source_(expression::Bound(expression, table, isa_)) {}

  const Table& table() const { return table_; }
  Isa isa() const { return isa_; }

  // The column whose 64-bit integers the blocks hold rounded to float64; null for any other values.
  const Column* wide_integers(const Span& span) const {
    const auto* const column = std::get_if<std::int64_t>(&source_);
    if (column == nullptr) return nullptr;
    const Type type = table_.field(*column).type;
    return type == Type::int64 || type == Type::uint64 ? &span.column(*column) : nullptr;
  }

  // Calls visit(values, n, begin) for each block of the span's rows.
  template <class Visit>
  void for_each(const Span& span, Visit visit) const {
    if (const auto* const column = std::get_if<std::int64_t>(&source_))
      return decode::for_each_block(span, span.column(*column), isa_, visit);
    expression::for_each_block(span, std::get<expression::Bound>(source_), visit);
  }

 private:
  const Table& table_;
  Isa isa_;
  std::variant<std::int64_t, expression::Bound> source_;
};

}  // namespace mlrt
