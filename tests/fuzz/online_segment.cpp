// online_segment: libFuzzer target. Open a segment of an online store that may have been forged, and read what it holds.
//
// A segment is written here from random rows; then some bytes of it are changed, or its length, and most often its
// digest is made to fit, as if somebody had forged it. Nothing may crash, read outside the file, loop for ever, or throw
// anything but std::invalid_argument. One that was not changed is believed and gives every row back; reading, merging
// and writing without some keys work for whatever is believed.
#include "core/online_segment.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/online_version.hpp"
#include "core/online_writer.hpp"
#include "scratch.hpp"

namespace mlrt::fuzz {
namespace {

using namespace online;

constexpr std::uint64_t kSeed = 7;

// Rows as a segment has them, each with a key of its own.
class Rows final : public RowSource {
 public:
  Rows(Bytes& bytes, const Shape& shape) : shape_(shape), words_(shape.row_bytes() / 8) {
    count_ = static_cast<std::uint64_t>(bytes.number(20));
    rows_.resize(count_ * words_);
    for (std::uint64_t i = 0; i < count_; ++i) fill(bytes, i);
  }

  std::uint64_t rows() const override { return count_; }
  const Row& row(std::uint64_t number) const override {
    return *reinterpret_cast<const Row*>(rows_.data() + number * words_);
  }
  const char* heap() const override { return heap_.data(); }

 private:
  void fill(Bytes& bytes, std::uint64_t number) {
    auto* const at = reinterpret_cast<char*>(rows_.data() + number * words_);
    const std::string key = std::to_string(number) + std::string(static_cast<std::size_t>(bytes.number(60)), 'k');
    const Row row{bytes.byte(), bytes.byte(), static_cast<std::uint32_t>(key.size()), 0, heap_.size()};
    std::memcpy(at, &row, sizeof row);
    if (shape_.fits(row.key_bytes))
      std::memcpy(at + sizeof row, key.data(), key.size());
    else
      heap_ += key;
    std::uint32_t end = 0;
    for (std::uint32_t text = 0; text < shape_.texts; ++text) {
      const auto size = static_cast<std::uint32_t>(bytes.number(9));
      heap_.append(size, 't');
      end += size;
      std::memcpy(at + shape_.ends_offset() + 4 * std::size_t{text}, &end, sizeof end);
    }
  }

  Shape shape_;
  std::size_t words_;
  std::uint64_t count_;
  std::vector<std::uint64_t> rows_;
  std::string heap_;
};

std::uint64_t digest_of(const std::string& content) {
  const xxh3::Seeded unseeded(0);
  const std::uint64_t block = xxh3::hash(unseeded, content.data(), content.size());  // one: no input makes 4 MiB
  return xxh3::hash(unseeded, reinterpret_cast<const char*>(&block), content.empty() ? 0 : sizeof block);
}

// Changes words where a segment has something to say: its header, its slots, its rows.
void change(Bytes& bytes, std::string& content) {
  if (bytes.rarely(8)) {
    content.resize(content.size() + static_cast<std::size_t>(bytes.number(64)) * (bytes.rarely(2) ? 512 : 1) -
                   std::min<std::size_t>(content.size(), bytes.byte()));
    return;
  }
  const std::size_t page = bytes.rarely(3) ? 0 : kPage * static_cast<std::size_t>(bytes.number(4));
  const std::size_t at = page + (static_cast<std::size_t>(bytes.number(16)) << 8 | bytes.byte()) / (page == 0 ? 64 : 4);
  if (at >= content.size()) return;
  const std::uint8_t byte = bytes.byte();
  content[at] = bytes.rarely(2) ? static_cast<char>(byte) : static_cast<char>(content[at] ^ (1 << byte % 8));
}

Keys keys_of(const RowSource& source, const Shape& shape) {
  Keys keys({Part::text});
  for (std::uint64_t i = 0; i < source.rows(); ++i) {
    keys.text(shape.key_of(source.row(i), source.heap()), true);
    keys.end(false);
  }
  return keys;
}

// Reads rows as a store does; returns how many there are.
std::size_t read(const Version& version, const Keys& keys) {
  const std::int64_t oldest = kMissingTime, newest = std::numeric_limits<std::int64_t>::max();
  const std::unique_ptr<bool[]> found(new bool[keys.size()]);
  std::vector<std::int64_t> event(keys.size()), offsets(version.shape().texts * (keys.size() + 1));
  std::vector<double> numbers(keys.size() * version.shape().numbers);
  std::vector<Found> rows(keys.size());
  version.read(keys, {&oldest, &newest, 0}, {event.data(), found.get(), numbers.data(), rows.data()});
  std::string texts(static_cast<std::size_t>(version.text_offsets(rows.data(), rows.size(), offsets.data())), '\0');
  version.copy_texts(rows.data(), rows.size(), texts.data());
  return static_cast<std::size_t>(std::count(found.get(), found.get() + keys.size(), true));
}

void use(const std::shared_ptr<const Segment>& segment, const Shape& shape, const Keys& known, bool is_whole) {
  static const Scratch kAnother;
  const Version version(shape, kSeed, {segment});
  check(read(version, known) == known.size() || !is_whole);
  read(version, keys_of(*segment, shape));
  const Piece kept = rows_without(*segment, known, kSeed);
  const Written written = write_segment(kAnother.emptied(), shape, kSeed, {kept});
  check(!is_whole || written.rows == 0);
  const Segment again({kAnother.path(), written.bytes, written.digest}, shape, kSeed);
  check(again.rows() == written.rows);
  write_segment(kAnother.emptied(), shape, kSeed, newest_rows({segment.get()}, shape, kSeed));
}

void run(Bytes& bytes) {
  static const Scratch kScratch;
  const Shape shape{8 * static_cast<std::uint32_t>(1 + bytes.number(5)), static_cast<std::uint32_t>(bytes.number(4)),
                    static_cast<std::uint32_t>(bytes.number(4))};
  const Rows rows(bytes, shape);
  const Written written = write_segment(kScratch.emptied(), shape, kSeed, {{&rows, {}}});
  const std::string truth = kScratch.content(written.bytes);
  check(digest_of(truth) == written.digest);
  std::string content = truth;
  for (std::int64_t left = bytes.number(5); left > 0; --left) change(bytes, content);
  kScratch.write(content);
  const std::uint64_t digest = bytes.rarely(6) ? written.digest : digest_of(content);
  const bool is_whole = content == truth;
  try {
    const auto segment =
        std::make_shared<const Segment>(SegmentFile{kScratch.path(), content.size(), digest}, shape, kSeed);
    check(is_whole || digest != written.digest);
    use(segment, shape, keys_of(rows, shape), is_whole);
  } catch (const std::invalid_argument&) {
    check(!is_whole);
  }
}

}  // namespace
}  // namespace mlrt::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mlrt::fuzz::Bytes bytes(data, size);
  mlrt::fuzz::run(bytes);
  return 0;
}
