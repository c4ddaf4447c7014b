// bytes: decisions from a fuzzer's input, and what must hold.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mlrt::fuzz {

inline void check(bool holds) {
  if (!holds) __builtin_trap();
}

// Reads decisions from the front of the input; zeros when it is used up.
class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  bool empty() const { return size_ == 0; }

  std::uint8_t byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }

  // 0 to `below` - 1.
  std::int64_t number(std::int64_t below) { return byte() % below; }

  // True once in `often` times, and never when the input is used up.
  bool rarely(std::uint8_t often) { return byte() % often == often - 1; }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

}  // namespace mlrt::fuzz
