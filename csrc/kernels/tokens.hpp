// tokens: a text as its n-grams.
//   characters  of Unicode code points; words  of maximal runs without white space, joined by one space
// Input   a text in UTF-8; the shortest and longest n-gram. Lower-casing is of the letters A to Z alone.
// Output  the n-grams: all of the shortest length from left to right, then the next length. Each can be read 32 bytes far.
// Error   0. Cost: one pass over the text, then a few instructions an n-gram.
// Source  white space: Unicode's, and the four separators U+001C to U+001F, as in Python's str.split.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/strings.hpp"

namespace mlrt::tokens {

enum class Unit : std::uint8_t { list, characters, words };

struct Rule {
  Unit unit;
  std::int64_t shortest;
  std::int64_t longest;
  bool lower;
};

// The bytes of the white space that `text` starts with, 0 if it starts with something else.
inline std::size_t white_space(std::string_view text) {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned a = at(0), b = at(1), c = at(2);
  if ((a >= 0x09 && a <= 0x0d) || (a >= 0x1c && a <= 0x20)) return 1;
  if (a == 0xc2) return b == 0x85 || b == 0xa0 ? 2 : 0;  // U+0085, U+00A0
  if (a == 0xe1) return b == 0x9a && c == 0x80 ? 3 : 0;  // U+1680
  if (a == 0xe3) return b == 0x80 && c == 0x80 ? 3 : 0;  // U+3000
  if (a != 0xe2) return 0;
  if (b == 0x80) return (c >= 0x80 && c <= 0x8a) || c == 0xa8 || c == 0xa9 || c == 0xaf ? 3 : 0;  // U+2000 to U+202F
  return b == 0x81 && c == 0x9f ? 3 : 0;                                                          // U+205F
}

class Tokenizer {
 public:
  explicit Tokenizer(const Rule& rule) : rule_(rule) {}

  // Valid until the next call.
  const std::vector<Text>& split(std::string_view text) {
    text_.clear();
    starts_.clear();
    ends_.clear();
    rule_.unit == Unit::characters ? find_characters(text) : find_words(text);
    if (rule_.lower)
      for (char& c : text_) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    const std::size_t size = text_.size();
    text_.append(kReadable, '\0');
    tokens_.clear();
    const std::size_t units = starts_.size();
    for (auto length = static_cast<std::size_t>(rule_.shortest);
         length <= static_cast<std::size_t>(rule_.longest) && length <= units; ++length)
      for (std::size_t first = 0; first + length <= units; ++first) {
        const std::size_t begin = starts_[first], end = ends_[first + length - 1];
        tokens_.push_back({text_.data() + begin, static_cast<std::uint32_t>(end - begin),
                           static_cast<std::int64_t>(size + kReadable - begin)});
      }
    return tokens_;
  }

 private:
  static constexpr std::size_t kReadable = 32;

  void find_characters(std::string_view text) {
    text_.append(text);
    for (std::size_t i = 0; i < text.size(); ++i)
      if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) starts_.push_back(i);
    for (std::size_t k = 1; k < starts_.size(); ++k) ends_.push_back(starts_[k]);
    if (!starts_.empty()) ends_.push_back(text.size());
  }

  void find_words(std::string_view text) {
    std::size_t i = 0;
    while (i < text.size()) {
      if (const std::size_t blank = white_space(text.substr(i)); blank > 0) {
        i += blank;
        continue;
      }
      std::size_t end = i + 1;
      while (end < text.size() && white_space(text.substr(end)) == 0) ++end;
      if (!text_.empty()) text_.push_back(' ');
      starts_.push_back(text_.size());
      text_.append(text.substr(i, end - i));
      ends_.push_back(text_.size());
      i = end;
    }
  }

  Rule rule_;
  std::string text_;  // as n-grams are cut from it, and kReadable bytes behind
  std::vector<std::size_t> starts_, ends_;
  std::vector<Text> tokens_;
};

}  // namespace mlrt::tokens
