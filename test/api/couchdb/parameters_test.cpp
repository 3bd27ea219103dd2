#include "api/couchdb/parameters.hpp"

#include <catch2/catch.hpp>

using namespace davenport;
using namespace davenport::api::couchdb;

namespace {

http::Request with_query(std::string query) {
    http::Request request;
    request.query = std::move(query);
    return request;
}

}  // namespace

TEST_CASE("a fault in a parameter names it") {
    for (const char* value :
         {"-1", "1x", "", "1.5", "99999999999999999999", "0x10", "%2B1", " 1"}) {
        CAPTURE(value);
        const auto request = with_query(std::string("limit=") + value);
        const auto count = Parameters(request).count("limit");
        REQUIRE_FALSE(count);
        CHECK(count.error().detail == "query_parse_error");
        CHECK(count.error().message.find("`limit`") != std::string::npos);
    }
    const auto flag = with_query("descending=yes");
    CHECK(Parameters(flag).flag("descending", false).error().message.find("`descending`") !=
          std::string::npos);
    const auto key = with_query("startkey=abc");
    CHECK(Parameters(key).value("startkey").error().message.find("`startkey`") !=
          std::string::npos);
    const auto binary = with_query("since=%ff");
    CHECK_FALSE(Parameters(binary).text("since"));
}

TEST_CASE("a body's members stand for parameters and win over them") {
    const auto request = with_query("limit=1&since=%225%22");
    Parameters parameters(request);
    CHECK(parameters.count("limit").value() == 1u);
    CHECK(parameters.text("since").value() == "5");
    REQUIRE(parameters.add_body(R"({"limit":7,"descending":true,"startkey":"a"})"));
    CHECK(parameters.count("limit").value() == 7u);
    CHECK(parameters.flag("descending", false).value());
    CHECK(parameters.value("startkey").value() == json::value("a"));
    CHECK_FALSE(parameters.flag("startkey", false));
    CHECK_FALSE(Parameters(request).add_body("[]"));
}

TEST_CASE("bounds that are no strings sort around all strings") {
    const auto range = [](std::string query) {
        const auto request = with_query(std::move(query));
        return key_range(Parameters(request)).value();
    };
    CHECK_FALSE(range("startkey=null&endkey=%7B%7D").nothing);
    CHECK_FALSE(range("startkey=null&endkey=%7B%7D").start);
    CHECK(range("startkey=%7B%7D").nothing);
    CHECK(range("endkey=1").nothing);
    CHECK_FALSE(range("descending=true&startkey=%7B%7D&endkey=null").nothing);
    CHECK(range("descending=true&startkey=null").nothing);
    CHECK(range("descending=true&endkey=[]").nothing);
    CHECK(range("key=5").nothing);
    CHECK(range("key=%22a%22").start == "a");
    CHECK(range("start_key=%22a%22&end_key=%22b%22").end == "b");
}
