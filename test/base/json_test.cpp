#include "davenport/base/json.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <random>

using namespace davenport;

namespace {
std::string why(std::string_view text) {
    const auto parsed = parse_json(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == ErrorCode::invalid_argument);
    return parsed.error().message;
}
}  // namespace

TEST_CASE("strict JSON is read") {
    CHECK(to_text(parse_json(R"( {"a":[1,2.5,"x",null,true]} )").value()) ==
          R"({"a":[1,2.5E0,"x",null,true]})");
}

TEST_CASE("malformed JSON is refused with its position") {
    using Catch::Matchers::Contains;
    CHECK_THAT(why("{\"a\":1"), Contains("byte 6"));
    CHECK_THAT(why("{\"a\":1}x"), Contains("byte 7"));
    CHECK_THAT(why("{\"a\":nul}"), Contains("byte"));
    CHECK_THAT(why(""), Contains("byte 0"));
    CHECK_THAT(why("\"\xff\""), Contains("byte"));
    CHECK_THAT(why("[1,]"), Contains("byte"));
    CHECK_THAT(why("01"), Contains("byte"));
}

TEST_CASE("numbers are read to the nearest double") {
    std::mt19937_64 random(20240204);
    for (int i = 0; i < 20'000; ++i) {
        const double number =
            std::ldexp(static_cast<double>(random() >> 11), static_cast<int>(random() % 200) - 150);
        const std::string text = fmt::format("[{:.16e},{}]", number, number);
        const auto value = parse_json(text);
        REQUIRE(value);
        for (const json::value& read : value->get_array())
            REQUIRE(read.to_number<double>() == number);
        REQUIRE(*parse_json(to_text(*value)) == *value);
    }
    CHECK(parse_json("-0.0")->get_double() == 0);
    CHECK(std::signbit(parse_json("-0.0")->get_double()));
    CHECK(parse_json("5e-324")->get_double() == 5e-324);
    CHECK(parse_json("18446744073709551616")->get_double() == 18446744073709551616.0);
}

TEST_CASE("a key that stands twice in one object is refused") {
    using Catch::Matchers::Contains;
    CHECK_THAT(why(R"({"a":{"b":1},"a":2})"), Contains("\"a\" stands twice"));
    CHECK_THAT(why(R"({"a":1,"b":{"a":2},"a":3})"), Contains("\"a\" stands twice"));
    CHECK_THAT(why(R"([{"k":1,"\u006b":2}])"), Contains("\"k\" stands twice"));
    CHECK(parse_json(R"([{"k":1},{"k":2}])"));
}

TEST_CASE("nesting is limited") {
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    CHECK(parse_json(nested(60)));
    CHECK_FALSE(parse_json(nested(100)));
    CHECK_FALSE(parse_json(nested(1'000'000)));
}

TEST_CASE("quoting escapes what JSON must escape") {
    std::string out;
    append_quoted(out, std::string_view("a\"b\\c\n\r\t\x01\x1f/é"));
    CHECK(out == "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f/é\"");
}

TEST_CASE("members are found by type only") {
    const json::object object =
        parse_json_object(R"({"s":"x","i":7,"b":true,"o":{},"l":[]})").value();
    CHECK(text_or(object, "s") == "x");
    CHECK(text_or(object, "i", "none") == "none");
    CHECK(integer_member(object, "i") == 7);
    CHECK_FALSE(integer_member(object, "s"));
    CHECK(integer_member({{"u", std::uint64_t{7}}}, "u") == 7);
    CHECK_FALSE(integer_member({{"u", UINT64_MAX}}, "u"));
    CHECK(boolean_member(object, "b") == true);
    CHECK(object_member(object, "o") != nullptr);
    CHECK(array_member(object, "o") == nullptr);
    CHECK(array_member(object, "l") != nullptr);
}
