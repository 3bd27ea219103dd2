#pragma once

#include "answers.hpp"
#include "davenport/api/routes.hpp"
#include "davenport/chat/chat.hpp"
#include "parameters.hpp"

#include <functional>
#include <string_view>

namespace davenport::api::chat {

// A call on behalf of an application; its error becomes the answer.
using Call = std::function<Result<http::Response>(http::Request&, davenport::chat::Chat&)>;

// Adds one route under both prefixes, behind the application's credentials.
void add_call(http::Router& router, const Surroundings& surroundings, std::string_view method,
              std::string_view pattern, http::BodyPolicy body, Call call);

void add_user_routes(http::Router& router, const Surroundings& surroundings);
void add_room_routes(http::Router& router, const Surroundings& surroundings);
void add_comment_routes(http::Router& router, const Surroundings& surroundings);
void add_export_routes(http::Router& router, const Surroundings& surroundings);
void add_import_routes(http::Router& router, const Surroundings& surroundings);

// Of a call's body.
inline constexpr std::uint64_t max_call_bytes = 1u << 20;

}  // namespace davenport::api::chat
