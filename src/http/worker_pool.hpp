#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace davenport::http {

// The threads on which everything that may block runs: guards, handlers, body sources, spooling.
// All calls from any thread; `stop` from none of the pool's own.
//
// Waking a thread costs more than a small request. So new requests go to the workers that are
// awake, one as a rule, and a watch wakes another only when a job has waited for about a
// millisecond, because those awake are blocked or busy. Later steps of a request, which are the
// long ones, wake a worker at once.
class WorkerPool {
  public:
    using Job = std::function<void()>;  // must not throw

    WorkerPool(unsigned threads, std::size_t max_queued_requests);
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;
    ~WorkerPool();

    // A new request: false when too many wait already.
    [[nodiscard]] bool try_submit(Job job);
    // The next step of a request that was let in. Never refused, since there is at most one a
    // connection; after `stop` the job is destroyed by the caller instead of being run.
    void submit(Job job);
    // Waits for the jobs that run, destroys those that wait.
    void stop();

  private:
    void run();
    void watch();
    void wake_one();  // under the lock; somebody must be asleep

    const std::size_t max_queued_requests_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable watch_;
    std::deque<Job> queue_;
    std::uint64_t pushed_ = 0;
    std::uint64_t popped_ = 0;
    std::size_t sleeping_ = 0;  // without those that were told to wake
    std::size_t wakes_ = 0;     // told and not yet awake
    bool watching_ = false;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace davenport::http
