// threads: one process-wide pool that runs the tasks of one loop at a time.
//
// A loop started from inside a task, or while another thread's loop runs, runs in its caller alone. After a fork the
// child builds a pool of its own.
#pragma once

#include <cstddef>
#include <functional>

namespace mlrt {

// MLRT_THREADS, else the cores this process may use. Throws ConfigError for an unusable MLRT_THREADS.
std::size_t thread_count();

// Throws std::invalid_argument outside 1..1024.
void set_thread_count(std::size_t threads);

// How many workers a loop of `tasks` tasks gets: the number of partial states its caller needs.
std::size_t worker_count(std::size_t tasks);

// Calls body(worker, task) once for each task in [0, tasks), worker in [0, workers). Rethrows the first exception.
void parallel_for(std::size_t tasks, std::size_t workers,
                  const std::function<void(std::size_t worker, std::size_t task)>& body);

}  // namespace mlrt
