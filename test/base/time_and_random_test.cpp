#include "davenport/base/clock.hpp"
#include "davenport/base/random.hpp"

#include <catch2/catch.hpp>
#include <regex>
#include <set>

using namespace davenport;

TEST_CASE("times are written as the console writes them") {
    CHECK(to_rfc3339(1592922838408) == "2020-06-23T14:33:58Z");
    CHECK(to_elapsed(23769) == "23.8 secs");
    CHECK(to_elapsed(180'000) == "3.0 mins");
    CHECK(to_elapsed(7'200'000) == "2.0 hrs");
}

TEST_CASE("random texts have their form and do not repeat") {
    std::set<std::string> seen;
    const std::regex uuid("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
    for (int i = 0; i < 1000; ++i) {
        CHECK(std::regex_match(random_uuid(), uuid));
        CHECK(seen.insert(random_token(12)).second);
    }
    CHECK(random_hex(7).size() == 7);
    CHECK(random_token(0).empty());
}

TEST_CASE("every error code has a row of its own") {
    std::set<std::string_view> names;
    for (int code = 0; code <= static_cast<int>(ErrorCode::internal); ++code) {
        const ErrorTraits& row = traits(static_cast<ErrorCode>(code));
        CHECK(names.insert(row.name).second);
        CHECK(row.http_status >= 400);
        CHECK(row.exit_code >= 3);
    }
    CHECK(traits(ErrorCode::internal).name == "internal");
    CHECK(posix_error("x", ENOSPC).code == ErrorCode::no_space);
}
