// perfect_hash: a place of its own for each of a fixed set of hashes, so that a lookup has neither a loop nor a branch.
//
// The high bits of a hash choose a bucket, and each bucket has a multiplier, found by trial, that sends the low bits of
// its hashes to free slots: slot = top bits of (low 32 bits of hash · factor[bucket] mod 2^32). Other hashes get the slot
// of some key or a free one; the caller compares.
// Source  R. Pagh, Hash and displace: efficient evaluation of minimal perfect hash functions (1999).
#pragma once

#include <cstdint>
#include <vector>

#include "core/isa.hpp"
#include "core/key_table.hpp"

namespace mlrt {

class PerfectHash {
 public:
  // False when two hashes cannot be separated: the caller hashes anew with another seed.
  bool build(const std::vector<std::uint64_t>& hashes);

  std::size_t slots() const { return std::size_t{1} << (32 - slot_shift_); }

  MLRT_INLINE std::size_t slot(std::uint64_t hash) const { return slot_with(hash, factors_[hash >> bucket_shift_]); }

 private:
  using Bits = std::vector<bool>;

  MLRT_INLINE std::size_t slot_with(std::uint64_t hash, std::uint32_t factor) const {
    return (static_cast<std::uint32_t>(hash) * factor) >> slot_shift_;
  }

  bool place(const std::uint64_t* hashes, std::size_t n, std::uint32_t& factor, Bits& taken) const;

  std::vector<std::uint32_t> factors_ = std::vector<std::uint32_t>(2, 1);  // by bucket, all odd
  int bucket_shift_ = 63;
  int slot_shift_ = 31;
};

// Number i of the random sequence that a process keys its hashes with.
inline std::uint64_t random_word(std::uint64_t i) {
  const HashSeed& seed = hash_seed();
  return fold(seed.first ^ (i * 0x9e3779b97f4a7c15), seed.second + 2 * i);
}

// Draws seeds and calls hash_all(seed number), which returns the hashes of the keys, until they can be separated.
template <class HashAll>
PerfectHash separate(HashAll hash_all) {
  PerfectHash result;
  for (std::uint64_t attempt = 0; !result.build(hash_all(attempt)); ++attempt) {
  }
  return result;
}

}  // namespace mlrt
