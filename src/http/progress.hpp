#pragma once

#include <chrono>
#include <cstdint>

namespace davenport::http {

using Clock = std::chrono::steady_clock;

// Watches the bytes of a body while the client is the one to act. A peer that moves nothing for a
// whole time-out, or less than the minimum rate averaged over one, has stalled.
class Progress {
  public:
    void start(Clock::time_point now, std::uint64_t bytes) {
        last_bytes_ = window_bytes_ = bytes;
        last_change_ = window_begin_ = now;
    }

    bool stalled(Clock::time_point now, std::uint64_t bytes, std::chrono::milliseconds timeout,
                 std::uint32_t min_bytes_per_second) {
        if (bytes != last_bytes_) {
            last_bytes_ = bytes;
            last_change_ = now;
        }
        if (now - last_change_ >= timeout) return true;
        if (now - window_begin_ < timeout) return false;
        const auto wanted =
            static_cast<std::uint64_t>(timeout.count()) * min_bytes_per_second / 1000;
        if (bytes - window_bytes_ < wanted) return true;
        window_bytes_ = bytes;
        window_begin_ = now;
        return false;
    }

  private:
    std::uint64_t last_bytes_ = 0;
    std::uint64_t window_bytes_ = 0;
    Clock::time_point last_change_;
    Clock::time_point window_begin_;
};

}  // namespace davenport::http
