#include "davenport/base/json.hpp"

#include <catch2/catch.hpp>

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

TEST_CASE("a key that stands twice in one object is refused") {
    using Catch::Matchers::Contains;
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
