// isa: which SIMD level runs, and the regions that hold code for one level.
//
// Levels are scalar (the compiler's baseline; SSE2 on x86-64), avx2 (x86-64-v3) and avx512 (x86-64-v4). Code for a
// level sits between MLRT_REGION_AVX2 or MLRT_REGION_AVX512 and MLRT_REGION_END, and inside `#if MLRT_X86`.
#pragma once

#include <string_view>

#if defined(__x86_64__) && !defined(MLRT_NO_X86)
#define MLRT_X86 1
#include <immintrin.h>
#else
#define MLRT_X86 0
#endif

#define MLRT_FEATURES_AVX2 "avx2,bmi,bmi2,f16c,lzcnt,popcnt"
#define MLRT_FEATURES_AVX512 MLRT_FEATURES_AVX2 ",avx512f,avx512bw,avx512cd,avx512dq,avx512vl"

#define MLRT_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define MLRT_REGION(features) MLRT_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define MLRT_REGION_END _Pragma("clang attribute pop")
#else
#define MLRT_REGION(features) _Pragma("GCC push_options") MLRT_PRAGMA(GCC target(features))
#define MLRT_REGION_END _Pragma("GCC pop_options")
#endif
#define MLRT_REGION_AVX2 MLRT_REGION(MLRT_FEATURES_AVX2)
#if defined(__clang__)  // it would ignore a list in which it does not know every name
#define MLRT_REGION_AVX512 MLRT_REGION(MLRT_FEATURES_AVX512)
#else
#define MLRT_REGION_AVX512 MLRT_REGION(MLRT_FEATURES_AVX512 ",prefer-vector-width=512")
#endif

// The body of a kernel whose levels differ only in what the compiler makes of it. Always inlined, so that it is
// compiled for the level that calls it and never stands alone.
#define MLRT_INLINE inline __attribute__((always_inline))

// The same for a lambda, behind its parameters: one that is not inlined runs at the compiler's baseline.
#define MLRT_INLINE_LAMBDA __attribute__((always_inline))

// scalar::name, avx2::name or avx512::name of the enclosing namespace: the whole dispatch of a kernel.
#if MLRT_X86
#define MLRT_SELECT(isa, name) \
  ((isa) == ::mlrt::Isa::avx512 ? avx512::name : (isa) == ::mlrt::Isa::avx2 ? avx2::name : scalar::name)
#else
#define MLRT_SELECT(isa, name) ((isa) == ::mlrt::Isa::scalar ? scalar::name : scalar::name)
#endif

namespace mlrt {

enum class Isa { scalar, avx2, avx512 };

// The name that `MLRT_ISA` and Python use.
std::string_view name_of(Isa isa);

// The best level of this processor.
Isa detected_isa();

// The level in force: set_isa's, else MLRT_ISA's, else the best one. Throws ConfigError for an unusable MLRT_ISA.
Isa active_isa();

// Throws std::invalid_argument when `name` is unknown or above this processor.
void set_isa(std::string_view name);

}  // namespace mlrt
