#include "outgoing.hpp"

#include "error_body.hpp"

namespace davenport::http {
namespace {

std::string_view error_name(int status) {
    switch (status) {
        case 400:
            return "bad_request";
        case 404:
            return "not_found";
        case 405:
            return "method_not_allowed";
        case 408:
            return "request_timeout";
        case 413:
            return "too_large";
        case 417:
            return "expectation_failed";
        case 431:
            return "headers_too_large";
        case 501:
            return "not_implemented";
        case 503:
            return "unavailable";
        case 505:
            return "version_not_supported";
        case 507:
            return "no_space";
        default:
            return "internal";
    }
}

}  // namespace

std::string error_body(int status, std::string_view reason) {
    return fmt::format(R"({{"statusCode":{},"error":"{}","reason":"{}"}})", status,
                       error_name(status), reason);
}

Outgoing Outgoing::error(int status, std::string_view reason) {
    Outgoing answer;
    answer.status = status;
    answer.fields = "Content-Type: application/json\r\n";
    if (status == 503) answer.fields += "Retry-After: 1\r\n";
    answer.text = error_body(status, reason);
    return answer;
}

}  // namespace davenport::http
