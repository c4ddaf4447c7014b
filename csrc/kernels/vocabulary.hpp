// vocabulary: count the distinct keys of a column, and encode keys as ids.
//   id(x) = 0 if x is missing, the vocabulary's id if x is one of its keys, else 2
// Input   an Arrow column of strings (any layout, dictionaries too), integers or booleans. Missing: null, and "".
// Output  Counter, a mergeable state of exact counts; int64 ids for a Vocabulary and a column.
// Error   0. A uint64 above 2^63 - 1 is refused. Cost: one hash and one probe a row; a dictionary smaller than its
//         column is looked up once per entry.
// Levels  one: a row is a chain of dependent loads (offset, bytes, slot), which out-of-order execution overlaps across
//         rows; there is no arithmetic to put into lanes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/errors.hpp"
#include "core/key_table.hpp"
#include "core/rows.hpp"
#include "core/stream.hpp"
#include "kernels/key_counts.hpp"

namespace mlrt::vocabulary {

constexpr std::int64_t kMissingId = 0;
constexpr std::int64_t kUnseenId = 2;

class Vocabulary {
 public:
  // keys: one column; ids: one for each of its rows.
  Vocabulary(const Table& keys, const std::vector<std::int64_t>& ids) {
    check(keys, ids);
    kind_ = kind_of(keys.field(0).type);
    std::size_t row = 0;
    for (const Batch& batch : keys.batches()) {
      add(batch.columns[0], ids.data() + row);
      row += static_cast<std::size_t>(batch.rows);
    }
    if (size() != ids.size()) refuse("distinct keys", "a key twice");
  }

  std::size_t size() const { return texts_.size() + integers_.size(); }
  Kind kind() const { return kind_; }

  std::int64_t id(const Text& text) const {
    if (text.size == 0) return kMissingId;
    const std::int64_t found = texts_.find(texts_.probe(text));
    return found == 0 ? kUnseenId : found;
  }

  std::int64_t id(std::int64_t key) const {
    const std::int64_t found = integers_.find(key);
    return found == 0 ? kUnseenId : found;
  }

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

  void add(const Column& column, const std::int64_t* ids) {
    const auto absent = [](std::int64_t) { refuse("keys that are present", "a null or an empty string"); };
    if (column.layout == Layout::dictionary) refuse("plain keys", "a dictionary");
    if (column.type == Type::utf8)
      return for_each_text(
          column, 0, column.rows, [&](std::int64_t i, const Text& text) { texts_.at(texts_.probe(text)) = ids[i]; },
          absent);
    for_each_integer(
        column, 0, column.rows, [&](std::int64_t i, std::int64_t key) { integers_.at(key) = ids[i]; }, absent);
  }

  Kind kind_ = Kind::empty;
  StringTable texts_;
  IntegerTable integers_;
};

// The ids of a dictionary's entries.
inline std::vector<std::int64_t> entry_ids(const Vocabulary& vocabulary, const Column& entries) {
  std::vector<std::int64_t> ids(static_cast<std::size_t>(entries.rows), kMissingId);
  for_each_text(
      entries, 0, entries.rows,
      [&](std::int64_t i, const Text& text) { ids[static_cast<std::size_t>(i)] = vocabulary.id(text); },
      [](std::int64_t) {});
  return ids;
}

// Encodes rows of a dictionary column; `entries` are its entry_ids, or empty: then each row is looked up.
inline void encode_dictionary(const Vocabulary& vocabulary, const Column& column,
                              const std::vector<std::int64_t>& entries, std::int64_t begin, std::int64_t n,
                              std::int64_t* out, std::int64_t stride) {
  const auto absent = [&](std::int64_t i) { out[i * stride] = kMissingId; };
  if (!entries.empty() || column.entries->rows == 0)
    return for_each_index(
        column, begin, n,
        [&](std::int64_t i, std::int64_t entry) { out[i * stride] = entries[static_cast<std::size_t>(entry)]; },
        absent);
  with_strings(*column.entries, [&](const auto& reader) {
    const auto present = [&](std::int64_t i, std::int64_t entry) {
      out[i * stride] = column.entries->is_null(entry) ? kMissingId : vocabulary.id(reader(entry));
    };
    for_each_index(column, begin, n, present, absent);
  });
}

// Encodes rows [begin, begin + n) into out[0], out[stride], ...
inline void encode(const Vocabulary& vocabulary, const Column& column, const std::vector<std::int64_t>& entries,
                   std::int64_t begin, std::int64_t n, std::int64_t* out, std::int64_t stride) {
  const auto absent = [&](std::int64_t i) { out[i * stride] = kMissingId; };
  if (column.layout == Layout::dictionary) return encode_dictionary(vocabulary, column, entries, begin, n, out, stride);
  if (column.type == Type::utf8)
    return for_each_text(
        column, begin, n, [&](std::int64_t i, const Text& text) { out[i * stride] = vocabulary.id(text); }, absent);
  for_each_integer(
      column, begin, n, [&](std::int64_t i, std::int64_t key) { out[i * stride] = vocabulary.id(key); }, absent);
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

inline EntryIds all_entry_ids(const Plan& plan, const Table& table) {
  const std::size_t width = plan.columns.size();
  EntryIds ids(table.batches().size() * width);
  parallel_for(ids.size(), worker_count(ids.size()), [&](std::size_t, std::size_t task) {
    const std::size_t j = task % width;
    const Column& column = table.batches()[task / width].columns[static_cast<std::size_t>(plan.columns[j])];
    if (column.entries != nullptr && column.entries->rows <= column.rows)
      ids[task] = entry_ids(*plan.vocabularies[j], *column.entries);
  });
  return ids;
}

// Writes the rows of `span` into the matrix that starts at `out`, a cached tile at a time.
inline void run_span(const Plan& plan, const Span& span, const std::vector<std::int64_t>* entries, bool streams,
                     std::int64_t* out) {
  constexpr std::int64_t kTileRows = 256;
  const std::size_t width = plan.columns.size();
  const auto stride = static_cast<std::int64_t>(width);
  std::vector<std::int64_t> scratch(streams ? width * kTileRows : 0);
  for (std::int64_t done = 0; done < span.rows; done += kTileRows) {
    const std::int64_t n = std::min(kTileRows, span.rows - done);
    std::int64_t* const target = out + (span.first_row + done) * stride;
    std::int64_t* const tile = streams ? scratch.data() : target;
    for (std::size_t j = 0; j < width; ++j)
      encode(*plan.vocabularies[j], span.column(plan.columns[j]), entries[j], span.begin + done, n, tile + j, stride);
    if (streams) stream_copy(target, tile, static_cast<std::size_t>(n) * width * sizeof(std::int64_t));
  }
  if (streams) stream_end();
}

// out: int64[table.rows(), plan.columns.size()].
inline void run(const Plan& plan, const Table& table, std::int64_t* out) {
  check(plan, table);
  const std::size_t width = plan.columns.size();
  if (width == 0) return;
  const EntryIds entries = all_entry_ids(plan, table);
  const bool streams = static_cast<std::size_t>(table.rows()) * width * sizeof(std::int64_t) >= kStreamBytes;
  const std::vector<Span> tasks = spans(table);
  parallel_for(tasks.size(), worker_count(tasks.size()), [&](std::size_t, std::size_t task) {
    const auto batch = static_cast<std::size_t>(tasks[task].batch - table.batches().data());
    run_span(plan, tasks[task], entries.data() + batch * width, streams, out);
  });
}

}  // namespace mlrt::vocabulary
