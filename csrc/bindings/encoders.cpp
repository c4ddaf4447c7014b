#include "bindings/bindings.hpp"
#include "kernels/bag.hpp"
#include "kernels/hash.hpp"
#include "kernels/sparse.hpp"
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
struct ExpressionIds {
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
  if (py::isinstance<ExpressionIds>(object)) return object.cast<const ExpressionIds&>().encoder;
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

tokens::Rule token_rule(const std::string& unit, std::int64_t shortest, std::int64_t longest, bool lower) {
  constexpr std::pair<std::string_view, tokens::Unit> kUnits[] = {
      {"list", tokens::Unit::list}, {"characters", tokens::Unit::characters}, {"words", tokens::Unit::words}};
  const auto* const known =
      std::find_if(std::begin(kUnits), std::end(kUnits), [&](const auto& each) { return each.first == unit; });
  if (known == std::end(kUnits))
    throw std::invalid_argument(problem("tokens", "`list`, `characters` or `words`", "`" + unit + "`", "choose one"));
  if (shortest < 1 || longest < shortest)
    throw std::invalid_argument(problem("tokens", "1 <= shortest <= longest",
                                        std::to_string(shortest) + " and " + std::to_string(longest), "swap them"));
  return {known->second, shortest, longest, lower};
}

bag::Bag make_bag(std::int64_t column, const std::string& unit, std::int64_t shortest, std::int64_t longest, bool lower,
                  const py::object& vocabulary, std::int64_t buckets, std::uint64_t seed) {
  std::shared_ptr<const encoders::KeyIds> keys = keys_of(vocabulary);
  if (keys == nullptr) keys = std::make_shared<hash::HashKeys>(buckets, seed);
  return {column, token_rule(unit, shortest, longest, lower), std::move(keys)};
}

py::tuple run_bag(const bag::Bag& bag, const Table& table) {
  const auto [ids, offsets] = [&] {
    const py::gil_scoped_release release;
    return bag::run(bag, table);
  }();
  return py::make_tuple(to_array(ids), to_array(offsets));
}

BagCounts bag_counts(const bag::Bag& bag, std::int64_t first_id, std::int64_t width, bool is_binary) {
  if (first_id < 0 || width < 1)
    throw std::invalid_argument(problem("BagCounts", "first_id >= 0 and width >= 1",
                                        std::to_string(first_id) + " and " + std::to_string(width), "count some ids"));
  return {std::make_shared<bag::Counts>(bag, first_id, static_cast<std::size_t>(width), is_binary)};
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

void bind_bag(py::module_& module) {
  final_class<bag::Bag>(module, "Bag", "The ids of all tokens of a row.")
      .def(py::init(&make_bag), py::arg("column"), py::arg("tokens"), py::arg("shortest"), py::arg("longest"),
           py::arg("lower"), py::arg("vocabulary"), py::arg("buckets"), py::arg("seed"))
      .def("run", &run_bag, py::arg("table"));
  final_class<BagCounts>(module, "BagCounts", "How often each of some ids occurs in a bag: columns of a DensePlan.")
      .def(py::init(&bag_counts), py::arg("bag"), py::arg("first_id"), py::arg("width"), py::arg("binary"));
}

void bind_expression_ids(py::module_& module) {
  final_class<ExpressionIds>(module, "ExpressionIds", "Whole-number values of an expression as ids.")
      .def(py::init([](const expression::Expression& expression, std::int64_t size) {
             return ExpressionIds{std::make_shared<encoders::ExpressionIds>(expression, size)};
           }),
           py::arg("expression"), py::arg("size"));
}

}  // namespace

std::shared_ptr<const encoders::KeyIds> keys_of(const py::object& vocabulary) {
  return vocabulary.cast<std::shared_ptr<Vocabulary>>();
}

void bind_encoders(py::module_& module) {
  bind_vocabulary(module);
  bind_hash(module);
  bind_expression_ids(module);
  bind_bag(module);
  final_class<SparsePlan>(module, "SparsePlan", "Encode columns as ids into one row-major matrix.")
      .def(py::init(&sparse_plan), py::arg("encoders"))
      .def("run", &run_as, py::arg("table"), py::arg("out") = py::none(), py::arg("dtype") = "int64");
}

}  // namespace mlrt::bindings
