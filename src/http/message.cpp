#include "davenport/http/message.hpp"

#include "davenport/base/encoding.hpp"
#include "text.hpp"

#include <cstdio>
#include <cstdlib>

namespace davenport::http {

void Headers::set(std::string_view name, std::string value) {
    std::erase_if(fields_,
                  [&](const auto& field) { return equal_ignoring_case(field.first, name); });
    fields_.emplace_back(std::string(name), std::move(value));
}

std::optional<std::string_view> Headers::get(std::string_view name) const {
    for (const auto& [key, value] : fields_)
        if (equal_ignoring_case(key, name)) return value;
    return std::nullopt;
}

const std::string& Request::capture(std::string_view name) const {
    for (const auto& [key, value] : captures)
        if (key == name) return value;
    std::fprintf(stderr,
                 "davenport: a handler asked for the capture '%.*s', which its pattern lacks\n",
                 static_cast<int>(name.size()), name.data());
    std::abort();
}

Result<std::optional<std::string>> Request::parameter(std::string_view name) const {
    std::string_view rest = query;
    while (!rest.empty()) {
        const auto end = rest.find('&');
        const auto pair = rest.substr(0, end);
        rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
        const auto equals = pair.find('=');
        // A key that cannot be read might be the one asked for, so it is never skipped silently.
        DAVENPORT_ASSIGN(const std::string key, percent_decode(pair.substr(0, equals)));
        if (key != name) continue;
        if (equals == std::string_view::npos) return std::optional<std::string>(std::string());
        DAVENPORT_ASSIGN(std::string value, percent_decode(pair.substr(equals + 1)));
        return std::optional<std::string>(std::move(value));
    }
    return std::optional<std::string>();
}

Response Response::json(int status, std::string text) {
    Response response;
    response.status = status;
    response.headers.add("Content-Type", "application/json");
    response.body = std::move(text);
    return response;
}

Response Response::stream(int status, std::string content_type,
                          std::unique_ptr<BodySource> source) {
    Response response;
    response.status = status;
    response.headers.add("Content-Type", std::move(content_type));
    response.body = std::move(source);
    return response;
}

}  // namespace davenport::http
