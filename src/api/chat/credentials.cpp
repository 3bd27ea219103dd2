#include "credentials.hpp"

#include "answers.hpp"

#include <algorithm>
#include <cctype>

namespace davenport::api::chat {
namespace {

std::string_view header(const http::Request& request, std::string_view with_hyphens,
                        std::string_view with_underscores) {
    if (const auto value = request.headers.get(with_hyphens)) return *value;
    return request.headers.get(with_underscores).value_or("");
}

// Names of hosts may be written in capitals.
std::string first_label(std::string_view host) {
    std::string label(host.substr(0, host.find_first_of(".:")));
    std::transform(label.begin(), label.end(), label.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return label;
}

}  // namespace

http::Guard require_application(davenport::chat::Applications& applications) {
    return [&applications](http::Request& request) -> std::optional<http::Response> {
        std::string id(header(request, "QISCUS-SDK-APP-ID", "QISCUS_SDK_APP_ID"));
        if (id.empty()) id = first_label(request.headers.get("Host").value_or(""));
        const std::string_view secret = header(request, "QISCUS-SDK-SECRET", "QISCUS_SDK_SECRET");
        auto application = applications.authenticate(id, secret, request.remote_address);
        if (application) {
            request.context = std::move(*application);
            return std::nullopt;
        }
        http::Response response = error_answer(application.error());
        if (response.status == 401)
            response.headers.set("WWW-Authenticate", "QISCUS-SDK-SECRET realm=\"chat\"");
        return response;
    };
}

const davenport::chat::Application& caller_application(const http::Request& request) {
    return std::any_cast<const davenport::chat::Application&>(request.context);
}

}  // namespace davenport::api::chat
