// aligned: memory for outputs, aligned to a cache line; large ones ask for huge pages, because page faults on fresh
// memory cost as much as a transform.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

namespace mlrt {

constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

struct Free {
  static void call(void* memory) { std::free(memory); }
  void operator()(void* memory) const { call(memory); }
};
using Memory = std::unique_ptr<void, Free>;

// At least one byte, uninitialised. Throws std::bad_alloc.
inline Memory allocate(std::size_t bytes) {
  const std::size_t alignment = bytes >= 2 * kHugePage ? kHugePage : kCacheLine;
  if (bytes > static_cast<std::size_t>(-1) / 2) throw std::bad_alloc();
  const std::size_t size = (bytes / alignment + 1) * alignment;
  Memory memory(std::aligned_alloc(alignment, size));
  if (memory == nullptr) throw std::bad_alloc();
#if defined(MADV_HUGEPAGE)
  if (alignment == kHugePage) madvise(memory.get(), size, MADV_HUGEPAGE);  // a wish: failure costs only speed
#endif
  return memory;
}

// The same memory for a std::vector: a table that is read at random needs huge pages, or each read misses the TLB too.
template <class T>
struct Allocator {
  using value_type = T;
  Allocator() = default;
  template <class Other>
  Allocator(const Allocator<Other>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(mlrt::allocate(n * sizeof(T)).release()); }
  void deallocate(T* memory, std::size_t) { std::free(memory); }
  bool operator==(const Allocator&) const = default;
};

}  // namespace mlrt
