#include "davenport/retention/duration.hpp"
#include "davenport/base/clock.hpp"

#include <catch2/catch.hpp>

using namespace davenport;
using namespace davenport::retention;
using Catch::Matchers::Contains;

TEST_CASE("durations are read and written") {
    CHECK(parse_duration("2y5m7d3h").value() == Duration{2, 5, 7, 3});
    CHECK(parse_duration("3h2y").value() == Duration{2, 0, 0, 3});
    CHECK(parse_duration("0d").value() == Duration{});
    CHECK(to_text(Duration{2, 5, 7, 3}) == "2y5m7d3h");
    CHECK(to_text(Duration{0, 0, 14, 0}) == "14d");
    CHECK(to_text(Duration{}) == "0h");
    for (const std::string text : {"", "7", "d", "7d ", "-7d", "7d7d", "1w", "10000d", "1.5d",
                                   "7 d", "99999999999999999999d", "+1d"}) {
        CAPTURE(text);
        const auto parsed = parse_duration(text);
        REQUIRE_FALSE(parsed);
        CHECK(parsed.error().code == ErrorCode::invalid_argument);
        CHECK_THAT(parsed.error().message, Contains("2y5m7d3h"));
    }
}

TEST_CASE("a duration before an instant follows the calendar") {
    const TimeZone utc = TimeZone::load("UTC").value();
    const TimeZone berlin = TimeZone::load("Europe/Berlin").value();
    const auto at = [](const char* text) { return parse_rfc3339(text).value(); };
    const auto minus = [&](const char* text, const char* duration, const TimeZone& zone) {
        return to_rfc3339(before(at(text), parse_duration(duration).value(), zone));
    };
    CHECK(minus("2026-11-22T12:00:00Z", "2y5m7d3h", utc) == "2024-06-15T09:00:00Z");
    CHECK(minus("2026-03-31T12:00:00Z", "1m", utc) == "2026-02-28T12:00:00Z");
    CHECK(minus("2024-02-29T12:00:00Z", "1y", utc) == "2023-02-28T12:00:00Z");
    CHECK(minus("2026-01-15T12:00:00Z", "14m", utc) == "2024-11-15T12:00:00Z");
    // A day over the change to summer time has 23 hours, 24 hours are 24 hours.
    CHECK(minus("2026-03-29T10:00:00Z", "1d", berlin) == "2026-03-28T11:00:00Z");
    CHECK(minus("2026-03-29T10:00:00Z", "24h", berlin) == "2026-03-28T10:00:00Z");
    CHECK(before(at("2026-11-22T12:00:00Z") + 123, Duration{0, 0, 1, 0}, utc) ==
          at("2026-11-21T12:00:00Z") + 123);
    before(0, Duration{9'999, 9'999, 9'999, 9'999}, utc);  // far away, and no overflow
}

TEST_CASE("a promise is never shorter than the calendar") {
    const TimeZone utc = TimeZone::load("UTC").value();
    for (const char* text : {"1y", "4y", "1m", "7m", "1y1m1d1h", "30d"}) {
        const Duration duration = parse_duration(text).value();
        for (std::int64_t at = 1'600'000'000'000; at < 1'800'000'000'000; at += 9'999'999'999)
            CHECK(before(at, duration, utc) >= at - longest_ms(duration));
    }
}
