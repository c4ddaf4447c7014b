#include "core/feed.hpp"

#include <optional>
#include <string_view>
#include <tuple>

#include "bindings/bindings.hpp"
#include "bindings/row_batches.hpp"
#include "core/batches.hpp"
#include "core/order.hpp"
#include "core/row_store.hpp"

namespace mlrt::bindings {
namespace {

using feed::Feed;
using feed::Lease;
using order::Batches;
using order::Order;
using order::Run;

// One field of a batch: where it is in a row, and where its array begins in a buffer.
struct Field {
  std::size_t offset;
  py::dtype dtype;
  std::size_t width;
  std::size_t place;

  std::size_t bytes() const { return static_cast<std::size_t>(dtype.itemsize()) * width; }
};
using FieldArguments = std::tuple<std::size_t, std::string, std::size_t, std::size_t>;
using Buffer = Array<std::uint8_t>;

// A feed of rows, and the Python objects that its buffers belong to, if they were given.
struct RowFeed {
  RowFeed(std::vector<Field> of_rows, const Batches& of_order, std::vector<Buffer> buffers, const feed::Sizes& sizes,
          const std::vector<std::byte*>& memory, const feed::Fill& fill)
      : fields(std::move(of_rows)),
        batches(of_order),
        given(std::make_shared<std::vector<Buffer>>(std::move(buffers))),
        feed(sizes, memory, fill) {}

  std::vector<Field> fields;
  Batches batches;
  std::shared_ptr<std::vector<Buffer>> given;
  Feed feed;
};

// What the arrays of a batch hold on to.
struct Hold {
  std::shared_ptr<std::vector<Buffer>> given;
  std::unique_ptr<Lease> lease;
};

void refuse(const std::string& expected, const std::string& got) {
  throw std::invalid_argument(problem("Feed", expected, got, "take it from the layout"));
}

std::vector<Field> fields_of(const std::vector<FieldArguments>& arguments, std::size_t row_bytes,
                             std::int64_t batch_rows, std::size_t buffer_bytes) {
  const auto rows = static_cast<std::size_t>(batch_rows);
  if (rows > buffer_bytes / sizeof(std::int64_t))
    refuse("buffers that hold the ordinals", std::to_string(buffer_bytes));
  std::vector<Field> fields;
  for (const auto& [offset, name, width, place] : arguments) {
    const Field field{offset, py::dtype(name), width, place};
    const auto item = static_cast<std::size_t>(field.dtype.itemsize());
    if (std::string_view("fiu").find(field.dtype.kind()) == std::string_view::npos) refuse("fields of numbers", name);
    if (width < 1 || width > row_bytes || offset > row_bytes || field.bytes() > row_bytes - offset)
      refuse("a field within " + std::to_string(row_bytes) + " bytes", name + " at " + std::to_string(offset));
    if (place % item != 0 || place > buffer_bytes || rows > (buffer_bytes - place) / field.bytes())
      refuse("an array within " + std::to_string(buffer_bytes) + " bytes", name + " at " + std::to_string(place));
    fields.push_back(field);
  }
  return fields;
}

std::vector<std::byte*> memory_of(std::vector<Buffer>& buffers, std::size_t bytes) {
  std::vector<std::byte*> memory;
  for (Buffer& buffer : buffers) {
    if (static_cast<std::size_t>(buffer.nbytes()) != bytes)
      refuse("buffers of " + std::to_string(bytes) + " bytes", std::to_string(buffer.nbytes()));
    std::uint8_t* const data = buffer.mutable_data();  // throws for a read-only one
    if (reinterpret_cast<std::uintptr_t>(data) % sizeof(std::int64_t) != 0)
      refuse("buffers aligned to 8 bytes", "one that is not");
    memory.push_back(reinterpret_cast<std::byte*>(data));
  }
  return memory;
}

py::array array_of(const Field& field, std::int64_t rows, std::byte* buffer, const py::capsule& owner) {
  const std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(rows), static_cast<py::ssize_t>(field.width)};
  return py::array(field.dtype, shape, buffer + field.place, owner);
}

// The next batch's ordinals and arrays, which hold its buffer together.
py::tuple take(RowFeed& self) {
  std::unique_ptr<Lease> lease;
  {
    const py::gil_scoped_release release;
    lease = self.feed.take();
  }
  if (lease == nullptr) throw std::runtime_error("this feed has no more batches, or was closed");
  std::byte* const buffer = lease->buffer();
  const std::int64_t rows = self.batches.run(lease->batch()).rows;
  auto hold = std::make_unique<Hold>(self.given, std::move(lease));
  const py::capsule owner(hold.get(), [](void* held) { delete static_cast<Hold*>(held); });
  (void)hold.release();
  py::list arrays;
  for (const Field& field : self.fields) arrays.append(array_of(field, rows, buffer, owner));
  const Array<std::int64_t> ordinals(static_cast<py::ssize_t>(rows), reinterpret_cast<std::int64_t*>(buffer), owner);
  return py::make_tuple(ordinals, arrays);
}

std::unique_ptr<RowFeed> make_feed(const std::shared_ptr<RowStore>& rows, const std::shared_ptr<Order>& order,
                                   const std::vector<FieldArguments>& fields, std::size_t buffer_bytes,
                                   std::int64_t start, std::int64_t stride, std::int64_t batch_rows, std::int64_t full,
                                   const std::optional<std::pair<std::int64_t, std::int64_t>>& tail, std::size_t ahead,
                                   std::size_t threads, std::vector<Buffer> buffers) {
  Batches batches{{start, batch_rows}, stride, full, std::nullopt};
  if (tail) batches.tail = Run{tail->first, tail->second};
  require(batches);
  if (ahead < 1 || threads < 1) refuse("1 batch ahead and 1 thread, or more", "0");
  if (order->bound() > rows->view().rows || (order->size() == 0 && batches.count() > 0))
    refuse("an order of " + std::to_string(rows->view().rows) + " rows", "of " + std::to_string(order->bound()));
  std::vector<Field> checked = fields_of(fields, rows->view().row_bytes, batch_rows, buffer_bytes);
  const std::vector<std::byte*> memory = memory_of(buffers, buffer_bytes);
  std::vector<BatchField> moved;
  for (const Field& field : checked) moved.push_back({field.offset, field.bytes(), field.place});
  const feed::Fill fill = row_batches(rows, order, batches, std::move(moved));
  return std::make_unique<RowFeed>(std::move(checked), batches, std::move(buffers),
                                   feed::Sizes{batches.count(), buffer_bytes, ahead, threads}, memory, fill);
}

}  // namespace

void bind_feed(py::module_& module) {
  final_class<RowFeed>(module, "Feed", "Threads that fill the next batches of an order of rows.")
      .def(py::init(&make_feed), py::arg("rows").none(false), py::arg("order").none(false), py::arg("fields"),
           py::arg("buffer_bytes"), py::kw_only(), py::arg("start"), py::arg("stride"), py::arg("batch_rows"),
           py::arg("full"), py::arg("tail"), py::arg("ahead"), py::arg("threads"), py::arg("buffers"))
      .def("take", &take)
      .def_property_readonly("is_here", [](const RowFeed& self) { return self.feed.is_here(); })
      .def("close", [](RowFeed& self) { self.feed.stop(); }, py::call_guard<py::gil_scoped_release>());
}

}  // namespace mlrt::bindings
