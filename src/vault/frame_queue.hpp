#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace davenport::vault {

// Raw records of one frame on their way from the caller to the writer's thread.
struct RawFrame {
    std::string bytes;
    std::string first_id, last_id;
    std::uint32_t records = 0;

    void clear() {
        bytes.clear();
        records = 0;
    }
};

// A bounded queue between one producer and one consumer, with the empty frames flowing back so that
// their buffers are used again. Thread-safe.
class FrameQueue {
  public:
    static constexpr std::size_t capacity = 3;

    // Waits for room. False: the consumer has given up, the frame was not taken.
    bool push(RawFrame frame) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return full_.size() < capacity || abandoned_; });
        if (abandoned_) return false;
        full_.push_back(std::move(frame));
        changed_.notify_all();
        return true;
    }
    // Nothing more will be pushed.
    void close() {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        changed_.notify_all();
    }
    // From either side: what is queued is of no interest any more.
    void abandon() {
        const std::lock_guard lock(mutex_);
        abandoned_ = true;
        changed_.notify_all();
    }
    // Waits for a frame; nullopt at the end.
    std::optional<RawFrame> pop() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !full_.empty() || closed_ || abandoned_; });
        if (abandoned_ || full_.empty()) return std::nullopt;
        RawFrame frame = std::move(full_.front());
        full_.pop_front();
        changed_.notify_all();
        return frame;
    }
    void give_back(RawFrame frame) {
        frame.clear();
        const std::lock_guard lock(mutex_);
        if (empty_.size() < capacity) empty_.push_back(std::move(frame));
    }
    RawFrame take_empty() {
        const std::lock_guard lock(mutex_);
        if (empty_.empty()) return {};
        RawFrame frame = std::move(empty_.front());
        empty_.pop_front();
        return frame;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<RawFrame> full_, empty_;
    bool closed_ = false;
    bool abandoned_ = false;
};

}  // namespace davenport::vault
