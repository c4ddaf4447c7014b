#include "bindings/bindings.hpp"
#include "kernels/category_counts.hpp"
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

using category_counts::Categories;
using category_counts::Counts;
using GuardedCategories = Guarded<Counts>;

// [(hash, count, text), ...] of the kept unseen keys, ascending by hash.
py::list unseen_sample(const GuardedCategories& guarded) {
  const auto kept = guarded.with([](const Counts& state) { return state.sample().entries(); });
  py::list sample;
  for (const auto& entry : kept) sample.append(py::make_tuple(entry.hash, entry.count, py::bytes(entry.text)));
  return sample;
}

void bind_category_counts(py::module_& module) {
  final_class<Categories, std::shared_ptr<Categories>>(module, "Categories", "The categories of a reference, in order.")
      .def(py::init([](const Table& keys) {
             const py::gil_scoped_release release;
             return std::make_shared<Categories>(keys);
           }),
           py::arg("keys"))
      .def("__len__", &Categories::size);
  const auto number = [](std::int64_t (Counts::*get)() const) {
    return [get](const GuardedCategories& guarded) {
      return guarded.with([get](const Counts& state) { return (state.*get)(); });
    };
  };
  auto type =
      final_class<GuardedCategories>(module, "CategoryCounts", "Counts of a column of keys over given categories.")
          .def(py::init([](const std::shared_ptr<Categories>& categories) {
                 return std::make_unique<GuardedCategories>(categories);
               }),
               py::arg("categories").none(false))
          .def(
              "update",
              [](GuardedCategories& guarded, const Table& table, std::int64_t column) {
                guarded.with([&](Counts& state) { category_counts::update(state, table, column); });
              },
              py::arg("table"), py::arg("column"))
          .def("merge", &GuardedCategories::merge, py::arg("other"))
          .def_property_readonly("counts",
                                 [](const GuardedCategories& guarded) {
                                   return to_array(guarded.with([](const Counts& state) {
                                     return std::vector(state.counts(), state.counts() + state.categories()->size());
                                   }));
                                 })
          .def_property_readonly("missing", number(&Counts::missing))
          .def_property_readonly("unseen", number(&Counts::unseen))
          .def("unseen_sample", &unseen_sample);
  bind_bytes(type, "CategoryCounts");
}

void bind_key_counts(py::module_& module) {
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

}  // namespace

void bind_counters(py::module_& module) {
  bind_key_counts(module);
  bind_category_counts(module);
}

}  // namespace mlrt::bindings
