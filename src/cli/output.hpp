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

// Tells the error on stderr; its exit code.
inline int report(const Error& error) {
    fmt::print(stderr, "davenport: {}\n", error.message);
    return traits(error.code).exit_code;
}

// Results go to stdout; a full disk or a closed pipe must not look like success.
inline int print_result(std::string_view text) {
    const bool written =
        std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
    return written ? exit_success
                   : report(Error{ErrorCode::io, "the result could not be written to stdout", {}});
}

// For what stored bytes say, which may be anybody's: a line that can't pass for two, or for
// colours.
inline std::string on_one_line(std::string text) {
    for (char& c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
    return text;
}

inline int print_json(const json::object& object) {
    return print_result(to_text(object) + "\n");
}

inline std::uint64_t number_or_zero(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
    return value && value->is_number() ? value->to_number<std::uint64_t>() : 0;
}

}  // namespace davenport::cli
