// ranks: floating-point numbers as whole numbers in the same order, so that they can be sorted without a comparison.
//
// The bits of a negative number are turned over, of any other the sign is set. -0.0 ranks below 0.0: add 0.0 before,
// where they are one value. NaN has no place in the order.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "core/isa.hpp"

namespace mlrt {

template <class Float>
using RankOf = std::conditional_t<sizeof(Float) == 4, std::uint32_t, std::uint64_t>;

template <class Word>
constexpr Word kSignBit = Word{1} << (8 * sizeof(Word) - 1);

template <class Float>
MLRT_INLINE RankOf<Float> rank_of(Float value) {
  using Word = RankOf<Float>;
  const auto bits = std::bit_cast<Word>(value);
  return (bits & kSignBit<Word>) != 0 ? ~bits : bits | kSignBit<Word>;
}

template <class Float>
MLRT_INLINE Float value_of(RankOf<Float> rank) {
  using Word = RankOf<Float>;
  return std::bit_cast<Float>((rank & kSignBit<Word>) != 0 ? rank ^ kSignBit<Word> : ~rank);
}

}  // namespace mlrt
