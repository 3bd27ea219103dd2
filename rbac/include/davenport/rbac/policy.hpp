#pragma once

#include "davenport/base/result.hpp"

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::rbac {

// Names of actions, as the console writes them.
namespace action {
inline constexpr std::string_view settings = "blockchain.optools.settings";
inline constexpr std::string_view view = "blockchain.optools.view";
inline constexpr std::string_view manage_keys = "blockchain.api_keys.manage";
inline constexpr std::string_view audit = "blockchain.optools.audit";
}  // namespace action

// Which role may do what: data, not code. Immutable, thread-safe.
class Policy {
  public:
    // The built-in map: manager (everything), writer, reader, auditor.
    static const Policy& standard();
    // Of a JSON object {"role":["action",…]}; "*" is every action.
    static Result<Policy> parse(std::string_view json_text);

    bool allows(std::span<const std::string> roles, std::string_view action) const;
    bool knows_role(std::string_view role) const;
    std::vector<std::string> roles() const;

  private:
    std::map<std::string, std::set<std::string, std::less<>>, std::less<>> actions_by_role_;
};

}  // namespace davenport::rbac
