// weighted: rows drawn with replacement, each in proportion to its weight, computed from the position of the draw.
//   c_j = w_0 + .. + w_j in float64, from left to right;  u = floor(word / 2^11) / 2^53, word = the key's, at position
//   row = the first j with c_j > min(u · total, the number before total)
// Input   weights: float64, finite, none below 0, their sum finite and above 0; draws; a key of 128 bits.
// Output  int64 rows; never one of weight 0.
// Error   0. A row is drawn with its weight's share to within 2^-53 and the rounding of the sums.
// Cost    a table of buckets of u says where to search, and from there it is a binary search: on average at most
//         1 + log2(1 + rows / buckets) < 3 steps whatever the weights, at worst log2(rows). Memory: 12 to 16 bytes
//         a row.
// Source  Chen, Asau: On generating random variates from an empirical distribution (1974).
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/aligned.hpp"
#include "core/errors.hpp"
#include "core/order.hpp"
#include "kernels/permutation.hpp"

namespace mlrt::weighted {

using permutation::Word;

constexpr int kBits = 53;               // of u
constexpr std::int64_t kTileRows = 64;  // draws whose misses are waited for together

// What the weights alone decide: orders of other keys share it.
class Table {
 public:
  // Throws std::invalid_argument for weights that are none.
  Table(const double* weights, std::int64_t rows) : cumulative_(static_cast<std::size_t>(rows)) {
    double sum = 0;
    bool is_valid = true;
    for (std::size_t j = 0; j < cumulative_.size(); ++j) {
      is_valid = is_valid && weights[j] >= 0;
      cumulative_[j] = sum += weights[j];
    }
    if (!is_valid || !std::isfinite(sum) || !(sum > 0))
      throw std::invalid_argument(problem("weights", "finite numbers, none below 0, of a finite sum above 0",
                                          "a sum of " + std::to_string(sum) + (is_valid ? "" : " and others"),
                                          "leave such rows out, or scale the weights"));
    last_ = std::nextafter(sum, 0.0);
    total_ = sum;
    shift_ = kBits + 1 - static_cast<int>(std::bit_width(cumulative_.size()));
    fill_buckets();
  }

  std::int64_t rows() const { return static_cast<std::int64_t>(cumulative_.size()); }

  // The row of u · 2^53.
  std::int64_t row(Word u) const {
    const double* const last = cumulative_.data() + bucket(u)[1];
    return std::upper_bound(first(u), last, target(u)) - cumulative_.data();
  }

  // Asks for what row(u) will read, one behind the other: the second call reads what the first asked for.
  void prefetch_bucket(Word u) const { __builtin_prefetch(bucket(u)); }
  void prefetch_rows(Word u) const { __builtin_prefetch(first(u)); }

 private:
  const std::int64_t* bucket(Word u) const { return buckets_.data() + (u >> shift_); }
  const double* first(Word u) const { return cumulative_.data() + *bucket(u); }
  double target(Word u) const { return std::min(static_cast<double>(u) * 0x1p-53 * total_, last_); }

  // buckets_[i]: the row of u = i · 2^shift_. target() never falls, so the rows between two of them lie between theirs.
  void fill_buckets() {
    buckets_.resize((std::size_t{1} << (kBits - shift_)) + 1);
    std::size_t j = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      while (!(cumulative_[j] > target(static_cast<Word>(i) << shift_))) ++j;
      buckets_[i] = static_cast<std::int64_t>(j);
    }
  }

  std::vector<double, Allocator<double>> cumulative_;
  std::vector<std::int64_t, Allocator<std::int64_t>> buckets_;
  double total_ = 0, last_ = 0;
  int shift_ = 0;
};

class Draws final : public order::Order {
 public:
  Draws(std::shared_ptr<const Table> table, std::int64_t size, Word key_low, Word key_high)
      : table_(std::move(table)), size_(size), key_low_(key_low), key_high_(key_high) {
    if (size < 0) throw std::invalid_argument(problem("size", "0 draws or more", std::to_string(size), "draw some"));
  }

  const std::shared_ptr<const Table>& table() const { return table_; }
  std::int64_t size() const override { return size_; }
  std::int64_t bound() const override { return table_->rows(); }
  void rows(std::int64_t start, std::int64_t count, std::int64_t* out) const override {
    Word tile[kTileRows];
    for (std::int64_t done = 0; done < count; done += kTileRows) {
      const std::int64_t n = std::min(kTileRows, count - done);
      for (std::int64_t i = 0; i < n; ++i) {
        const auto position = static_cast<Word>(start + done + i);
        tile[i] = permutation::keyed_word(key_low_, key_high_, position) >> (64 - kBits);
        table_->prefetch_bucket(tile[i]);
      }
      for (std::int64_t i = 0; i < n; ++i) table_->prefetch_rows(tile[i]);
      for (std::int64_t i = 0; i < n; ++i) out[done + i] = table_->row(tile[i]);
    }
  }

 private:
  std::shared_ptr<const Table> table_;
  std::int64_t size_;
  Word key_low_, key_high_;
};

}  // namespace mlrt::weighted
