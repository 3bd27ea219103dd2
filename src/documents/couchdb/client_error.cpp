#include "davenport/base/encoding.hpp"
#include "davenport/base/json.hpp"
#include "documents/couchdb/client.hpp"

namespace davenport::documents::couchdb {
namespace {

constexpr std::size_t max_parsed_bytes = 1u << 20;
constexpr std::size_t max_quoted_bytes = 300;
constexpr std::size_t max_excerpt_bytes = 120;

ErrorCode code_of(int status) {
    switch (status) {
        case 400:
            return ErrorCode::invalid_argument;
        case 401:
            return ErrorCode::unauthorized;
        case 403:
            return ErrorCode::forbidden;
        case 404:
            return ErrorCode::not_found;
        case 409:
            return ErrorCode::conflict;
        case 412:
            return ErrorCode::already_exists;
        case 413:
            return ErrorCode::too_large;
        case 429:
            return ErrorCode::too_many;
        default:
            if (status >= 500) return ErrorCode::unavailable;
            // A redirect: the URL that was set is not the server's own.
            return status >= 300 && status < 400 ? ErrorCode::invalid_argument
                                                 : ErrorCode::internal;
    }
}

// One line of valid UTF-8 and at most `most` bytes.
std::string excerpt(std::string_view text, std::size_t most) {
    std::string line;
    bool more = false;
    for (const char c : text) {
        const bool blank = static_cast<unsigned char>(c) <= ' ' || c == 0x7f;
        if (blank && (line.empty() || line.back() == ' ')) continue;
        more = line.size() == most;
        if (more) break;
        line += blank ? ' ' : c;
    }
    if (const std::size_t wrong = find_invalid_utf8(line); wrong != std::string::npos) {
        more = true;
        line.resize(wrong);
    }
    while (line.ends_with(' ')) line.pop_back();
    return more ? line + "…" : line;
}

}  // namespace

Error error_of(const Answer& answer, std::string_view what) {
    const int status = answer.head.status;
    Error error{code_of(status), {}, {}};
    if (answer.body.size() <= max_parsed_bytes)
        if (const auto body = parse_json_object(answer.body)) {
            error.detail = excerpt(text_or(*body, "error"), max_quoted_bytes);
            const std::string reason = excerpt(text_or(*body, "reason"), max_quoted_bytes);
            if (!error.detail.empty() || !reason.empty()) {
                const std::string_view between = error.detail.empty() || reason.empty() ? "" : ": ";
                error.message = fmt::format("{}: CouchDB answered {}, {}{}{}", what, status,
                                            error.detail, between, reason);
                return error;
            }
        }
    const bool redirect = status >= 300 && status < 400;
    const std::string text = excerpt(answer.body, max_excerpt_bytes);
    error.message =
        fmt::format("{}: the server answered {}{}; is that a CouchDB server?", what, status,
                    redirect       ? ", a redirect, which is not followed"
                    : text.empty() ? " and nothing else"
                                   : fmt::format(" and \"{}\"", text));
    return error;
}

}  // namespace davenport::documents::couchdb
