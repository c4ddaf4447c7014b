// feed: threads that fill the buffers of the next batches while whoever takes them uses the present one.
//
//   batches 0, 1, 2, … are claimed in order, filled by any thread, and taken in order, at most `ahead` of them before
//   they are taken. What a thread threw while it filled a batch is thrown to whoever takes that batch.
//
// A taken buffer is its holder's until the Lease goes, however late: also after the feed has gone. Then it is filled
// again; so a loop that drops its batches runs in the same few buffers. If too many are held, more are allocated, unless
// the buffers were given: then the feed waits for one of them.
//
// In a forked child there are no such threads and the locks may be held for ever: a feed made before the fork gives no
// batches there, and neither it nor its leases touch what the parent's threads were at: that memory is never freed.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "core/aligned.hpp"
#include "core/forks.hpp"

namespace mlrt::feed {

using Fill = std::function<void(std::int64_t batch, std::byte* buffer)>;  // called by several threads at once

struct Sizes {
  std::int64_t batches;
  std::size_t buffer_bytes;
  std::size_t ahead;    // 1 or more
  std::size_t threads;  // 1 or more; beyond `ahead` they would have nothing to do
};

// What the threads, the taker and the holders of leases share.
class Ring {
 public:
  // given: buffers to fill, alive as long as the ring; none: the ring allocates its own.
  Ring(const Sizes& sizes, const std::vector<std::byte*>& given)
      : sizes_(sizes), allocates_(given.empty()), free_(given), places_(sizes.ahead) {
    free_.reserve(std::max(given.size(), sizes.ahead + 1));  // giving back must not fail
  }

  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() {
    if (!allocates_) return;
    for (const Place& place : places_) Free::call(place.buffer);
    for (std::byte* const buffer : free_) Free::call(buffer);
  }

  // The life of one thread.
  void work(const Fill& fill) {
    std::unique_lock lock(mutex_);
    while (true) {
      may_claim_.wait(lock, [this] { return is_over() || has_room(); });
      if (is_over()) return;
      const std::int64_t batch = claimed_++;
      std::byte* buffer = nullptr;
      if (!free_.empty()) {
        buffer = free_.back();
        free_.pop_back();
      }
      lock.unlock();
      std::exception_ptr error = filled(fill, batch, buffer);
      lock.lock();
      place(batch) = {buffer, true, std::move(error)};
      may_take_.notify_all();
    }
  }

  // Waits for the next batch: its number and its buffer; nothing after the last one, or after stop().
  std::optional<std::pair<std::int64_t, std::byte*>> take() {
    std::unique_lock lock(mutex_);
    may_take_.wait(lock, [this] { return stopped_ || taken_ == sizes_.batches || place(taken_).is_filled; });
    if (stopped_ || taken_ == sizes_.batches) return std::nullopt;
    const std::int64_t batch = taken_;
    if (place(batch).error) std::rethrow_exception(place(batch).error);
    std::byte* const buffer = place(batch).buffer;
    place(batch) = {};
    ++taken_;
    may_claim_.notify_all();
    return std::pair(batch, buffer);
  }

  // More than the loop of a careful user needs are not kept.
  void give_back(std::byte* buffer) {
    {
      const std::lock_guard lock(mutex_);
      if (!allocates_ || free_.size() <= sizes_.ahead) {
        free_.push_back(buffer);
        buffer = nullptr;
      }
    }
    may_claim_.notify_one();
    Free::call(buffer);
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    may_claim_.notify_all();
    may_take_.notify_all();
  }

 private:
  struct Place {
    std::byte* buffer = nullptr;
    bool is_filled = false;  // or failed
    std::exception_ptr error;
  };

  Place& place(std::int64_t batch) { return places_[static_cast<std::size_t>(batch) % places_.size()]; }
  bool is_over() const { return stopped_ || claimed_ == sizes_.batches; }
  bool has_room() const {
    return static_cast<std::size_t>(claimed_ - taken_) < sizes_.ahead && (allocates_ || !free_.empty());
  }

  std::exception_ptr filled(const Fill& fill, std::int64_t batch, std::byte*& buffer) {
    try {
      if (buffer == nullptr) buffer = static_cast<std::byte*>(allocate(sizes_.buffer_bytes).release());
      fill(batch, buffer);
    } catch (...) {
      return std::current_exception();
    }
    return nullptr;
  }

  const Sizes sizes_;
  const bool allocates_;
  std::mutex mutex_;
  std::condition_variable may_claim_;
  std::condition_variable may_take_;
  std::vector<std::byte*> free_;
  std::vector<Place> places_;  // of batch b: b modulo their number
  std::int64_t claimed_ = 0;
  std::int64_t taken_ = 0;
  bool stopped_ = false;
};

// One taken buffer; giving it up lets the feed fill it again.
class Lease {
 public:
  Lease(std::shared_ptr<Ring> ring, std::int64_t batch, std::byte* buffer, std::uint64_t born)
      : ring_(std::move(ring)), batch_(batch), buffer_(buffer), born_(born) {}
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() {
    if (forks() == born_)
      ring_->give_back(buffer_);
    else
      (void)new std::shared_ptr<Ring>(std::move(ring_));  // never freed: see above
  }

  std::int64_t batch() const { return batch_; }
  std::byte* buffer() const { return buffer_; }

 private:
  std::shared_ptr<Ring> ring_;
  std::int64_t batch_;
  std::byte* buffer_;
  std::uint64_t born_;
};

class Feed {
 public:
  // fill: held by the threads alone, so that what it reads goes with them and not with the last lease.
  Feed(const Sizes& sizes, const std::vector<std::byte*>& given, const Fill& fill)
      : ring_(std::make_shared<Ring>(sizes, given)), born_(forks()) {
    const std::size_t threads = std::min(sizes.threads, sizes.ahead);
    threads_.reserve(threads);
    try {
      while (threads_.size() < threads) threads_.emplace_back([ring = ring_, fill] { ring->work(fill); });
    } catch (const std::system_error&) {
      if (threads_.empty()) throw;  // a limit on threads costs speed only, as long as there is one
    }
  }

  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;
  ~Feed() {
    stop();
    if (is_here()) return;
    (void)new std::shared_ptr<Ring>(std::move(ring_));  // never freed: see above
    (void)new std::vector<std::thread>(std::move(threads_));
  }

  // False in a forked child.
  bool is_here() const { return forks() == born_; }

  // Waits for the next batch; null when there is none, or after stop().
  std::unique_ptr<Lease> take() {
    if (!is_here()) throw std::runtime_error("the threads of this feed are in another process");
    const auto taken = ring_->take();
    return taken ? std::make_unique<Lease>(ring_, taken->first, taken->second, born_) : nullptr;
  }

  // Ends the threads, after the batches that they are at; safe to call again, and from several threads.
  void stop() {
    if (!is_here()) return;
    ring_->stop();
    const std::lock_guard lock(joining_);
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  std::shared_ptr<Ring> ring_;
  std::vector<std::thread> threads_;
  std::mutex joining_;
  std::uint64_t born_;
};

}  // namespace mlrt::feed
