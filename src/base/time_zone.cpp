#include "davenport/base/time_zone.hpp"

#include "date_text.hpp"
#include "davenport/base/encoding.hpp"

#include <cctz/civil_time.h>
#include <cctz/time_zone.h>

#include <array>
#include <cstdlib>
#include <fstream>

namespace davenport {

namespace {

using Instant = cctz::time_point<cctz::seconds>;

constexpr std::size_t max_name_bytes = 64;

std::int64_t floor_seconds(std::int64_t unix_ms) {
    return unix_ms / 1000 - (unix_ms % 1000 < 0 ? 1 : 0);
}

Instant instant(std::int64_t unix_seconds) {
    return Instant(cctz::seconds(unix_seconds));
}

TimeZone::Date to_date(const cctz::civil_day& day) {
    return {static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
            static_cast<unsigned>(day.day())};
}

cctz::civil_day to_civil(TimeZone::Date date) {
    return cctz::civil_day(date.year, static_cast<int>(date.month), static_cast<int>(date.day));
}

// "+07:00"
std::optional<cctz::seconds> fixed_offset(std::string_view text) {
    if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':')
        return std::nullopt;
    const auto hours = digits(text.substr(1, 2));
    const auto minutes = digits(text.substr(4, 2));
    if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
    const int seconds = *hours * 3600 + *minutes * 60;
    return cctz::seconds(text[0] == '-' ? -seconds : seconds);
}

// Names that may be looked up as paths below the database's directory, and nowhere else.
bool is_zone_name(std::string_view name) {
    if (name.empty() || name.size() > max_name_bytes || name.front() == '/') return false;
    for (const char c : name) {
        const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        const bool digit = c >= '0' && c <= '9';
        if (!letter && !digit && c != '_' && c != '-' && c != '+' && c != '/') return false;
    }
    return true;
}

// cctz remembers for ever every name that it was asked for, known or not: it is asked only for what
// the database has.
bool is_in_database(const std::string& name) {
    const char* directory = std::getenv("TZDIR");
    if (directory == nullptr || *directory == '\0') directory = "/usr/share/zoneinfo";
    std::ifstream file(std::string(directory) + "/" + name, std::ios::binary);
    std::array<char, 4> magic{};
    return file.read(magic.data(), magic.size()) &&
           std::string_view(magic.data(), magic.size()) == "TZif";
}

}  // namespace

struct TimeZone::Impl {
    std::string name;
    cctz::time_zone zone;
};

Result<TimeZone> TimeZone::load(std::string_view name) {
    Impl impl{std::string(name), cctz::utc_time_zone()};
    if (const auto offset = fixed_offset(name)) {
        impl.zone = cctz::fixed_time_zone(*offset);
    } else if (name != "UTC" && (!is_zone_name(name) || !is_in_database(impl.name) ||
                                 !cctz::load_time_zone(impl.name, &impl.zone))) {
        return fail(ErrorCode::invalid_argument,
                    "there is no time zone {}; it may be UTC, a name such as Asia/Jakarta, or an "
                    "offset such as +07:00",
                    in_quotes(name));
    }
    return TimeZone(std::make_shared<const Impl>(std::move(impl)));
}

const std::string& TimeZone::name() const {
    return impl_->name;
}

std::string TimeZone::to_rfc3339(std::int64_t unix_ms) const {
    const std::int64_t seconds = floor_seconds(unix_ms);
    const int offset = impl_->zone.lookup(instant(seconds)).offset / 60;  // minutes
    const cctz::civil_second local =
        cctz::utc_time_zone().lookup(instant(seconds + offset * 60)).cs;
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}{:02}:{:02}", local.year(),
                       local.month(), local.day(), local.hour(), local.minute(), local.second(),
                       offset < 0 ? '-' : '+', std::abs(offset) / 60, std::abs(offset) % 60);
}

TimeZone::Date TimeZone::date_of(std::int64_t unix_ms) const {
    return local_of(unix_ms).date;
}

std::int64_t TimeZone::begin_ms(Date date) const {
    return instant_of({date, 0, 0, 0});
}

TimeZone::LocalTime TimeZone::local_of(std::int64_t unix_ms) const {
    const cctz::civil_second local = impl_->zone.lookup(instant(floor_seconds(unix_ms))).cs;
    return {to_date(cctz::civil_day(local)), static_cast<unsigned>(local.hour()),
            static_cast<unsigned>(local.minute()), static_cast<unsigned>(local.second())};
}

std::int64_t TimeZone::instant_of(const LocalTime& local) const {
    const auto found = impl_->zone.lookup(
        cctz::civil_second(local.date.year, static_cast<int>(local.date.month),
                           static_cast<int>(local.date.day), static_cast<int>(local.hour),
                           static_cast<int>(local.minute), static_cast<int>(local.second)));
    const bool skipped = found.kind == cctz::time_zone::civil_lookup::SKIPPED;
    const Instant when = skipped ? found.trans : found.pre;
    return when.time_since_epoch().count() * 1000;
}

Result<TimeZone::Date> TimeZone::parse_date(std::string_view text) {
    const auto date = date_digits(text);
    if (!date)
        return fail(ErrorCode::invalid_argument, "{} is no date of the form YYYY-MM-DD",
                    in_quotes(text));
    if (!date->ok()) return fail(ErrorCode::invalid_argument, "the date {} does not exist", text);
    return Date{static_cast<int>(date->year()), static_cast<unsigned>(date->month()),
                static_cast<unsigned>(date->day())};
}

TimeZone::Date TimeZone::add_days(Date date, int days) {
    return to_date(to_civil(date) + days);
}

std::int64_t TimeZone::days_between(Date from, Date to) {
    return to_civil(to) - to_civil(from);
}

}  // namespace davenport
