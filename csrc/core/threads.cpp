#include "core/threads.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "core/errors.hpp"

namespace mlrt {
namespace {

using Body = std::function<void(std::size_t, std::size_t)>;

constexpr std::size_t kMostThreads = 1024;
std::atomic<std::size_t> chosen_threads{0};
thread_local bool inside_loop = false;

// One loop: workers draw task numbers until none is left or one has failed.
class Loop {
 public:
  Loop(std::size_t tasks, const Body& body) : tasks_(tasks), body_(body) {}

  void run(std::size_t worker) {
    inside_loop = true;
    for (std::size_t task = next_++; task < tasks_; task = next_++) {
      try {
        body_(worker, task);
      } catch (...) {
        next_ = tasks_;
        const std::lock_guard lock(mutex_);
        if (!error_) error_ = std::current_exception();
      }
    }
    inside_loop = false;
  }

  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  const std::size_t tasks_;
  const Body& body_;
  std::atomic<std::size_t> next_{0};
  std::mutex mutex_;
  std::exception_ptr error_;
};

class Pool {
 public:
  // False when the pool is taken by another thread's loop.
  bool run(Loop& loop, std::size_t workers) {
    const std::unique_lock owner(owner_, std::try_to_lock);
    if (!owner) return false;
    workers = std::min(workers, grow(workers));
    {
      const std::lock_guard lock(mutex_);
      loop_ = &loop;
      workers_ = workers;
      busy_ = workers - 1;
      ++generation_;
    }
    wake_.notify_all();
    loop.run(0);
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return busy_ == 0; });
    return true;
  }

 private:
  // Starts the threads that are missing, as far as the system lets us; returns how many workers there are.
  std::size_t grow(std::size_t workers) {
    try {
      while (threads_.size() + 1 < workers)
        threads_.emplace_back([this, index = threads_.size() + 1] { serve(index); });
    } catch (const std::system_error&) {
      // A limit on threads or memory costs speed only.
    }
    return threads_.size() + 1;
  }

  void serve(std::size_t index) {
    std::uint64_t seen = 0;
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [&] { return generation_ != seen; });
      seen = generation_;
      if (index >= workers_) continue;
      Loop* const loop = loop_;
      lock.unlock();
      loop->run(index);
      lock.lock();
      if (--busy_ == 0) done_.notify_one();
    }
  }

  std::mutex owner_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  std::vector<std::thread> threads_;
  Loop* loop_ = nullptr;
  std::size_t workers_ = 0;
  std::size_t busy_ = 0;
  std::uint64_t generation_ = 0;
};

std::atomic<Pool*> current_pool{nullptr};

// Never destroyed: its threads may outlive every static object. A forked child, where those threads do not exist,
// forgets the parent's pool and makes its own.
Pool& pool() {
  [[maybe_unused]] static const int registered =
      pthread_atfork(nullptr, nullptr, [] { current_pool.store(nullptr, std::memory_order_release); });
  if (Pool* const found = current_pool.load(std::memory_order_acquire)) return *found;
  auto fresh = std::make_unique<Pool>();
  Pool* found = nullptr;
  if (current_pool.compare_exchange_strong(found, fresh.get())) return *fresh.release();
  return *found;
}

std::size_t default_threads() {
  if (const char* text = std::getenv("MLRT_THREADS")) {
    char* end = nullptr;
    const long value = std::strtol(text, &end, 10);
    if (end != text && *end == '\0' && value >= 1 && value <= static_cast<long>(kMostThreads))
      return static_cast<std::size_t>(value);
    throw ConfigError(problem("MLRT_THREADS", "a whole number from 1 to 1024", "'" + std::string(text) + "'",
                              "correct or unset the variable"));
  }
  cpu_set_t usable;
  if (sched_getaffinity(0, sizeof usable, &usable) == 0)
    return std::clamp<std::size_t>(static_cast<std::size_t>(CPU_COUNT(&usable)), 1, kMostThreads);
  return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kMostThreads);
}

}  // namespace

std::size_t thread_count() {
  const std::size_t chosen = chosen_threads.load(std::memory_order_relaxed);
  if (chosen != 0) return chosen;
  const std::size_t threads = default_threads();
  chosen_threads.store(threads, std::memory_order_relaxed);
  return threads;
}

void set_thread_count(std::size_t threads) {
  if (threads < 1 || threads > kMostThreads)
    throw std::invalid_argument(problem("set_thread_count", "1 to 1024", std::to_string(threads), "choose 1 or more"));
  chosen_threads.store(threads, std::memory_order_relaxed);
}

std::size_t worker_count(std::size_t tasks) {
  return inside_loop ? 1 : std::clamp<std::size_t>(tasks, 1, thread_count());
}

void parallel_for(std::size_t tasks, std::size_t workers, const Body& body) {
  if (workers <= 1 || tasks <= 1 || inside_loop) {
    for (std::size_t task = 0; task < tasks; ++task) body(0, task);
    return;
  }
  Loop loop(tasks, body);
  if (!pool().run(loop, workers)) loop.run(0);
  loop.rethrow();
}

}  // namespace mlrt
