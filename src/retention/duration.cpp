#include "davenport/retention/duration.hpp"

#include <algorithm>
#include <charconv>
#include <set>

namespace davenport::retention {
namespace {

constexpr std::int64_t max_number = 9'999;
constexpr std::int64_t hour_ms = 3'600'000;
constexpr std::int64_t day_ms = 24 * hour_ms;

std::int64_t* unit(Duration& duration, char letter) {
    switch (letter) {
        case 'y':
            return &duration.years;
        case 'm':
            return &duration.months;
        case 'd':
            return &duration.days;
        case 'h':
            return &duration.hours;
        default:
            return nullptr;
    }
}

unsigned days_in(int year, unsigned month) {
    const TimeZone::Date first{year, month, 1};
    const TimeZone::Date next{month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1};
    return static_cast<unsigned>(TimeZone::days_between(first, next));
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
    const auto refuse = [&](std::string_view fault) {
        return fail(ErrorCode::invalid_argument,
                    "\"{}\" is no duration such as 2y5m7d3h (years, months, days, hours): {}", text,
                    fault);
    };
    if (text.empty()) return refuse("it is empty");
    Duration duration;
    std::set<char> seen;
    for (const char* at = text.data(); at != text.data() + text.size();) {
        std::int64_t number = -1;
        const auto [end, error] = std::from_chars(at, text.data() + text.size(), number);
        if (error != std::errc{} || *at == '-' || number > max_number)
            return refuse(
                fmt::format("a number of 0 to {} must stand before each unit", max_number));
        if (end == text.data() + text.size()) return refuse("its last number has no unit");
        std::int64_t* target = unit(duration, *end);
        if (!target) return refuse(fmt::format("'{}' is no unit", *end));
        if (!seen.insert(*end).second) return refuse(fmt::format("'{}' stands twice", *end));
        *target = number;
        at = end + 1;
    }
    return duration;
}

std::string to_text(const Duration& duration) {
    std::string text;
    const auto add = [&](std::int64_t number, char letter) {
        if (number != 0) text += fmt::format("{}{}", number, letter);
    };
    add(duration.years, 'y');
    add(duration.months, 'm');
    add(duration.days, 'd');
    add(duration.hours, 'h');
    return text.empty() ? "0h" : text;
}

std::int64_t before(std::int64_t at_ms, const Duration& duration, const TimeZone& zone) {
    TimeZone::LocalTime local = zone.local_of(at_ms);
    const std::int64_t months = local.date.year * std::int64_t{12} + local.date.month - 1 -
                                duration.months - duration.years * 12;
    const std::int64_t year = months >= 0 ? months / 12 : (months - 11) / 12;
    local.date.year = static_cast<int>(year);
    local.date.month = static_cast<unsigned>(months - year * 12) + 1;
    local.date.day = std::min(local.date.day, days_in(local.date.year, local.date.month));
    local.date = TimeZone::add_days(local.date, -static_cast<int>(duration.days));
    return zone.instant_of(local) + at_ms % 1000 - duration.hours * hour_ms;
}

std::int64_t longest_ms(const Duration& duration) {
    return (duration.years * 366 + duration.months * 31 + duration.days) * day_ms +
           duration.hours * hour_ms;
}

}  // namespace davenport::retention
