// mapped_file: a regular file mapped for reading, held against eviction by a shared lock.
//
// The lock is advisory and ends with the object: who would delete the file asks for an exclusive one first. A deleted
// file stays mapped, whole. A file that somebody cuts short while it is mapped ends the process that reads past its new
// end (SIGBUS): no lock and no seal that Linux has for files on a disk prevents it.
#pragma once

#include <cstddef>
#include <string>

namespace mlrt {

class MappedFile {
 public:
  // Throws std::system_error, naming the path, for a file that cannot be opened (a symbolic link cannot), locked or
  // mapped, and std::invalid_argument for one that is no regular file or not `size` bytes long.
  MappedFile(const std::string& path, std::size_t size);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();

  const std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

  // Reads [begin, begin + bytes) ahead and enters its pages, so that no later read of it faults. A wish.
  void populate(std::size_t begin, std::size_t bytes) const;

  // Says that reads will come in no order, so that each brings back one small page of what the system dropped. A wish.
  void expect_random_reads() const;

 private:
  int descriptor_ = -1;
  std::size_t size_ = 0;
  const std::byte* data_ = nullptr;
};

}  // namespace mlrt
