// steps: one loop over a block for each step of an expression, and the last one, which writes float32.
// Input   n <= kStepRows values of float64 or float32 (float32 only where a pass says so), parameters as step.hpp says.
// Output  n float64, also in place; the last loop: float32((x - center) * scale clamped to ±max of float32), NaN quiet.
// Error   0 between levels: no contraction, no reassociation. log1p and expm1: elementary.hpp.
//         A finite x never becomes NaN; NaN stays NaN, but for impute, equals and is_missing.
// Levels  one body a step. An impute costs nothing beside the loop it is fused with: fused_steps.hpp.
// Source  yeo_johnson: Yeo and Johnson, Biometrika 87 (2000).
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "core/isa.hpp"
#include "kernels/calendar.hpp"
#include "kernels/elementary.hpp"
#include "kernels/fused_steps.hpp"
#include "kernels/step.hpp"

namespace mlrt::expression {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// How many of the sorted values are <= x, none for NaN; k >= 1. Every halving is arithmetic: no branch to mispredict.
MLRT_INLINE std::size_t count_up_to(const double* values, std::size_t k, double x) {
  const double* base = values;
  for (std::size_t half = k / 2; k > 1; k -= half, half = k / 2)
    base += static_cast<std::size_t>(base[half - 1] <= x) * half;
  return static_cast<std::size_t>(base - values) + static_cast<std::size_t>(*base <= x);
}

// The last of the k sorted values that is <= x, the first if none is.
MLRT_INLINE std::size_t last_up_to(const double* values, std::size_t k, double x) {
  const std::size_t count = count_up_to(values, k, x);
  return count - static_cast<std::size_t>(count > 0);
}

MLRT_INLINE double clip(double x, double low, double high) {
  const double above = x < low ? low : x;
  return above > high ? high : above;
}

MLRT_INLINE double interpolate(const Step& step, double x) {
  const std::size_t k = step.knots();
  const double* const knots = step.parameters.data();
  const double* const values = knots + k;
  const double inside = clip(x, knots[0], knots[k - 1]);
  if (k == 1) return x != x ? x : values[0];
  const std::size_t last = last_up_to(knots, k, inside);
  const std::size_t i = last < k - 2 ? last : k - 2;
  return values[i] + (inside - knots[i]) * step.slopes[i];
}

MLRT_INLINE double look_up(const double* values, double size, double x) {
  const double inside = x >= 0.0 && x < size ? x : 0.0;
  const auto i = static_cast<std::int32_t>(inside);
  return static_cast<double>(i) == x ? values[i] : kNaN;
}

MLRT_INLINE double yeo_johnson(double lambda, double x) {
  const double log = elementary::log1p(std::abs(x));
  const double a = x >= 0.0 ? lambda : 2.0 - lambda;
  const double y = a == 0.0 ? log : elementary::expm1(a * log) / a;
  return std::copysign(y, x);
}

MLRT_INLINE void apply_date(Operation operation, const double* x, std::int64_t n, double* out) {
  const auto part = [&]<calendar::Part kPart>() MLRT_INLINE_LAMBDA {
    map(x, n, out, [](double time) MLRT_INLINE_LAMBDA { return calendar::part<kPart>(time); });
  };
  using calendar::Part;
  switch (operation) {
    case Operation::date_year:
      return part.operator()<Part::year>();
    case Operation::date_quarter:
      return part.operator()<Part::quarter>();
    case Operation::date_month:
      return part.operator()<Part::month>();
    case Operation::date_day:
      return part.operator()<Part::day>();
    case Operation::date_day_of_week:
      return part.operator()<Part::day_of_week>();
    case Operation::date_day_of_year:
      return part.operator()<Part::day_of_year>();
    case Operation::date_week:
      return part.operator()<Part::week>();
    case Operation::date_hour:
      return part.operator()<Part::hour>();
    case Operation::date_minute:
      return part.operator()<Part::minute>();
    case Operation::date_second:
      return part.operator()<Part::second>();
    default:
      return part.operator()<Part::minute_of_day>();
  }
}

// A step that is not fused.
MLRT_INLINE void apply_step(const Step& step, const double* x, std::int64_t n, double* out) {
  const double* const p = step.parameters.data();
  const std::size_t k = step.parameters.size();
  switch (step.operation) {
    case Operation::clip:
      return map(x, n, out, [low = p[0], high = p[1]](double v) MLRT_INLINE_LAMBDA { return clip(v, low, high); });
    case Operation::yeo_johnson:
      return map(x, n, out, [lambda = p[0]](double v) MLRT_INLINE_LAMBDA { return yeo_johnson(lambda, v); });
    case Operation::affine:
      return map(x, n, out,
                 [center = p[0], scale = p[1]](double v) MLRT_INLINE_LAMBDA { return (v - center) * scale; });
    case Operation::interpolate:
      return map(x, n, out, [&step](double v) MLRT_INLINE_LAMBDA { return interpolate(step, v); });
    case Operation::bucket:
      return map(x, n, out,
                 [=](double v) MLRT_INLINE_LAMBDA { return v != v ? v : static_cast<double>(count_up_to(p, k, v)); });
    case Operation::table:
      return map(x, n, out,
                 [=, size = static_cast<double>(k)](double v) MLRT_INLINE_LAMBDA { return look_up(p, size, v); });
    case Operation::equals:
      return map(x, n, out, [key = p[0]](double v) MLRT_INLINE_LAMBDA { return v == key ? 1.0 : 0.0; });
    case Operation::is_missing:
      return map(x, n, out, [](double v) MLRT_INLINE_LAMBDA { return v != v ? 1.0 : 0.0; });
    case Operation::local_time:
      return map(x, n, out,
                 [=, half = k / 2](double v) MLRT_INLINE_LAMBDA { return v + p[half + last_up_to(p, half, v)]; });
    default:
      return apply_date(step.operation, x, n, out);
  }
}

MLRT_INLINE void apply_pass(const Pass& pass, const Block& in, std::int64_t n, double* out) {
  if (!pass.is_fused()) return apply_step(*pass.step, in.doubles(), n, out);
  apply_fused(pass, in, n, out, [](double y, bool) MLRT_INLINE_LAMBDA { return y; });
}

MLRT_INLINE void finish_block(const Finish& finish, const Block& in, std::int64_t n, float* out) {
  const double center = finish.center, scale = finish.scale;
  apply_fused(finish.pass, in, n, out,
              [=](double y, bool is_finite) MLRT_INLINE_LAMBDA { return to_float32((y - center) * scale, is_finite); });
}

// The loops of one level.
struct Loops {
  void (*pass)(const Pass& pass, const Block& in, std::int64_t n, double* out);
  void (*finish)(const Finish& finish, const Block& in, std::int64_t n, float* out);
};

#define MLRT_STEP_LOOPS                                                                 \
  inline void pass(const Pass& each, const Block& in, std::int64_t n, double* out) {    \
    apply_pass(each, in, n, out);                                                       \
  }                                                                                     \
  inline void finish(const Finish& each, const Block& in, std::int64_t n, float* out) { \
    finish_block(each, in, n, out);                                                     \
  }                                                                                     \
  constexpr Loops kLoops = {pass, finish};

namespace scalar {
MLRT_STEP_LOOPS
}

#if MLRT_X86
MLRT_REGION_AVX2
namespace avx2 {
MLRT_STEP_LOOPS
}
MLRT_REGION_END

MLRT_REGION_AVX512
namespace avx512 {
MLRT_STEP_LOOPS
}
MLRT_REGION_END
#endif

inline const Loops& select(Isa isa) {
  return MLRT_SELECT(isa, kLoops);
}

}  // namespace mlrt::expression
