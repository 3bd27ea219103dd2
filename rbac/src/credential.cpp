#include "credential.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/base/random.hpp"

namespace davenport::rbac {
namespace {

std::string hash_of(std::string_view salt, std::string_view secret) {
    return to_hex(as_bytes(sha256(std::string(salt).append(secret))));
}

}  // namespace

void Credential::set_secret(std::string_view secret) {
    salt = random_hex(32);
    hash = hash_of(salt, secret);
}

bool Credential::proves(std::string_view secret) const {
    return equal_in_constant_time(hash_of(salt, secret), hash);
}

Identity Credential::identity() const {
    return {kind, owner, roles, kind == Identity::Kind::api_key ? std::string() : id};
}

std::string_view type_of(Identity::Kind kind) {
    switch (kind) {
        case Identity::Kind::api_key:
            return "api_key";
        case Identity::Kind::token:
            return "access_token";
        case Identity::Kind::session:
            return "login_session";
    }
    return "api_key";
}

std::string document_id(Identity::Kind kind, std::string_view id) {
    return std::string(type_of(kind)).append("/").append(id);
}

json::object to_body(const Credential& credential) {
    json::array roles;
    for (const std::string& role : credential.roles) roles.emplace_back(role);
    json::object body{{"type", type_of(credential.kind)},
                      {"id", credential.id},
                      {"owner", credential.owner},
                      {"roles", std::move(roles)},
                      {"salt", credential.salt},
                      {"hash", credential.hash},
                      {"created_ms", credential.created_ms}};
    // Members that are missing keep a document out of the index on them.
    if (credential.expires_ms != 0) body["expires_ms"] = credential.expires_ms;
    if (credential.kind == Identity::Kind::api_key) body["description"] = credential.description;
    return body;
}

Result<Credential> from_body(Identity::Kind kind, const json::object& body) {
    Credential credential;
    credential.kind = kind;
    credential.id = text_or(body, "id");
    credential.owner = text_or(body, "owner");
    credential.salt = text_or(body, "salt");
    credential.hash = text_or(body, "hash");
    credential.description = text_or(body, "description");
    credential.created_ms = integer_member(body, "created_ms").value_or(0);
    credential.expires_ms = integer_member(body, "expires_ms").value_or(0);
    if (const auto* roles = array_member(body, "roles"))
        for (const auto& role : *roles)
            if (const auto* name = role.if_string())
                credential.roles.emplace_back(name->data(), name->size());
    // A hash that is missing or cut must not be something a secret can be compared with.
    if (text_or(body, "type") != type_of(kind) || credential.id.empty() ||
        credential.owner.empty() || credential.salt.size() != 32 || credential.hash.size() != 64)
        return fail(ErrorCode::corrupt, "a stored credential can't be understood: {}",
                    credential.id);
    if (kind != Identity::Kind::api_key && credential.expires_ms <= 0)
        return fail(ErrorCode::corrupt, "a stored credential has no end: {}", credential.id);
    return credential;
}

}  // namespace davenport::rbac
