#include "davenport/api/chat_routes.hpp"

#include "credentials.hpp"
#include "family.hpp"

namespace davenport::api {
namespace chat {
namespace {

constexpr std::string_view prefixes[] = {"/api/v2/rest", "/api/v2.1/rest"};

}  // namespace

void add_call(http::Router& router, const Surroundings& surroundings, std::string_view method,
              std::string_view pattern, http::BodyPolicy body, Call call) {
    service::Service& service = surroundings.service;
    const auto handler = [&service, call = std::move(call)](http::Request& request) {
        // A restore may have put another database into the place of the one that is open.
        for (bool again = false;; again = true) {
            auto chat = service.chat(caller_application(request));
            if (!chat) return error_answer(chat.error());
            auto response = call(request, *chat);
            if (response) return std::move(*response);
            if (!service.forget_chat_when_gone(chat->application(), response.error()) || again)
                return error_answer(response.error());
        }
    };
    for (const std::string_view prefix : prefixes)
        router.add({std::string(method), fmt::format("{}{}", prefix, pattern), body,
                    require_application(service.applications()), handler});
}

}  // namespace chat

void add_chat_routes(http::Router& router, const Surroundings& surroundings) {
    chat::add_user_routes(router, surroundings);
    chat::add_room_routes(router, surroundings);
    chat::add_comment_routes(router, surroundings);
    chat::add_export_routes(router, surroundings);
    chat::add_import_routes(router, surroundings);
    for (const std::string_view prefix : chat::prefixes)
        router.set_fallback(fmt::format("{}/", prefix), [](int status, const http::Request&) {
            const std::string_view message = status == 404   ? "there is no such call"
                                             : status == 405 ? "the call has another method"
                                             : status == 413 ? "the body is over the limit"
                                                             : "the request is malformed";
            return chat::error_answer(status, message, {});
        });
}

}  // namespace davenport::api
