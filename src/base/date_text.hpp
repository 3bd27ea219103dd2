#pragma once

#include <chrono>
#include <optional>
#include <string_view>

// Fixed-width decimal fields of dates and times.
namespace davenport {

// The value of exactly these digits; nullopt when one is something else.
constexpr std::optional<int> digits(std::string_view text) {
    int value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + (c - '0');
    }
    return value;
}

// "YYYY-MM-DD" as it stands; nullopt when it has another form. ok() says whether it exists.
constexpr std::optional<std::chrono::year_month_day> date_digits(std::string_view text) {
    if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
    const auto year = digits(text.substr(0, 4));
    const auto month = digits(text.substr(5, 2));
    const auto day = digits(text.substr(8, 2));
    if (!year || !month || !day) return std::nullopt;
    return std::chrono::year(*year) / *month / *day;
}

}  // namespace davenport
