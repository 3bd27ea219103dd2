#pragma once

#include "davenport/base/result.hpp"
#include "davenport/base/time_zone.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace davenport::schedules {

// When something comes again and again, as crontab(5) writes it: five fields, separated by blanks.
//
//   minute 0-59   hour 0-23   day of the month 1-31   month 1-12 or jan-dec   day of the week 0-7
//   or sun-sat, where 0 and 7 are Sunday
//
// A field is `*` or a list of values and ranges (`1,5-10`); `*` and a range may have a step
// (`*/15`, `8-18/2`). Where both days are restricted, that is, neither field begins with `*`, one
// of them is enough; otherwise both must hold. Instead of the fields: @hourly, @daily (@midnight),
// @weekly, @monthly, @yearly (@annually).
//
// Local times that a zone's clocks skip count as the moment right after the gap, all of them
// together as one; of those that come twice, the first counts. So "30 2 * * *" comes exactly once
// on every day, and "*/10 * * * *" pauses for the hour that is repeated.
class CronExpression {
  public:
    // invalid_argument names the field and what is wrong with it; also for a day that never comes,
    // such as 30 February.
    static Result<CronExpression> parse(std::string_view text);
    const std::string& text() const { return text_; }  // as given

    // The first time after `unix_ms`, a whole local minute (or the end of a gap), in Unix
    // milliseconds. nullopt when it lies beyond the calendar; never for a time of this millennium.
    std::optional<std::int64_t> next_after(std::int64_t unix_ms, const TimeZone& zone) const;

  private:
    using Set = std::uint64_t;  // bit n = the value n

    CronExpression() = default;
    bool includes(TimeZone::Date date) const;

    std::string text_;
    Set minutes_ = 0, hours_ = 0, days_ = 0, months_ = 0, weekdays_ = 0;
    bool one_day_is_enough_ = false;
};

}  // namespace davenport::schedules
