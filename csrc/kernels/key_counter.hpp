// key_counter: the state of key_counts.hpp, and how it counts rows of one layout or another.
//
// Input   rows of a key column.
// Output  Counter: a table of strings or of integers with their counts, and how many rows are missing; mergeable.
// Error   0. Cost: one slot of a front (key_front.hpp) or one hash and one line of a table a row.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/binary.hpp"
#include "core/key_table.hpp"
#include "kernels/key_entries.hpp"
#include "kernels/key_front.hpp"
#include "kernels/keys.hpp"
#include "kernels/text_block.hpp"

namespace mlrt::vocabulary {

class Counter {
 public:
  std::int64_t missing() const { return missing_; }
  Kind kind() const { return texts_.size() > 0 ? Kind::utf8 : integers_.size() > 0 ? Kind::int64 : Kind::empty; }
  TextEntries text_entries() const { return sorted_texts(texts_); }
  IntegerEntries integer_entries() const { return sorted_integers(integers_); }

  // Whether several workers can count at once, each in parts of its own.
  bool is_parted() const { return texts_.is_parted() || integers_.is_parted(); }

  void reserve(std::size_t n) { kind() == Kind::utf8 ? texts_.reserve(n) : integers_.reserve(n); }

  void count(const Column& column, std::int64_t begin, std::int64_t n) {
    Seen seen;
    if (column.layout == Layout::dictionary)
      count_dictionary(column, begin, n, seen);
    else
      count_parts(column, begin, n, Parts{}, seen);
    missing_ += seen.missing;
  }

  // What a worker saw; `add` it when all have counted.
  struct Seen {
    Added added;
    std::int64_t missing = 0;
  };

  // Counts those of n rows whose keys are in `parts`; unless those are all, there is room for n. No dictionaries.
  void count_parts(const Column& column, std::int64_t begin, std::int64_t n, const Parts& parts, Seen& seen) {
    if (column.type != Type::utf8) return count_integers(column, begin, n, parts, seen);
    count_rows(column, begin, n, parts, seen);
  }

  void add(const Seen& seen) {
    missing_ += seen.missing;
    kind() == Kind::utf8 ? texts_.add(seen.added) : integers_.add(seen.added);
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
    in.require(integers <= in.left() / (2 * sizeof(std::int64_t)), "as many keys as there are");
    state.integers_.reserve(integers);
    for (std::uint64_t i = 0; i < integers; ++i) {
      const auto key = in.number<std::int64_t>();
      state.integers_.at(key) = read_count();
    }
    const auto texts = in.number<std::uint64_t>();
    in.require(texts <= in.left() / (sizeof(std::uint32_t) + sizeof(std::int64_t)), "as many keys as there are");
    state.texts_.reserve(texts);
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

  // Counts the strings of n rows, those that `parts` hold; a missing one has size 0.
  void count_rows(const Column& column, std::int64_t begin, std::int64_t n, const Parts& parts, Seen& seen) {
    const Isa isa = active_isa();
    key_front::Texts front(parts.are_all() ? n : 0);
    encoders::TextBlock block;
    std::int64_t positions[encoders::kTileRows];
    for (const std::int64_t end = begin + n; begin < end; begin += encoders::kTileRows) {
      const std::int64_t rows = std::min(encoders::kTileRows, end - begin);
      gather_texts(isa, column, begin, rows, block);
      const std::int64_t left = front.count(block, rows, positions);
      count_texts(left, parts, seen, [&](std::int64_t i) { return block[positions[i]]; });
    }
    front.flush([&](const Text& text, std::int64_t count) {
      seen.missing += text.size == 0 ? count : 0;
      if (text.size > 0) add(text, count);
    });
  }

  // Counts texts(i) for each i < n; those that are missing are dropped by arithmetic: nulls are hard to predict.
  template <class Texts>
  void count_texts(std::int64_t n, const Parts& parts, Seen& seen, Texts texts) {
    StringTable::Probe probes[kKeyBlock];
    for (std::int64_t begin = 0; begin < n; begin += kBlock) {
      const std::int64_t end = std::min(n, begin + kBlock);
      std::size_t held = 0;
      for (std::int64_t i = begin; i < end; ++i) {
        const Text text = texts(i);
        probes[held] = texts_.probe(text);
        seen.missing += (text.size == 0) & (parts.first == 0) ? 1 : 0;
        held += (text.size != 0) & parts.hold(probes[held].hash) ? 1 : 0;
      }
      texts_.count(probes, held, parts, seen.added, Once{});
    }
  }

  // Counts texts(i) times[i] times for each i < n.
  template <class Texts>
  void count_texts(std::int64_t n, const std::int64_t* times, Seen& seen, Texts texts) {
    StringTable::Probe probes[kKeyBlock];
    std::int64_t held_times[kKeyBlock];
    std::size_t held = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      if (times[i] != 0) {
        const Text text = texts(i);
        probes[held] = texts_.probe(text);
        held_times[held] = times[i];
        seen.missing += text.size == 0 ? times[i] : 0;
        held += text.size != 0 ? 1 : 0;
      }
      if (held < kKeyBlock && i + 1 < n) continue;
      texts_.count(probes, held, Parts{}, seen.added, [&](std::size_t k) { return held_times[k]; });
      held = 0;
    }
  }

  void count_integers(const Column& column, std::int64_t begin, std::int64_t n, const Parts& parts, Seen& seen) {
    key_front::Integers front(parts.are_all() ? n : 0);
    std::int64_t keys[encoders::kTileRows];
    for (const std::int64_t end = begin + n; begin < end; begin += encoders::kTileRows) {
      const std::int64_t rows = std::min(encoders::kTileRows, end - begin);
      std::int64_t present = 0;
      for_each_integer(
          column, begin, rows, [&](std::int64_t, std::int64_t key) { keys[present++] = key; }, [](std::int64_t) {});
      seen.missing += parts.first == 0 ? rows - present : 0;
      const std::int64_t left = front.count(keys, present);
      for (std::int64_t i = 0; i < left; i += kBlock)
        integers_.count(keys + i, static_cast<std::size_t>(std::min(kBlock, left - i)), parts, seen.added);
    }
    front.flush([&](std::int64_t key, std::int64_t count) { integers_.at(key) += count; });
  }

  void add(const Text& text, std::int64_t count) { texts_.at(texts_.probe(text)) += count; }

  // Counts positions first, so that each entry is hashed once; unless the dictionary is longer than the rows.
  void count_dictionary(const Column& column, std::int64_t begin, std::int64_t n, Seen& seen) {
    const Column& entries = *column.entries;
    const auto absent = [&seen](std::int64_t) { ++seen.missing; };
    std::vector<std::int64_t> found(static_cast<std::size_t>(std::min(n, entries.rows)), 0);
    if (entries.rows > n) {
      std::int64_t present = 0;
      for_each_index(
          column, begin, n,
          [&](std::int64_t, std::int64_t entry) { found[static_cast<std::size_t>(present++)] = entry; }, absent);
      return with_strings(entries, [&](const auto& reader) {
        const auto text_of = [&](std::int64_t i) {
          return present_text(entries, reader, found[static_cast<std::size_t>(i)]);
        };
        count_texts(present, Parts{}, seen, text_of);
      });
    }
    for_each_index(
        column, begin, n, [&](std::int64_t, std::int64_t entry) { ++found[static_cast<std::size_t>(entry)]; }, absent);
    with_strings(entries, [&](const auto& reader) {
      count_texts(entries.rows, found.data(), seen, [&](std::int64_t i) { return present_text(entries, reader, i); });
    });
  }

  StringTable texts_;
  IntegerTable integers_;
  std::int64_t missing_ = 0;
};

}  // namespace mlrt::vocabulary
