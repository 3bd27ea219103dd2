#pragma once

#include "davenport/base/result.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace davenport {

// The end of the year 9999, in Unix milliseconds: the latest time that can be written.
inline constexpr std::int64_t latest_time_ms = 253'402'300'799'999;

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
// "2017-05-11T06:35:27Z", "2017-05-11T13:35:27.25+07:00" to Unix milliseconds: capital T and Z, one
// to nine digits of a fraction (cut to milliseconds). Anything else, a date or a time of day that
// does not exist, and leap seconds are invalid_argument.
Result<std::int64_t> parse_rfc3339(std::string_view text);
// "23.8 secs", "4.0 mins": how the console writes a duration.
std::string to_elapsed(std::int64_t milliseconds);

}  // namespace davenport
