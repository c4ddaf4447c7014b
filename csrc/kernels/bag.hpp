// bag: the ids of all tokens of a row, in their order, and how often an id occurs in it.
//   tokens   a list's elements; or n-grams of a text (tokens.hpp)
//   id       of a token in a vocabulary, or by its hash; a missing element (null, "") has none
// Input   a column of lists of keys, or of strings of any layout. A null row has no tokens.
// Output  int64 ids of all rows, one after another, and offsets[rows + 1]; or float32 counts for a dense matrix.
// Error   0. Cost: one lookup or hash a token, 256 tokens at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/dense_output.hpp"
#include "kernels/key_block.hpp"
#include "kernels/tokens.hpp"

namespace mlrt::bag {

using encoders::KeyIds;
using encoders::kTileRows;
using encoders::TextBlock;

struct Bag {
  std::int64_t column;
  tokens::Rule rule;
  std::shared_ptr<const KeyIds> keys;
};

// Throws std::invalid_argument, naming the column, when it does not hold the bag's tokens.
inline void check(const Bag& bag, const Table& table) {
  const Field& field = table.field(bag.column);
  const bool is_list = bag.rule.unit == tokens::Unit::list;
  if (field.type != (is_list ? Type::list : Type::utf8))
    throw std::invalid_argument(problem("column `" + field.name + "`",
                                        is_list ? "lists of strings or integers" : "strings",
                                        "Arrow format '" + field.format + "'", "cast it, or leave it out"));
  const Field& keys = is_list ? field.elements[0] : field;
  vocabulary::require_int64(table, bag.column);
  bag.keys->check(keys, vocabulary::kind_of(keys.type));
}

// Ids of consecutive rows, and how many each row has.
struct Ids {
  std::vector<std::int64_t> ids;
  std::vector<std::int64_t> counts;

  void clear() {
    ids.clear();
    counts.clear();
  }
};

// One worker's reader of a bag.
class Reader {
 public:
  Reader(const Bag& bag, Isa isa) : bag_(bag), isa_(isa), tokenizer_(bag.rule) {}

  // Adds rows [begin, begin + n), n <= kTileRows.
  void read(const Column& column, std::int64_t begin, std::int64_t n, Ids& out) {
    if (bag_.rule.unit == tokens::Unit::list) return read_lists(column, begin, n, out);
    encoders::gather_texts(isa_, column, begin, n, rows_);
    for (std::int64_t i = 0; i < n; ++i) {
      const std::size_t before = out.ids.size();
      const Text text = rows_[i];
      for (const Text& token : tokenizer_.split({text.data, text.size})) add(token, out.ids);
      flush(out.ids);
      out.counts.push_back(static_cast<std::int64_t>(out.ids.size() - before));
    }
  }

 private:
  // The elements of all rows are looked up together; of a row that is null they are left out again.
  void read_lists(const Column& column, std::int64_t begin, std::int64_t n, Ids& out) {
    const bool has_elements = column.elements != nullptr;
    const std::int64_t first = has_elements ? column.first_element(begin) : 0;
    if (has_elements) look_up(*column.elements, first, column.first_element(begin + n));
    for (std::int64_t i = begin; i < begin + n; ++i) {
      const std::size_t before = out.ids.size();
      if (has_elements && !column.is_null(i))
        add_present(column.first_element(i) - first, column.first_element(i + 1) - first, out.ids);
      out.counts.push_back(static_cast<std::int64_t>(out.ids.size() - before));
    }
  }

  // Fills element_ids_ with the ids of elements [first, last).
  void look_up(const Column& elements, std::int64_t first, std::int64_t last) {
    element_ids_.resize(static_cast<std::size_t>(last - first));
    for (std::int64_t done = first; done < last; done += kTileRows)
      encoders::ids_of_rows(isa_, *bag_.keys, elements, done, std::min(kTileRows, last - done),
                            element_ids_.data() + (done - first));
  }

  // Those of [first, last) that are present: only a missing element has the id kMissingId.
  void add_present(std::int64_t first, std::int64_t last, std::vector<std::int64_t>& ids) const {
    std::copy_if(element_ids_.begin() + first, element_ids_.begin() + last, std::back_inserter(ids),
                 [](std::int64_t id) { return id != vocabulary::kMissingId; });
  }

  void add(const Text& token, std::vector<std::int64_t>& ids) {
    block_.set(waiting_++, token);
    if (waiting_ == kTileRows) flush(ids);
  }

  void flush(std::vector<std::int64_t>& ids) {
    if (waiting_ == 0) return;
    bag_.keys->of_texts(isa_, block_, waiting_, block_ids_);
    ids.insert(ids.end(), block_ids_, block_ids_ + waiting_);
    waiting_ = 0;
  }

  const Bag& bag_;
  Isa isa_;
  tokens::Tokenizer tokenizer_;
  TextBlock rows_;
  TextBlock block_;
  std::int64_t waiting_ = 0;  // tokens in block_
  std::int64_t block_ids_[kTileRows];
  std::vector<std::int64_t> element_ids_;  // of the lists of some rows
};

// The ids of all rows and offsets[table.rows() + 1].
inline std::pair<std::vector<std::int64_t>, std::vector<std::int64_t>> run(const Bag& bag, const Table& table) {
  check(bag, table);
  const Isa isa = active_isa();
  const std::vector<Span> tasks = spans(table);
  std::vector<Ids> parts(tasks.size());
  parallel_for(tasks.size(), worker_count(tasks.size()), [&](std::size_t, std::size_t task) {
    const Span& span = tasks[task];
    const auto reader = std::make_unique<Reader>(bag, isa);
    for (std::int64_t done = 0; done < span.rows; done += kTileRows)
      reader->read(span.column(bag.column), span.begin + done, std::min(kTileRows, span.rows - done), parts[task]);
  });
  std::vector<std::int64_t> ids, offsets{0};
  offsets.reserve(static_cast<std::size_t>(table.rows()) + 1);
  for (Ids& part : parts) {
    ids.insert(ids.end(), part.ids.begin(), part.ids.end());
    for (const std::int64_t count : part.counts) offsets.push_back(offsets.back() + count);
    part = {};
  }
  return {std::move(ids), std::move(offsets)};
}

// Dense columns: column j says how often, or whether, the id first + j occurs in the row's bag.
class Counts final : public dense::Output {
 public:
  Counts(Bag bag, std::int64_t first, std::size_t columns, bool is_binary)
      : bag_(std::move(bag)), first_(first), width_(columns), is_binary_(is_binary) {}

  std::size_t width() const override { return width_; }

  std::unique_ptr<dense::Bound> bind(const Table& table) const override {
    check(bag_, table);
    return std::make_unique<Bound>(*this);
  }

 private:
  class Filler final : public dense::Filler {
   public:
    explicit Filler(const Counts& counts) : counts_(counts), reader_(counts.bag_, active_isa()) {}

    void fill(const Span& span, std::int64_t begin, std::int64_t n, float* columns) override {
      ids_.clear();
      reader_.read(span.column(counts_.bag_.column), begin, n, ids_);
      std::fill_n(columns, counts_.width_ * static_cast<std::size_t>(kTileRows), 0.0f);
      const std::int64_t* id = ids_.ids.data();
      for (std::size_t row = 0; row < ids_.counts.size(); ++row)
        for (const std::int64_t* const end = id + ids_.counts[row]; id != end; ++id) add(*id, row, columns);
    }

   private:
    void add(std::int64_t id, std::size_t row, float* columns) const {
      const auto column = static_cast<std::size_t>(id - counts_.first_);  // below the first: huge
      if (column >= counts_.width_) return;
      float& count = columns[column * static_cast<std::size_t>(kTileRows) + row];
      count = counts_.is_binary_ ? 1.0f : count + 1.0f;
    }

    const Counts& counts_;
    Reader reader_;
    Ids ids_;
  };

  class Bound final : public dense::Bound {
   public:
    explicit Bound(const Counts& counts) : counts_(counts) {}
    std::unique_ptr<dense::Filler> filler() const override { return std::make_unique<Filler>(counts_); }

   private:
    const Counts& counts_;
  };

  Bag bag_;
  std::int64_t first_;
  std::size_t width_;
  bool is_binary_;
};

}  // namespace mlrt::bag
