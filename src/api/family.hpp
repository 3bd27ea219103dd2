#pragma once

#include "davenport/api/routes.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace davenport::api {

// A handler that is told which version of the API it answers for, since links keep to it.
using VersionedHandler = std::function<http::Response(http::Request&, std::string_view version)>;

// Adds one route six times: under /api (session cookie) and /ak/api (key or token), v1 to v3.
void add_everywhere(http::Router& router, const Surroundings& surroundings, std::string_view method,
                    std::string_view pattern, http::BodyPolicy body,
                    const std::vector<std::string_view>& any_of_actions,
                    const VersionedHandler& handler);

}  // namespace davenport::api
