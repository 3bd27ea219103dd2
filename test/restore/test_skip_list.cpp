#include "davenport/restore/skip_list.hpp"

#include <catch2/catch.hpp>

using namespace davenport;
using restore::parse_skip_list;

namespace {

using Ids = std::set<std::string, std::less<>>;

Ids ids_of(std::string_view text) {
    auto ids = parse_skip_list("skip_system", text);
    if (!ids) FAIL(text << ": " << ids.error().message);
    return *ids;
}

}  // namespace

TEST_CASE("every accepted form names the same ids") {
    for (const std::string_view text :
         {R"(["a"])", R"(['a'])", R"("['a']")", R"("["a"]")", R"("[\"a\"]")", R"( [ "a" ] )",
          R"( " [ 'a' ] " )", R"(["\u0061"])", R"(["a","a"])", R"(['a',"a"])"}) {
        CHECK(ids_of(text) == Ids{"a"});
    }
    for (const std::string_view text : {R"(["a","b"])", R"(['a','b'])", R"("['a','b']")",
                                        R"("["a", "b"]")", "[\n\t'a' ,\r\n\"b\"]"}) {
        CHECK(ids_of(text) == Ids{"a", "b"});
    }
    for (const std::string_view text : {"[]", "[ ]", "\"[]\"", " [] "}) CHECK(ids_of(text).empty());
}

TEST_CASE("ids with quotes, brackets and commas in them") {
    CHECK(ids_of(R"(["it's"])") == Ids{"it's"});
    CHECK(ids_of(R"(['it\'s'])") == Ids{"it's"});
    CHECK(ids_of(R"(['say "hi"'])") == Ids{R"(say "hi")"});
    CHECK(ids_of(R"(["say \"hi\""])") == Ids{R"(say "hi")"});
    CHECK(ids_of(R"(["a,b","]"])") == Ids{"a,b", "]"});
    CHECK(ids_of(R"(['a,b',']'])") == Ids{"a,b", "]"});
    CHECK(ids_of("[\"Z\xc3\xbcrich\",\"_design/all\"]") == Ids{"Z\xc3\xbcrich", "_design/all"});
    CHECK(ids_of(R"(["a/b c+d%20"])") == Ids{"a/b c+d%20"});
}

TEST_CASE("what can't be read is refused, never taken as less") {
    const std::string too_long = "[\"" + std::string(5'000, 'x') + "\"]";
    const std::string huge = "[" + std::string(2'000'000, ' ') + "]";
    for (const std::string_view text : {std::string_view(""),
                                        std::string_view("   "),
                                        std::string_view("a"),
                                        std::string_view("\"a\""),
                                        std::string_view("'a'"),
                                        std::string_view("[a]"),
                                        std::string_view("[1]"),
                                        std::string_view("[null]"),
                                        std::string_view("[[\"a\"]]"),
                                        std::string_view("{\"a\":1}"),
                                        std::string_view("[\"a\""),
                                        std::string_view("\"a\"]"),
                                        std::string_view("[\"a\",]"),
                                        std::string_view("[,\"a\"]"),
                                        std::string_view("[\"a\" \"b\"]"),
                                        std::string_view("[\"a\"] x"),
                                        std::string_view("[\"a\"][\"b\"]"),
                                        std::string_view("[\"a]"),
                                        std::string_view("['a\"]"),
                                        std::string_view("[\"\"]"),
                                        std::string_view("['']"),
                                        std::string_view("[\"\\x\"]"),
                                        std::string_view("[\"\xff\"]"),
                                        std::string_view("[\"a\nb\"]"),
                                        std::string_view("[\"a\\\"]"),
                                        std::string_view("\""),
                                        std::string_view("\"\""),
                                        std::string_view("'[\"a\"]'"),
                                        std::string_view("[\"\\u0000\"]"),
                                        std::string_view("[\"a\"]\0", 6),
                                        std::string_view("\"[\"a\"]"),
                                        std::string_view(too_long),
                                        std::string_view(huge)}) {
        const auto ids = parse_skip_list("skip_components", text);
        CAPTURE(text.substr(0, 40));
        REQUIRE_FALSE(ids);
        CHECK(ids.error().code == ErrorCode::invalid_argument);
        CHECK(ids.error().message.find("skip_components") != std::string::npos);
    }
}
