// asof_entities: rows that ask for the past of their key, arranged so that a row of the past finds who may see it.
//   place(g, a) = the first place of group g whose time >= a;  places of a group are in the order of their times
// Input   ids int32[n] of key_groups.hpp, times int64[n] microseconds (kMissingTime: none); n < 2^31.
// Output  int32 places; kNobody - g, g the group, where all of the group are earlier, and where there is no group.
// Error   0. Cost: a line for the group, one or two for its times, all fetched ahead, a tile of rows at a time.
// Levels  differ in how the last 8 times are compared: one by one; as two vectors; as one under a mask.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/errors.hpp"
#include "core/isa.hpp"
#include "core/radix.hpp"
#include "core/threads.hpp"
#include "kernels/key_groups.hpp"

namespace mlrt::asof {

constexpr std::int64_t kMissingTime = std::numeric_limits<std::int64_t>::min();
constexpr std::int32_t kNobody = -1;
constexpr std::int64_t kTile = 128;      // rows whose lines are fetched together
constexpr std::uint32_t kLastTimes = 8;  // compared at once

class Entities {
 public:
  // groups: every id is below key_groups::kFirstId + groups. Throws std::invalid_argument otherwise.
  Entities(const std::int32_t* ids, const std::int64_t* times, std::int64_t n, std::int64_t groups)
      : starts_(checked(ids, n, groups) + 2),
        times_(static_cast<std::size_t>(n) + kLastTimes),
        rows_(static_cast<std::size_t>(n)) {
    std::uint32_t* const counts = starts_.data() + 1;
    for (std::int64_t i = 0; i < n; ++i) {
      if (is_placed(ids[i], times[i])) ++counts[ids[i] - key_groups::kFirstId];
      if (times[i] == kMissingTime) untimed_.push_back(static_cast<std::uint32_t>(i));
    }
    for (std::int64_t g = 0; g < groups; ++g) counts[g] += starts_[static_cast<std::size_t>(g)];
    counts[groups] = starts_[static_cast<std::size_t>(groups)];
    places_ = counts[groups];
    std::vector<std::uint32_t> next(starts_.begin(), starts_.end() - 1);
    for (std::int64_t i = 0; i < n; ++i) {
      if (!is_placed(ids[i], times[i])) continue;
      const std::uint32_t place = next[static_cast<std::size_t>(ids[i] - key_groups::kFirstId)]++;
      times_[place] = times[i];
      rows_[place] = static_cast<std::uint32_t>(i);
    }
    for_each_part([this](std::int64_t group) { sort(starts_[group], starts_[group + 1]); });
  }

  std::int64_t rows() const { return static_cast<std::int64_t>(rows_.size()); }
  std::int64_t groups() const { return static_cast<std::int64_t>(starts_.size()) - 2; }
  std::uint32_t places() const { return places_; }
  std::uint32_t row(std::uint32_t place) const { return rows_[place]; }
  const std::int64_t* times() const { return times_.data(); }

  // The rows without a time.
  const std::vector<std::uint32_t>& untimed() const { return untimed_; }

  // Group g has the places [start(g), start(g + 1)); g = groups() has none.
  std::uint32_t start(std::int64_t group) const { return starts_[static_cast<std::size_t>(group)]; }
  const std::uint32_t* starts() const { return starts_.data(); }

  // Calls visit(group) for all groups, from several threads.
  template <class Visit>
  void for_each_part(Visit visit) const {
    const auto tasks = std::clamp<std::size_t>(starts_.size() >> 12, 1, 256);
    parallel_for(tasks, worker_count(tasks), [&](std::size_t, std::size_t task) {
      const auto all = static_cast<std::size_t>(groups());
      for (std::size_t g = all * task / tasks; g < all * (task + 1) / tasks; ++g) visit(static_cast<std::int64_t>(g));
    });
  }

 private:
  // The number of groups, if they and the rows can be numbered.
  static std::size_t checked(const std::int32_t* ids, std::int64_t n, std::int64_t groups) {
    constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max() - key_groups::kFirstId;
    const auto refuse = [](const std::string& expected, const std::string& got) {
      throw std::invalid_argument(problem("AsofEntities", expected, got, "pass the ids of KeyGroups, block by block"));
    };
    if (n > kMost) refuse("at most " + std::to_string(kMost) + " rows", std::to_string(n));
    if (groups < 0 || groups > kMost) refuse("0 to " + std::to_string(kMost) + " groups", std::to_string(groups));
    const std::int32_t largest = n == 0 ? 0 : *std::max_element(ids, ids + n);
    if (largest >= key_groups::kFirstId + groups)
      refuse("ids below " + std::to_string(key_groups::kFirstId + groups), std::to_string(largest));
    return static_cast<std::size_t>(groups);
  }

  static bool is_placed(std::int32_t id, std::int64_t time) {
    return id >= key_groups::kFirstId && time != kMissingTime;
  }

  void sort(std::uint32_t begin, std::uint32_t end);

  Items<std::uint32_t> starts_;
  Items<std::int64_t> times_;  // and a few that may be read and mean nothing
  Items<std::uint32_t> rows_;
  std::vector<std::uint32_t> untimed_;
  std::uint32_t places_ = 0;
};

inline void Entities::sort(std::uint32_t begin, std::uint32_t end) {
  std::int64_t* const times = times_.data();
  std::uint32_t* const rows = rows_.data();
  if (std::is_sorted(times + begin, times + end)) return;
  constexpr std::uint32_t kFew = 24;
  if (end - begin <= kFew) {
    for (std::uint32_t i = begin + 1; i < end; ++i)
      for (std::uint32_t k = i; k > begin && times[k] < times[k - 1]; --k) {
        std::swap(times[k], times[k - 1]);
        std::swap(rows[k], rows[k - 1]);
      }
    return;
  }
  const auto [least, greatest] = std::minmax_element(times + begin, times + end);
  const auto from_least = [first = *least](std::int64_t time) {
    return static_cast<std::uint64_t>(time) - static_cast<std::uint64_t>(first);
  };
  const int bits = static_cast<int>(std::bit_width(from_least(*greatest)));
  Items<std::pair<std::int64_t, std::uint32_t>> items;
  for (std::uint32_t i = begin; i < end; ++i) items.emplace_back(times[i], rows[i]);
  radix_sort(items, bits, [&](const auto& item) { return from_least(item.first); });
  for (std::uint32_t i = begin; i < end; ++i) std::tie(times[i], rows[i]) = items[i - begin];
}

namespace scalar {

// How many of `length` <= kLastTimes times are before `time`.
MLRT_INLINE std::uint32_t count_earlier(const std::int64_t* times, std::uint32_t length, std::int64_t time) {
  std::uint32_t earlier = 0;
  for (std::uint32_t k = 0; k < length; ++k) earlier += times[k] < time ? 1 : 0;
  return earlier;
}

#include "kernels/asof_place.inc"

}  // namespace scalar

#if MLRT_X86
MLRT_REGION_AVX2
namespace avx2 {

MLRT_INLINE std::uint32_t count_earlier(const std::int64_t* times, std::uint32_t length, std::int64_t time) {
  const __m256i time_x4 = _mm256_set1_epi64x(time);
  const __m256i first_x4 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(times));
  const __m256i second_x4 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(times + 4));
  const int first = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(time_x4, first_x4)));
  const int second = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(time_x4, second_x4)));
  const auto mask_x8 = static_cast<std::uint32_t>(first | second << 4);
  return static_cast<std::uint32_t>(_mm_popcnt_u32(_bzhi_u32(mask_x8, length)));
}

#include "kernels/asof_place.inc"

}  // namespace avx2
MLRT_REGION_END

MLRT_REGION_AVX512
namespace avx512 {

MLRT_INLINE std::uint32_t count_earlier(const std::int64_t* times, std::uint32_t length, std::int64_t time) {
  const auto mask_x8 = static_cast<__mmask8>(_bzhi_u32(0xffu, length));
  const __m512i times_x8 = _mm512_maskz_loadu_epi64(mask_x8, times);
  return static_cast<std::uint32_t>(
      _mm_popcnt_u32(_mm512_mask_cmplt_epi64_mask(mask_x8, times_x8, _mm512_set1_epi64(time))));
}

#include "kernels/asof_place.inc"

}  // namespace avx512
MLRT_REGION_END
#endif

using Place = void (*)(const Entities& entities, const std::int32_t* ids, const std::int64_t* available, std::int64_t n,
                       std::int32_t* places);

inline Place select_place(Isa isa) {
  return MLRT_SELECT(isa, place);
}

}  // namespace mlrt::asof
