#pragma once

#include "davenport/base/json.hpp"
#include "davenport/rbac/access.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::rbac {

inline constexpr std::size_t id_characters = 16;      // 82 bits
inline constexpr std::size_t secret_characters = 32;  // 165 bits

// A stored credential: what is known about a key, a token or a session without its secret.
struct Credential {
    Identity::Kind kind = Identity::Kind::api_key;
    std::string id;     // of a key: the key
    std::string owner;  // the key it belongs to; of a key: itself
    std::vector<std::string> roles;
    std::string salt;  // random, hex
    std::string hash;  // hex SHA-256 of salt and secret
    std::string description;
    std::int64_t created_ms = 0;
    std::int64_t expires_ms = 0;  // 0 = never

    void set_secret(std::string_view secret);
    bool proves(std::string_view secret) const;  // in constant time
    bool expired(std::int64_t now_ms) const { return expires_ms != 0 && now_ms >= expires_ms; }
    Identity identity() const;
};

std::string_view type_of(Identity::Kind kind);  // the document's member "type"
std::string document_id(Identity::Kind kind, std::string_view id);
json::object to_body(const Credential& credential);
Result<Credential> from_body(Identity::Kind kind, const json::object& body);

}  // namespace davenport::rbac
