#include "davenport/api/descriptions.hpp"

namespace davenport::api {
namespace {

using namespace openapi;

const Answer deleted{200, "It is gone", R"({"type":"object","properties":{
    "message":{"const":"ok"},"deleted":{"type":"string"}}})"};

void describe_keys(Document& document) {
    document.add_everywhere(
        {.method = "POST",
         .pattern = "/permissions/keys",
         .summary = "Makes an API key",
         .body = Body{"Its roles", R"({"type":"object","required":["roles"],"properties":{
             "roles":{"type":"array","items":{"type":"string"}},
             "description":{"type":"string"}}})"},
         .answers = {{200, "The key; the secret is shown once", R"({"type":"object","properties":{
             "message":{"const":"ok"},"api_key":{"type":"string"},"api_secret":{"type":"string"},
             "roles":{"type":"array","items":{"type":"string"}},
             "description":{"type":"string"}}})"},
                     bad_request}});
    document.add_everywhere(
        {.method = "GET",
         .pattern = "/permissions/keys",
         .summary = "All API keys, without secrets",
         .answers = {{200, "The keys", R"({"type":"object","properties":{"keys":{"type":"array",
             "items":{"type":"object","properties":{"api_key":{"type":"string"},
             "description":{"type":"string"},"roles":{"type":"array","items":{"type":"string"}},
             "ts_created":{"type":"integer"}}}}}})"}}});
    document.add_everywhere({.method = "DELETE",
                             .pattern = "/permissions/keys/:key",
                             .summary = "Removes an API key",
                             .answers = {deleted, not_found}});
    document.add_everywhere(
        {.method = "POST",
         .pattern = "/identity/token",
         .summary = "Makes a bearer token of the caller's own",
         .body = Body{.description = "How long it works, and with which of the caller's roles",
                      .schema = R"({"type":"object","properties":{
                          "expiration_secs":{"type":"integer","minimum":1,"maximum":2678400,
                          "default":3600},"roles":{"type":"array","items":{"type":"string"}},
                          "description":{"type":"string"}}})",
                      .need = Body::Need::optional},
         .answers = {{200, "The token, shown once", R"({"type":"object","properties":{
             "access_token":{"type":"string"},"token_type":{"const":"Bearer"},
             "token_id":{"type":"string"},"expires_in":{"type":"integer"},
             "expiration":{"type":"integer","description":"Unix seconds"}}})"},
                     bad_request}});
    document.add_everywhere({.method = "DELETE",
                             .pattern = "/identity/token/:id",
                             .summary = "Removes a token",
                             .answers = {deleted, not_found}});
}

void describe_login(Document& document, std::string_view version) {
    const auto path = [&](std::string_view name) {
        return fmt::format("/api/{}/auth/{}", version, name);
    };
    const Answer who{200, "Who is logged in", R"({"type":"object","properties":{
        "message":{"const":"ok"},"authenticated":{"const":true},"api_key":{"type":"string"},
        "roles":{"type":"array","items":{"type":"string"}}}})"};
    const Answer wrong{401, "The key or its secret is wrong",
                       R"({"$ref":"#/components/schemas/Error"})"};
    document.add(Security::none, {.method = "POST",
                                  .pattern = path("login"),
                                  .summary = "Logs in with an API key: sets the session cookie",
                                  .body = Body{"The key", R"({"type":"object","properties":{
                      "api_key":{"type":"string"},"api_secret":{"type":"string"}}})"},
                                  .answers = {who, bad_request, wrong}});
    document.add(Security::session, {.method = "POST",
                                     .pattern = path("logout"),
                                     .summary = "Ends the session",
                                     .answers = {{200, "It has ended", R"({"type":"object"})"}}});
    document.add(Security::session, {.method = "GET",
                                     .pattern = path("session"),
                                     .summary = "Who is logged in",
                                     .answers = {who}});
}

}  // namespace

void describe_access(Document& document) {
    document.family("Access", "API keys, tokens and login sessions");
    describe_keys(document);
    for (const std::string_view version : {"v1", "v2", "v3"}) describe_login(document, version);
}

}  // namespace davenport::api
