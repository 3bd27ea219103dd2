#pragma once

#include "davenport/base/json.hpp"
#include "davenport/http/message.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::api {

// The JSON bodies that the console's scripts know.
http::Response answer(int status, const json::object& body);
// {"statusCode":…,"error":<code name>,"message":…}
http::Response error_answer(const Error& error);
// {"statusCode":…,"message":…}
http::Response message_answer(int status, std::string_view message);
// {"statusCode":400,"msgs":[…]}
http::Response faults_answer(const std::vector<std::string>& faults);
// {"statusCode":404,"error":"not_found","reason":"missing"}
http::Response missing_answer();
// 202: a job has begun, and this tells of it.
http::Response started_answer(std::string_view id, std::string_view url);
// 400: another one runs. Without a URL none is shown.
http::Response busy_answer(std::string_view id, std::string_view url = {});

// Hands on each parameter of a query, decoded and in order, until `add` fails.
Result<> read_query(std::string_view query,
                    const std::function<Result<>(std::string name, std::string value)>& add);
// Every query parameter, decoded. A parameter that is not in `known`, stands twice or is malformed
// is invalid_argument: a misspelt one must not be taken for its absence.
Result<std::map<std::string, std::string, std::less<>>> query_parameters(
    const http::Request& request, const std::vector<std::string_view>& known);

// A number from `text` between the bounds; invalid_argument names the parameter.
Result<std::uint64_t> parse_number(std::string_view name, std::string_view text,
                                   std::uint64_t maximum);

}  // namespace davenport::api
