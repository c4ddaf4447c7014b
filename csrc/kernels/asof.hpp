// asof: for each row that asks (a key, a time t), the last row of the past of its key that was known then.
//   winner(e) = of the rows f with key(f) = key(e) and a(f) <= t(e), a = max(event, known), the one with the greatest
//               (event, known, number); it counts while t(e) - event <= ttl
// Input   Entities (asof_entities.hpp); of the past, in any order and any number of calls: ids int32[m] of the same
//         groups, event and known int64[m] microseconds (kMissingTime: none; known null: event), numbers int64[m].
// Output  int64 numbers of the winners, -1 for none, and a Fate for each row of the entities, in their order.
// Error   0. Cost: a binary search and one line of state a row. State: 32 bytes an entity row, whatever the past holds.
// Source  a row of the past is kept where it is first seen, and a running maximum along the times of a key tells the
//         rest: the sweep of a merge join, without sorting what is merged.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "core/aligned.hpp"
#include "core/isa.hpp"
#include "core/threads.hpp"
#include "kernels/asof_entities.hpp"

namespace mlrt::asof {

// What became of an entity row.
enum class Fate : std::uint8_t { matched, expired, too_early, no_key, missing_time, missing_key };

// Rows of the past.
struct Past {
  const std::int32_t* ids;
  const std::int64_t* event;
  const std::int64_t* known;    // may be null
  const std::int64_t* numbers;  // null: first, first + 1 and so on
  std::int64_t first;
  std::int64_t rows;

  std::int64_t number(std::int64_t i) const { return numbers == nullptr ? first + i : numbers[i]; }
};

struct alignas(32) Winner {
  std::int64_t event = kMissingTime;  // nobody yet
  std::int64_t known = kMissingTime;
  std::int64_t number = -1;

  bool is_below(const Winner& other) const {
    return std::tie(event, known, number) < std::tie(other.event, other.known, other.number);
  }
};

class Winners {
 public:
  explicit Winners(std::shared_ptr<const Entities> entities)
      : entities_(std::move(entities)),
        best_(entities_->places()),
        is_seen_(static_cast<std::size_t>(entities_->groups()) + 1) {}

  std::int64_t rows_missing_key() const { return rows_missing_key_; }
  std::int64_t rows_missing_time() const { return rows_missing_time_; }

  // A round at a time: all workers find the places of its rows; then each keeps those in its share of the places.
  void update(const Past& past) {
    const Place place = select_place(active_isa());
    std::vector<std::int32_t> places(static_cast<std::size_t>(std::min(past.rows, kRound)));
    for (std::int64_t begin = 0; begin < past.rows; begin += kRound) {
      const std::int64_t n = std::min(kRound, past.rows - begin);
      const auto tasks = static_cast<std::size_t>((n + kTaskRows - 1) / kTaskRows);
      const std::size_t workers = worker_count(tasks);
      std::vector<Missing> missing(tasks);
      parallel_for(tasks, workers, [&](std::size_t, std::size_t task) {
        const auto done = static_cast<std::int64_t>(task) * kTaskRows;
        missing[task] = find(place, past, begin + done, std::min(kTaskRows, n - done), places.data() + done);
      });
      for (const Missing& each : missing) {
        rows_missing_key_ += each.keys;
        rows_missing_time_ += each.times;
      }
      parallel_for(workers, workers, [&](std::size_t, std::size_t share) {
        const auto bound = [&](std::size_t k) { return static_cast<std::int32_t>(best_.size() * k / workers); };
        keep(past, begin, n, places.data(), bound(share), bound(share + 1));
      });
    }
  }

  std::int64_t entity_rows() const { return entities_->rows(); }

  // ttl: in microseconds. numbers: int64[entity_rows()], fates: [entity_rows()].
  void finish(std::uint64_t ttl, std::int64_t* numbers, Fate* fates) const {
    std::fill_n(numbers, entities_->rows(), std::int64_t{-1});
    std::fill_n(fates, entities_->rows(), Fate::missing_key);
    for (const std::uint32_t row : entities_->untimed()) fates[row] = Fate::missing_time;
    entities_->for_each_part([&](std::int64_t group) { finish_group(group, ttl, numbers, fates); });
  }

 private:
  static constexpr std::int64_t kRound = 1 << 18;  // its places stay in the caches
  static constexpr std::int64_t kTaskRows = 1 << 13;

  struct Missing {
    std::int64_t keys = 0;
    std::int64_t times = 0;
  };

  // The places of n rows from `begin` on; groups whose entity rows are all earlier are marked.
  Missing find(Place place, const Past& past, std::int64_t begin, std::int64_t n, std::int32_t* places) {
    Missing missing;
    std::int64_t available[kTile];
    for (std::int64_t done = 0; done < n; done += kTile) {
      const std::int64_t count = std::min(kTile, n - done);
      const std::int32_t* const ids = past.ids + begin + done;
      const std::int64_t* const event = past.event + begin + done;
      const std::int64_t* const known = past.known == nullptr ? event : past.known + begin + done;
      for (std::int64_t i = 0; i < count; ++i) {
        const bool has_time = (event[i] != kMissingTime) & (known[i] != kMissingTime);
        available[i] = has_time ? std::max(event[i], known[i]) : kMissingTime;
        missing.keys += ids[i] == vocabulary::kMissingId ? 1 : 0;
        missing.times += (ids[i] != vocabulary::kMissingId) & !has_time ? 1 : 0;
      }
      place(*entities_, ids, available, count, places + done);
      for (std::int64_t i = 0; i < count; ++i)
        if (places[done + i] <= kNobody) mark(static_cast<std::size_t>(kNobody - places[done + i]));
    }
    return missing;
  }

  // Several workers may mark the same group, with the same value.
  void mark(std::size_t group) {
    const std::atomic_ref<std::uint8_t> is_seen(is_seen_[group]);
    if (is_seen.load(std::memory_order_relaxed) == 0) is_seen.store(1, std::memory_order_relaxed);
  }

  // Lets those of n rows from `begin` on compete whose places are in [low, high).
  void keep(const Past& past, std::int64_t begin, std::int64_t n, const std::int32_t* places, std::int32_t low,
            std::int32_t high) {
    std::int64_t kept[kTile];
    for (std::int64_t done = 0; done < n; done += kTile) {
      std::int64_t count = 0;
      for (std::int64_t i = done; i < std::min(n, done + kTile); ++i) {
        kept[count] = i;
        const bool is_mine = (places[i] >= low) & (places[i] < high);
        count += is_mine ? 1 : 0;
        if (is_mine) __builtin_prefetch(&best_[static_cast<std::size_t>(places[i])], 1, 2);
      }
      for (std::int64_t k = 0; k < count; ++k) {
        const std::int64_t i = begin + kept[k];
        const std::int64_t event = past.event[i];
        const Winner row{event, past.known == nullptr ? event : past.known[i], past.number(i)};
        Winner& best = best_[static_cast<std::size_t>(places[kept[k]])];
        if (best.is_below(row)) best = row;
      }
    }
  }

  void finish_group(std::int64_t group, std::uint64_t ttl, std::int64_t* numbers, Fate* fates) const {
    const std::uint32_t start = entities_->start(group), end = entities_->start(group + 1);
    bool is_seen = is_seen_[static_cast<std::size_t>(group)] != 0;
    for (std::uint32_t p = start; p < end && !is_seen; ++p) is_seen = best_[p].number >= 0;
    Winner last;
    for (std::uint32_t p = start; p < end; ++p) {
      if (last.is_below(best_[p])) last = best_[p];
      const std::uint32_t row = entities_->row(p);
      const std::uint64_t age =
          static_cast<std::uint64_t>(entities_->times()[p]) - static_cast<std::uint64_t>(last.event);
      if (last.number < 0)
        fates[row] = is_seen ? Fate::too_early : Fate::no_key;
      else
        fates[row] = age <= ttl ? Fate::matched : Fate::expired;
      if (fates[row] == Fate::matched) numbers[row] = last.number;
    }
  }

  std::shared_ptr<const Entities> entities_;
  Items<Winner> best_;                 // by place: of the rows that are first seen there
  std::vector<std::uint8_t> is_seen_;  // by group, and one for no group: whether a row came too late for all
  std::int64_t rows_missing_key_ = 0;
  std::int64_t rows_missing_time_ = 0;
};

}  // namespace mlrt::asof
