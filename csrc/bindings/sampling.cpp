#include "bindings/bindings.hpp"
#include "core/row_store.hpp"
#include "kernels/gather.hpp"
#include "kernels/orders.hpp"
#include "kernels/permutation.hpp"

namespace mlrt::bindings {
namespace {

using order::Order;
using permutation::Word;
using stratified::StratifiedOrder;
using weighted::Draws;

template <class T>
using Shared = std::shared_ptr<T>;

// A kind of order: Python hands it to whatever takes an Order.
template <class T>
py::class_<T, Order, Shared<T>> order_class(py::module_& module, const char* name, const char* doc) {
  return final_class<T, Order, Shared<T>>(module, name, doc);
}

Array<std::int64_t> rows_of(const Order& order, std::int64_t start, std::int64_t count) {
  order::require(order, start, count);
  Array<std::int64_t> result = new_array<std::int64_t>({count});
  std::int64_t* const data = result.mutable_data();
  {
    const py::gil_scoped_release release;
    order.rows(start, count, data);
  }
  return result;
}

Shared<order::Subset> subset(const Array<std::int64_t>& rows, Shared<Order> inner) {
  return std::make_shared<order::Subset>(to_vector(rows, "rows"), std::move(inner));
}

// The values of an array that has one dimension.
template <class T>
const T* flat(const Array<T>& array, const char* name) {
  if (array.ndim() == 1) return array.data();
  throw std::invalid_argument(problem(name, "one dimension", std::to_string(array.ndim()), "pass a flat array"));
}

Shared<Draws> weighted_draws(const Array<double>& weights, std::int64_t size, Word key_low, Word key_high) {
  const double* const values = flat(weights, "weights");
  const std::int64_t rows = weights.size();
  const py::gil_scoped_release release;
  return std::make_shared<Draws>(std::make_shared<weighted::Table>(values, rows), size, key_low, key_high);
}

Shared<StratifiedOrder> stratified_order(const Array<std::int64_t>& strata, Word key_low, Word key_high) {
  const std::int64_t* const values = flat(strata, "strata");
  const std::int64_t rows = strata.size();
  const py::gil_scoped_release release;
  return std::make_shared<StratifiedOrder>(std::make_shared<stratified::Table>(values, rows), key_low, key_high);
}

gather::Field output_field(py::array& output, std::int64_t offset, py::ssize_t count, std::size_t row_bytes) {
  if ((output.flags() & py::array::c_style) == 0 || output.ndim() < 1 || output.shape(0) != count)
    throw std::invalid_argument(problem("outputs", "C-contiguous arrays of " + std::to_string(count) + " rows",
                                        std::string(py::str(py::object(output.attr("shape")))),
                                        "allocate them with numpy.empty"));
  std::size_t bytes = static_cast<std::size_t>(output.itemsize());
  for (py::ssize_t axis = 1; axis < output.ndim(); ++axis) bytes *= static_cast<std::size_t>(output.shape(axis));
  if (bytes == 0 || offset < 0 || std::cmp_greater(offset, row_bytes) ||
      bytes > row_bytes - static_cast<std::size_t>(offset))
    throw std::invalid_argument(problem("outputs", "fields of 1 byte or more within " + std::to_string(row_bytes),
                                        std::to_string(bytes) + " bytes at " + std::to_string(offset),
                                        "take the offsets from the layout"));
  return {static_cast<std::size_t>(offset), bytes, static_cast<std::byte*>(output.mutable_data())};
}

void gather_rows(const RowStore& store, const Array<std::int64_t>& ordinals, const std::vector<std::int64_t>& offsets,
                 std::vector<py::array> outputs) {
  const std::int64_t* const rows = flat(ordinals, "ordinals");
  const std::int64_t count = ordinals.size();
  if (offsets.size() != outputs.size())
    throw std::invalid_argument(problem("outputs", "an offset for each",
                                        std::to_string(offsets.size()) + " for " + std::to_string(outputs.size()),
                                        "take the offsets from the layout"));
  const RowView view = store.view();
  std::vector<gather::Field> fields;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    fields.push_back(output_field(outputs[i], offsets[i], count, view.row_bytes));
  const py::gil_scoped_release release;
  gather::run(view, rows, count, fields);
}

void bind_orders(py::module_& module) {
  py::class_<Order, Shared<Order>>(module, "Order", "Which row comes at which position of an epoch.",
                                   py::metaclass(reinterpret_cast<PyObject*>(&PyType_Type)))
      .def_property_readonly("size", &Order::size)
      .def_property_readonly("bound", &Order::bound)
      .def("rows", &rows_of, py::arg("start"), py::arg("count"));
  order_class<order::Sequential>(module, "Sequential", "The rows as they come.")
      .def(py::init<std::int64_t>(), py::arg("size"));
  order_class<order::Subset>(module, "Subset", "An order over some rows.")
      .def(py::init(&subset), py::arg("rows").noconvert(), py::arg("inner").none(false));
  order_class<permutation::Permutation>(module, "Permutation", "Every row once, in an order that a key chooses.")
      .def(py::init<std::int64_t, Word, Word>(), py::arg("size"), py::arg("key_low"), py::arg("key_high") = 0);
  order_class<Draws>(module, "WeightedDraws", "Rows drawn with replacement, in proportion to weights.")
      .def(py::init(&weighted_draws), py::arg("weights").noconvert(), py::arg("size"), py::arg("key_low"),
           py::arg("key_high") = 0)
      .def(
          "with_key",
          [](const Draws& draws, Word key_low, Word key_high) {
            return std::make_shared<Draws>(draws.table(), draws.size(), key_low, key_high);
          },
          py::arg("key_low"), py::arg("key_high") = 0);
  order_class<StratifiedOrder>(module, "StratifiedOrder", "Every row once, each stratum in its proportion all the way.")
      .def(py::init(&stratified_order), py::arg("strata").noconvert(), py::arg("key_low"), py::arg("key_high") = 0)
      .def(
          "with_key",
          [](const StratifiedOrder& order, Word key_low, Word key_high) {
            return std::make_shared<StratifiedOrder>(order.table(), key_low, key_high);
          },
          py::arg("key_low"), py::arg("key_high") = 0);
}

}  // namespace

void bind_sampling(py::module_& module) {
  bind_orders(module);
  module.def("gather", &gather_rows, py::arg("rows"), py::arg("ordinals").noconvert(), py::arg("offsets"),
             py::arg("outputs"), "Copy rows by their ordinals into one array for each field.");
}

}  // namespace mlrt::bindings
