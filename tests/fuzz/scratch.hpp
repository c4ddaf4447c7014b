// scratch: a file for the inputs of one libFuzzer run.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "bytes.hpp"

namespace mlrt::fuzz {

// One file for the whole run, emptied for each input.
class Scratch {
 public:
  Scratch() : path_((std::filesystem::temp_directory_path() / "mlrt-fuzz-XXXXXX").string()) {
    descriptor_ = mkstemp(path_.data());
    check(descriptor_ >= 0);
  }
  ~Scratch() {
    unlink(path_.c_str());
    close(descriptor_);
  }

  const std::string& path() const { return path_; }

  int emptied() const {
    check(ftruncate(descriptor_, 0) == 0 && lseek(descriptor_, 0, SEEK_SET) == 0);
    return descriptor_;
  }

  std::string content(std::size_t size) const {
    std::string content(size, '\0');
    check(pread(descriptor_, content.data(), size, 0) == static_cast<ssize_t>(size));
    return content;
  }

  // Content: a contiguous container of bytes.
  template <class Content>
  void write(const Content& content) const {
    check(::write(emptied(), content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  }

 private:
  std::string path_;
  int descriptor_;
};

}  // namespace mlrt::fuzz
