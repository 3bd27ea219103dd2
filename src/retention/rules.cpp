#include "davenport/retention/rules.hpp"

#include "davenport/base/clock.hpp"

#include <algorithm>
#include <cstdlib>
#include <tuple>

namespace davenport::retention {
namespace {

constexpr std::int64_t day_ms = 24 * 3'600'000;
constexpr int console_ages[] = {0, 1, 2, 3, 4, 5, 6, 7, 10, 20, 30, 60, 90};  // days

// One backup while it is judged.
struct Judged {
    const Backup* backup;
    Decision* decision;
    std::int64_t started_ms;  // kept to years that a calendar has

    void keep(std::string reason) const {
        decision->fate = Decision::Fate::keep;
        decision->reasons.push_back(std::move(reason));
    }
};

std::int64_t day_of(const TimeZone::Date& date) {
    return TimeZone::days_between({1970, 1, 1}, date);
}

std::int64_t floor_divide(std::int64_t number, std::int64_t by) {
    return number >= 0 ? number / by : (number - by + 1) / by;
}

// The hour, day, … of a backup, as a number that only backups of the same one share.
using Period = std::int64_t (*)(const TimeZone::LocalTime&);
std::int64_t hour(const TimeZone::LocalTime& local) {
    return day_of(local.date) * 24 + local.hour;
}
std::int64_t day(const TimeZone::LocalTime& local) {
    return day_of(local.date);
}
std::int64_t week(const TimeZone::LocalTime& local) {
    return floor_divide(day_of(local.date) + 3, 7);  // 1970-01-01 was a Thursday
}
std::int64_t month(const TimeZone::LocalTime& local) {
    return local.date.year * std::int64_t{12} + local.date.month;
}
std::int64_t year(const TimeZone::LocalTime& local) {
    return local.date.year;
}

// The newest of each of the last `count` periods that have a backup. The oldest backup stands in
// for the periods that are still missing, so that it is there until they have come.
void keep_periods(const std::vector<Judged>& newest_first, std::int64_t count, Period period,
                  std::string_view name, const TimeZone& zone) {
    std::optional<std::int64_t> last;
    for (std::size_t i = 0; i < newest_first.size() && count != 0; ++i) {
        const Judged& judged = newest_first[i];
        const std::int64_t own = period(zone.local_of(judged.started_ms));
        const bool again = last == own;
        if (again && i + 1 < newest_first.size()) continue;
        judged.keep(again ? fmt::format("oldest {}", name) : std::string(name));
        last = own;
        if (count > 0) --count;
    }
}

void keep_last(const std::vector<Judged>& newest_first, std::int64_t count) {
    for (std::size_t i = 0; i < newest_first.size(); ++i)
        if (count < 0 || static_cast<std::int64_t>(i) < count) newest_first[i].keep("last");
}

void keep_within(const std::vector<Judged>& newest_first, const Duration& within,
                 const TimeZone& zone) {
    const std::int64_t from_ms = before(newest_first.front().started_ms, within, zone);
    for (const Judged& judged : newest_first)
        if (judged.started_ms > from_ms) judged.keep(fmt::format("within {}", to_text(within)));
}

void keep_console(const std::vector<Judged>& newest_first, std::int64_t now_ms) {
    for (const Judged& judged : newest_first)
        if (now_ms - judged.started_ms < day_ms) judged.keep("last day");
    for (const int days : console_ages) {
        const auto distance = [&](const Judged& judged) {
            return std::abs(now_ms - judged.started_ms - days * day_ms);
        };
        const auto closest = std::min_element(
            newest_first.begin(), newest_first.end(),
            [&](const Judged& a, const Judged& b) { return distance(a) < distance(b); });
        closest->keep(fmt::format("closest to {} days", days));
    }
}

void apply(const Rules& rules, const std::vector<Judged>& newest_first, std::int64_t now_ms,
           const TimeZone& zone) {
    if (rules.preset == Rules::Preset::console) {
        keep_console(newest_first, now_ms);
        return;
    }
    keep_last(newest_first, rules.last);
    keep_periods(newest_first, rules.hourly, hour, "hourly", zone);
    keep_periods(newest_first, rules.daily, day, "daily", zone);
    keep_periods(newest_first, rules.weekly, week, "weekly", zone);
    keep_periods(newest_first, rules.monthly, month, "monthly", zone);
    keep_periods(newest_first, rules.yearly, year, "yearly", zone);
    if (rules.within) keep_within(newest_first, *rules.within, zone);
}

// What no rule can overrule.
void protect(const Judged& judged, std::int64_t now_ms) {
    const Backup& backup = *judged.backup;
    if (backup.pin)
        judged.keep(backup.pin->empty() ? "pinned" : fmt::format("pinned: {}", *backup.pin));
    if (backup.locked_until_ms > now_ms)
        judged.keep(fmt::format("locked until {}", to_rfc3339(backup.locked_until_ms)));
    if (!backup.used_by.empty()) judged.keep(fmt::format("in use by {}", backup.used_by));
    if (backup.state == State::running) judged.keep("running");
}

}  // namespace

bool Rules::empty() const {
    switch (preset) {
        case Preset::console:
            return false;
        case Preset::none:
            return true;
        case Preset::rules:
            break;
    }
    return last == 0 && hourly == 0 && daily == 0 && weekly == 0 && monthly == 0 && yearly == 0 &&
           !within;
}

std::string to_text(const Rules& rules) {
    if (rules.preset == Rules::Preset::console) return "console";
    if (rules.empty()) return "none";
    std::string text;
    const auto add = [&](std::string_view name, const std::string& value) {
        text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value);
    };
    const auto add_count = [&](std::string_view name, std::int64_t count) {
        if (count != 0) add(name, count < 0 ? "all" : std::to_string(count));
    };
    add_count("keep_last", rules.last);
    add_count("keep_hourly", rules.hourly);
    add_count("keep_daily", rules.daily);
    add_count("keep_weekly", rules.weekly);
    add_count("keep_monthly", rules.monthly);
    add_count("keep_yearly", rules.yearly);
    if (rules.within) add("keep_within", to_text(*rules.within));
    return text;
}

Result<std::vector<Decision>> decide(const std::vector<Backup>& backups, const Rules& rules,
                                     std::int64_t now_ms, const TimeZone& zone) {
    if (rules.empty())
        return fail(ErrorCode::invalid_argument,
                    "there are no rules for which backups to keep, so none may be removed; set "
                    "retention.preset, and with \"rules\" at least one retention.keep_…");
    std::vector<Decision> decisions(backups.size());
    std::vector<Judged> complete;
    for (std::size_t i = 0; i < backups.size(); ++i) {
        decisions[i].id = backups[i].id;
        const Judged judged{&backups[i], &decisions[i],
                            std::clamp<std::int64_t>(backups[i].started_ms, 0, latest_time_ms)};
        protect(judged, now_ms);
        if (backups[i].state == State::complete) complete.push_back(judged);
    }
    if (complete.empty()) return decisions;
    std::sort(complete.begin(), complete.end(), [](const Judged& a, const Judged& b) {
        return std::tie(a.started_ms, a.backup->id) > std::tie(b.started_ms, b.backup->id);
    });
    complete.front().keep("newest");
    apply(rules, complete, now_ms, zone);
    return decisions;
}

}  // namespace davenport::retention
