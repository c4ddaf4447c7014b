#include "core/online_builder.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <stdexcept>

#include "core/errors.hpp"

namespace mlrt::online {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{4} << 20;
constexpr std::size_t kFirstSlots = 1024;

void require_text(const Column& column) {
  if (column.type != Type::utf8 || column.layout == Layout::dictionary)
    throw std::invalid_argument(
        problem("feature `" + column.field->name + "`", "utf8", std::string(name_of(column.type)), "cast it first"));
}

}  // namespace

// What was given of a batch, from its first row on.
struct Builder::Given {
  const Column* texts;
  const double* numbers;
  const std::int64_t* event;
  const std::int64_t* known;
};

Builder::Builder(const Shape& shape, std::vector<Part> parts)
    : shape_(shape),
      parts_(std::move(parts)),
      row_bytes_(shape.row_bytes()),
      shift_(static_cast<int>(std::bit_width(std::max<std::size_t>(1, kChunkBytes / row_bytes_))) - 1),
      slots_(kFirstSlots) {}

void Builder::add(const Table& table, const double* numbers, const std::int64_t* event, const std::int64_t* known,
                  const Version& base) {
  if (table.fields().size() != parts_.size() + shape_.texts)
    throw std::invalid_argument(problem("OnlineBuilder.add", "the keys and the texts of the view",
                                        std::to_string(table.fields().size()) + " columns", "select them first"));
  std::int64_t first = 0;
  for (const Batch& batch : table.batches()) {
    const Column* const texts = batch.columns.data() + parts_.size();
    for (std::uint32_t i = 0; i < shape_.texts; ++i) require_text(texts[i]);
    const Given given{texts, numbers + first * shape_.numbers, event + first, known + first};
    Keys keys(parts_);
    keys.append(batch, 0);
    base.find(keys, sizeof(Row), [&](std::size_t i, std::uint64_t hash, const Found& found) {
      const bool has_times = given.event[i] != kMissingTime && given.known[i] != kMissingTime;
      if (has_times && !keys.is_missing(i))
        take(given, static_cast<std::int64_t>(i), keys[i], hash, found);
      else
        ++incomplete_;
    });
    first += batch.rows;
  }
}

void Builder::take(const Given& given, std::int64_t i, std::string_view key, std::uint64_t hash, const Found& base) {
  const Row times{given.event[i], given.known[i], static_cast<std::uint32_t>(key.size()), 0, 0};
  std::uint64_t& slot = slot_of(hash, key);
  if (slot != 0) {
    Row& present = *reinterpret_cast<Row*>(place(slot_row(slot)));
    if (times.replaces(present)) fill(present, given, i, key, times);
    return;
  }
  if (base.row != nullptr && !times.replaces(*base.row)) return;
  fill(append_row(), given, i, key, times);
  slot = slot_value(hash, count_);
  hashes_.push_back(hash);
  ++count_;
  if (count_ * 2 > slots_.size()) grow();
}

void Builder::fill(Row& row, const Given& given, std::int64_t i, std::string_view key, const Row& times) {
  row = times;
  row.heap = heap_.size();
  auto* const bytes = reinterpret_cast<std::byte*>(&row);
  std::memset(bytes + sizeof(Row), 0, shape_.numbers_offset() - sizeof(Row));
  if (shape_.fits(row.key_bytes))
    std::memcpy(bytes + sizeof(Row), key.data(), key.size());
  else
    heap_.append(key);
  std::uint64_t end = 0;
  for (std::uint32_t text = 0; text < shape_.texts; ++text) {
    const std::string_view value = text_at(given.texts[text], i);
    heap_.append(value);
    end += value.size();
    if (end > std::numeric_limits<std::uint32_t>::max())
      throw std::invalid_argument(problem("row", "texts of less than 4 GiB", "more", "store a reference instead"));
    const auto end32 = static_cast<std::uint32_t>(end);
    std::memcpy(bytes + shape_.ends_offset() + 4 * std::size_t{text}, &end32, sizeof end32);
  }
  std::copy_n(given.numbers + i * shape_.numbers, shape_.numbers,
              reinterpret_cast<double*>(bytes + shape_.numbers_offset()));
}

// The slot of a key: the one that has it, or the free one where it belongs.
std::uint64_t& Builder::slot_of(std::uint64_t hash, std::string_view key) {
  std::uint64_t slot = first_slot(hash, slots_.size());
  while (slots_[slot] != 0) {
    const std::uint64_t number = slot_row(slots_[slot]);
    if (hashes_[number] == hash && shape_.key_of(row(number), heap_.data()) == key) break;
    slot = slot + 1 == slots_.size() ? 0 : slot + 1;
  }
  return slots_[slot];
}

Row& Builder::append_row() {
  require_countable(count_ + 1);
  if (count_ >> shift_ == chunks_.size()) chunks_.push_back(allocate(row_bytes_ << shift_));
  return *reinterpret_cast<Row*>(place(count_));
}

void Builder::grow() {
  std::vector<std::uint64_t> larger(slots_.size() * 2);
  for (std::uint64_t number = 0; number < count_; ++number) {
    std::uint64_t slot = first_slot(hashes_[number], larger.size());
    while (larger[slot] != 0) slot = slot + 1 == larger.size() ? 0 : slot + 1;
    larger[slot] = slot_value(hashes_[number], number);
  }
  slots_.swap(larger);
}

std::size_t Builder::bytes() const {
  return (chunks_.size() * row_bytes_ << shift_) + heap_.capacity() + (slots_.size() + hashes_.capacity()) * 8;
}

}  // namespace mlrt::online
