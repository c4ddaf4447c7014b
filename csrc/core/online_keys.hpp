// online_keys: keys as bytes: the same key gives the same bytes everywhere, and no two keys share theirs.
//
// A whole number is 8 bytes, little-endian; a text its UTF-8. Where a view has several keys these follow one another,
// and every text but the last is preceded by its size, in 4 bytes. A key without a part is missing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/arrow.hpp"

namespace mlrt::online {

// A text of a column of texts (no dictionary); empty where it is missing.
std::string_view text_at(const Column& column, std::int64_t row);

enum class Part : std::uint8_t { integer, text };

class Keys {
 public:
  explicit Keys(std::vector<Part> parts) : parts_(std::move(parts)) {}

  std::size_t size() const { return places_.size(); }
  bool is_missing(std::size_t i) const { return places_[i].is_missing; }
  std::string_view operator[](std::size_t i) const { return {bytes_.data() + places_[i].begin, places_[i].size}; }

  const std::vector<Part>& parts() const { return parts_; }
  void reserve(std::size_t keys) { places_.reserve(keys); }

  // The next key, part by part, then `end`, which throws std::invalid_argument for more than kMostKeyBytes.
  void integer(std::int64_t part) { bytes_.append(reinterpret_cast<const char*>(&part), sizeof part); }
  void text(std::string_view part, bool is_last);
  void end(bool is_missing);

  // The next keys: those of a batch whose columns hold the parts, int64 or utf8. Throws std::invalid_argument for others.
  void append(const Batch& batch, std::int64_t first_column);

 private:
  struct Place {
    std::size_t begin;
    std::uint32_t size;
    bool is_missing;
  };

  std::vector<Part> parts_;
  std::string bytes_;
  std::vector<Place> places_;
  std::size_t ended_ = 0;  // bytes of the keys that have ended
};

}  // namespace mlrt::online
