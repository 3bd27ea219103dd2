#include "davenport/schedules/cron.hpp"

#include "cron_field.hpp"
#include "davenport/base/encoding.hpp"

#include <chrono>
#include <utility>
#include <vector>

namespace davenport::schedules {

namespace {

constexpr std::size_t max_text_bytes = 256;
// A 29 February on a given day of the week comes after 40 years at the latest.
constexpr int horizon_days = 41 * 366;

constexpr std::pair<std::string_view, std::string_view> shorthands[] = {
    {"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
    {"@weekly", "0 0 * * 0"},  {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"}};

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> words;
    while (true) {
        const std::size_t begin = text.find_first_not_of(" \t");
        if (begin == text.npos) return words;
        text.remove_prefix(begin);
        const std::size_t end = text.find_first_of(" \t");
        words.push_back(text.substr(0, end));
        text.remove_prefix(end == text.npos ? text.size() : end);
    }
}

bool has(std::uint64_t set, unsigned value) {
    return (set >> value & 1) != 0;
}

// Whether one of these days of the month exists in one of these months.
bool ever_comes(std::uint64_t days, std::uint64_t months) {
    constexpr unsigned lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (unsigned month = 1; month <= 12; ++month)
        for (unsigned day = 1; has(months, month) && day <= lengths[month - 1]; ++day)
            if (has(days, day)) return true;
    return false;
}

}  // namespace

Result<CronExpression> CronExpression::parse(std::string_view text) {
    const auto malformed = [&](std::string_view why) {
        return fail(ErrorCode::invalid_argument, "the cron expression {}: {}", in_quotes(text),
                    why);
    };
    if (text.size() > max_text_bytes)
        return malformed(fmt::format("it has more than {} bytes", max_text_bytes));
    auto fields = split(text);
    if (fields.size() == 1 && fields[0].starts_with('@')) {
        const std::string_view name = fields[0];
        for (const auto& [shorthand, meaning] : shorthands)
            if (name == shorthand) fields = split(meaning);
        if (fields.size() == 1)
            return malformed(
                "there are @hourly, @daily, @weekly, @monthly and @yearly, and no others");
    }
    if (fields.size() != 5)
        return malformed(
            fmt::format("it must have 5 fields (minute, hour, day of the month, month, day of the "
                        "week), not {}",
                        fields.size()));

    CronExpression expression;
    expression.text_ = std::string(text);
    const std::pair<CronField, Set*> sets[] = {{CronField::minute, &expression.minutes_},
                                               {CronField::hour, &expression.hours_},
                                               {CronField::day, &expression.days_},
                                               {CronField::month, &expression.months_},
                                               {CronField::weekday, &expression.weekdays_}};
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const auto set = parse_cron_field(sets[i].first, fields[i]);
        if (!set) return malformed(set.error().message);
        *sets[i].second = *set;
    }
    expression.one_day_is_enough_ = !fields[2].starts_with('*') && !fields[4].starts_with('*');
    if (!expression.one_day_is_enough_ && !ever_comes(expression.days_, expression.months_))
        return malformed("that day of the month never comes in that month");
    return expression;
}

bool CronExpression::includes(TimeZone::Date date) const {
    if (!has(months_, date.month)) return false;
    const std::chrono::sys_days day =
        std::chrono::year(date.year) / static_cast<int>(date.month) / static_cast<int>(date.day);
    const bool by_date = has(days_, date.day);
    const bool by_weekday = has(weekdays_, std::chrono::weekday(day).c_encoding());
    return one_day_is_enough_ ? by_date || by_weekday : by_date && by_weekday;
}

std::optional<std::int64_t> CronExpression::next_after(std::int64_t unix_ms,
                                                       const TimeZone& zone) const {
    // The moments grow with the local times that stand for them, also where clocks go back: the
    // first one found is the first one that comes, and none lies on a day before this one.
    TimeZone::Date date = zone.date_of(unix_ms);
    for (int days = 0; days < horizon_days; ++days, date = TimeZone::add_days(date, 1)) {
        // Beyond what std::chrono can tell weekdays of.
        if (date.year < -30'000 || date.year > 30'000) return std::nullopt;
        if (!includes(date)) continue;
        for (unsigned hour = 0; hour < 24; ++hour)
            for (unsigned minute = 0; has(hours_, hour) && minute < 60; ++minute) {
                if (!has(minutes_, minute)) continue;
                const std::int64_t at = zone.instant_of({date, hour, minute, 0});
                if (at > unix_ms) return at;
            }
    }
    return std::nullopt;
}

}  // namespace davenport::schedules
