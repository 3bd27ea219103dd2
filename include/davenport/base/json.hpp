#pragma once

// Boost.JSON under its renamed namespace (see cmake/Dependencies.cmake). A translation unit that
// includes this header must not include cpprest or Boost 1.74.
#include "davenport/base/result.hpp"

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace davenport {

namespace json = boost::json;

// Parses one JSON text strictly: UTF-8, nothing after it, at most 64 levels deep, no key twice in
// one object. The error names the byte position, counted from 0.
Result<json::value> parse_json(std::string_view text);
// The same, and it must be an object.
Result<json::object> parse_json_object(std::string_view text);

std::string to_text(const json::value& value);   // compact
std::string to_text(const json::object& value);  // compact

// Members of an object by type; nullptr/nullopt when missing or of another type.
const json::string* string_member(const json::object& object, std::string_view key);
std::optional<std::int64_t> integer_member(const json::object& object, std::string_view key);
std::optional<bool> boolean_member(const json::object& object, std::string_view key);
const json::object* object_member(const json::object& object, std::string_view key);
const json::array* array_member(const json::object& object, std::string_view key);
// The member's text, or `otherwise`.
std::string text_or(const json::object& object, std::string_view key,
                    std::string_view otherwise = {});

// Appends `text` as a JSON string with its quotes. Input must be UTF-8.
void append_quoted(std::string& out, std::string_view text);

}  // namespace davenport
