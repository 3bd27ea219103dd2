#include "backup_doc/text_scan.hpp"

#include <catch2/catch.hpp>

#include <cstring>
#include <random>
#include <string>

using namespace davenport::backup_doc;

namespace {

// The search as one would first write it. A backslash outside a string is no JSON: whatever is
// found then is as good as anything else.
constexpr std::size_t no_json = static_cast<std::size_t>(-1);
std::size_t object_end(const std::string& text) {
    std::size_t depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (in_string) {
            if (text[i] == '\\')
                ++i;
            else if (text[i] == '"')
                in_string = false;
        } else if (text[i] == '"') {
            in_string = true;
        } else if (text[i] == '{') {
            ++depth;
        } else if (text[i] == '}' && --depth == 0) {
            return i + 1;
        }
    }
    return 0;
}

}  // namespace

TEST_CASE("the end of an object is found as by a byte-wise search", "[backup_doc][scan]") {
    const auto seed = std::random_device()();
    CAPTURE(seed);
    std::mt19937 random(seed);
    for (int round = 0; round < 60'000; ++round) {
        // Backslashes only inside strings: elsewhere the text is no JSON, whatever is found. Now
        // and then strings are long, or full of backslashes.
        const unsigned plain = random() % 30;
        const unsigned backslashes = random() % 8;
        std::string text(1 + random() % 300, '{');
        bool in_string = false;
        bool escaped = false;
        for (std::size_t i = 1; i < text.size(); ++i) {
            const std::string_view letters = in_string ? "\"{}" : "\"{{}}";
            const unsigned which =
                random() % (letters.size() + plain + (in_string ? backslashes : 0));
            char& c = text[i];
            c = which < letters.size()           ? letters[which]
                : which < letters.size() + plain ? 'a'
                                                 : '\\';
            if (c == '"' && !escaped) in_string = !in_string;
            escaped = c == '\\' && !escaped;
        }
        const std::size_t expected = object_end(text);
        const std::string padded = text + std::string(scan_slack, '}');
        const char* found = find_object_end(padded.data(), padded.data() + text.size());
        INFO(text);
        REQUIRE(found == (expected == 0 ? nullptr : padded.data() + expected));
    }
}

TEST_CASE("the first byte of a string that is not plain", "[backup_doc][scan]") {
    for (std::size_t length = 0; length < 70; ++length) {
        const std::string plain(length, 'x');
        for (int byte = 0; byte < 256; ++byte) {
            const char c = static_cast<char>(byte);
            const bool special = byte < 0x20 || byte >= 0x80 || c == '"' || c == '\\';
            const std::string text = plain + c + "xyz" + std::string(scan_slack, '"');
            const char* end = text.data() + length + 4;
            REQUIRE(find_string_special(text.data(), end) ==
                    (special ? text.data() + length : end));
        }
    }
}
