#include "davenport/base/clock.hpp"

#include "date_text.hpp"
#include "davenport/base/encoding.hpp"

#include <ctime>

namespace davenport {

namespace {

// "Z" or "+07:00": minutes east of UTC.
std::optional<int> offset_minutes(std::string_view text) {
    if (text == "Z") return 0;
    if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':')
        return std::nullopt;
    const auto hours = digits(text.substr(1, 2));
    const auto minutes = digits(text.substr(4, 2));
    if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
    const int offset = *hours * 60 + *minutes;
    return text[0] == '-' ? -offset : offset;
}

// Takes ".25" from the front of `text`: 250 ms. nullopt = a point without one to nine digits.
std::optional<int> take_fraction_ms(std::string_view& text) {
    if (text.empty() || text[0] != '.') return 0;
    const std::size_t end = text.find_first_not_of("0123456789", 1);
    const std::string_view fraction = text.substr(1, end == text.npos ? text.npos : end - 1);
    if (fraction.empty() || fraction.size() > 9) return std::nullopt;
    text.remove_prefix(1 + fraction.size());
    std::string thousandths(fraction.substr(0, 3));
    thousandths.resize(3, '0');
    return digits(thousandths);
}

}  // namespace

std::int64_t SystemClock::now_ms() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

std::string to_rfc3339(std::int64_t unix_ms) {
    const std::time_t seconds = unix_ms / 1000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900,
                       parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

Result<std::int64_t> parse_rfc3339(std::string_view text) {
    const auto malformed = [&] {
        return fail(ErrorCode::invalid_argument,
                    "{} is no time of the form 2017-05-11T06:35:27Z or 2017-05-11T13:35:27+07:00",
                    in_quotes(text));
    };
    if (text.size() < 20 || text[10] != 'T' || text[13] != ':' || text[16] != ':')
        return malformed();
    const auto date = date_digits(text.substr(0, 10));
    const auto hour = digits(text.substr(11, 2));
    const auto minute = digits(text.substr(14, 2));
    const auto second = digits(text.substr(17, 2));
    std::string_view rest = text.substr(19);
    const auto fraction_ms = take_fraction_ms(rest);
    const auto offset = offset_minutes(rest);
    if (!date || !hour || !minute || !second || !fraction_ms || !offset) return malformed();
    if (!date->ok() || *hour > 23 || *minute > 59 || *second > 59)
        return fail(ErrorCode::invalid_argument, "the time {} does not exist", text);
    const auto since_epoch = std::chrono::sys_days(*date).time_since_epoch() +
                             std::chrono::hours(*hour) + std::chrono::minutes(*minute - *offset) +
                             std::chrono::seconds(*second) +
                             std::chrono::milliseconds(*fraction_ms);
    return std::chrono::milliseconds(since_epoch).count();
}

std::string to_elapsed(std::int64_t milliseconds) {
    const double seconds = static_cast<double>(milliseconds) / 1000;
    if (seconds < 120) return fmt::format("{:.1f} secs", seconds);
    if (seconds < 7200) return fmt::format("{:.1f} mins", seconds / 60);
    return fmt::format("{:.1f} hrs", seconds / 3600);
}

}  // namespace davenport
