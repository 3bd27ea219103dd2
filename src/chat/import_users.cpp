#include "checks.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/chat/chat.hpp"
#include "import_run.hpp"

namespace davenport::chat {
namespace {

// Files of users say "CreateAt", those of rooms and comments "CreatedAt": users may say either.
std::int64_t creation_of(ImportFields& fields, std::int64_t now) {
    return fields.time("CreateAt", fields.time("CreatedAt", now));
}

User read_user(ImportFields& fields, std::int64_t now) {
    User user;
    user.email = fields.text("Email");
    fields.add_fault("Email", fault_of_email(user.email));
    user.name = fields.text("Name");
    fields.add_fault(
        "Name", user.name.empty() ? "it is missing" : fault_of_line(user.name, max_name_bytes));
    user.avatar_url = fields.text("AvatarUrl");
    fields.add_fault("AvatarUrl", fault_of_url(user.avatar_url));
    const std::string token = fields.text("AuthenticationToken");
    fields.add_fault("AuthenticationToken", fault_of_text(token, max_token_bytes));
    if (!token.empty()) user.token_sha256 = to_hex(as_bytes(sha256(token)));
    fields.add_fault("Password", fault_of_text(fields.text("Password"), max_password_bytes));
    user.created = creation_of(fields, now);
    return user;
}

}  // namespace

Result<std::vector<NewRow>> check_users(const ImportCheck& check,
                                        const std::shared_ptr<const PasswordHashes>& hashes) {
    const auto users = std::make_shared<std::vector<User>>(check.rows.size());
    FirstRows emails, tokens;
    check.each([&](ImportFields& fields) {
        User& user = (*users)[fields.position()];
        user = read_user(fields, check.now);
        emails.add(fields, "Email", user.email);
        tokens.add(fields, "AuthenticationToken", user.token_sha256, "the token");
    });

    std::vector<std::string> email_claims, token_claims;
    for (const User& user : *users) {
        email_claims.push_back(email_claim(user.email));
        token_claims.push_back(user.token_sha256.empty() ? "" : token_claim(user.token_sha256));
    }
    DAVENPORT_TRY(check.refuse_taken(Kind::user, "Email", email_claims, [&](std::size_t row) {
        return fmt::format("a user {}", in_quotes((*users)[row].email));
    }));
    DAVENPORT_TRY(check.refuse_taken(Kind::user, "AuthenticationToken", token_claims,
                                     [](std::size_t) { return "a user with this token"; }));

    std::vector<NewRow> rows;
    for (std::size_t i = 0; i < users->size(); ++i) {
        NewRow& row = rows.emplace_back();
        row.kind = Kind::user;
        row.claims.push_back(std::move(email_claims[i]));
        if (!token_claims[i].empty()) row.claims.push_back(std::move(token_claims[i]));
        row.body = [users, hashes, i](std::uint64_t number) {
            User user = (*users)[i];
            user.id = number;
            user.password = hashes->at(i);
            return to_body(user);
        };
    }
    return rows;
}

}  // namespace davenport::chat
