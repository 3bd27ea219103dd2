#include "answers.hpp"
#include "davenport/service/reports.hpp"
#include "family.hpp"

#include <algorithm>

namespace davenport::api {
namespace {

json::array to_json(const std::vector<std::string>& texts) {
    json::array array;
    for (const std::string& text : texts) array.emplace_back(text);
    return array;
}

// An array of strings under `name`, or a fault.
std::vector<std::string> read_roles(const json::value& value, std::vector<std::string>& faults) {
    std::vector<std::string> roles;
    if (const json::array* array = value.if_array())
        for (const json::value& role : *array)
            if (role.is_string()) roles.emplace_back(role.as_string());
    if (!value.is_array() || roles.size() != value.as_array().size())
        faults.emplace_back("parameter \"roles\" must be an array of strings");
    return roles;
}

class Permissions {
  public:
    explicit Permissions(const Surroundings& surroundings)
        : access_(surroundings.service.access()), authorization_(surroundings.authorization) {}

    http::Response create_key(const http::Request& request) const {
        const auto body = parse_json_object(request.body);
        if (!body) return faults_answer({body.error().message});
        std::vector<std::string> faults;
        std::vector<std::string> roles;
        for (const auto& member : *body) {
            if (member.key() == "roles")
                roles = read_roles(member.value(), faults);
            else if (member.key() == "description" && !member.value().is_string())
                faults.emplace_back("parameter \"description\" must be a string");
            else if (member.key() != "description")
                faults.push_back(
                    fmt::format("unknown parameter \"{}\"", std::string(member.key())));
        }
        if (!body->contains("roles")) faults.emplace_back("missing parameter \"roles\"");
        if (!faults.empty()) return faults_answer(faults);
        const auto key = access_.create_key(std::move(roles), text_or(*body, "description"));
        if (!key && key.error().code == ErrorCode::invalid_argument)
            return faults_answer({key.error().message});
        if (!key) return error_answer(key.error());
        return answer(200, {{"message", "ok"},
                            {"api_key", key->info.api_key},
                            {"api_secret", key->api_secret},
                            {"roles", to_json(key->info.roles)},
                            {"description", key->info.description}});
    }

    http::Response list_keys() const {
        const auto keys = access_.keys();
        if (!keys) return error_answer(keys.error());
        return answer(200, service::to_json(*keys));
    }

    http::Response remove_key(const http::Request& request) const {
        const std::string& key = request.capture("key");
        const auto removed = access_.remove_key(key);
        if (!removed && removed.error().code == ErrorCode::not_found) return missing_answer();
        if (!removed) return error_answer(removed.error());
        return answer(200, {{"message", "ok"}, {"deleted", key}});
    }

    http::Response create_token(const http::Request& request) const {
        std::vector<std::string> faults;
        std::vector<std::string> roles;
        std::int64_t expiration_secs = 3600;
        if (request.body.find_first_not_of(" \t\r\n") != std::string::npos) {
            const auto body = parse_json_object(request.body);
            if (!body) return faults_answer({body.error().message});
            for (const auto& member : *body) {
                if (member.key() == "roles") {
                    roles = read_roles(member.value(), faults);
                } else if (member.key() == "expiration_secs") {
                    if (const std::int64_t* seconds = member.value().if_int64())
                        expiration_secs = *seconds;
                    else
                        faults.emplace_back("parameter \"expiration_secs\" must be a whole number");
                } else if (member.key() != "description") {
                    faults.push_back(
                        fmt::format("unknown parameter \"{}\"", std::string(member.key())));
                }
            }
        }
        constexpr std::int64_t longest = 31ll * 24 * 3600;
        if (expiration_secs < 1 || expiration_secs > longest)
            faults.push_back(
                fmt::format("parameter \"expiration_secs\" must be from 1 to {}", longest));
        if (!faults.empty()) return faults_answer(faults);
        const auto token =
            access_.create_token(caller(request), std::move(roles), expiration_secs * 1000);
        if (!token && token.error().code == ErrorCode::invalid_argument)
            return faults_answer({token.error().message});
        if (!token) return error_answer(token.error());
        return answer(200, {{"message", "ok"},
                            {"access_token", token->access_token},
                            {"token_type", "Bearer"},
                            {"token_id", token->id},
                            {"roles", to_json(token->roles)},
                            {"expires_in", expiration_secs},
                            {"expiration", token->expires_ms / 1000}});
    }

    http::Response remove_token(const http::Request& request) const {
        const std::string& id = request.capture("id");
        const rbac::Identity& identity = caller(request);
        const auto owner = access_.token_owner(id);
        // To others' tokens a caller without the right to manage keys gets the answer for none.
        if (owner && *owner != identity.name &&
            !authorization_.allows(identity, rbac::action::manage_keys))
            return missing_answer();
        const auto removed = access_.remove_token(id);
        if (!removed && removed.error().code == ErrorCode::not_found) return missing_answer();
        if (!removed) return error_answer(removed.error());
        return answer(200, {{"message", "ok"}, {"deleted", id}});
    }

  private:
    rbac::Access& access_;
    const Authorization& authorization_;
};

}  // namespace

void add_permission_routes(http::Router& router, const Surroundings& surroundings) {
    const auto permissions = std::make_shared<Permissions>(surroundings);
    const std::vector<std::string_view> manage = {rbac::action::manage_keys};
    const auto small = http::BodyPolicy::text(64 * 1024);
    add_everywhere(router, surroundings, "POST", "/permissions/keys", small, manage,
                   [permissions](http::Request& request, std::string_view) {
                       return permissions->create_key(request);
                   });
    add_everywhere(
        router, surroundings, "GET", "/permissions/keys", http::BodyPolicy::none(), manage,
        [permissions](http::Request&, std::string_view) { return permissions->list_keys(); });
    add_everywhere(router, surroundings, "DELETE", "/permissions/keys/:key", small, manage,
                   [permissions](http::Request& request, std::string_view) {
                       return permissions->remove_key(request);
                   });
    // Any valid credential may make a token for itself: it can never hold more than its owner.
    add_everywhere(router, surroundings, "POST", "/identity/token", small, {},
                   [permissions](http::Request& request, std::string_view) {
                       return permissions->create_token(request);
                   });
    add_everywhere(router, surroundings, "DELETE", "/identity/token/:id", small, {},
                   [permissions](http::Request& request, std::string_view) {
                       return permissions->remove_token(request);
                   });
}

}  // namespace davenport::api
