// source: what an expression starts from.
//   column    x = the value, a null as NaN              id  the id of a key in a vocabulary, never NaN
//   add, subtract, multiply, divide   of two columns; NaN if either is missing
// Input   rows [begin, begin + n), n <= kSourceRows, of a table that suits the source.
// Output  n float64; where the caller takes float32, that of a float32 column.
// Error   0 between levels: decode.hpp, then one operation of float64.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/aligned.hpp"
#include "kernels/decode.hpp"
#include "kernels/encoder.hpp"
#include "kernels/steps.hpp"

namespace mlrt::expression {

constexpr std::int64_t kSourceRows = encoders::kTileRows;
static_assert(kSourceRows <= kStepRows);

enum class Origin : std::uint8_t { column, add, subtract, multiply, divide, id };

constexpr std::string_view kOrigins[] = {"column", "add", "subtract", "multiply", "divide", "id"};

struct Source {
  Origin origin = Origin::column;
  std::int64_t left = 0;
  std::int64_t right = 0;                                  // as left unless two columns are combined
  std::shared_ptr<const encoders::KeyIds> keys = nullptr;  // id

  bool operator==(const Source&) const = default;
};

// Throws std::invalid_argument unless the operation is known and has its columns and its vocabulary.
inline Source make_source(std::string_view operation, const std::vector<std::int64_t>& columns,
                          std::shared_ptr<const encoders::KeyIds> keys) {
  const auto* const name = std::find(std::begin(kOrigins), std::end(kOrigins), operation);
  const auto require = [](bool holds, const char* expected, const std::string& got) {
    if (!holds) throw std::invalid_argument(problem("Expression", expected, got, "see `Expression` in _native.pyi"));
  };
  require(name != std::end(kOrigins), "`column`, `add`, `subtract`, `multiply`, `divide` or `id`",
          "`" + std::string(operation) + "`");
  const auto origin = static_cast<Origin>(name - kOrigins);
  const bool is_one = origin == Origin::column || origin == Origin::id;
  require(columns.size() == (is_one ? 1U : 2U), is_one ? "one column" : "two columns", std::to_string(columns.size()));
  const char* const expected = origin == Origin::id ? "a vocabulary for `id`" : "no vocabulary";
  require((keys != nullptr) == (origin == Origin::id), expected, keys ? "one" : "none");
  return {origin, columns.front(), columns.back(), std::move(keys)};
}

// A source made ready for one table; shared by all workers.
class Reader {
 public:
  Reader(const Source& source, const Table& table, Isa isa)
      : source_(source), decode_(decode::select(isa)), decode_float32_(decode::select_float32(isa)) {
    if (source.origin == Origin::id) {
      encoder_.emplace(source.left, source.keys);
      encoder_->check(table);
      ids_ = encoder_->bind(table, isa);
    } else {
      table.require_numeric(source.left);
      table.require_numeric(source.right);
    }
  }

  // The block is the producer's own memory, or `buffer`, filled; or, of a float32 column, `float32`, filled, unless
  // that is null.
  Block read(const Span& span, std::int64_t begin, std::int64_t n, float* float32, double* buffer) const {
    if (source_.origin == Origin::id) return {read_ids(span, begin, n, buffer), false};
    if (source_.origin != Origin::column) return {combine(span, begin, n, buffer), false};
    const Column& column = span.column(source_.left);
    if (column.layout == Layout::fixed) fetch_ahead(column, begin, n);
    if (float32 != nullptr && column.type == Type::float32)
      return {decode::block_float32(decode_float32_, column, begin, n, float32), true};
    return {decode::block(decode_, column, begin, n, buffer), false};
  }

 private:
  // Asks for the block after the next: the columns of a plan are more streams than a processor follows by itself. Into
  // the second-level cache, since the first drops what it has no room to wait for.
  static void fetch_ahead(const Column& column, std::int64_t begin, std::int64_t n) {
    const std::int64_t width = column.type == Type::float32 ? 4 : 8;
    const std::int64_t first = column.offset + begin + 2 * n;
    const auto from = std::bit_cast<std::uintptr_t>(column.values) + static_cast<std::uintptr_t>(first * width);
    constexpr std::uintptr_t kLine = kCacheLine;
    for (std::uintptr_t line = 0; line < static_cast<std::uintptr_t>(n * width); line += kLine)
      __builtin_prefetch(std::bit_cast<const void*>(from + line), 0, 2);  // never faults, also behind the column
  }

  const double* read_ids(const Span& span, std::int64_t begin, std::int64_t n, double* buffer) const {
    std::int64_t ids[kSourceRows];
    ids_->encode(span, begin, n, ids);
    for (std::int64_t i = 0; i < n; ++i) buffer[i] = static_cast<double>(ids[i]);
    return buffer;
  }

  const double* combine(const Span& span, std::int64_t begin, std::int64_t n, double* buffer) const {
    alignas(64) double other[kSourceRows];
    const double* const a = decode::block(decode_, span.column(source_.left), begin, n, buffer);
    const double* const b = decode::block(decode_, span.column(source_.right), begin, n, other);
    const auto each = [&](auto operation) {
      for (std::int64_t i = 0; i < n; ++i) buffer[i] = operation(a[i], b[i]);
      return buffer;
    };
    switch (source_.origin) {
      case Origin::add:
        return each([](double x, double y) { return x + y; });
      case Origin::subtract:
        return each([](double x, double y) { return x - y; });
      case Origin::multiply:
        return each([](double x, double y) { return x * y; });
      default:
        return each([](double x, double y) { return x / y; });
    }
  }

  const Source& source_;
  decode::Run decode_;
  decode::RunFloat32 decode_float32_;
  std::optional<encoders::ColumnIds> encoder_;   // id
  std::shared_ptr<encoders::BoundEncoder> ids_;  // id: refers to encoder_'s keys, which outlive a copy of this
};

}  // namespace mlrt::expression
