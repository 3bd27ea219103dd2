#include "worker_pool.hpp"

#include <pthread.h>

#include <algorithm>
#include <chrono>

namespace davenport::http {
namespace {

constexpr std::chrono::milliseconds patience{1};

}  // namespace

WorkerPool::WorkerPool(unsigned threads, std::size_t max_queued_requests)
    : max_queued_requests_(max_queued_requests) {
    threads = std::max(threads, 1U);
    threads_.reserve(threads + 1);
    for (unsigned i = 0; i < threads; ++i) {
        threads_.emplace_back([this] { run(); });
        pthread_setname_np(threads_.back().native_handle(), "http-worker");
    }
    threads_.emplace_back([this] { watch(); });
    pthread_setname_np(threads_.back().native_handle(), "http-watch");
}

WorkerPool::~WorkerPool() {
    stop();
}

bool WorkerPool::try_submit(Job job) {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= max_queued_requests_) return false;
    if (stopping_) return true;
    queue_.push_back(std::move(job));
    ++pushed_;
    const std::size_t awake = threads_.size() - 1 - sleeping_;
    if (awake == 0) {
        wake_one();
    } else if (!watching_) {
        watching_ = true;
        watch_.notify_one();
    }
    return true;
}

void WorkerPool::submit(Job job) {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    queue_.push_back(std::move(job));
    ++pushed_;
    if (sleeping_ > 0) wake_one();
}

void WorkerPool::wake_one() {
    --sleeping_;
    ++wakes_;
    wake_.notify_one();
}

void WorkerPool::run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        if (queue_.empty()) {
            ++sleeping_;
            wake_.wait(lock, [this] { return wakes_ > 0 || stopping_; });
            if (wakes_ > 0) --wakes_;
            continue;
        }
        Job job = std::move(queue_.front());
        queue_.pop_front();
        ++popped_;
        lock.unlock();
        job();
        job = nullptr;  // what it holds is released without the lock
        lock.lock();
    }
}

void WorkerPool::watch() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        watch_.wait(lock, [this] { return watching_ || stopping_; });
        const auto pushed_before = pushed_;
        watch_.wait_for(lock, patience, [this] { return stopping_; });
        if (popped_ < pushed_before && sleeping_ > 0) wake_one();
        if (queue_.empty()) watching_ = false;
    }
}

void WorkerPool::stop() {
    std::deque<Job> dropped;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        dropped.swap(queue_);
    }
    wake_.notify_all();
    watch_.notify_all();
    for (auto& thread : threads_)
        if (thread.joinable()) thread.join();
}

}  // namespace davenport::http
