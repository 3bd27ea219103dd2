#include "davenport/base/json_text.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace davenport;

TEST_CASE("a top-level member is found whatever stands around it") {
    CHECK(find_member(R"({"type":"peer"})", "type") == R"("peer")");
    CHECK(find_member(R"( { "a" : [1,{"type":"no"}] , "type" : {"x":"}"} , "b":2})", "type") ==
          R"({"x":"}"})");
    CHECK(find_member(R"({"a":"\"type\":1","t\u0079pe":true})", "type") == "true");
    CHECK(find_member(R"({"type":-1.5e3})", "type") == "-1.5e3");
    CHECK_FALSE(find_member(R"({"a":{"type":1}})", "type"));
    CHECK_FALSE(find_member("{}", "type"));
    CHECK_FALSE(find_member("[]", "type"));
    CHECK(string_member_of(R"({"type":"a\u00fcb"})", "type") ==
          "a\xc3\xbc"
          "b");
    CHECK(string_member_of(R"({"type":""})", "type") == "");
    CHECK_FALSE(string_member_of(R"({"type":7})", "type"));
}

TEST_CASE("replacing a member leaves every other byte as it was") {
    CHECK(with_member(R"({ "a":1.50, "list" : ["x", "]"] , "z":{} })", "list", "[]") ==
          R"({ "a":1.50, "list" : [] , "z":{} })");
    CHECK(with_member(R"({"a":1})", "list", "[]") == R"({"a":1,"list":[]})");
    CHECK(with_member("{}", "list", "[]") == R"({"list":[]})");
    CHECK(with_member("{ }", "list", "[]") == R"({ "list":[]})");
    CHECK(with_member("", "list", "[]").empty());  // no object at all
}

TEST_CASE("any text is walked without reading past its end") {
    std::mt19937 random(std::random_device{}());
    const std::string alphabet = "{}[]\",:\\ a1";
    for (int round = 0; round < 20'000; ++round) {
        std::string text = "{";
        for (unsigned i = 0; i < random() % 14; ++i) text += alphabet[random() % alphabet.size()];
        const std::string exact(text.begin(), text.end());
        (void)find_member(exact, "a");
        (void)with_member(exact, "b", "1");
        for_each_element("[" + exact, [](std::string_view value) { (void)string_value(value); });
    }
}
