// arrow_kernels: every kernel on the columns of a table, at every level of this processor, which must agree.
//
// A kernel that does not take a column has to refuse it with std::invalid_argument. Anything else that goes wrong ends
// in a trap, as do ids and offsets that cannot be right.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "arrow_keys.hpp"
#include "arrow_producer.hpp"
#include "core/isa.hpp"
#include "kernels/bag.hpp"
#include "kernels/dense.hpp"
#include "kernels/hash.hpp"
#include "kernels/histogram.hpp"
#include "kernels/key_counts.hpp"
#include "kernels/moments.hpp"
#include "kernels/quantiles.hpp"
#include "kernels/sparse.hpp"
#include "kernels/vocabulary.hpp"

namespace mlrt::fuzz {

using expression::Expression;

constexpr std::int64_t kBuckets = 7;

// A column that a kernel does not take is refused, never misread.
template <class Use>
void attempt(Use use) {
  try {
    use();
  } catch (const std::invalid_argument&) {
  }
}

// Calls run() at every level and compares what it returns, a vector, bit for bit. Returns the last.
template <class Run>
auto at_every_level(Run run) {
  set_isa("scalar");
  auto expected = run();
  for (const Isa isa : {Isa::avx2, Isa::avx512}) {
    if (isa > detected_isa()) break;
    set_isa(name_of(isa));
    const auto got = run();
    check(got.size() == expected.size());
    check(got.empty() || std::memcmp(got.data(), expected.data(), got.size() * sizeof got[0]) == 0);
  }
  return expected;
}

// What the bytes choose of a table: columns, steps, rules.
class Chooser {
 public:
  Chooser(Bytes& bytes, const Table& table) : bytes_(bytes), table_(table) {}

  std::int64_t column() { return bytes_.number(static_cast<std::int64_t>(table_.fields().size())); }

  // Up to three steps, most of which the kernels accept.
  std::vector<expression::Step> steps() {
    std::vector<expression::Step> result;
    for (std::int64_t left = bytes_.number(4); left > 0; --left) result.push_back(step());
    return result;
  }

  tokens::Rule rule(tokens::Unit unit) {
    const std::int64_t shortest = 1 + bytes_.number(3);
    return {unit, shortest, shortest + bytes_.number(3), bytes_.number(2) == 1};
  }

  std::string_view arithmetic() {
    static constexpr std::array<std::string_view, 4> kNames = {"add", "subtract", "multiply", "divide"};
    return kNames[static_cast<std::size_t>(bytes_.number(kNames.size()))];
  }

 private:
  expression::Step step() {
    const expression::Rule& rule =
        expression::kRules[static_cast<std::size_t>(bytes_.number(std::size(expression::kRules)))];
    // Of the numbers of parameters that rules ask for, the first that this one takes; or what it has to refuse.
    for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{2}, static_cast<std::size_t>(3 + number())})
      if (const expression::Values values = parameters(n); rule.holds(values))
        return expression::make_step(rule.name, values);
    return expression::make_step(rule.name, parameters(number()));
  }

  expression::Values parameters(std::size_t n) {
    static constexpr double kInfinity = std::numeric_limits<double>::infinity();
    static constexpr std::array<double, 16> kNumbers = {
        -1e300, -2.5, -1.0, -0.0, 0.0,    5e-324, 0.5,       1.0,
        2.0,    3.0,  7.0,  1e6,  0x1p53, 1e300,  kInfinity, expression::kNaN};
    expression::Values values;
    for (std::size_t i = 0; i < n; ++i) values.push_back(kNumbers[static_cast<std::size_t>(bytes_.number(16))]);
    if (!bytes_.rarely(8)) std::sort(values.begin(), values.end(), [](double a, double b) { return a < b || b != b; });
    return values;
  }

  std::size_t number() { return static_cast<std::size_t>(bytes_.number(6)); }

  Bytes& bytes_;
  const Table& table_;
};

inline void run_statistics(const Blocks& blocks) {
  moments::Moments counted;
  moments::update(counted, blocks);
  quantiles::Sample sample(quantiles::checked_capacity(16), 1);
  quantiles::update(sample, blocks, 0);
  check(sample.count() == counted.count);
  static const auto kIndex = std::make_shared<const histogram::Index>(std::vector<double>{-1.0, 0.0, 1.0, 64.0});
  histogram::Histogram histogram(kIndex);
  histogram::update(histogram, blocks);
  std::int64_t rows = 0;
  for (const std::int64_t count : histogram.counts) rows += count;
  check(rows == blocks.table().rows());
}

template <class Id>
std::vector<Id> ids_of(const encoders::Plan& plan, const Table& table) {
  std::vector<Id> ids(static_cast<std::size_t>(table.rows()) * plan.size());
  encoders::run(plan, table, ids.data());
  return ids;
}

inline std::vector<std::uint64_t> hashes_of(const hash::Columns& columns, const Table& table) {
  std::vector<std::uint64_t> hashes(static_cast<std::size_t>(table.rows()));
  hash::run(columns, table, 1, hashes.data());
  return hashes;
}

inline void run_hashes(const Table& table, std::int64_t column, std::int64_t other) {
  attempt([&] { at_every_level([&] { return hashes_of({{column}}, table); }); });
  const encoders::Plan plan = {
      std::make_shared<encoders::ColumnIds>(column, std::make_shared<hash::HashKeys>(kBuckets, 1)),
      std::make_shared<hash::CrossIds>(hash::Columns{{column, other}}, kBuckets, 1)};
  for (const std::int32_t id : at_every_level([&] { return ids_of<std::int32_t>(plan, table); }))
    check(id >= 0 && id <= kBuckets);
}

// A vocabulary of all keys that the column has: none of its rows may be unseen.
inline std::shared_ptr<const vocabulary::Vocabulary> run_vocabulary(const Table& table, std::int64_t column) {
  vocabulary::Counter counter;
  vocabulary::update(counter, table, column);
  Keys keys(counter);
  check(keys.total() + counter.missing() == table.rows());
  const auto vocabulary = std::make_shared<vocabulary::Vocabulary>(Table::import(keys.stream), keys.ids());
  const encoders::Plan plan = {std::make_shared<encoders::ColumnIds>(column, vocabulary)};
  std::int64_t missing = 0;
  for (const std::int64_t id : at_every_level([&] { return ids_of<std::int64_t>(plan, table); })) {
    check(id != vocabulary::kUnseenId && id <= vocabulary->largest());
    missing += id == vocabulary::kMissingId ? 1 : 0;
  }
  check(missing == counter.missing());
  return vocabulary;
}

inline void run_bag(const Table& table, const bag::Bag& bag) {
  at_every_level([&] {
    auto [ids, offsets] = bag::run(bag, table);
    check(offsets.size() == static_cast<std::size_t>(table.rows()) + 1);
    check(offsets.back() == static_cast<std::int64_t>(ids.size()));
    ids.insert(ids.end(), offsets.begin(), offsets.end());
    return ids;
  });
}

inline void run_dense(const Table& table, const dense::Plan& plan) {
  at_every_level([&] {
    std::vector<float> matrix(static_cast<std::size_t>(table.rows()) * plan.width());
    dense::run(plan, table, matrix.data());
    return matrix;
  });
}

inline void run_expression(const Table& table, Chooser& chooser, const Expression& expression) {
  run_statistics(Blocks(table, expression));
  std::vector<double> values(static_cast<std::size_t>(table.rows()));
  expression::evaluate(expression, table, values.data());
  run_dense(table, dense::Plan({expression, Expression{expression.source, chooser.steps()}, expression}));
  const encoders::Plan plan = {std::make_shared<encoders::ExpressionIds>(expression, kBuckets)};
  for (const std::int32_t id : at_every_level([&] { return ids_of<std::int32_t>(plan, table); }))
    check(id >= 0 && id < kBuckets);
}

inline void run_kernels(Bytes& bytes, const Table& table) {
  Chooser chooser(bytes, table);
  for (std::int64_t column = 0; column < static_cast<std::int64_t>(table.fields().size()); ++column) {
    const std::int64_t other = chooser.column();
    attempt([&] { run_statistics(Blocks(table, column)); });
    attempt([&] { run_hashes(table, column, other); });
    for (const tokens::Unit unit : {tokens::Unit::list, tokens::Unit::characters, tokens::Unit::words})
      attempt([&] {
        const bag::Bag bag{column, chooser.rule(unit), std::make_shared<hash::HashKeys>(kBuckets, 1)};
        run_bag(table, bag);
        run_dense(table, dense::Plan({std::make_shared<bag::Counts>(bag, 1, 5, false)}));
      });
    attempt([&] {
      const auto vocabulary = run_vocabulary(table, column);
      run_expression(table, chooser, {expression::make_source("id", {column}, vocabulary), chooser.steps()});
    });
    for (const std::string_view origin : {std::string_view("column"), chooser.arithmetic()})
      attempt([&] {
        const std::vector<std::int64_t> columns = origin == "column" ? std::vector{column} : std::vector{column, other};
        run_expression(table, chooser, {expression::make_source(origin, columns, nullptr), chooser.steps()});
      });
  }
}

}  // namespace mlrt::fuzz
