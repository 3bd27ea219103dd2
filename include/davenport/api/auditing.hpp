#pragma once

#include "davenport/api/routes.hpp"

#include <string>
#include <string_view>

namespace davenport::api {

// How the calls of a route go into the audit log.
enum class Recording {
    none,       // not at all; the rule says why
    change,     // a line before it is done, without which it is not done, and one with its outcome
    read,       // a line before the answer leaves
    look,       // the same, repeated ones within a minute counted together
    documents,  // the same, whatever their status: documents of the databases
    entry,      // by whom, only the call itself shows: logging in and out
    link        // nobody has to prove anything but the link
};

struct AuditRule {
    Recording recording = Recording::none;
    std::string action;
    // Where the id of what it is about stands: ":name" in the path; else a dotted path into the
    // answer, and then "a|b" is a or else b; empty = nowhere.
    std::string target;
    std::string_view detail;  // a further member of the answer, worth keeping; empty = none
    std::string_view reason;  // why not, with Recording::none
};

// The rule for a route. Routes that no rule names are audited all the same: a GET as a look, any
// other method as a change, with an action made of the pattern's words and the method.
AuditRule audit_rule(std::string_view method, std::string_view pattern);

// Wraps every route that is added from now on. Refused guards are recorded too, for all of them.
void audit_routes(http::Router& router, const Surroundings& surroundings);

}  // namespace davenport::api
