#include <system_error>

#include "bindings/bindings.hpp"
#include "core/isa.hpp"
#include "core/threads.hpp"

namespace mlrt::bindings {
namespace {

void translate(std::exception_ptr thrown) {
  try {
    if (thrown) std::rethrow_exception(thrown);
  } catch (const ConfigError& error) {
    // Imported here, not at load time: the module itself depends on nothing.
    const py::object type = py::module_::import("mlops_runtime.core.errors").attr("ConfigError");
    py::set_error(type, error.what());
  } catch (const std::system_error& error) {
    PyErr_SetObject(PyExc_OSError, py::make_tuple(error.code().value(), std::string(error.what())).ptr());
  }
}

}  // namespace

void bind_runtime(py::module_& module) {
  py::register_local_exception_translator(translate);
  module.def("active_isa", [] { return std::string(name_of(active_isa())); }, "Return the SIMD level in use.");
  module.def(
      "detected_isa", [] { return std::string(name_of(detected_isa())); },
      "Return the best SIMD level this processor supports.");
  module.def(
      "set_isa", [](const std::string& level) { set_isa(level); }, py::arg("level"),
      "Change the SIMD level for this process. ValueError when it is unknown or not available here.");
  module.def("thread_count", &thread_count, "Return how many threads the kernels use.");
  module.def(
      "set_thread_count",
      [](std::int64_t threads) { set_thread_count(threads < 0 ? 0 : static_cast<std::size_t>(threads)); },
      py::arg("threads"), "Change how many threads the kernels use. ValueError outside 1..1024.");
}

}  // namespace mlrt::bindings
