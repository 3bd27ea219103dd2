#pragma once

#include "davenport/base/result.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace davenport::service {

// How long a look's value is good: twenty times as long as it took to find out, within limits. So
// what is costly is looked at seldom, and what has been out of reach is not taken for well for
// long.
struct Freshness {
    std::chrono::milliseconds least, most;

    std::chrono::milliseconds after(std::chrono::milliseconds took) const {
        return std::clamp(20 * took, least, most);
    }
    std::chrono::milliseconds after_failure() const {
        return std::min(least, std::chrono::milliseconds(1'000));
    }
};

// Something that is looked at now and then, by a thread of its own: however many ask, and however
// long a store takes to answer, there is one look at a time and nobody waits longer than they want.
// Thread-safe. The destructor waits for a look under way.
template <class T>
class Refreshed {
  public:
    using Look = std::function<Result<T>()>;

    Refreshed(Look look, Freshness freshness) : look_(std::move(look)), freshness_(freshness) {}

    ~Refreshed() {
        {
            const std::lock_guard lock(mutex_);
            ends_ = true;
        }
        wake_.notify_all();
        if (thread_.joinable()) thread_.join();
    }

    Refreshed(const Refreshed&) = delete;
    Refreshed& operator=(const Refreshed&) = delete;

    // The last value while it is fresh, else a new one; `timeout` when it does not come within
    // `patience`.
    Result<T> get(std::chrono::milliseconds patience) {
        std::unique_lock lock(mutex_);
        const auto now = Clock::now();
        if (value_ && now < fresh_until_) return *value_;
        // Others have waited long enough for this look: one more would not make it quicker.
        if (looking_ && now - began_ > patience) return fail_after(now - began_);
        if (!thread_.joinable()) {
            try {
                thread_ = std::thread([this] { run(); });
            } catch (const std::exception& error) {
                return fail(ErrorCode::unavailable, "no thread to look: {}", error.what());
            }
        }
        wanted_ = true;
        wake_.notify_all();
        const std::uint64_t before = looks_;
        if (done_.wait_for(lock, patience, [&] { return looks_ != before; })) return *value_;
        return fail_after(Clock::now() - began_);
    }

  private:
    using Clock = std::chrono::steady_clock;

    static Result<T> fail_after(Clock::duration waiting) {
        return fail(ErrorCode::timeout, "no answer for {:.0f} s",
                    std::chrono::duration<double>(waiting).count());
    }

    void run() {
        std::unique_lock lock(mutex_);
        for (;;) {
            wake_.wait(lock, [this] { return wanted_ || ends_; });
            if (ends_) return;
            wanted_ = false;
            began_ = Clock::now();
            looking_ = true;
            lock.unlock();
            Result<T> value = guarded_look();
            lock.lock();
            looking_ = false;
            value_ = std::move(value);
            const auto now = Clock::now();
            const auto took = std::chrono::ceil<std::chrono::milliseconds>(now - began_);
            fresh_until_ = now + (*value_ ? freshness_.after(took) : freshness_.after_failure());
            ++looks_;
            done_.notify_all();
        }
    }

    Result<T> guarded_look() const {
        try {
            return look_();
        } catch (const std::exception& error) {
            return fail(ErrorCode::internal, "{}", error.what());
        }
    }

    const Look look_;
    const Freshness freshness_;

    std::mutex mutex_;
    std::condition_variable wake_, done_;
    bool wanted_ = false;
    bool looking_ = false;
    bool ends_ = false;
    std::uint64_t looks_ = 0;
    Clock::time_point began_ = Clock::now();
    Clock::time_point fresh_until_;
    std::optional<Result<T>> value_;
    std::thread thread_;
};

}  // namespace davenport::service
