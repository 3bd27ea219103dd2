#pragma once

#include "davenport/base/result.hpp"
#include "davenport/base/time_zone.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace davenport::retention {

// A span of calendar time, as restic's users write it: "2y5m7d3h".
struct Duration {
    std::int64_t years = 0, months = 0, days = 0, hours = 0;
    bool operator==(const Duration&) const = default;
};

// Numbers of 0 to 9,999, each with its unit (y, m, d, h), each unit once at most, at least one.
// invalid_argument says what is wrong.
Result<Duration> parse_duration(std::string_view text);
std::string to_text(const Duration& duration);

// The instant so long before another one, by the calendar of the zone. A day that its month does
// not have (February 30th) is the last day of the month.
std::int64_t before(std::int64_t at_ms, const Duration& duration, const TimeZone& zone);

// The longest that it can be, in milliseconds: a year counts 366 days, a month 31. For promises.
std::int64_t longest_ms(const Duration& duration);

}  // namespace davenport::retention
