// stream: copies that bypass the caches, for outputs far larger than they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/aligned.hpp"
#include "core/isa.hpp"

namespace mlrt {

constexpr std::size_t kStreamBytes = std::size_t{16} << 20;  // an output this large will not be read from the cache

// memcpy whose stores go past the caches; call stream_end() before another thread reads `to`.
inline void stream_copy(void* to, const void* from, std::size_t bytes) {
#if MLRT_X86
  auto* target = static_cast<char*>(to);
  const auto* source = static_cast<const char*>(from);
  const std::size_t head = (kCacheLine - reinterpret_cast<std::uintptr_t>(target) % kCacheLine) % kCacheLine;
  if (bytes < head + kCacheLine) {
    std::memcpy(to, from, bytes);
    return;
  }
  std::memcpy(target, source, head);
  std::size_t i = head;
  for (; i + kCacheLine <= bytes; i += kCacheLine)
    for (std::size_t part = i; part < i + kCacheLine; part += 16)
      _mm_stream_si128(reinterpret_cast<__m128i*>(target + part),
                       _mm_loadu_si128(reinterpret_cast<const __m128i*>(source + part)));
  std::memcpy(target + i, source + i, bytes - i);
#else
  std::memcpy(to, from, bytes);
#endif
}

inline void stream_end() {
#if MLRT_X86
  _mm_sfence();
#endif
}

}  // namespace mlrt
