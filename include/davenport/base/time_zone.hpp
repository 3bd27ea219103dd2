#pragma once

#include "davenport/base/result.hpp"

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace davenport {

// A time zone: instants (Unix milliseconds) to local dates and times, and back. The calendar is the
// Gregorian one. Cheap to copy, thread-safe.
class TimeZone {
  public:
    struct Date {
        int year = 1970;
        unsigned month = 1, day = 1;  // from 1
        auto operator<=>(const Date&) const = default;
    };
    struct LocalTime {
        Date date;
        unsigned hour = 0, minute = 0, second = 0;
        auto operator<=>(const LocalTime&) const = default;
    };

    // "UTC", a name of the system's time zone database ("Asia/Jakarta"; $TZDIR or
    // /usr/share/zoneinfo), or a fixed offset ("+07:00"). invalid_argument names what is unknown.
    static Result<TimeZone> load(std::string_view name);
    const std::string& name() const;  // as given

    // 2017-07-17T10:19:44+07:00: whole seconds, always with a numeric offset. An offset with
    // seconds, such as local mean times before 1930 have, is cut to minutes; the instant stays.
    std::string to_rfc3339(std::int64_t unix_ms) const;

    Date date_of(std::int64_t unix_ms) const;
    // The day's first instant, also where a change to summer time skips midnight. A day that the
    // zone left out begins, empty, with the next one.
    std::int64_t begin_ms(Date date) const;

    LocalTime local_of(std::int64_t unix_ms) const;
    // When the clocks of the zone show this time. A time that they skip counts as the instant after
    // the gap; of a time that comes twice it is the first.
    std::int64_t instant_of(const LocalTime& local) const;

    // "YYYY-MM-DD"; invalid_argument also for a date that does not exist.
    static Result<Date> parse_date(std::string_view text);
    static Date add_days(Date date, int days);
    static std::int64_t days_between(Date from, Date to);  // negative when `to` is earlier

  private:
    struct Impl;
    explicit TimeZone(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

    std::shared_ptr<const Impl> impl_;
};

}  // namespace davenport
