#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace davenport::rbac {

// What a client presents: a name that finds the credential, and the secret that proves it.
struct Presented {
    enum class Scheme { basic, bearer };
    Scheme scheme = Scheme::basic;
    std::string name;
    std::string secret;
};

// Of an Authorization header's value. Strict: nullopt for any other scheme, broken base64, no
// colon, control bytes, bytes that are not UTF-8, a name that no key can have, or more than 2 KiB.
std::optional<Presented> parse_authorization(std::string_view header);

// "<id>.<secret>", both [a-z0-9]: an access token, or the value of a session's cookie.
std::optional<Presented> parse_token(std::string_view token);

}  // namespace davenport::rbac
