// categories: the categories of a reference in their order, and how live keys are found among them.
//
// Input   one column of distinct, present keys: strings, integers or booleans, no dictionary; or Keys.
// Output  Categories, immutable and shared by every state that counts over them. The id of category i is kFirstId + i,
//         that of a missing key kMissingId, of any other kUnseenId. Integers whose span is below kMostPositions also have
//         a table from key - first() to ids.
// Error   0. Keys are 64-bit patterns: a negative int64 and a uint64 of 2^63 or more with the same bits are told apart by
//         `is_unsigned`. Cost: that of text_index.hpp and integer_index.hpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/binary.hpp"
#include "core/errors.hpp"
#include "core/key_table.hpp"
#include "kernels/integer_index.hpp"
#include "kernels/keys.hpp"
#include "kernels/short_texts.hpp"
#include "kernels/text_index.hpp"

namespace mlrt::category_counts {

using vocabulary::Kind;
using vocabulary::kMissingId;
using vocabulary::kUnseenId;

constexpr std::int64_t kFirstId = 3;

// Keys in order. Strings: key i is bytes[offsets[i], offsets[i + 1]). Integers: integers[i], of uint64 if is_unsigned.
struct Keys {
  Kind kind = Kind::empty;
  bool is_unsigned = false;
  std::string bytes;
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int64_t> integers;

  bool operator==(const Keys&) const = default;
  std::size_t size() const { return kind == Kind::utf8 ? offsets.size() - 1 : integers.size(); }

  void add(const Text& text) {
    bytes.append(text.data, text.size);
    offsets.push_back(static_cast<std::int64_t>(bytes.size()));
  }

  Text text(std::size_t i) const {
    const auto begin = static_cast<std::size_t>(offsets[i]), end = static_cast<std::size_t>(offsets[i + 1]);
    return {bytes.data() + begin, static_cast<std::uint32_t>(end - begin),
            static_cast<std::int64_t>(bytes.size() - begin)};
  }

  void write(binary::Writer& out) const {
    out.number(static_cast<std::uint32_t>(kind));
    out.number(static_cast<std::uint32_t>(is_unsigned));
    out.number(std::uint64_t{size()});
    if (kind != Kind::utf8) return out.numbers(integers.data(), integers.size());
    for (std::size_t i = 0; i < size(); ++i) {
      out.number(text(i).size);
      out.text({text(i).data, text(i).size});
    }
  }

  static Keys read(binary::Reader& in) {
    Keys keys;
    const auto kind = in.number<std::uint32_t>(), is_unsigned = in.number<std::uint32_t>();
    in.require(kind <= static_cast<std::uint32_t>(Kind::int64), "a kind of keys");
    keys.kind = static_cast<Kind>(kind);
    in.require(is_unsigned <= (keys.kind == Kind::int64 ? 1 : 0), "integers that are signed or not");
    keys.is_unsigned = is_unsigned != 0;
    const auto size = in.number<std::uint64_t>();
    in.require(size == 0 || keys.kind != Kind::empty, "no keys of no kind");
    if (keys.kind != Kind::utf8) {
      keys.integers = in.numbers<std::int64_t>(size);
      return keys;
    }
    in.require(size <= in.left() / sizeof(std::uint32_t), "as many keys as there are");
    for (std::uint64_t i = 0; i < size; ++i) {
      const auto length = in.number<std::uint32_t>();
      in.require(length > 0, "keys that are not empty");
      keys.add({in.text(length).data(), length, length});
    }
    return keys;
  }
};

class Categories {
 public:
  static constexpr std::uint64_t kMostPositions = std::uint64_t{1} << 16;

  explicit Categories(const Table& table) : Categories(keys_of(table)) {}

  explicit Categories(Keys keys) : keys_(std::move(keys)) {
    StringTable texts;
    IntegerTable integers;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      const std::int64_t id = kFirstId + static_cast<std::int64_t>(i);
      std::int64_t& held =
          keys_.kind == Kind::utf8 ? texts.at(texts.probe(keys_.text(i))) : integers.at(keys_.integers[i]);
      if (held != 0) refuse("distinct keys", "key " + std::to_string(i) + " a second time");
      held = id;
    }
    texts_ = text_index::Index(texts);
    short_texts_ = short_texts::Index(texts);
    integers_ = integer_index::Index(integers);
    has_high_ = std::any_of(keys_.integers.begin(), keys_.integers.end(), [](std::int64_t key) { return key < 0; });
    fill_positions();
  }

  const Keys& keys() const { return keys_; }
  std::size_t size() const { return keys_.size(); }
  const text_index::Index& texts() const { return texts_; }
  const short_texts::Index& short_texts() const { return short_texts_; }
  const integer_index::Index& integers() const { return integers_; }

  // ids()[key - first()] in 64 bits without sign; empty when the keys are too far apart for a table.
  const std::vector<std::int64_t>& positions() const { return positions_; }
  std::uint64_t first() const { return first_; }

  // Whether bits of a column of this type can be those of a category without being its number.
  bool may_alias(Type type) const { return has_high_ && (type == Type::uint64) != keys_.is_unsigned; }

  // Whether columns of this type can be counted by positions().
  bool has_positions(Type type) const { return !positions_.empty() && !may_alias(type); }

  void check(const Field& field) const {
    vocabulary::require_kind(field, keys_.kind, vocabulary::kind_of(field.type), "reference");
  }

 private:
  [[noreturn]] static void refuse(const std::string& expected, const std::string& got) {
    throw std::invalid_argument(problem("Categories", expected, got, "pass each category once"));
  }

  static Keys keys_of(const Table& table) {
    if (table.fields().size() != 1) refuse("one column of keys", std::to_string(table.fields().size()) + " columns");
    table.require_keys(0);
    const Type type = table.field(0).type;
    Keys keys;
    keys.kind = vocabulary::kind_of(type);
    keys.is_unsigned = type == Type::uint64;
    const auto absent = [](std::int64_t) { refuse("keys that are present", "a null or an empty string"); };
    for (const Batch& batch : table.batches()) {
      const Column& column = batch.columns[0];
      if (column.layout == Layout::dictionary) refuse("plain keys", "a dictionary");
      if (type == Type::utf8)
        vocabulary::for_each_text(
            column, 0, column.rows, [&](std::int64_t, const Text& text) { keys.add(text); }, absent);
      else
        vocabulary::for_each_integer(
            column, 0, column.rows, [&](std::int64_t, std::int64_t key) { keys.integers.push_back(key); }, absent);
    }
    return keys;
  }

  void fill_positions() {
    if (keys_.integers.empty()) return;
    const auto order = [this](std::int64_t key) {  // ascending numbers, of either sign
      return static_cast<std::uint64_t>(key) ^ (keys_.is_unsigned ? 0 : std::uint64_t{1} << 63);
    };
    const auto [least, greatest] = std::minmax_element(keys_.integers.begin(), keys_.integers.end(),
                                                       [&](auto a, auto b) { return order(a) < order(b); });
    if (order(*greatest) - order(*least) >= kMostPositions) return;
    first_ = static_cast<std::uint64_t>(*least);
    positions_.assign(static_cast<std::size_t>(order(*greatest) - order(*least)) + 1, kUnseenId);
    for (std::size_t i = 0; i < keys_.size(); ++i)
      positions_[static_cast<std::uint64_t>(keys_.integers[i]) - first_] = kFirstId + static_cast<std::int64_t>(i);
  }

  Keys keys_;
  text_index::Index texts_;
  short_texts::Index short_texts_;
  integer_index::Index integers_;
  bool has_high_ = false;  // some integer has its highest bit set
  std::uint64_t first_ = 0;
  std::vector<std::int64_t> positions_;
};

}  // namespace mlrt::category_counts
