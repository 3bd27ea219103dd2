#pragma once

#include "davenport/http/router.hpp"
#include "davenport/rbac/access.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace davenport::api {

// How a route's callers prove who they are.
enum class Credentials {
    session,      // /api/…: the session cookie
    key_or_token  // /ak/api/… and /couchdb/…: Basic (API key) or Bearer
};

inline constexpr std::string_view session_cookie = "davenport_session";

// Builds guards. Thread-safe; must outlive the server.
class Authorization {
  public:
    Authorization(rbac::Access& access, const rbac::Policy& policy)
        : access_(access), policy_(policy) {}

    // 401 with `WWW-Authenticate: Basic` without valid credentials, 429 after too many failures,
    // 403
    // `{"authorized":false,"error":…,"attempted_actions":[…]}` when the caller may do none of
    // `any_of` (empty: every valid credential will do). Leaves the rbac::Identity in
    // Request::context, also with a 403; with a 401 a Claim.
    http::Guard require(Credentials credentials, std::vector<std::string_view> any_of) const;

    bool allows(const rbac::Identity& identity, std::string_view action) const;

  private:
    rbac::Access& access_;
    const rbac::Policy& policy_;
};

// A key that exists and that a refused caller named without proof: left in Request::context by a
// guard, and by a login, for records of failed attempts.
struct Claim {
    std::string key;
};

// Who is calling, behind a guard.
const rbac::Identity& caller(const http::Request& request);

// The cookie of that name; empty = none.
std::string_view cookie(const http::Request& request, std::string_view name);

}  // namespace davenport::api
