#include <algorithm>

#include "bindings/bindings.hpp"
#include "core/row_store.hpp"
#include "kernels/block_hash.hpp"
#include "kernels/pack_rows.hpp"

namespace mlrt::bindings {
namespace {

using SharedRows = std::shared_ptr<RowStore>;

std::size_t not_negative(std::int64_t value, const char* name) {
  if (value < 0) throw std::invalid_argument(problem(name, "0 or more", std::to_string(value), "count again"));
  return static_cast<std::size_t>(value);
}

SharedRows allocate_rows(std::int64_t rows, std::int64_t row_bytes) {
  return std::make_shared<RowStore>(RowStore::allocate(rows, not_negative(row_bytes, "row_bytes")));
}

SharedRows map_rows(const std::string& path, std::int64_t file_bytes, std::int64_t row_bytes, std::int64_t rows,
                    std::int64_t block_rows, const Array<std::int64_t>& offsets, const Array<std::uint64_t>& hashes) {
  RowFile file{.bytes = not_negative(file_bytes, "file_bytes"),
               .row_bytes = not_negative(row_bytes, "row_bytes"),
               .rows = rows,
               .block_rows = block_rows,
               .offsets = to_vector(offsets, "offsets"),
               .hashes = to_vector(hashes, "hashes")};
  const py::gil_scoped_release release;
  return std::make_shared<RowStore>(RowStore::map(path, file, block_hash::select(active_isa())));
}

// Views of the blocks, which keep the rows alive and may not be written.
std::vector<py::array> blocks_of(const py::object& self) {
  const RowStore& store = *self.cast<SharedRows>();
  const RowView view = store.view();
  std::vector<py::array> blocks;
  for (std::size_t block = 0; block < store.block_count(); ++block) {
    const std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(store.rows_of_block(block)),
                                         static_cast<py::ssize_t>(view.row_bytes)};
    blocks.emplace_back(py::dtype::of<std::uint8_t>(), shape, view.blocks[block], self);
    blocks.back().attr("setflags")(py::arg("write") = false);
  }
  return blocks;
}

pack_rows::Field field_of(const py::array& array, std::int64_t offset, py::ssize_t rows, std::size_t row_bytes) {
  if ((array.flags() & py::array::c_style) == 0 || array.ndim() < 1 || array.shape(0) != rows)
    throw std::invalid_argument(problem("write", "C-contiguous arrays of as many rows each",
                                        std::string(py::str(py::object(array.attr("shape")))),
                                        "pass numpy.ascontiguousarray(…) of the same rows"));
  std::size_t bytes = static_cast<std::size_t>(array.itemsize());
  for (py::ssize_t axis = 1; axis < array.ndim(); ++axis) bytes *= static_cast<std::size_t>(array.shape(axis));
  const std::size_t begin = not_negative(offset, "offset");
  if (bytes == 0 || begin > row_bytes || bytes > row_bytes - begin)
    throw std::invalid_argument(problem("write", "fields of 1 byte or more within " + std::to_string(row_bytes),
                                        std::to_string(bytes) + " bytes at " + std::to_string(offset),
                                        "take the offsets from the layout"));
  return {static_cast<const std::byte*>(array.data()), bytes, begin};
}

std::vector<pack_rows::Field> fields_of(const std::vector<std::int64_t>& offsets, const std::vector<py::array>& arrays,
                                        std::size_t row_bytes) {
  if (arrays.empty() || offsets.size() != arrays.size())
    throw std::invalid_argument(problem("write", "an offset for each array, and one array or more",
                                        std::to_string(offsets.size()) + " and " + std::to_string(arrays.size()),
                                        "pass all fields of the rows at once"));
  const py::ssize_t rows = arrays.front().ndim() > 0 ? arrays.front().shape(0) : 0;
  std::vector<pack_rows::Field> fields;
  for (std::size_t i = 0; i < arrays.size(); ++i) fields.push_back(field_of(arrays[i], offsets[i], rows, row_bytes));
  std::sort(fields.begin(), fields.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
  for (std::size_t i = 1; i < fields.size(); ++i)
    if (fields[i - 1].offset + fields[i - 1].bytes > fields[i].offset)
      throw std::invalid_argument(problem("write", "fields that do not overlap",
                                          "two at byte " + std::to_string(fields[i].offset),
                                          "take the offsets from the layout"));
  return fields;
}

void write_rows(RowStore& store, std::int64_t start, const std::vector<std::int64_t>& offsets,
                const std::vector<py::array>& arrays) {
  const RowView view = store.view();
  const std::vector<pack_rows::Field> fields = fields_of(offsets, arrays, view.row_bytes);
  const std::int64_t rows = arrays.front().shape(0);
  if (start < 0 || start > view.rows || rows > view.rows - start)
    throw std::invalid_argument(problem("write", "rows of [0, " + std::to_string(view.rows) + ")",
                                        std::to_string(rows) + " from " + std::to_string(start), "allocate more"));
  if (store.writable() == nullptr)
    throw std::invalid_argument(problem("write", "rows in memory", "a file's, which never change", "allocate rows"));
  std::byte* const to = store.writable() + static_cast<std::size_t>(start) * view.row_bytes;
  const py::gil_scoped_release release;
  pack_rows::run(fields, rows, view.row_bytes, to);
}

std::uint64_t hash_of(const py::buffer& data) {
  const py::buffer_info info = data.request();
  if (PyBuffer_IsContiguous(info.view(), 'C') == 0)
    throw std::invalid_argument(problem("hash_bytes", "contiguous bytes", "a strided buffer", "copy it first"));
  const auto bytes = static_cast<std::size_t>(info.size * info.itemsize);
  const py::gil_scoped_release release;
  return block_hash::select(active_isa())(static_cast<const std::byte*>(info.ptr), bytes);
}

}  // namespace

void bind_rows(py::module_& module) {
  final_class<RowStore, SharedRows>(module, "Rows", "Rows of one width, in memory or in a verified mapped file.")
      .def_static("allocate", &allocate_rows, py::arg("rows"), py::arg("row_bytes"))
      .def_static("map", &map_rows, py::arg("path"), py::arg("file_bytes"), py::arg("row_bytes"), py::arg("rows"),
                  py::arg("block_rows"), py::arg("offsets").noconvert(), py::arg("hashes").noconvert())
      .def_property_readonly("rows", [](const RowStore& store) { return store.view().rows; })
      .def_property_readonly("row_bytes", [](const RowStore& store) { return store.view().row_bytes; })
      .def_property_readonly("blocks", &blocks_of)
      .def("write", &write_rows, py::arg("start"), py::arg("offsets"), py::arg("arrays"));
  module.def("hash_bytes", &hash_of, py::arg("data"), "Return XXH3-64 of bytes, seed 0.");
}

}  // namespace mlrt::bindings
