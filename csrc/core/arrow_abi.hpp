// arrow_abi: the Arrow C data and C stream interfaces, as their specification lays them out.
//   https://arrow.apache.org/docs/format/CDataInterface.html
#pragma once

#include <cstdint>
#include <utility>

extern "C" {

struct ArrowSchema {
  const char* format;
  const char* name;
  const char* metadata;
  std::int64_t flags;
  std::int64_t n_children;
  ArrowSchema** children;
  ArrowSchema* dictionary;
  void (*release)(ArrowSchema*);
  void* private_data;
};

struct ArrowArray {
  std::int64_t length;
  std::int64_t null_count;
  std::int64_t offset;
  std::int64_t n_buffers;
  std::int64_t n_children;
  const void** buffers;
  ArrowArray** children;
  ArrowArray* dictionary;
  void (*release)(ArrowArray*);
  void* private_data;
};

struct ArrowArrayStream {
  int (*get_schema)(ArrowArrayStream*, ArrowSchema* out);
  int (*get_next)(ArrowArrayStream*, ArrowArray* out);
  const char* (*get_last_error)(ArrowArrayStream*);
  void (*release)(ArrowArrayStream*);
  void* private_data;
};

}  // extern "C"

namespace mlrt {

// Owns one of the three structures above and releases it as the specification asks.
template <class Abi>
class Released {
 public:
  Released() = default;
  Released(Released&& other) noexcept { std::swap(abi, other.abi); }
  Released& operator=(Released&& other) noexcept {
    std::swap(abi, other.abi);
    return *this;
  }
  ~Released() {
    if (abi.release != nullptr) abi.release(&abi);
  }

  Abi abi{};
};

}  // namespace mlrt
