#pragma once

#include "davenport/base/json.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The description of the service's routes that is served at /openapi.json (OpenAPI 3.1).
//
// What routes there are is the router's to say; here stands what each is for. To describe a new
// family, write one function beside its routes and call it in descriptions.cpp:
//
//   void describe_drills(openapi::Document& document) {
//       document.family("Drills", "Restores into scratch databases that prove a backup good.");
//       document.add_everywhere({
//           .method = "GET", .pattern = "/drills/:id", .summary = "One drill's report",
//           .answers = {{200, "The report", R"({"type":"object"})"}, openapi::not_found}});
//   }
//
// The test `openapi` names every route without an entry and every entry without a route.
namespace davenport::api::openapi {

struct Parameter {
    std::string name;
    std::string description;
    std::string schema = R"({"type":"string"})";  // JSON Schema as JSON text, as everywhere below
};

struct Body {
    std::string description;
    std::string schema = R"({"type":"object"})";
    std::string content_type = "application/json";
    enum class Need { required, optional } need = Need::required;
};

struct Answer {
    int status = 200;
    std::string description;
    std::string schema = {};  // empty: there is no body, or nothing is said of it
    std::string content_type = "application/json";
};

inline const Answer not_found{404, "There is no such thing",
                              R"({"$ref":"#/components/schemas/Error"})"};
inline const Answer bad_request{400, "What was sent is wrong; the message names what",
                                R"({"$ref":"#/components/schemas/Error"})"};

// How a caller proves who they are.
enum class Security {
    none,
    session,       // the cookie of a login
    key_or_token,  // Basic with an API key, or Bearer
    application,   // the chat application's headers
    link,          // a signed link
};

struct Operation {
    std::string method;   // "GET"
    std::string pattern;  // as in the router: "/health", "/couchdb/:db"
    std::string summary;
    std::string description = {};
    std::vector<Parameter> query = {};
    std::optional<Body> body = {};
    std::vector<Answer> answers = {};
};

using Routes = std::vector<std::pair<std::string, std::string>>;  // method, pattern

// Not thread-safe; filled at the start and asked afterwards.
class Document {
  public:
    // The family of what is added next.
    void family(std::string name, std::string description);
    void add(Security security, Operation operation);
    // Like the routes' add_everywhere: under /api and /ak/api, v1 to v3.
    void add_everywhere(const Operation& operation);
    // A schema that others refer to as #/components/schemas/NAME.
    void schema(std::string name, std::string schema);

    // "GET /path", sorted: routes without an entry, and entries without a route.
    std::vector<std::string> undescribed(const Routes& routes) const;
    std::vector<std::string> unserved(const Routes& routes) const;

    // Of exactly these routes; one without an entry is there too, with its path alone. `internal`
    // when an entry's schema is no JSON.
    Result<json::object> to_json(const Routes& routes, std::string_view version) const;

  private:
    struct Entry {
        Operation operation;
        Security security;
        std::string family;
    };
    const Entry* find(const std::string& method, const std::string& pattern) const;

    std::vector<std::pair<std::string, std::string>> families_;
    std::map<std::pair<std::string, std::string>, Entry> entries_;  // by method and pattern
    std::map<std::string, std::string> schemas_;
};

}  // namespace davenport::api::openapi
