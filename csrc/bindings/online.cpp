#include <algorithm>
#include <optional>

#include "bindings/bindings.hpp"
#include "core/online_builder.hpp"
#include "core/online_version.hpp"
#include "core/online_writer.hpp"
#include "core/watched_file.hpp"

namespace mlrt::bindings {
namespace {

using namespace online;

constexpr std::size_t kFewKeys = 64;  // read faster than the GIL is released and taken again

// What the rows of a store look like. Keys of whole numbers fit in a row, those of texts up to the length of a UUID.
struct Format {
  Format(const std::string& kinds, std::uint32_t numbers, std::uint32_t texts, std::uint64_t seed_) : seed(seed_) {
    for (const char kind : kinds) parts.push_back(kind == 'i' ? Part::integer : Part::text);
    const bool is_whole = std::count(kinds.begin(), kinds.end(), 'i') == std::ssize(kinds);
    if (kinds.find_first_not_of("it") != std::string::npos || kinds.empty() || kinds.size() > kMostColumns ||
        std::max(numbers, texts) > kMostColumns)
      throw std::invalid_argument(problem("OnlineFormat", "parts `i` or `t`, and at most 65,536 columns",
                                          kinds.substr(0, 40), "declare fewer features"));
    const std::size_t room = is_whole ? kinds.size() * sizeof(std::int64_t) : kTextRoom;
    shape = {static_cast<std::uint32_t>(room), numbers, texts};
  }

  static constexpr std::size_t kTextRoom = 40;

  std::vector<Part> parts;
  std::uint64_t seed;
  Shape shape{};
};

using SharedFormat = std::shared_ptr<const Format>;
using SharedSegment = std::shared_ptr<const Segment>;

[[noreturn]] void refuse_key(const char* expected, PyObject* got) {
  throw py::type_error(problem("key", expected, std::string(py::repr(got)).substr(0, 80), "pass what the view says"));
}

void append_part(Keys& keys, PyObject* part, std::size_t position) {
  if (keys.parts()[position] == Part::text) {
    if (!PyUnicode_Check(part)) refuse_key("a text", part);
    Py_ssize_t size = 0;
    const char* const data = PyUnicode_AsUTF8AndSize(part, &size);
    if (data == nullptr) throw py::error_already_set();
    keys.text({data, static_cast<std::size_t>(size)}, position + 1 == keys.parts().size());
    return;
  }
  if (PyIndex_Check(part) == 0) refuse_key("a whole number", part);
  const auto number = py::reinterpret_steal<py::object>(PyNumber_Index(part));
  if (!number) throw py::error_already_set();
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
  if (overflow != 0) refuse_key("a whole number of 64 bits", part);
  keys.integer(value);
}

void append_key(Keys& keys, PyObject* key) {
  const std::size_t parts = keys.parts().size();
  if (key == Py_None) return keys.end(true);
  if (!PyTuple_Check(key)) {
    if (parts != 1) refuse_key("a tuple with each of the keys", key);
    const bool is_missing = PyUnicode_Check(key) && PyUnicode_GET_LENGTH(key) == 0;
    append_part(keys, key, 0);
    return keys.end(is_missing);
  }
  if (static_cast<std::size_t>(PyTuple_GET_SIZE(key)) != parts) refuse_key("a tuple with each of the keys", key);
  bool is_missing = false;
  for (std::size_t i = 0; i < parts; ++i) {
    PyObject* const part = PyTuple_GET_ITEM(key, static_cast<Py_ssize_t>(i));
    is_missing = is_missing || part == Py_None || (PyUnicode_Check(part) && PyUnicode_GET_LENGTH(part) == 0);
    if (part != Py_None) append_part(keys, part, i);
  }
  keys.end(is_missing);
}

// keys: an ArrowTable of the parts, or a sequence of keys.
Keys encode(const Format& format, const py::object& keys) {
  Keys result(format.parts);
  if (py::isinstance<Table>(keys)) {
    for (const Batch& batch : keys.cast<const Table&>().batches()) result.append(batch, 0);
    return result;
  }
  if (PyUnicode_Check(keys.ptr()) || PyBytes_Check(keys.ptr())) refuse_key("a sequence of keys", keys.ptr());
  const auto items = py::reinterpret_steal<py::object>(PySequence_Fast(keys.ptr(), "expected a sequence of keys"));
  if (!items) throw py::error_already_set();
  const Py_ssize_t count = PySequence_Fast_GET_SIZE(items.ptr());
  result.reserve(static_cast<std::size_t>(count));
  for (Py_ssize_t i = 0; i < count; ++i) append_key(result, PySequence_Fast_GET_ITEM(items.ptr(), i));
  return result;
}

py::list encoded(const Format& format, const py::object& keys) {
  const Keys found = encode(format, keys);
  py::list result;
  for (std::size_t i = 0; i < found.size(); ++i)
    result.append(found.is_missing(i) ? py::object(py::none()) : py::bytes(found[i].data(), found[i].size()));
  return result;
}

py::tuple to_tuple(const Written& written) {
  return py::make_tuple(written.rows, written.bytes, written.digest);
}

// Segments and how to read them.
struct Live {
  Live(SharedFormat format_, std::vector<SharedSegment> segments)
      : format(std::move(format_)), version(format->shape, format->seed, std::move(segments)) {}

  SharedFormat format;
  Version version;
};

// The arrays of a read: event, numbers and found are one block of memory.
class Arrays {
 public:
  Arrays(const Shape& shape, std::size_t rows)
      : shape_(shape),
        rows_(rows),
        fixed_(allocate(rows * (8 + 8 * shape.numbers + 1))),
        text_offsets_(allocate(shape.texts * (rows + 1) * 8)),
        found_(rows) {}

  void fill(const Version& version, const Keys& keys, const Moments& moments) {
    version.read(keys, moments, reading());
    text_bytes_ = version.text_offsets(found_.data(), rows_, static_cast<std::int64_t*>(text_offsets_.get()));
    texts_ = allocate(static_cast<std::size_t>(text_bytes_));
    version.copy_texts(found_.data(), rows_, static_cast<char*>(texts_.get()));
  }

  // found, event, numbers, text offsets, text bytes.
  py::tuple finish() && {
    const Reading all = reading();
    const auto n = static_cast<py::ssize_t>(rows_);
    const py::capsule owner = owner_of(fixed_);
    const auto* const offsets = static_cast<std::int64_t*>(text_offsets_.get());
    const auto* const texts = static_cast<std::uint8_t*>(texts_.get());
    return py::make_tuple(
        Array<bool>(n, all.found, owner), Array<std::int64_t>(n, all.event, owner),
        Array<double>({n, static_cast<py::ssize_t>(shape_.numbers)}, all.numbers, owner),
        Array<std::int64_t>({static_cast<py::ssize_t>(shape_.texts), n + 1}, offsets, owner_of(text_offsets_)),
        Array<std::uint8_t>(text_bytes_, texts, owner_of(texts_)));
  }

 private:
  Reading reading() {
    auto* const event = static_cast<std::int64_t*>(fixed_.get());
    auto* const numbers = reinterpret_cast<double*>(event + rows_);
    return {event, reinterpret_cast<bool*>(numbers + rows_ * shape_.numbers), numbers, found_.data()};
  }

  static py::capsule owner_of(Memory& memory) {
    const py::capsule owner(memory.get(), Free::call);
    (void)memory.release();
    return owner;
  }

  Shape shape_;
  std::size_t rows_;
  Memory fixed_;
  Memory text_offsets_;
  std::vector<Found> found_;
  Memory texts_;
  std::int64_t text_bytes_ = 0;
};

py::tuple read(const Live& live, const Keys& keys, const Moments& moments) {
  Arrays arrays(live.format->shape, keys.size());
  {
    std::optional<py::gil_scoped_release> release;
    if (keys.size() > kFewKeys) release.emplace();
    arrays.fill(live.version, keys, moments);
  }
  return std::move(arrays).finish();
}

py::tuple read_at_once(const Live& live, const py::object& keys, std::int64_t oldest, std::int64_t newest) {
  return read(live, encode(*live.format, keys), {&oldest, &newest, 0});
}

py::tuple read_at_each(const Live& live, const py::object& keys, const Array<std::int64_t>& oldest,
                       const Array<std::int64_t>& newest) {
  const Keys wanted = encode(*live.format, keys);
  if (std::cmp_not_equal(oldest.size(), wanted.size()) || std::cmp_not_equal(newest.size(), wanted.size()))
    throw std::invalid_argument(problem("read", "a moment for each of " + std::to_string(wanted.size()) + " keys",
                                        std::to_string(newest.size()), "pass one moment, or as many as keys"));
  return read(live, wanted, {oldest.data(), newest.data(), 1});
}

void add(Guarded<Builder>& guarded, const Table& table, const Array<double>& numbers, const Array<std::int64_t>& event,
         const Array<std::int64_t>& known, const Live& base) {
  const std::int64_t rows = table.rows();
  const bool fits = numbers.ndim() == 2 && numbers.shape(0) == rows &&
                    std::cmp_equal(numbers.shape(1), base.format->shape.numbers) && event.size() == rows &&
                    known.size() == rows;
  if (!fits)
    throw std::invalid_argument(problem("OnlineBuilder.add", "numbers and times of " + std::to_string(rows) + " rows",
                                        "others", "pass each number of the view, and two times, for each row"));
  guarded.with([&](Builder& builder) { builder.add(table, numbers.data(), event.data(), known.data(), base.version); });
}

std::uint64_t count_rows(const Piece& piece) {
  return static_cast<std::uint64_t>(std::count(piece.dropped.begin(), piece.dropped.end(), true));
}

py::tuple merge(const Format& format, const std::vector<SharedSegment>& segments, int descriptor) {
  Written written{};
  {
    const py::gil_scoped_release release;
    std::vector<const Segment*> plain;
    for (const SharedSegment& segment : segments) plain.push_back(segment.get());
    written = write_segment(descriptor, format.shape, format.seed, newest_rows(plain, format.shape, format.seed));
  }
  return to_tuple(written);
}

void bind_segments(py::module_& module) {
  final_class<Format, std::shared_ptr<Format>>(module, "OnlineFormat", "What the rows of an online store look like.")
      .def(py::init<const std::string&, std::uint32_t, std::uint32_t, std::uint64_t>(), py::arg("parts"),
           py::arg("numbers"), py::arg("texts"), py::arg("seed"))
      .def("encode", &encoded, py::arg("keys"));
  final_class<Segment, std::shared_ptr<Segment>>(module, "OnlineSegment", "A verified, mapped file of rows.")
      .def(py::init([](const Format& format, const std::string& path, std::size_t bytes, std::uint64_t digest) {
             const py::gil_scoped_release release;
             return std::make_shared<Segment>(SegmentFile{path, bytes, digest}, format.shape, format.seed);
           }),
           py::arg("form"), py::arg("path"), py::arg("size"), py::arg("digest"))
      .def_property_readonly("rows", &Segment::rows)
      .def(
          "count",
          [](const Segment& segment, const Format& format, const py::object& keys) {
            return count_rows(rows_without(segment, encode(format, keys), format.seed));
          },
          py::arg("form"), py::arg("keys"))
      .def(
          "write_without",
          [](const Segment& segment, const Format& format, const py::object& keys, int descriptor) {
            const Piece kept = rows_without(segment, encode(format, keys), format.seed);
            return to_tuple(write_segment(descriptor, format.shape, format.seed, {kept}));
          },
          py::arg("form"), py::arg("keys"), py::arg("descriptor"));
  module.def("merge_online_segments", &merge, py::arg("form"), py::arg("segments"), py::arg("descriptor"));
}

}  // namespace

void bind_online(py::module_& module) {
  bind_segments(module);
  final_class<Live>(module, "OnlineVersion", "The rows of an online store at one moment.")
      .def(py::init<SharedFormat, std::vector<SharedSegment>>(), py::arg("form"), py::arg("segments"))
      .def("read", &read_at_once, py::arg("keys"), py::arg("oldest"), py::arg("newest"))
      .def("read", &read_at_each, py::arg("keys"), py::arg("oldest").noconvert(), py::arg("newest").noconvert());
  final_class<WatchedFile>(module, "WatchedFile", "Whether an open file still is the one under its name.")
      .def(py::init<int, const std::string&>(), py::arg("descriptor"), py::arg("path"))
      .def_property_readonly("is_current", &WatchedFile::is_current);
  const auto number = [](auto get) { return [get](const Guarded<Builder>& guarded) { return guarded.with(get); }; };
  final_class<Guarded<Builder>>(module, "OnlineBuilder", "Of rows that come in any order, the newest of each key.")
      .def(
          py::init([](const Format& format) { return std::make_unique<Guarded<Builder>>(format.shape, format.parts); }),
          py::arg("form"))
      .def("add", &add, py::arg("table"), py::arg("numbers").noconvert(), py::arg("event").noconvert(),
           py::arg("known").noconvert(), py::arg("base"))
      .def_property_readonly("rows", number([](const Builder& builder) { return builder.rows(); }))
      .def_property_readonly("incomplete", number([](const Builder& builder) { return builder.incomplete(); }))
      .def_property_readonly("bytes", number([](const Builder& builder) { return builder.bytes(); }))
      .def(
          "write",
          [](const Guarded<Builder>& guarded, const Format& format, int descriptor) {
            return to_tuple(guarded.with([&](const Builder& builder) {
              return write_segment(descriptor, format.shape, format.seed, {{&builder, {}}});
            }));
          },
          py::arg("form"), py::arg("descriptor"));
}

}  // namespace mlrt::bindings
