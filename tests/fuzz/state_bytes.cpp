// state_bytes: libFuzzer target. Read a state from bytes that anybody may have sent, and use what is believed.
//
// The bytes are the input itself; or a body under a header and a check that fit; or a state made here, some bytes of
// which are changed. Nothing may crash, take memory for a size that is only claimed, or throw anything but
// std::invalid_argument; a state that is read comes back the same from its own bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bytes.hpp"
#include "core/binary.hpp"
#include "kernels/histogram.hpp"
#include "kernels/key_counts.hpp"
#include "kernels/moments.hpp"
#include "kernels/quantiles.hpp"
#include "kernels/table_counts.hpp"

namespace mlrt::fuzz {
namespace {

using histogram::Histogram;
using moments::Moments;
using quantiles::Sample;
using table_counts::TableCounts;
using vocabulary::Counter;

constexpr std::size_t kHeader = 20, kCheck = 4;  // before and behind the body

std::vector<double> doubles(Bytes& bytes, std::size_t n) {
  std::vector<double> values(n);
  for (double& value : values) {
    std::uint64_t bits = 0;
    for (int i = 0; i < 8; ++i) bits = bits << 8 | bytes.byte();
    std::memcpy(&value, &bits, sizeof value);
  }
  return values;
}

std::size_t few(Bytes& bytes) {
  return static_cast<std::size_t>(bytes.number(12));
}

Moments make(Bytes& bytes, const Moments*) {
  const std::vector<double> values = doubles(bytes, few(bytes));
  Moments state;
  moments::select(active_isa())(state, values.data(), static_cast<std::int64_t>(values.size()));
  return state;
}

// Some edges of one type that are as the contract says.
template <class Number>
std::vector<Number> edges_of(const std::vector<double>& drawn) {
  std::vector<Number> edges{Number{0}};
  for (const double value : drawn) {
    Number edge{};
    std::memcpy(&edge, &value, sizeof edge);
    if (std::isfinite(static_cast<double>(edge))) edges.push_back(edge);
  }
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  return edges;
}

Histogram make(Bytes& bytes, const Histogram*) {
  const std::vector<double> drawn = doubles(bytes, few(bytes));
  const std::int64_t kind = bytes.number(3);
  histogram::Edges edges = edges_of<double>(drawn);
  if (kind == 1) edges = edges_of<std::int64_t>(drawn);
  if (kind == 2) edges = edges_of<std::uint64_t>(drawn);
  Histogram state(std::make_shared<const histogram::Index>(std::move(edges)));
  const std::vector<double> values = doubles(bytes, few(bytes));
  const Block block{values.data(), static_cast<std::int64_t>(values.size())};
  histogram::add_block(state, histogram::select(active_isa()), block);
  return state;
}

Sample make(Bytes& bytes, const Sample*) {
  Sample state(1 + few(bytes), bytes.byte());
  const std::vector<double> values = doubles(bytes, 2 * few(bytes));
  state.offer(quantiles::select(active_isa()), values.data(), static_cast<std::int64_t>(values.size()), bytes.byte());
  return state;
}

// A column of integers or strings, with the arrays that it lies in.
struct Keys {
  std::vector<double> numbers;
  std::vector<std::int32_t> offsets{0};
  std::string text;
  Column column;

  explicit Keys(Bytes& bytes) : numbers(doubles(bytes, few(bytes))) {
    static const Field kField{.name = "x", .format = "", .elements = {}};
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      for (std::int64_t left = bytes.number(24); left > 0; --left) text.push_back(static_cast<char>(bytes.byte()));
      offsets.push_back(static_cast<std::int32_t>(text.size()));
    }
    const bool is_text = bytes.number(2) == 1;
    column = {.field = &kField, .rows = static_cast<std::int64_t>(numbers.size())};
    column.type = is_text ? Type::utf8 : Type::int64;
    column.layout = is_text ? Layout::offsets32 : Layout::fixed;
    column.values = is_text ? static_cast<const void*>(offsets.data()) : numbers.data();
    column.bytes = text.data();
  }
  Keys(const Keys&) = delete;
  Keys& operator=(const Keys&) = delete;
};

Counter make(Bytes& bytes, const Counter*) {
  const Keys keys(bytes);
  Counter state;
  state.count(keys.column, 0, keys.column.rows);
  return state;
}

// A column of numbers and one of keys, over the reference {"a", "to"} or {-1, 0, 7}.
TableCounts make(Bytes& bytes, const TableCounts*) {
  const Keys keys(bytes);
  category_counts::Keys reference;
  reference.kind = keys.column.type == Type::utf8 ? vocabulary::Kind::utf8 : vocabulary::Kind::int64;
  if (keys.column.type == Type::utf8) {
    reference.add({"a", 1, 1});
    reference.add({"to", 2, 2});
  } else {
    reference.integers = {-1, 0, 7};
  }
  table_counts::CategoryCounts counts(std::make_shared<const category_counts::Categories>(reference));
  counts.count(keys.column, 0, keys.column.rows);
  const std::vector<double> values = doubles(bytes, few(bytes));
  const table_counts::Runs runs(active_isa());
  table_counts::NumericCounts numbers(make(bytes, static_cast<const Histogram*>(nullptr)).index);
  numeric_counts::add_block(numbers, runs, {values.data(), static_cast<std::int64_t>(values.size())});
  TableCounts state;
  state.columns.emplace_back(std::move(numbers));
  state.columns.emplace_back(std::move(counts));
  return state;
}

void use(const Moments& state) {
  check(state.count == 0 || !(state.maximum < state.minimum));
}
void use(const Histogram& state) {
  check(state.counts.size() == state.index->slots() + 3);
}
void use(const Sample& state) {
  const std::vector<double> values = state.sorted_values();
  check(std::is_sorted(values.begin(), values.end()));
}
void use(const Counter& state) {
  const auto texts = state.text_entries();
  check(texts.offsets.back() == static_cast<std::int64_t>(texts.bytes.size()));
  const auto integers = state.integer_entries();
  check(std::is_sorted(integers.counts.rbegin(), integers.counts.rend()));
}
void use(const TableCounts& state) {
  for (const table_counts::ColumnCounts& column : state.columns)
    if (const auto* const categories = std::get_if<table_counts::CategoryCounts>(&column))
      check(categories->unseen() > 0 || categories->sample().entries().empty());
}

template <class State>
std::string written(const State& state) {
  binary::Writer out(State::kTag);
  state.write(out);
  return std::move(out).finish();
}

template <class State>
State read(const std::string& message) {
  binary::Reader in(message, State::kTag, "State");
  State state = State::read(in);
  in.finish();
  return state;
}

std::string sealed(std::string_view tag, std::string_view body) {
  binary::Writer out(tag);
  out.text(body);
  return std::move(out).finish();
}

// A state's bytes, some of them changed, under a check that fits.
template <class State>
std::string forged(Bytes& bytes) {
  const std::string message = written(make(bytes, static_cast<const State*>(nullptr)));
  std::string body = message.substr(kHeader, message.size() - kHeader - kCheck);
  for (std::int64_t left = bytes.number(4); left > 0 && !body.empty(); --left) {
    const std::size_t at = (static_cast<std::size_t>(bytes.byte()) << 8 | bytes.byte()) % body.size();
    body[at] = static_cast<char>(bytes.byte());
  }
  if (bytes.rarely(8)) body.resize(body.size() + few(bytes) - std::min<std::size_t>(5, body.size()));
  return sealed(State::kTag, body);
}

template <class State>
void run(Bytes& bytes, std::string_view rest) {
  const std::int64_t kind = bytes.number(3);
  const std::string message = kind == 0   ? std::string(rest)
                              : kind == 1 ? sealed(State::kTag, rest)
                                          : forged<State>(bytes);
  try {
    State state = read<State>(message);
    use(state);
    const std::string again = written(state);
    check(written(read<State>(again)).size() == again.size());
    state.merge(read<State>(again));
    use(state);
  } catch (const std::invalid_argument&) {
  }
}

void run_any(const std::uint8_t* data, std::size_t size) {
  Bytes bytes(data, size);
  constexpr std::size_t kChoices = 2;
  const std::string_view rest(reinterpret_cast<const char*>(data) + std::min(size, kChoices),
                              size - std::min(size, kChoices));
  switch (bytes.number(5)) {
    case 0:
      run<Moments>(bytes, rest);
      break;
    case 1:
      run<Histogram>(bytes, rest);
      break;
    case 2:
      run<Sample>(bytes, rest);
      break;
    case 3:
      run<TableCounts>(bytes, rest);
      break;
    default:
      run<Counter>(bytes, rest);
  }
}

}  // namespace
}  // namespace mlrt::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mlrt::fuzz::run_any(data, size);
  return 0;
}
