// vocabulary: count the distinct keys of a column, and encode keys as ids.
//   id(x) = 0 if x is missing, the vocabulary's id if x is one of its keys, else 2
// Input   an Arrow column of strings (any layout, dictionaries too), integers or booleans. Missing: null, and "".
// Output  Counter, a mergeable state of exact counts; int64 ids for a Vocabulary and a column.
// Error   0. A uint64 above 2^63 - 1 is refused. Cost: one hash and one probe a row; a dictionary smaller than its
//         column is looked up once per entry.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "core/errors.hpp"
#include "core/key_table.hpp"
#include "core/rows.hpp"

namespace mlrt::vocabulary {

constexpr std::int64_t kMissingId = 0;
constexpr std::int64_t kUnseenId = 2;

enum class Kind : std::uint8_t { empty, utf8, int64 };

inline Kind kind_of(Type type) {
  if (type == Type::null) return Kind::empty;
  return type == Type::utf8 ? Kind::utf8 : Kind::int64;
}

inline std::string_view name_of(Kind kind) {
  return kind == Kind::utf8 ? "utf8" : kind == Kind::int64 ? "int64" : "empty";
}

// Throws std::invalid_argument when a uint64 column holds a value that int64 cannot.
inline void require_int64(const Table& table, std::int64_t position) {
  if (table.field(position).type != Type::uint64) return;
  for (const Batch& batch : table.batches()) {
    const Column& column = batch.columns[static_cast<std::size_t>(position)];
    for (std::int64_t i = 0; i < column.rows; ++i) {
      if (column.is_null(i) || load<std::int64_t>(column.values, column.offset + i) >= 0) continue;
      throw std::invalid_argument(problem("column `" + column.field->name + "`", "integers up to 2^63 - 1",
                                          std::to_string(load<std::uint64_t>(column.values, column.offset + i)),
                                          "cast the column to strings"));
    }
  }
}

inline void require_kind(const Field& field, Kind have, Kind got, const char* who) {
  if (have == got || have == Kind::empty || got == Kind::empty) return;
  throw std::invalid_argument(problem("column `" + field.name + "`",
                                      std::string(name_of(have)) + " keys, as the " + who + " has",
                                      std::string(name_of(got)), "cast the column"));
}

// Calls visit(i, key) for each present row of an integer or boolean column, absent(i) for the others.
template <class Visit, class Absent>
void for_each_integer(const Column& column, std::int64_t begin, std::int64_t n, Visit visit, Absent absent) {
  const auto loop = [&](auto key_at) {
    for (std::int64_t i = 0; i < n; ++i) {
      if (column.is_null(begin + i))
        absent(i);
      else
        visit(i, key_at(column.offset + begin + i));
    }
  };
  if (column.layout == Layout::none) {
    for (std::int64_t i = 0; i < n; ++i) absent(i);
  } else if (column.layout == Layout::bits) {
    loop([&](std::int64_t i) { return std::int64_t{bit(static_cast<const std::uint8_t*>(column.values), i)}; });
  } else {
    with_integer(column.type, [&](auto sample) {
      loop([&](std::int64_t i) { return static_cast<std::int64_t>(load<decltype(sample)>(column.values, i)); });
    });
  }
}

// Calls visit(i, text) for each present, non-empty row of a string column, absent(i) for the others.
template <class Visit, class Absent>
void for_each_text(const Column& column, std::int64_t begin, std::int64_t n, Visit visit, Absent absent) {
  with_strings(column, [&](const auto& reader) {
    for (std::int64_t i = 0; i < n; ++i) {
      if (column.is_null(begin + i)) {
        absent(i);
        continue;
      }
      const Text text = reader(begin + i);
      if (text.size == 0)
        absent(i);
      else
        visit(i, text);
    }
  });
}

// Calls visit(i, entry) with the dictionary position of each present row, absent(i) for the others.
template <class Visit, class Absent>
void for_each_index(const Column& column, std::int64_t begin, std::int64_t n, Visit visit, Absent absent) {
  with_integer(column.field->index, [&](auto sample) {
    for (std::int64_t i = 0; i < n; ++i) {
      if (column.is_null(begin + i))
        absent(i);
      else
        visit(i, static_cast<std::int64_t>(load<decltype(sample)>(column.values, column.offset + begin + i)));
    }
  });
}

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
    for (const Batch& batch : keys.batches())
      add(batch.columns[0], ids.data() + row), row += static_cast<std::size_t>(batch.rows);
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

// out: int64[table.rows(), plan.columns.size()].
inline void run(const Plan& plan, const Table& table, std::int64_t* out) {
  const std::size_t width = plan.columns.size();
  for (std::size_t j = 0; j < width; ++j) {
    table.require_keys(plan.columns[j]);
    require_int64(table, plan.columns[j]);
    const Field& field = table.field(plan.columns[j]);
    require_kind(field, plan.vocabularies[j]->kind(), kind_of(field.type), "vocabulary");
  }
  // One task per batch and column first: the ids of the dictionaries.
  const std::vector<Batch>& batches = table.batches();
  std::vector<std::vector<std::int64_t>> entries(batches.size() * width);
  parallel_for(entries.size(), worker_count(entries.size()), [&](std::size_t, std::size_t task) {
    const std::size_t j = task % width;
    const Column& column = batches[task / width].columns[static_cast<std::size_t>(plan.columns[j])];
    if (column.entries != nullptr) entries[task] = entry_ids(*plan.vocabularies[j], *column.entries);
  });
  constexpr std::int64_t kTileRows = 512;
  const std::vector<Span> tasks = width == 0 ? std::vector<Span>{} : spans(table);
  parallel_for(tasks.size(), worker_count(tasks.size()), [&](std::size_t, std::size_t task) {
    const Span& span = tasks[task];
    const auto batch = static_cast<std::size_t>(span.batch - batches.data());
    for (std::int64_t done = 0; done < span.rows; done += kTileRows)
      for (std::size_t j = 0; j < width; ++j)
        encode(*plan.vocabularies[j], span.column(plan.columns[j]), entries[batch * width + j], span.begin + done,
               std::min(kTileRows, span.rows - done),
               out + (span.first_row + done) * static_cast<std::int64_t>(width) + static_cast<std::int64_t>(j),
               static_cast<std::int64_t>(width));
  });
}

}  // namespace mlrt::vocabulary
