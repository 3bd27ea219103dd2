#include "scanner.hpp"

#include "davenport/base/encoding.hpp"
#include "text_scan.hpp"

#include <algorithm>
#include <vector>

namespace davenport::backup_doc {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::string describe(int byte) {
    if (byte == Scanner::end_of_text) return "the end of the text";
    if (byte > 0x20 && byte < 0x7F) return fmt::format("'{}'", static_cast<char>(byte));
    return fmt::format("the byte 0x{:02X}", byte);
}

void append_utf8(std::string& out, std::uint32_t code_point) {
    const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
    if (code_point < 0x80) {
        put(code_point);
    } else if (code_point < 0x800) {
        put(0xC0 | code_point >> 6);
        put(0x80 | (code_point & 0x3F));
    } else if (code_point < 0x10000) {
        put(0xE0 | code_point >> 12);
        put(0x80 | (code_point >> 6 & 0x3F));
        put(0x80 | (code_point & 0x3F));
    } else {
        put(0xF0 | code_point >> 18);
        put(0x80 | (code_point >> 12 & 0x3F));
        put(0x80 | (code_point >> 6 & 0x3F));
        put(0x80 | (code_point & 0x3F));
    }
}

}  // namespace

Scanner::Scanner(Input& input, std::uint32_t max_depth, std::string_view text_name)
    : input_(input), max_depth_(max_depth), text_name_(text_name) {}

tl::unexpected<Error> Scanner::malformed(std::string_view what) {
    if (input_.error()) return fail(*input_.error());
    if (input_.overflowed())
        return fail(ErrorCode::too_large, "a value goes on past the size limit at byte {}{}",
                    position(), text_name_);
    return fail(ErrorCode::invalid_argument, "malformed JSON at byte {}{}: {}", position(),
                text_name_, what);
}

tl::unexpected<Error> Scanner::unexpected(std::string_view expected) {
    const int found =
        input_.available(1) ? static_cast<unsigned char>(*input_.begin()) : end_of_text;
    return malformed(fmt::format("expected {}, found {}", expected, describe(found)));
}

int Scanner::peek() {
    while (input_.available(1)) {
        const char c = *input_.begin();
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return static_cast<unsigned char>(c);
        input_.advance(1);
    }
    return end_of_text;
}

bool Scanner::take_if(char wanted) {
    if (peek() != wanted) return false;
    take();
    return true;
}

Result<> Scanner::expect(char wanted, std::string_view place) {
    if (!take_if(wanted)) return unexpected(fmt::format("'{}' {}", wanted, place));
    return {};
}

Result<> Scanner::expect_end() {
    if (peek() != end_of_text) return malformed("text after the end of the value");
    if (input_.error()) return fail(*input_.error());
    return {};
}

Result<> Scanner::string_pieces(const PieceSink& sink) {
    DAVENPORT_TRY(expect('"', "at the beginning of a string"));
    for (;;) {
        if (!input_.available(1)) return malformed("the text ends inside a string");
        const char* const begin = input_.begin();
        const char* const special = find_string_special(begin, input_.end());
        if (special != begin) {
            input_.advance_to(special);
            if (sink) DAVENPORT_TRY(sink({begin, static_cast<std::size_t>(special - begin)}));
            continue;
        }
        const auto byte = static_cast<unsigned char>(*begin);
        if (byte == '"') {
            input_.advance(1);
            return {};
        }
        if (byte == '\\') {
            DAVENPORT_TRY(escape(sink));
        } else if (byte < 0x20) {
            return malformed(fmt::format("{} inside a string must be escaped", describe(byte)));
        } else {
            DAVENPORT_TRY(multi_byte_character());
            const std::size_t length = byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
            const std::string_view character(input_.begin(), length);
            input_.advance(length);
            if (sink) DAVENPORT_TRY(sink(character));
        }
    }
}

Result<> Scanner::multi_byte_character() {
    (void)input_.available(4);  // fewer only at the end of the text
    const auto in_hand = static_cast<std::size_t>(input_.end() - input_.begin());
    const auto first = static_cast<unsigned char>(*input_.begin());
    const std::size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    const std::string_view character(input_.begin(), std::min(length, in_hand));
    if (find_invalid_utf8(character) != std::string_view::npos) return malformed("not UTF-8");
    return {};
}

Result<std::uint32_t> Scanner::code_unit(std::size_t offset) {
    std::uint32_t unit = 0;
    for (std::size_t i = offset; i < offset + 4; ++i) {
        if (!input_.available(i + 1)) return malformed("the text ends inside a string");
        const char c = input_.begin()[i];
        const char lower = static_cast<char>(c | 0x20);
        if (is_digit(c)) {
            unit = unit * 16 + static_cast<std::uint32_t>(c - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            unit = unit * 16 + static_cast<std::uint32_t>(lower - 'a' + 10);
        } else {
            return malformed("\\u must be followed by four hexadecimal digits");
        }
    }
    return unit;
}

Result<> Scanner::escape(const PieceSink& sink) {
    if (!input_.available(2)) return malformed("the text ends inside a string");
    static constexpr std::string_view letters = "\"\\/bfnrt";
    static constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
    const char letter = input_.begin()[1];
    if (letter != 'u') {
        const std::size_t which = letters.find(letter);
        if (which == std::string_view::npos) return malformed("no escape of JSON");
        input_.advance(2);
        return sink ? sink(meanings.substr(which, 1)) : Result<>{};
    }
    DAVENPORT_ASSIGN(std::uint32_t code_point, code_unit(2));
    std::size_t length = 6;
    if (code_point >= 0xDC00 && code_point <= 0xDFFF)
        return malformed("the second half of a surrogate pair stands alone");
    if (code_point >= 0xD800 && code_point <= 0xDBFF) {
        if (!input_.available(8) || input_.begin()[6] != '\\' || input_.begin()[7] != 'u')
            return malformed("the first half of a surrogate pair stands alone");
        DAVENPORT_ASSIGN(const std::uint32_t second, code_unit(8));
        if (second < 0xDC00 || second > 0xDFFF)
            return malformed("the first half of a surrogate pair stands alone");
        code_point = 0x10000 + ((code_point - 0xD800) << 10) + (second - 0xDC00);
        length = 12;
    }
    input_.advance(length);
    if (!sink) return {};
    std::string text;
    append_utf8(text, code_point);
    return sink(text);
}

Result<std::string> Scanner::string(std::uint64_t limit) {
    std::string text;
    DAVENPORT_TRY(string_pieces([&](std::string_view piece) -> Result<> {
        if (text.size() + piece.size() > limit)
            return fail(ErrorCode::too_large, "a string goes on past the size limit at byte {}{}",
                        position(), text_name_);
        text += piece;
        return {};
    }));
    return text;
}

Result<> Scanner::literal(std::string_view word) {
    (void)peek();
    for (const char letter : word) {
        if (!input_.available(1) || *input_.begin() != letter) return unexpected("a value");
        input_.advance(1);
    }
    return {};
}

Result<bool> Scanner::boolean() {
    const bool value = peek() == 't';
    DAVENPORT_TRY(literal(value ? "true" : "false"));
    return value;
}

Result<> Scanner::number() {
    const auto next_is = [&](std::string_view any_of) {
        return input_.available(1) && any_of.find(*input_.begin()) != std::string_view::npos;
    };
    const auto digits = [&]() -> Result<> {
        if (!input_.available(1) || !is_digit(*input_.begin())) return unexpected("a digit");
        while (input_.available(1) && is_digit(*input_.begin())) input_.advance(1);
        return {};
    };
    if (next_is("-")) input_.advance(1);
    if (next_is("0")) {
        input_.advance(1);
        if (next_is("0123456789")) return malformed("a number with a leading zero");
    } else {
        DAVENPORT_TRY(digits());
    }
    if (next_is(".")) {
        input_.advance(1);
        DAVENPORT_TRY(digits());
    }
    if (next_is("eE")) {
        input_.advance(1);
        if (next_is("+-")) input_.advance(1);
        DAVENPORT_TRY(digits());
    }
    return {};
}

Result<> Scanner::scalar(int first) {
    switch (first) {
        case '"':
            return string_pieces({});
        case 't':
            return literal("true");
        case 'f':
            return literal("false");
        case 'n':
            return literal("null");
        default:
            break;
    }
    if (first == '-' || (first >= '0' && first <= '9')) return number();
    return unexpected("a value");
}

Result<> Scanner::key() {
    if (peek() != '"') return unexpected("a key");
    DAVENPORT_TRY(string_pieces({}));
    return expect(':', "after the key");
}

// Without recursion: how deep a text may go is a limit of ours, not of the stack.
Result<> Scanner::skip_value(std::uint32_t depth) {
    std::vector<char> closers;
    for (;;) {
        const int first = peek();
        if (first == '{' || first == '[') {
            if (depth + closers.size() >= max_depth_)
                return malformed(fmt::format("more than {} levels deep", max_depth_));
            take();
            const char closer = first == '{' ? '}' : ']';
            if (!take_if(closer)) {
                closers.push_back(closer);
                if (closer == '}') DAVENPORT_TRY(key());
                continue;
            }
        } else {
            DAVENPORT_TRY(scalar(first));
        }
        while (!closers.empty() && take_if(closers.back())) closers.pop_back();
        if (closers.empty()) return {};
        if (!take_if(',')) return unexpected(fmt::format("',' or '{}'", closers.back()));
        if (closers.back() == '}') DAVENPORT_TRY(key());
    }
}

Result<std::string> Scanner::raw_value(std::uint32_t depth, std::uint64_t limit) {
    (void)peek();
    input_.hold(limit);
    auto skipped = skip_value(depth);
    std::string text(skipped ? input_.held() : std::string_view{});
    input_.release();
    DAVENPORT_TRY(std::move(skipped));
    if (text.size() > limit)
        return fail(ErrorCode::too_large,
                    "the value before byte {}{} is longer than the limit of {} bytes", position(),
                    text_name_, limit);
    return text;
}

}  // namespace davenport::backup_doc
