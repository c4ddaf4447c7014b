#include "bindings/bindings.hpp"
#include "kernels/key_counts.hpp"

namespace mlrt::bindings {
namespace {

using vocabulary::Counter;
using GuardedCounter = Guarded<Counter>;

// An array over the vector's own memory.
template <class T>
Array<T> adopt(Items<T>&& values) {
  auto kept = std::make_unique<Items<T>>(std::move(values));
  T* const data = kept->data();
  const auto size = static_cast<py::ssize_t>(kept->size());
  const py::capsule owner(kept.get(), [](void* vector) { delete static_cast<Items<T>*>(vector); });
  (void)kept.release();
  return Array<T>(size, data, owner);
}

py::tuple string_entries(const GuardedCounter& guarded) {
  auto entries = guarded.with([](const Counter& state) { return state.text_entries(); });
  return py::make_tuple(adopt(std::move(entries.bytes)), adopt(std::move(entries.offsets)),
                        adopt(std::move(entries.counts)));
}

py::tuple integer_entries(const GuardedCounter& guarded) {
  auto entries = guarded.with([](const Counter& state) { return state.integer_entries(); });
  return py::make_tuple(adopt(std::move(entries.keys)), adopt(std::move(entries.counts)));
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
