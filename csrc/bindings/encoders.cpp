#include "bindings/bindings.hpp"
#include "kernels/hash.hpp"
#include "kernels/vocabulary.hpp"

namespace mlrt::bindings {
namespace {

using vocabulary::Vocabulary;

// What Python holds of an encoder: a type of its own for each kind.
struct VocabularyIds {
  std::shared_ptr<const encoders::Encoder> encoder;
};
struct HashIds {
  std::shared_ptr<const encoders::Encoder> encoder;
};

// One column, or those of a cross.
std::vector<std::int64_t> positions(const char* where, const py::list& list) {
  std::vector<std::int64_t> result;
  for (const py::handle& each : list) result.push_back(each.cast<std::int64_t>());
  if (result.empty()) throw std::invalid_argument(problem(where, "one column or more", "none", "name one"));
  return result;
}

HashIds hash_ids(const py::list& list, std::int64_t buckets, std::uint64_t seed) {
  std::vector<std::int64_t> columns = positions("HashIds", list);
  if (columns.size() > 1) return {std::make_shared<hash::CrossIds>(hash::Columns{std::move(columns)}, buckets, seed)};
  return {std::make_shared<encoders::ColumnIds>(columns[0], std::make_shared<hash::HashKeys>(buckets, seed))};
}

std::shared_ptr<const encoders::Encoder> encoder_of(const py::handle& object) {
  if (py::isinstance<VocabularyIds>(object)) return object.cast<const VocabularyIds&>().encoder;
  if (py::isinstance<HashIds>(object)) return object.cast<const HashIds&>().encoder;
  throw py::type_error(problem("SparsePlan", "VocabularyIds, HashIds or ExpressionIds",
                               std::string(py::str(py::type::of(object))), "wrap the vocabulary"));
}

struct SparsePlan {
  encoders::Plan encoders;
};

SparsePlan sparse_plan(const py::list& list) {
  SparsePlan plan;
  for (const py::handle& each : list) plan.encoders.push_back(encoder_of(each));
  return plan;
}

template <class Id>
py::object run_plan(const SparsePlan& plan, const Table& table, const py::object& out) {
  Array<Id> result = output_array<Id>(out, table.rows(), plan.encoders.size());
  Id* const data = result.mutable_data();
  {
    const py::gil_scoped_release release;
    encoders::run(plan.encoders, table, data);
  }
  return result;
}

py::object run_as(const SparsePlan& plan, const Table& table, const py::object& out, const std::string& dtype) {
  if (dtype == "int64") return run_plan<std::int64_t>(plan, table, out);
  if (dtype == "int32") return run_plan<std::int32_t>(plan, table, out);
  throw std::invalid_argument(problem("dtype", "\"int64\" or \"int32\"", "\"" + dtype + "\"", "choose one"));
}

Array<std::uint64_t> hash_values(const Table& table, const py::list& list, std::uint64_t seed) {
  std::vector<std::int64_t> columns = positions("hash_values", list);
  Array<std::uint64_t> result = new_array<std::uint64_t>({table.rows()});
  std::uint64_t* const data = result.mutable_data();
  {
    const py::gil_scoped_release release;
    hash::run(hash::Columns{std::move(columns)}, table, seed, data);
  }
  return result;
}

void bind_vocabulary(py::module_& module) {
  final_class<Vocabulary, std::shared_ptr<Vocabulary>>(module, "Vocabulary", "A frozen map from keys to ids.")
      .def(py::init([](const Table& keys, const Array<std::int64_t>& ids) {
             const std::vector<std::int64_t> values = to_vector(ids, "ids");
             const py::gil_scoped_release release;
             return std::make_shared<Vocabulary>(keys, values);
           }),
           py::arg("keys"), py::arg("ids").noconvert())
      .def("__len__", &Vocabulary::size);
  final_class<VocabularyIds>(module, "VocabularyIds", "The ids of a column's keys in a vocabulary.")
      .def(py::init([](std::int64_t column, std::shared_ptr<Vocabulary> keys) {
             return VocabularyIds{std::make_shared<encoders::ColumnIds>(column, std::move(keys))};
           }),
           py::arg("column"), py::arg("vocabulary"));
}

void bind_hash(py::module_& module) {
  final_class<HashIds>(module, "HashIds", "The ids of a column's keys, or of a cross of columns, by their hash.")
      .def(py::init(&hash_ids), py::arg("columns"), py::arg("buckets"), py::arg("seed"));
  module.def("hash_values", &hash_values, py::arg("table"), py::arg("columns"), py::arg("seed"),
             "Return the hash of each row's key, or of a cross of columns.");
}

}  // namespace

std::shared_ptr<const encoders::KeyIds> keys_of(const py::object& vocabulary) {
  return vocabulary.cast<std::shared_ptr<Vocabulary>>();
}

void bind_encoders(py::module_& module) {
  bind_vocabulary(module);
  bind_hash(module);
  final_class<SparsePlan>(module, "SparsePlan", "Encode columns as ids into one row-major matrix.")
      .def(py::init(&sparse_plan), py::arg("encoders"))
      .def("run", &run_as, py::arg("table"), py::arg("out") = py::none(), py::arg("dtype") = "int64");
}

}  // namespace mlrt::bindings
