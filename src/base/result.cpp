#include "davenport/base/result.hpp"

#include <cerrno>
#include <cstring>

namespace davenport {

const ErrorTraits& traits(ErrorCode code) {
    // Exit code 1 says that a backup or restore itself ended as failed, 2 that the usage was wrong.
    static const ErrorTraits rows[] = {
        {"invalid_argument", 400, 3, false}, {"unauthorized", 401, 4, false},
        {"forbidden", 403, 4, false},        {"not_found", 404, 5, false},
        {"conflict", 409, 6, false},         {"already_exists", 412, 6, false},
        {"in_progress", 400, 7, true},       {"in_use", 409, 7, true},
        {"too_large", 413, 3, false},        {"too_many", 429, 8, true},
        {"unavailable", 503, 8, true},       {"timeout", 504, 8, true},
        {"corrupt", 500, 9, false},          {"io", 500, 10, true},
        {"no_space", 507, 10, true},         {"unsupported", 501, 3, false},
        {"cancelled", 503, 11, true},        {"locked", 423, 13, false},
        {"internal", 500, 12, false},
    };
    return rows[static_cast<int>(code)];
}

Error posix_error(std::string_view what, int error_number) {
    ErrorCode code = ErrorCode::io;
    if (error_number == ENOSPC || error_number == EDQUOT) code = ErrorCode::no_space;
    if (error_number == ENOENT) code = ErrorCode::not_found;
    if (error_number == EEXIST) code = ErrorCode::already_exists;
    char buffer[128];
    return {code, fmt::format("{}: {}", what, strerror_r(error_number, buffer, sizeof buffer)), {}};
}

}  // namespace davenport
