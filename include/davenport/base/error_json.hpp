#pragma once

#include "davenport/base/json.hpp"

#include <optional>
#include <string_view>

// Errors in the product's own records and answers.
namespace davenport {

// The code whose `traits` have this name.
std::optional<ErrorCode> error_code_named(std::string_view name);

// {"code":<name>,"message":…,"detail":…}
json::object to_json(const Error& error);
// The way back; a name that is unknown here reads as `internal`.
Error error_of(const json::object& object);

}  // namespace davenport
