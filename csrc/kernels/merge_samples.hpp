// merge_samples: one pass over two sorted samples in their common order, and the sums of sample_distances over it.
//
// The pass is cut into pieces of equal length along the merge path, each of which knows where it starts, so pieces run
// in any order; their sums are added in one.
// Input   two samples of n and m >= 1 ascending words, nm <= 2^62; `As` says how far two words' values are apart.
// Output  max |d| and the three sums of sample_distances.hpp, not yet divided by what is common to their terms.
// Error   see sample_distances.hpp. Cost: 7 ns a value, one load waiting for the comparison before it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/isa.hpp"
#include "core/radix.hpp"
#include "core/threads.hpp"

namespace mlrt::merge_samples {

constexpr std::int64_t kPiece = std::int64_t{1} << 17;
constexpr std::int64_t kBlock = 512;

struct Sums {
  std::int64_t most = 0;  // max |d|
  double gaps = 0.0;      // sum |d| times the gap to the next value
  double squares = 0.0;   // sum c d^2
  double weighted = 0.0;  // sum c d^2 / (B (N - B))

  void add(const Sums& other) {
    most = std::max(most, other.most);
    gaps += other.gaps;
    squares += other.squares;
    weighted += other.weighted;
  }
};

template <class As>
class Merge {
 public:
  using Word = typename As::Word;
  using Words = Items<Word>;

  Merge(const Words& a, const Words& b)
      : a_(a.data()), b_(b.data()), n_(static_cast<std::int64_t>(a.size())), m_(static_cast<std::int64_t>(b.size())) {}

  Sums run() const {
    const auto pieces = static_cast<std::size_t>((n_ + m_ - 1) / kPiece + 1);
    std::vector<Sums> sums(pieces);
    parallel_for(pieces, worker_count(pieces), [&](std::size_t, std::size_t piece) {
      const auto begin = static_cast<std::int64_t>(piece) * kPiece;
      sums[piece] = run_piece(begin, std::min(n_ + m_, begin + kPiece));
    });
    Sums total;
    for (const Sums& part : sums) total.add(part);
    return total;
  }

 private:
  struct Cursor {
    std::int64_t i;       // how many of `a` were passed
    std::int64_t passed;  // how many of both
    std::int64_t before;  // how many of both are below the last one passed
    Word last;            // the last one passed
  };

  // The next values of a block, and how many of `a` come before each.
  struct Block {
    Word words[kBlock];
    std::int64_t i[kBlock];
  };

  // How many of `a` are among the first `count` pooled values, of equal ones a's first.
  std::int64_t split(std::int64_t count) const {
    std::int64_t low = std::max<std::int64_t>(0, count - m_);
    std::int64_t high = std::min(count, n_);
    while (low < high) {
      const std::int64_t middle = low + (high - low) / 2;
      if (a_[middle] <= b_[count - middle - 1]) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  Cursor at(std::int64_t passed) const {
    const std::int64_t i = split(passed);
    const std::int64_t j = passed - i;
    if (passed == 0) return {0, 0, 0, std::min(a_[0], b_[0])};
    const Word last = i == 0 ? b_[j - 1] : j == 0 ? a_[i - 1] : std::max(a_[i - 1], b_[j - 1]);
    const auto before = (std::lower_bound(a_, a_ + i, last) - a_) + (std::lower_bound(b_, b_ + j, last) - b_);
    return {i, passed, before, last};
  }

  Sums run_piece(std::int64_t begin, std::int64_t end) const {
    Cursor now = at(begin);
    const std::int64_t end_i = split(end);
    Sums total;
    Block block;
    while (now.passed < end) {
      const std::int64_t left_a = end_i - now.i;
      const std::int64_t left_b = end - now.passed - left_a;
      const std::int64_t least = std::min(left_a, left_b);
      const std::int64_t steps = std::min(kBlock, least > 0 ? least : left_a + left_b);
      const std::int64_t i = least > 0 ? fill(now, steps, block) : fill_from_one(now, steps, left_a > 0, block);
      total.add(sums(now, steps, block));
      now.i = i;
      now.passed += steps;
    }
    return total;
  }

  // Which of the two next values is the smaller is arithmetic: it cannot be predicted. Returns where it leaves `a`.
  std::int64_t fill(const Cursor& now, std::int64_t steps, Block& block) const {
    std::int64_t i = now.i;
    const Word* const b_before = b_ + now.passed;
    for (std::int64_t step = 0; step < steps; ++step) {
      const Word a = a_[i];
      const Word b = b_before[step - i];
      block.i[step] = i;
      const Word is_a = a <= b ? 1 : 0;
      block.words[step] = b ^ ((a ^ b) & (0 - is_a));  // compilers make a branch of std::min
      i += static_cast<std::int64_t>(is_a);
    }
    return i;
  }

  std::int64_t fill_from_one(const Cursor& now, std::int64_t steps, bool is_a, Block& block) const {
    std::copy_n(is_a ? a_ + now.i : b_ + (now.passed - now.i), steps, block.words);
    for (std::int64_t step = 0; step < steps; ++step) block.i[step] = now.i + (is_a ? step : 0);
    return now.i + (is_a ? steps : 0);
  }

  // What is said of the values passed, each time by the value that follows them.
  Sums sums(Cursor& now, std::int64_t steps, const Block& block) const {
    Sums sums;
    for (std::int64_t step = 0; step < steps; ++step) {
      const std::int64_t passed = now.passed + step;
      const std::int64_t d = m_ * block.i[step] - n_ * (passed - block.i[step]);
      const std::int64_t most = d < 0 ? -d : d;
      const Word next = block.words[step];
      const bool moves = next != now.last;
      const double d_or_0 = moves ? static_cast<double>(most) : 0.0;
      const double square = static_cast<double>(passed - now.before) * d_or_0 * d_or_0;
      const double left = static_cast<double>(n_ + m_ - passed);
      sums.most = std::max(sums.most, moves ? most : 0);
      sums.gaps += d_or_0 * As::gap(now.last, next);
      sums.squares += square;
      sums.weighted += square / (static_cast<double>(std::max<std::int64_t>(1, passed)) * left);
      now.before = moves ? passed : now.before;
      now.last = next;
    }
    return sums;
  }

  const Word* a_;
  const Word* b_;
  std::int64_t n_;
  std::int64_t m_;
};

}  // namespace mlrt::merge_samples
