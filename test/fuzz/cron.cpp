// Cron expressions and when they come next. Lines: expression, time zone, Unix milliseconds.
#include "davenport/schedules/cron.hpp"
#include "fuzz/fuzzer.hpp"

#include <charconv>

namespace davenport::fuzz {

void run(std::string_view input) {
    const auto expression = schedules::CronExpression::parse(take_line(input));
    const auto named = TimeZone::load(take_line(input));
    std::int64_t after_ms = 0;
    std::from_chars(input.data(), input.data() + input.size(), after_ms);
    if (!expression) {
        require(expression.error().code == ErrorCode::invalid_argument, "the fault is the input's");
        require(!expression.error().message.empty(), "a refusal says why");
        return;
    }
    static const TimeZone utc = *TimeZone::load("UTC");
    for (const TimeZone& zone : {named ? *named : utc, utc}) {
        auto at = after_ms;
        for (int times = 0; times < 3; ++times) {
            const auto next = expression->next_after(at, zone);
            // Only where the calendar ends, far beyond this millennium.
            require(next || at > 32'000'000'000'000 || at < 0, "it comes again");
            if (!next) break;
            require(*next > at, "what comes next comes later");
            const auto again = expression->next_after(*next - 1, zone);
            require(again == next, "it comes when it was said to come");
            at = *next;
        }
    }
    const auto copy = schedules::CronExpression::parse(expression->text());
    require(copy && copy->next_after(after_ms, utc) == expression->next_after(after_ms, utc),
            "the text means the same again");
}

}  // namespace davenport::fuzz
