// unseen_keys: which keys a reference did not have, how often each came, and how many there are, in bounded memory.
//
// Input   hashes of keys, each with how often its key came and what it looks like.
// Output  the kMost keys of the smallest hashes, ascending, with their exact counts; mergeable in any order: whether a key
//         is among them depends on the set of all keys only, and one that is was never left out before.
// Error   0 while there are at most kMost keys; of more, the sample is uniform over the distinct keys, and
//         (kMost - 1) / (greatest kept hash / 2^64) estimates their number without bias, relative standard deviation at
//         most 1 / sqrt(kMost - 2) = 6.3 %. Two keys with one hash are taken for one: 2^-64 a pair.
// Source  Bar-Yossef, Jayram, Kumar, Sivakumar, Trevisan (2002); bias and variance: Beyer, Haas, Reinwald, Sismanis,
//         Gemulla (2007).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/binary.hpp"

namespace mlrt::category_counts {

class UnseenKeys {
 public:
  static constexpr std::size_t kMost = 256;
  static constexpr std::size_t kMostText = 128;  // bytes of a key that are kept to show it

  struct Entry {
    std::uint64_t hash;
    std::int64_t count;
    std::string text;
  };

  const std::vector<Entry>& entries() const { return entries_; }

  // text_of() is asked for only when the key is not there yet.
  template <class TextOf>
  void add(std::uint64_t hash, std::int64_t count, TextOf text_of) {
    if (hash > bound_) return;
    const std::size_t place = find(hash);
    if (place < entries_.size() && entries_[place].hash == hash) {
      entries_[place].count += count;
      return;
    }
    const auto at = entries_.begin() + static_cast<std::ptrdiff_t>(place);
    entries_.insert(at, {hash, count, std::string(shown(text_of()))});
    if (entries_.size() > kMost) entries_.pop_back();
    if (entries_.size() == kMost) bound_ = entries_.back().hash;
  }

  void merge(const UnseenKeys& other) {
    for (const Entry& entry : other.entries_)
      add(entry.hash, entry.count, [&entry] { return std::string_view(entry.text); });
  }

  void write(binary::Writer& out) const {
    out.number(std::uint64_t{entries_.size()});
    for (const Entry& entry : entries_) {
      out.number(entry.hash);
      out.number(entry.count);
      out.number(static_cast<std::uint32_t>(entry.text.size()));
      out.text(entry.text);
    }
  }

  // rows: how many rows hold an unseen key.
  static UnseenKeys read(binary::Reader& in, std::int64_t rows) {
    UnseenKeys state;
    const auto size = in.number<std::uint64_t>();
    in.require(size <= kMost, "as many unseen keys as are kept");
    std::int64_t left = rows;
    for (std::uint64_t i = 0; i < size; ++i) {
      const auto hash = in.number<std::uint64_t>();
      const std::int64_t count = in.rows();
      in.require(state.entries_.empty() || state.entries_.back().hash < hash, "ascending hashes");
      in.require(count > 0 && count <= left, "counts above 0 that add up to the unseen rows");
      left -= count;
      const auto length = in.number<std::uint32_t>();
      in.require(length <= kMostText, "keys that are shortened");
      state.entries_.push_back({hash, count, std::string(in.text(length))});
    }
    in.require(size == kMost || left == 0, "counts that add up to the unseen rows");
    if (size == kMost) state.bound_ = state.entries_.back().hash;
    return state;
  }

 private:
  // At most kMostText bytes, and no part of a UTF-8 character.
  static std::string_view shown(std::string_view text) {
    if (text.size() <= kMostText) return text;
    std::size_t size = kMostText;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
    return text.substr(0, size);
  }

  // How many kept hashes are smaller. Every step halves the range by arithmetic: nobody can predict a hash.
  std::size_t find(std::uint64_t hash) const {
    std::size_t base = 0;
    for (std::size_t length = entries_.size(); length > 0;) {
      const std::size_t half = (length + 1) / 2;
      base += entries_[base + half - 1].hash < hash ? half : 0;
      length -= half;
    }
    return base;
  }

  std::vector<Entry> entries_;
  std::uint64_t bound_ = ~std::uint64_t{0};  // what a key may hash to at most
};

}  // namespace mlrt::category_counts
