#include "family.hpp"

namespace davenport::api::chat {
namespace {

Result<http::Response> login_or_register(http::Request& request, davenport::chat::Chat& chat) {
    DAVENPORT_ASSIGN(Parameters parameters, Parameters::read(request));
    davenport::chat::Login login;
    login.email = parameters.needed_text("email");
    login.username = parameters.text("username");
    login.password = parameters.text("password");
    login.avatar_url = parameters.text("avatar_url");
    login.device_token = parameters.text("device_token");
    login.device_platform = parameters.text("device_platform");
    DAVENPORT_TRY(parameters.check());
    DAVENPORT_ASSIGN(const davenport::chat::LoggedIn logged_in, chat.login_or_register(login));
    const davenport::chat::User& user = logged_in.user;
    return results_answer({{"user", json::object{{"id", user.id},
                                                 {"email", user.email},
                                                 {"username", user.name},
                                                 {"avatar_url", user.avatar_url},
                                                 {"token", logged_in.token}}}});
}

}  // namespace

void add_user_routes(http::Router& router, const Surroundings& surroundings) {
    add_call(router, surroundings, "POST", "/login_or_register",
             http::BodyPolicy::text(max_call_bytes), login_or_register);
}

}  // namespace davenport::api::chat
