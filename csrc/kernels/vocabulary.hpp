// vocabulary: the ids of known keys.
//   id(x) = 0 if x is missing, the vocabulary's id if x is one of its keys, else 2
// Input   an Arrow column of strings (any layout, dictionaries too), integers or booleans. Missing: null, and "".
// Output  int64 ids of tiles of keys; of whole columns through id_matrix.hpp.
// Error   0 between ISAs. A uint64 above 2^63 - 1 is refused. Cost: one hash and one slot a row; a dictionary smaller
//         than its column is looked up once per entry, and each row is then one load.
// Levels  text_index.hpp and integer_index.hpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/errors.hpp"
#include "core/key_table.hpp"
#include "kernels/integer_index.hpp"
#include "kernels/key_block.hpp"
#include "kernels/keys.hpp"
#include "kernels/text_index.hpp"

namespace mlrt::vocabulary {

class Vocabulary final : public encoders::KeyIds {
 public:
  // keys: one column; ids: one for each of its rows.
  Vocabulary(const Table& keys, const std::vector<std::int64_t>& ids) {
    check_keys(keys, ids);
    kind_ = kind_of(keys.field(0).type);
    StringTable texts;
    IntegerTable integers;
    std::size_t row = 0;
    for (const Batch& batch : keys.batches()) {
      add(batch.columns[0], ids.data() + row, texts, integers);
      row += static_cast<std::size_t>(batch.rows);
    }
    for (const std::int64_t id : ids) largest_ = std::max(largest_, id);
    size_ = texts.size() + integers.size();
    if (size_ != ids.size()) refuse("distinct keys", "a key twice");
    texts_ = text_index::Index(texts);
    integers_ = integer_index::Index(integers);
  }

  std::size_t size() const { return size_; }

  void of_texts(Isa isa, const encoders::TextBlock& block, std::int64_t n, std::int64_t* ids) const override {
    text_index::select(isa)(texts_, block, n, ids);
  }

  void of_integers(Isa isa, const std::int64_t* keys, std::int64_t n, std::int64_t* ids) const override {
    integer_index::select(isa)(integers_, keys, n, ids);
  }

  void check(const Field& field, Kind kind) const override { require_kind(field, kind_, kind, "vocabulary"); }
  std::int64_t largest() const override { return largest_; }

 private:
  [[noreturn]] static void refuse(const std::string& expected, const std::string& got) {
    throw std::invalid_argument(problem("Vocabulary", expected, got, "build it from a VocabularyCounter's entries"));
  }

  static void check_keys(const Table& keys, const std::vector<std::int64_t>& ids) {
    if (keys.fields().size() != 1) refuse("one column of keys", std::to_string(keys.fields().size()) + " columns");
    keys.require_keys(0);
    require_int64(keys, 0);
    if (static_cast<std::int64_t>(ids.size()) != keys.rows())
      refuse(std::to_string(keys.rows()) + " ids, one a key", std::to_string(ids.size()));
    for (const std::int64_t id : ids)
      if (id < 1 || id == kUnseenId) refuse("ids of 3 and more, or 1 for rare keys", std::to_string(id));
  }

  static void add(const Column& column, const std::int64_t* ids, StringTable& texts, IntegerTable& integers) {
    const auto absent = [](std::int64_t) { refuse("keys that are present", "a null or an empty string"); };
    if (column.layout == Layout::dictionary) refuse("plain keys", "a dictionary");
    if (column.type == Type::utf8)
      return for_each_text(
          column, 0, column.rows, [&](std::int64_t i, const Text& text) { texts.at(texts.probe(text)) = ids[i]; },
          absent);
    for_each_integer(
        column, 0, column.rows, [&](std::int64_t i, std::int64_t key) { integers.at(key) = ids[i]; }, absent);
  }

  Kind kind_ = Kind::empty;
  std::size_t size_ = 0;
  std::int64_t largest_ = kUnseenId;
  text_index::Index texts_;
  integer_index::Index integers_;
};

}  // namespace mlrt::vocabulary
