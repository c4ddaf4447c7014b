// pages: an array of zeros for a table that grows: what was moved out of it is given back before it is freed.
//
// Large ones are mapped, in huge pages if the system likes: a page is zeroed when it is first touched, and not again.
#pragma once

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include "core/aligned.hpp"

namespace mlrt {

template <class T>
class Pages {
 public:
  static_assert(std::is_trivially_copyable_v<T> && kCacheLine % sizeof(T) == 0);

  // n zeros, n a multiple of those that fit a line of the cache. Throws std::bad_alloc.
  explicit Pages(std::size_t n) : size_(n) {
    if (n > static_cast<std::size_t>(-1) / 2 / sizeof(T)) throw std::bad_alloc();
    const std::size_t bytes = n * sizeof(T);
    if (bytes < 2 * kHugePage) {
      region_ = std::aligned_alloc(kCacheLine, bytes);
      if (region_ == nullptr) throw std::bad_alloc();
      data_ = static_cast<T*>(std::memset(region_, 0, bytes));
      return;
    }
    mapped_ = bytes + kHugePage;
    region_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region_ == MAP_FAILED) throw std::bad_alloc();
    const auto address = reinterpret_cast<std::uintptr_t>(region_);
    data_ = reinterpret_cast<T*>((address + kHugePage - 1) / kHugePage * kHugePage);
#if defined(MADV_HUGEPAGE)
    madvise(data_, bytes, MADV_HUGEPAGE);  // a wish: failure costs only speed
#endif
  }

  Pages(const Pages& other) : Pages(other.size_) { std::memcpy(data_, other.data_, size_ * sizeof(T)); }
  Pages(Pages&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        region_(std::exchange(other.region_, nullptr)),
        mapped_(std::exchange(other.mapped_, 0)) {}
  Pages& operator=(Pages other) noexcept {
    swap(other);
    return *this;
  }
  ~Pages() {
    if (mapped_ > 0)
      munmap(region_, mapped_);
    else
      std::free(region_);
  }

  void swap(Pages& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(region_, other.region_);
    std::swap(mapped_, other.mapped_);
  }

  T* data() { return data_; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  std::size_t size() const { return size_; }

  // Gives back the items [begin, end), multiples of kHugePage / sizeof(T): they may not be read any more.
  void give_back(std::size_t begin, std::size_t end) {
    if (mapped_ > 0) madvise(data_ + begin, (end - begin) * sizeof(T), MADV_DONTNEED);
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
  void* region_ = nullptr;
  std::size_t mapped_ = 0;  // bytes; 0 when the region is of the heap
};

}  // namespace mlrt
