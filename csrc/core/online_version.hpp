// online_version: the segments that are an online store at one moment, and reads of many keys at once.
//
// A key's row in a newer segment replaces its rows in older ones. Reads fetch ahead: all slots of a group of keys, then
// all their rows, so that a group waits for memory about twice, however many keys it has.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/online_keys.hpp"
#include "core/online_segment.hpp"

namespace mlrt::online {

struct Found {
  const Row* row = nullptr;  // null: there is none
  const char* heap = nullptr;
};

// When rows hold: from `oldest` event time to `newest` moment of availability, for each key or (step 0) for all.
struct Moments {
  const std::int64_t* oldest;
  const std::int64_t* newest;
  std::size_t step;

  bool hold(const Row& row, std::size_t key) const {
    return row.event >= oldest[key * step] && row.available() <= newest[key * step];
  }
};

// Where the rows of n keys go: event, found: [n]; numbers: [n, shape.numbers]; rows: [n], for the texts.
struct Reading {
  std::int64_t* event;
  bool* found;
  double* numbers;
  Found* rows;
};

class Version {
 public:
  // segments: newest first.
  Version(const Shape& shape, std::uint64_t seed, std::vector<std::shared_ptr<const Segment>> segments)
      : shape_(shape), seeded_(seed), segments_(std::move(segments)) {}

  const Shape& shape() const { return shape_; }
  const xxh3::Seeded& seeded() const { return seeded_; }
  const std::vector<std::shared_ptr<const Segment>>& segments() const { return segments_; }

  // use(i, hash, Found) for each key in order, with `fetched` bytes of its row fetched ahead.
  template <class Use>
  void find(const Keys& keys, std::size_t fetched, Use use) const;

  // Reads the rows that hold; the others get NaN, and no text. event: of all rows there are, else kMissingTime.
  void read(const Keys& keys, const Moments& moments, const Reading& into) const;

  // Texts of n rows, one feature after another: offsets: [texts, n + 1]; returns the bytes that `copy_texts` writes.
  std::int64_t text_offsets(const Found* rows, std::size_t n, std::int64_t* offsets) const;
  void copy_texts(const Found* rows, std::size_t n, char* bytes) const;

 private:
  static constexpr std::size_t kGroup = 32;  // keys whose memory is fetched together
  static constexpr std::size_t kMostFetched = 2048;

  Found find(std::uint64_t hash, std::string_view key) const;

  Shape shape_;
  xxh3::Seeded seeded_;
  std::vector<std::shared_ptr<const Segment>> segments_;
};

template <class Use>
void Version::find(const Keys& keys, std::size_t fetched, Use use) const {
  std::array<std::uint64_t, kGroup> hashes;
  std::array<Found, kGroup> likely;
  for (std::size_t begin = 0; begin < keys.size(); begin += kGroup) {
    const std::size_t count = std::min(kGroup, keys.size() - begin);
    for (std::size_t i = 0; i < count; ++i) {
      hashes[i] = hash_of(seeded_, keys[begin + i]);
      for (const auto& segment : segments_) segment->prefetch_slot(hashes[i]);
    }
    for (std::size_t i = 0; i < count; ++i) {
      likely[i] = {};
      for (std::size_t s = 0; s < segments_.size() && likely[i].row == nullptr; ++s)
        likely[i] = {segments_[s]->candidate(hashes[i]), segments_[s]->heap()};
      if (likely[i].row == nullptr) continue;
      const auto* const row = reinterpret_cast<const char*>(likely[i].row);
      for (std::size_t byte = 0; byte < std::min(fetched, kMostFetched); byte += kCacheLine)
        __builtin_prefetch(row + byte);
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::string_view key = keys[begin + i];
      const Found& found = likely[i];
      const bool is_it = found.row == nullptr || shape_.key_of(*found.row, found.heap) == key;
      use(begin + i, hashes[i], is_it ? found : find(hashes[i], key));
    }
  }
}

}  // namespace mlrt::online
