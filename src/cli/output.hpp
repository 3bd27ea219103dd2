#pragma once

#include "davenport/base/json.hpp"
#include "davenport/base/result.hpp"

#include <cstdio>
#include <string>
#include <string_view>

namespace davenport::cli {

// Exit codes besides those of davenport::traits; all are listed in docs/cli.md.
inline constexpr int exit_success = 0;
inline constexpr int exit_operation_failed = 1;  // a backup or restore ran and ended as failed
inline constexpr int exit_usage = 2;

// For what others wrote, which may be anything: a line that can't pass for two, or for colours. Of
// UTF-8 text, whose control characters also are U+0080 to U+009F.
inline std::string on_one_line(std::string_view text) {
    std::string line;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
        const bool two = byte(i) == 0xC2 && i + 1 < text.size() && byte(i + 1) < 0xA0;
        line += two || byte(i) < 0x20 || byte(i) == 0x7F ? '?' : text[i];
        if (two) ++i;
    }
    return line;
}

// All of a text's, in every member of an object.
inline void put_on_one_line(json::value& value) {
    if (json::string* const text = value.if_string()) {
        value = on_one_line(std::string_view(text->data(), text->size()));
    } else if (json::array* const array = value.if_array()) {
        for (json::value& element : *array) put_on_one_line(element);
    } else if (json::object* const object = value.if_object()) {
        for (auto& member : *object) put_on_one_line(member.value());
    }
}

// The rows of an answer for a person: a line each, as `line_of` an object says it.
template <class LineOf>
std::string lines_of(const json::object& answer, std::string_view member, LineOf line_of) {
    std::string lines;
    if (const json::array* rows = array_member(answer, member))
        for (const json::value& row : *rows)
            if (const json::object* object = row.if_object())
                lines += on_one_line(line_of(*object)) + '\n';
    return lines;
}

// One line on stderr.
inline void tell(std::string_view what) {
    fmt::print(stderr, "davenport: {}\n", on_one_line(what));
}

// Tells the error on stderr; its exit code.
inline int report(const Error& error) {
    tell(error.message);
    return traits(error.code).exit_code;
}

// Results go to stdout; a full disk or a closed pipe must not look like success.
inline int print_result(std::string_view text) {
    const bool written =
        std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
    return written ? exit_success
                   : report(Error{ErrorCode::io, "the result could not be written to stdout", {}});
}

inline int print_json(const json::object& object) {
    return print_result(to_text(object) + "\n");
}

inline std::uint64_t number_or_zero(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
    return value && value->is_number() ? value->to_number<std::uint64_t>() : 0;
}

}  // namespace davenport::cli
