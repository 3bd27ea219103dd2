#include "support.hpp"

using namespace davenport;
using namespace davenport::retention;
using namespace davenport::retention::test;
using Catch::Matchers::Contains;

namespace {

const std::int64_t now = at("2026-11-22T12:00:00Z");

std::vector<Backup> backups(const std::vector<std::string>& times) {
    std::vector<Backup> made;
    for (const std::string& time : times) made.push_back(backup(time));
    return made;
}

Ids kept_by(const Rules& rules, const std::vector<Backup>& given, const char* zone_name = "UTC") {
    return kept(decide(given, rules, now, zone(zone_name)).value());
}

}  // namespace

TEST_CASE("no rules are an error, not an empty vault") {
    Rules rules = none_yet();
    CHECK(rules.empty());
    const auto refused = decide(backups({"2026-11-01T00:00:00Z"}), rules, now, zone());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::invalid_argument);
    CHECK_THAT(refused.error().message, Contains("retention.preset"));
    rules.preset = Rules::Preset::none;
    rules.last = 5;
    CHECK_FALSE(decide({}, rules, now, zone()));
}

TEST_CASE("keep_last") {
    const auto given = backups({"2026-11-20T00:00:00Z", "2026-11-22T00:00:00Z",
                                "2026-11-21T00:00:00Z", "2026-11-19T00:00:00Z"});
    Rules rules = none_yet();
    rules.last = 2;
    CHECK(kept_by(rules, given) == Ids{"2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"});
    rules.last = -1;
    CHECK(kept_by(rules, given).size() == 4);
    rules.last = 100;
    CHECK(kept_by(rules, given).size() == 4);
}

TEST_CASE("the newest of each of the last days that have a backup") {
    const auto given =
        backups({"2026-11-10T08:00:00Z", "2026-11-10T20:00:00Z", "2026-11-12T01:00:00Z",
                 "2026-11-12T23:00:00Z", "2026-11-22T00:00:00Z", "2026-11-22T00:00:01Z"});
    Rules rules = none_yet();
    rules.daily = 2;
    CHECK(kept_by(rules, given) == Ids{"2026-11-12T23:00:00Z", "2026-11-22T00:00:01Z"});
    rules.daily = 3;
    CHECK(kept_by(rules, given) ==
          Ids{"2026-11-10T20:00:00Z", "2026-11-12T23:00:00Z", "2026-11-22T00:00:01Z"});
    // Days still to come: the oldest stays until they have.
    rules.daily = 4;
    const auto decided = reasons(decide(given, rules, now, zone()).value());
    CHECK(decided.size() == 4);
    CHECK(decided.at("2026-11-10T08:00:00Z") == std::vector<std::string>{"oldest daily"});
    CHECK(decided.at("2026-11-22T00:00:01Z") == std::vector<std::string>{"newest", "daily"});
}

TEST_CASE("hours, weeks, months and years") {
    Rules rules = none_yet();
    SECTION("hours") {
        rules.hourly = 2;
        CHECK(kept_by(rules, backups({"2026-11-22T09:59:00Z", "2026-11-22T10:00:00Z",
                                      "2026-11-22T10:59:59Z", "2026-11-22T11:00:00Z"})) ==
              Ids{"2026-11-22T10:59:59Z", "2026-11-22T11:00:00Z"});
    }
    SECTION("weeks begin on Monday, also over the turn of the year") {
        rules.weekly = 2;
        // 2026-11-16 is a Monday.
        CHECK(kept_by(rules, backups({"2026-11-08T12:00:00Z", "2026-11-15T23:59:59Z",
                                      "2026-11-16T00:00:00Z", "2026-11-22T11:00:00Z"})) ==
              Ids{"2026-11-15T23:59:59Z", "2026-11-22T11:00:00Z"});
        CHECK(kept_by(rules, backups({"2025-12-28T12:00:00Z", "2025-12-29T12:00:00Z",
                                      "2026-01-04T12:00:00Z"})) ==
              Ids{"2025-12-28T12:00:00Z", "2026-01-04T12:00:00Z"});
    }
    SECTION("months") {
        rules.monthly = 2;
        CHECK(kept_by(rules, backups({"2025-11-30T12:00:00Z", "2026-10-01T00:00:00Z",
                                      "2026-10-31T23:59:59Z", "2026-11-01T00:00:00Z"})) ==
              Ids{"2026-10-31T23:59:59Z", "2026-11-01T00:00:00Z"});
    }
    SECTION("years") {
        rules.yearly = 2;
        CHECK(kept_by(rules, backups({"2023-01-01T00:00:00Z", "2024-05-01T00:00:00Z",
                                      "2024-12-31T23:59:59Z", "2026-01-01T00:00:00Z"})) ==
              Ids{"2024-12-31T23:59:59Z", "2026-01-01T00:00:00Z"});
    }
}

TEST_CASE("a day is a day of the time zone") {
    const auto given =
        backups({"2026-11-21T16:30:00Z", "2026-11-21T17:30:00Z"});  // midnight +07:00
    Rules rules = none_yet();
    rules.daily = 2;
    CHECK(kept_by(rules, given, "Asia/Jakarta").size() == 2);
    rules.daily = 1;
    CHECK(kept_by(rules, given, "Asia/Jakarta") == Ids{"2026-11-21T17:30:00Z"});
    rules.weekly = 1;
    CHECK(kept_by(rules, given, "UTC") == Ids{"2026-11-21T17:30:00Z"});
}

TEST_CASE("keep_within counts from the newest backup") {
    auto given = backups({"2026-01-01T00:00:00Z", "2026-01-08T00:00:00Z", "2026-01-08T00:00:01Z",
                          "2026-01-15T00:00:00Z"});
    given[2].started_ms -= 999;  // a millisecond within
    Rules rules = none_yet();
    rules.within = Duration{0, 0, 7, 0};
    CHECK(kept_by(rules, given) == Ids{"2026-01-08T00:00:01Z", "2026-01-15T00:00:00Z"});
    rules.within = Duration{};
    CHECK(kept_by(rules, given) == Ids{"2026-01-15T00:00:00Z"});
}

TEST_CASE("what one rule keeps is kept, with every reason") {
    Rules rules = none_yet();
    rules.last = 1;
    rules.monthly = 1;
    rules.within = parse_duration("1d").value();
    const auto decided =
        reasons(decide(backups({"2026-11-22T00:00:00Z"}), rules, now, zone()).value());
    CHECK(decided.at("2026-11-22T00:00:00Z") ==
          std::vector<std::string>{"newest", "last", "monthly", "within 1d"});
    CHECK(to_text(rules) == "keep_last=1 keep_monthly=1 keep_within=1d");
}

TEST_CASE("the console's preset") {
    std::vector<Backup> given;
    for (int hours = 0; hours < 200 * 24; hours += 6)
        given.push_back(backup(to_rfc3339(now - hours * hour_ms)));
    const auto decided = decide(given, Rules{}, now, zone()).value();
    Ids expected;
    for (const int hours : {0, 6, 12, 18}) expected.insert(to_rfc3339(now - hours * hour_ms));
    for (const int days : {1, 2, 3, 4, 5, 6, 7, 10, 20, 30, 60, 90})
        expected.insert(to_rfc3339(now - days * day_ms));
    CHECK(kept(decided) == expected);
    CHECK(reasons(decided).at(to_rfc3339(now)) ==
          std::vector<std::string>{"newest", "last day", "closest to 0 days"});
}

TEST_CASE("the console's preset keeps the newer of two that are as close") {
    std::vector<Backup> given;
    for (const int hours : {0, 24, 44, 52, 72})
        given.push_back(backup(to_rfc3339(now - hours * hour_ms)));
    const Ids left = kept(decide(given, Rules{}, now, zone()).value());
    CHECK(left.size() == 4);
    CHECK(left.contains(to_rfc3339(now - 44 * hour_ms)));
}

TEST_CASE("the console's preset over a year of daily backups") {
    std::vector<Backup> vault;
    for (int today = 0; today < 400; ++today) {
        const std::int64_t time = now + today * day_ms;
        vault.push_back(backup(to_rfc3339(time)));
        const auto decided = decide(vault, Rules{}, time + hour_ms, zone()).value();
        std::vector<Backup> left;
        for (std::size_t i = 0; i < vault.size(); ++i)
            if (decided[i].fate == Decision::Fate::keep) left.push_back(vault[i]);
        vault = std::move(left);
        REQUIRE(vault.size() <= 14);
        if (today < 200) continue;
        const std::int64_t oldest = (time - vault.front().started_ms) / day_ms;
        CHECK(oldest >= 60);
        CHECK(oldest <= 120);
        for (const int days : {0, 1, 2, 3, 4, 5, 6, 7}) {
            const auto found = std::find_if(vault.begin(), vault.end(), [&](const Backup& backup) {
                return backup.started_ms == time - days * day_ms;
            });
            CHECK(found != vault.end());
        }
    }
}

TEST_CASE("nothing is kept in place of a complete backup") {
    auto given = backups({"2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"});
    given[1].state = State::failed;
    given[2].state = State::running;
    Rules rules = none_yet();
    rules.last = 1;
    const auto decided = reasons(decide(given, rules, now, zone()).value());
    CHECK(decided.size() == 2);
    CHECK(decided.at("2026-11-20T00:00:00Z") == std::vector<std::string>{"newest", "last"});
    CHECK(decided.at("2026-11-22T00:00:00Z") == std::vector<std::string>{"running"});
    given[0].state = State::failed;
    CHECK(kept_by(rules, given) == Ids{"2026-11-22T00:00:00Z"});
}

TEST_CASE("pins, locks and use overrule every rule") {
    auto given = backups({"2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z",
                          "2026-01-04T00:00:00Z", "2026-11-22T00:00:00Z"});
    given[0].pin = "audit 2026";
    given[1].locked_until_ms = now + 1;
    given[2].locked_until_ms = now;
    given[3].used_by = "drill_1";
    Rules rules = none_yet();
    rules.last = 1;
    const auto decided = reasons(decide(given, rules, now, zone()).value());
    CHECK(decided.size() == 4);
    CHECK(decided.at("2026-01-01T00:00:00Z") == std::vector<std::string>{"pinned: audit 2026"});
    CHECK_THAT(decided.at("2026-01-02T00:00:00Z").at(0), Contains("locked until 2026-11-22"));
    CHECK(decided.at("2026-01-04T00:00:00Z") == std::vector<std::string>{"in use by drill_1"});
}
