// source: what an expression starts from.
//   column    x = the value, a null as NaN              id  the id of a key in a vocabulary, never NaN
//   add, subtract, multiply, divide   of two columns; NaN if either is missing
// Input   rows [begin, begin + n), n <= kSourceRows, of a table that suits the source.
// Output  n float64; where the caller takes float32, that of a float32 column without nulls, in place.
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

#include "kernels/decode.hpp"
#include "kernels/id_matrix.hpp"
#include "kernels/steps.hpp"

namespace mlrt::expression {

constexpr std::int64_t kSourceRows = encoders::kTileRows;

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
      : source_(source), batches_(table.batches().data()), isa_(isa), decode_(decode::select(isa)) {
    if (source.origin == Origin::id) {
      prepare_ids(table);
    } else {
      table.require_numeric(source.left);
      table.require_numeric(source.right);
    }
  }

  // The block is the producer's own memory, or `buffer`, filled.
  Block read(const Span& span, std::int64_t begin, std::int64_t n, bool takes_float32, double* buffer) const {
    if (source_.origin == Origin::id) return {read_ids(span, begin, n, buffer), false};
    if (source_.origin != Origin::column) return {combine(span, begin, n, buffer), false};
    const Column& column = span.column(source_.left);
    if (takes_float32 && is_float32_in_place(column))
      return {static_cast<const float*>(column.values) + column.offset + begin, true};
    return {decode::block(decode_, column, begin, n, buffer), false};
  }

 private:
  static bool is_float32_in_place(const Column& column) {
    return column.type == Type::float32 && column.validity == nullptr &&
           std::bit_cast<std::uintptr_t>(column.values) % alignof(float) == 0;
  }

  void prepare_ids(const Table& table) {
    encoder_.emplace(source_.left, source_.keys);
    encoder_->check(table);
    for (const Batch& batch : table.batches()) prepared_.push_back(encoder_->prepare(isa_, batch));
  }

  const double* read_ids(const Span& span, std::int64_t begin, std::int64_t n, double* buffer) const {
    std::int64_t ids[kSourceRows];
    encoder_->encode(isa_, *span.batch, prepared_[static_cast<std::size_t>(span.batch - batches_)], begin, n, ids);
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
  const Batch* batches_;
  Isa isa_;
  decode::Run decode_;
  std::optional<encoders::ColumnIds> encoder_;         // id
  std::vector<encoders::Encoder::Prepared> prepared_;  // id: by batch
};

}  // namespace mlrt::expression
