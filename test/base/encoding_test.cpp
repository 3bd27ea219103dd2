#include "davenport/base/encoding.hpp"

#include "davenport/base/random.hpp"

#include <catch2/catch.hpp>

using namespace davenport;

TEST_CASE("base64 follows RFC 4648") {
    const std::pair<std::string, std::string> vectors[] = {{"", ""},
                                                           {"f", "Zg=="},
                                                           {"fo", "Zm8="},
                                                           {"foo", "Zm9v"},
                                                           {"foob", "Zm9vYg=="},
                                                           {"fooba", "Zm9vYmE="},
                                                           {"foobar", "Zm9vYmFy"}};
    for (const auto& [bytes, text] : vectors) {
        CHECK(to_base64(bytes) == text);
        CHECK(from_base64(text).value() == bytes);
    }
}

TEST_CASE("base64 of any bytes comes back") {
    for (std::size_t size = 0; size < 200; ++size) {
        const std::string bytes = random_bytes(size);
        CHECK(from_base64(to_base64(bytes)).value() == bytes);
    }
}

TEST_CASE("base64 that is not strict is refused") {
    for (const char* text :
         {"Z", "Zg", "Zg=", "Zg==Zg==", "Z===", "====", "Zm9v!", "Zm 9", "Zh==", "Zm9="})
        CHECK_FALSE(from_base64(text));
}

TEST_CASE("hex comes back and refuses what is no hex") {
    CHECK(to_hex(std::string("\x00\xff\x10", 3)) == "00ff10");
    CHECK(from_hex("00fF10").value() == std::string("\x00\xff\x10", 3));
    CHECK_FALSE(from_hex("0"));
    CHECK_FALSE(from_hex("0g"));
}

TEST_CASE("invalid UTF-8 is found where it begins") {
    const std::size_t none = std::string_view::npos;
    CHECK(find_invalid_utf8("plain") == none);
    CHECK(find_invalid_utf8("h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80") == none);
    CHECK(find_invalid_utf8("ab\xff") == 2);
    CHECK(find_invalid_utf8("\xc0\x80") == 0);          // overlong NUL
    CHECK(find_invalid_utf8("\xe0\x80\x80") == 0);      // overlong
    CHECK(find_invalid_utf8("x\xed\xa0\x80") == 1);     // surrogate
    CHECK(find_invalid_utf8("\xf4\x90\x80\x80") == 0);  // beyond U+10FFFF
    CHECK(find_invalid_utf8("abc\xe2\x82") == 3);       // cut
}

TEST_CASE("percent codec") {
    CHECK(*percent_decode("") == "");
    CHECK(*percent_decode("a+b%20c") == "a+b c");
    CHECK(*percent_decode("%2f%2F%00%C3%a4") == std::string("//\0\xc3\xa4", 5));
    for (const char* bad : {"%", "%4", "a%", "a%4", "%zz", "%4z", "%z4", "%%41", "%-1", "% 1"}) {
        INFO(bad);
        REQUIRE_FALSE(percent_decode(bad));
        CHECK(percent_decode(bad).error().code == ErrorCode::invalid_argument);
    }
    CHECK(percent_encode("aZ09-._~") == "aZ09-._~");
    CHECK(percent_encode(" /%\xff+") == "%20%2F%25%FF%2B");

    std::string every;
    for (int byte = 0; byte < 256; ++byte) every += static_cast<char>(byte);
    CHECK(*percent_decode(percent_encode(every)) == every);
}

TEST_CASE("what is quoted in a message is short, valid and on one line") {
    CHECK(in_quotes("plain") == "\"plain\"");
    CHECK(in_quotes("") == "\"\"");
    CHECK(in_quotes("a\r\nb\x7f") == "\"a??b?\"");
    CHECK(in_quotes("\xff\xc3é") == "\"??é\"");
    CHECK(in_quotes(std::string(64, 'x')) == '"' + std::string(64, 'x') + '"');
    CHECK(in_quotes(std::string(65, 'x')) == '"' + std::string(64, 'x') + "…\"");
    CHECK(in_quotes(std::string(63, 'x') + "éé") == '"' + std::string(63, 'x') + "…\"");
    CHECK(find_invalid_utf8(in_quotes(std::string(1000, '\x80'))) == std::string::npos);
}
