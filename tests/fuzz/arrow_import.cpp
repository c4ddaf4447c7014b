// arrow_import: libFuzzer target. Import a hostile Arrow stream; when the import believes it, run the kernels on it.
//
// Nothing may crash, read outside a buffer, loop for long, or throw anything but std::invalid_argument.
#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "arrow_producer.hpp"
#include "core/arrow.hpp"
#include "kernels/histogram.hpp"
#include "kernels/moments.hpp"
#include "kernels/quantiles.hpp"
#include "kernels/vocabulary.hpp"

namespace mlrt::fuzz {
namespace {

// A column that a kernel does not take is refused, never misread.
template <class Use>
void attempt(Use use) {
  try {
    use();
  } catch (const std::invalid_argument&) {
  }
}

void run_kernels(const Table& table) {
  for (std::int64_t c = 0; c < static_cast<std::int64_t>(table.fields().size()); ++c) {
    attempt([&] {
      moments::Moments state;
      moments::update(state, table, c);
    });
    attempt([&] {
      quantiles::Sample state(quantiles::checked_capacity(16), 1);
      quantiles::update(state, table, c, 0);
    });
    attempt([&] {
      vocabulary::Counter counter;
      vocabulary::update(counter, table, c);
    });
  }
}

}  // namespace
}  // namespace mlrt::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mlrt::fuzz::Bytes bytes(data, size);
  mlrt::fuzz::Producer producer(bytes);
  mlrt::fuzz::attempt([&] { mlrt::fuzz::run_kernels(mlrt::Table::import(producer.stream)); });
  return 0;
}
