// stratified: every row once, so that any beginning of the epoch holds each stratum in its proportion, to within one.
//   Member j = 1, 2, .. of a stratum of m rows, of n in all, comes at one of the places
//     floor((j - 1)·n / m) + 1, .., ceil(j·n / m)
//   A place takes, of the members that may come, the one whose last place is nearest; of equals the lower stratum's.
//   The j-th member is row p(j - 1) of the stratum's rows, p the permutation of (m, key_low + stratum, key_high).
// Input   strata: n < 2^31 numbers of [0, n); a key of 128 bits.
// Output  int64 rows. After k places a stratum has had more than k·m/n - 1 of its rows and fewer than k·m/n + 1; so of
//         k places from anywhere it holds k·m/n to within 2.
// Error   0.
// Cost    the permutation's and two reads a position, and a look at every stratum a call; to make it, log2(strata)
//         steps a row, once for all keys. Memory: 12 bytes a row.
// Source  Baruah, Cohen, Plaxton, Varvel: Proportionate progress (1996): such places exist for all members, and with
//         one machine the nearest deadline first finds them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <queue>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/aligned.hpp"
#include "core/errors.hpp"
#include "core/order.hpp"
#include "kernels/permutation.hpp"

namespace mlrt::stratified {

using permutation::Word;

constexpr std::int64_t kFewMembers = 8;  // too few for vectors

// What the strata alone decide: orders of other keys share it.
class Table {
 public:
  // Throws std::invalid_argument for strata that are no numbers of [0, n), or too many rows.
  Table(const std::int64_t* strata, std::int64_t n) {
    if (n > std::numeric_limits<std::int32_t>::max())
      throw std::invalid_argument(problem("strata", "fewer than 2^31 rows", std::to_string(n), "split the data"));
    sort_rows(strata, n);
    fill_places(n);
  }

  struct Place {
    std::int32_t stratum, rank;
  };

  std::int64_t size() const { return static_cast<std::int64_t>(places_.size()); }
  std::size_t strata() const { return starts_.size() - 1; }
  std::int64_t members(std::size_t stratum) const { return starts_[stratum + 1] - starts_[stratum]; }
  Place place(std::int64_t position) const { return places_[static_cast<std::size_t>(position)]; }
  std::int64_t row(std::int32_t stratum, std::int64_t rank) const {
    return rows_[static_cast<std::size_t>(starts_[static_cast<std::size_t>(stratum)] + rank)];
  }

 private:
  void sort_rows(const std::int64_t* strata, std::int64_t n) {
    std::int64_t most = -1;
    for (std::int64_t i = 0; i < n; ++i) {
      if (strata[i] < 0 || strata[i] >= n)
        throw std::invalid_argument(problem("strata", "numbers of [0, " + std::to_string(n) + ")",
                                            std::to_string(strata[i]) + " in row " + std::to_string(i),
                                            "number the strata with numpy.unique(…, return_inverse=True)"));
      most = std::max(most, strata[i]);
    }
    starts_.assign(static_cast<std::size_t>(most) + 2, 0);
    for (std::int64_t i = 0; i < n; ++i) ++starts_[static_cast<std::size_t>(strata[i]) + 1];
    for (std::size_t s = 1; s < starts_.size(); ++s) starts_[s] += starts_[s - 1];
    std::vector<std::int64_t> next(starts_);
    rows_.resize(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < n; ++i)
      rows_[static_cast<std::size_t>(next[static_cast<std::size_t>(strata[i])]++)] = static_cast<std::int32_t>(i);
  }

  struct Member {
    std::int64_t place;  // the first it may take while it waits, the last once it may come
    std::int32_t stratum, rank;
    bool operator>(const Member& other) const {
      return place != other.place ? place > other.place : stratum > other.stratum;
    }
  };
  using Nearest = std::priority_queue<Member, std::vector<Member>, std::greater<>>;

  void fill_places(std::int64_t n) {
    Nearest waiting, ready;
    for (std::size_t s = 0; s < strata(); ++s)
      if (members(s) > 0) waiting.push({1, static_cast<std::int32_t>(s), 0});
    places_.resize(static_cast<std::size_t>(n));
    for (std::int64_t k = 1; k <= n; ++k) {
      for (; !waiting.empty() && waiting.top().place <= k; waiting.pop()) {
        const auto [first, stratum, rank] = waiting.top();
        const std::int64_t m = members(static_cast<std::size_t>(stratum));
        ready.push({((rank + std::int64_t{1}) * n + m - 1) / m, stratum, rank});
      }
      const auto [last, stratum, rank] = ready.top();
      ready.pop();
      places_[static_cast<std::size_t>(k - 1)] = {stratum, rank};
      const std::int64_t m = members(static_cast<std::size_t>(stratum));
      if (rank + 1 < m) waiting.push({(rank + std::int64_t{1}) * n / m + 1, stratum, rank + 1});
    }
  }

  std::vector<std::int64_t> starts_;                         // of each stratum in rows_
  std::vector<std::int32_t, Allocator<std::int32_t>> rows_;  // of one stratum after another, ascending
  std::vector<Place, Allocator<Place>> places_;
};

class StratifiedOrder final : public order::Order {
 public:
  StratifiedOrder(std::shared_ptr<const Table> table, Word key_low, Word key_high) : table_(std::move(table)) {
    for (std::size_t s = 0; s < table_->strata(); ++s)
      networks_.push_back(permutation::network(table_->members(s), key_low + s, key_high));
  }

  const std::shared_ptr<const Table>& table() const { return table_; }
  std::int64_t size() const override { return table_->size(); }
  std::int64_t bound() const override { return table_->size(); }
  // Of each stratum these are members one behind the other, so that their permutation is a matter of one call.
  void rows(std::int64_t start, std::int64_t count, std::int64_t* out) const override {
    std::vector<Part> parts(networks_.size());
    for (std::int64_t i = start; i < start + count; ++i) {
      const auto [stratum, rank] = table_->place(i);
      Part& part = parts[static_cast<std::size_t>(stratum)];
      if (part.count++ == 0) part.first = rank;
    }
    std::vector<std::int64_t> ranks(static_cast<std::size_t>(count));
    permute(parts, ranks.data());
    for (std::int64_t i = 0; i < count; ++i) {
      const auto [stratum, rank] = table_->place(start + i);
      const Part& part = parts[static_cast<std::size_t>(stratum)];
      out[i] = table_->row(stratum, ranks[static_cast<std::size_t>(part.place + rank - part.first)]);
    }
  }

 private:
  // The members [first, first + count) of a stratum; their permuted ranks lie at `place`.
  struct Part {
    std::int64_t first = 0, count = 0, place = 0;
  };

  void permute(std::vector<Part>& parts, std::int64_t* ranks) const {
    const permutation::Run many = permutation::select(active_isa());
    std::int64_t place = 0;
    for (std::size_t s = 0; s < parts.size(); ++s) {
      Part& part = parts[s];
      part.place = place;
      place += part.count;
      const permutation::Run run = part.count < kFewMembers ? permutation::scalar::run : many;
      run(networks_[s], part.first, part.count, ranks + part.place);
    }
  }

  std::shared_ptr<const Table> table_;
  std::vector<permutation::Network> networks_;  // of each stratum's rows
};

}  // namespace mlrt::stratified
