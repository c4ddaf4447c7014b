#include "core/mapped_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "core/errors.hpp"

namespace mlrt {
namespace {

constexpr std::size_t kPage = 4096;

[[noreturn]] void fail(const std::string& path) {
  throw std::system_error(errno, std::generic_category(), path);
}

void lock_shared(int descriptor, const std::string& path) {
  while (flock(descriptor, LOCK_SH) != 0)
    if (errno != EINTR) fail(path);
}

void require_regular(int descriptor, const std::string& path, std::size_t size) {
  struct stat status{};
  if (fstat(descriptor, &status) != 0) fail(path);
  if (!S_ISREG(status.st_mode))
    throw std::invalid_argument(problem(path, "a regular file", "a directory or a device", "name the file itself"));
  if (static_cast<std::uint64_t>(status.st_size) != size)
    throw std::invalid_argument(problem(path, std::to_string(size) + " bytes", std::to_string(status.st_size),
                                        "it was cut short or changed; write it anew"));
}

}  // namespace

MappedFile::MappedFile(const std::string& path, std::size_t size) : size_(size) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  descriptor_ = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor_ < 0) fail(path);
  try {
    require_regular(descriptor_, path, size);
    lock_shared(descriptor_, path);
    if (size > 0) {
      void* const region = mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor_, 0);
      if (region == MAP_FAILED) fail(path);
#if defined(MADV_HUGEPAGE)
      // A wish: where the file system keeps large pages (ext4 does), reads at random are as fast as from memory.
      madvise(region, size, MADV_HUGEPAGE);
#endif
      data_ = static_cast<const std::byte*>(region);
    }
  } catch (...) {
    close(descriptor_);
    throw;
  }
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      size_(std::exchange(other.size_, 0)),
      data_(std::exchange(other.data_, nullptr)) {}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
  if (descriptor_ >= 0) close(descriptor_);
}

void MappedFile::populate(std::size_t begin, std::size_t bytes) const {
#if defined(MADV_POPULATE_READ)
  const std::size_t page = begin / kPage * kPage;
  madvise(const_cast<std::byte*>(data_) + page, begin + bytes - page, MADV_POPULATE_READ);
#else
  madvise(const_cast<std::byte*>(data_) + begin / kPage * kPage, bytes + begin % kPage, MADV_WILLNEED);
#endif
}

void MappedFile::expect_random_reads() const {
  if (data_ == nullptr) return;
  auto* const region = const_cast<std::byte*>(data_);
  madvise(region, size_, MADV_RANDOM);
#if defined(MADV_NOHUGEPAGE)
  madvise(region, size_, MADV_NOHUGEPAGE);  // pages that are there stay as they are; what was dropped comes back small
#endif
}

}  // namespace mlrt
