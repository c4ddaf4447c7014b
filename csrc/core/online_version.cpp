#include "core/online_version.hpp"

#include <cstring>
#include <limits>

namespace mlrt::online {

Found Version::find(std::uint64_t hash, std::string_view key) const {
  for (const auto& segment : segments_)
    if (const Row* const row = segment->find(hash, key)) return {row, segment->heap()};
  return {};
}

void Version::read(const Keys& keys, const Moments& moments, const Reading& into) const {
  const std::size_t numbers = shape_.numbers;
  find(keys, shape_.row_bytes(), [&](std::size_t i, std::uint64_t, const Found& found) {
    const bool is_there = found.row != nullptr && !keys.is_missing(i);
    const bool holds = is_there && moments.hold(*found.row, i);
    into.found[i] = holds;
    into.event[i] = is_there ? found.row->event : kMissingTime;
    into.rows[i] = holds ? found : Found{};
    double* const target = into.numbers + i * numbers;
    if (holds)
      std::copy_n(shape_.numbers_of(*found.row), numbers, target);
    else
      std::fill_n(target, numbers, std::numeric_limits<double>::quiet_NaN());
  });
}

std::int64_t Version::text_offsets(const Found* rows, std::size_t n, std::int64_t* offsets) const {
  std::int64_t end = 0;
  for (std::uint32_t text = 0; text < shape_.texts; ++text) {
    *offsets++ = end;
    for (std::size_t i = 0; i < n; ++i) {
      if (rows[i].row != nullptr)
        end += static_cast<std::int64_t>(shape_.text_of(*rows[i].row, rows[i].heap, text).size());
      *offsets++ = end;
    }
  }
  return end;
}

void Version::copy_texts(const Found* rows, std::size_t n, char* bytes) const {
  for (std::uint32_t text = 0; text < shape_.texts; ++text)
    for (std::size_t i = 0; i < n; ++i)
      if (rows[i].row != nullptr) {
        const std::string_view found = shape_.text_of(*rows[i].row, rows[i].heap, text);
        std::memcpy(bytes, found.data(), found.size());
        bytes += found.size();
      }
}

}  // namespace mlrt::online
