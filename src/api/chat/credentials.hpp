#pragma once

#include "davenport/chat/applications.hpp"
#include "davenport/http/router.hpp"

namespace davenport::api::chat {

// Lets the request of an application pass that proves its secret: the headers QISCUS-SDK-APP-ID and
// QISCUS-SDK-SECRET, also with underscores; without the first, the application is the first label
// of the Host header. Else 401, or 429 after too many failures. `applications` must outlive it.
http::Guard require_application(davenport::chat::Applications& applications);

// Which application is calling, behind that guard.
const davenport::chat::Application& caller_application(const http::Request& request);

}  // namespace davenport::api::chat
