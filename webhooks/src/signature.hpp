#pragma once

#include "davenport/documents/document_store.hpp"

#include <cstdint>
#include <string>
#include <string_view>

// Standard Webhooks signatures.
namespace davenport::webhooks {

// A secret is "whsec_" + base64 of 24 to 64 bytes, which are the HMAC's key.
Result<std::string> signing_key(std::string_view secret);

// The value of the header `webhook-signature`.
std::string sign(std::string_view key, std::string_view id, std::int64_t unix_seconds,
                 std::string_view payload);

// The secret that all instances on one control database share; made at the first call.
Result<std::string> shared_secret(documents::Database& control);

}  // namespace davenport::webhooks
