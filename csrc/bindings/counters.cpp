#include "bindings/bindings.hpp"
#include "kernels/key_counts.hpp"

namespace mlrt::bindings {
namespace {

using vocabulary::Counter;
using GuardedCounter = Guarded<Counter>;

py::tuple string_entries(const GuardedCounter& guarded) {
  const auto entries = guarded.with([](const Counter& state) { return vocabulary::sorted_texts(state.texts()); });
  return py::make_tuple(to_array(entries.bytes), to_array(entries.offsets), to_array(entries.counts));
}

py::tuple integer_entries(const GuardedCounter& guarded) {
  const auto entries = guarded.with([](const Counter& state) { return vocabulary::sorted_integers(state.integers()); });
  return py::make_tuple(to_array(entries.keys), to_array(entries.counts));
}

}  // namespace

void bind_counters(py::module_& module) {
  auto type = final_class<GuardedCounter>(module, "VocabularyCounter",
                                          "Exact counts of the distinct values of a string or integer column.");
  type.def(py::init<>())
      .def(
          "update",
          [](GuardedCounter& guarded, const Table& table, std::int64_t column) {
            guarded.with([&](Counter& state) { vocabulary::update(state, table, column); });
          },
          py::arg("table"), py::arg("column"))
      .def("merge", &GuardedCounter::merge, py::arg("other"))
      .def_property_readonly("missing",
                             [](const GuardedCounter& guarded) {
                               return guarded.with([](const Counter& state) { return state.missing(); });
                             })
      .def_property_readonly(
          "kind",
          [](const GuardedCounter& guarded) {
            return guarded.with([](const Counter& state) { return std::string(name_of(state.kind())); });
          })
      .def("string_entries", &string_entries)
      .def("integer_entries", &integer_entries);
  bind_bytes(type, "VocabularyCounter");
}

}  // namespace mlrt::bindings
