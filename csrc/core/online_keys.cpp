#include "core/online_keys.hpp"

#include <stdexcept>

#include "core/errors.hpp"
#include "core/online_format.hpp"
#include "core/strings.hpp"

namespace mlrt::online {
namespace {

void require(const Column& column, Part part) {
  const bool fits = part == Part::integer ? column.type == Type::int64 && column.layout == Layout::fixed
                                          : column.type == Type::utf8 && column.layout != Layout::dictionary;
  if (!fits)
    throw std::invalid_argument(problem("key `" + column.field->name + "`", part == Part::integer ? "int64" : "utf8",
                                        std::string(name_of(column.type)), "cast it first"));
}

// One part of each key of a batch.
class PartReader {
 public:
  PartReader(const Column& column, Part part) : column_(column), part_(part) { require(column, part); }

  bool is_missing(std::int64_t row) const {
    return part_ == Part::text ? text_at(column_, row).empty() : column_.is_null(row);
  }
  void append(Keys& keys, std::int64_t row, bool is_last) const {
    if (part_ == Part::integer)
      keys.integer(load<std::int64_t>(column_.values, column_.offset + row));
    else
      keys.text(text_at(column_, row), is_last);
  }

 private:
  const Column& column_;
  Part part_;
};

}  // namespace

std::string_view text_at(const Column& column, std::int64_t row) {
  std::string_view result;
  if (column.is_null(row)) return result;
  with_strings(column, [&](const auto& strings) {
    const Text found = strings(row);
    result = {found.data, found.size};
  });
  return result;
}

void Keys::text(std::string_view part, bool is_last) {
  const auto size = static_cast<std::uint32_t>(part.size());
  if (!is_last) bytes_.append(reinterpret_cast<const char*>(&size), sizeof size);
  bytes_.append(part);
}

void Keys::end(bool is_missing) {
  const std::size_t size = bytes_.size() - ended_;
  if (size > kMostKeyBytes)
    throw std::invalid_argument(problem("key " + std::to_string(size_t{places_.size()}),
                                        "at most " + std::to_string(kMostKeyBytes) + " bytes", std::to_string(size),
                                        "use a hash of it as the key"));
  places_.push_back({ended_, static_cast<std::uint32_t>(size), is_missing});
  ended_ = bytes_.size();
}

void Keys::append(const Batch& batch, std::int64_t first_column) {
  std::vector<PartReader> readers;
  for (std::size_t i = 0; i < parts_.size(); ++i)
    readers.emplace_back(batch.columns.at(static_cast<std::size_t>(first_column) + i), parts_[i]);
  places_.reserve(places_.size() + static_cast<std::size_t>(batch.rows));
  for (std::int64_t row = 0; row < batch.rows; ++row) {
    bool missing = false;
    for (const PartReader& reader : readers) missing = missing || reader.is_missing(row);
    for (std::size_t i = 0; i < readers.size() && !missing; ++i) readers[i].append(*this, row, i + 1 == readers.size());
    end(missing);
  }
}

}  // namespace mlrt::online
