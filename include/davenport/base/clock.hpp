#pragma once

#include "davenport/base/result.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace davenport {

// The time of day, behind an interface so that tests can set it. Thread-safe.
class Clock {
  public:
    virtual ~Clock() = default;
    virtual std::int64_t now_ms() const = 0;  // Unix milliseconds
};

class SystemClock final : public Clock {
  public:
    std::int64_t now_ms() const override;
};

// 2026-01-31T12:34:56Z (UTC, whole seconds).
std::string to_rfc3339(std::int64_t unix_ms);
// "23.8 secs", "4.0 mins": how the console writes a duration.
std::string to_elapsed(std::int64_t milliseconds);

}  // namespace davenport
