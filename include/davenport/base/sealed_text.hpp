#pragma once

#include "davenport/base/json.hpp"
#include "davenport/base/result.hpp"
#include "davenport/base/signature.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace davenport {

// A small JSON object that carries its own checksum: members "format" and "version" first, and at
// the very end of the text
//     ,"checksum":"<SHA-256 in hex of all bytes before this comma>"}
// It protects against damage. Against forgery, right before the checksum, over all bytes before it:
//     ,"signature":"ed25519:<the key's id>:<64 bytes in base64>"
json::object sealed_object(std::string_view format);
std::string seal(const json::object& object);
std::string seal(const json::object& object, const SigningKey& key);
// `corrupt`, or `unsupported` for another version.
Result<json::object> unseal(std::string_view text, std::string_view format);

struct SealSignature {
    std::string_view text;  // what is signed; a part of the sealed text
    std::string key_id;
    std::string bytes;
};
std::optional<SealSignature> signature_of(std::string_view sealed);  // nullopt: not signed
// `corrupt` says whether it is unsigned, signed by another key, or forged. Does not check the rest.
Result<> check_signature(std::string_view sealed, const VerifyingKey& key);

// Members that must be there; `corrupt` names the one that is not.
Result<std::string> need_text(const json::object& object, std::string_view key);
Result<std::string> need_sha256(const json::object& object, std::string_view key);  // hex or empty
Result<std::int64_t> need_integer(const json::object& object, std::string_view key);
Result<std::uint64_t> need_count(const json::object& object, std::string_view key);  // >= 0
Result<const json::array*> need_array(const json::object& object, std::string_view key);

}  // namespace davenport
