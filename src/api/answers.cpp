#include "answers.hpp"

#include "davenport/base/encoding.hpp"

#include <algorithm>
#include <charconv>

namespace davenport::api {

http::Response answer(int status, const json::object& body) {
    return http::Response::json(status, to_text(body));
}

http::Response error_answer(const Error& error) {
    const ErrorTraits& row = traits(error.code);
    http::Response response =
        answer(row.http_status, {{"statusCode", row.http_status},
                                 {"error", json::string_view(row.name.data(), row.name.size())},
                                 {"message", error.message}});
    if (row.http_status == 429 || row.http_status == 503) response.headers.set("Retry-After", "5");
    return response;
}

http::Response message_answer(int status, std::string_view message) {
    return answer(status, {{"statusCode", status},
                           {"message", json::string_view(message.data(), message.size())}});
}

http::Response faults_answer(const std::vector<std::string>& faults) {
    json::array lines;
    for (const std::string& fault : faults) lines.emplace_back(fault);
    return answer(400, {{"statusCode", 400}, {"msgs", std::move(lines)}});
}

http::Response missing_answer() {
    return answer(404, {{"statusCode", 404}, {"error", "not_found"}, {"reason", "missing"}});
}

http::Response started_answer(std::string_view id, std::string_view url) {
    return answer(202, {{"message", "in-progress"},
                        {"id", json::string_view(id.data(), id.size())},
                        {"url", json::string_view(url.data(), url.size())}});
}

http::Response busy_answer(std::string_view id, std::string_view url) {
    json::object body{{"statusCode", 400},
                      {"message", "already_in_progress"},
                      {"id", json::string_view(id.data(), id.size())}};
    if (!url.empty()) body["url"] = json::string_view(url.data(), url.size());
    return answer(400, body);
}

Result<> read_query(std::string_view query,
                    const std::function<Result<>(std::string name, std::string value)>& add) {
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view part = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        if (part.empty()) continue;
        const std::size_t equals = std::min(part.find('='), part.size());
        DAVENPORT_ASSIGN(std::string name, percent_decode(part.substr(0, equals)));
        DAVENPORT_ASSIGN(std::string value,
                         percent_decode(part.substr(std::min(equals + 1, part.size()))));
        DAVENPORT_TRY(add(std::move(name), std::move(value)));
    }
    return {};
}

Result<std::map<std::string, std::string, std::less<>>> query_parameters(
    const http::Request& request, const std::vector<std::string_view>& known) {
    std::map<std::string, std::string, std::less<>> parameters;
    const auto add = [&](std::string name, std::string value) -> Result<> {
        if (std::find(known.begin(), known.end(), name) == known.end())
            return fail(ErrorCode::invalid_argument, "unknown query parameter \"{}\"", name);
        if (!parameters.emplace(name, std::move(value)).second)
            return fail(ErrorCode::invalid_argument, "the query parameter \"{}\" stands twice",
                        name);
        return {};
    };
    DAVENPORT_TRY(read_query(request.query, add));
    return parameters;
}

Result<std::uint64_t> parse_number(std::string_view name, std::string_view text,
                                   std::uint64_t maximum) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value > maximum)
        return fail(ErrorCode::invalid_argument, "{} must be a whole number from 0 to {}", name,
                    maximum);
    return value;
}

}  // namespace davenport::api
