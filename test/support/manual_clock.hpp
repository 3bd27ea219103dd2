#pragma once

#include "davenport/base/clock.hpp"

#include <atomic>

namespace davenport::test {

// Stands still until it is told to move.
class ManualClock final : public Clock {
  public:
    std::int64_t now_ms() const override { return now_ms_; }
    void advance(std::int64_t milliseconds) { now_ms_ += milliseconds; }

  private:
    std::atomic<std::int64_t> now_ms_{1'700'000'000'000};
};

}  // namespace davenport::test
