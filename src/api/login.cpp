#include "answers.hpp"
#include "davenport/base/encoding.hpp"
#include "family.hpp"

namespace davenport::api {
namespace {

// Members of a login body that name the key and its secret: ours, and the console's spelling.
constexpr std::string_view name_members[] = {"api_key", "username", "email"};
constexpr std::string_view secret_members[] = {"api_secret", "password", "pass"};

template <std::size_t N>
std::string first_text(const json::object& object, const std::string_view (&names)[N]) {
    for (const std::string_view name : names)
        if (const json::string* text = string_member(object, name))
            return {text->data(), text->size()};
    return {};
}

class Login {
  public:
    explicit Login(const Surroundings& surroundings)
        : service_(surroundings.service),
          cookies_are_secure_(!surroundings.service.settings().http.tls_certificate_file.empty()) {}

    http::Response log_in(http::Request& request) const {
        const auto body = parse_json_object(request.body);
        if (!body) return faults_answer({body.error().message});
        const std::string name = first_text(*body, name_members);
        const std::string secret = first_text(*body, secret_members);
        std::vector<std::string> faults;
        if (name.empty()) faults.emplace_back("missing parameter \"api_key\"");
        if (secret.empty()) faults.emplace_back("missing parameter \"api_secret\"");
        if (!faults.empty()) return faults_answer(faults);

        const auto session = service_.access().log_in(name, secret, request.remote_address);
        if (!session) {
            if (name.find(':') == std::string::npos)
                request.context =
                    Claim{service_.access().claimed_key("Basic " + to_base64(name + ":?"), {})};
            http::Response response = error_answer(session.error());
            if (response.status == 401)
                response.headers.set("WWW-Authenticate",
                                     "Basic realm=\"davenport\", charset=\"UTF-8\"");
            return response;
        }
        http::Response response = answer(200, description(session->identity));
        const std::int64_t seconds = service_.settings().access.session_lifetime_secs;
        response.headers.set("Set-Cookie", cookie_text(session->cookie, seconds));
        return response;
    }

    http::Response log_out(http::Request& request) const {
        const auto ended = service_.access().log_out(cookie(request, session_cookie));
        if (!ended && ended.error().code != ErrorCode::not_found &&
            ended.error().code != ErrorCode::unauthorized)
            return error_answer(ended.error());
        if (ended && !ended->empty())
            request.context = rbac::Identity{rbac::Identity::Kind::session, *ended, {}, {}};
        http::Response response = answer(200, {{"message", "ok"}});
        response.headers.set("Set-Cookie", cookie_text("", 0));
        return response;
    }

    static http::Response session(const http::Request& request) {
        return answer(200, description(caller(request)));
    }

  private:
    static json::object description(const rbac::Identity& identity) {
        json::array roles;
        for (const std::string& role : identity.roles) roles.emplace_back(role);
        return {{"message", "ok"},
                {"authenticated", true},
                {"api_key", identity.name},
                {"roles", std::move(roles)}};
    }

    std::string cookie_text(std::string_view value, std::int64_t seconds) const {
        return fmt::format("{}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{}", session_cookie,
                           value, seconds, cookies_are_secure_ ? "; Secure" : "");
    }

    service::Service& service_;
    bool cookies_are_secure_;
};

}  // namespace

void add_login_routes(http::Router& router, const Surroundings& surroundings) {
    const auto login = std::make_shared<Login>(surroundings);
    const auto small = http::BodyPolicy::text(16 * 1024);
    for (const std::string_view version : {"v1", "v2", "v3"}) {
        const auto path = [&](std::string_view name) {
            return fmt::format("/api/{}/auth/{}", version, name);
        };
        router.add({"POST", path("login"), small, {}, [login](http::Request& request) {
                        return login->log_in(request);
                    }});
        router.add({"POST", path("logout"), small, {}, [login](http::Request& request) {
                        return login->log_out(request);
                    }});
        router.add({"GET", path("session"), http::BodyPolicy::none(),
                    surroundings.authorization.require(Credentials::session, {}),
                    [](http::Request& request) { return Login::session(request); }});
    }
}

}  // namespace davenport::api
