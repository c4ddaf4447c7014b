#include "core/watched_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace mlrt {

WatchedFile::WatchedFile(int descriptor, const std::string& path) : descriptor_(fcntl(descriptor, F_DUPFD_CLOEXEC, 0)) {
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), path);
  struct stat held{}, named{};
  // In this order: a file that is replaced between the two is not the one under its name, or changes afterwards.
  if (fstat(descriptor_, &held) != 0 || stat(path.c_str(), &named) != 0) return;
  was_current_ = held.st_ino == named.st_ino && held.st_dev == named.st_dev;
  links_ = held.st_nlink;
  changed_s_ = held.st_ctim.tv_sec;
  changed_ns_ = held.st_ctim.tv_nsec;
}

WatchedFile::~WatchedFile() {
  close(descriptor_);
}

bool WatchedFile::is_current() const {
  struct stat now{};
  return was_current_ && fstat(descriptor_, &now) == 0 && now.st_nlink == links_ && now.st_ctim.tv_sec == changed_s_ &&
         now.st_ctim.tv_nsec == changed_ns_;
}

}  // namespace mlrt
