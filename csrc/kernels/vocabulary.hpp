// vocabulary: count the distinct keys of a column (key_counts.hpp), and encode keys as ids.
//   id(x) = 0 if x is missing, the vocabulary's id if x is one of its keys, else 2
// Input   an Arrow column of strings (any layout, dictionaries too), integers or booleans. Missing: null, and "".
// Output  int64 ids for a Vocabulary and a column; int64[rows, outputs] for a Plan and a table.
// Error   0 between ISAs. A uint64 above 2^63 - 1 is refused. Cost: one hash and one slot a row; a dictionary smaller
//         than its column is looked up once per entry, and each row is then one load.
// Levels  text_index.hpp and integer_index.hpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/errors.hpp"
#include "core/rows.hpp"
#include "core/stream.hpp"
#include "kernels/integer_index.hpp"
#include "kernels/key_counts.hpp"
#include "kernels/keys.hpp"
#include "kernels/text_index.hpp"

namespace mlrt::vocabulary {

class Vocabulary {
 public:
  // keys: one column; ids: one for each of its rows.
  Vocabulary(const Table& keys, const std::vector<std::int64_t>& ids) {
    check(keys, ids);
    kind_ = kind_of(keys.field(0).type);
    StringTable texts;
    IntegerTable integers;
    std::size_t row = 0;
    for (const Batch& batch : keys.batches()) {
      add(batch.columns[0], ids.data() + row, texts, integers);
      row += static_cast<std::size_t>(batch.rows);
    }
    size_ = texts.size() + integers.size();
    if (size_ != ids.size()) refuse("distinct keys", "a key twice");
    texts_ = text_index::Index(texts);
    integers_ = integer_index::Index(integers);
  }

  std::size_t size() const { return size_; }
  Kind kind() const { return kind_; }
  const text_index::Index& texts() const { return texts_; }
  const integer_index::Index& integers() const { return integers_; }

 private:
  [[noreturn]] static void refuse(const std::string& expected, const std::string& got) {
    throw std::invalid_argument(problem("Vocabulary", expected, got, "build it from a VocabularyCounter's entries"));
  }

  static void check(const Table& keys, const std::vector<std::int64_t>& ids) {
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
  text_index::Index texts_;
  integer_index::Index integers_;
};

constexpr std::int64_t kTileRows = 256;

// The functions of one level.
struct Level {
  explicit Level(Isa isa) : find_texts(text_index::select(isa)), find_integers(integer_index::select(isa)) {}

  text_index::Run find_texts;
  integer_index::Run find_integers;
};

// Where the ids of rows go: out[0], out[stride], ...
struct Target {
  std::int64_t* out;
  std::int64_t stride;
};

// Encodes texts(i) for n <= kTileRows rows; a missing one has size 0.
template <class Texts>
void encode_texts(const Level& level, const text_index::Index& index, std::int64_t n, Target target, Texts texts) {
  static constexpr char kNothing[text_index::Index::kShort] = {};
  Text block[kTileRows];
  char copies[kTileRows][text_index::Index::kShort];
  for (std::int64_t i = 0; i < n; ++i) {
    Text text = texts(i);
    if (text.readable < text_index::Index::kShort) {  // near the end of its buffer
      char* const copy = copies[i];
      if (text.size > 0) std::memcpy(copy, text.data, text.size);
      text.data = text.size > 0 ? copy : kNothing;
    }
    block[i] = text;
  }
  level.find_texts(index, block, n, target.out, target.stride);
}

// The ids of a dictionary's entries, then kMissingId, which stands for a null row.
inline std::vector<std::int64_t> entry_ids(const Level& level, const Vocabulary& vocabulary, const Column& entries) {
  std::vector<std::int64_t> ids(static_cast<std::size_t>(entries.rows) + 1, kMissingId);
  with_strings(entries, [&](const auto& reader) {
    for (std::int64_t begin = 0; begin < entries.rows; begin += kTileRows)
      encode_texts(level, vocabulary.texts(), std::min(kTileRows, entries.rows - begin), {ids.data() + begin, 1},
                   [&](std::int64_t i) { return present_text(entries, reader, begin + i); });
  });
  return ids;
}

// Encodes rows of a dictionary column by the entry_ids of its dictionary.
template <class EntryAt>
void encode_by_entry(const Column& column, const std::vector<std::int64_t>& entries, std::int64_t begin, std::int64_t n,
                     Target target, EntryAt entry_at) {
  const std::int64_t* const ids = entries.data();
  const auto [out, stride] = target;
  if (column.validity == nullptr) {
    for (std::int64_t i = 0; i < n; ++i) out[i * stride] = ids[entry_at(i)];
    return;
  }
  const std::int64_t missing = column.entries->rows;
  for (std::int64_t i = 0; i < n; ++i) out[i * stride] = ids[column.is_null(begin + i) ? missing : entry_at(i)];
}

// Encodes rows of a dictionary column; `entries` are its entry_ids, or empty: then each row is looked up.
inline void encode_dictionary(const Level& level, const Vocabulary& vocabulary, const Column& column,
                              const std::vector<std::int64_t>& entries, std::int64_t begin, std::int64_t n,
                              Target target) {
  with_integer(column.field->index, [&](auto sample) {
    const auto entry_at = [&](std::int64_t i) {
      return static_cast<std::int64_t>(load<decltype(sample)>(column.values, column.offset + begin + i));
    };
    if (!entries.empty()) return encode_by_entry(column, entries, begin, n, target, entry_at);
    with_strings(*column.entries, [&](const auto& reader) {
      encode_texts(level, vocabulary.texts(), n, target, [&](std::int64_t i) {
        return column.is_null(begin + i) ? Text{nullptr, 0, 0} : present_text(*column.entries, reader, entry_at(i));
      });
    });
  });
}

// Encodes rows of an integer or boolean column, or of one of nulls.
inline void encode_integers(const Level& level, const integer_index::Index& index, const Column& column,
                            std::int64_t begin, std::int64_t n, Target target) {
  std::int64_t keys[kTileRows];
  for_each_integer(
      column, begin, n, [&](std::int64_t i, std::int64_t key) { keys[i] = key; }, [&](std::int64_t i) { keys[i] = 0; });
  level.find_integers(index, keys, n, target.out, target.stride);
  const bool is_empty = column.layout == Layout::none;
  if (column.validity == nullptr && !is_empty) return;
  for (std::int64_t i = 0; i < n; ++i)
    if (is_empty || column.is_null(begin + i)) target.out[i * target.stride] = kMissingId;
}

// Encodes rows [begin, begin + n), n <= kTileRows.
inline void encode(const Level& level, const Vocabulary& vocabulary, const Column& column,
                   const std::vector<std::int64_t>& entries, std::int64_t begin, std::int64_t n, Target target) {
  if (column.layout == Layout::dictionary)
    return encode_dictionary(level, vocabulary, column, entries, begin, n, target);
  if (column.type == Type::utf8)
    return with_strings(column, [&](const auto& reader) {
      encode_texts(level, vocabulary.texts(), n, target,
                   [&](std::int64_t i) { return present_text(column, reader, begin + i); });
    });
  encode_integers(level, vocabulary.integers(), column, begin, n, target);
}

struct Plan {
  std::vector<std::int32_t> columns;
  std::vector<const Vocabulary*> vocabularies;
};

inline void check(const Plan& plan, const Table& table) {
  for (std::size_t j = 0; j < plan.columns.size(); ++j) {
    table.require_keys(plan.columns[j]);
    require_int64(table, plan.columns[j]);
    const Field& field = table.field(plan.columns[j]);
    require_kind(field, plan.vocabularies[j]->kind(), kind_of(field.type), "vocabulary");
  }
}

// Ids of dictionary entries, by batch, then by output; empty where a dictionary is longer than its column.
using EntryIds = std::vector<std::vector<std::int64_t>>;

inline EntryIds all_entry_ids(const Level& level, const Plan& plan, const Table& table) {
  const std::size_t width = plan.columns.size();
  EntryIds ids(table.batches().size() * width);
  parallel_for(ids.size(), worker_count(ids.size()), [&](std::size_t, std::size_t task) {
    const std::size_t j = task % width;
    const Column& column = table.batches()[task / width].columns[static_cast<std::size_t>(plan.columns[j])];
    if (column.entries != nullptr && column.entries->rows <= column.rows)
      ids[task] = entry_ids(level, *plan.vocabularies[j], *column.entries);
  });
  return ids;
}

// Writes the rows of `span` into the matrix that starts at `out`, a cached tile at a time.
inline void run_span(const Level& level, const Plan& plan, const Span& span, const std::vector<std::int64_t>* entries,
                     bool streams, std::int64_t* out) {
  const std::size_t width = plan.columns.size();
  const auto stride = static_cast<std::int64_t>(width);
  std::vector<std::int64_t> scratch(streams ? width * kTileRows : 0);
  for (std::int64_t done = 0; done < span.rows; done += kTileRows) {
    const std::int64_t n = std::min(kTileRows, span.rows - done);
    std::int64_t* const target = out + (span.first_row + done) * stride;
    std::int64_t* const tile = streams ? scratch.data() : target;
    for (std::size_t j = 0; j < width; ++j)
      encode(level, *plan.vocabularies[j], span.column(plan.columns[j]), entries[j], span.begin + done, n,
             {tile + j, stride});
    if (streams) stream_copy(target, tile, static_cast<std::size_t>(n) * width * sizeof(std::int64_t));
  }
  if (streams) stream_end();
}

// out: int64[table.rows(), plan.columns.size()].
inline void run(const Plan& plan, const Table& table, std::int64_t* out) {
  check(plan, table);
  const std::size_t width = plan.columns.size();
  if (width == 0) return;
  const Level level(active_isa());
  const EntryIds entries = all_entry_ids(level, plan, table);
  const bool streams = static_cast<std::size_t>(table.rows()) * width * sizeof(std::int64_t) >= kStreamBytes;
  const std::vector<Span> tasks = spans(table);
  parallel_for(tasks.size(), worker_count(tasks.size()), [&](std::size_t, std::size_t task) {
    const auto batch = static_cast<std::size_t>(tasks[task].batch - table.batches().data());
    run_span(level, plan, tasks[task], entries.data() + batch * width, streams, out);
  });
}

}  // namespace mlrt::vocabulary
