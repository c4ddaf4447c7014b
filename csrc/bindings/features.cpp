#include "bindings/bindings.hpp"
#include "kernels/standardise.hpp"
#include "kernels/vocabulary.hpp"

namespace mlrt::bindings {
namespace {

using vocabulary::Vocabulary;

// Throws std::invalid_argument unless all sizes are equal.
void require_equal(const char* where, std::initializer_list<py::ssize_t> sizes) {
  for (const py::ssize_t size : sizes)
    if (size != *sizes.begin())
      throw std::invalid_argument(problem(where, "arrays of one length",
                                          std::to_string(*sizes.begin()) + " and " + std::to_string(size),
                                          "pass one element per output"));
}

standardise::Plan dense_plan(const Array<std::int32_t>& columns, const Array<std::uint8_t>& kind,
                             const Array<double>& fill, const Array<double>& center, const Array<double>& scale) {
  require_equal("DensePlan", {columns.size(), kind.size(), fill.size(), center.size(), scale.size()});
  standardise::Plan plan;
  for (py::ssize_t j = 0; j < columns.size(); ++j)
    plan.push_back({columns.data()[j], static_cast<standardise::Kind>(kind.data()[j]), fill.data()[j], center.data()[j],
                    scale.data()[j]});
  standardise::check(plan);
  return plan;
}

// A plan that keeps its Python vocabularies alive.
struct SparsePlan {
  vocabulary::Plan plan;
  py::list owners;
};

SparsePlan sparse_plan(const Array<std::int32_t>& columns, const py::list& vocabularies) {
  require_equal("SparsePlan", {columns.size(), static_cast<py::ssize_t>(vocabularies.size())});
  SparsePlan result{{to_vector(columns, "columns"), {}}, py::list(vocabularies)};
  for (const py::handle& each : vocabularies) result.plan.vocabularies.push_back(&each.cast<const Vocabulary&>());
  return result;
}

void bind_dense(py::module_& module) {
  final_class<standardise::Plan>(module, "DensePlan",
                                 "Impute and standardise columns into one row-major float32 matrix.")
      .def(py::init(&dense_plan), py::arg("columns").noconvert(), py::arg("kind").noconvert(),
           py::arg("fill").noconvert(), py::arg("center").noconvert(), py::arg("scale").noconvert())
      .def(
          "run",
          [](const standardise::Plan& plan, const Table& table, const py::object& out) {
            Array<float> result = output_array<float>(out, table.rows(), plan.size());
            float* const data = result.mutable_data();
            {
              const py::gil_scoped_release release;
              standardise::run(plan, table, data);
            }
            return result;
          },
          py::arg("table"), py::arg("out") = py::none());
}

void bind_sparse(py::module_& module) {
  final_class<Vocabulary>(module, "Vocabulary", "A frozen map from keys to ids.")
      .def(py::init([](const Table& keys, const Array<std::int64_t>& ids) {
             const std::vector<std::int64_t> values = to_vector(ids, "ids");
             const py::gil_scoped_release release;
             return std::make_unique<Vocabulary>(keys, values);
           }),
           py::arg("keys"), py::arg("ids").noconvert())
      .def("__len__", &Vocabulary::size);
  final_class<SparsePlan>(module, "SparsePlan", "Encode columns by their vocabularies into one row-major int64 matrix.")
      .def(py::init(&sparse_plan), py::arg("columns").noconvert(), py::arg("vocabularies"))
      .def(
          "run",
          [](const SparsePlan& sparse, const Table& table, const py::object& out) {
            Array<std::int64_t> result = output_array<std::int64_t>(out, table.rows(), sparse.plan.columns.size());
            std::int64_t* const data = result.mutable_data();
            {
              const py::gil_scoped_release release;
              vocabulary::run(sparse.plan, table, data);
            }
            return result;
          },
          py::arg("table"), py::arg("out") = py::none());
}

}  // namespace

void bind_features(py::module_& module) {
  bind_dense(module);
  bind_sparse(module);
}

}  // namespace mlrt::bindings
