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
#include "kernels/keys.hpp"

namespace mlrt::vocabulary {

constexpr std::int64_t kMissingId = 0;
constexpr std::int64_t kUnseenId = 2;

class Counter {
 public:
  std::int64_t missing() const { return missing_; }
  Kind kind() const { return texts_.size() > 0 ? Kind::utf8 : integers_.size() > 0 ? Kind::int64 : Kind::empty; }
  const StringTable& texts() const { return texts_; }
  const IntegerTable& integers() const { return integers_; }

  void count(const Column& column, std::int64_t begin, std::int64_t n) {
    const auto absent = [this](std::int64_t) { ++missing_; };
    if (column.layout == Layout::dictionary) return count_dictionary(column, begin, n);
    if (column.type == Type::utf8)
      return for_each_text(column, begin, n, [this](std::int64_t, const Text& text) { add(text, 1); }, absent);
    for_each_integer(column, begin, n, [this](std::int64_t, std::int64_t key) { ++integers_.at(key); }, absent);
  }

  void merge(const Counter& other) {
    if (kind() != other.kind() && kind() != Kind::empty && other.kind() != Kind::empty)
      throw std::invalid_argument(problem("VocabularyCounter.merge", std::string(name_of(kind())) + " keys",
                                          std::string(name_of(other.kind())), "count one column only"));
    missing_ += other.missing_;
    other.texts_.for_each([this](const Text& text, std::int64_t count) { add(text, count); });
    other.integers_.for_each([this](std::int64_t key, std::int64_t count) { integers_.at(key) += count; });
  }

 private:
  void add(const Text& text, std::int64_t count) { texts_.at(texts_.probe(text)) += count; }

  // Counts positions first, so that each entry is hashed once; unless the dictionary is longer than the rows.
  void count_dictionary(const Column& column, std::int64_t begin, std::int64_t n) {
    const auto absent = [this](std::int64_t) { ++missing_; };
    const Column& entries = *column.entries;
    if (entries.rows > n) {
      return with_strings(entries, [&](const auto& reader) {
        for_each_index(
            column, begin, n, [&](std::int64_t, std::int64_t entry) { add_entry(entries, reader, entry, 1); }, absent);
      });
    }
    std::vector<std::int64_t> counts(static_cast<std::size_t>(entries.rows), 0);
    for_each_index(
        column, begin, n, [&](std::int64_t, std::int64_t entry) { ++counts[static_cast<std::size_t>(entry)]; }, absent);
    with_strings(entries, [&](const auto& reader) {
      for (std::int64_t entry = 0; entry < entries.rows; ++entry)
        add_entry(entries, reader, entry, counts[static_cast<std::size_t>(entry)]);
    });
  }

  template <class Reader>
  void add_entry(const Column& entries, const Reader& reader, std::int64_t entry, std::int64_t count) {
    if (count == 0) return;
    const Text text = entries.is_null(entry) ? Text{nullptr, 0, 0} : reader(entry);
    if (text.size == 0)
      missing_ += count;
    else
      add(text, count);
  }

  StringTable texts_;
  IntegerTable integers_;
  std::int64_t missing_ = 0;
};

inline void update(Counter& into, const Table& table, std::int64_t column) {
  table.require_keys(column);
  require_kind(table.field(column), into.kind(), kind_of(table.field(column).type), "counter");
  require_int64(table, column);
  reduce(table, into, Counter{},
         [&](Counter& state, const Span& span) { state.count(span.column(column), span.begin, span.rows); });
}

// Distinct strings, most frequent first, ties by byte order; string i is bytes[offsets[i], offsets[i + 1]).
struct TextEntries {
  std::vector<std::uint8_t> bytes;
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int64_t> counts;
};

inline TextEntries sorted_texts(const StringTable& table) {
  std::vector<std::pair<std::string, std::int64_t>> sorted;
  sorted.reserve(table.size());
  table.for_each(
      [&](const Text& text, std::int64_t count) { sorted.emplace_back(std::string(text.data, text.size), count); });
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;  // std::string compares as unsigned bytes
  });
  TextEntries entries;
  for (const auto& [text, count] : sorted) {
    entries.bytes.insert(entries.bytes.end(), text.begin(), text.end());
    entries.offsets.push_back(static_cast<std::int64_t>(entries.bytes.size()));
    entries.counts.push_back(count);
  }
  return entries;
}

// Distinct integers, most frequent first, ties by value.
struct IntegerEntries {
  std::vector<std::int64_t> keys;
  std::vector<std::int64_t> counts;
};

inline IntegerEntries sorted_integers(const IntegerTable& table) {
  std::vector<std::pair<std::int64_t, std::int64_t>> sorted;
  sorted.reserve(table.size());
  table.for_each([&](std::int64_t key, std::int64_t count) { sorted.emplace_back(-count, key); });
  std::sort(sorted.begin(), sorted.end());
  IntegerEntries entries;
  for (const auto& [negated, key] : sorted) {
    entries.keys.push_back(key);
    entries.counts.push_back(-negated);
  }
  return entries;
}

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

// Encodes rows [begin, begin + n) into out[0], out[stride], ...; `entries` are the entry_ids of a dictionary column.
inline void encode(const Vocabulary& vocabulary, const Column& column, const std::vector<std::int64_t>& entries,
                   std::int64_t begin, std::int64_t n, std::int64_t* out, std::int64_t stride) {
  const auto absent = [&](std::int64_t i) { out[i * stride] = kMissingId; };
  if (column.layout == Layout::dictionary)
    return for_each_index(
        column, begin, n,
        [&](std::int64_t i, std::int64_t entry) { out[i * stride] = entries[static_cast<std::size_t>(entry)]; },
        absent);
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

// Ids of dictionary entries, by batch, then by output.
using EntryIds = std::vector<std::vector<std::int64_t>>;

inline EntryIds all_entry_ids(const Plan& plan, const Table& table) {
  const std::size_t width = plan.columns.size();
  EntryIds ids(table.batches().size() * width);
  parallel_for(ids.size(), worker_count(ids.size()), [&](std::size_t, std::size_t task) {
    const std::size_t j = task % width;
    const Column& column = table.batches()[task / width].columns[static_cast<std::size_t>(plan.columns[j])];
    if (column.entries != nullptr) ids[task] = entry_ids(*plan.vocabularies[j], *column.entries);
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
