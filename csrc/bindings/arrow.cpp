#include "bindings/bindings.hpp"
#include "kernels/clean_texts.hpp"

namespace mlrt::bindings {
namespace {

Table import_stream(const py::object& producer) {
  if (!py::hasattr(producer, "__arrow_c_stream__"))
    throw py::type_error(problem("ArrowTable", "an object with __arrow_c_stream__",
                                 std::string(py::str(py::type::of(producer))),
                                 "pass a pyarrow, polars, pandas or duckdb table"));
  const py::object result = producer.attr("__arrow_c_stream__")();
  if (PyCapsule_IsValid(result.ptr(), "arrow_array_stream") == 0)
    throw py::type_error(problem("ArrowTable", "a capsule named arrow_array_stream",
                                 std::string(py::str(py::type::of(result))), "mend the producer"));
  auto& stream = *static_cast<ArrowArrayStream*>(PyCapsule_GetPointer(result.ptr(), "arrow_array_stream"));
  if (stream.release == nullptr || stream.get_schema == nullptr || stream.get_next == nullptr)
    throw std::invalid_argument(
        problem("ArrowTable", "an Arrow stream", "one already consumed", "ask the producer for a new one"));
  // A stream may run its producer's threads, and those may need the GIL.
  const py::gil_scoped_release release;
  return Table::import(stream);
}

}  // namespace

void bind_arrow(py::module_& module) {
  final_class<Table>(module, "ArrowTable",
                     "A zero-copy view of an Arrow stream: it keeps the producer's buffers alive.")
      .def(py::init(&import_stream), py::arg("stream"))
      .def_property_readonly("num_rows", &Table::rows)
      .def_property_readonly("num_columns", [](const Table& table) { return table.fields().size(); })
      .def_property_readonly("names",
                             [](const Table& table) {
                               std::vector<py::str> names;
                               for (const Field& field : table.fields()) names.emplace_back(field.name);
                               py::list result;
                               for (const py::str& name : names) result.append(name);
                               return result;
                             })
      .def(
          "type_of",
          [](const Table& table, std::int64_t column) { return std::string(name_of(table.field(column).type)); },
          py::arg("column"));
  module.def(
      "texts_are_clean",
      [](const Table& table, std::int64_t column, std::vector<std::string> null_tokens, bool trim) {
        const Field& field = table.field(column);
        if (field.type != Type::utf8)
          throw std::invalid_argument(problem("texts_are_clean", "a column of texts",
                                              "`" + field.name + "` of type " + std::string(name_of(field.type)),
                                              "ask for a column of texts"));
        const clean_texts::Rule rule(std::move(null_tokens), trim);
        const py::gil_scoped_release release;
        return clean_texts::are_clean(table, column, rule);
      },
      py::arg("table"), py::arg("column"), py::arg("null_tokens"), py::kw_only(), py::arg("trim"));
}

}  // namespace mlrt::bindings
