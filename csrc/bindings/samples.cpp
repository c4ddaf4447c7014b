#include "bindings/bindings.hpp"
#include "kernels/sample_distances.hpp"

namespace mlrt::bindings {
namespace {

using sample_distances::Sample;
using sample_distances::Sorted;

template <class As>
py::object values_of(const Sorted<As>& sorted) {
  Array<typename As::Value> result = new_array<typename As::Value>({static_cast<py::ssize_t>(sorted.words.size())});
  std::transform(sorted.words.begin(), sorted.words.end(), result.mutable_data(), As::value);
  return result;
}

py::tuple distances(const Sample& sample, const Sample& other) {
  const auto [ks, wasserstein, cramer_von_mises, anderson_darling] = [&] {
    const py::gil_scoped_release release;
    return sample_distances::distances(sample, other);
  }();
  return py::make_tuple(ks, wasserstein, cramer_von_mises, anderson_darling);
}

}  // namespace

void bind_samples(py::module_& module) {
  final_class<Sample>(module, "SortedSample", "The finite values of a numeric column, sorted once.")
      .def(py::init([](const Table& table, std::int64_t column) {
             const py::gil_scoped_release release;
             return std::make_unique<Sample>(sample_distances::read(table, column));
           }),
           py::arg("table"), py::arg("column"))
      .def_property_readonly("count",
                             [](const Sample& sample) {
                               return std::visit([](const auto& sorted) { return sorted.words.size(); }, sample.values);
                             })
      .def_readonly("missing", &Sample::missing)
      .def_readonly("positive_infinite", &Sample::positive_infinite)
      .def_readonly("negative_infinite", &Sample::negative_infinite)
      .def("sorted_values",
           [](const Sample& sample) {
             return std::visit([](const auto& sorted) { return values_of(sorted); }, sample.values);
           })
      .def("distances", &distances, py::arg("other"));
}

}  // namespace mlrt::bindings
