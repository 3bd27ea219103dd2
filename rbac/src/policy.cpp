#include "davenport/rbac/policy.hpp"

#include "davenport/base/json.hpp"

#include <algorithm>

namespace davenport::rbac {
namespace {

constexpr std::string_view everything = "*";

// Which of the console's roles may do which of the console's actions, and our auditor.
constexpr std::string_view standard_map = R"({
  "manager": ["*"],
  "writer": [
    "blockchain.optools.view",
    "blockchain.components.import",
    "blockchain.components.export",
    "blockchain.components.remove",
    "blockchain.components.manage",
    "blockchain.notifications.manage",
    "blockchain.signaturecollection.manage"
  ],
  "reader": ["blockchain.optools.view", "blockchain.components.export"],
  "auditor": ["blockchain.optools.audit"]
})";

}  // namespace

const Policy& Policy::standard() {
    static const Policy policy = parse(standard_map).value();
    return policy;
}

Result<Policy> Policy::parse(std::string_view json_text) {
    DAVENPORT_ASSIGN(const json::object map, parse_json_object(json_text));
    Policy policy;
    for (const auto& [role_name, value] : map) {
        const std::string role(role_name.data(), role_name.size());
        if (role.empty()) return fail(ErrorCode::invalid_argument, "a role has an empty name");
        const json::array* actions = value.if_array();
        if (!actions)
            return fail(ErrorCode::invalid_argument, "the actions of role \"{}\" must be an array",
                        role);
        auto& allowed = policy.actions_by_role_[role];
        for (const auto& action : *actions) {
            const json::string* name = action.if_string();
            if (!name || name->empty())
                return fail(ErrorCode::invalid_argument,
                            "the actions of role \"{}\" must be strings that are not empty", role);
            allowed.emplace(name->data(), name->size());
        }
    }
    if (policy.actions_by_role_.empty())
        return fail(ErrorCode::invalid_argument, "a policy needs at least one role");
    return policy;
}

bool Policy::allows(std::span<const std::string> roles, std::string_view action) const {
    return std::any_of(roles.begin(), roles.end(), [&](const std::string& role) {
        const auto found = actions_by_role_.find(role);
        if (found == actions_by_role_.end()) return false;
        return found->second.contains(everything) || found->second.contains(action);
    });
}

bool Policy::knows_role(std::string_view role) const {
    return actions_by_role_.find(role) != actions_by_role_.end();
}

std::vector<std::string> Policy::roles() const {
    std::vector<std::string> names;
    for (const auto& [role, actions] : actions_by_role_) names.push_back(role);
    return names;
}

}  // namespace davenport::rbac
