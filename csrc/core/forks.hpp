// forks: whether this process is still the one that something was made in. In a forked child the threads of its parent
// do not exist, and a lock that one of them held is held for ever.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>

namespace mlrt {

// How many forks lie between the first process that asked and this one.
inline std::uint64_t forks() {
  static std::atomic<std::uint64_t> count{0};
  [[maybe_unused]] static const int registered = pthread_atfork(nullptr, nullptr, [] { ++count; });
  return count.load(std::memory_order_relaxed);
}

}  // namespace mlrt
