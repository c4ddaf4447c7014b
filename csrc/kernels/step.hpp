// step: what one step of an expression is, and the check that it can be run; steps.hpp runs it.
// Input   a name and its parameters, as the table below says.
// Output  a Step. Two steps that are equal have the same name and the same bits of parameters.
// Error   std::invalid_argument, naming the step, for any other parameters.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/errors.hpp"

namespace mlrt::expression {

// The dates stand in the order of calendar::Part.
enum class Operation : std::uint8_t {
  impute,
  clip,
  log1p,
  signed_log1p,
  square_root,
  yeo_johnson,
  affine,
  interpolate,
  bucket,
  table,
  equals,
  is_missing,
  local_time,
  date_year,
  date_quarter,
  date_month,
  date_day,
  date_day_of_week,
  date_day_of_year,
  date_week,
  date_hour,
  date_minute,
  date_second,
  date_minute_of_day,
};

struct Step {
  Operation operation;
  std::vector<double> parameters;
  std::vector<double> slopes = {};  // interpolate: between a knot and the next

  std::size_t knots() const { return parameters.size() / 2; }  // interpolate, local_time
};

inline bool operator==(const Step& a, const Step& b) {
  return a.operation == b.operation && a.parameters.size() == b.parameters.size() &&
         (a.parameters.empty() ||
          std::memcmp(a.parameters.data(), b.parameters.data(), a.parameters.size() * sizeof(double)) == 0);
}

using Values = std::vector<double>;

inline bool all_finite(const Values& values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

inline bool is_increasing(const double* values, std::size_t n) {
  return std::adjacent_find(values, values + n, [](double a, double b) { return !(a < b); }) == values + n;
}

inline bool is_finite(const Values& values, std::size_t n) {
  return values.size() == n && all_finite(values);
}

inline bool is_affine(const Values& values) {
  return is_finite(values, 2) && values[1] != 0.0;  // an overflow times zero would be NaN
}

inline bool is_range(const Values& values) {
  return is_finite(values, 2) && values[0] <= values[1];
}

inline bool is_edges(const Values& values) {
  return !values.empty() && all_finite(values) && is_increasing(values.data(), values.size());
}

inline bool is_pairs(const Values& values) {
  return !values.empty() && values.size() % 2 == 0 && all_finite(values) &&
         is_increasing(values.data(), values.size() / 2);
}

inline bool is_table(const Values& values) {
  return !values.empty() && values.size() < (std::size_t{1} << 31) &&
         std::none_of(values.begin(), values.end(), [](double value) { return std::isinf(value); });
}

inline bool is_nothing(const Values& values) {
  return values.empty();
}

inline bool is_number(const Values& values) {
  return is_finite(values, 1);
}

struct Rule {
  std::string_view name;
  bool (*holds)(const Values& values);
  std::string_view expected;
};

constexpr std::string_view kNothing = "no parameters";

// By operation.
constexpr Rule kRules[] = {
    {"impute", is_number, "one finite fill"},
    {"clip", is_range, "two finite bounds, low <= high"},
    {"log1p", is_nothing, kNothing},
    {"signed_log1p", is_nothing, kNothing},
    {"sqrt", is_nothing, kNothing},
    {"yeo_johnson", is_number, "one finite lambda"},
    {"affine", is_affine, "a finite center and a finite scale other than 0"},
    {"interpolate", is_pairs, "k strictly increasing knots and k values, all finite, k >= 1"},
    {"bucket", is_edges, "one or more finite, strictly increasing edges"},
    {"table", is_table, "one or more values, none infinite"},
    {"equals", is_number, "one finite number"},
    {"is_missing", is_nothing, kNothing},
    {"local_time", is_pairs, "k strictly increasing times and k offsets, all finite, k >= 1"},
    {"date_year", is_nothing, kNothing},
    {"date_quarter", is_nothing, kNothing},
    {"date_month", is_nothing, kNothing},
    {"date_day", is_nothing, kNothing},
    {"date_day_of_week", is_nothing, kNothing},
    {"date_day_of_year", is_nothing, kNothing},
    {"date_week", is_nothing, kNothing},
    {"date_hour", is_nothing, kNothing},
    {"date_minute", is_nothing, kNothing},
    {"date_second", is_nothing, kNothing},
    {"date_minute_of_day", is_nothing, kNothing},
};

// Adds the slopes, one a knot but the last; throws unless they and the distances between knots are finite.
inline void prepare_interpolate(Step& step) {
  const double* const x = step.parameters.data();
  const double* const y = x + step.knots();
  for (std::size_t i = 0; i + 1 < step.knots(); ++i) {
    step.slopes.push_back((y[i + 1] - y[i]) / (x[i + 1] - x[i]));
    if (!std::isfinite(step.slopes.back()) || !std::isfinite(x[i + 1] - x[i]))
      throw std::invalid_argument(problem("step `interpolate`", "knots with finite slopes between them",
                                          "an overflow behind knot " + std::to_string(i), "merge the knots"));
  }
}

// Throws std::invalid_argument unless `name` is a step that takes these parameters.
inline Step make_step(std::string_view name, std::vector<double> parameters) {
  const auto* const rule =
      std::find_if(std::begin(kRules), std::end(kRules), [&](const Rule& each) { return each.name == name; });
  if (rule == std::end(kRules))
    throw std::invalid_argument(problem("Expression", "a step such as `impute` or `affine`",
                                        "`" + std::string(name) + "`", "see `Expression` in _native.pyi"));
  if (!rule->holds(parameters))
    throw std::invalid_argument(problem("step `" + std::string(name) + "`", std::string(rule->expected),
                                        std::to_string(parameters.size()) + " numbers that are not that",
                                        "correct its parameters"));
  Step step{static_cast<Operation>(rule - kRules), std::move(parameters)};
  if (step.operation == Operation::interpolate) prepare_interpolate(step);
  return step;
}

}  // namespace mlrt::expression
