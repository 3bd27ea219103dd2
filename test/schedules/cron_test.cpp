#include "davenport/schedules/cron.hpp"
#include "davenport/base/clock.hpp"

#include <catch2/catch.hpp>

#include <iostream>
#include <random>

using namespace davenport;
using namespace davenport::schedules;

namespace {

CronExpression cron(std::string_view text) {
    auto parsed = CronExpression::parse(text);
    if (!parsed) FAIL(parsed.error().message);
    return *parsed;
}

TimeZone zone(std::string_view name) {
    auto loaded = TimeZone::load(name);
    REQUIRE(loaded);
    return *loaded;
}

// The next times after `from`, as the zone writes them, without seconds and offset.
std::vector<std::string> next(std::string_view expression, std::string_view from, int count,
                              std::string_view zone_name = "UTC") {
    const TimeZone there = zone(zone_name);
    std::vector<std::string> times;
    std::int64_t at = *parse_rfc3339(from);
    for (int i = 0; i < count; ++i) {
        const auto next = cron(expression).next_after(at, there);
        REQUIRE(next);
        CHECK(*next > at);
        at = *next;
        times.push_back(there.to_rfc3339(at).substr(0, 16));
    }
    return times;
}

using Times = std::vector<std::string>;

std::string error_of(std::string_view text) {
    const auto parsed = CronExpression::parse(text);
    CAPTURE(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == ErrorCode::invalid_argument);
    return parsed.error().message;
}

}  // namespace

TEST_CASE("cron expressions give the next times") {
    const auto from = "2026-11-22T08:51:12Z";  // a Sunday
    CHECK(next("* * * * *", from, 2) == Times{"2026-11-22T08:52", "2026-11-22T08:53"});
    CHECK(next("0 1 * * *", from, 2) == Times{"2026-11-23T01:00", "2026-11-24T01:00"});
    CHECK(next("*/20 9-17/4 * * *", from, 5) == Times{"2026-11-22T09:00", "2026-11-22T09:20",
                                                      "2026-11-22T09:40", "2026-11-22T13:00",
                                                      "2026-11-22T13:20"});
    CHECK(next("5,7-8 0 1 JAN,jul *", from, 4) ==
          Times{"2027-01-01T00:05", "2027-01-01T00:07", "2027-01-01T00:08", "2027-07-01T00:05"});
    CHECK(next("0 12 * * mon-Wed", from, 4) ==
          Times{"2026-11-23T12:00", "2026-11-24T12:00", "2026-11-25T12:00", "2026-11-30T12:00"});
    CHECK(next(" 0\t0  29 2 * ", from, 2) == Times{"2028-02-29T00:00", "2032-02-29T00:00"});
    CHECK(next("0 0 31 * *", from, 3) ==
          Times{"2026-12-31T00:00", "2027-01-31T00:00", "2027-03-31T00:00"});
    // Strictly later.
    CHECK(next("0 9 * * *", "2026-11-22T09:00:00Z", 1) == Times{"2026-11-23T09:00"});
    CHECK(next("0 9 * * *", "2026-11-22T08:59:59.999Z", 1) == Times{"2026-11-22T09:00"});
    CHECK(next("0 0 29 2 *", "2096-03-01T00:00:00Z", 1) == Times{"2104-02-29T00:00"});
    CHECK(next("59 23 31 12 *", "1969-12-30T00:00:00Z", 1) == Times{"1969-12-31T23:59"});
}

TEST_CASE("Sunday is 0 and 7 and ends a week too") {
    const auto from = "2026-11-22T08:51:12Z";
    const Times sundays{"2026-11-29T00:00", "2026-12-06T00:00"};
    for (const auto text : {"0 0 * * 0", "0 0 * * 7", "0 0 * * sun", "0 0 * * 0,7", "0 0 * * 7-7"})
        CHECK(next(text, from, 2) == sundays);
    const Times weekend{"2026-11-28T00:00", "2026-11-29T00:00", "2026-12-05T00:00"};
    for (const auto text : {"0 0 * * 6-7", "0 0 * * sat-sun", "0 0 * * 6,0"})
        CHECK(next(text, from, 3) == weekend);
    CHECK(next("0 0 * * 0-6", from, 2) == Times{"2026-11-23T00:00", "2026-11-24T00:00"});
}

TEST_CASE("where both days are restricted, one is enough") {
    const auto from = "2026-11-22T08:51:12Z";
    CHECK(next("0 0 13 * fri", from, 4) ==
          Times{"2026-11-27T00:00", "2026-12-04T00:00", "2026-12-11T00:00", "2026-12-13T00:00"});
    // A field that begins with a star restricts in addition, as cron has it.
    CHECK(next("0 0 */10 * mon", from, 2) == Times{"2026-12-21T00:00", "2027-01-11T00:00"});
    CHECK(next("0 0 29 2 */7", from, 2) == Times{"2032-02-29T00:00", "2060-02-29T00:00"});
    // The day of the week brings it although the date never comes.
    CHECK(next("0 0 30 2 mon", from, 1) == Times{"2027-02-01T00:00"});
}

TEST_CASE("shorthands") {
    const auto from = "2026-11-22T08:51:12Z";
    CHECK(next("@hourly", from, 1) == Times{"2026-11-22T09:00"});
    CHECK(next("@daily", from, 1) == Times{"2026-11-23T00:00"});
    CHECK(next("@midnight", from, 1) == Times{"2026-11-23T00:00"});
    CHECK(next("@weekly", from, 1) == Times{"2026-11-29T00:00"});
    CHECK(next("@monthly", from, 1) == Times{"2026-12-01T00:00"});
    CHECK(next(" @yearly ", from, 1) == Times{"2027-01-01T00:00"});
    CHECK(next("@annually", from, 1) == Times{"2027-01-01T00:00"});
    CHECK(cron("@daily").text() == "@daily");
    CHECK(error_of("@reboot").find("no others") != std::string::npos);
}

TEST_CASE("cron expressions run by local time, summer time or not") {
    CHECK(next("0 1 * * *", "2026-11-22T08:51:12Z", 1, "Asia/Jakarta") ==
          Times{"2026-11-23T01:00"});
    CHECK(*cron("0 1 * * *")
               .next_after(*parse_rfc3339("2026-11-22T08:51:12Z"), zone("Asia/Jakarta")) ==
          *parse_rfc3339("2026-11-22T18:00:00Z"));
    // The clocks go from 02:00 to 03:00.
    CHECK(next("30 2 * * *", "2024-03-30T00:00:00Z", 3, "Europe/Berlin") ==
          Times{"2024-03-30T02:30", "2024-03-31T03:00", "2024-04-01T02:30"});
    CHECK(next("*/20 2,3 * * *", "2024-03-31T00:00:00Z", 4, "Europe/Berlin") ==
          Times{"2024-03-31T03:00", "2024-03-31T03:20", "2024-03-31T03:40", "2024-04-01T02:00"});
    CHECK(next("0 * * * *", "2024-03-30T23:30:00Z", 3, "Europe/Berlin") ==
          Times{"2024-03-31T01:00", "2024-03-31T03:00", "2024-03-31T04:00"});
    // The clocks go from 03:00 to 02:00.
    CHECK(next("30 2 * * *", "2024-10-26T12:00:00Z", 2, "Europe/Berlin") ==
          Times{"2024-10-27T02:30", "2024-10-28T02:30"});
    CHECK(next("0 * * * *", "2024-10-26T23:30:00Z", 3, "Europe/Berlin") ==
          Times{"2024-10-27T02:00", "2024-10-27T03:00", "2024-10-27T04:00"});
    // From within the hour that is repeated.
    CHECK(next("30 2 * * *", "2024-10-27T01:15:00Z", 1, "Europe/Berlin") ==
          Times{"2024-10-28T02:30"});
    // Midnight skipped, midnight twice, a day that never was.
    CHECK(next("0 0 * * *", "2018-11-03T12:00:00Z", 2, "America/Sao_Paulo") ==
          Times{"2018-11-04T01:00", "2018-11-05T00:00"});
    CHECK(next("30 0 * * *", "2024-11-02T12:00:00Z", 2, "America/Havana") ==
          Times{"2024-11-03T00:30", "2024-11-04T00:30"});
    CHECK(next("0 12 * * *", "2011-12-29T00:00:00Z", 3, "Pacific/Apia") ==
          Times{"2011-12-29T12:00", "2011-12-31T00:00", "2011-12-31T12:00"});
}

TEST_CASE("what is wrong with a cron expression is said") {
    const auto contains = [](const std::string& text, std::string_view part) {
        CAPTURE(text, part);
        CHECK(text.find(part) != std::string::npos);
    };
    contains(error_of(""), "must have 5 fields");
    contains(error_of("* * * *"), "not 4");
    contains(error_of("* * * * * *"), "not 6");
    contains(error_of("60 * * * *"), "the minute 60 is not within 0 to 59");
    contains(error_of("* 24 * * *"), "the hour 24 is not within 0 to 23");
    contains(error_of("* * 0 * *"), "the day of the month 0 is not within 1 to 31");
    contains(error_of("* * * 13 *"), "the month 13 is not within 1 to 12");
    contains(error_of("* * * * 8"), "the day of the week 8 is not within 0 to 7");
    contains(error_of("x * * * *"), "the minute \"x\" is no number");
    contains(error_of("* * * foo *"), "the month \"foo\" is no number or name");
    contains(error_of("* * * january *"), "the month \"january\"");
    contains(error_of("1, * * * *"), "the minute \"\" is no number");
    contains(error_of(",1 * * * *"), "the minute \"\"");
    contains(error_of("1- * * * *"), "the minute \"\"");
    contains(error_of("-1 * * * *"), "the minute \"\"");
    contains(error_of("1-2-3 * * * *"), "the minute \"2-3\"");
    contains(error_of("*-5 * * * *"), "the minute \"*\"");
    contains(error_of("** * * * *"), "the minute \"**\"");
    contains(error_of("9-3 * * * *"), "the minute range \"9-3\" goes backwards");
    contains(error_of("* * * dec-jan *"), "the month range \"dec-jan\" goes backwards");
    contains(error_of("5/10 * * * *"), "needs \"*\" or a range");
    contains(error_of("*/0 * * * *"), "a step that is not 1 to 59");
    contains(error_of("*/60 * * * *"), "a step that is not 1 to 59");
    contains(error_of("*/ * * * *"), "a step that is not 1 to 59");
    contains(error_of("*/5/2 * * * *"), "a step that is not 1 to 59");
    contains(error_of("99999999999999999999 * * * *"), "is no number");
    contains(error_of("1.5 * * * *"), "is no number");
    contains(error_of("0 0 30 2 *"), "never comes");
    contains(error_of("0 0 31 2,4,6,9,11 *"), "never comes");
    contains(error_of("0 0 31 4 */2"), "never comes");
    contains(error_of(std::string(300, '*')), "more than 256 bytes");
    contains(error_of("* * * * *\n"), "the day of the week \"*?\"");
    contains(error_of(std::string("0\0 * * * *", 10)), "\"0?\"");
}

TEST_CASE("next times agree with a search minute by minute") {
    const auto seed = std::random_device{}();
    std::cout << "cron: seed " << seed << std::endl;
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto pick = [&](unsigned low, unsigned high) {
        return std::to_string(low + random() % (high - low + 1));
    };
    const std::vector<std::string> zones{"UTC", "Asia/Jakarta", "America/New_York", "+05:45"};
    for (int round = 0; round < 60; ++round) {
        // Restricted enough to be rare, frequent enough to come within weeks.
        const std::string minute = pick(0, 59), hour = pick(0, 23) + "," + pick(0, 23);
        const std::string day = random() % 2 == 0 ? "*" : "1-28/" + pick(1, 9);
        const std::string weekday = random() % 2 == 0 ? "*" : pick(0, 7);
        const std::string text = minute + " " + hour + " " + day + " * " + weekday;
        const TimeZone there = zone(zones[random() % zones.size()]);
        const CronExpression expression = cron(text);
        // Away from the nights in which New York's clocks change.
        const std::int64_t from =
            *parse_rfc3339("2025-04-01T00:00:00Z") + std::int64_t(random() % (150 * 86'400)) * 1000;
        const auto found = expression.next_after(from, there);
        REQUIRE(found);
        // Every minute before it must fail one of the fields, and it must fail none.
        std::int64_t at = from - from % 60'000 + 60'000;
        const auto matches = [&](std::int64_t when) {
            const auto local = there.local_of(when);
            const auto within = [](const std::string& list, unsigned value) {
                return ("," + list + ",").find("," + std::to_string(value) + ",") !=
                       std::string::npos;
            };
            if (std::to_string(local.minute) != minute || !within(hour, local.hour)) return false;
            const std::int64_t days = TimeZone::days_between({1970, 1, 1}, local.date);
            const unsigned sunday_based = static_cast<unsigned>((days + 4) % 7);
            const bool by_weekday = weekday == "*" || std::stoul(weekday) % 7 == sunday_based;
            const bool by_day =
                day == "*" ||
                (local.date.day <= 28 && (local.date.day - 1) % std::stoul(day.substr(5)) == 0);
            return day != "*" && weekday != "*" ? by_day || by_weekday : by_day && by_weekday;
        };
        while (at < *found && !matches(at)) at += 60'000;
        CAPTURE(text, there.name(), there.to_rfc3339(from), there.to_rfc3339(*found));
        CHECK(at == *found);
        CHECK(matches(*found));
    }
}

TEST_CASE("texts of all kinds are parsed or refused, and times of all kinds have an answer") {
    const auto seed = std::random_device{}();
    std::cout << "cron texts: seed " << seed << std::endl;
    CAPTURE(seed);
    std::mt19937 random(seed);
    constexpr std::string_view alphabet = "0123456789*/-, ,jansunfebm\t@\xff";
    int parsed = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string text = "*/5 1-9 * * *";
        for (unsigned n = random() % 6; n > 0; --n) {
            const std::size_t at = random() % text.size();
            if (random() % 2 == 0) {
                text[at] = alphabet[random() % alphabet.size()];
            } else {
                text.insert(at, 1, alphabet[random() % alphabet.size()]);
            }
        }
        const auto expression = CronExpression::parse(text);
        if (!expression) continue;
        ++parsed;
        const std::int64_t from = std::int64_t(random() % 2'000'000'000) * 1000;
        const auto next = expression->next_after(from, zone("Europe/Berlin"));
        if (!next || *next <= from) FAIL("\"" << text << "\" after " << from);
    }
    CHECK(parsed > 100);
    const TimeZone berlin = zone("Europe/Berlin");
    for (const std::int64_t extreme :
         {std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()})
        CHECK_FALSE(cron("* * * * *").next_after(extreme, berlin));
}
