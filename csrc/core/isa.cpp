#include "core/isa.hpp"

#include <atomic>
#include <cstdlib>
#include <string>

#include "core/errors.hpp"

namespace mlrt {
namespace {

constexpr int kUnset = -1;
std::atomic<int> chosen{kUnset};

// What is wrong with a level's name here, or "" when it can be used; `isa` receives it.
std::string refusal(std::string_view name, Isa& isa) {
  for (const Isa level : {Isa::scalar, Isa::avx2, Isa::avx512}) {
    if (name != name_of(level)) continue;
    isa = level;
    if (level <= detected_isa()) return "";
    return "this processor supports at most " + std::string(name_of(detected_isa()));
  }
  return "it is not a SIMD level";
}

std::string message(const char* where, std::string_view name, const std::string& reason) {
  return problem(where, "scalar, avx2 or avx512", "'" + std::string(name) + "' (" + reason + ")",
                 "choose " + std::string(name_of(detected_isa())) + " or lower");
}

}  // namespace

std::string_view name_of(Isa isa) {
  switch (isa) {
    case Isa::avx512:
      return "avx512";
    case Isa::avx2:
      return "avx2";
    case Isa::scalar:
      break;
  }
  return "scalar";
}

Isa detected_isa() {
#if MLRT_X86
  // The builtin returns a bit mask, not 0 or 1. Clang before 18 does not know the levels by name, only their features.
#if defined(__clang__) && __clang_major__ < 18
  static const bool has_v3 = !!__builtin_cpu_supports("avx2") && !!__builtin_cpu_supports("bmi2");
  static const bool has_v4 = has_v3 && !!__builtin_cpu_supports("avx512bw") && !!__builtin_cpu_supports("avx512cd") &&
                             !!__builtin_cpu_supports("avx512dq") && !!__builtin_cpu_supports("avx512vl");
#else
  static const bool has_v3 = !!__builtin_cpu_supports("x86-64-v3");
  static const bool has_v4 = !!__builtin_cpu_supports("x86-64-v4");
#endif
  return has_v4 ? Isa::avx512 : has_v3 ? Isa::avx2 : Isa::scalar;
#else
  return Isa::scalar;
#endif
}

Isa active_isa() {
  const int current = chosen.load(std::memory_order_relaxed);
  if (current != kUnset) return static_cast<Isa>(current);
  Isa isa = detected_isa();
  if (const char* name = std::getenv("MLRT_ISA")) {
    const std::string reason = refusal(name, isa);
    if (!reason.empty()) throw ConfigError(message("MLRT_ISA", name, reason));
  }
  chosen.store(static_cast<int>(isa), std::memory_order_relaxed);
  return isa;
}

void set_isa(std::string_view name) {
  Isa isa = Isa::scalar;
  const std::string reason = refusal(name, isa);
  if (!reason.empty()) throw std::invalid_argument(message("set_isa", name, reason));
  chosen.store(static_cast<int>(isa), std::memory_order_relaxed);
}

}  // namespace mlrt
