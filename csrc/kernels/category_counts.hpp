// category_counts: counts of a column of keys over the categories of a reference.
//   counts[i] = #{x = category i};  unseen = #{x present, no category};  missing: null, and ""
// Input   Categories (categories.hpp); an Arrow column of strings (any layout, dictionaries too), integers or booleans.
// Output  Counts, a mergeable state: int64 counts, and a sample of the unseen keys that is whole up to 256 of them
//         (unseen_keys.hpp). One live state is 8 bytes a category and at most 50 KiB; the categories are shared.
// Error   0; of the unseen sample that of unseen_keys.hpp. Cost: of few codes about a cycle a row, else one lookup. Nothing
//         is allocated for fewer than kFewestTallied rows without a key that is new.
// Levels  those of category_codes.hpp, text_index.hpp, integer_index.hpp and hash_tile.hpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/binary.hpp"
#include "core/rows.hpp"
#include "kernels/categories.hpp"
#include "kernels/category_codes.hpp"
#include "kernels/hash_tile.hpp"
#include "kernels/key_block.hpp"
#include "kernels/unseen_keys.hpp"

namespace mlrt::category_counts {

class Counts {
 public:
  static constexpr std::int64_t kCountedRows = 4 * kSpanRows;  // what one task takes
  static constexpr std::int64_t kFewestTallied = 4096;

  explicit Counts(std::shared_ptr<const Categories> given)
      : categories_(std::move(given)), by_id_(categories_->size() + kFirstId, 0) {}

  const std::shared_ptr<const Categories>& categories() const { return categories_; }
  const std::int64_t* counts() const { return by_id_.data() + kFirstId; }  // of each category
  std::int64_t missing() const { return by_id_[kMissingId]; }
  std::int64_t unseen() const { return by_id_[kUnseenId]; }
  const UnseenKeys& sample() const { return sample_; }
  // Counts rows [begin, begin + n) of a column that Categories::check took.
  void count(const Column& column, std::int64_t begin, std::int64_t n) {
    const Isa isa = active_isa();
    for (std::int64_t done = 0; done < n; done += kCountedRows) {
      const std::int64_t rows = std::min(kCountedRows, n - done);
      if (column.layout == Layout::none)
        by_id_[kMissingId] += rows;
      else if (column.layout == Layout::dictionary && is_tallied(rows, column.entries->rows))
        count_dictionary(isa, column, begin + done, rows);
      else if (column.type == Type::utf8)
        count_texts(isa, column, begin + done, rows);
      else if (categories_->has_positions(column.type) &&
               is_tallied(rows, static_cast<std::int64_t>(categories_->positions().size())))
        count_positions(isa, column, begin + done, rows);
      else
        count_integers(isa, column, begin + done, rows);
    }
  }

  Counts empty() const { return Counts(categories_); }

  // Throws unless other counts can be merged into these.
  void require_like(const Counts& other) const {
    if (categories_ != other.categories_ && !(categories_->keys() == other.categories_->keys()))
      throw std::invalid_argument(problem("CategoryCounts.merge", "counts over the same categories", "other categories",
                                          "build both from one baseline"));
  }

  void merge(const Counts& other) {
    require_like(other);
    for (std::size_t i = 0; i < by_id_.size(); ++i) by_id_[i] += other.by_id_[i];
    sample_.merge(other.sample_);
  }

  static constexpr const char* kTag = "cats";
  void write(binary::Writer& out) const {
    categories_->keys().write(out);
    out.numbers(by_id_.data(), by_id_.size());
    sample_.write(out);
  }

  static Counts read(binary::Reader& in) {
    Counts state(std::make_shared<const Categories>(Keys::read(in)));
    for (std::int64_t& count : state.by_id_) count = in.rows();
    state.sample_ = UnseenKeys::read(in, state.unseen());
    return state;
  }

 private:
  static constexpr std::int64_t kTileRows = encoders::kTileRows;

  static const xxh3::Seeded& seeded() {
    static const xxh3::Seeded kSeeded(0);  // one for all processes: their samples are merged
    return kSeeded;
  }

  // A tally pays for itself when there are several rows to a code.
  static bool is_tallied(std::int64_t rows, std::int64_t range) { return rows >= kFewestTallied && rows / 4 >= range; }

  // Each distinct code is looked up once.
  void count_dictionary(Isa isa, const Column& column, std::int64_t begin, std::int64_t n) {
    const auto range = static_cast<std::uint64_t>(column.entries->rows);
    category_codes::Tally tally(range + 2, n);
    category_codes::count(isa, column, begin, n, {0, range}, tally, [](const auto*, auto, auto) {});
    std::vector<std::int64_t> times(static_cast<std::size_t>(range), 0);
    tally.for_each([&](std::size_t code, std::int64_t count) {
      if (code == 0)
        by_id_[kMissingId] += count;
      else
        times[code - 1] = count;
    });
    count_texts(isa, *column.entries, 0, column.entries->rows,
                [&](std::int64_t i) { return times[static_cast<std::size_t>(i)]; });
  }

  void count_texts(Isa isa, const Column& column, std::int64_t begin, std::int64_t n) {
    if (categories_->short_texts().is_empty() || n < kFewestTallied) return count_texts(isa, column, begin, n, Once{});
    category_codes::Tally tally(by_id_.size(), n);
    encoders::TextBlock block;
    std::uint32_t ids[kBlockRows];
    std::int64_t held = 0;
    for (const std::int64_t end = begin + n; begin < end; begin += kTileRows) {
      const std::int64_t rows = std::min(kTileRows, end - begin);
      encoders::gather_texts(isa, column, begin, rows, block);
      count_others(isa, block, rows, ids + held, Once{});
      held += rows;
      if (held == kBlockRows || begin + rows == end) tally.add(isa, ids, std::exchange(held, 0));
    }
    tally.for_each(
        [&](std::size_t id, std::int64_t count) { by_id_[id] += id == short_texts::kElsewhereId ? 0 : count; });
  }

  // Writes the ids of a block of strings, and counts string i of those that are no short texts times(i) times.
  template <class Times>
  void count_others(Isa isa, encoders::TextBlock& block, std::int64_t n, std::uint32_t* ids, Times times) {
    std::int64_t positions[kTileRows];
    const std::int64_t left = categories_->short_texts().find(block, n, ids, positions);
    if (left == 0) return;
    block.keep(positions, left);
    count_any_texts(isa, block, left, [&](std::int64_t k) { return times(positions[k]); });
  }

  // Counts row i of a string column times(i) >= 0 times, i from 0 on.
  template <class Times>
  void count_texts(Isa isa, const Column& column, std::int64_t begin, std::int64_t n, Times times) {
    encoders::TextBlock block;
    std::uint32_t ids[kTileRows];
    for (std::int64_t done = 0; done < n; done += kTileRows) {
      const std::int64_t rows = std::min(kTileRows, n - done);
      encoders::gather_texts(isa, column, begin + done, rows, block);
      const auto times_of = [&](std::int64_t i) { return times(done + i); };
      if (categories_->short_texts().is_empty()) {
        count_any_texts(isa, block, rows, times_of);
        continue;
      }
      count_others(isa, block, rows, ids, times_of);
      for (std::int64_t i = 0; i < rows; ++i) by_id_[ids[i]] += ids[i] == short_texts::kElsewhereId ? 0 : times_of(i);
    }
  }

  // Counts string i of a block times(i) times.
  template <class Times>
  [[gnu::noinline]] void count_any_texts(Isa isa, encoders::TextBlock& block, std::int64_t n, Times times) {
    std::int64_t ids[kTileRows], positions[kTileRows];
    text_index::select(isa)(categories_->texts(), block, n, ids);
    std::int64_t* const by_id = by_id_.data();
    const std::int64_t before = unseen();
    for (std::int64_t i = 0; i < n; ++i) by_id[ids[i]] += times(i);
    if (unseen() == before) return;
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      positions[count] = i;
      count += (ids[i] == kUnseenId) & (times(i) != 0) ? 1 : 0;
    }
    block.keep(positions, count);
    hash_tile::Word hashes[kTileRows];
    hash_tile::select(isa).texts(seeded(), block, count, hashes);
    for (std::int64_t k = 0; k < count; ++k)
      sample_.add(hashes[k], times(positions[k]), [&] { return std::string_view(block.starts[k], block.sizes[k]); });
  }

  void count_integers(Isa isa, const Column& column, std::int64_t begin, std::int64_t n) {
    const bool may_alias = categories_->may_alias(column.type);
    std::int64_t keys[kTileRows], ids[kTileRows];
    for (const std::int64_t end = begin + n; begin < end; begin += kTileRows) {
      const std::int64_t rows = std::min(kTileRows, end - begin);
      encoders::gather_integers(column, begin, rows, keys);
      integer_index::select(isa)(categories_->integers(), keys, rows, ids);
      for (std::int64_t i = 0; i < (may_alias ? rows : 0); ++i) ids[i] = keys[i] < 0 ? kUnseenId : ids[i];
      encoders::clear_missing(isa, column, begin, rows, ids);
      const std::int64_t before = unseen();
      std::int64_t* const by_id = by_id_.data();
      for (std::int64_t i = 0; i < rows; ++i) ++by_id[ids[i]];
      for (std::int64_t i = 0; i < (unseen() == before ? 0 : rows); ++i)
        if (ids[i] == kUnseenId) sample_integer(keys[i], column.type, 1);
    }
  }

  void count_positions(Isa isa, const Column& column, std::int64_t begin, std::int64_t n) {
    const std::vector<std::int64_t>& positions = categories_->positions();
    const category_codes::Range of{categories_->first(), positions.size()};
    const auto outside = static_cast<std::uint32_t>(of.range) + 1;
    category_codes::Tally tally(of.range + 2, n);
    category_codes::count(isa, column, begin, n, of, tally,
                          [&](const std::uint32_t* codes, std::int64_t rows, std::int64_t first) {
                            sample_outside(column, codes, rows, first, outside);
                          });
    tally.for_each([&](std::size_t code, std::int64_t count) {
      const std::int64_t id = code == 0 ? kMissingId : code == outside ? kUnseenId : positions[code - 1];
      by_id_[static_cast<std::size_t>(id)] += count;
      if (id == kUnseenId && code != outside)
        sample_integer(static_cast<std::int64_t>(of.first + code - 1), column.type, count);
    });
  }

  void sample_outside(const Column& column, const std::uint32_t* codes, std::int64_t n, std::int64_t begin,
                      std::uint32_t outside) {
    std::int64_t keys[kTileRows];
    for (std::int64_t done = 0; done < n; done += kTileRows) {
      const std::int64_t rows = std::min(kTileRows, n - done);
      encoders::gather_integers(column, begin + done, rows, keys);
      for (std::int64_t i = 0; i < rows; ++i)
        if (codes[done + i] == outside) sample_integer(keys[i], column.type, 1);
    }
  }

  void sample_integer(std::int64_t key, Type type, std::int64_t count) {
    const bool is_high = type == Type::uint64 && key < 0;
    hash_tile::Word hash = 0;
    hash_tile::hash_integers(seeded(), &key, 1, &hash);
    sample_.add(is_high ? ~hash : hash, count,
                [=] { return is_high ? std::to_string(static_cast<std::uint64_t>(key)) : std::to_string(key); });
  }

  std::shared_ptr<const Categories> categories_;
  std::vector<std::int64_t> by_id_;
  UnseenKeys sample_;
};

// Counts a column of a table, in parallel if it is long.
inline void update(Counts& into, const Table& table, std::int64_t column) {
  table.require_keys(column);
  into.categories()->check(table.field(column));
  reduce(spans(table, Counts::kCountedRows), into, Counts(into.categories()),
         [&](Counts& state, const Span& span) { state.count(span.column(column), span.begin, span.rows); });
}

}  // namespace mlrt::category_counts
