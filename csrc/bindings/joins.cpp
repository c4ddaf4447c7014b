#include "bindings/bindings.hpp"
#include "kernels/asof.hpp"

namespace mlrt::bindings {
namespace {

using asof::Entities;
using asof::Winners;
using key_groups::Groups;
using GuardedWinners = Guarded<Winners>;

// The data of int64[rows] or None, else throws std::invalid_argument.
template <class T>
const T* data_of(const char* name, const std::optional<Array<T>>& array, py::ssize_t rows) {
  if (!array.has_value()) return nullptr;
  if (array->ndim() != 1 || array->size() != rows)
    throw std::invalid_argument(problem(name, "one value for each of " + std::to_string(rows) + " rows",
                                        std::to_string(array->size()), "pass arrays of one length"));
  return array->data();
}

Array<std::int32_t> ids(const std::shared_ptr<const Groups>& groups, const Table& table, std::int64_t column) {
  Array<std::int32_t> result = new_array<std::int32_t>({table.rows()});
  std::int32_t* const data = result.mutable_data();
  const py::gil_scoped_release release;
  key_groups::run(groups, table, column, data);
  return result;
}

std::shared_ptr<Entities> make_entities(const Array<std::int32_t>& ids, const Array<std::int64_t>& times,
                                        std::int64_t groups) {
  const std::int32_t* const id_data = data_of<std::int32_t>("ids", ids, ids.size());
  const std::int64_t* const time_data = data_of<std::int64_t>("times", times, ids.size());
  const auto rows = static_cast<std::int64_t>(ids.size());
  const py::gil_scoped_release release;
  return std::make_shared<Entities>(id_data, time_data, rows, groups);
}

void update(GuardedWinners& guarded, const Array<std::int32_t>& ids, const Array<std::int64_t>& event,
            const std::optional<Array<std::int64_t>>& known, std::int64_t first,
            const std::optional<Array<std::int64_t>>& numbers) {
  const py::ssize_t rows = ids.size();
  const asof::Past past{data_of<std::int32_t>("ids", ids, rows),
                        data_of<std::int64_t>("event", event, rows),
                        data_of<std::int64_t>("known", known, rows),
                        data_of<std::int64_t>("numbers", numbers, rows),
                        first,
                        static_cast<std::int64_t>(rows)};
  guarded.with([&](Winners& winners) { winners.update(past); });
}

py::tuple finish(const GuardedWinners& guarded, const std::optional<std::int64_t>& ttl) {
  if (ttl.value_or(0) < 0)
    throw std::invalid_argument(problem("ttl", "microseconds from 0 on", std::to_string(*ttl), "pass None for ever"));
  const std::int64_t rows = guarded.with([](const Winners& winners) { return winners.entity_rows(); });
  Array<std::int64_t> numbers = new_array<std::int64_t>({rows});
  Array<std::uint8_t> fates = new_array<std::uint8_t>({rows});
  std::int64_t* const number_data = numbers.mutable_data();
  auto* const fate_data = reinterpret_cast<asof::Fate*>(fates.mutable_data());
  const std::uint64_t limit = ttl.has_value() ? static_cast<std::uint64_t>(*ttl) : ~std::uint64_t{0};
  guarded.with([&](const Winners& winners) { winners.finish(limit, number_data, fate_data); });
  return py::make_tuple(numbers, fates);
}

}  // namespace

void bind_joins(py::module_& module) {
  final_class<Groups, std::shared_ptr<Groups>>(module, "KeyGroups", "Numbers for the distinct keys of a column.")
      .def(py::init([](const Table& table, std::int64_t column) {
             const py::gil_scoped_release release;
             return std::make_shared<Groups>(table, column);
           }),
           py::arg("table"), py::arg("column"))
      .def("__len__", &Groups::size)
      .def("ids", &ids, py::arg("table"), py::arg("column"));
  final_class<Entities, std::shared_ptr<Entities>>(module, "AsofEntities", "Rows that ask for the past of their key.")
      .def(py::init(&make_entities), py::arg("ids").noconvert(), py::arg("times").noconvert(), py::arg("groups"));
  final_class<GuardedWinners>(module, "AsofWinners", "For each entity row the last row of the past known then.")
      .def(py::init([](std::shared_ptr<Entities> entities) { return std::make_unique<GuardedWinners>(entities); }),
           py::arg("entities"))
      .def("update", &update, py::arg("ids").noconvert(), py::arg("event").noconvert(), py::arg("known").noconvert(),
           py::arg("first"), py::arg("numbers").noconvert() = py::none())
      .def("finish", &finish, py::arg("ttl"))
      .def_property_readonly("rows_missing_key",
                             [](const GuardedWinners& guarded) {
                               return guarded.with([](const Winners& winners) { return winners.rows_missing_key(); });
                             })
      .def_property_readonly("rows_missing_time", [](const GuardedWinners& guarded) {
        return guarded.with([](const Winners& winners) { return winners.rows_missing_time(); });
      });
}

}  // namespace mlrt::bindings
