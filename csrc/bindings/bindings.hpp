// bindings: what the files of this folder share.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/aligned.hpp"
#include "core/arrow.hpp"
#include "core/binary.hpp"
#include "core/errors.hpp"

namespace mlrt::dense {
class Output;
}
namespace mlrt::encoders {
class KeyIds;
}
namespace mlrt::histogram {
class Index;
}

namespace mlrt::bindings {

namespace py = pybind11;

void bind_arrow(py::module_& module);
void bind_counters(py::module_& module);
void bind_counts(py::module_& module);
void bind_encoders(py::module_& module);
void bind_expressions(py::module_& module);
void bind_feed(py::module_& module);
void bind_joins(py::module_& module);
void bind_online(py::module_& module);
void bind_rows(py::module_& module);
void bind_runtime(py::module_& module);
void bind_samples(py::module_& module);
void bind_sampling(py::module_& module);
void bind_statistics(py::module_& module);

// What a Vocabulary holds, null for None; TypeError for anything else.
std::shared_ptr<const encoders::KeyIds> keys_of(const py::object& vocabulary);

// Histogram edges of float64, int64 or uint64; TypeError for an array of anything else.
std::shared_ptr<const histogram::Index> index_of(const py::array& edges);

// Python's BagCounts: an output of a dense matrix beside expressions.
struct BagCounts {
  std::shared_ptr<const dense::Output> output;
};

template <class T>
using Array = py::array_t<T, py::array::c_style>;

// A class that cannot be subclassed, so it needs nothing of pybind11's own metaclass and `_native.pyi` can describe it.
template <class T, class... Holder>
py::class_<T, Holder...> final_class(py::module_& module, const char* name, const char* doc) {
  return py::class_<T, Holder...>(module, name, doc, py::is_final(),
                                  py::metaclass(reinterpret_cast<PyObject*>(&PyType_Type)));
}

// A kernel's state that Python threads may share: every use of it holds its lock, and never the GIL while it waits.
template <class State>
class Guarded {
 public:
  template <class... Arguments>
  explicit Guarded(Arguments&&... arguments) : state_(std::forward<Arguments>(arguments)...) {}

  // Calls use(state) without the GIL.
  template <class Use>
  auto with(Use use) const {
    const py::gil_scoped_release release;
    const std::lock_guard lock(mutex_);
    return use(state_);
  }

  template <class Use>
  auto with(Use use) {
    const py::gil_scoped_release release;
    const std::lock_guard lock(mutex_);
    return use(state_);
  }

  // A copy first, so that two states merged into each other at once cannot wait for each other.
  void merge(const Guarded& other) {
    const State copy = other.with([](const State& state) { return state; });
    with([&](State& state) { state.merge(copy); });
  }

 private:
  State state_;
  mutable std::mutex mutex_;
};

// Adds to_bytes() and from_bytes() of a state that has kTag, write() and read().
template <class State>
void bind_bytes(py::class_<Guarded<State>>& type, const char* name) {
  type.def("to_bytes", [](const Guarded<State>& guarded) {
    return py::bytes(guarded.with([](const State& state) {
      binary::Writer out(State::kTag);
      state.write(out);
      return std::move(out).finish();
    }));
  });
  type.def_static(
      "from_bytes",
      [name](const py::bytes& data) {
        const std::string_view bytes = data;
        const py::gil_scoped_release release;
        binary::Reader in(bytes, State::kTag, name);
        State state = State::read(in);
        in.finish();
        return std::make_unique<Guarded<State>>(std::move(state));
      },
      py::arg("data"));
}

// An uninitialised array of the given shape that owns aligned memory.
template <class T>
Array<T> new_array(std::vector<py::ssize_t> shape) {
  std::size_t count = 1;
  for (const py::ssize_t extent : shape) count *= static_cast<std::size_t>(extent);
  Memory memory = allocate(count * sizeof(T));
  T* const data = static_cast<T*>(memory.get());
  const py::capsule owner(memory.get(), Free::call);
  (void)memory.release();
  return Array<T>(std::move(shape), data, owner);
}

template <class T>
Array<T> to_array(const std::vector<T>& values) {
  Array<T> result = new_array<T>({static_cast<py::ssize_t>(values.size())});
  std::copy(values.begin(), values.end(), result.mutable_data());
  return result;
}

// Throws std::invalid_argument unless the array has one dimension.
template <class T>
std::vector<T> to_vector(const Array<T>& array, const char* name) {
  if (array.ndim() != 1)
    throw std::invalid_argument(problem(name, "one dimension", std::to_string(array.ndim()), "pass a flat array"));
  return std::vector<T>(array.data(), array.data() + array.size());
}

// `out` when it can hold [rows, columns], else a new array.
template <class T>
Array<T> output_array(const py::object& out, std::int64_t rows, std::size_t columns) {
  const auto width = static_cast<py::ssize_t>(columns);
  if (out.is_none()) return new_array<T>({rows, width});
  if (!py::isinstance<Array<T>>(out))
    throw py::type_error(problem("out", "a C-contiguous " + std::string(py::str(py::dtype::of<T>())) + " array",
                                 std::string(py::str(py::type::of(out))), "allocate it with numpy.empty"));
  Array<T> array = py::reinterpret_borrow<Array<T>>(out);
  if (array.ndim() != 2 || array.shape(0) != rows || array.shape(1) != width)
    throw std::invalid_argument(problem("out", "shape (" + std::to_string(rows) + ", " + std::to_string(width) + ")",
                                        std::string(py::str(py::object(array.attr("shape")))), "allocate it anew"));
  if (!array.writeable())
    throw std::invalid_argument(problem("out", "a writeable array", "a read-only one", "copy it"));
  return array;
}

}  // namespace mlrt::bindings
