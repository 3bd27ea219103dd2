#include "cron_field.hpp"

#include "davenport/base/encoding.hpp"

#include <algorithm>
#include <optional>
#include <span>

namespace davenport::schedules {

namespace {

constexpr std::string_view months[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                       "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::string_view weekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct Rules {
    std::string_view name;
    unsigned low, high;
    std::span<const std::string_view> names{};  // of the values from `low` on
};

const Rules& rules_of(CronField field) {
    static const Rules rules[] = {{"minute", 0, 59},
                                  {"hour", 0, 23},
                                  {"day of the month", 1, 31},
                                  {"month", 1, 12, months},
                                  {"day of the week", 0, 7, weekdays}};
    return rules[static_cast<int>(field)];
}

std::optional<unsigned> number(std::string_view text) {
    if (text.empty() || text.size() > 4) return std::nullopt;
    unsigned value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + static_cast<unsigned>(c - '0');
    }
    return value;
}

bool equal_ignoring_case(std::string_view text, std::string_view lower) {
    return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
        return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
    });
}

Result<unsigned> parse_value(const Rules& rules, std::string_view text) {
    for (std::size_t i = 0; i < rules.names.size(); ++i)
        if (equal_ignoring_case(text, rules.names[i])) return rules.low + static_cast<unsigned>(i);
    const auto value = number(text);
    if (!value)
        return fail(ErrorCode::invalid_argument, "the {} {} is no number{}", rules.name,
                    in_quotes(text), rules.names.empty() ? "" : " or name");
    if (*value < rules.low || *value > rules.high)
        return fail(ErrorCode::invalid_argument, "the {} {} is not within {} to {}", rules.name,
                    *value, rules.low, rules.high);
    return *value;
}

// `*`, a value or a range, and perhaps a step.
Result<std::uint64_t> parse_item(const Rules& rules, std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::string_view range = text.substr(0, slash);
    const std::size_t dash = range.find('-');
    unsigned low = rules.low, high = rules.high, step = 1;
    if (range != "*") {
        DAVENPORT_ASSIGN(low, parse_value(rules, range.substr(0, dash)));
        high = low;
        if (dash != range.npos) {
            DAVENPORT_ASSIGN(high, parse_value(rules, range.substr(dash + 1)));
        }
        // Sunday ends a week as well as it begins one.
        const bool to_sunday = rules.high == 7 && high == 0 && low > 0 && dash != range.npos;
        if (to_sunday) high = 7;
        if (high < low)
            return fail(ErrorCode::invalid_argument, "the {} range {} goes backwards", rules.name,
                        in_quotes(range));
    }
    if (slash != text.npos) {
        if (range != "*" && dash == range.npos)
            return fail(ErrorCode::invalid_argument,
                        "the {} {} has a step, which needs \"*\" or a range", rules.name,
                        in_quotes(text));
        const auto given = number(text.substr(slash + 1));
        if (!given || *given == 0 || *given > rules.high)
            return fail(ErrorCode::invalid_argument, "the {} {} has a step that is not 1 to {}",
                        rules.name, in_quotes(text), rules.high);
        step = *given;
    }
    std::uint64_t values = 0;
    for (unsigned value = low; value <= high; value += step) values |= std::uint64_t(1) << value;
    return values;
}

}  // namespace

Result<std::uint64_t> parse_cron_field(CronField field, std::string_view text) {
    const Rules& rules = rules_of(field);
    std::uint64_t values = 0;
    while (true) {
        const std::size_t comma = text.find(',');
        DAVENPORT_ASSIGN(const std::uint64_t item, parse_item(rules, text.substr(0, comma)));
        values |= item;
        if (comma == text.npos) break;
        text.remove_prefix(comma + 1);
    }
    constexpr std::uint64_t seventh = std::uint64_t(1) << 7;
    if (field == CronField::weekday && (values & seventh) != 0) values = (values & ~seventh) | 1;
    return values;
}

}  // namespace davenport::schedules
