// fused_steps: the loops that take float32 as well, impute on the way, and may write float32.
// Input   n <= kStepRows values of float64 or float32, which may lie where the output does if they are of its type.
// Output  n values, each store(f(x)): f is a fused step or nothing, x the imputed value.
// Error   0 between levels: elementary.hpp, then one operation of float64 after another, one rounding to float32.
// Levels  one body; each level vectorises it for itself.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "core/isa.hpp"
#include "kernels/elementary.hpp"
#include "kernels/step.hpp"

namespace mlrt::expression {

constexpr std::int64_t kStepRows = 256;

// Whether the loop of a step takes float32 and an impute before it; all others take float64 alone.
constexpr bool is_fused(Operation operation) {
  return operation == Operation::log1p || operation == Operation::signed_log1p || operation == Operation::square_root;
}

// One loop: an impute, or nothing, then a step, or nothing. Without either it widens float32.
struct Pass {
  const Step* impute = nullptr;
  const Step* step = nullptr;

  bool is_fused() const { return step == nullptr || expression::is_fused(step->operation); }
};

// The last loop of a dense column: a pass that is fused, an affine, and the rounding to float32.
struct Finish {
  Pass pass;
  double center = 0.0;
  double scale = 1.0;
};

struct Block {
  const void* data;
  bool is_float32;

  const double* doubles() const { return static_cast<const double*>(data); }
};

template <class T>
MLRT_INLINE double imputed(T x, double fill) {
  return std::abs(x) <= std::numeric_limits<T>::max() ? static_cast<double>(x) : fill;
}

// Clamped to the finite numbers, as integers, whose minimum is one operation (floats have to mind NaN); a NaN becomes
// the quiet one.
MLRT_INLINE float to_float32(double x, bool is_finite) {
  constexpr std::uint32_t kSign = 0x80000000;
  constexpr auto kLargest = std::bit_cast<std::uint32_t>(std::numeric_limits<float>::max());
  const auto rounded = static_cast<float>(x);
  const auto bits = std::bit_cast<std::uint32_t>(rounded);
  const std::uint32_t magnitude = bits & ~kSign;
  const std::uint32_t most = std::min(magnitude, kLargest);
  const auto clamped = std::bit_cast<float>(most | (bits & kSign));
  return is_finite || rounded == rounded ? clamped : std::numeric_limits<float>::quiet_NaN();
}

// out[i] = f(x[i]) for a block that may be `out` itself.
template <class T, class Out, class F>
MLRT_INLINE void map(const T* x, std::int64_t n, Out* out, F f) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) out[i] = f(x[i]);
}

// Calls loop(x, is_finite, value): value(x[i]) is what the steps behind the impute see, and is_finite says, as a type,
// whether that is certainly finite.
template <class Loop>
MLRT_INLINE void with_values(const Step* impute, const Block& in, Loop loop) {
  const auto from = [&](const auto* x) MLRT_INLINE_LAMBDA {
    if (impute == nullptr) return loop(x, std::false_type{}, [](auto v) MLRT_INLINE_LAMBDA { return double{v}; });
    loop(x, std::true_type{}, [fill = impute->parameters[0]](auto v) MLRT_INLINE_LAMBDA { return imputed(v, fill); });
  };
  if (in.is_float32)
    from(static_cast<const float*>(in.data));
  else
    from(in.doubles());
}

// out[i] = store(f(value(x[i]))).
template <class Out, class F, class Store>
MLRT_INLINE void map_fused(const Step* impute, const Block& in, std::int64_t n, Out* out, F f, Store store) {
  with_values(impute, in, [&](const auto* x, auto is_finite, auto value) MLRT_INLINE_LAMBDA {
    map(x, n, out, [=](auto v) MLRT_INLINE_LAMBDA { return store(f(value(v)), is_finite); });
  });
}

// The same for logarithms, in two loops: the operations of one value wait for each other, and a processor sees as far as
// the next value's only if those of one are few.
template <bool kSigned, class Out, class Store>
MLRT_INLINE void map_log1p(const Step* impute, const Block& in, std::int64_t n, Out* out, Store store) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto argument = [](double v) MLRT_INLINE_LAMBDA { return kSigned ? std::abs(v) : v; };
  with_values(impute, in, [&](const auto* x, auto is_finite, auto value) MLRT_INLINE_LAMBDA {
    alignas(64) double base[kStepRows], s[kStepRows];
    for (std::int64_t i = 0; i < n; ++i) {
      const elementary::Log1pHalves halves = elementary::log1p_first(argument(value(x[i])));
      base[i] = halves.base;
      s[i] = halves.s;
    }
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) {
      const double v = value(x[i]);
      const double sum = elementary::log1p_second({base[i], s[i]});
      const double log = is_finite || argument(v) < kInfinity ? sum : argument(v);  // NaN too
      out[i] = store(kSigned ? std::copysign(log, v) : log, is_finite);
    }
  });
}

// The loop of a pass that is fused: store(y, is_finite) makes what is written of each value y, which is_finite says to
// be certainly finite.
template <class Out, class Store>
MLRT_INLINE void apply_fused(const Pass& pass, const Block& in, std::int64_t n, Out* out, Store store) {
  if (pass.step == nullptr)
    return map_fused(pass.impute, in, n, out, [](double x) MLRT_INLINE_LAMBDA { return x; }, store);
  if (pass.step->operation == Operation::log1p) return map_log1p<false>(pass.impute, in, n, out, store);
  if (pass.step->operation == Operation::signed_log1p) return map_log1p<true>(pass.impute, in, n, out, store);
  const auto root = [](double x) MLRT_INLINE_LAMBDA { return x != x ? x : std::sqrt(x > 0.0 ? x : 0.0); };
  map_fused(pass.impute, in, n, out, root, store);
}

}  // namespace mlrt::expression
