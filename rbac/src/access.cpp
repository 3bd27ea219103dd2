#include "davenport/rbac/access.hpp"

#include "authorization_header.hpp"
#include "credential_store.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/base/random.hpp"
#include "davenport/rbac/throttle.hpp"

#include <algorithm>

namespace davenport::rbac {
namespace {

constexpr std::size_t max_description_bytes = 1024;

Error unauthorized() {
    return {ErrorCode::unauthorized, "the credentials are missing, wrong or expired", {}};
}

bool contains(const std::vector<std::string>& roles, const std::string& role) {
    return std::find(roles.begin(), roles.end(), role) != roles.end();
}

void sort_uniquely(std::vector<std::string>& roles) {
    std::sort(roles.begin(), roles.end());
    roles.erase(std::unique(roles.begin(), roles.end()), roles.end());
}

class StoredAccess final : public Access {
  public:
    StoredAccess(std::shared_ptr<documents::Database> control, const Clock& clock,
                 AccessOptions options)
        : clock_(clock),
          options_(std::move(options)),
          store_(std::move(control), clock),
          key_failures_(clock),
          address_key_failures_(clock),
          address_token_failures_(clock) {}

    Result<> prepare() { return store_.prepare(); }

    Result<NewKey> create_key(std::vector<std::string> roles, std::string description) override {
        sort_uniquely(roles);
        if (roles.empty())
            return fail(ErrorCode::invalid_argument, "a key needs at least one role");
        for (const std::string& role : roles)
            if (!options_.policy.knows_role(role))
                return fail(ErrorCode::invalid_argument, "there is no role \"{}\"", role);
        if (description.size() > max_description_bytes ||
            find_invalid_utf8(description) != std::string_view::npos)
            return fail(ErrorCode::invalid_argument,
                        "a key's description must be UTF-8 of at most {} bytes",
                        max_description_bytes);
        Credential key;
        key.kind = Identity::Kind::api_key;
        key.id = key.owner = random_token(id_characters);
        key.roles = std::move(roles);
        key.description = std::move(description);
        key.created_ms = clock_.now_ms();
        NewKey made;
        made.api_secret = random_token(secret_characters);
        key.set_secret(made.api_secret);
        DAVENPORT_TRY(store_.create(key));
        made.info = info_of(key);
        return made;
    }

    Result<std::vector<KeyInfo>> keys() override {
        DAVENPORT_ASSIGN(const auto credentials, store_.keys());
        std::vector<KeyInfo> infos;
        for (const Credential& key : credentials) infos.push_back(info_of(key));
        return infos;
    }

    Result<> remove_key(std::string_view api_key) override {
        const auto removed = store_.remove(Identity::Kind::api_key, api_key);
        if (!removed && removed.error().code == ErrorCode::not_found)
            return fail(ErrorCode::not_found, "there is no key {}", api_key);
        DAVENPORT_TRY(removed);
        // Without their key they are worth nothing from here on; this only tidies up, and what it
        // leaves goes when it expires.
        (void)store_.remove_of(Identity::Kind::token, api_key);
        (void)store_.remove_of(Identity::Kind::session, api_key);
        return {};
    }

    Result<NewToken> create_token(const Identity& owner, std::vector<std::string> roles,
                                  std::int64_t lifetime_ms) override {
        if (lifetime_ms <= 0 || lifetime_ms > options_.max_token_lifetime_ms)
            return fail(ErrorCode::invalid_argument,
                        "a token's lifetime must be above 0 and at most {} seconds",
                        options_.max_token_lifetime_ms / 1000);
        sort_uniquely(roles);
        if (roles.empty()) roles = owner.roles;
        for (const std::string& role : roles)
            if (!contains(owner.roles, role))
                return fail(ErrorCode::forbidden, "the role \"{}\" is not yours to give", role);
        std::int64_t expires_ms = clock_.now_ms() + lifetime_ms;
        if (owner.kind == Identity::Kind::token) {
            DAVENPORT_ASSIGN(const auto maker,
                             store_.find(Identity::Kind::token, owner.credential_id));
            if (!maker) return fail(unauthorized());
            expires_ms = std::min(expires_ms, maker->expires_ms);
        }
        DAVENPORT_ASSIGN(auto issued,
                         issue(Identity::Kind::token, owner.name, std::move(roles), expires_ms));
        return NewToken{issued.credential.id, std::move(issued.text), issued.credential.roles,
                        expires_ms};
    }

    Result<std::string> token_owner(std::string_view id) override {
        DAVENPORT_ASSIGN(const auto token, store_.find(Identity::Kind::token, id));
        if (!token) return fail(ErrorCode::not_found, "there is no token {}", id);
        return token->owner;
    }

    Result<> remove_token(std::string_view id) override {
        auto removed = store_.remove(Identity::Kind::token, id);
        if (!removed && removed.error().code == ErrorCode::not_found)
            return fail(ErrorCode::not_found, "there is no token {}", id);
        return removed;
    }

    Result<NewSession> log_in(std::string_view api_key, std::string_view api_secret,
                              std::string_view remote_address) override {
        // Through the header's parser, so that both ways in are equally strict.
        const std::string pair = std::string(api_key).append(":").append(api_secret);
        const bool plain = api_key.find(':') == std::string_view::npos;
        DAVENPORT_ASSIGN(
            const Identity owner,
            authenticate(plain ? "Basic " + to_base64(pair) : "Basic -", remote_address));
        const std::int64_t expires_ms = clock_.now_ms() + options_.session_lifetime_ms;
        DAVENPORT_ASSIGN(auto issued,
                         issue(Identity::Kind::session, owner.name, owner.roles, expires_ms));
        return NewSession{std::move(issued.text), issued.credential.identity(), expires_ms};
    }

    Result<std::string> log_out(std::string_view cookie) override {
        const auto presented = parse_token(cookie);
        if (!presented) return std::string();
        DAVENPORT_ASSIGN(const auto session, store_.find(Identity::Kind::session, presented->name));
        if (!session || !session->proves(presented->secret)) return std::string();
        const auto removed = store_.remove(Identity::Kind::session, presented->name);
        if (!removed && removed.error().code == ErrorCode::not_found) return std::string();
        if (!removed) return fail(removed.error());
        return session->owner;
    }

    std::string claimed_key(std::string_view authorization, std::string_view cookie) override {
        const auto presented =
            authorization.empty() ? parse_token(cookie) : parse_authorization(authorization);
        if (!presented) return {};
        Identity::Kind kind = Identity::Kind::session;
        if (!authorization.empty())
            kind = presented->scheme == Presented::Scheme::bearer ? Identity::Kind::token
                                                                  : Identity::Kind::api_key;
        const auto credential = store_.find(kind, presented->name);
        return credential && *credential ? (*credential)->owner : std::string();
    }

    Result<Identity> authenticate(std::string_view authorization,
                                  std::string_view remote_address) override {
        if (authorization.empty()) return fail(unauthorized());
        const std::string address = network_of(remote_address);
        const auto presented = parse_authorization(authorization);
        if (presented && presented->scheme == Presented::Scheme::bearer)
            return check(Identity::Kind::token, presented, address);
        return check(Identity::Kind::api_key, presented, address);
    }

    Result<Identity> authenticate_session(std::string_view cookie,
                                          std::string_view remote_address) override {
        if (cookie.empty()) return fail(unauthorized());
        return check(Identity::Kind::session, parse_token(cookie), network_of(remote_address));
    }

    Result<> sweep() override {
        DAVENPORT_TRY(store_.remove_expired(Identity::Kind::token, clock_.now_ms()));
        return store_.remove_expired(Identity::Kind::session, clock_.now_ms());
    }

  private:
    struct Issued {
        Credential credential;
        std::string text;  // "<id>.<secret>"
    };

    static KeyInfo info_of(const Credential& key) {
        return {key.id, key.description, key.roles, key.created_ms};
    }

    Result<Issued> issue(Identity::Kind kind, const std::string& owner,
                         std::vector<std::string> roles, std::int64_t expires_ms) {
        DAVENPORT_ASSIGN(const std::uint64_t count, store_.count_of(kind, owner));
        if (count >= options_.max_credentials_per_key) {
            DAVENPORT_TRY(store_.remove_expired(kind, clock_.now_ms()));
            DAVENPORT_ASSIGN(const std::uint64_t left, store_.count_of(kind, owner));
            if (left >= options_.max_credentials_per_key)
                return fail(ErrorCode::too_many, "the key has {} live {}s already", left,
                            kind == Identity::Kind::token ? "token" : "session");
        }
        Issued issued;
        issued.credential.kind = kind;
        issued.credential.id = random_token(id_characters);
        issued.credential.owner = owner;
        issued.credential.roles = std::move(roles);
        issued.credential.created_ms = clock_.now_ms();
        issued.credential.expires_ms = expires_ms;
        const std::string secret = random_token(secret_characters);
        issued.credential.set_secret(secret);
        DAVENPORT_TRY(store_.create(issued.credential));
        issued.text = issued.credential.id + "." + secret;
        return issued;
    }

    // `presented` empty = what came could not even be read, which is a failed attempt too.
    Result<Identity> check(Identity::Kind kind, const std::optional<Presented>& presented,
                           const std::string& address) {
        const bool is_key = kind == Identity::Kind::api_key;
        Throttle& address_failures = is_key ? address_key_failures_ : address_token_failures_;
        if (const unsigned limit = options_.failures_per_minute; limit != 0) {
            const unsigned failures = address_failures.failures(address);
            const bool key_is_attacked = is_key && failures > 0 && presented &&
                                         key_failures_.failures(presented->name) >= limit;
            if (failures >= limit || key_is_attacked)
                return fail(ErrorCode::too_many, "too many failed attempts; try again in a minute");
        }
        if (presented) {
            // The store being out of reach says nothing about the credentials: no failed attempt.
            DAVENPORT_ASSIGN(const auto credential, store_.find(kind, presented->name));
            if (credential && credential->proves(presented->secret)) {
                if (credential->expired(clock_.now_ms())) return fail(unauthorized());
                return credential->identity();
            }
            if (is_key) key_failures_.count(presented->name);
        }
        address_failures.count(address);
        return fail(unauthorized());
    }

    const Clock& clock_;
    const AccessOptions options_;
    CredentialStore store_;
    Throttle key_failures_;            // by key name
    Throttle address_key_failures_;    // of keys, by address
    Throttle address_token_failures_;  // of tokens and sessions, by address
};

}  // namespace

Result<std::unique_ptr<Access>> Access::open(std::shared_ptr<documents::Database> control,
                                             const Clock& clock, AccessOptions options) {
    if (!control) return fail(ErrorCode::invalid_argument, "access needs a control database");
    auto access = std::make_unique<StoredAccess>(std::move(control), clock, std::move(options));
    DAVENPORT_TRY(access->prepare());
    return access;
}

}  // namespace davenport::rbac
