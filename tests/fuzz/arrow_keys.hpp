// arrow_keys: the distinct keys of a counter as an Arrow stream of one column, well formed, as a vocabulary takes them.
#pragma once

#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "core/arrow_abi.hpp"
#include "kernels/key_counts.hpp"

namespace mlrt::fuzz {

// Owns what its stream hands out, so it must outlive the table.
class Keys {
 public:
  explicit Keys(const vocabulary::Counter& counter)
      : texts_(counter.text_entries()), integers_(counter.integer_entries()) {
    const bool is_text = counter.kind() == vocabulary::Kind::utf8;
    const std::size_t size = is_text ? texts_.counts.size() : integers_.counts.size();
    ids_.resize(size);
    std::iota(ids_.begin(), ids_.end(), std::int64_t{3});
    buffers_ = is_text ? std::vector<const void*>{nullptr, texts_.offsets.data(), texts_.bytes.data()}
                       : std::vector<const void*>{nullptr, integers_.keys.data()};
    field_.format = is_text ? "U" : "l";
    column_ = {.length = static_cast<std::int64_t>(size),
               .n_buffers = static_cast<std::int64_t>(buffers_.size()),
               .buffers = buffers_.data()};
    stream.get_schema = [](ArrowArrayStream* self, ArrowSchema* out) {
      *out = {.format = "+s", .n_children = 1, .children = &of(self).fields_, .release = [](ArrowSchema*) {}};
      return 0;
    };
    stream.get_next = [](ArrowArrayStream* self, ArrowArray* out) {
      Keys& keys = of(self);
      if (!std::exchange(keys.is_sent_, true))
        *out = {
            .length = keys.column_.length, .n_children = 1, .children = &keys.columns_, .release = [](ArrowArray*) {}};
      return 0;
    };
    stream.private_data = this;
  }
  Keys(const Keys&) = delete;  // the stream points into it
  Keys& operator=(const Keys&) = delete;

  // How often all keys occur together.
  std::int64_t total() const {
    const auto sum = [](const auto& counts) { return std::accumulate(counts.begin(), counts.end(), std::int64_t{0}); };
    return sum(texts_.counts) + sum(integers_.counts);
  }

  // One for each key, from 3 on.
  const std::vector<std::int64_t>& ids() const { return ids_; }

  ArrowArrayStream stream{};

 private:
  static Keys& of(ArrowArrayStream* stream) { return *static_cast<Keys*>(stream->private_data); }

  vocabulary::TextEntries texts_;
  vocabulary::IntegerEntries integers_;
  std::vector<std::int64_t> ids_;
  std::vector<const void*> buffers_;
  ArrowSchema field_{};
  ArrowArray column_{};
  ArrowSchema* fields_ = &field_;
  ArrowArray* columns_ = &column_;
  bool is_sent_ = false;
};

}  // namespace mlrt::fuzz
