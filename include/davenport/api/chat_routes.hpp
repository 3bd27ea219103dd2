#pragma once

#include "davenport/api/routes.hpp"

namespace davenport::api {

// The chat application's API, under /api/v2/rest/ and /api/v2.1/rest/.
void add_chat_routes(http::Router& router, const Surroundings& surroundings);

}  // namespace davenport::api
