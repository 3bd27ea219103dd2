#pragma once

#include "davenport/base/clock.hpp"
#include "davenport/documents/document_store.hpp"
#include "davenport/rbac/policy.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::rbac {

// Who is calling. Holds no secret.
struct Identity {
    enum class Kind { api_key, token, session };
    Kind kind = Kind::api_key;
    std::string name;  // the api key's id, also behind a token or session; goes into `by` and logs
    std::vector<std::string> roles;
    std::string credential_id;  // of the token or session itself; empty for a key
};

struct KeyInfo {
    std::string api_key;
    std::string description;
    std::vector<std::string> roles;
    std::int64_t created_ms = 0;
};

struct NewKey {
    KeyInfo info;
    std::string api_secret;  // shown once, stored hashed
};

struct NewToken {
    std::string id;            // names the token for deletion; no secret
    std::string access_token;  // the bearer secret, shown once
    std::vector<std::string> roles;
    std::int64_t expires_ms = 0;
};

struct NewSession {
    std::string cookie;  // value of the session cookie; a secret
    Identity identity;
    std::int64_t expires_ms = 0;
};

struct AccessOptions {
    std::int64_t session_lifetime_ms = 8ll * 3600 * 1000;
    std::int64_t max_token_lifetime_ms = 31ll * 24 * 3600 * 1000;
    // Per address (an IPv6 /64 is one), and per key name; beyond: too_many; 0 = no limit.
    unsigned failures_per_minute = 20;
    // Tokens, and sessions, that one key may have; beyond: too_many.
    std::uint64_t max_credentials_per_key = 1000;
    Policy policy = Policy::standard();  // which roles there are
};

// Keys, bearer tokens and login sessions, kept as documents in the control database, so that every
// instance on it sees them. Secrets are stored as salted SHA-256 (they are random, 128 bits or
// more, so a slow hash would add nothing) and compared in constant time. Thread-safe.
//
// Failures are limited so that nobody can lock others out: an address with too many is refused
// whatever it sends. A key with too many, from wherever, is refused only to addresses that failed
// themselves within the minute; a client that sends the right secret is never refused for what
// other addresses do. Failed tokens and sessions are counted apart from failed keys, so that a page
// that keeps sending a dead cookie doesn't keep its user from logging in.
class Access {
  public:
    static Result<std::unique_ptr<Access>> open(std::shared_ptr<documents::Database> control,
                                                const Clock& clock, AccessOptions options = {});
    virtual ~Access() = default;

    // invalid_argument for an unknown role or none.
    virtual Result<NewKey> create_key(std::vector<std::string> roles, std::string description) = 0;
    virtual Result<std::vector<KeyInfo>> keys() = 0;
    virtual Result<> remove_key(std::string_view api_key) = 0;  // its tokens and sessions end too

    // `lifetime_ms` <= 0 or over the maximum: invalid_argument. `roles` empty = the owner's; a role
    // the owner lacks: forbidden. A token that a token makes expires with its maker at the latest,
    // so that a stolen one can't prolong itself.
    virtual Result<NewToken> create_token(const Identity& owner, std::vector<std::string> roles,
                                          std::int64_t lifetime_ms) = 0;
    // The api key that the token belongs to; not_found.
    virtual Result<std::string> token_owner(std::string_view id) = 0;
    // The owner's own, or any with manage_keys (the caller checks); not_found.
    virtual Result<> remove_token(std::string_view id) = 0;

    virtual Result<NewSession> log_in(std::string_view api_key, std::string_view api_secret,
                                      std::string_view remote_address) = 0;
    // The key whose session it was; empty when it was over already, which is fine.
    virtual Result<std::string> log_out(std::string_view cookie) = 0;

    // An Authorization header value: "Basic …" or "Bearer …". unauthorized (one message for every
    // reason), or too_many after too many failures from that address or for that key. Successful
    // look-ups are cached for at most a second, so a key that another instance removed works at
    // most that much longer. An empty header is unauthorized, but no failed attempt.
    virtual Result<Identity> authenticate(std::string_view authorization,
                                          std::string_view remote_address) = 0;
    virtual Result<Identity> authenticate_session(std::string_view cookie,
                                                  std::string_view remote_address) = 0;
    // For records of failed attempts: the key that an Authorization header, or else a session's
    // cookie, claims to stand for, when there is such a key; else empty. Proves nothing.
    virtual std::string claimed_key(std::string_view authorization, std::string_view cookie) = 0;
    // Removes expired tokens and sessions.
    virtual Result<> sweep() = 0;
};

}  // namespace davenport::rbac
