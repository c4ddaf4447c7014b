#include "bindings/bindings.hpp"
#include "kernels/dense.hpp"

namespace mlrt::bindings {
namespace {

using expression::Expression;

Expression make_expression(const std::vector<std::int64_t>& columns, const std::string& operation,
                           const std::vector<std::pair<std::string, Array<double>>>& steps,
                           const py::object& vocabulary) {
  Expression result{expression::make_source(operation, columns, keys_of(vocabulary)), {}};
  for (const auto& [name, parameters] : steps)
    result.steps.push_back(expression::make_step(name, to_vector(parameters, name.c_str())));
  return result;
}

Array<double> evaluate(const Expression& expression, const Table& table) {
  Array<double> result = new_array<double>({static_cast<py::ssize_t>(table.rows())});
  double* const data = result.mutable_data();
  {
    const py::gil_scoped_release release;
    expression::evaluate(expression, table, data);
  }
  return result;
}

dense::Plan::Item dense_item(const py::handle& object) {
  if (py::isinstance<Expression>(object)) return object.cast<const Expression&>();
  if (py::isinstance<BagCounts>(object)) return object.cast<const BagCounts&>().output;
  throw py::type_error(problem("DensePlan", "an Expression or BagCounts", std::string(py::str(py::type::of(object))),
                               "wrap the column in one"));
}

dense::Plan dense_plan(const py::list& outputs) {
  std::vector<dense::Plan::Item> items;
  for (const py::handle& each : outputs) items.push_back(dense_item(each));
  return dense::Plan(items);
}

Array<float> run_dense(const dense::Plan& plan, const Table& table, const py::object& out) {
  Array<float> result = output_array<float>(out, table.rows(), plan.width());
  float* const data = result.mutable_data();
  {
    const py::gil_scoped_release release;
    dense::run(plan, table, data);
  }
  return result;
}

}  // namespace

void bind_expressions(py::module_& module) {
  final_class<Expression>(module, "Expression", "A source followed by steps: one float64 per row, NaN where missing.")
      .def(py::init(&make_expression), py::arg("columns"), py::arg("operation"), py::arg("steps").noconvert(),
           py::arg("vocabulary") = py::none())
      .def("evaluate", &evaluate, py::arg("table"));
  final_class<dense::Plan>(module, "DensePlan", "Expressions and bag counts into one row-major float32 matrix.")
      .def(py::init(&dense_plan), py::arg("outputs"))
      .def_property_readonly("width", &dense::Plan::width)
      .def("run", &run_dense, py::arg("table"), py::arg("out") = py::none());
}

}  // namespace mlrt::bindings
