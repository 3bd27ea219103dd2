#include "davenport/api/authorization.hpp"

#include "answers.hpp"

#include <algorithm>
#include <any>

namespace davenport::api {
namespace {

http::Response unauthorized(const Error& error) {
    http::Response response = error_answer(error);
    if (response.status == 401)
        response.headers.set("WWW-Authenticate", "Basic realm=\"davenport\", charset=\"UTF-8\"");
    return response;
}

http::Response forbidden(const std::vector<std::string_view>& actions) {
    json::array attempted;
    for (const std::string_view action : actions)
        attempted.emplace_back(json::string_view(action.data(), action.size()));
    return answer(403, {{"authorized", false},
                        {"error", "your credentials do not have the needed action"},
                        {"attempted_actions", std::move(attempted)}});
}

}  // namespace

http::Guard Authorization::require(Credentials credentials,
                                   std::vector<std::string_view> any_of) const {
    return [this, credentials,
            any_of = std::move(any_of)](http::Request& request) -> std::optional<http::Response> {
        Result<rbac::Identity> identity =
            credentials == Credentials::session
                ? access_.authenticate_session(cookie(request, session_cookie),
                                               request.remote_address)
                : access_.authenticate(request.headers.get("Authorization").value_or(""),
                                       request.remote_address);
        if (!identity) {
            if (identity.error().code == ErrorCode::unauthorized)
                request.context =
                    Claim{credentials == Credentials::session
                              ? access_.claimed_key({}, cookie(request, session_cookie))
                              : access_.claimed_key(
                                    request.headers.get("Authorization").value_or(""), {})};
            return unauthorized(identity.error());
        }
        bool allowed = any_of.empty();
        for (const std::string_view action : any_of) allowed = allowed || allows(*identity, action);
        request.context = std::move(*identity);
        if (!allowed) return forbidden(any_of);
        return std::nullopt;
    };
}

bool Authorization::allows(const rbac::Identity& identity, std::string_view action) const {
    return policy_.allows(identity.roles, action);
}

const rbac::Identity& caller(const http::Request& request) {
    return std::any_cast<const rbac::Identity&>(request.context);
}

std::string_view cookie(const http::Request& request, std::string_view name) {
    std::string_view rest = request.headers.get("Cookie").value_or("");
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(';'), rest.size());
        std::string_view part = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
        if (part.size() > name.size() && part.starts_with(name) && part[name.size()] == '=')
            return part.substr(name.size() + 1);
    }
    return {};
}

}  // namespace davenport::api
