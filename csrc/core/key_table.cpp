#include "core/key_table.hpp"

#include <algorithm>
#include <random>

namespace mlrt {

const HashSeed& hash_seed() {
  static const HashSeed seed = [] {
    std::random_device random;
    const auto draw = [&] { return (static_cast<std::uint64_t>(random()) << 32 | random()) | 1; };
    return HashSeed{draw(), draw()};
  }();
  return seed;
}

Prefix prefix_at_end(const Text& text) {
  char bytes[16] = {};
  if (text.size > 0) std::memcpy(bytes, text.data, std::min<std::size_t>(text.size, sizeof bytes));
  return {load<std::uint64_t>(bytes, 0), load<std::uint64_t>(bytes, 1)};
}

}  // namespace mlrt
