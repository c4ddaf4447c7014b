// Random lives of a feed, for the sanitizers: argv[1] lives; with "fork" as argv[2] each is forked in its midst, too.
// Exits with 1, saying what, when a batch is out of order, is changed while it is held, or an error goes astray.
#include "core/feed.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <random>
#include <string>

namespace {

using mlrt::feed::Feed;
using mlrt::feed::Lease;
using mlrt::feed::Sizes;
using Random = std::mt19937_64;

constexpr std::size_t kWords = 64;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::_Exit(1);
}

bool holds_its_batch(const Lease& lease) {
  const auto* words = reinterpret_cast<const std::int64_t*>(lease.buffer());
  for (std::size_t i = 0; i < kWords; ++i)
    if (words[i] != lease.batch()) return false;
  return true;
}

// Leases that are dropped by a thread of their own, late and in another order than they came.
class Holder {
 public:
  Holder() : thread_([this] { drop_all(); }) {}
  ~Holder() {
    is_done_ = true;
    thread_.join();
  }

  void hold(std::unique_ptr<Lease> lease) {
    const std::lock_guard lock(mutex_);
    held_.push_back(std::move(lease));
  }

 private:
  void drop_all() {
    while (true) {
      const bool was_done = is_done_;
      std::unique_ptr<Lease> lease;
      {
        const std::lock_guard lock(mutex_);
        if (!held_.empty()) {
          auto& end = held_.size() % 2 == 0 ? held_.front() : held_.back();
          std::swap(end, held_.back());
          lease = std::move(held_.back());
          held_.pop_back();
        }
      }
      if (lease)
        require(holds_its_batch(*lease), "a batch changed while it was held");
      else if (was_done)
        return;
      else
        std::this_thread::yield();
    }
  }

  std::mutex mutex_;
  std::deque<std::unique_ptr<Lease>> held_;
  std::atomic<bool> is_done_{false};
  std::thread thread_;
};

void fork_in_the_midst(std::unique_ptr<Feed>& feed, std::unique_ptr<Lease>& lease) {
  const pid_t child = fork();
  if (child == 0) {
    bool threw = false;
    try {
      (void)feed->take();
    } catch (const std::runtime_error&) {
      threw = true;
    }
    require(threw && !feed->is_here(), "a feed of another process gave a batch");
    require(!lease || holds_its_batch(*lease), "a batch changed in the child");
    lease.reset();
    feed.reset();
    std::_Exit(0);
  }
  int status = 1;
  require(waitpid(child, &status, 0) == child && status == 0, "the child failed");
}

void live(Random& random, bool forks) {
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const Sizes sizes{static_cast<std::int64_t>(below(40)), kWords * sizeof(std::int64_t), 1 + below(4), 1 + below(3)};
  const std::int64_t failing = below(4) == 0 ? static_cast<std::int64_t>(below(40)) : -1;
  const std::size_t stop_at = below(4) == 0 ? below(40) : 40;
  std::vector<std::vector<std::byte>> own(below(2) == 0 ? 0 : sizes.ahead + 1 + below(3),
                                          std::vector<std::byte>(sizes.buffer_bytes));
  std::vector<std::byte*> given;
  for (auto& buffer : own) given.push_back(buffer.data());
  Holder holder;
  auto feed = std::make_unique<Feed>(sizes, given, [&](std::int64_t batch, std::byte* buffer) {
    if (batch == failing) throw std::invalid_argument("planned");
    for (std::size_t i = 0; i < kWords; ++i) std::memcpy(buffer + i * sizeof batch, &batch, sizeof batch);
  });
  std::int64_t expected = 0;
  try {
    while (auto lease = feed->take()) {
      require(lease->batch() == expected && holds_its_batch(*lease), "another batch than the next");
      if (forks && expected == 3) fork_in_the_midst(feed, lease);
      ++expected;
      if (lease && below(2) == 0) holder.hold(std::move(lease));
      if (static_cast<std::size_t>(expected) == stop_at) feed->stop();
    }
    const bool is_whole = expected == sizes.batches || static_cast<std::size_t>(expected) == stop_at;
    require(is_whole && (failing < 0 || failing >= expected), "the feed ended too early, or in spite of an error");
  } catch (const std::invalid_argument&) {
    require(expected == failing, "an error came with another batch than its own");
  }
  if (below(2) == 0) feed.reset();  // the holder's leases outlive it
}

}  // namespace

int main(int count, char** arguments) {
  const int lives = std::atoi(arguments[1]);
  const bool forks = count > 2 && std::string(arguments[2]) == "fork";
  for (int life = 0; life < lives; ++life) {
    Random random(static_cast<std::uint64_t>(life));
    live(random, forks);
  }
  std::printf("%d lives\n", lives);
  return 0;
}
