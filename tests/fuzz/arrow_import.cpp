// arrow_import: libFuzzer target. Import a hostile Arrow stream; when the import believes it, run the kernels on it.
//
// Nothing may crash, read outside a buffer, loop for long, differ between levels, or throw anything but
// std::invalid_argument.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "arrow_kernels.hpp"
#include "arrow_producer.hpp"
#include "core/arrow.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kChoices = 48;  // for the kernels; the rest is the stream's
  const std::size_t choices = std::min(size, kChoices);
  mlrt::fuzz::Bytes for_kernels(data, choices), for_stream(data + choices, size - choices);
  mlrt::fuzz::Producer producer(for_stream);
  mlrt::fuzz::attempt([&] { mlrt::fuzz::run_kernels(for_kernels, mlrt::Table::import(producer.stream)); });
  return 0;
}
