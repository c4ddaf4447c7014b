#include "bindings/bindings.hpp"
#include "kernels/table_counts.hpp"

namespace mlrt::bindings {
namespace {

using numeric_counts::NumericCounts;
using table_counts::CategoryCounts;
using table_counts::TableCounts;
using GuardedCounts = Guarded<TableCounts>;
using GuardedHistogram = Guarded<histogram::Histogram>;
using GuardedMoments = Guarded<moments::Moments>;
using GuardedCategories = Guarded<CategoryCounts>;
using SharedCategories = std::shared_ptr<category_counts::Categories>;

std::unique_ptr<GuardedCounts> make(const std::vector<std::variant<SharedCategories, py::array>>& columns) {
  TableCounts counts;
  for (const auto& column : columns) {
    if (const auto* const categories = std::get_if<SharedCategories>(&column))
      counts.columns.emplace_back(CategoryCounts(*categories));
    else
      counts.columns.emplace_back(NumericCounts(index_of(std::get<py::array>(column))));
  }
  return std::make_unique<GuardedCounts>(std::move(counts));
}

Type float_type(const py::array& values) {
  const py::dtype dtype = values.dtype();
  const bool is_native = dtype.byteorder() == '=';
  if (is_native && dtype.char_() == 'e') return Type::float16;
  if (is_native && dtype.char_() == 'f') return Type::float32;
  if (is_native && dtype.char_() == 'd') return Type::float64;
  throw py::type_error(problem("update_matrix", "float16, float32 or float64 in native byte order",
                               std::string(py::str(dtype)), "convert it with astype"));
}

Matrix to_matrix(const py::array& values) {
  const Type type = float_type(values);
  if (values.ndim() != 2)
    throw std::invalid_argument(problem("update_matrix", "a matrix [rows, columns]",
                                        std::to_string(values.ndim()) + " dimensions", "reshape it"));
  return {static_cast<const char*>(values.data()),
          type,
          values.shape(0),
          values.shape(1),
          values.strides(0),
          values.strides(1)};
}

// use(counts of a column), under the lock.
template <class Counts, class Use>
auto of_column(const GuardedCounts& guarded, std::size_t column, Use use) {
  return guarded.with([&](const TableCounts& state) {
    const auto* const counts = column < state.columns.size() ? std::get_if<Counts>(&state.columns[column]) : nullptr;
    if (counts == nullptr)
      throw std::invalid_argument(problem("column " + std::to_string(column),
                                          "one of the kind asked for, of " + std::to_string(state.columns.size()),
                                          "another", "count them in the order they were given in"));
    return use(*counts);
  });
}

}  // namespace

void bind_counts(py::module_& module) {
  auto type = final_class<GuardedCounts>(module, "TableCounts", "Live counts of all monitored columns of a table.");
  type.def(py::init(&make), py::arg("columns"))
      .def("empty",
           [](const GuardedCounts& guarded) {
             return std::make_unique<GuardedCounts>(
                 guarded.with([](const TableCounts& state) { return state.empty(); }));
           })
      .def(
          "update",
          [](GuardedCounts& guarded, const Table& table, const Array<std::int64_t>& places, std::int64_t begin,
             std::optional<std::int64_t> end) {
            const table_counts::Places at = to_vector(places, "places");
            guarded.with([&](TableCounts& state) { update(state, table, at, begin, end.value_or(table.rows())); });
          },
          py::arg("table"), py::arg("places").noconvert(), py::arg("begin") = 0, py::arg("end") = py::none())
      .def(
          "update_matrix",
          [](GuardedCounts& guarded, const py::array& values, const Array<std::int64_t>& places) {
            const Matrix matrix = to_matrix(values);
            const table_counts::Places at = to_vector(places, "places");
            guarded.with([&](TableCounts& state) { update(state, matrix, at); });
          },
          py::arg("values").noconvert(), py::arg("places").noconvert())
      .def("merge", &GuardedCounts::merge, py::arg("other"))
      .def(
          "histogram",
          [](const GuardedCounts& guarded, std::size_t column) {
            return std::make_unique<GuardedHistogram>(of_column<NumericCounts>(
                guarded, column, [](const NumericCounts& counts) { return counts.histogram; }));
          },
          py::arg("column"))
      .def(
          "moments",
          [](const GuardedCounts& guarded, std::size_t column) {
            return std::make_unique<GuardedMoments>(
                of_column<NumericCounts>(guarded, column, [](const NumericCounts& counts) { return counts.moments; }));
          },
          py::arg("column"))
      .def(
          "categories",
          [](const GuardedCounts& guarded, std::size_t column) {
            return std::make_unique<GuardedCategories>(
                of_column<CategoryCounts>(guarded, column, [](const CategoryCounts& counts) { return counts; }));
          },
          py::arg("column"))
      .def(
          "state_bytes",
          [](const GuardedCounts& guarded, std::size_t column) {
            return of_column<NumericCounts>(guarded, column,
                                            [](const NumericCounts& counts) { return counts.state_bytes(); });
          },
          py::arg("column"));
  bind_bytes(type, "TableCounts");
}

}  // namespace mlrt::bindings
