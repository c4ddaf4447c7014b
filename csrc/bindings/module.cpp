#include "bindings/bindings.hpp"

PYBIND11_MODULE(_native, module) {
  module.doc() = "The native kernels of mlops_runtime; `_native.pyi` is their reference.";
  mlrt::bindings::bind_runtime(module);
  mlrt::bindings::bind_arrow(module);
  mlrt::bindings::bind_rows(module);
  mlrt::bindings::bind_statistics(module);
  mlrt::bindings::bind_counters(module);
  mlrt::bindings::bind_counts(module);
  mlrt::bindings::bind_encoders(module);
  mlrt::bindings::bind_expressions(module);
  mlrt::bindings::bind_joins(module);
  mlrt::bindings::bind_online(module);
  mlrt::bindings::bind_samples(module);
  mlrt::bindings::bind_sampling(module);
  mlrt::bindings::bind_feed(module);
}
