// sample_distances: how far two samples of a numeric column are apart, from all their values.
//   F, G: the samples' distribution functions; d = n m (F - G), a whole number; over the distinct pooled values
//   x_1 < x_2 < ..., c_k of the N = n + m at x_k and B_k at or below it:
//   ks = max |d_k| / nm                  wasserstein = sum |d_k| (x_{k+1} - x_k) / nm
//   cramer_von_mises = sum c_k d_k^2 / (nm N^2)      anderson_darling = sum c_k d_k^2 / (nm B_k (N - B_k)),  B_k < N
// Input   two numeric columns of any type, once each: a Sample is sorted and serves any number of comparisons. Missing
//         (null, NaN) and infinite values are counted and left out. nm <= 2^62. -0.0 and 0.0 are one value.
// Output  four float64; wasserstein in units of x, infinite where the values' range leaves float64.
// Error   ks: one rounding. The sums are of terms >= 0, each with at most 6 roundings, added up in blocks of 512:
//         relative error below 2^-42. The same bits for any number of threads and at every level.
// Cost    a radix sort of both samples (core/sort_words.hpp) and one merge pass without a branch on the values.
// Source  Vallender, Theory Prob. Appl. 18 (1974); Anderson, Ann. Math. Stat. 33 (1962); Scholz and Stephens, JASA 82
//         (1987), equation 6; splitting a merge: Odeh et al., Merge Path (2012).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "core/errors.hpp"
#include "core/ranks.hpp"
#include "core/sort_words.hpp"
#include "kernels/decode.hpp"
#include "kernels/merge_samples.hpp"

namespace mlrt::sample_distances {

// How a type's values lie in a sample: as words in their order. gap: the distance of two words' values.
template <class Float>
struct Floats {
  using Word = RankOf<Float>;
  using Value = Float;
  static Word word(double x) { return rank_of(static_cast<Float>(x + 0.0)); }
  static Value value(Word word) { return value_of<Float>(word); }
  MLRT_INLINE static double gap(Word from, Word to) {
    return static_cast<double>(value_of<Float>(to)) - static_cast<double>(value_of<Float>(from));
  }
};

template <class Integer>
struct Integers {
  using Word = std::uint64_t;
  using Value = Integer;
  static constexpr Word kTurn = std::is_signed_v<Integer> ? kSignBit<Word> : 0;
  static Word word(std::uint64_t raw) { return raw ^ kTurn; }
  static Value value(Word word) { return static_cast<Integer>(word ^ kTurn); }
  MLRT_INLINE static double gap(Word from, Word to) { return static_cast<double>(to - from); }
};

template <class As>
struct Sorted {
  Items<typename As::Word> words;
};

struct Sample {
  std::variant<Sorted<Floats<double>>, Sorted<Floats<float>>, Sorted<Integers<std::int64_t>>,
               Sorted<Integers<std::uint64_t>>>
      values;
  std::int64_t missing = 0;
  std::int64_t positive_infinite = 0;
  std::int64_t negative_infinite = 0;
};

// Writes a block's finite values to `out` and counts the rest; returns how many were written.
template <class As>
std::size_t take(Sample& into, const double* x, std::int64_t n, typename As::Word* out) {
  std::size_t held = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    out[held] = As::word(x[i]);
    held += std::abs(x[i]) <= std::numeric_limits<double>::max() ? 1 : 0;
  }
  for (std::int64_t i = 0; held != static_cast<std::size_t>(n) && i < n; ++i) {
    into.missing += x[i] != x[i] ? 1 : 0;
    into.positive_infinite += x[i] == std::numeric_limits<double>::infinity() ? 1 : 0;
    into.negative_infinite += x[i] == -std::numeric_limits<double>::infinity() ? 1 : 0;
  }
  return held;
}

template <class As>
std::size_t take_span(Sample& into, const Span& span, const Column& column, Isa isa, typename As::Word* out) {
  std::size_t held = 0;
  if constexpr (std::is_floating_point_v<typename As::Value>) {
    decode::for_each_block(span, column, isa, [&](const double* x, std::int64_t n, std::int64_t) {
      held += take<As>(into, x, n, out + held);
    });
  } else {
    for (std::int64_t i = span.begin; i < span.begin + span.rows; ++i) {
      out[held] = As::word(load<std::uint64_t>(column.values, column.offset + i));
      held += column.is_null(i) ? 0 : 1;
    }
    into.missing += span.rows - static_cast<std::int64_t>(held);
  }
  return held;
}

template <class As>
Sample read_as(const Table& table, std::int64_t position) {
  const std::vector<Span> tasks = spans(table);
  const Isa isa = active_isa();
  Sorted<As> sorted;
  sorted.words.resize(static_cast<std::size_t>(table.rows()));
  std::vector<Sample> counted(tasks.size());
  std::vector<std::size_t> held(tasks.size());
  const auto words_of = [&](const Span& span) { return sorted.words.data() + span.first_row; };
  parallel_for(tasks.size(), worker_count(tasks.size()), [&](std::size_t, std::size_t task) {
    const Span& span = tasks[task];
    held[task] = take_span<As>(counted[task], span, span.column(position), isa, words_of(span));
  });
  Sample sample;
  std::size_t total = 0;
  for (std::size_t task = 0; task < tasks.size(); ++task) {
    std::copy_n(words_of(tasks[task]), held[task], sorted.words.data() + total);
    total += held[task];
    sample.missing += counted[task].missing;
    sample.positive_infinite += counted[task].positive_infinite;
    sample.negative_infinite += counted[task].negative_infinite;
  }
  sorted.words.resize(total);
  sort_words(sorted.words);
  sample.values = std::move(sorted);
  return sample;
}

// Reads and sorts a column. Throws std::invalid_argument unless it holds numbers.
inline Sample read(const Table& table, std::int64_t column) {
  table.require_numeric(column);
  switch (table.field(column).type) {
    case Type::int64:
      return read_as<Integers<std::int64_t>>(table, column);
    case Type::uint64:
      return read_as<Integers<std::uint64_t>>(table, column);
    case Type::null:
    case Type::int32:
    case Type::uint32:
    case Type::float64:
      return read_as<Floats<double>>(table, column);
    default:  // float32 holds the others' values exactly
      return read_as<Floats<float>>(table, column);
  }
}

// The same values as float64. Throws std::invalid_argument for an integer of 2^53 or more.
template <class As>
Sorted<Floats<double>> widened(const Sorted<As>& sorted) {
  Sorted<Floats<double>> wide;
  wide.words.reserve(sorted.words.size());
  for (const auto word : sorted.words) {
    const auto value = As::value(word);
    if (!std::is_floating_point_v<typename As::Value> && std::abs(static_cast<double>(value)) >= 0x1p53)
      throw std::invalid_argument(problem("SortedSample.distances", "integers below 2^53 beside another type",
                                          std::to_string(value), "cast both columns to one type"));
    wide.words.push_back(Floats<double>::word(static_cast<double>(value)));
  }
  return wide;
}

struct Distances {
  double ks, wasserstein, cramer_von_mises, anderson_darling;
};

template <class As>
Distances between(const Sorted<As>& a, const Sorted<As>& b) {
  constexpr std::uint64_t kMostPairs = std::uint64_t{1} << 62;
  const std::size_t n = a.words.size();
  const std::size_t m = b.words.size();
  if (n == 0 || m == 0 || n > kMostPairs / m)
    throw std::invalid_argument(problem("SortedSample.distances", "a finite value in each sample, n m <= 2^62",
                                        std::to_string(n) + " and " + std::to_string(m), "compare other samples"));
  const merge_samples::Sums sums = merge_samples::Merge<As>(a.words, b.words).run();
  const double pairs = static_cast<double>(n) * static_cast<double>(m);
  const double all = static_cast<double>(n + m);
  return {static_cast<double>(sums.most) / pairs, sums.gaps / pairs, sums.squares / pairs / (all * all),
          sums.weighted / pairs};
}

inline Distances distances(const Sample& a, const Sample& b) {
  return std::visit(
      []<class A, class B>(const Sorted<A>& one, const Sorted<B>& other) {
        if constexpr (std::is_same_v<A, B>) {
          return between(one, other);
        } else {
          return between(widened(one), widened(other));
        }
      },
      a.values, b.values);
}

}  // namespace mlrt::sample_distances
