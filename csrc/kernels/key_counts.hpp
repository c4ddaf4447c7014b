// key_counts: exact counts of the distinct keys of a column.
//
// Input   an Arrow column of strings (any layout, dictionaries too), integers or booleans.
// Output  Counter, a mergeable state; key_entries.hpp puts its entries in order.
// Error   0. Cost: one hash and one probe a row; a dictionary shorter than the rows is hashed once per entry.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/binary.hpp"
#include "core/key_table.hpp"
#include "core/rows.hpp"
#include "kernels/keys.hpp"

namespace mlrt::vocabulary {

class Counter {
 public:
  std::int64_t missing() const { return missing_; }
  Kind kind() const { return texts_.size() > 0 ? Kind::utf8 : integers_.size() > 0 ? Kind::int64 : Kind::empty; }
  const StringTable& texts() const { return texts_; }
  const IntegerTable& integers() const { return integers_; }

  void count(const Column& column, std::int64_t begin, std::int64_t n) {
    if (column.layout == Layout::dictionary) return count_dictionary(column, begin, n);
    if (column.type == Type::utf8)
      return with_strings(column, [&](const auto& reader) {
        count_texts(n, [&](std::int64_t i) { return present_text(column, reader, begin + i); });
      });
    count_integers(column, begin, n);
  }

  void merge(const Counter& other) {
    if (kind() != other.kind() && kind() != Kind::empty && other.kind() != Kind::empty)
      throw std::invalid_argument(problem("VocabularyCounter.merge", std::string(name_of(kind())) + " keys",
                                          std::string(name_of(other.kind())), "count one column only"));
    missing_ += other.missing_;
    texts_.reserve(other.texts_.size());
    integers_.reserve(other.integers_.size());
    other.texts_.for_each([this](const Text& text, std::int64_t count) { add(text, count); });
    other.integers_.for_each([this](std::int64_t key, std::int64_t count) { integers_.at(key) += count; });
  }

  static constexpr const char* kTag = "keys";

  void write(binary::Writer& out) const {
    out.number(missing_);
    out.number(std::uint64_t{integers_.size()});
    integers_.for_each([&](std::int64_t key, std::int64_t count) {
      out.number(key);
      out.number(count);
    });
    out.number(std::uint64_t{texts_.size()});
    texts_.for_each([&](const Text& text, std::int64_t count) {
      out.number(text.size);
      out.number(count);
      out.text({text.data, text.size});
    });
  }

  static Counter read(binary::Reader& in) {
    Counter state;
    state.missing_ = in.rows();
    const auto read_count = [&in] {
      const std::int64_t count = in.rows();
      in.require(count > 0, "counts above 0");
      return count;
    };
    const auto integers = in.number<std::uint64_t>();
    for (std::uint64_t i = 0; i < integers; ++i) {
      const auto key = in.number<std::int64_t>();
      state.integers_.at(key) = read_count();
    }
    const auto texts = in.number<std::uint64_t>();
    for (std::uint64_t i = 0; i < texts; ++i) {
      const auto size = in.number<std::uint32_t>();
      const std::int64_t count = read_count();
      in.require(size > 0, "keys that are not empty");
      const std::string_view key = in.text(size);
      state.texts_.at(state.texts_.probe({key.data(), size, static_cast<std::int64_t>(size + in.left())})) = count;
    }
    in.require(state.integers_.size() == integers && state.texts_.size() == texts, "distinct keys");
    in.require(integers == 0 || texts == 0, "keys of one kind");
    return state;
  }

 private:
  static constexpr auto kBlock = static_cast<std::int64_t>(kKeyBlock);

  // Counts texts(i) for n rows; a missing one has size 0. Those are dropped by arithmetic: nulls are hard to predict.
  template <class Texts>
  void count_texts(std::int64_t n, Texts texts) {
    StringTable::Probe probes[kKeyBlock];
    for (std::int64_t begin = 0; begin < n; begin += kBlock) {
      const std::int64_t end = std::min(n, begin + kBlock);
      std::size_t present = 0;
      for (std::int64_t i = begin; i < end; ++i) {
        const Text text = texts(i);
        probes[present] = texts_.probe(text);
        present += text.size > 0 ? 1 : 0;
      }
      missing_ += end - begin - static_cast<std::int64_t>(present);
      texts_.count(probes, present);
    }
  }

  void count_integers(const Column& column, std::int64_t begin, std::int64_t n) {
    std::int64_t keys[kBlockRows];
    for (const std::int64_t end = begin + n; begin < end; begin += kBlockRows) {
      const std::int64_t rows = std::min(kBlockRows, end - begin);
      std::size_t present = 0;
      for_each_integer(
          column, begin, rows, [&](std::int64_t, std::int64_t key) { keys[present++] = key; }, [](std::int64_t) {});
      missing_ += rows - static_cast<std::int64_t>(present);
      integers_.count(keys, present);
    }
  }

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

}  // namespace mlrt::vocabulary
