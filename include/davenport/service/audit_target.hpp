#pragma once

#include <string>
#include <string_view>

namespace davenport::service {

// What the audit log may say of the id that a caller gave for what an action is done to: the id, if
// it looks like one of that kind, else "(not an id)"; empty stays empty. Somebody may have pasted a
// secret in its place, and what is written there is signed and stays. Thread-safe.
std::string audit_target(std::string_view action, std::string_view given);

}  // namespace davenport::service
