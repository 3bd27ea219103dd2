#include "checks.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/chat/chat.hpp"
#include "davenport/chat/password.hpp"
#include "ledger.hpp"

namespace davenport::chat {
namespace {

Result<> check(const Login& login) {
    Faults faults;
    faults.add("email", fault_of_email(login.email));
    if (login.username) {
        faults.add("username", login.username->empty() ? "it is empty" : "");
        faults.add("username", fault_of_line(*login.username, max_name_bytes));
    }
    if (login.password) faults.add("password", fault_of_text(*login.password, max_password_bytes));
    if (login.avatar_url) faults.add("avatar_url", fault_of_url(*login.avatar_url));
    if (login.device_token)
        faults.add("device_token", fault_of_line(*login.device_token, max_url_bytes));
    if (login.device_platform && *login.device_platform != "ios" &&
        *login.device_platform != "android" && !login.device_platform->empty())
        faults.add("device_platform", "it must be \"ios\" or \"android\"");
    return faults.result();
}

void apply(const Login& login, const std::string& password, User& user) {
    if (login.username) user.name = *login.username;
    if (login.avatar_url) user.avatar_url = *login.avatar_url;
    if (login.device_token) user.device_token = *login.device_token;
    if (login.device_platform) user.device_platform = *login.device_platform;
    if (!password.empty()) user.password = password;
}

}  // namespace

Result<std::optional<User>> Chat::find_user(std::string_view email) {
    if (!fault_of_email(email).empty()) return std::optional<User>();
    DAVENPORT_ASSIGN(const auto body, ledger_->find(Kind::user, email_claim(email)));
    if (!body) return std::optional<User>();
    DAVENPORT_ASSIGN(User found, user_of(*body));
    return std::optional(std::move(found));
}

Result<User> Chat::user(std::uint64_t id) {
    DAVENPORT_ASSIGN(const json::object body, ledger_->get(Kind::user, id));
    return user_of(body);
}

Result<std::vector<User>> Chat::users(std::string_view parameter,
                                      const std::vector<std::string>& emails) {
    std::vector<std::string> claims;
    for (const std::string& email : emails)
        if (fault_of_email(email).empty()) claims.push_back(email_claim(email));
    DAVENPORT_ASSIGN(const auto bodies, ledger_->find_many(Kind::user, claims));
    std::vector<User> users;
    Faults faults;
    std::size_t next = 0;
    for (const std::string& email : emails) {
        const bool asked = fault_of_email(email).empty();
        const auto* body = asked ? &bodies[next++] : nullptr;
        if (body && *body) {
            DAVENPORT_ASSIGN(User found, user_of(**body));
            users.push_back(std::move(found));
        } else {
            faults.add(parameter, fmt::format("there is no user \"{}\"", email));
        }
    }
    DAVENPORT_TRY(faults.result());
    return users;
}

// The same at every login and not stored anywhere: who reads the database learns no token.
std::string Chat::token_of(const User& user) const {
    return to_hex(as_bytes(
        hmac_sha256(application_.token_key, fmt::format("user {} {}", user.id, user.email))));
}

Result<LoggedIn> Chat::login_or_register(const Login& login) {
    DAVENPORT_TRY(check(login));
    std::string password;
    if (login.password && !login.password->empty()) {
        DAVENPORT_ASSIGN(password, hash_password(*login.password));
    }
    while (true) {
        DAVENPORT_ASSIGN(auto known, find_user(login.email));
        if (known) {
            DAVENPORT_ASSIGN(
                const json::object body,
                ledger_->update(Kind::user, known->id, [&](json::object& object) -> Result<> {
                    DAVENPORT_ASSIGN(User user, user_of(object));
                    apply(login, password, user);
                    object = to_body(user);
                    return {};
                }));
            DAVENPORT_ASSIGN(User user, user_of(body));
            std::string token = token_of(user);
            return LoggedIn{std::move(user), std::move(token)};
        }
        if (!login.username) {
            Faults faults;
            faults.add("username", "it is missing, and a new user needs one");
            return fail(faults.result().error());
        }
        User user;
        user.email = login.email;
        user.created = clock_.now_ms() / 1000;
        apply(login, password, user);
        NewRow row;
        row.kind = Kind::user;
        row.claims = {email_claim(user.email)};
        row.body = [user](std::uint64_t number) mutable {
            user.id = number;
            return to_body(user);
        };
        const auto created = ledger_->create(std::move(row));
        // Somebody registered the same user just now.
        if (!created && created.error().code == ErrorCode::already_exists) continue;
        if (!created) return fail(created.error());
        user.id = created->number;
        std::string token = token_of(user);
        return LoggedIn{std::move(user), std::move(token)};
    }
}

Result<User> Chat::system_user() {
    Login login;
    login.email = fmt::format("system@{}.qiscus.com", application_.id);
    DAVENPORT_ASSIGN(auto known, find_user(login.email));
    if (known) return std::move(*known);
    login.username = "System";
    DAVENPORT_ASSIGN(LoggedIn made, login_or_register(login));
    return std::move(made.user);
}

}  // namespace davenport::chat
