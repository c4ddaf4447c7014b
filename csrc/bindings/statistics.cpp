#include <type_traits>

#include "bindings/bindings.hpp"
#include "kernels/histogram.hpp"
#include "kernels/moments.hpp"
#include "kernels/quantiles.hpp"

namespace mlrt::bindings {
namespace {

using GuardedMoments = Guarded<moments::Moments>;
using GuardedHistogram = Guarded<histogram::Histogram>;
using GuardedSample = Guarded<quantiles::Sample>;

py::object to_int(const std::string& little_endian) {
  return py::module_::import("builtins")
      .attr("int")
      .attr("from_bytes")(py::bytes(little_endian), "little", py::arg("signed") = true);
}

// A getter of one field, taken under the state's lock.
template <class State, class Value>
auto field(Value State::* member) {
  return [member](const Guarded<State>& guarded) {
    return guarded.with([member](const State& state) { return state.*member; });
  };
}

// update() for an operand that is a column's position or an expression.
template <class Operand, class State>
void bind_update(py::class_<Guarded<State>>& type) {
  type.def(
      "update",
      [](Guarded<State>& guarded, const Table& table, Operand column) {
        guarded.with([&](State& state) { update(state, Blocks(table, column)); });
      },
      py::arg("table"), py::arg("column"));
}

template <class Operand>
void bind_sample_update(py::class_<GuardedSample>& type) {
  type.def(
      "update",
      [](GuardedSample& guarded, const Table& table, Operand column, std::int64_t first_row) {
        guarded.with([&](quantiles::Sample& state) { update(state, Blocks(table, column), first_row); });
      },
      py::arg("table"), py::arg("column"), py::arg("first_row"));
}

void bind_moments(py::module_& module) {
  using moments::Moments;
  // + 0.0 turns -0.0 into 0.0: which of the two came first must not matter.
  const auto rounded = [](moments::Extreme Moments::* member) {
    return [member](const GuardedMoments& guarded) {
      return guarded.with(
          [member](const Moments& state) { return state.count == 0 ? decode::kMissing : (state.*member).value + 0.0; });
    };
  };
  const auto exact = [](const moments::Extreme& extreme) -> py::object {
    const py::float_ nearest(extreme.value + 0.0);
    return extreme.rest == 0 ? py::object(nearest) : py::int_(nearest) + py::int_(extreme.rest);
  };
  auto type =
      final_class<GuardedMoments>(module, "Moments", "Exact, order-free moments of a numeric column.")
          .def(py::init<>())
          .def("merge", &GuardedMoments::merge, py::arg("other"))
          .def_property_readonly("count", field(&Moments::count))
          .def_property_readonly("missing", field(&Moments::missing))
          .def_property_readonly("positive_infinite", field(&Moments::positive_infinite))
          .def_property_readonly("negative_infinite", field(&Moments::negative_infinite))
          .def_property_readonly("minimum", rounded(&Moments::minimum))
          .def_property_readonly("maximum", rounded(&Moments::maximum))
          .def("extremes",
               [exact](const GuardedMoments& guarded) -> py::tuple {
                 const auto [count, least, greatest] = guarded.with(
                     [](const Moments& state) { return std::tuple(state.count, state.minimum, state.maximum); });
                 if (count == 0) return py::make_tuple(decode::kMissing, decode::kMissing);
                 return py::make_tuple(exact(least), exact(greatest));
               })
          .def("sums", [](const GuardedMoments& guarded) {
            const auto [sum, squares] =
                guarded.with([](const Moments& state) { return std::pair(state.sum.bytes(), state.squares.bytes()); });
            return py::make_tuple(to_int(sum), to_int(squares));
          });
  bind_update<std::int64_t>(type);
  bind_update<const expression::Expression&>(type);
  bind_bytes(type, "Moments");
}

void bind_histogram(py::module_& module) {
  using histogram::Histogram;
  using histogram::Index;
  // One count behind the slots, by the index's name for it.
  const auto beside = [](std::size_t (Index::*slot)() const) {
    return [slot](const GuardedHistogram& guarded) {
      return guarded.with([slot](const Histogram& state) { return state.counts[(*state.index.*slot)()]; });
    };
  };
  auto type =
      final_class<GuardedHistogram>(module, "Histogram", "Counts of a numeric column over given edges.")
          .def(py::init([](const py::array& edges) { return std::make_unique<GuardedHistogram>(index_of(edges)); }),
               py::arg("edges"))
          .def("merge", &GuardedHistogram::merge, py::arg("other"))
          .def_property_readonly("counts",
                                 [](const GuardedHistogram& guarded) {
                                   return to_array(guarded.with([](const Histogram& state) {
                                     return std::vector(state.counts.begin(), state.counts.end() - 3);
                                   }));
                                 })
          .def_property_readonly("missing", beside(&Index::missing))
          .def_property_readonly("positive_infinite", beside(&Index::positive_infinite))
          .def_property_readonly("negative_infinite", beside(&Index::negative_infinite));
  bind_update<std::int64_t>(type);
  bind_update<const expression::Expression&>(type);
  bind_bytes(type, "Histogram");
}

void bind_quantiles(py::module_& module) {
  using quantiles::Sample;
  auto type = final_class<GuardedSample>(module, "QuantileSample", "Bottom-k sample of a numeric column.")
                  .def(py::init([](std::int64_t capacity, std::uint64_t seed) {
                         return std::make_unique<GuardedSample>(quantiles::checked_capacity(capacity), seed);
                       }),
                       py::arg("capacity") = 65536, py::arg("seed") = 0)
                  .def("merge", &GuardedSample::merge, py::arg("other"))
                  .def_property_readonly("count",
                                         [](const GuardedSample& guarded) {
                                           return guarded.with([](const Sample& state) { return state.count(); });
                                         })
                  .def("sorted_values", [](const GuardedSample& guarded) {
                    return to_array(guarded.with([](const Sample& state) { return state.sorted_values(); }));
                  });
  bind_sample_update<std::int64_t>(type);
  bind_sample_update<const expression::Expression&>(type);
  bind_bytes(type, "QuantileSample");
}

}  // namespace

std::shared_ptr<const histogram::Index> index_of(const py::array& edges) {
  const auto made = [&edges]<class T>(std::type_identity<T>) {
    return std::make_shared<const histogram::Index>(to_vector(Array<T>::ensure(edges), "edges"));
  };
  if (py::isinstance<py::array_t<double>>(edges)) return made(std::type_identity<double>());
  if (py::isinstance<py::array_t<std::int64_t>>(edges)) return made(std::type_identity<std::int64_t>());
  if (py::isinstance<py::array_t<std::uint64_t>>(edges)) return made(std::type_identity<std::uint64_t>());
  throw py::type_error(
      problem("edges", "float64, int64 or uint64", std::string(py::str(edges.dtype())), "convert them with astype"));
}

void bind_statistics(py::module_& module) {
  bind_moments(module);
  bind_histogram(module);
  bind_quantiles(module);
}

}  // namespace mlrt::bindings
