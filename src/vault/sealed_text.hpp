#pragma once

#include "davenport/base/json.hpp"
#include "davenport/base/result.hpp"

#include <string>
#include <string_view>

namespace davenport::vault {

// A small JSON object that carries its own checksum: members "format" and "version" first, and at
// the very end of the text
//     ,"checksum":"<SHA-256 in hex of all bytes before this comma>"}
// It protects against damage, not against forgery; the chain of hashes and, later, signatures do.
json::object sealed_object(std::string_view format);
std::string seal(const json::object& object);
// `corrupt`, or `unsupported` for another version.
Result<json::object> unseal(std::string_view text, std::string_view format);

// Members that must be there; `corrupt` names the one that is not.
Result<std::string> need_text(const json::object& object, std::string_view key);
Result<std::string> need_sha256(const json::object& object, std::string_view key);  // hex or empty
Result<std::int64_t> need_integer(const json::object& object, std::string_view key);
Result<std::uint64_t> need_count(const json::object& object, std::string_view key);  // >= 0
Result<const json::array*> need_array(const json::object& object, std::string_view key);

}  // namespace davenport::vault
