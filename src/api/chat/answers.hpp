#pragma once

#include "davenport/base/json.hpp"
#include "davenport/http/message.hpp"

#include <vector>

namespace davenport::api::chat {

// {"results":…,"status":200}
http::Response results_answer(json::object results);
// {"status":4xx,"error":{"message":…,"detailed_messages":[…]}}; several faults stand in the error's
// `detail`, a line each.
http::Response error_answer(const Error& error);
http::Response error_answer(int status, std::string_view message,
                            const std::vector<std::string>& details);

// 2017-02-07T19:01:00Z
std::string timestamp(std::int64_t unix_seconds);

}  // namespace davenport::api::chat
