#include "davenport/base/time_zone.hpp"
#include "davenport/base/clock.hpp"

#include <catch2/catch.hpp>
#include <cstdint>
#include <thread>
#include <vector>

using namespace davenport;
using Date = TimeZone::Date;

namespace {

TimeZone zone(std::string_view name) {
    auto loaded = TimeZone::load(name);
    REQUIRE(loaded);
    return *loaded;
}

std::int64_t ms(std::string_view text) {
    const auto parsed = parse_rfc3339(text);
    CAPTURE(text);
    REQUIRE(parsed);
    return *parsed;
}

// The day's first instant as the zone writes it.
std::string begin(const TimeZone& zone, Date date) {
    return zone.to_rfc3339(zone.begin_ms(date));
}

}  // namespace

TEST_CASE("instants are written with the zone's offset") {
    const std::int64_t at = ms("2017-07-17T03:19:44Z");
    CHECK(zone("Asia/Jakarta").to_rfc3339(at) == "2017-07-17T10:19:44+07:00");
    CHECK(zone("+07:00").to_rfc3339(at) == "2017-07-17T10:19:44+07:00");
    CHECK(zone("-03:30").to_rfc3339(at) == "2017-07-16T23:49:44-03:30");
    CHECK(zone("UTC").to_rfc3339(at) == "2017-07-17T03:19:44+00:00");
    CHECK(zone("America/New_York").to_rfc3339(at) == "2017-07-16T23:19:44-04:00");
    CHECK(zone("America/New_York").to_rfc3339(ms("2017-01-17T03:19:44Z")) ==
          "2017-01-16T22:19:44-05:00");
    CHECK(zone("Asia/Jakarta").name() == "Asia/Jakarta");
    CHECK(zone("+07:00").name() == "+07:00");

    CHECK(zone("UTC").to_rfc3339(1999) == "1970-01-01T00:00:01+00:00");
    CHECK(zone("UTC").to_rfc3339(-1) == "1969-12-31T23:59:59+00:00");
    // Jakarta's clocks were 7:07:12 ahead: no RFC 3339 offset, but the instant is right.
    const std::string old = zone("Asia/Jakarta").to_rfc3339(ms("1900-01-01T00:00:00Z"));
    CHECK(old == "1900-01-01T07:07:00+07:07");
    CHECK(ms(old) == ms("1900-01-01T00:00:00Z"));
}

TEST_CASE("unknown time zones are named, and none leads out of the database") {
    for (const std::string_view name :
         {"Asia/Atlantis", "", "asia/jakarta ", "../../../etc/passwd", "/usr/share/zoneinfo/UTC",
          "Asia", "zone.tab", "file:UTC", "libc:UTC", ":UTC", "+7:00", "+24:00", "+07:60", "+0700",
          "+07:0x", "++7:00", "Asia/../UTC"}) {
        const auto loaded = TimeZone::load(name);
        CAPTURE(name);
        REQUIRE_FALSE(loaded);
        CHECK(loaded.error().code == ErrorCode::invalid_argument);
        CHECK(loaded.error().message.find("\"" + std::string(name) + "\"") != std::string::npos);
    }
    CHECK(TimeZone::load(std::string(100'000, 'x')).error().message.size() < 300);
    CHECK_FALSE(TimeZone::load(std::string("UTC\0", 4)));
}

TEST_CASE("local days, summer time or not") {
    const TimeZone jakarta = zone("Asia/Jakarta");
    CHECK(jakarta.date_of(ms("2017-07-17T16:59:59.999Z")) == Date{2017, 7, 17});
    CHECK(jakarta.date_of(ms("2017-07-17T17:00:00Z")) == Date{2017, 7, 18});
    CHECK(jakarta.begin_ms({2017, 7, 18}) == ms("2017-07-17T17:00:00Z"));

    // A day of 23 hours, one of 25.
    const TimeZone berlin = zone("Europe/Berlin");
    CHECK(berlin.begin_ms({2024, 4, 1}) - berlin.begin_ms({2024, 3, 31}) == 23 * 3'600'000);
    CHECK(berlin.begin_ms({2024, 10, 28}) - berlin.begin_ms({2024, 10, 27}) == 25 * 3'600'000);

    // Days without a midnight, with two of them, and one that never was.
    CHECK(begin(zone("America/Sao_Paulo"), {2018, 11, 4}) == "2018-11-04T01:00:00-02:00");
    CHECK(begin(zone("America/Toronto"), {1919, 3, 31}) == "1919-03-31T00:30:00-04:00");
    CHECK(begin(zone("America/Havana"), {2024, 11, 3}) == "2024-11-03T00:00:00-04:00");
    const TimeZone apia = zone("Pacific/Apia");
    CHECK(begin(apia, {2011, 12, 30}) == "2011-12-31T00:00:00+14:00");
    CHECK(apia.begin_ms({2011, 12, 30}) == apia.begin_ms({2011, 12, 31}));
}

TEST_CASE("local times that come never or twice") {
    const TimeZone berlin = zone("Europe/Berlin");
    CHECK(berlin.to_rfc3339(berlin.instant_of({{2024, 3, 31}, 2, 30, 0})) ==
          "2024-03-31T03:00:00+02:00");
    CHECK(berlin.to_rfc3339(berlin.instant_of({{2024, 10, 27}, 2, 30, 0})) ==
          "2024-10-27T02:30:00+02:00");
    const TimeZone::LocalTime noon{{2024, 10, 27}, 12, 34, 56};
    CHECK(berlin.local_of(berlin.instant_of(noon)) == noon);
}

TEST_CASE("every instant lies in its local day") {
    for (const std::string_view name :
         {"UTC", "Asia/Jakarta", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia",
          "America/New_York", "Australia/Lord_Howe", "+14:00", "-12:00"}) {
        const TimeZone there = zone(name);
        for (std::int64_t at = ms("2009-12-31T00:00:00Z"); at < ms("2012-01-02T00:00:00Z");
             at += 1'801'000) {
            const Date date = there.date_of(at);
            const bool inside =
                there.begin_ms(date) <= at && at < there.begin_ms(TimeZone::add_days(date, 1));
            if (!inside) FAIL(name << " at " << there.to_rfc3339(at));
        }
    }
}

TEST_CASE("dates") {
    CHECK(*TimeZone::parse_date("2024-02-29") == Date{2024, 2, 29});
    for (const std::string_view text : {"2023-02-29", "2024-04-31", "2024-13-01", "2024-00-10",
                                        "2024-01-00", "2024-01-32", "1900-02-29"}) {
        const auto date = TimeZone::parse_date(text);
        CAPTURE(text);
        REQUIRE_FALSE(date);
        CHECK(date.error().code == ErrorCode::invalid_argument);
        CHECK(date.error().message == "the date " + std::string(text) + " does not exist");
    }
    for (const std::string_view text :
         {"", "2024-1-1", "2024-01-1", "24-01-01", "2024/01/01", "2024-01-01T00:00:00Z",
          " 2024-01-01", "2024-01-01 ", "+024-01-01", "-024-01-01", "2024-0a-01", "12024-01-01"}) {
        const auto date = TimeZone::parse_date(text);
        CAPTURE(text);
        REQUIRE_FALSE(date);
        CHECK(date.error().message.find("YYYY-MM-DD") != std::string::npos);
    }

    CHECK(TimeZone::add_days({2024, 2, 28}, 2) == Date{2024, 3, 1});
    CHECK(TimeZone::add_days({2024, 1, 1}, -1) == Date{2023, 12, 31});
    CHECK(TimeZone::days_between({2024, 1, 1}, {2025, 1, 1}) == 366);
    CHECK(TimeZone::days_between({2024, 3, 1}, {2024, 2, 28}) == -2);
    CHECK(TimeZone::days_between({2024, 3, 1}, {2024, 3, 1}) == 0);
    CHECK(Date{2024, 3, 1} < Date{2024, 10, 1});
}

TEST_CASE("RFC 3339 times are read") {
    CHECK(ms("1970-01-01T00:00:00Z") == 0);
    CHECK(ms("2017-05-11T06:35:27Z") == 1'494'484'527'000);
    CHECK(ms("2017-05-11T13:35:27+07:00") == 1'494'484'527'000);
    CHECK(ms("2017-05-11T03:05:27-03:30") == 1'494'484'527'000);
    CHECK(ms("2017-05-11T06:35:27-00:00") == 1'494'484'527'000);
    CHECK(ms("2017-05-11T06:35:27.2Z") == 1'494'484'527'200);
    CHECK(ms("2017-05-11T06:35:27.25+00:00") == 1'494'484'527'250);
    CHECK(ms("2017-05-11T06:35:27.999999999Z") == 1'494'484'527'999);
    CHECK(ms("1969-12-31T23:59:59.999Z") == -1);
    CHECK(ms("0000-01-01T00:00:00Z") < ms("9999-12-31T23:59:59Z"));

    for (const std::string_view text :
         {"2017-02-29T06:35:27Z", "2017-05-11T24:00:00Z", "2017-05-11T06:60:27Z",
          "2016-12-31T23:59:60Z", "2017-13-11T06:35:27Z"}) {
        const auto parsed = parse_rfc3339(text);
        CAPTURE(text);
        REQUIRE_FALSE(parsed);
        CHECK(parsed.error().code == ErrorCode::invalid_argument);
        CHECK(parsed.error().message == "the time " + std::string(text) + " does not exist");
    }
    for (const std::string_view text :
         {"", "2017-05-11", "2017-05-11T06:35:27", "2017-05-11 06:35:27Z", "2017-05-11t06:35:27Z",
          "2017-05-11T06:35:27z", "2017-05-11T06:35Z", "2017-05-11T06:35:27.Z",
          "2017-05-11T06:35:27.1234567890Z", "2017-05-11T06:35:27,5Z", "2017-05-11T06:35:27+0700",
          "2017-05-11T06:35:27+24:00", "2017-05-11T06:35:27+07:60", "2017-05-11T06:35:27 +07:00",
          "2017-05-11T06:35:27ZZ", "2017-05-11T6:35:27Z", "-017-05-11T06:35:27Z",
          "2017-05-11T06:35:27.5", "2017-05-11T-6:35:27Z"}) {
        const auto parsed = parse_rfc3339(text);
        CAPTURE(text);
        REQUIRE_FALSE(parsed);
        CHECK(parsed.error().code == ErrorCode::invalid_argument);
        CHECK(parsed.error().message.find("of the form") != std::string::npos);
    }
}

TEST_CASE("a time zone may be used by many threads") {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([i] {
            for (int n = 0; n < 200; ++n) {
                const auto loaded = TimeZone::load(i % 2 == 0 ? "Asia/Tokyo" : "Europe/Paris");
                if (!loaded || loaded->to_rfc3339(n).empty()) std::abort();
            }
        });
    for (auto& thread : threads) thread.join();
}
