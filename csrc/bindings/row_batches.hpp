// row_batches: how a feed's thread makes one batch of an order of rows; no Python is touched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "core/batches.hpp"
#include "core/feed.hpp"
#include "core/row_store.hpp"
#include "kernels/gather.hpp"

namespace mlrt::bindings {

// One field of a batch: its bytes in a row, and where its array begins in a buffer.
struct BatchField {
  std::size_t offset, bytes, place;
};

// Fills a buffer with a batch: the ordinals of its rows at the start, then each field's array at its place. The order
// gives rows of the store only, and the buffer holds the longest run.
inline feed::Fill row_batches(std::shared_ptr<const RowStore> store, std::shared_ptr<const order::Order> order,
                              const order::Batches& batches, std::vector<BatchField> fields) {
  return [=, store = std::move(store), order = std::move(order), fields = std::move(fields)](std::int64_t batch,
                                                                                             std::byte* buffer) {
    const order::Run run = batches.run(batch);
    auto* const rows = reinterpret_cast<std::int64_t*>(buffer);
    order::rows_of(*order, run, rows);
    std::vector<gather::Field> moved;
    for (const BatchField& field : fields) moved.push_back({field.offset, field.bytes, buffer + field.place});
    gather::select(active_isa())(store->view(), rows, run.rows, moved);
  };
}

}  // namespace mlrt::bindings
