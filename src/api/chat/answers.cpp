#include "answers.hpp"

#include "davenport/base/clock.hpp"

namespace davenport::api::chat {

http::Response results_answer(json::object results) {
    return http::Response::json(
        200, to_text(json::object{{"results", std::move(results)}, {"status", 200}}));
}

http::Response error_answer(int status, std::string_view message,
                            const std::vector<std::string>& details) {
    json::array lines;
    for (const std::string& line : details) lines.emplace_back(line);
    http::Response response = http::Response::json(
        status,
        to_text(json::object{
            {"status", status},
            {"error", json::object{{"message", json::string_view(message.data(), message.size())},
                                   {"detailed_messages", std::move(lines)}}}}));
    if (status == 429 || status == 503) response.headers.set("Retry-After", "5");
    return response;
}

http::Response error_answer(const Error& error) {
    std::vector<std::string> details;
    if (error.code == ErrorCode::invalid_argument && !error.detail.empty()) {
        std::string_view rest = error.detail;
        while (!rest.empty()) {
            const std::size_t end = std::min(rest.find('\n'), rest.size());
            details.emplace_back(rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
    } else {
        details.push_back(error.message);
    }
    return error_answer(traits(error.code).http_status, error.message, details);
}

std::string timestamp(std::int64_t unix_seconds) {
    return to_rfc3339(unix_seconds * 1000);
}

}  // namespace davenport::api::chat
