#include "core/perfect_hash.hpp"

#include <algorithm>
#include <bit>

namespace mlrt {
namespace {

constexpr std::size_t kMostInBucket = 32;  // two are usual
constexpr std::uint32_t kMostTrials = 1 << 16;
constexpr std::uint32_t kStep = 0x9e3779b9;

// Hashes in the order of their buckets; those of bucket b start at starts[b].
struct Buckets {
  Buckets(const std::vector<std::uint64_t>& given, std::size_t count, int shift)
      : hashes(given.size()), starts(count + 1, 0) {
    for (const std::uint64_t hash : given) ++starts[(hash >> shift) + 1];
    for (std::size_t b = 0; b < count; ++b) {
      largest = std::max<std::size_t>(largest, starts[b + 1]);
      starts[b + 1] += starts[b];
    }
    std::vector<std::uint32_t> next = starts;
    for (const std::uint64_t hash : given) hashes[next[hash >> shift]++] = hash;
  }

  std::vector<std::uint64_t> hashes;
  std::vector<std::uint32_t> starts;
  std::size_t largest = 0;
};

}  // namespace

bool PerfectHash::build(const std::vector<std::uint64_t>& hashes) {
  const std::size_t n = hashes.size();
  const std::size_t count = std::bit_ceil(std::max<std::size_t>(2, n / 2));
  bucket_shift_ = 64 - std::countr_zero(count);
  slot_shift_ = 32 - std::countr_zero(std::bit_ceil(std::max<std::size_t>(2, n + n / 4)));
  factors_.assign(count, 1);
  const Buckets buckets(hashes, count, bucket_shift_);
  if (buckets.largest > kMostInBucket) return false;
  Bits taken(slots());
  for (std::size_t size = buckets.largest; size > 0; --size) {  // the fullest first, while most slots are free
    for (std::size_t b = 0; b < count; ++b) {
      if (buckets.starts[b + 1] - buckets.starts[b] != size) continue;
      if (!place(buckets.hashes.data() + buckets.starts[b], size, factors_[b], taken)) return false;
    }
  }
  return true;
}

// Finds a factor that sends n hashes to free slots, and takes them.
bool PerfectHash::place(const std::uint64_t* hashes, std::size_t n, std::uint32_t& factor, Bits& taken) const {
  for (std::uint32_t trial = 0; trial < kMostTrials; ++trial) {
    factor = (trial * kStep) | 1;
    std::size_t placed = 0;
    for (; placed < n && !taken[slot_with(hashes[placed], factor)]; ++placed)
      taken[slot_with(hashes[placed], factor)] = true;
    if (placed == n) return true;
    while (placed > 0) taken[slot_with(hashes[--placed], factor)] = false;
  }
  return false;
}

}  // namespace mlrt
